/** Recipients' domains that no table knows become mailbox providers by their mail exchangers: looked up beside ingest, for the next time. */
import { type Ask, Unanswered } from './check.ts';
import { learnProvider, providerOfMx, wondered } from './mailbox-provider.ts';

/** Domains looked up at a time; the rest waits, bounded by mailbox-provider.ts. */
const AT_ONCE = 20;
const EVERY = 500;

export class MxLookup {
  private readonly ask: Ask;
  private timer: NodeJS.Timeout | undefined;
  private running = 0;
  private readonly stopping = new AbortController();

  constructor(ask: Ask) {
    this.ask = ask;
  }

  start(): void {
    this.timer ??= setInterval(() => this.pump(), EVERY);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.stopping.abort();
  }

  private pump(): void {
    for (; this.running < AT_ONCE; this.running++) {
      const domain = wondered();
      if (domain === undefined) return;
      void this.look(domain).finally(() => this.running--);
    }
  }

  /** No answer changes nothing: the domain stays with what its name says, until it is met again after others pushed it out. */
  private async look(domain: string): Promise<void> {
    try {
      const { records } = await this.ask(domain, 'MX', { signal: this.stopping.signal });
      const best = records
        .filter(({ type }) => type === 'MX')
        .sort((a, b) => (a.preference ?? 0) - (b.preference ?? 0))[0];
      if (best !== undefined) learnProvider(domain, providerOfMx(best.data));
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
    }
  }
}
