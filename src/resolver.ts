/**
 * A name and a type become what a name server says of them, or the reason why nobody says anything: many questions at once,
 * each put to one server at a time, so that a list's quota is spent once; RFC 1035, RFC 2308 (negative answers), RFC 5452.
 *
 * dns2 encodes and decodes (dns-message.ts), its clients are not used (dns-transport.ts): `docs/decisions/0004-resolver.md`.
 * No error text repeats the name that was asked for, which may hold a key.
 */
import { readFileSync } from 'node:fs';
import { type Ask, type DnsAnswer, type RecordType, Unanswered } from './check.ts';
import { canonicalName, type Message, type Query, queryFor } from './dns-message.ts';
import { type Dropped, type Job, NameServer, nothing, type Said, type Silence } from './dns-transport.ts';
import { Turns } from './dns-turns.ts';

export interface ResolverOptions {
  /** `127.0.0.1:53`, `[::1]:53`, in the order in which they are asked; absent: those of /etc/resolv.conf. */
  servers?: readonly string[];
  /** Milliseconds for the first try at a server; twice as long for the second, and so on. */
  timeout?: number;
  /** How often a question is put, all servers together. */
  tries?: number;
  /** Milliseconds for a question and all its tries, from when its turn comes. */
  deadline?: number;
  /** Milliseconds for an answer by TCP. */
  tcpTimeout?: number;
  /**
   * Questions under way at once: rbldnsd and others with 128 KB for what has come in lose some beyond a hundred, and a lost
   * one costs a time-out.
   */
  inFlight?: number;
  /** Of these, for one domain (the last two labels): a list that does not answer leaves room for the others. */
  perDomain?: number;
  cacheEntries?: number;
  /** Seconds: what answers say is kept within these. */
  minTtl?: number;
  maxTtl?: number;
  /** Then the port is changed. */
  queriesPerPort?: number;
}

/** How queries ended; the label `outcome`. `refused`: SERVFAIL, REFUSED and all else that is neither an answer nor a "no such name". */
export type Outcome = 'answered' | 'refused' | 'timeout' | 'unreachable' | 'malformed' | 'cached';

export interface ResolverStats {
  outcomes: Readonly<Record<Outcome, number>>;
  dropped: Readonly<Dropped>;
  /** Answers fetched by TCP, or tried to. */
  tcp: number;
  /** Questions that joined one that was under way. */
  shared: number;
  waiting: number;
  inFlight: number;
  sockets: number;
  cacheEntries: number;
}

const DEFAULTS = {
  timeout: 2000,
  tries: 3,
  deadline: 12_000,
  tcpTimeout: 5000,
  inFlight: 100,
  perDomain: 25,
  cacheEntries: 10_000,
  minTtl: 1,
  maxTtl: 3600,
  queriesPerPort: 500,
};
/** A server that is silent so often in a row is asked last for a while. */
const SILENT_TIMES = 5;
const DOWN_MS = 30_000;
/** Characters of an answer: so that the number of entries bounds the memory. */
const LARGEST_KEPT = 4096;
/** Before servers that are all unreachable are asked again; twice as long the next time. */
const PAUSE_MS = 200;

export class Resolver {
  readonly #options: typeof DEFAULTS;
  readonly #servers: readonly NameServer[];
  readonly #cache: Cache;
  readonly #turns: Turns;
  readonly #lookups = new Map<string, Lookup>();
  readonly #outcomes = { answered: 0, refused: 0, timeout: 0, unreachable: 0, malformed: 0, cached: 0 };
  readonly #dropped: Dropped = { malformed: 0, forged: 0, unexpected: 0 };
  #tcp = 0;
  #shared = 0;
  #closed = false;

  constructor({ servers = systemServers(), ...options }: ResolverOptions = {}) {
    this.#options = { ...DEFAULTS, ...options };
    const { queriesPerPort, cacheEntries, inFlight, perDomain } = this.#options;
    if (servers.length === 0) throw new Error('there is no name server to ask: name at least one');
    this.#servers = servers.map((address) => new NameServer(address, this.#dropped, queriesPerPort));
    this.#cache = new Cache(cacheEntries);
    this.#turns = new Turns(inFlight, perDomain);
  }

