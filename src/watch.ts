/**
 * Targets, lists and checks become questions, spread over their intervals and held to every list's allowance, and their answers
 * become what is known (check-states.ts). Nothing is ever asked because somebody scrapes.
 */
import { readdirSync } from 'node:fs';
import { extname } from 'node:path';
import type { Logger } from 'pino';
import type { ChosenList, ZoneState } from './blocklist.ts';
import { inquire, worthAsking } from './blocklist-verdict.ts';
import { type Ask, type Check, type Target, Unanswered, type World } from './check.ts';
import { type Ages, checkSamples, type Sample } from './check-gauges.ts';
import { CheckStates, type Shelf } from './check-states.ts';
import { concerned, concerns } from './checks/blocklist.ts';
import type { ChecksSettings } from './checks-config.ts';
import type { GaugeFamily } from './exposition.ts';
import { CHECK_GAUGES } from './metrics.ts';
import { type Demand, type Level, type Pace, paces, Quota, TRIES } from './quota.ts';
import { type BlocklistReading, DEFINITE, type Reading } from './reading.ts';
import type { SeriesStore } from './series.ts';
import { chooseTargets, Senders } from './targets.ts';
import { probe, type ZoneHealth } from './zone-health.ts';

/** Milliseconds. */
const TICK = 1000;
/** Between two looks at who sent mail. */
const LOOK = 15_000;
/** A list that passed its test is tested again after this long; one that did not after the first of RETRY, then twice as long. */
const TEST = 30 * 60_000;
const RETRY = 60_000;
const JITTER = 0.1;
/** A check that does not come to an end. */
const PATIENCE = 60_000;
/** Jobs under way, in all and of one line. The resolver has bounds of its own for the questions that they put. */
const AT_ONCE = 200;
const OF_ONE_LINE = 25;
/** Of the time that is kept between two tests, for a test on account of a change. */
const HASTE = 0.25;
/** A certificate that was not seen for so long is forgotten. */
const CERTIFICATES = 7 * 24 * 3600_000;
const QUOTA = 'quota:';

type Kind = 'zone' | 'list' | 'check';

interface Job {
  kind: Kind;
  /** Of the list or the check. */
  name: string;
  target: Target;
  line: Line;
  /** Unix ms. */
  due: number;
  /** When it last came to an end, in this life or the one before. */
  last: number | undefined;
  state: 'asleep' | 'waiting' | 'running';
  failures: number;
  /** Off the plan. */
  gone: boolean;
}

/** By `kind name`, then by target. */
type Jobs = Map<string, Map<string, Job>>;

/** Jobs whose turn has come: those of the lists that draw on one allowance, or those of one check of DNS. */
interface Line {
  quota: Quota | undefined;
  /** Tests of lists and confirmations, before all others. Each set is in the order in which they came. */
  urgent: Set<Job>;
  usual: Set<Job>;
  running: number;
}

/** `left`: nothing that a list in such a state can be believed; it is left in peace until it passes its test. */
type Outcome = 'fine' | 'unconfirmed' | 'failed' | 'left';

export interface WatchParts {
  shelf: Shelf;
  series: Pick<SeriesStore, 'resources'>;
  ask: Ask;
  checks: ReadonlyMap<string, Check>;
  log: Logger;
  now: () => number;
  fetch?: typeof fetch;
}

const NOBODY: Target = { kind: 'domain', name: '' };

/** Every check of `checks/` but `blocklist`, which needs lists; by the file's name. */
export async function loadChecks(): Promise<Map<string, Check>> {
  const extension = extname(import.meta.filename);
  const checks = new Map<string, Check>();
  for (const file of readdirSync(new URL('./checks/', import.meta.url)).sort()) {
    if (!file.endsWith(extension)) continue;
    const module = (await import(new URL(`./checks/${file}`, import.meta.url).href)) as {
      default: Check | (() => Check);
    };
    if (typeof module.default !== 'function') checks.set(file.slice(0, -extension.length), module.default);
  }
  return checks;
}

export class Watch {
  readonly states: CheckStates;
  private readonly parts: WatchParts;
  private readonly senders: Senders;
  private jobs: Jobs = new Map();
  /** By pool (of lists) or check. */
  private readonly lines = new Map<string, Line>();
  private inTurn: Line[] = [];
  private paces = new Map<string, Pace>();
  private lists = new Map<string, ChosenList>();
  private targets = new Map<string, Target>();
  private settings: ChecksSettings | undefined;
  private running = 0;
  private turn = 0;
  private nextLook = 0;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly underWay = new Set<AbortController>();
  private unsaved = new Map<string, string | null>();

