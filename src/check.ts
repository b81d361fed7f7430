/**
 * The contract of `checks/`: a question about one of our addresses or domains, put to the world, becomes Readings. One file a
 * check, and the file's name is what the label `check` and `GET /checks/:check` call it. When it is asked, how often and what
 * becomes of the readings is decided around it, once.
 */
import type { Socket } from 'node:net';
import type { Reading } from './reading.ts';

export type RecordType = 'A' | 'AAAA' | 'CNAME' | 'MX' | 'NS' | 'PTR' | 'SOA' | 'TXT' | 'TLSA';

export interface DnsRecord {
  /** Owner, lower case, without the trailing dot. */
  name: string;
  type: RecordType;
  /** Seconds. */
  ttl: number;
  /** A, AAAA: the address. PTR, CNAME, NS, MX: the name, lower case, without the trailing dot (MX `.`: ''). TXT: its strings, joined. */
  data: string;
  /** Of an MX. */
  preference?: number;
}

/** What a name server said, which may be a refusal. */
export interface DnsAnswer {
  /** 'NOERROR', 'NXDOMAIN', 'SERVFAIL', 'REFUSED', … or 'RCODE11'. */
  rcode: string;
  /** The answer section, CNAMEs among it. */
  records: readonly DnsRecord[];
  /** Who said it: `192.0.2.53:53`. */
  server: string;
  /** Milliseconds it took; 0 from the cache. */
  took: number;
  /** Seconds for which whoever hands it on may keep it, a "no" among it; absent or 0 where it does not say. */
  ttl?: number;
}

/**
 * Nobody said anything that could be used: after retries, at the deadline. Or nobody was asked: what may be asked is used up
 * (`allowance`), or DNS named an address within some network (`inner_address`, see check-reach.ts).
 */
export class Unanswered extends Error {
  override name = 'Unanswered';
  readonly reason: 'timeout' | 'unreachable' | 'malformed' | 'aborted' | 'allowance' | 'inner_address';

  constructor(reason: Unanswered['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Rejects with Unanswered. `fresh` passes the cache by. */
export type Ask = (
  name: string,
  type: RecordType,
  options?: { signal?: AbortSignal; fresh?: boolean },
) => Promise<DnsAnswer>;

/** What a check may use of the world. */
export interface World {
  ask: Ask;
  /** For what is not DNS (the policy of MTA-STS); tests put their own here. As with `connect`, inner addresses are refused. */
  fetch: typeof fetch;
  /** TCP to an address that DNS named. Throws Unanswered at one that is none of the Internet's. */
  connect(address: string, port: number, signal: AbortSignal): Socket;
  signal: AbortSignal;
  /** Unix milliseconds. */
  now(): number;
  /** Told of each step in words, for `?debug=true`: what was asked, what came back, how it was judged. Never a key. */
  tell(step: string): void;
}

export interface Target {
  kind: 'ip' | 'domain';
  /** Canonical: an address as Node writes it, or lower-case A-labels without the trailing dot. */
  name: string;
  /** What the configuration adds about it, such as the DKIM selectors of a domain. */
  selectors?: readonly string[];
}

export interface Check {
  /** One line for docs and the terminal. */
  summary: string;
  /** What it can be asked about. */
  targets: readonly Target['kind'][];
  /** Every problem it can find, with what to do about it: the closed list behind the label `problem`. */
  problems: Readonly<Record<string, string>>;
  /** Rejects with Unanswered when the world did not say; then the reading is unknown, and never a failure of the target. */
  run(target: Target, world: World): Promise<Reading[]>;
}