  get stats(): ResolverStats {
    return {
      outcomes: { ...this.#outcomes },
      dropped: { ...this.#dropped },
      tcp: this.#tcp,
      shared: this.#shared,
      waiting: this.#turns.waiting,
      inFlight: this.#turns.running,
      sockets: this.#servers.reduce((sum, { sockets }) => sum + sockets, 0),
      cacheEntries: this.#cache.size,
    };
  }

  ask: Ask = (name, type, options) => this.#ask(name, type, options, false);

  /** Asks the last of several servers alone: whether it says the same. undefined where there is one. */
  get second(): Ask | undefined {
    if (this.#servers.length < 2) return undefined;
    return (name, type, options) => this.#ask(name, type, options, true);
  }

  async #ask(...[asked, type, { signal, fresh = false } = {}, second]: [...Parameters<Ask>, boolean]) {
    const name = checked(asked);
    if (this.#closed) throw new Unanswered('aborted', 'the resolver is closed');
    if (signal?.aborted) throw new Unanswered('aborted', ABORTED);
    const key = `${second ? 'second ' : ''}${type} ${name}`;
    const known = fresh ? undefined : this.#cache.get(key);
    if (known) {
      this.#outcomes.cached++;
      return known;
    }
    let lookup = this.#lookups.get(key);
    if (lookup) this.#shared++;
    else {
      lookup = new Lookup(name, type, second ? this.#servers.slice(-1) : undefined);
      this.#start(key, lookup);
    }
    return await lookup.join(signal);
  }

  /** Who still waits is told so. Nothing is left behind: no socket, no timer. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const lookup of [...this.#lookups.values()]) lookup.abort('the resolver was closed');
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  #start(key: string, lookup: Lookup): void {
    this.#lookups.set(key, lookup);
    lookup.forget = () => {
      if (this.#lookups.get(key) === lookup) this.#lookups.delete(key);
    };
    // A zone's operator has a domain of his own, and that are its last two labels, or a little too few.
    const second = lookup.name.lastIndexOf('.', lookup.name.lastIndexOf('.') - 1);
    this.#turns.add(lookup.name.slice(second + 1), async () => {
      try {
        lookup.resolve(await this.#find(key, lookup));
      } catch (error) {
        lookup.reject(error);
      }
    });
  }

  /** One server after the other, until one has an answer. What a server refuses is asked of the others, once each. */
  async #find(key: string, lookup: Lookup): Promise<DnsAnswer> {
    const { tries, timeout, deadline } = this.#options;
    const started = performance.now();
    const servers = lookup.only ?? this.#inOrder(started);
    const failures: string[] = [];
    let refusal: DnsAnswer | undefined;
    let reason: Silence = 'timeout';
    for (let n = 0; n < tries; n++) {
      const server = servers[n % servers.length]!;
      const round = Math.floor(n / servers.length);
      if (round > 0 && refusal) break;
      if (round > 0 && reason === 'unreachable') await pause(PAUSE_MS * 2 ** round, lookup);
      const left = started + deadline - performance.now();
      // A query that is hardly waited for is not worth its place in a quota.
      if (lookup.cancelled || (n > 0 && left < timeout / 2)) break;
      const said = await this.#put(server, lookup, Math.min(timeout * 2 ** round, left), started + deadline);
      if (typeof said === 'string') {
        reason = said;
        failures.push(`${server.name} ${WORDS[said]}`);
        continue;
      }
      const answer = {
        rcode: said.rcode,
        records: said.records,
        server: server.name,
        took: performance.now() - started,
        ttl: said.ttl,
      };
      if (isDefinite(said)) {
        this.#cache.set(key, answer, said.ttl > 0 ? this.#kept(said.ttl) : 0);
        return answer;
      }
      refusal ??= answer;
    }
    if (refusal) return refusal;
    throw new Unanswered(
      lookup.cancelled ? 'aborted' : reason,
      `no name server answered about ${lookup.type}: ${failures.join(', ')}`,
    );
  }

  /** One try: UDP, without EDNS where that is not understood, then TCP when the answer does not fit. */
  async #put(server: NameServer, lookup: Lookup, milliseconds: number, ends: number): Promise<Said> {
    let query = lookup.query(!server.plain);
    let said = await server.udp(query, milliseconds, lookup);
    if (typeof said !== 'string' && said.rcode === 'FORMERR' && !server.plain) {
      query = lookup.query(false);
      said = await server.udp(query, milliseconds, lookup);
      server.plain = typeof said !== 'string' && said.rcode !== 'FORMERR';
    }
    if (typeof said !== 'string' && said.truncated) {
      this.#tcp++;
      const left = Math.max(1, ends - performance.now());
      said = await server.tcp(query, Math.min(this.#options.tcpTimeout, left), lookup);
    }
    if (said === 'aborted') return said;
    const silent = said === 'timeout' || said === 'unreachable';
    server.failures = silent ? server.failures + 1 : 0;
    if (server.failures >= SILENT_TIMES) server.downUntil = performance.now() + DOWN_MS;
    else if (!silent) server.downUntil = 0;
    this.#outcomes[typeof said === 'string' ? said : isDefinite(said) ? 'answered' : 'refused']++;
    return said;
  }

  #inOrder(now: number): readonly NameServer[] {
    if (this.#servers.every(({ downUntil }) => downUntil <= now)) return this.#servers;
    return this.#servers.toSorted((a, b) => Number(a.downUntil > now) - Number(b.downUntil > now));
  }

  #kept(ttl: number): number {
    return Math.min(Math.max(ttl, this.#options.minTtl), this.#options.maxTtl);
  }
}

const ABORTED = 'given up by whoever asked';
const WORDS: Record<Silence, string> = {
  timeout: 'timed out',
  unreachable: 'is not reachable',
  malformed: 'sent what cannot be read',
  aborted: 'was not waited for',
};

function isDefinite({ rcode }: Message): boolean {
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN';
}

function checked(name: string): string {
  try {
    return canonicalName(name);
  } catch (error) {
    throw new Unanswered('malformed', `not asked: ${(error as Error).message}`);
  }
}

/** As resolv.conf(5) has it: without any, the machine itself. */
function systemServers(): string[] {
  let text = '';
  try {
    text = readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    // Then there are none.
  }
  const found = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address]) => address!);
  return found.length > 0 ? found : ['127.0.0.1'];
}

function pause(milliseconds: number, job: Job): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      job.cancel = nothing;
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    job.cancel = end;
  });
}