  constructor(parts: WatchParts) {
    this.parts = parts;
    this.states = new CheckStates(parts.shelf);
    this.senders = new Senders(parts.shelf.readings);
  }

  /** undefined: nothing is looked up. What is known of targets that stay is kept. */
  apply(settings: ChecksSettings | undefined): void {
    const { shelf, checks } = this.parts;
    const now = this.parts.now();
    // Lines stay when their lists go, and with them what is used of the allowance.
    for (const { list } of settings?.lists ?? []) {
      const place = QUOTA + list.quota.pool;
      const kept = shelf.readings.get(place);
      const line = this.line(place);
      const level = line.quota?.kept ?? (kept === undefined ? undefined : (JSON.parse(kept) as Level));
      line.quota = new Quota({ perDay: perDay(list, settings) }, level, now);
    }
    for (const check of checks.keys()) this.line(check);
    this.inTurn = [...this.lines.values()];
    this.settings = settings;
    this.lists = new Map(settings?.lists.map((list) => [list.name, list]));
    for (const list of [...this.states.health.keys()]) if (!this.lists.has(list)) this.states.health.delete(list);
    this.look(now, true);
  }

  private line(place: string): Line {
    const line = this.lines.get(place) ?? { quota: undefined, urgent: new Set(), usual: new Set(), running: 0 };
    this.lines.set(place, line);
    return line;
  }

  start(): void {
    this.timer = setInterval(() => {
      this.tick().catch((error: Error) => this.parts.log.error({ error: error.stack }, 'the plan of checks failed'));
    }, TICK);
  }

  /** What is under way is given up; what is known is in the next commit. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopped = true;
    for (const ending of this.underWay) ending.abort();
    await this.save();
  }

  /** Puts what is due on its way. */
  async tick(): Promise<void> {
    const now = this.parts.now();
    if (this.settings && now >= this.nextLook) this.look(now, false);
    for (const group of this.jobs.values())
      for (const job of group.values()) if (job.state === 'asleep' && job.due <= now) this.queue(job, now);
    this.pump();
    await this.save();
  }

  /** Families of what is known, for the exposition. `scores`: reputation that was pushed, beside what was asked. */
  *gauges(scores: Iterable<Sample>): Generator<GaugeFamily> {
    const { states } = this;
    const ages: Ages = {
      now: this.parts.now(),
      checkInterval: this.settings?.interval ?? 0,
      listInterval: (list) => this.paces.get(list)?.ask ?? 0,
      lists: this.lists.keys(),
    };
    for (const [family, { name, help, labels }] of Object.entries(CHECK_GAUGES)) {
      const asked = checkSamples(family as keyof typeof CHECK_GAUGES, states, ages);
      yield { name, help, labels, samples: family === 'reputation' ? either(asked, scores) : asked };
    }
  }

  /** Asks now, for a person. Counts towards the allowances. */
  async ask(check: string, target: Target, tell: (step: string) => void): Promise<Reading[] | undefined> {
    return await this.inWorld(async (world) => {
      if (check !== 'blocklist') return await this.parts.checks.get(check)?.run(target, world);
      const lists = concerned([...this.lists.values()], target);
      const readings = lists.map((list) => inquire(list, target, this.stateOf(list.name), this.counted(list, world)));
      return (await Promise.all(readings)).flat();
    }, tell);
  }

  /** `anew`: other targets or not, the plan is made again. */
  private look(now: number, anew: boolean): void {
    this.nextLook = now + LOOK;
    const changes = this.senders.look(this.parts.series, now);
    for (const change of changes) this.unsaved.set(...change);
    if (!anew && changes.size === 0) return;
    const before = this.targets.size === 0 ? this.states.targets() : new Set(this.targets.keys());
    const targets = this.settings
      ? chooseTargets(this.settings.targets, this.senders, before)
      : new Map<string, Target>();
    if (!anew && before.size === targets.size && [...targets.keys()].every((name) => before.has(name))) return;
    this.targets = targets;
    this.arrange(now);
  }

