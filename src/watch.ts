/**
 * Targets, lists and checks become questions, held to every list's allowance, and their answers become what is known
 * (check-states.ts). When each has its turn is in check-plan.ts, who of them may start in check-lines.ts; here is what they do.
 * Nothing is ever asked because somebody scrapes.
 */
import { readdirSync } from 'node:fs';
import { extname } from 'node:path';
import type { Logger } from 'pino';
import type { ChosenList, ZoneState } from './blocklist.ts';
import { inquire, worthAsking } from './blocklist-verdict.ts';
import { type Ask, type Check, type Target, Unanswered, type World } from './check.ts';
import { checkSamples, type Planned, type Sample } from './check-gauges.ts';
import { Lines, type Purse } from './check-lines.ts';
import { isAnswer, type Job, lineOf, type Outcome, Plan, perDay, testsOf } from './check-plan.ts';
import { reach } from './check-reach.ts';
import { CheckStates, type Shelf } from './check-states.ts';
import { concerned } from './checks/blocklist.ts';
import type { ChecksSettings } from './checks-config.ts';
import type { GaugeFamily } from './exposition.ts';
import { CHECK_GAUGES } from './metrics.ts';
import { type Level, TRIES } from './quota.ts';
import type { Reading } from './reading.ts';
import type { SeriesStore } from './series.ts';
import { chooseTargets, Senders } from './targets.ts';
import { probe, type ZoneHealth } from './zone-health.ts';

/** Milliseconds. */
const TICK = 1000;
/** Between two looks at who sent mail. */
const LOOK = 15_000;
/** A check that does not come to an end. */
const PATIENCE = 60_000;

export interface WatchParts {
  shelf: Shelf;
  series: Pick<SeriesStore, 'resources'>;
  ask: Ask;
  /** Another way to the same names, where there is one: see zone-health.ts. */
  second?: () => Ask | undefined;
  checks: ReadonlyMap<string, Check>;
  log: Logger;
  now: () => number;
  fetch?: typeof fetch;
}

