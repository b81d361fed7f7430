/**
 * Events become exact counters: each is counted once, committed together with its identity or its place in a log, and
 * only then acknowledged. See docs/decisions/0002-commit-then-acknowledge.md.
 */
import createHasher, { type XXHashAPI } from 'xxhash-wasm';
import type { Content, Kind, MailEvent } from './event.ts';
import { type Batch, Journal, type NewSeries, type Recovered } from './journal.ts';
import { providerOf } from './mailbox-provider.ts';
import {
  authenticationVariant,
  campaignVariant,
  durationVariant,
  type Judgement,
  RESULTS,
  type Result,
  resourceVariant,
  resultVariant,
  spamScoreVariant,
  spamVerdictVariant,
  variants,
} from './metrics.ts';
import { classify } from './reply.ts';
import { Seen } from './seen.ts';
import { type Caps, SeriesStore, width } from './series.ts';
import type { Parsed } from './source.ts';

/** A configured source as the ledger needs to know it. */
export interface Feed {
  name: string;
  gives: readonly Kind[];
  /** For events that do not say. */
  sendingDomain: string;
  sendingIp: string;
}

export interface LedgerOptions {
  /** SQLite file; '' keeps everything in memory. */
  path: string;
  caps?: Partial<Caps>;
  /** How many identities are remembered, and for how long (ms). */
  maxIds?: number;
  maxAge?: number;
  /** How long a new series is shown at 0 (ms): a little more than the scrape interval. */
  zeroFirst?: number;
  /** Of the journal, for tests: how much it appends before it tidies up. */
  foldAfter?: number;
  now?: () => number;
}

export interface RecordOptions {
  /** For lines of a tailed file: where they end. Committed with them, which makes them exact without identities. */
  position?: { key: string; value: string };
  /** The file is read for the first time: what stands in it is the past and not an increase to be seen. */
  history?: boolean;
}

/** `patient`: waits through failed commits. What a tailed file brought is counted, and must not be brought again. */
interface Waiter {
  resolve(): void;
  reject(error: Error): void;
  patient: boolean;
}

/** Nothing can be taken now; the sender is to come back. */
export class Busy extends Error {
  override name = 'Busy';
}

/** Clocks of senders differ; further ahead than this (ms) is a mistake. */
const FUTURE = 10 * 60_000;
/** Between the starts of two commits, ms: an acknowledgement takes half of it longer, and a busy disk does a tenth of the work. */
const TICK = 20;
/** After a commit that failed, ms. */
const RETRY = 1000;
/** Events that may wait for a commit; at 16 bytes of hash and some series each this is a few MB. */
const MAX_PENDING = 500_000;
/** Variant number by family name and closed label values. */
const VARIANT = new Map(variants.map(({ family, values }, i) => [[family.name, ...values].join('\n'), i]));
const NO_VERDICT: Judgement = classify('', '');

export class Ledger {
  readonly series: SeriesStore;
  readonly seen: Seen;
  /** Where the lines end that were taken, by key: committed or in the next commit. */
  readonly positions = new Map<string, string>();
  readonly readings = new Map<string, string>();
  /** Unix ms of the last counted event's arrival, by feed. */
  readonly lastEvent = new Map<string, number>();
  readonly commits = { ok: 0, failed: 0 };
  /** Why the last commit failed; '' when it did not. */
  problem = '';
  private readonly zeroFirst: number;
  private readonly now: () => number;
  private readonly hash: XXHashAPI;
  private journal: Journal | undefined;
  private firstScrape = 0;
  private ids = new Int32Array(4096);
  private idCount = 0;
  /** Of the batch at hand: hashes of identities, high and low half by turns, and which are new. */
  private hashes = new Int32Array(2048);
  private fresh = new Uint8Array(1024);
  private newPositions = new Map<string, string | null>();
  private newReadings = new Map<string, string | null>();
  private journaled = 0;
  private forgotten = 0;
  private pending = 0;
  private waiters: Waiter[] = [];
  private committing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private lastStart = 0;
  private closed = false;

  private constructor(options: LedgerOptions, hash: XXHashAPI) {
    this.series = new SeriesStore(options.caps);
    this.seen = new Seen(options.maxIds, options.maxAge);
    this.zeroFirst = options.zeroFirst ?? 11_000;
    this.now = options.now ?? Date.now;
    this.hash = hash;
  }

