/** Configured sources become running feeds: posts are checked, parsed and recorded, logs are followed, and a reload changes only what changed. */
import { statSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Auth, Config, ConfiguredSource } from './config.ts';
import { Busy, type Feed, type Ledger } from './ledger.ts';
import type { Outcome } from './metrics.ts';
import { anySame, basicMatches, bearerMatches, header } from './signature.ts';
import { Malformed, type Parsed, type Post } from './source.ts';
import { type Position, type Tail, tail } from './tail.ts';

/** How a post ended, and what is told of it: the problems of single items, where the sender is a program of one's own. */
export interface Taken {
  outcome: Outcome;
  message: string;
  parsed?: Parsed;
}

/** Between tries to hand lines to a ledger that takes nothing just now, ms. */
const PATIENCE = 250;
/** Unknown words told of, for each feed: enough to see what is new, not enough to fill a disk. */
const WORDS_TOLD = 50;
/** Words of vendors look like this; what does not might be anything, somebody's address among it. */
const WORD = /^[A-Za-z][A-Za-z_.-]{0,39}$/;

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
      await this.ledger.record(this.feed, parsed);
      await parsed.after?.();
    } catch (error) {
      if (error instanceof Busy) return { outcome: 'backpressure', message: 'not taken, come back later' };
      throw error;
    }
    return { outcome: 'accepted', message: '', parsed };
  }

  follow(): void {
    const { files, from, name, source } = this.configured;
    this.tails = files.map((path) => {
      const key = `${name}:${path}`;
      const known = path === '-' ? undefined : this.ledger.positions.get(key);
      // What a log that was never read before already holds is the past: its counts are there at once, no increase to be seen.
      const past = known === undefined && from === 'beginning' ? sizeOf(path) : 0;
      let accepted = Promise.resolve();
      const take = (chunk: Buffer, position: Position | undefined): Promise<void> => {
        const parsed = source.parse({ headers: {}, body: chunk }, Date.now());
        this.tell(parsed.unknown);
        // One after the other is accepted, in order; several may wait for their commit.
        const history = position !== undefined && position.offset <= past;
        const recorded = accepted.then(() =>
          this.persist(parsed, position && { key, value: JSON.stringify(position) }, history),
        );
        accepted = recorded.then(() => {});
        return recorded.then(({ committed }) => committed);
      };
      return tail({
        path,
        from,
        start: known === undefined ? undefined : (JSON.parse(known) as Position),
        deliver: take,
        learn: (chunk) => void source.parse({ headers: {}, body: chunk }, Date.now()),
        report: (message) => {
          this.log.warn({ file: path }, message);
          this.onLogProblem();
        },
      });
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.tails.map((t) => t.stop()));
    this.tails = [];
  }

  /** Lines cannot be refused, so they wait until the ledger takes them. */
  private async persist(
    parsed: Parsed,
    position: { key: string; value: string } | undefined,
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
