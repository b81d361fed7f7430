/** Configured sources become running feeds: posts are checked, parsed and recorded, logs are followed, and a reload changes only what changed. */
import { statSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Auth, Config, ConfiguredSource } from './config.ts';
import { Busy, type Feed, type Ledger } from './ledger.ts';
import type { Outcome } from './metrics.ts';
import { namesSegments, type Place, Segments } from './segments.ts';
import { anySame, basicMatches, bearerMatches, header } from './signature.ts';
import { Malformed, nothing, type Parsed, type Post, type Source } from './source.ts';
import { type Position, type Tail, tail } from './tail.ts';

/** How a post ended, and what is told of it: the problems of single items, where the sender is a program of one's own. */
export interface Taken {
  outcome: Outcome;
  message: string;
  parsed?: Parsed;
}

/** Between tries to hand lines to a ledger that takes nothing just now, ms. */
const PATIENCE = 250;
/** By how much the clocks of those who write logs may run ahead, ms. */
const CLOCKS = 15 * 60_000;
/** Unknown words told of, for each feed: enough to see what is new, not enough to fill a disk. */
const WORDS_TOLD = 50;
/** Words of vendors look like this; what does not might be anything, somebody's address among it. */
const WORD = /^[A-Za-z][A-Za-z_.-]{0,39}$/;

/** Where the lines that were taken end, for the ledger. */
interface At {
  key: string;
  value: string;
}

export class Intake {
  readonly feeds = new Map<string, RunningFeed>();
  private readonly ledger: Ledger;
  private readonly log: Logger;
  private readonly onLogProblem: (source: string) => void;

  constructor(ledger: Ledger, log: Logger, onLogProblem: (source: string) => void) {
    this.ledger = ledger;
    this.log = log;
    this.onLogProblem = onLogProblem;
  }

  /** Feeds whose configuration is the same stay as they are, with what they have learnt. */
  async apply(config: Config): Promise<void> {
    const wanted = new Map(config.sources.map((source) => [source.name, source]));
    for (const [name, feed] of this.feeds) {
      const source = wanted.get(name);
      if (source && source.type === feed.configured.type && source.written === feed.configured.written) {
        // Secrets may have changed in their files while nothing changed in the text.
        feed.renew(source);
        wanted.delete(name);
      } else {
        this.feeds.delete(name);
        await feed.stop();
      }
    }
    for (const [name, source] of wanted) {
      const feed = new RunningFeed(source, this.ledger, this.log.child({ source: name }), () =>
        this.onLogProblem(name),
      );
      this.feeds.set(name, feed);
      feed.follow();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.feeds.values()].map((feed) => feed.stop()));
  }
}

export class RunningFeed {
  configured: ConfiguredSource;
  /** Of posts: replaced at a reload, since it holds the keys. Logs keep theirs, since it holds the queue ids. */
  private poster: ConfiguredSource['source'];
  private readonly feed: Feed;
  private readonly ledger: Ledger;
  private readonly log: Logger;
  private readonly onLogProblem: () => void;
  private readonly words = new Set<string>();
  private tails: Tail[] = [];

  constructor(configured: ConfiguredSource, ledger: Ledger, log: Logger, onLogProblem: () => void) {
    this.configured = configured;
    this.poster = configured.source;
    const { name, sourceType, sendingDomain, sendingIp } = configured;
    this.feed = { name, gives: sourceType.gives, sendingDomain, sendingIp };
    this.ledger = ledger;
    this.log = log;
    this.onLogProblem = onLogProblem;
    ledger.declare(this.feed);
  }

  renew(configured: ConfiguredSource): void {
    this.configured = configured;
    if (configured.sourceType.transport === 'webhook') this.poster = configured.source;
  }

  /** The sender's signature must hold where there is one, and so must the credentials where some are set. */
  genuine(post: Post, now: number): boolean {
    const { auth } = this.configured;
    if (this.configured.source.authenticate) {
      return this.configured.source.authenticate(post, now) && (auth === undefined || permitted(auth, post));
    }
    return auth !== undefined && permitted(auth, post);
  }

