/**
 * Targets, lists and checks become questions, spread over their intervals and held to every list's allowance, and their answers
 * become what is known (check-states.ts). Nothing is ever asked because somebody scrapes.
 */
import { readdirSync } from 'node:fs';
import { extname } from 'node:path';
import type { Logger } from 'pino';
import type { ChosenList } from './blocklist.ts';
import { inquire, worthAsking } from './blocklist-verdict.ts';
import { type Ask, type Check, type Target, Unanswered, type World } from './check.ts';
import { type Ages, checkSamples, type Sample } from './check-gauges.ts';
import { CheckStates, type Shelf } from './check-states.ts';
import { concerned } from './checks/blocklist.ts';
import type { ChecksSettings } from './checks-config.ts';
import type { GaugeFamily } from './exposition.ts';
import { CHECK_GAUGES } from './metrics.ts';
import { Quota } from './quota.ts';
import { DEFINITE, type Reading } from './reading.ts';
import type { SeriesStore } from './series.ts';
import { chooseTargets, Senders } from './targets.ts';
import { probe } from './zone-health.ts';

/** Milliseconds. */
const TICK = 1000;
/** Between two looks at who sent mail. */
const LOOK = 60_000;
/** A list that passed its test is tested again after this long; one that did not after the first of RETRY, then twice as long. */
const TEST = 30 * 60_000;
const RETRY = 60_000;
/** A check that does not come to an end. */
const PATIENCE = 60_000;
/** Jobs under way. The resolver has a bound of its own for the questions that they put. */
const AT_ONCE = 200;
/** Questions that testing a list takes, at most. */
const TEST_QUESTIONS = 5;
/** Of an allowance, what is planned for: the rest is for tests, confirmations and people. */
const PLANNED = 0.8;
const DAY = 24 * 3600_000;
const QUOTA = 'quota:';

interface Job {
  kind: 'zone' | 'list' | 'check';
  /** Of the list or the check. */
  name: string;
  target: Target;
  /** Unix ms. */
  due: number;
  running: boolean;
  failures: number;
  /** To be asked past the cache: a confirmation. */
  fresh: boolean;
}

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
    const module = (await import(new URL(`./checks/${file}`, import.meta.url).href)) as { default: Check | (() => Check) };
    if (typeof module.default !== 'function') checks.set(file.slice(0, -extension.length), module.default);
  }
  return checks;
}

export class Watch {
  readonly states: CheckStates;
  private readonly parts: WatchParts;
  private readonly senders: Senders;
  private readonly quotas = new Map<string, Quota>();
  private readonly jobs = new Map<string, Job>();
  private readonly intervals = new Map<string, number>();
  private lists = new Map<string, ChosenList>();
  private targets = new Map<string, Target>();
  private settings: ChecksSettings | undefined;
  private ready: Job[] = [];
  private running = 0;
  private nextLook = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly stopping = new AbortController();

  constructor(parts: WatchParts) {
    this.parts = parts;
    this.states = new CheckStates(parts.shelf);
    this.senders = new Senders(parts.shelf.readings);
  }

  /** undefined: nothing is looked up. What is known of targets that stay is kept. */
  apply(settings: ChecksSettings | undefined): void {
    this.settings = settings;
    this.lists = new Map(settings?.lists.map((list) => [list.name, list]));
    this.quotas.clear();
    for (const { list } of this.lists.values()) {
      const { pool, perDay } = list.quota;
      if (this.quotas.has(pool)) continue;
      const kept = this.parts.shelf.readings.get(QUOTA + pool);
      const allowance = { pool, perDay: settings!.perDay[pool] ?? perDay };
      this.quotas.set(pool, new Quota(allowance, kept === undefined ? undefined : JSON.parse(kept), this.parts.now()));
    }
    for (const list of [...this.states.health.keys()]) if (!this.lists.has(list)) this.states.health.delete(list);
    this.nextLook = 0;
  }

  start(): void {
    this.timer = setInterval(() => {
      this.tick().catch((error: Error) => this.parts.log.error({ error: error.stack }, 'the plan of checks failed'));
    }, TICK);
  }

  /** What is under way is given up; what is known is in the next commit. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.save();
  }

  /** Puts what is due on its way. */
  async tick(): Promise<void> {
    const now = this.parts.now();
    if (now >= this.nextLook) {
      this.nextLook = now + LOOK;
      this.look(now);
    }
    for (const job of this.jobs.values())
      if (!job.running && job.due <= now && this.mayStart(job, now)) {
        job.running = true;
        this.ready.push(job);
      }
    this.pump();
    await this.save();
  }

  /** Families of what is known, for the exposition. `scores`: reputation that was pushed, beside what was asked. */
  *gauges(scores: Iterable<Sample>): Generator<GaugeFamily> {
    const { states } = this;
    const ages: Ages = {
      now: this.parts.now(),
      checkInterval: this.settings?.interval ?? 0,
      listInterval: (list) => this.intervals.get(list) ?? 0,
    };
    for (const [family, { name, help, labels }] of Object.entries(CHECK_GAUGES)) {
      const asked = checkSamples(family as keyof typeof CHECK_GAUGES, states, ages);
      yield { name, help, labels, samples: family === 'reputation' ? either(asked, scores) : asked };
    }
  }

