/**
 * Jobs whose turn has come become jobs that run: they wait in lines, one for each allowance and one for each check of DNS, which
 * take turns; and the first of a line starts when the allowance has left what it may cost.
 */
import type { Job } from './check-plan.ts';
import { type Level, Quota } from './quota.ts';

/** Jobs under way, in all and of one line. The resolver has bounds of its own for the questions that they put. */
const AT_ONCE = 200;
const OF_ONE_LINE = 25;

/** What was taken of the allowance for a job, and not used yet. */
export interface Purse {
  left: number;
}

interface Line {
  /** Of a check of DNS: none. */
  quota: Quota | undefined;
  /** Tests of lists and confirmations, before all others. Each set is in the order in which they came. */
  urgent: Set<Job>;
  usual: Set<Job>;
  running: number;
  /** The first that waits was not let through by the allowance. */
  short: boolean;
}

export interface LinesParts {
  now(): number;
  /** Neither stopped nor taken off the plan in the meantime. */
  isWanted(job: Job): boolean;
  /** Questions that may come of it, each try counted. */
  cost(job: Job): number;
  /** Never rejects. */
  run(job: Job, purse: Purse): Promise<void>;
}

export class Lines {
  private readonly parts: LinesParts;
  /** By pool of lists, or by check: an allowance outlasts its lists. */
  private readonly lines = new Map<string, Line>();
  private inTurn: Line[] = [];
  private running = 0;
  private turn = 0;

  constructor(parts: LinesParts) {
    this.parts = parts;
  }

  open(name: string): Line {
    const line = this.lines.get(name) ?? {
      quota: undefined,
      urgent: new Set(),
      usual: new Set(),
      running: 0,
      short: false,
    };
    this.lines.set(name, line);
    this.inTurn = [...this.lines.values()];
    return line;
  }

  /** `kept`: what was left of it in the life before. */
  allow(pool: string, perDay: number, kept: Level | undefined): void {
    const line = this.open(pool);
    line.quota = new Quota({ perDay }, line.quota?.kept ?? kept, this.parts.now());
  }

  quota(pool: string): Quota {
    return this.lines.get(pool)!.quota!;
  }

  *unsaved(): Generator<[pool: string, level: Level]> {
    for (const [name, { quota }] of this.lines) {
      const level = quota?.unsaved();
      if (level) yield [name, level];
    }
  }

  add(job: Job, urgent: boolean): void {
    const line = this.lines.get(job.line)!;
    job.state = 'waiting';
    (urgent ? line.urgent : line.usual).add(job);
  }

  /** How many of a list wait for its allowance. */
  waiting(pool: string, list: string): number {
    const { short, urgent, usual } = this.lines.get(pool)!;
    if (!short) return 0;
    const its = [...urgent, ...usual].filter(({ kind, name }) => kind === 'list' && name === list);
    return its.filter((job) => this.parts.isWanted(job)).length;
  }

  /** Starts what may start, the lines in turn. */
  pump(): void {
    for (let idle = 0; idle < this.inTurn.length && this.running < AT_ONCE; )
      idle = this.startOneOf(this.inTurn[this.turn++ % this.inTurn.length]!) ? 0 : idle + 1;
  }

  private startOneOf(line: Line): boolean {
    if (line.running >= OF_ONE_LINE) return false;
    line.short = false;
    for (const waiting of [line.urgent, line.usual])
      for (const job of waiting) {
        if (!this.parts.isWanted(job)) {
          waiting.delete(job);
          continue;
        }
        const taken = this.parts.cost(job);
        // The rest of the line waits behind it: else those that take little would never leave enough for a test.
        line.short = taken > 0 && !line.quota!.take(taken, this.parts.now());
        if (line.short) return false;
        waiting.delete(job);
        void this.run(line, job, { left: taken });
        return true;
      }
    return false;
  }

  private async run(line: Line, job: Job, purse: Purse): Promise<void> {
    const { quota } = line;
    job.state = 'running';
    line.running++;
    this.running++;
    await this.parts.run(job, purse);
    quota?.give(purse.left);
    line.running--;
    this.running--;
    job.state = 'asleep';
    this.pump();
  }
}
