/**
 * Proofs that a post is genuine: HMAC, public-key signatures and shared secrets, each compared in constant time.
 * What is signed, and under which header, is each source's own knowledge.
 */
import { createHmac, createPublicKey, createVerify, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { secret } from './secret.ts';

/** The one value of a header; '' when it is missing or came several times, which no genuine sender does. */
export function header(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  if (typeof value === 'string') return value;
  return value?.length === 1 ? value[0]! : '';
}

/** Compares digests, so that neither content nor length of the secret shows in the time taken. */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', expected, 'buffer'));
}

/** True when `given` (hex or base64) is the HMAC of the joined parts under one of the keys. */
export function hmacMatches(
  algorithm: 'sha1' | 'sha256',
  keys: readonly (string | Buffer)[],
  parts: readonly (string | Buffer)[],
  given: string,
  encoding: 'hex' | 'base64',
): boolean {
  const claimed = Buffer.from(given, encoding);
  let found = false;
  for (const key of keys) {
    const mac = createHmac(algorithm, key);
    for (const part of parts) mac.update(part);
    const expected = mac.digest();
    // Every key is tried, whichever fits: the time taken must not tell which.
    if (claimed.length === expected.length && timingSafeEqual(claimed, expected)) found = true;
  }
  return found;
}

/** True when `given` (base64) is a signature of the joined parts by one of the keys: ECDSA in DER form, or RSA PKCS #1 v1.5. */
export function signatureMatches(
  algorithm: 'sha1' | 'sha256',
  keys: readonly KeyObject[],
  parts: readonly (string | Buffer)[],
  given: string,
): boolean {
  if (given === '') return false;
  for (const key of keys) {
    const verify = createVerify(algorithm);
    for (const part of parts) verify.update(part);
    if (verify.verify(key, given, 'base64')) return true;
  }
  return false;
}

/** A public key as vendors show it: PEM (also of a certificate), or the bare base64 of its SubjectPublicKeyInfo. Throws when it is neither. */
export function publicKey(text: string): KeyObject {
  const trimmed = text.trim();
  if (trimmed.startsWith('-----BEGIN')) return createPublicKey(trimmed);
  return createPublicKey({ key: Buffer.from(trimmed, 'base64'), format: 'der', type: 'spki' });
}

/** Keys of the configuration; several during a rotation. Inline, as they are no secret, or from where secrets come from. */
export function publicKeys(description: string): z.ZodType<KeyObject[]> {
  return z
    .array(
      z.union([z.string(), secret()]).transform((text, context) => {
        try {
          return publicKey(text);
        } catch {
          context.addIssue({ code: 'custom', message: 'is not a public key: neither PEM nor the base64 of one' });
          return z.NEVER;
        }
      }),
    )
    .default([])
    .describe(description);
}

export function signingSecrets(description: string): z.ZodType<string[]> {
  return z.array(secret()).default([]).describe(description);
}

/** RFC 7617. */
export function basicMatches(
  headers: IncomingHttpHeaders,
  credentials: readonly { username: string; password: string }[],
): boolean {
  const [scheme, encoded = ''] = header(headers, 'authorization').split(' ', 2);
  if (scheme?.toLowerCase() !== 'basic') return false;
  const given = Buffer.from(encoded, 'base64').toString('utf8');
  return anySame(
    given,
    credentials.map((c) => `${c.username}:${c.password}`),
  );
}

/** RFC 6750. */
export function bearerMatches(headers: IncomingHttpHeaders, tokens: readonly string[]): boolean {
  const [scheme, given = ''] = header(headers, 'authorization').split(' ', 2);
  return scheme?.toLowerCase() === 'bearer' && anySame(given, tokens);
}

export function anySame(given: string, secrets: readonly string[]): boolean {
  let found = false;
  for (const secret of secrets) if (sameSecret(given, secret)) found = true;
  return found && given !== '';
}