  /** Asks now, for a person. Counts towards the allowances. */
  async ask(check: string, target: Target, tell: (step: string) => void): Promise<Reading[] | undefined> {
    const world = this.world(tell, false);
    if (check !== 'blocklist') return await this.parts.checks.get(check)?.run(target, world);
    const lists = concerned([...this.lists.values()], target);
    const readings = lists.map((list) => inquire(list, target, this.stateOf(list.name), this.counted(list, world)));
    return (await Promise.all(readings)).flat();
  }

  get checkNames(): string[] {
    return ['blocklist', ...this.parts.checks.keys()];
  }

  /** How many targets there are, and jobs for them, for the log and the landing page. */
  get size(): { targets: number; lists: number } {
    return { targets: this.targets.size, lists: this.lists.size };
  }

  private look(now: number): void {
    const { settings, parts } = this;
    for (const change of this.senders.look(parts.series, now)) this.unsaved.set(...change);
    for (const [pool, quota] of this.quotas) this.unsaved.set(QUOTA + pool, JSON.stringify(quota.kept));
    this.targets = settings ? chooseTargets(settings.targets, this.senders) : new Map();
    this.plan();
    const wanted = new Set<string>();
    const want = (kind: Job['kind'], name: string, target: Target): void => {
      const key = keyOf(kind, name, target.name);
      wanted.add(key);
      if (!this.jobs.has(key)) this.jobs.set(key, this.first({ kind, name, target }, now));
    };
    for (const name of this.lists.keys()) want('zone', name, NOBODY);
    for (const target of this.targets.values()) {
      for (const { name } of concerned([...this.lists.values()], target)) want('list', name, target);
      for (const [name, check] of parts.checks)
        if (check.targets.includes(target.kind) && !settings?.skip.includes(name)) want('check', name, target);
    }
    for (const key of this.jobs.keys()) if (!wanted.has(key)) this.jobs.delete(key);
    this.states.keepOnly((kind, name, target) => wanted.has(keyOf(kind, name, target)));
  }

  /** Intervals: as often as a list allows, or less often where so many targets would use its allowance up. */
  private plan(): void {
    const demand = new Map<string, number>();
    const base = new Map<string, number>();
    for (const [name, chosen] of this.lists) {
      const interval = Math.max(chosen.list.everyMinutes * 60_000, this.settings?.listInterval ?? 0);
      const targets = [...this.targets.values()].filter((target) => concerned([chosen], target).length > 0).length;
      const { pool } = chosen.list.quota;
      base.set(name, interval);
      demand.set(pool, (demand.get(pool) ?? 0) + (targets * DAY) / interval);
    }
    for (const [name, { list }] of this.lists) {
      const { pool, perDay } = list.quota;
      const planned = (this.settings?.perDay[pool] ?? perDay) * PLANNED;
      this.intervals.set(name, base.get(name)! * Math.max(1, demand.get(pool)! / planned));
    }
  }

  /** A new job starts within the next minute; one whose last answer is known goes on where it was, so that a restart is no burst. */
  private first({ kind, name, target }: Pick<Job, 'kind' | 'name' | 'target'>, now: number): Job {
    const at =
      kind === 'list'
        ? this.states.lists.get(`${name} ${target.name}`)?.at
        : kind === 'check'
          ? this.states.checks.get(`${name} ${target.name}`)?.at
          : undefined;
    const soon = kind === 'zone' ? 0 : Math.random() * Math.min(RETRY, this.targets.size * 1000);
    const due = at === undefined ? now + soon : Math.max(now + soon, at + this.intervalOf(kind, name));
    return { kind, name, target, due, running: false, failures: 0, fresh: false };
  }

  private intervalOf(kind: Job['kind'], name: string): number {
    if (kind === 'zone') return TEST;
    return kind === 'check' ? this.settings!.interval : (this.intervals.get(name) ?? TEST);
  }

  /** When not, the job has a new time. */
  private mayStart(job: Job, now: number): boolean {
    if (job.kind === 'check') return true;
    if (job.kind === 'list' && !this.states.health.has(job.name)) {
      job.due = now + 2 * TICK;
      return false;
    }
    const at = this.quotas.get(this.lists.get(job.name)!.list.quota.pool)!.next(job.kind === 'zone' ? TEST_QUESTIONS : 1, now);
    if (at <= now) return true;
    // Those that wait for the same allowance come at different times, each in its turn.
    job.due = at + Math.random() * 10 * (at - now);
    return false;
  }

  private pump(): void {
    while (this.running < AT_ONCE) {
      const job = this.ready.shift();
      if (!job) return;
      this.running++;
      void this.run(job).finally(() => {
        this.running--;
        job.running = false;
        this.pump();
      });
    }
  }

