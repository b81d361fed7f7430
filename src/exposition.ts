/**
 * The ledger's series become the text exposition format 0.0.4, or OpenMetrics 1.0: byte for byte what prom-client would
 * write, in pieces small enough that ingest goes on between them.
 */
import type { Ledger } from './ledger.ts';
import { type EventFamily, eventFamilies, variants } from './metrics.ts';
import { escapeLabel } from './series.ts';

export type Format = 'text' | 'openmetrics';
export const CONTENT_TYPE: Record<Format, string> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** As Prometheus asks: OpenMetrics only where the scraper names it, whatever its rank (all that name it read it). */
export function negotiate(accept: string | undefined): Format {
  return accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'text';
}

const PIECE = 64 * 1024;
/** Room for one series: a histogram's lines with labels of the greatest length. */
const MARGIN = 32 * 1024;

/** Yields pieces of about 64 KiB; each is the caller's to keep. Only committed values are shown. */
export function* exposition(ledger: Ledger, format: Format, now: number): Generator<Buffer> {
  ledger.scraped(now);
  const page = new Page();
  for (const [i, family] of eventFamilies.entries()) {
    page.text(head(family, format, i > 0));
    const last = eventFamilies[i + 1]?.first ?? variants.length;
    for (let variant = family.first; variant < last; variant++) {
      const write = writer(ledger, variant, now);
      for (const series of ledger.series.byVariant[variant]!) {
        write(page, series);
        if (page.full) yield page.take();
      }
    }
  }
  yield page.take();
}

function head({ name, help, type }: EventFamily, format: Format, separate: boolean): string {
  const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
  const blank = separate && format === 'text' ? '\n' : '';
  return `${blank}# HELP ${family} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${family} ${type}\n`;
}

/** What is the same for all series of a variant is made once; what is a series' own are its member's labels and its numbers. */
function writer(ledger: Ledger, variant: number, now: number): (page: Page, series: number) => void {
  const { family, values } = variants[variant]!;
  const { series: store } = ledger;
  const closed = family.closed.map(([label], i) => `,${label}="${escapeLabel(values[i]!)}"`).join('');
  const tail = Buffer.from(`${closed}} `);
  if (family.type === 'counter') {
    const start = Buffer.from(`${family.name}{`);
    return (page, series) =>
      page.line(
        start,
        store.member[series]!.text,
        tail,
        ledger.visible(series, now) ? store.committed[store.slot[series]!]! : 0,
      );
  }
  const bounds = [...family.buckets.map(String), '+Inf'].map((le) => Buffer.from(`${family.name}_bucket{le="${le}",`));
  const [sum, count] = [Buffer.from(`${family.name}_sum{`), Buffer.from(`${family.name}_count{`)];
  return (page, series) => {
    const { text } = store.member[series]!;
    const shown = ledger.visible(series, now) ? 1 : 0;
    let slot = store.slot[series]!;
    let total = 0;
    for (const bound of bounds) {
      total += shown * store.committed[slot++]!;
      page.line(bound, text, tail, total);
    }
    page.line(sum, text, tail, shown * store.committed[slot]!);
    page.line(count, text, tail, total);
  };
}

class Page {
  private buffer = Buffer.allocUnsafeSlow(PIECE + MARGIN);
  private at = 0;

  get full(): boolean {
    return this.at >= PIECE;
  }

  take(): Buffer {
    const piece = this.buffer.subarray(0, this.at);
    this.buffer = Buffer.allocUnsafeSlow(PIECE + MARGIN);
    this.at = 0;
    return piece;
  }

  text(text: string): void {
    this.at += this.buffer.write(text, this.at);
  }

  line(start: Buffer, labels: Buffer, tail: Buffer, value: number): void {
    this.copy(start);
    this.copy(labels);
    this.copy(tail);
    if (Number.isSafeInteger(value) && value >= 0) this.integer(value);
    else this.at += this.buffer.write(String(value), this.at, 'latin1');
    this.buffer[this.at++] = 10;
  }

  private copy(bytes: Buffer): void {
    const { buffer } = this;
    let at = this.at;
    // For pieces as short as these a loop is quicker than Buffer.copy, which leaves JavaScript.
    for (let i = 0; i < bytes.length; i++) buffer[at++] = bytes[i]!;
    this.at = at;
  }

  private integer(value: number): void {
    if (value < 10) {
      this.buffer[this.at++] = 48 + value;
      return;
    }
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    this.at += digits;
    let rest = value;
    for (let at = this.at - 1; digits > 0; digits--) {
      const tenth = Math.floor(rest / 10);
      this.buffer[at--] = 48 + (rest - tenth * 10);
      rest = tenth;
    }
  }
}

/**
 * prom-client's text as OpenMetrics. Its own OpenMetrics mode is not used: rendering it once renames the counters of the
 * registry for good (client_js pull request 829).
 */
export function openMetrics(text: string): string {
  return text
    .replace(/\n\n/g, '\n')
    .replace(/^# HELP (\S+) (.*)\n# TYPE \S+ counter$/gm, (_, name: string, help: string) => {
      const family = name.replace(/_total$/, '');
      return `# HELP ${family} ${help}\n# TYPE ${family} counter`;
    });
}