  /** Makes jobs for what is wanted, and forgets what is no more. */
  private arrange(now: number): void {
    const { settings } = this;
    const before = this.jobs;
    const targets = [...this.targets.values()];
    const about = new Map(
      [...this.lists.values()].map((list) => [list, targets.filter(({ kind }) => concerns(list, kind))]),
    );
    this.pace(about);
    this.jobs = new Map();
    for (const [{ name, list }, its] of about) {
      const line = this.lines.get(QUOTA + list.quota.pool)!;
      this.want('zone', name, line, [NOBODY], before, now);
      this.want('list', name, line, its, before, now);
    }
    for (const [name, check] of this.parts.checks) {
      if (settings?.skip.includes(name)) continue;
      const its = targets.filter(({ kind }) => check.targets.includes(kind));
      this.want('check', name, this.lines.get(name)!, its, before, now);
    }
    for (const left of before.values()) for (const job of left.values()) job.gone = true;
    this.states.keepOnly(
      (kind, name, target) => this.jobs.get(`${kind} ${name}`)?.has(target) ?? false,
      now - CERTIFICATES,
    );
  }

  /** Jobs that are there already move over from `before`. */
  private want(kind: Kind, name: string, line: Line, targets: readonly Target[], before: Jobs, now: number): void {
    const group = new Map<string, Job>();
    const old = before.get(`${kind} ${name}`);
    for (const target of targets) {
      const known = old?.get(target.name);
      old?.delete(target.name);
      const job: Job = known ?? {
        kind,
        name,
        line,
        target,
        due: 0,
        last: undefined,
        state: 'asleep',
        failures: 0,
        gone: false,
      };
      // Its selectors may be others.
      job.target = target;
      group.set(target.name, job);
      if (known) this.shorten(job, now);
      else this.schedule(job, now);
    }
    this.jobs.set(`${kind} ${name}`, group);
  }

  private pace(about: ReadonlyMap<ChosenList, readonly Target[]>): void {
    const demand = [...about].map(([chosen, targets]): [string, Demand] => {
      const { quota, everyMinutes } = chosen.list;
      const interval = Math.max(everyMinutes * 60_000, this.settings?.listInterval ?? 0);
      const day = perDay(chosen.list, this.settings);
      return [
        chosen.name,
        { pool: quota.pool, perDay: day, interval, targets: targets.length, tests: testsOf(chosen) },
      ];
    });
    this.paces = paces(new Map(demand));
  }

  /** A new job starts within the next minute; one whose last answer is known goes on where it was, so that a restart is no burst. */
  private schedule(job: Job, now: number): void {
    const { kind, name, target } = job;
    const soon = kind === 'zone' ? now : this.soon(now);
    const list = kind === 'list' ? this.states.listState(name, target.name) : undefined;
    job.last = list?.at ?? (kind === 'check' ? this.states.checkState(name, target.name)?.at : undefined);
    const wait = list?.pending ? this.settings!.confirmAfter : this.intervalOf(job);
    job.due = job.last === undefined ? soon : Math.max(soon, job.last + wait);
    // So that it is asked again as soon as the list passes its test.
    if (list && !isAnswer(list.verdict)) job.failures = 1;
  }

  /** What is left to wait, where the interval is another now. */
  private shorten(job: Job, now: number): void {
    if (job.kind === 'zone' || job.last === undefined) return;
    const wait = this.intervalOf(job) * (1 + JITTER);
    if (job.due > job.last + wait) job.due = Math.max(this.soon(now), job.last + wait);
  }

  /** Within a minute, or less where there is little to ask. */
  private soon(now: number): number {
    return now + Math.random() * Math.min(RETRY, this.targets.size * 1000);
  }

  private intervalOf({ kind, name }: Pick<Job, 'kind' | 'name'>): number {
    if (kind === 'check') return this.settings!.interval;
    const { ask, test } = this.paces.get(name)!;
    return kind === 'zone' ? Math.max(TEST, test) : ask;
  }

  /** Its turn has come. */
  private queue(job: Job, now: number): void {
    const { kind, name, target, line } = job;
    const pending = kind === 'list' ? this.states.listState(name, target.name)?.pending : undefined;
    // Nothing is believed of a list that was not tested; and no change of one that was not tested since: it may just have ended.
    if (kind === 'list' && !((this.states.health.get(name)?.at ?? -1) >= (pending?.at ?? 0))) {
      job.due = now + 2 * TICK;
      return;
    }
    job.state = 'waiting';
    (kind === 'zone' || pending ? line.urgent : line.usual).add(job);
  }

  /** Starts what may start, the lines in turn. */
  private pump(): void {
    for (let idle = 0; idle < this.inTurn.length && this.running < AT_ONCE && !this.stopped; )
      idle = this.startOneOf(this.inTurn[this.turn++ % this.inTurn.length]!) ? 0 : idle + 1;
  }

