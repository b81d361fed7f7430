/**
 * `--web.config.file` in the format of Prometheus' exporter-toolkit becomes TLS settings and a gate for people: certificate, client
 * certificates, and users with bcrypt hashes. What posts events has credentials of its own and passes the gate.
 */
import { readFileSync } from 'node:fs';
import type { ServerOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import bcrypt from 'bcryptjs';
import type { Request, RequestHandler } from 'express';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from './config.ts';
import { sameSecret } from './signature.ts';

/** The other modes of the format need TLS that verifies a client certificate only where one is given, which Node's does not. */
const CLIENT_AUTH = ['NoClientCert', 'RequireAndVerifyClientCert'] as const;

const VERSIONS = { TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

const schema = z.strictObject({
  tls_server_config: z
    .strictObject({
      cert_file: z.string(),
      key_file: z.string(),
      client_ca_file: z.string().optional(),
      client_auth_type: z
        .enum(CLIENT_AUTH, { error: `is not supported here: use ${CLIENT_AUTH.join(' or ')}` })
        .default('NoClientCert'),
      min_version: z.enum(['TLS12', 'TLS13']).default('TLS12'),
      max_version: z.enum(['TLS12', 'TLS13']).default('TLS13'),
    })
    .optional(),
  basic_auth_users: z
    .record(
      z.string(),
      z.string().regex(/^\$2[aby]\$\d\d\$/, 'must be a bcrypt hash, as `htpasswd -nBC 10 USER` prints it'),
    )
    .default({}),
});

export interface WebConfig {
  tls: ServerOptions | undefined;
  /** User name to bcrypt hash; empty lets everybody in. */
  users: ReadonlyMap<string, string>;
}

/** Paths in the file are relative to it. '' gives neither TLS nor users. Throws ConfigError. */
export function loadWebConfig(path: string): WebConfig {
  if (path === '') return { tls: undefined, users: new Map() };
  const base = dirname(path);
  try {
    const result = schema.safeParse(parse(readFileSync(path, 'utf8')) ?? {});
    if (!result.success)
      throw new ConfigError(result.error.issues.map((i) => `${path}: ${i.path.join('.')}: ${i.message}`));
    const { tls_server_config: t, basic_auth_users } = result.data;
    const read = (file: string) => readFileSync(resolve(base, file));
    const tls = t && {
      cert: read(t.cert_file),
      key: read(t.key_file),
      ...(t.client_ca_file !== undefined && { ca: read(t.client_ca_file) }),
      minVersion: VERSIONS[t.min_version],
      maxVersion: VERSIONS[t.max_version],
      requestCert: t.client_auth_type === 'RequireAndVerifyClientCert',
      rejectUnauthorized: t.client_auth_type === 'RequireAndVerifyClientCert',
    };
    return { tls, users: new Map(Object.entries(basic_auth_users)) };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([`${path}: ${(error as Error).message}`]);
  }
}

/** Compared against for unknown users, so that they take as long as known ones. */
const NOBODY = '$2b$10$VEUg6OWWqs7QA4V.0PZy0.qKM2YG9ha4sRUUrUi4sDu9Zz1qtGsgG';

export type Recogniser = (request: Pick<Request, 'headers'>) => Promise<boolean>;

/** Whether a request comes from one of the users. bcrypt is slow on purpose: a password that was right once is remembered while the process lives. */
export function recogniser(config: () => WebConfig): Recogniser {
  const known = new Map<string, string>();
  return async (request) => {
    const { users } = config();
    const [scheme, encoded = ''] = (request.headers.authorization ?? '').split(' ', 2);
    const [, user = '', password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
    const hash = users.get(user);
    if (users.size === 0 || scheme?.toLowerCase() !== 'basic') return false;
    const before = hash === undefined ? undefined : known.get(hash);
    if (before !== undefined && sameSecret(password, before)) return true;
    if (!(await bcrypt.compare(password, hash ?? NOBODY)) || hash === undefined) return false;
    known.set(hash, password);
    return true;
  };
}

/** Without users everybody passes. */
export function gate(config: () => WebConfig, recognise: Recogniser): RequestHandler {
  return async (request, response, next) => {
    if (config().users.size === 0 || (await recognise(request))) return next();
    response
      .status(401)
      .set('WWW-Authenticate', 'Basic realm="deliverability-exporter"')
      .type('text')
      .send('who are you?\n');
  };
}
