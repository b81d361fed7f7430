/**
 * Targets, lists and checks become jobs, each with the time at which its turn comes: spread over the interval, soon again after what
 * came to nothing, and after a restart where it was.
 */
import { type ChosenList, concerns } from './blocklist.ts';
import type { Check, Target } from './check.ts';
import type { CheckStates } from './check-states.ts';
import type { ChecksSettings } from './checks-config.ts';
import { type Demand, type Pace, paces } from './quota.ts';
import { DEFINITE, type ListVerdict } from './reading.ts';

/** Milliseconds. A list that passed its test is tested again after this long; what failed after the first of RETRY, then twice as long. */
const TEST = 30 * 60_000;
const RETRY = 60_000;
const JITTER = 0.1;
/** Of the time that is kept between two tests, for a test on account of a change. */
const HASTE = 0.25;
/** A certificate that was not seen for so long is forgotten. */
const CERTIFICATES = 7 * 24 * 3600_000;

export type Kind = 'zone' | 'list' | 'check';

export interface Job {
  kind: Kind;
  /** Of the list or the check. */
  name: string;
  target: Target;
  /** Where it waits for its turn: the list's pool, or the check. */
  line: string;
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

/**
 * What became of a job. `unconfirmed`: a change that is believed when it comes again. `left`: nothing that a list in such a state can
 * be believed; it is left in peace until it passes its test.
 */
export type Outcome = 'fine' | 'unconfirmed' | 'failed' | 'left';

/** The test entries of a list are about nobody. */
export const NOBODY: Target = { kind: 'domain', name: '' };

/** The line of a list; one of a check goes by the check's name, which no pool may have. */
export const lineOf = ({ list }: ChosenList): string => `quota:${list.quota.pool}`;

/** As the configuration has it of the pool, or the list. */
export const perDay = ({ list: { quota } }: ChosenList, settings: ChecksSettings | undefined): number =>
  settings?.perDay[quota.pool] ?? quota.perDay;

/** Questions that testing a list takes, at most: two entries of each kind, and the zone itself. */
export const testsOf = ({ list }: ChosenList): number => 2 * Object.keys(list.test).length + 1;

/** "Unsupported" will not change. */
export const isAnswer = (verdict: ListVerdict): boolean => DEFINITE.includes(verdict) || verdict === 'unsupported';

export class Plan {
  lists: ReadonlyMap<string, ChosenList> = new Map();
  targets: ReadonlyMap<string, Target> = new Map();
  /** Names of those that are made. */
  checks: readonly string[] = [];
  private readonly states: CheckStates;
  private readonly known: ReadonlyMap<string, Check>;
  private settings: ChecksSettings | undefined;
  private jobs: Jobs = new Map();
  private paces = new Map<string, Pace>();

  constructor(states: CheckStates, known: ReadonlyMap<string, Check>) {
    this.states = states;
    this.known = known;
  }

  /** Makes jobs for what is wanted, and forgets what is no more. */
  arrange(settings: ChecksSettings | undefined, targets: ReadonlyMap<string, Target>, now: number): void {
    this.settings = settings;
    this.targets = targets;
    this.lists = new Map(settings?.lists.map((list) => [list.name, list]));
    this.checks = settings ? [...this.known.keys()].filter((name) => !settings.skip.includes(name)) : [];
    const before = this.jobs;
    const all = [...targets.values()];
    const about = new Map(
      [...this.lists.values()].map((list) => [list, all.filter(({ kind }) => concerns(list, kind))]),
    );
    this.pace(about);
    this.jobs = new Map();
    for (const [list, its] of about) {
      this.want('zone', list.name, lineOf(list), [NOBODY], before, now);
      this.want('list', list.name, lineOf(list), its, before, now);
    }
    for (const name of this.checks) {
      const its = all.filter(({ kind }) => this.known.get(name)!.targets.includes(kind));
      this.want('check', name, name, its, before, now);
    }
    for (const left of before.values()) for (const job of left.values()) job.gone = true;
    const isPlanned = (kind: Kind, name: string, target: string) =>
      this.jobs.get(`${kind} ${name}`)?.has(target) ?? false;
    this.states.keepOnly(isPlanned, now - CERTIFICATES);
    const names = (kind: string, of: Iterable<string>) => [...of].map((name) => `${kind} ${name}`);
    const beginnings = [names('target', targets.keys()), names('list', this.lists.keys()), names('check', this.checks)];
    this.states.begin(new Set(beginnings.flat()), now);
  }