  /** Throws Refused when the file cannot be used. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger(options, await createHasher());
    if (options.path)
      ledger.journal = await Journal.open(options.path, (part) => ledger.recover(part), options.foldAfter);
    ledger.journaled = ledger.series.slot.length;
    return ledger;
  }

  /** Makes the series of a feed that are known beforehand, at 0. */
  declare(feed: Feed): void {
    const member = this.series.feed(feed.name);
    for (const result of RESULTS) this.series.add(member, resultVariant(result), 0, 0);
    this.schedule();
  }

  /** Why nothing can be taken at the moment; '' when it can. */
  get busy(): string {
    if (this.closed) return 'stopping';
    if (this.problem) return this.problem;
    return this.pending > MAX_PENDING ? 'too many events wait for the disk' : '';
  }

  /** Counts what is new and resolves when that is committed. Rejects with Busy; a sender's repeat is then recognised. */
  record(feed: Feed, parsed: Parsed, options: RecordOptions = {}): Promise<void> {
    if (this.busy) return Promise.reject(new Busy(this.busy));
    this.count(feed, parsed, options);
    if (options.position) {
      this.newPositions.set(options.position.key, options.position.value);
      this.positions.set(options.position.key, options.position.value);
    }
    return this.committed(options.position !== undefined);
  }

  /** Keeps or (null) drops facts of state by key, in the next commit. */
  keep(readings: Iterable<[key: string, value: string | null]>): Promise<void> {
    if (this.busy) return Promise.reject(new Busy(this.busy));
    for (const [key, value] of readings) {
      this.newReadings.set(key, value);
      value === null ? this.readings.delete(key) : this.readings.set(key, value);
    }
    return this.committed();
  }

  /** Drops the place in a file that is no more, in the next commit. */
  forget(position: string): void {
    if (!this.positions.delete(position)) return;
    this.newPositions.set(position, null);
    this.schedule();
  }