  private startOneOf(line: Line): boolean {
    if (line.running >= OF_ONE_LINE) return false;
    for (const waiting of [line.urgent, line.usual])
      for (const job of waiting) {
        if (!this.isWanted(job)) {
          waiting.delete(job);
          continue;
        }
        const taken = this.cost(job);
        // The rest of the line waits behind it: else those that take little would never leave enough for a test.
        if (taken > 0 && !line.quota!.take(taken, this.parts.now())) return false;
        waiting.delete(job);
        void this.run(job, { left: taken });
        return true;
      }
    return false;
  }

  /** Questions that may come of it. */
  private cost({ kind, name }: Job): number {
    if (kind === 'zone') return testsOf(this.lists.get(name)!) * TRIES;
    return kind === 'list' && isAsked(this.stateOf(name)) ? TRIES : 0;
  }

  private async run(job: Job, purse: { left: number }): Promise<void> {
    const { line } = job;
    const { quota } = line;
    job.state = 'running';
    line.running++;
    this.running++;
    const outcome = await this.outcomeOf(job, purse);
    quota?.give(purse.left);
    line.running--;
    this.running--;
    job.state = 'asleep';
    if (this.isWanted(job)) this.timeAgain(job, outcome);
    this.pump();
  }

  private async outcomeOf(job: Job, purse: { left: number }): Promise<Outcome> {
    try {
      if (job.kind === 'zone') return await this.test(job, purse);
      return job.kind === 'list' ? await this.askList(job, purse) : await this.check(job);
    } catch (error) {
      if (!(error instanceof Unanswered))
        this.parts.log.error(
          { check: job.name, error: (error as Error).stack },
          'a check failed by a mistake of its own',
        );
      return 'failed';
    }
  }

  private timeAgain(job: Job, outcome: Outcome): void {
    job.failures = outcome === 'failed' || outcome === 'left' ? job.failures + 1 : 0;
    // Jittered, so that jobs that were due together drift apart.
    const usual = this.intervalOf(job) * (1 - JITTER + Math.random() * 2 * JITTER);
    const least = job.kind === 'zone' ? this.paces.get(job.name)!.test : 0;
    const again = Math.max(least, RETRY * 2 ** (job.failures - 1) * (0.8 + Math.random() * 0.4));
    const wait = { fine: usual, left: usual, unconfirmed: this.settings!.confirmAfter, failed: again }[outcome];
    job.last = this.parts.now();
    job.due = job.last + Math.min(usual, wait);
    if (outcome === 'unconfirmed') this.testSoon(job.name);
  }

  private async test(job: Job, purse: { left: number }): Promise<Outcome> {
    const { name } = job;
    const list = this.lists.get(name)!;
    const probing = this.inWorld((world) => {
      const { ask, signal } = this.counted(list, world, purse);
      return probe(list, ask, { signal });
    });
    const health = await probing.catch(unanswered((cause): ZoneHealth => ({ state: 'unreachable', cause })));
    if (!this.isWanted(job)) return 'failed';
    const now = this.parts.now();
    const before = this.states.health.get(name);
    this.states.health.set(name, { ...health, at: now });
    const healthy = health.state === 'healthy';
    if (before?.state !== health.state) {
      this.parts.log[healthy ? 'info' : 'warn']({ list: name, ...health }, 'state of a list');
      // What it could not be believed about is asked again.
      if (healthy)
        for (const each of this.jobs.get(`list ${name}`)!.values())
          if (each.failures > 0) each.due = Math.min(each.due, this.soon(now));
    }
    return healthy ? 'fine' : 'failed';
  }

  /** Before a change is believed: a list that ends seems to list everything, or nothing. */
  private testSoon(list: string): void {
    const job = this.jobs.get(`zone ${list}`)!.get(NOBODY.name)!;
    const { at } = this.states.health.get(list)!;
    const least = Math.max(this.settings!.confirmAfter, this.paces.get(list)!.test * HASTE);
    job.due = Math.min(job.due, Math.max(this.parts.now(), at + least));
  }

  private async askList(job: Job, purse: { left: number }): Promise<Outcome> {
    const { name, target } = job;
    const list = this.lists.get(name)!;
    const { state, cause } = this.states.health.get(name)!;
    const nothing = { kind: 'blocklist', list: name, target: target.name, codes: [], meaning: '', reason: '' } as const;
    if (!isAsked(state)) {
      const why =
        state === 'refused' ? { verdict: state, cause } : { verdict: 'error' as const, cause: `zone_${state}` };
      this.states.take({ ...nothing, ...why }, this.parts.now());
      return 'left';
    }
    const fresh = this.states.listState(name, target.name)?.pending !== undefined;
    const asking = this.inWorld(
      (world) => inquire(list, target, state, this.counted(list, world, purse)),
      silently,
      fresh,
    );
    const readings = await asking.catch(unanswered((why): Reading[] => [{ ...nothing, verdict: 'error', cause: why }]));
    let outcome: Outcome = 'fine';
    if (!this.isWanted(job)) return outcome;
    for (const reading of readings) {
      const unconfirmed = this.states.take(reading, this.parts.now());
      if (reading.kind === 'blocklist' && !isAnswer(reading.verdict)) outcome = state === 'healthy' ? 'failed' : 'left';
      else if (unconfirmed) outcome = 'unconfirmed';
    }
    return outcome;
  }

