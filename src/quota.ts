/**
 * Allowances become leave to ask: a bucket of tokens for each pool of lists, filled evenly over the day. What is left is kept over
 * restarts, so that restarting often is no way around an operator's terms.
 */

export interface Allowance {
  pool: string;
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

export class Quota {
  private readonly perDay: number;
  private readonly most: number;
  private level: Level;

  /** `level` as it was kept; undefined: never asked before. */
  constructor({ perDay }: Allowance, level: Level | undefined, now: number) {
    this.perDay = perDay;
    this.most = Math.max(1, Math.floor(perDay * BURST));
    this.level = level ?? { tokens: this.most, at: now };
  }

  /** Whether `count` questions may be put now; they are then taken for put. */
  take(count: number, now: number): boolean {
    this.fill(now);
    if (this.level.tokens < count) return false;
    this.level.tokens -= count;
    return true;
  }

  /** When `count` questions may be put (Unix ms), if nobody else asks before. */
  next(count: number, now: number): number {
    this.fill(now);
    const lack = Math.min(count, this.most) - this.level.tokens;
    return lack <= 0 ? now : now + Math.ceil((lack / this.rate) * 1000);
  }

  get kept(): Level {
    return { ...this.level };
  }

  /** Tokens a second, so that a full bucket and a day of filling make no more than the day's allowance. */
  private get rate(): number {
    return ((this.perDay - this.most) * 1000) / DAY;
  }

  private fill(now: number): void {
    // A clock that was set back brings nothing and takes nothing.
    const passed = Math.max(0, now - this.level.at);
    this.level = { tokens: Math.min(this.most, this.level.tokens + (passed * this.rate) / 1000), at: now };
  }
}
