/**
 * The contract of `sources/`: a foreign system's words become MailEvents. One file a system, and the file's name is the
 * `type` that the configuration knows it by. Retries, counting, metrics and answers are added around it, once.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { Kind, MailEvent } from './event.ts';

/** What a sender posted, or one run of whole lines of a log. */
export interface Post {
  headers: IncomingHttpHeaders;
  /** Inflated, otherwise untouched: signatures are over these bytes. */
  body: Buffer;
}

export interface Parsed {
  events: MailEvent[];
  /** Words that are known and deliberately not counted (a ping, an inbound delivery). */
  ignored: number;
  /** Event words that this program does not know. Kept as words so that a person can be told of them. */
  unknown: string[];
  /** Items that claim to be an event and are not usable (no time, not an object). */
  invalid: number;
  /**
   * What is wrong with which item (counted from 0), in words that never repeat its values: for the answer of the push API.
   * A webhook's sender would not read it.
   */
  problems?: Problem[];
  /**
   * To be done once the post is committed and before it is answered (Amazon SNS wants its subscription confirmed). When it
   * rejects, the sender is asked to come back.
   */
  after?(): Promise<void>;
}

export interface Problem {
  index: number;
  problem: string;
}

export interface Source {
  /**
   * Fetches what `authenticate` needs and does not have yet (Amazon's certificate); awaited before it, where present.
   * When it rejects, the sender is asked to come back: a post that cannot be judged is neither taken nor refused.
   */
  prepare?(post: Post, now: number): Promise<void>;
  /**
   * True when the post is genuine by the sender's own scheme. Absent when the sender signs nothing: then the
   * credentials that the configuration sets for the route (`auth:`) decide alone.
   */
  authenticate?(post: Post, now: number): boolean;
  /**
   * Never throws for one bad item among good ones; throws Malformed when nothing in the body can be understood.
   * May keep state across calls (Postfix joins lines by queue id).
   */
  parse(post: Post, now: number): Parsed;
}

/** What may be known of an event, as docs/sources.md names it, in the order of its tables. */
export const FIELDS = {
  identity: 'identity',
  sending_domain: 'sending domain',
  sending_ip: 'sending address',
  recipient_domain: 'recipient domain',
  campaign: 'campaign',
  reply: 'remote reply',
  seconds: 'delivery time',
  by: 'person or machine',
  content: 'spam score, authentication',
} as const;
export type Field = keyof typeof FIELDS;

/** What docs/sources.md tells of a source beside its summary, kinds and keys. Markdown, in whole sentences. */
export interface SourceDocs {
  /** Where each field of an event comes from. What is left out, the source never tells. */
  fields: { identity: string } & Partial<Record<Field, string>>;
  /** What to set where, so that it arrives here. */
  pointing: string;
  /** How a post is known to be the sender's. */
  authentication: string;
  /** What the sender makes of the answers, and what follows from that here. */
  answers: string;
}

export interface SourceType<Config = unknown> {
  /** One line for docs/sources.md. */
  summary: string;
  /** `lines`: can be read from a file, standard input or posted by a log shipper. `webhook`: posted by the sender. */
  transport: 'webhook' | 'lines';
  /** Keys of its own, beside the common ones that config.ts adds; each described, for docs/configuration.md. */
  config: z.ZodType<Config>;
  /** What it can tell; their series exist from the first event on. */
  gives: readonly Kind[];
  /** For docs/sources.md. */
  docs: SourceDocs;
  open(config: Config): Source;
  /** Answer that this sender takes for "come back later"; default 503. */
  busyStatus?: number;
}

/** The body as a whole cannot be read; the message tells a person what was expected. Answered with 400. */
export class Malformed extends Error {
  override name = 'Malformed';
}

export function nothing(): Parsed {
  return { events: [], ignored: 0, unknown: [], invalid: 0 };
}

/** Domain of an address, lower case, '' when there is none. Accepts `Name <user@host>` and a trailing dot. */
export function domainOf(address: unknown): string {
  if (typeof address !== 'string') return '';
  const at = address.lastIndexOf('@');
  if (at < 0) return '';
  let end = at + 1;
  for (; end < address.length; end++) {
    const c = address.charCodeAt(end);
    if (c === 62 /* > */ || c === 32 || c === 44 || c === 59) break;
  }
  if (address.charCodeAt(end - 1) === 46) end--;
  return address.slice(at + 1, end).toLowerCase();
}