  private async check(job: Job): Promise<Outcome> {
    const { name, target } = job;
    try {
      const readings = await this.inWorld((world) => this.parts.checks.get(name)!.run(target, world));
      if (!this.isWanted(job)) return 'fine';
      const now = this.parts.now();
      for (const reading of readings) this.states.take(reading, now);
      if (!readings.some(({ kind }) => kind === 'dns_check')) this.states.nothing(name, target.name, now);
      return 'fine';
    } catch (error) {
      if (error instanceof Unanswered && this.isWanted(job))
        this.states.unanswered(name, target.name, error.message, this.parts.now());
      throw error;
    }
  }

  /** Neither stopped nor taken off the plan in the meantime. */
  private isWanted(job: Job): boolean {
    return !this.stopped && !job.gone;
  }

  private stateOf(list: string): ZoneState {
    return this.states.health.get(list)?.state ?? 'unknown';
  }

  /** Work in a world that ends with the program's patience, and with the program. */
  private async inWorld<T>(
    work: (world: World) => Promise<T>,
    tell: World['tell'] = silently,
    fresh = false,
  ): Promise<T> {
    const { ask, now } = this.parts;
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), PATIENCE);
    this.underWay.add(ending);
    try {
      const world: World = {
        ask: fresh ? (name, type, options) => ask(name, type, { ...options, fresh: true }) : ask,
        fetch: this.parts.fetch ?? fetch,
        signal: ending.signal,
        now,
        tell,
      };
      return await Promise.race([work(world), ended(ending.signal)]);
    } finally {
      clearTimeout(timer);
      this.underWay.delete(ending);
    }
  }

  private counted({ list }: ChosenList, world: World, purse = { left: 0 }): World {
    const quota = this.lines.get(QUOTA + list.quota.pool)!.quota!;
    return { ...world, ask: quota.within(world.ask, purse, this.parts.now) };
  }

  private async save(): Promise<void> {
    for (const [place, { quota }] of this.lines) {
      const level = quota?.unsaved();
      if (level) this.unsaved.set(place, JSON.stringify(level));
    }
    await this.states.save();
    const { unsaved } = this;
    if (unsaved.size === 0) return;
    this.unsaved = new Map();
    try {
      await this.parts.shelf.keep(unsaved);
    } catch {
      this.unsaved = new Map([...unsaved, ...this.unsaved]);
    }
  }
}

/** As the configuration has it of the pool, or the list. */
const perDay = ({ quota }: ChosenList['list'], settings: ChecksSettings | undefined) =>
  settings?.perDay[quota.pool] ?? quota.perDay;

/** Questions that testing a list takes, at most: two entries of each kind, and the zone itself. */
const testsOf = ({ list }: ChosenList) => 2 * Object.keys(list.test).length + 1;

/** A list that refuses us or cannot be reached is left in peace until its test entries answer. */
const isAsked = (state: ZoneState) => worthAsking(state) && state !== 'refused' && state !== 'unreachable';

/** "Unsupported" will not change. */
const isAnswer = (verdict: BlocklistReading['verdict']) => DEFINITE.includes(verdict) || verdict === 'unsupported';

const silently = (): void => {};

/** For what came to nothing when the program's patience ended: what that says. A mistake stays one. */
function unanswered<T>(says: (why: Unanswered['reason']) => T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Unanswered) return says(error.reason);
    throw error;
  };
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new Unanswered('aborted', 'given up: it took too long, or the program ends'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** What was asked for wins over what was pushed about the same, and of what two sources pushed the first. */
function* either(asked: Iterable<Sample>, pushed: Iterable<Sample>): Generator<Sample> {
  const told = new Set<string>();
  for (const sample of asked) {
    told.add(sample[0].join(' '));
    yield sample;
  }
  for (const sample of pushed) {
    const series = sample[0].join(' ');
    if (!told.has(series)) yield sample;
    told.add(series);
  }
}
