/**
 * Allowances become leave to ask: a bucket of tokens for each pool of lists, filled evenly over the day; and intervals that keep
 * within it. What is left is kept over restarts, so that restarting often is no way around an operator's terms.
 */
import { type Ask, Unanswered } from './check.ts';

export interface Allowance {
  /** Questions. */
  perDay: number;
}

export interface Level {
  tokens: number;
  /** Unix ms. */
  at: number;
}

const DAY = 24 * 3600_000;
/** Share of a day's questions that may be asked at once: enough to look at a few targets right after the start. */
const BURST = 0.01;
/** Yet as many as the test entries of any list take. */
const LEAST_BURST = 30;
/** How often the resolver puts a question that is not answered. What is refused or lost is taken for asked so often. */
export const TRIES = 3;
/** Of an allowance: what is planned for targets, and for the test entries of the lists. The rest is for confirmations, retries and people. */
const PLANNED = 0.8;
const TESTED = 0.1;

const burst = (perDay: number) => Math.min(perDay, Math.max(LEAST_BURST, Math.floor(perDay * BURST)));

/** What comes in over a day, so that a full bucket and a day of filling make no more than the day's allowance. */
const evenly = (perDay: number) => perDay - burst(perDay);

export class Quota {
  private readonly perDay: number;
  private readonly most: number;
  private level: Level;
  private changed = false;

  /** `level` as it was kept; undefined: never asked before. */
  constructor({ perDay }: Allowance, level: Level | undefined, now: number) {
    this.perDay = perDay;
    this.most = burst(perDay);
    this.level = level ?? { tokens: this.most, at: now };
  }

  /** Whether `count` questions may be put now; they are then taken for put. */
  take(count: number, now: number): boolean {
    this.fill(now);
    if (this.level.tokens < count) return false;
    this.level.tokens -= count;
    this.changed = true;
    return true;
  }

  /** Gives back what was taken and not used. */
  give(count: number): void {
    this.level.tokens = Math.min(this.most, this.level.tokens + count);
    this.changed = true;
  }

  /** An `ask` that first takes from what is `left` of what was taken before, then from the allowance. What is used up is not asked. */
  within(ask: Ask, purse: { left: number }, now: () => number): Ask {
    return async (name, type, options) => {
      if (purse.left >= TRIES) purse.left -= TRIES;
      else if (!this.take(TRIES, now()))
        throw new Unanswered('allowance', 'the allowance of the list is used up for now');
      const answer = await ask(name, type, options);
      if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') this.give(TRIES - 1);
      return answer;
    };
  }

  get kept(): Level {
    return { ...this.level };
  }

  /** What is to be kept, if anything changed since the last call. */
  unsaved(): Level | undefined {
    if (!this.changed) return undefined;
    this.changed = false;
    return this.kept;
  }

  private fill(now: number): void {
    // A clock that was set back brings nothing and takes nothing.
    const passed = Math.max(0, now - this.level.at);
    const brought = (passed * evenly(this.perDay)) / DAY;
    this.level = { tokens: Math.min(this.most, this.level.tokens + brought), at: now };
  }
}

/** A list as far as it draws on an allowance. */
export interface Demand {
  pool: string;
  /** Of the pool. */
  perDay: number;
  /** How often one target may be asked about, ms. */
  interval: number;
  targets: number;
  /** Questions that its test entries take. */
  tests: number;
}

/** Milliseconds. `ask`: between two questions about one target. `test`: between two looks at the test entries, at the least. */
export interface Pace {
  ask: number;
  test: number;
}

/** As often as a list allows, or less often where so many targets would use its pool's allowance up. */
export function paces(lists: ReadonlyMap<string, Demand>): Map<string, Pace> {
  const asked = new Map<string, number>();
  const tests = new Map<string, number>();
  for (const { pool, interval, targets, tests: questions } of lists.values()) {
    asked.set(pool, (asked.get(pool) ?? 0) + (targets * DAY) / interval);
    tests.set(pool, (tests.get(pool) ?? 0) + questions);
  }
  return new Map(
    [...lists].map(([name, { pool, perDay, interval }]) => [
      name,
      {
        ask: interval * Math.max(1, asked.get(pool)! / (evenly(perDay) * PLANNED)),
        test: (tests.get(pool)! * DAY) / (evenly(perDay) * TESTED),
      },
    ]),
  );
}