  /** Resolves when all in it that counts is committed, or it is clear that nothing was taken. */
  async take(post: Post, now: number, batchLimit: number): Promise<Taken> {
    try {
      // What a signature is checked with may have to be fetched first; without it nobody can say that the post is not genuine.
      await this.configured.source.prepare?.(post, now);
    } catch {
      return { outcome: 'backpressure', message: 'not taken, come back later' };
    }
    if (!this.genuine(post, now))
      return { outcome: 'unauthenticated', message: 'signature or credentials do not fit this source' };
    let parsed: Parsed;
    try {
      parsed = this.poster.parse(post, now);
    } catch (error) {
      if (error instanceof Malformed) return { outcome: 'malformed', message: error.message };
      throw error;
    }
    if (parsed.events.length > batchLimit)
      return { outcome: 'too_large', message: `more than ${batchLimit} events in one post` };
    this.tell(parsed.unknown);
    try {
      const recorded = this.ledger.record(this.feed, parsed);
      // Counted: what waits for the commit must not keep the events alive, or every young collection copies them.
      parsed.events = [];
      await recorded;
    } catch (error) {
      if (error instanceof Busy) return { outcome: 'backpressure', message: 'not taken, come back later' };
      throw error;
    }
    try {
      await parsed.after?.();
    } catch {
      return { outcome: 'backpressure', message: 'not done yet, come back later' };
    }
    return { outcome: 'accepted', message: '', parsed };
  }

  follow(): void {
    const { files } = this.configured;
    this.tails = files.map((path) => (namesSegments(path) ? this.followSegments(path) : this.followLog(path)));
  }

  private followLog(path: string): Tail {
    const { from, name, source } = this.configured;
    const key = `${name}:${path}`;
    const known = path === '-' ? undefined : this.ledger.positions.get(key);
    // What a log that was never read before already holds is the past: its counts are there at once, no increase to be seen.
    const past = known === undefined && from === 'beginning' ? sizeOf(path) : 0;
    const take = this.taker();
    return tail({
      path,
      from,
      start: known === undefined ? undefined : (JSON.parse(known) as Position),
      deliver: (chunk, position) =>
        take(
          chunk,
          position && { key, value: JSON.stringify(position) },
          position !== undefined && position.offset <= past,
        ),
      learn: (chunk) => void linesOf(source, chunk),
      report: this.teller(path),
    });
  }

  private followSegments(path: string): Tail {
    const { from, name, source } = this.configured;
    const prefix = `${name}:${path}:`;
    const known = new Map<string, Place>();
    for (const [key, value] of this.ledger.positions)
      if (key.startsWith(prefix)) known.set(key.slice(prefix.length), JSON.parse(value));
    const take = this.taker();
    return new Segments({
      path,
      from,
      known,
      deliver: (chunk, segment, place, past) =>
        take(chunk, { key: prefix + segment, value: JSON.stringify(place) }, past),
      learn: (chunk) => void linesOf(source, chunk),
      forget: (segment) => this.ledger.forget(prefix + segment),
      // An event older than that is late and does not count, should the file come back.
      keep: this.ledger.seen.maxAge + CLOCKS,
      report: this.teller(path),
    });
  }

  /** Takes runs of lines, one after the other, in order; several may wait for their commit. */
  private taker(): (chunk: Buffer, position: At | undefined, history: boolean) => Promise<void> {
    const { source } = this.configured;
    let accepted = Promise.resolve();
    return (chunk, position, history) => {
      const parsed = linesOf(source, chunk);
      this.tell(parsed.unknown);
      const recorded = accepted.then(() => this.persist(parsed, position, history));
      accepted = recorded.then(() => {});
      return recorded.then(({ committed }) => committed);
    };
  }

  private teller(path: string): (message: string) => void {
    return (message) => {
      this.log.warn({ file: path }, message);
      this.onLogProblem();
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.tails.map((t) => t.stop()));
    this.tails = [];
  }

  /** Lines cannot be refused, so they wait until the ledger takes them. */
  private async persist(
    parsed: Parsed,
    position: At | undefined,
    history: boolean,
  ): Promise<{ committed: Promise<void> }> {
    for (;;) {
      if (!this.ledger.busy)
        return { committed: this.ledger.record(this.feed, parsed, { ...(position && { position }), history }) };
      await new Promise((resolve) => setTimeout(resolve, PATIENCE));
    }
  }

  private tell(unknown: readonly string[]): void {
    for (const raw of unknown) {
      const word = WORD.test(raw) ? raw : '(not a word)';
      if (this.words.has(word) || this.words.size >= WORDS_TOLD) continue;
      this.words.add(word);
      this.log.warn({ word }, 'unknown event word: not counted; told once');
    }
  }
}

/** Lines of a file cannot be refused: a run of which nothing can be understood is so many invalid ones. */
function linesOf(source: Source, chunk: Buffer): Parsed {
  if (chunk.length === 0) return nothing();
  try {
    return source.parse({ headers: {}, body: chunk }, Date.now());
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    let lines = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
    return { ...nothing(), invalid: lines };
  }
}

function sizeOf(path: string): number {
  return path === '-' ? 0 : (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
}

export function permitted(auth: Auth, { headers }: Post): boolean {
  if (auth === 'none') return true;
  return (
    basicMatches(headers, auth.basic) ||
    bearerMatches(headers, auth.bearer) ||
    auth.headers.some(({ name, value }) => anySame(header(headers, name), [value]))
  );
}
