/** Recipients' domains that no table knows become mailbox providers by their mail exchangers: looked up beside ingest, for the next time. */
import { type Ask, Unanswered } from './check.ts';
import { learnProvider, providerOfMx, wondered } from './mailbox-provider.ts';

/** Domains looked up at a time; the rest waits, bounded by mailbox-provider.ts. */
const AT_ONCE = 20;
const EVERY = 500;
/** A domain about which nobody answered is looked up again after this long (ms), so often, as long as so many wait for it at most. */
const AGAIN = 5 * 60_000;
const TIMES = 12;
const MOST_WAITING = 10_000;

interface Waiting {
  domain: string;
  failures: number;
  /** Unix ms. */
  due: number;
}

export class MxLookup {
  private readonly ask: Ask;
  private readonly now: () => number;
  private timer: NodeJS.Timeout | undefined;
  private running = 0;
  /** In the order in which they are due. */
  private readonly waiting: Waiting[] = [];
  private readonly stopping = new AbortController();

  constructor(ask: Ask, now: () => number = Date.now) {
    this.ask = ask;
    this.now = now;
  }

  start(): void {
    this.timer ??= setInterval(() => this.pump(), EVERY);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.stopping.abort();
  }

  /** Puts as many look-ups on their way as may be under way. */
  pump(): void {
    for (; this.running < AT_ONCE; this.running++) {
      const next = this.next();
      if (next === undefined) return;
      void this.look(next).finally(() => this.running--);
    }
  }

  private next(): Waiting | undefined {
    const domain = wondered();
    if (domain !== undefined) return { domain, failures: 0, due: 0 };
    return (this.waiting[0]?.due ?? Number.POSITIVE_INFINITY) <= this.now() ? this.waiting.shift() : undefined;
  }

  /** No answer changes nothing: the domain stays with what its name says, and is looked up again. */
  private async look({ domain, failures }: Waiting): Promise<void> {
    try {
      const { rcode, records } = await this.ask(domain, 'MX', { signal: this.stopping.signal });
      const best = records
        .filter(({ type }) => type === 'MX')
        .sort((a, b) => (a.preference ?? 0) - (b.preference ?? 0))[0];
      if (best !== undefined) learnProvider(domain, providerOfMx(best.data));
      if (rcode === 'NOERROR' || rcode === 'NXDOMAIN') return;
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      // What cannot be a name in a question never will be.
      if (error.reason === 'malformed') return;
    }
    if (failures + 1 < TIMES && this.waiting.length < MOST_WAITING)
      this.waiting.push({ domain, failures: failures + 1, due: this.now() + AGAIN });
  }
}
