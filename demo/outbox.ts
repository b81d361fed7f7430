/**
 * Bodies become posts, in order, one at a time for each feed; what the other side cannot take now is sent again as it is,
 * as senders do, up to a bound. What is given up is said, and counted.
 */

export interface Letter {
  body: string;
  headers: Record<string, string>;
  /** Events or lines in it, for the report. */
  items: number;
}

/** Milliseconds before the second, third, … try: about a minute and a half in all. */
const PAUSES = [250, 500, 1000, 2000, 4000, 8000, 15_000, 30_000, 30_000];
const TIMEOUT_MS = 10_000;
/** Letters that may wait; more means that the other side has been away for long. */
const ROOM = 200;

export interface OutboxOptions {
  url: string;
  /** Told what was given up, for a person. */
  report(message: string): void;
  /** Shorter in tests. */
  pauses?: readonly number[];
}

export class Outbox {
  posts = 0;
  retries = 0;
  accepted = 0;
  /** Items given up. */
  lost = 0;
  private readonly options: OutboxOptions;
  private readonly waiting: Letter[] = [];
  private busy: Promise<void> | undefined;

  constructor(options: OutboxOptions) {
    this.options = options;
  }

  get pending(): number {
    return this.waiting.reduce((sum, { items }) => sum + items, 0);
  }

  post(letter: Letter): void {
    if (this.waiting.length >= ROOM) {
      this.giveUp(letter, `${ROOM} posts are waiting already`);
      return;
    }
    this.waiting.push(letter);
    this.busy ??= this.work();
  }

  /** Resolves when nothing waits any longer, sent or given up. */
  async drained(): Promise<void> {
    while (this.busy) await this.busy;
  }

  private async work(): Promise<void> {
    for (let letter = this.waiting[0]; letter; letter = this.waiting[0]) {
      await this.deliver(letter);
      this.waiting.shift();
    }
    this.busy = undefined;
  }

  private async deliver(letter: Letter): Promise<void> {
    const pauses = this.options.pauses ?? PAUSES;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.once(letter);
      if (answer === 'taken') {
        this.accepted += letter.items;
        return;
      }
      const pause = pauses[attempt];
      if (answer.final || pause === undefined) {
        this.giveUp(letter, answer.problem);
        return;
      }
      this.retries++;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  private async once({ body, headers }: Letter): Promise<'taken' | { problem: string; final: boolean }> {
    this.posts++;
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(this.options.url, { method: 'POST', body, headers, signal });
      const said = (await response.text()).trim().slice(0, 200);
      if (response.ok) return 'taken';
      const final = response.status < 500 && response.status !== 429;
      return { problem: `answered ${response.status} ${said}`.trim(), final };
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return { problem: cause instanceof Error ? cause.message : String(cause), final: false };
    }
  }

  private giveUp({ items }: Letter, problem: string): void {
    this.lost += items;
    this.options.report(`${this.options.url}: ${items} items given up: ${problem}`);
  }
}