  private committed(patient = false): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject, patient });
      this.schedule();
    });
  }

  /** Whether a series may show its count yet, or is still shown at 0. */
  visible(series: number, now: number): boolean {
    const born = this.series.born[series]!;
    if (born === 0) return true;
    if (this.firstScrape === 0 || now < Math.max(born, this.firstScrape) + this.zeroFirst) return false;
    this.series.born[series] = 0;
    return true;
  }

  /** To be told of each scrape: series born before anybody looked are shown at 0 from then on. */
  scraped(now: number): void {
    if (this.firstScrape === 0) this.firstScrape = now;
  }

  /** Commits what is there and lets go of the file. Waits for a commit under way. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.committing;
    await this.commit();
    await this.journal?.close();
  }

  private count(feed: Feed, { events, ignored, unknown, invalid }: Parsed, { position, history }: RecordOptions): void {
    const now = this.now();
    const horizon = position ? now - this.seen.maxAge : this.seen.horizon(now);
    const born = history ? 0 : now;
    const tally: Record<Result, number> = {
      counted: 0,
      duplicate: 0,
      late: 0,
      future: 0,
      ignored,
      unknown: unknown.length,
      invalid,
    };
    // In passes over a batch, so that the cache misses of one pass overlap: see seen.ts.
    const timely = events.filter((event) => {
      if (event.at > horizon && event.at <= now + FUTURE) return true;
      tally[Number.isNaN(event.at) ? 'invalid' : event.at > horizon ? 'future' : 'late']++;
      return false;
    });
    const fresh = position ? undefined : this.recognise(timely, feed.name, now);
    for (let i = 0; i < timely.length; i++) {
      if (fresh !== undefined && fresh[i] === 0) tally.duplicate++;
      else {
        tally.counted++;
        this.project(feed, timely[i]!, born);
      }
    }
    const member = this.series.feed(feed.name);
    for (const result of RESULTS)
      if (tally[result] > 0) this.series.add(member, resultVariant(result), tally[result], 0);
    if (tally.counted > 0) this.lastEvent.set(feed.name, now);
    this.pending += events.length;
  }

  private project(feed: Feed, event: MailEvent, born: number): void {
    const { series } = this;
    const domain = event.sendingDomain || feed.sendingDomain || 'unknown';
    const provider = providerOf(event.recipientDomain);
    const verdict = event.kind === 'bounced' || event.kind === 'deferred' ? judge(event, provider) : NO_VERDICT;
    const member = series.resource(
      feed.name,
      domain,
      event.sendingIp || feed.sendingIp || 'unknown',
      provider,
      feed.gives,
      born,
    );
    if (event.at > member.active) member.active = event.at;
    series.add(member, resourceVariant(event, verdict), 1, born);
    if (event.kind === 'delivered' && event.seconds !== undefined && event.seconds >= 0)
      series.observe(member, durationVariant, event.seconds, born);
    if (event.content !== undefined) this.judged(feed, domain, event.campaign, event.content, born);
    if (event.campaign === '') return;
    const variant = campaignVariant(event, verdict);
    if (variant >= 0)
      series.add(series.campaign(feed.name, domain, event.campaign, feed.gives, born), variant, 1, born);
  }

  private judged(feed: Feed, domain: string, campaign: string, content: Content, born: number): void {
    const { series } = this;
    // Content is counted without a campaign too; the other series of campaigns are not made for it.
    const member = series.campaign(feed.name, domain, campaign, campaign === '' ? [] : feed.gives, born);
    const { spamScore, spam, authentication = [] } = content;
    if (spamScore !== undefined) series.observe(member, spamScoreVariant, Math.max(0, spamScore), born);
    if (spam !== undefined) series.add(member, spamVerdictVariant(spam), 1, born);
    for (const result of authentication) series.add(member, authenticationVariant(result), 1, born);
  }

  private readonly seeds = new Map<string, bigint>();
  /** Identities are unique within a feed only. */
  private seedOf(feed: string): bigint {
    let seed = this.seeds.get(feed);
    if (seed === undefined) {
      seed = this.hash.h64(feed);
      this.seeds.set(feed, seed);
    }
    return seed;
  }

  /** By index: 1 where the identity is new. What is new is part of the next commit. */
  private recognise(events: readonly MailEvent[], feed: string, now: number): Uint8Array {
    const seed = this.seedOf(feed);
    const count = events.length;
    if (count > this.fresh.length) {
      this.fresh = new Uint8Array(count * 2);
      this.hashes = new Int32Array(count * 4);
    }
    const { hashes, fresh } = this;
    for (let i = 0; i < count; i++) {
      const hash = this.hash.h64(events[i]!.id, seed);
      hashes[i * 2] = Number(BigInt.asIntN(32, hash >> 32n));
      hashes[i * 2 + 1] = Number(BigInt.asIntN(32, hash));
    }
    this.seen.add(hashes, count, now, fresh);
    if (this.idCount + count * 2 > this.ids.length) {
      const ids = new Int32Array((this.idCount + count * 2) * 2);
      ids.set(this.ids.subarray(0, this.idCount));
      this.ids = ids;
    }
    for (let i = 0; i < count; i++) {
      if (fresh[i] === 0) continue;
      this.ids[this.idCount++] = hashes[i * 2]!;
      this.ids[this.idCount++] = hashes[i * 2 + 1]!;
    }
    return fresh;
  }

  private schedule(): void {
    if (this.timer || this.committing || this.closed) return;
    const wait = this.problem ? RETRY : this.journal ? Math.max(0, this.lastStart + TICK - performance.now()) : 0;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.committing = this.commit().finally(() => {
        this.committing = undefined;
        if (this.waiters.length > 0 || this.problem) this.schedule();
      });
    }, wait);
  }

  private async commit(): Promise<void> {
    this.lastStart = performance.now();
    const { batch, changed } = this.drain();
    const waiters = this.waiters;
    this.waiters = [];
    try {
      await this.journal?.commit(batch);
    } catch (error) {
      this.restore(batch, changed);
      this.problem = error instanceof Error ? error.message : String(error);
      this.commits.failed++;
      for (const waiter of waiters) waiter.patient ? this.waiters.push(waiter) : waiter.reject(new Busy(this.problem));
      return;
    }
    this.problem = '';
    this.commits.ok++;
    const { slots, widths, values } = batch;
    for (let i = 0, from = 0; i < slots.length; from += widths[i++]!) {
      this.series.committed.set(values.subarray(from, from + widths[i]!), slots[i]!);
    }
    for (const { resolve } of waiters) resolve();
  }

  private drain(): { batch: Batch; changed: number[] } {
    const { series } = this;
    const at = this.now();
    this.seen.expire(at);
    const changed = series.take();
    const slots = Int32Array.from(changed, (s) => series.slot[s]!);
    const widths = Int32Array.from(changed, (s) => width(series.variant[s]!));
    const values = new Float64Array(widths.reduce((a, b) => a + b, 0));
    let to = 0;
    changed.forEach((_, i) => {
      values.set(series.live.subarray(slots[i]!, slots[i]! + widths[i]!), to);
      to += widths[i]!;
    });
    const fresh: NewSeries[] = [];
    for (let s = this.journaled; s < series.slot.length; s++) fresh.push(this.describe(s));
    const batch: Batch = {
      at,
      series: fresh,
      slots,
      widths,
      values,
      ids: this.ids.slice(0, this.idCount),
      positions: [...this.newPositions],
      readings: [...this.newReadings],
      forget: this.seen.forgottenUntil > this.forgotten ? this.seen.forgottenUntil : 0,
    };
    this.journaled = series.slot.length;
    this.forgotten = this.seen.forgottenUntil;
    this.idCount = 0;
    this.newPositions = new Map();
    this.newReadings = new Map();
    this.pending = 0;
    return { batch, changed };
  }

  /** A batch that did not get through is part of the next one; newer positions and readings win over it. */
  private restore(batch: Batch, changed: number[]): void {
    for (const series of changed) this.series.touch(series);
    this.journaled -= batch.series.length;
    if (batch.forget > 0) this.forgotten = 0;
    const ids = new Int32Array(Math.max(4096, (batch.ids.length + this.idCount) * 2));
    ids.set(batch.ids);
    ids.set(this.ids.subarray(0, this.idCount), batch.ids.length);
    this.ids = ids;
    this.idCount += batch.ids.length;
    this.newPositions = new Map([...batch.positions, ...this.newPositions]);
    this.newReadings = new Map([...batch.readings, ...this.newReadings]);
  }

  private describe(series: number): NewSeries {
    const { family, values } = variants[this.series.variant[series]!]!;
    const { scope, values: labels } = this.series.member[series]!;
    return {
      slot: this.series.slot[series]!,
      family: family.name,
      scope,
      labels,
      closed: values,
      born: this.series.born[series]!,
    };
  }

  private recover(part: Recovered): void {
    if (part.type === 'series') for (const row of part.rows) this.recoverSeries(row);
    else if (part.type === 'ids') {
      const count = part.ids.length / 2;
      this.seen.add(part.ids, count, part.at, new Uint8Array(count));
    } else {
      for (const [key, value] of part.positions) this.positions.set(key, value);
      for (const [key, value] of part.readings) this.readings.set(key, value);
      // What was still shown at 0 when the last process ended starts its time at 0 anew; the rest has been seen.
      const { born } = this.series;
      for (let s = 0; s < born.length; s++)
        born[s] = born[s]! > 0 && born[s]! + this.zeroFirst > part.committedAt ? this.now() : 0;
    }
  }

  private recoverSeries(row: NewSeries & { values: Float64Array }): void {
    const variant = VARIANT.get([row.family, ...row.closed].join('\n'));
    // A family or closed value that this version no longer has stays in the file, for the version that knows it.
    if (variant === undefined || width(variant) !== row.values.length) {
      this.series.reserve(row.slot + row.values.length);
      return;
    }
    this.series.restore(row.scope, row.labels, variant, row.slot, row.values, row.born);
  }
}

/** What the reply says, where it says something; else the source's own opinion. */
export function judge(event: Extract<MailEvent, { kind: 'bounced' | 'deferred' }>, provider: string): Judgement {
  const verdict = classify(event.reply, provider);
  if (event.kind === 'deferred') return verdict;
  const vague =
    verdict.reason === 'unknown' || verdict.reason === 'unknown_permanent' || verdict.reason === 'unknown_temporary';
  if (!vague || (event.class === undefined && event.reason === undefined)) return verdict;
  return { class: event.class ?? verdict.class, reason: event.reason ?? verdict.reason };
}