  private async run(job: Job): Promise<void> {
    if (this.stopping.signal.aborted || this.jobs.get(keyOf(job.kind, job.name, job.target.name)) !== job) return;
    let fine: boolean;
    let confirm = false;
    try {
      if (job.kind === 'zone') fine = await this.test(job.name);
      else if (job.kind === 'list') [fine, confirm] = await this.askList(job);
      else fine = await this.check(job);
    } catch (error) {
      this.parts.log.error({ check: job.name, error: (error as Error).stack }, 'a check failed by a mistake of its own');
      fine = false;
    }
    const now = this.parts.now();
    const interval = this.intervalOf(job.kind, job.name);
    job.failures = fine ? 0 : job.failures + 1;
    job.fresh = confirm;
    // Jittered, so that jobs that were due together drift apart.
    const usual = interval * (0.9 + Math.random() * 0.2);
    const again = confirm ? this.settings!.confirmAfter : RETRY * 2 ** (job.failures - 1) * (0.8 + Math.random() * 0.4);
    job.due = now + (fine && !confirm ? usual : Math.min(usual, again));
  }

  private async test(name: string): Promise<boolean> {
    const list = this.lists.get(name)!;
    const world = this.counted(list, this.world(() => {}, true));
    const health = await probe(list, world.ask, { signal: world.signal });
    const before = this.states.health.get(name);
    this.states.health.set(name, { ...health, at: this.parts.now() });
    if (before?.state !== health.state) {
      this.parts.log[health.state === 'healthy' ? 'info' : 'warn']({ list: name, ...health }, 'state of a list');
      // What it could not be believed about is asked again.
      if (health.state === 'healthy')
        for (const job of this.jobs.values())
          if (job.kind === 'list' && job.name === name && job.failures > 0)
            job.due = Math.min(job.due, this.parts.now() + Math.random() * RETRY);
    }
    return health.state === 'healthy';
  }

  private async askList(job: Job): Promise<[fine: boolean, confirm: boolean]> {
    const list = this.lists.get(job.name)!;
    const world = this.counted(list, this.world(() => {}, job.fresh));
    const state = this.stateOf(job.name);
    if (!worthAsking(state)) {
      const nothing = { verdict: 'error', codes: [], meaning: '', reason: '', cause: `zone_${state}` } as const;
      this.states.take({ kind: 'blocklist', list: job.name, target: job.target.name, ...nothing }, this.parts.now());
      return [false, false];
    }
    let [fine, confirm] = [true, false];
    for (const reading of await inquire(list, job.target, state, world)) {
      const unconfirmed = this.states.take(reading, this.parts.now());
      if (reading.kind !== 'blocklist') continue;
      // "Unsupported" will not change.
      fine = DEFINITE.includes(reading.verdict) || reading.verdict === 'unsupported';
      confirm = unconfirmed;
    }
    return [fine, confirm];
  }

  private async check({ name, target }: Job): Promise<boolean> {
    const now = this.parts.now();
    try {
      for (const reading of await this.parts.checks.get(name)!.run(target, this.world(() => {}, false)))
        this.states.take(reading, now);
      return true;
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      if (!this.stopping.signal.aborted) this.states.unanswered(name, target.name, error.message, now);
      return false;
    }
  }

  private stateOf(list: string) {
    return this.states.health.get(list)?.state ?? 'unknown';
  }

  private world(tell: World['tell'], fresh: boolean): World {
    const { ask, now } = this.parts;
    return {
      ask: fresh ? (name, type, options) => ask(name, type, { ...options, fresh: true }) : ask,
      fetch: this.parts.fetch ?? fetch,
      signal: AbortSignal.any([this.stopping.signal, AbortSignal.timeout(PATIENCE)]),
      now,
      tell,
    };
  }

  /** Each question takes from the list's allowance first; what is used up is not asked. */
  private counted({ list }: ChosenList, world: World): World {
    const quota = this.quotas.get(list.quota.pool)!;
    const ask: Ask = async (name, type, options) => {
      if (quota.take(1, this.parts.now())) return await world.ask(name, type, options);
      throw new Unanswered('aborted', 'the allowance of the list is used up for now');
    };
    return { ...world, ask };
  }

  private readonly unsaved = new Map<string, string | null>();
  private async save(): Promise<void> {
    await this.states.save();
    if (this.unsaved.size === 0) return;
    const changes = [...this.unsaved];
    this.unsaved.clear();
    // A quota or a sender that is not kept this minute is kept the next.
    await this.parts.shelf.keep(changes).catch(() => {});
  }
}

const keyOf = (kind: Job['kind'], name: string, target: string) => `${kind} ${name} ${target}`;

/** What was asked for wins over what was pushed about the same. */
function* either(asked: Iterable<Sample>, pushed: Iterable<Sample>): Generator<Sample> {
  const told = new Set<string>();
  for (const sample of asked) {
    told.add(sample[0].join(' '));
    yield sample;
  }
  for (const sample of pushed) if (!told.has(sample[0].join(' '))) yield sample;
}