  /** Jobs that are asleep and whose turn has come. */
  *due(now: number): Generator<Job> {
    for (const group of this.jobs.values())
      for (const job of group.values()) if (job.state === 'asleep' && job.due <= now) yield job;
  }

  *wanted(kind: Kind): Generator<[name: string, target: string]> {
    for (const [group, jobs] of this.jobs) {
      if (!group.startsWith(`${kind} `)) continue;
      for (const { name, target } of jobs.values()) yield [name, target.name];
    }
  }

  intervalOf({ kind, name }: Pick<Job, 'kind' | 'name'>): number {
    if (kind === 'check') return this.settings!.interval;
    const { ask, test } = this.paces.get(name)!;
    return kind === 'zone' ? Math.max(TEST, test) : ask;
  }

  /** Time between two questions about one target, of a list that may have left the plan. */
  listInterval(list: string): number {
    return this.paces.get(list)?.ask ?? 0;
  }

  /** Nothing is believed of a list that was not tested; and no change of one that was not tested since: it may just have ended. */
  isTested({ name, target }: Job): boolean {
    const { pending } = this.states.listState(name, target.name) ?? {};
    return (this.states.health.get(name)?.at ?? -1) >= (pending?.at ?? 0);
  }

  isUrgent({ kind, name, target }: Job): boolean {
    return kind === 'zone' || (kind === 'list' && this.states.listState(name, target.name)?.pending !== undefined);
  }

  ended(job: Job, outcome: Outcome, now: number): void {
    job.failures = outcome === 'failed' || outcome === 'left' ? job.failures + 1 : 0;
    const interval = this.intervalOf(job);
    // Jittered, so that jobs that were due together drift apart.
    const usual = interval * (1 - JITTER + Math.random() * 2 * JITTER);
    const least = job.kind === 'zone' ? this.paces.get(job.name)!.test : 0;
    const again = Math.max(least, RETRY * 2 ** (job.failures - 1) * (0.8 + Math.random() * 0.4));
    const confirmed = outcome === 'unconfirmed' ? this.confirmation(job, now) : 0;
    const wait = { fine: usual, left: usual, unconfirmed: confirmed, failed: again }[outcome];
    job.last = now;
    job.due = now + Math.min(usual, wait);
    if (outcome === 'unconfirmed') this.testSoon(job.name, now);
  }

  /** The list passed its test: what it could not be believed about is asked again. */
  recovered(list: string, now: number): void {
    for (const job of this.jobs.get(`list ${list}`)!.values())
      if (job.failures > 0) job.due = Math.min(job.due, this.soon(now));
  }

  /** How long to wait before a change that was met at `at` is asked for again: as long as an answer may come out of a cache. */
  private confirmation({ name, target }: Job, at: number): number {
    const { pending } = this.states.listState(name, target.name) ?? {};
    return Math.max(this.settings!.confirmAfter, (pending?.until ?? 0) - at);
  }

  /** Before a change is believed: a list that ends seems to list everything, or nothing. */
  private testSoon(list: string, now: number): void {
    const job = this.jobs.get(`zone ${list}`)!.get(NOBODY.name)!;
    const { at } = this.states.health.get(list)!;
    const least = Math.max(this.settings!.confirmAfter, this.paces.get(list)!.test * HASTE);
    job.due = Math.min(job.due, Math.max(now, at + least));
  }

  /** Jobs that are there already move over from `before`. */
  private want(kind: Kind, name: string, line: string, targets: readonly Target[], before: Jobs, now: number): void {
    const group = new Map<string, Job>();
    const old = before.get(`${kind} ${name}`);
    for (const target of targets) {
      const known = old?.get(target.name);
      old?.delete(target.name);
      const job: Job = known ?? {
        ...{ kind, name, line, target },
        ...{ due: 0, last: undefined, state: 'asleep', failures: 0, gone: false },
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
      const day = perDay(chosen, this.settings);
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
    if (job.last === undefined) job.due = soon;
    else {
      const interval = this.intervalOf(job);
      const wait = list?.pending ? Math.min(interval, this.confirmation(job, job.last)) : interval;
      job.due = Math.max(soon, job.last + wait);
    }
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
}