/** One question and all who wait for its answer. */
class Lookup implements Job {
  readonly name: string;
  readonly type: RecordType;
  /** Absent: all that there are, in their order. */
  readonly only: readonly NameServer[] | undefined;
  cancelled = false;
  cancel = nothing;
  forget = nothing;
  readonly #answer = Promise.withResolvers<DnsAnswer>();
  #callers = 0;

  constructor(name: string, type: RecordType, only: Lookup['only']) {
    this.name = name;
    this.type = type;
    this.only = only;
    // All callers may have gone.
    this.#answer.promise.catch(nothing);
  }

  query(edns: boolean): Query {
    return queryFor(this.name, this.type, edns);
  }

  resolve(answer: DnsAnswer): void {
    this.forget();
    this.#answer.resolve(answer);
  }

  reject(error: unknown): void {
    this.forget();
    this.#answer.reject(error);
  }

  abort(why: string): void {
    this.cancelled = true;
    this.reject(new Unanswered('aborted', why));
    this.cancel();
  }

  /** The last caller that goes takes the question with it. */
  join(signal: AbortSignal | undefined): Promise<DnsAnswer> {
    this.#callers++;
    if (!signal) return this.#answer.promise;
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(new Unanswered('aborted', ABORTED));
        if (--this.#callers === 0) this.abort(ABORTED);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#answer.promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }
}

/** Some answers or none, never more than `limit`: when the younger half is full it becomes the older one, which is forgotten. */
class Cache {
  readonly #half: number;
  #young = new Map<string, Kept>();
  #old = new Map<string, Kept>();

  constructor(limit: number) {
    this.#half = Math.floor(limit / 2);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): DnsAnswer | undefined {
    const kept = this.#young.get(key) ?? this.#old.get(key);
    if (!kept) return undefined;
    const now = performance.now();
    if (now >= kept.until) {
      this.#young.delete(key);
      this.#old.delete(key);
      return undefined;
    }
    const age = Math.floor((now - kept.since) / 1000);
    const records = kept.answer.records.map((record) => ({ ...record, ttl: Math.max(0, record.ttl - age) }));
    return { ...kept.answer, records, took: 0, ttl: Math.max(0, (kept.answer.ttl ?? 0) - age) };
  }

  set(key: string, answer: DnsAnswer, seconds: number): void {
    this.#young.delete(key);
    this.#old.delete(key);
    const size = answer.records.reduce((sum, { data }) => sum + data.length, 0);
    if (seconds <= 0 || this.#half === 0 || size > LARGEST_KEPT) return;
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    const since = performance.now();
    this.#young.set(key, { answer, since, until: since + seconds * 1000 });
  }
}

interface Kept {
  answer: DnsAnswer;
  since: number;
  until: number;
}
