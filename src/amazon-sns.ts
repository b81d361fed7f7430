/**
 * Posts of Amazon SNS over HTTP become trusted or not, and a subscription confirms itself: signature versions 1 and 2
 * ("Verifying the signatures of Amazon SNS messages").
 *
 * Amazon's signature proves that Amazon sent it, not that the topic is ours: any customer of Amazon's can subscribe our address
 * to a topic of his own. So a list of topics is asked first, and certificates and confirmations are fetched from the
 * SNS host of that topic's region alone.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { type Fields, fields, text } from './foreign.ts';
import { jsonItems } from './json-array.ts';
import { signatureMatches } from './signature.ts';
import { Malformed, type Post } from './source.ts';
import { millis } from './time.ts';

/** What is signed, in this order: each key and its value on lines of their own; keys that are absent are left out. */
const SIGNED: Record<string, readonly string[]> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
};
const ALGORITHMS: Record<string, 'sha1' | 'sha256'> = { 1: 'sha1', 2: 'sha256' };

const CERTIFICATE_PATH = /^\/SimpleNotificationService-[0-9a-zA-Z]+\.pem$/;
const CERTIFICATE_BYTES = 64 * 1024;
/** Amazon changes them about once a year. */
const CERTIFICATE_AGE = 24 * 3600_000;
/** How long an address that gave no certificate is not asked again. */
const REFUSED_AGE = 60_000;
/** Regions times a change or two; a flood of made-up addresses ends here. */
const CERTIFICATES = 64;
const TIMEOUT = 5000;

interface Trust {
  topics: readonly string[];
  certificates: readonly KeyObject[];
  max_age_seconds: number;
  max_ahead_seconds: number;
}

interface Certificate {
  /** undefined where there was none. */
  key: KeyObject | undefined;
  from: number;
  until: number;
}

export interface SnsVerifier {
  prepare(post: Post, now: number): Promise<void>;
  authenticate(post: Post, now: number): boolean;
  /** What confirms the subscription that this message offers; undefined when it offers none to a topic of ours. */
  confirmation(envelope: Fields | undefined): (() => Promise<void>) | undefined;
}

const envelopes = new WeakMap<Buffer, { envelope: Fields | undefined }>();

/** The SNS message in a body, parsed once for all who ask; undefined when the body is not one JSON object. */
export function envelopeOf(body: Buffer): Fields | undefined {
  let known = envelopes.get(body);
  if (known === undefined) {
    known = { envelope: readEnvelope(body) };
    envelopes.set(body, known);
  }
  return known.envelope;
}

function readEnvelope(body: Buffer): Fields | undefined {
  try {
    const items = jsonItems(body);
    return items.length === 1 ? fields(items[0]) : undefined;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** undefined without topics: then nobody is trusted by signature. */
export function snsVerifier(trust: Trust, fetcher: typeof fetch): SnsVerifier | undefined {
  if (trust.topics.length === 0) return undefined;
  const known = new Map<string, Certificate>();
  const pending = new Map<string, Promise<void>>();
  const learn = async (url: string, now: number): Promise<void> => {
    for (const [old, { until }] of known) if (until <= now) known.delete(old);
    if (known.size + pending.size >= CERTIFICATES) throw new Error('too many certificates are named at a time');
    known.set(url, await fetchCertificate(url, now, fetcher));
  };

  return {
    async prepare({ body }, now) {
      const url = trust.certificates.length > 0 ? undefined : certificateUrl(envelopeOf(body), trust);
      if (url === undefined || (known.get(url)?.until ?? 0) > now) return;
      let learning = pending.get(url);
      if (learning === undefined) {
        learning = learn(url, now).finally(() => pending.delete(url));
        pending.set(url, learning);
      }
      await learning;
    },

    authenticate({ body }, now) {
      const envelope = envelopeOf(body);
      if (envelope === undefined || !trust.topics.includes(text(envelope.TopicArn))) return false;
      const at = millis(envelope.Timestamp);
      if (!(at >= now - trust.max_age_seconds * 1000 && at <= now + trust.max_ahead_seconds * 1000)) return false;
      const algorithm = ALGORITHMS[text(envelope.SignatureVersion)];
      const signed = SIGNED[text(envelope.Type)];
      if (algorithm === undefined || signed === undefined) return false;
      const present = signed.filter((key) => envelope[key] !== undefined && envelope[key] !== null);
      const parts = present.map((key) => `${key}\n${text(envelope[key])}\n`);
      return signatureMatches(algorithm, keysFor(envelope, trust, known, now), parts, text(envelope.Signature));
    },

    confirmation(envelope) {
      if (envelope?.Type !== 'SubscriptionConfirmation') return undefined;
      const url = snsUrl(envelope.SubscribeURL, envelope, trust);
      if (url?.searchParams.get('Action') !== 'ConfirmSubscription') return undefined;
      return async () => {
        const response = await fetcher(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) });
        await response.body?.cancel();
        if (!response.ok) throw new Error(`SNS answered ${response.status} to the confirmation of the subscription`);
      };
    },
  };
}

function keysFor(envelope: Fields, trust: Trust, known: Map<string, Certificate>, now: number): readonly KeyObject[] {
  if (trust.certificates.length > 0) return trust.certificates;
  const certificate = known.get(certificateUrl(envelope, trust) ?? '');
  const good = certificate?.key !== undefined && certificate.from <= now && certificate.until > now;
  return good ? [certificate.key!] : [];
}

function certificateUrl(envelope: Fields | undefined, trust: Trust): string | undefined {
  // The documentation and the payload spell it SigningCertURL, Lambda's events SigningCertUrl.
  const url = snsUrl(envelope?.SigningCertURL ?? envelope?.SigningCertUrl, envelope, trust);
  return url !== undefined && CERTIFICATE_PATH.test(url.pathname) && url.search === '' ? url.href : undefined;
}

/** The address, when it is at the SNS of the region of one of our topics, the one that the message names. */
function snsUrl(address: unknown, envelope: Fields | undefined, { topics }: Trust): URL | undefined {
  const topic = text(envelope?.TopicArn);
  if (!topics.includes(topic) || !URL.canParse(text(address))) return undefined;
  const url = new URL(text(address));
  const [, partition, , region] = topic.split(':');
  const host = `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
  return url.protocol === 'https:' && url.host === host && url.username === '' ? url : undefined;
}

/** Rejects when Amazon cannot be reached; an answer that is no certificate is remembered as none for a while. */
async function fetchCertificate(url: string, now: number, fetcher: typeof fetch): Promise<Certificate> {
  const none = { key: undefined, from: now, until: now + REFUSED_AGE };
  const response = await fetcher(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) });
  if (response.status >= 500) throw new Error(`SNS answered ${response.status} for its certificate`);
  const length = Number(response.headers.get('content-length') ?? 0);
  if (!response.ok || length > CERTIFICATE_BYTES) {
    await response.body?.cancel();
    return none;
  }
  try {
    const certificate = new X509Certificate(await response.text());
    return {
      key: certificate.publicKey,
      from: certificate.validFromDate.getTime(),
      until: Math.min(now + CERTIFICATE_AGE, certificate.validToDate.getTime()),
    };
  } catch {
    return none;
  }
}