/** What a person is told. */
export interface Asked {
  readings: readonly Reading[];
  /** Lists that were not asked, since their allowance is used up for now. */
  unasked: readonly string[];
}

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
  private readonly plan: Plan;
  private readonly lines: Lines;
  private settings: ChecksSettings | undefined;
  private nextLook = 0;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly underWay = new Set<AbortController>();
  private unsaved = new Map<string, string | null>();

  constructor(parts: WatchParts) {
    this.parts = parts;
    this.states = new CheckStates(parts.shelf);
    this.senders = new Senders(parts.shelf.readings);
    this.plan = new Plan(this.states, parts.checks);
    this.lines = new Lines({
      now: parts.now,
      isWanted: (job) => this.isWanted(job),
      cost: (job) => this.cost(job),
      run: (job, purse) => this.run(job, purse),
    });
  }

  /** undefined: nothing is looked up. What is known of targets that stay is kept. */
  apply(settings: ChecksSettings | undefined): void {
    const { shelf, checks } = this.parts;
    for (const list of settings?.lists ?? []) {
      const kept = shelf.readings.get(lineOf(list));
      this.lines.allow(
        lineOf(list),
        perDay(list, settings),
        kept === undefined ? undefined : (JSON.parse(kept) as Level),
      );
    }
    for (const check of checks.keys()) this.lines.open(check);
    this.settings = settings;
    const names = new Set(settings?.lists.map(({ name }) => name));
    for (const list of [...this.states.health.keys()]) if (!names.has(list)) this.states.health.delete(list);
    this.look(this.parts.now(), true);
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
    for (const job of this.plan.due(now))
      if (job.kind !== 'list' || this.plan.isTested(job)) this.lines.add(job, this.plan.isUrgent(job));
      else job.due = now + 2 * TICK;
    if (!this.stopped) this.lines.pump();
    await this.save();
  }

  /** Families of what is known, for the exposition. `scores`: reputation that was pushed, beside what was asked. */
  *gauges(scores: Iterable<Sample>): Generator<GaugeFamily> {
    const { plan, lines, states } = this;
    const planned: Planned = {
      now: this.parts.now(),
      checkInterval: this.settings?.interval ?? 0,
      listInterval: (list) => plan.listInterval(list),
      lists: [...plan.lists.keys()],
      checks: plan.checks,
      waiting: (list) => lines.waiting(lineOf(plan.lists.get(list)!), list),
      wanted: (kind) => plan.wanted(kind),
      holds: (list, target) => plan.lists.get(list)!.question(plan.targets.get(target)!) !== undefined,
    };
    for (const [family, { name, help, labels }] of Object.entries(CHECK_GAUGES)) {
      const asked = checkSamples(family as keyof typeof CHECK_GAUGES, states, planned);
      yield { name, help, labels, samples: family === 'reputation' ? either(asked, scores) : asked };
    }
  }

  /** Asks now, for a person, until `signal`. Counts towards the allowances. */
  async ask(
    check: string,
    target: Target,
    tell: (step: string) => void,
    signal?: AbortSignal,
  ): Promise<Asked | undefined> {
    const work = async (world: World): Promise<Asked | undefined> => {
      if (check !== 'blocklist') {
        const readings = await this.parts.checks.get(check)?.run(target, world);
        return readings && { readings, unasked: [] };
      }
      const lists = concerned([...this.plan.lists.values()], target);
      const told = await Promise.all(
        lists.map((list) => inquire(list, target, this.stateOf(list.name), this.counted(list, world))),
      );
      return { readings: told.flat(), unasked: lists.filter((_, n) => told[n]!.length === 0).map(({ name }) => name) };
    };
    return await this.inWorld(work, { tell, ...(signal && { signal }) });
  }

  /** `anew`: other targets or not, the plan is made again. */
  private look(now: number, anew: boolean): void {
    this.nextLook = now + LOOK;
    const changes = this.senders.look(this.parts.series, now);
    for (const change of changes) this.unsaved.set(...change);
    if (!anew && changes.size === 0) return;
    const known = this.plan.targets;
    const before = known.size === 0 ? this.states.targets() : new Set(known.keys());
    const targets = this.settings
      ? chooseTargets(this.settings.targets, this.senders, before)
      : new Map<string, Target>();
    if (!anew && before.size === targets.size && [...targets.keys()].every((name) => before.has(name))) return;
    this.plan.arrange(this.settings, targets, now);
  }

  private cost({ kind, name }: Job): number {
    if (kind === 'zone') return testsOf(this.plan.lists.get(name)!) * TRIES;
    return kind === 'list' && isAsked(this.stateOf(name)) ? TRIES : 0;
  }

  private async run(job: Job, purse: Purse): Promise<void> {
    const outcome = await this.outcomeOf(job, purse);
    if (this.isWanted(job)) this.plan.ended(job, outcome, this.parts.now());
  }

  private async outcomeOf(job: Job, purse: Purse): Promise<Outcome> {
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

  private async test(job: Job, purse: Purse): Promise<Outcome> {
    const { name } = job;
    const list = this.plan.lists.get(name)!;
    const probing = this.inWorld((world) => {
      const { ask, signal } = this.counted(list, world, purse);
      const other = this.parts.second?.();
      // What is left of the allowance must do for it: nothing was taken beforehand.
      const second = other && this.counted(list, { ...world, ask: other }).ask;
      return probe(list, ask, { signal, ...(second && { second }) });
    });
    const health = await probing.catch(unanswered((cause): ZoneHealth => ({ state: 'unreachable', cause })));
    if (!this.isWanted(job)) return 'failed';
    const now = this.parts.now();
    const before = this.states.health.get(name);
    this.states.health.set(name, { ...health, at: now });
    const healthy = health.state === 'healthy';
    if (before?.state !== health.state) {
      this.parts.log[healthy ? 'info' : 'warn']({ list: name, ...health }, 'state of a list');
      if (healthy) this.plan.recovered(name, now);
    }
    return healthy ? 'fine' : 'failed';
  }

  private async askList(job: Job, purse: Purse): Promise<Outcome> {
    const { name, target } = job;
    const list = this.plan.lists.get(name)!;
    const { state, cause } = this.states.health.get(name)!;
    const nothing = { kind: 'blocklist', list: name, target: target.name, codes: [], meaning: '', reason: '' } as const;
    if (!isAsked(state)) {
      const why =
        state === 'refused' ? { verdict: state, cause } : { verdict: 'error' as const, cause: `zone_${state}` };
      this.states.take({ ...nothing, ...why }, this.parts.now());
      return 'left';
    }
    const fresh = this.states.listState(name, target.name)?.pending !== undefined;
    let seconds = 0;
    const asking = this.inWorld((world) => {
      const { ask, ...rest } = this.counted(list, world, purse);
      const timed: Ask = async (name, type, options) => {
        const answer = await ask(name, type, { ...options, ...(fresh && { fresh }) });
        if (type === 'A') seconds = answer.ttl ?? 0;
        return answer;
      };
      return inquire(list, target, state, { ...rest, ask: timed });
    });
    const readings = await asking.catch(unanswered((why): Reading[] => [{ ...nothing, verdict: 'error', cause: why }]));
    let outcome: Outcome = 'fine';
    if (!this.isWanted(job)) return outcome;
    const now = this.parts.now();
    for (const reading of readings) {
      // Resolvers count whole seconds, and in the last of them a cache still answers (unbound 1.17: with a TTL of 0).
      const unconfirmed = this.states.take(reading, now, now + (seconds + 1) * 1000);
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

  /** Work in a world that ends with the program's patience, with the program, and with the patience of whoever waits. */
  private async inWorld<T>(
    work: (world: World) => Promise<T>,
    { tell = () => {}, signal }: { tell?: World['tell']; signal?: AbortSignal } = {},
  ): Promise<T> {
    const { ask, now } = this.parts;
    const ending = new AbortController();
    const end = () => ending.abort();
    const timer = setTimeout(end, PATIENCE);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    this.underWay.add(ending);
    try {
      const ways = reach(ask, this.settings?.innerAddresses ?? 'refuse');
      const { fetch = ways.fetch } = this.parts;
      const world: World = { ...ways, ask, fetch, signal: ending.signal, now, tell };
      return await Promise.race([ended(ending.signal), work(world)]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      this.underWay.delete(ending);
    }
  }

  private counted(list: ChosenList, world: World, purse: Purse = { left: 0 }): World {
    return { ...world, ask: this.lines.quota(lineOf(list)).within(world.ask, purse, this.parts.now) };
  }

  private async save(): Promise<void> {
    for (const [pool, level] of this.lines.unsaved()) this.unsaved.set(pool, JSON.stringify(level));
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

/** A list that refuses us or cannot be reached is left in peace until its test entries answer. */
const isAsked = (state: ZoneState) => worthAsking(state) && state !== 'refused' && state !== 'unreachable';

/** For what came to nothing when the program's patience ended: what that says. A mistake stays one. */
function unanswered<T>(says: (why: Unanswered['reason']) => T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Unanswered) return says(error.reason);
    throw error;
  };
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new Unanswered('aborted', 'given up: it took too long, or nobody waits for it any more'));
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
