/**
 * The ledger's series become the text exposition format 0.0.4, or OpenMetrics 1.0: byte for byte what prom-client would
 * write, in pieces small enough that ingest goes on between them.
 */
import type { Ledger } from './ledger.ts';
import { eventFamilies, variants } from './metrics.ts';
import { escapeLabel, type SeriesStore } from './series.ts';

export type Format = 'text' | 'openmetrics';
export const CONTENT_TYPE: Record<Format, string> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** As Prometheus asks: OpenMetrics only where the scraper names it, whatever its rank (all that name it read it). */
export function negotiate(accept: string | undefined): Format {
  return accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'text';
}

const PIECE = 128 * 1024;
/** Room for one series: a histogram's lines with labels of the greatest length. */
const MARGIN = 32 * 1024;

export interface GaugeFamily {
  name: string;
  help: string;
  labels: readonly string[];
  /** Values of the labels in order, and the number. */
  samples: Iterable<readonly [labels: readonly string[], value: number]>;
}

export class Exposition {
  private readonly ledger: Ledger;
  private readonly prefixes: readonly Prefixes[];
  /** A fresh page is one that the kernel has to map and clear first. */
  private spare: Page | undefined;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
    this.prefixes = variants.map((_, variant) => new Prefixes(ledger.series, variant));
  }

  /**
   * Yields pieces of about 128 KiB; each is good until the next is asked for. Only committed values are shown. `gauges` are families
   * kept elsewhere, too many series for prom-client.
   */
  *pieces(format: Format, now: number, gauges: Iterable<GaugeFamily> = []): Generator<Buffer> {
    const { ledger } = this;
    ledger.scraped(now);
    const page = this.spare ?? new Page();
    this.spare = undefined;
    for (const [i, family] of eventFamilies.entries()) {
      page.text(head(family, format, i > 0));
      const last = eventFamilies[i + 1]?.first ?? variants.length;
      const write = family.type === 'histogram' ? histogram : counter;
      for (let variant = family.first; variant < last; variant++) {
        const all = ledger.series.byVariant[variant]!;
        const prefixes = this.prefixes[variant]!;
        for (let n = 0; n < all.length; n++) {
          write(page, prefixes, n, ledger.series, all[n]!, ledger.visible(all[n]!, now));
          if (page.full) yield page.take();
        }
      }
    }
    for (const { name, help, labels, samples } of gauges) {
      page.text(head({ name, help, type: 'gauge' }, format, true));
      for (const [values, value] of samples) {
        const text = labels.map((label, i) => `${label}="${escapeLabel(values[i]!)}"`).join(',');
        page.text(`${name}{${text}} ${value}\n`);
        if (page.full) yield page.take();
      }
    }
    yield page.take();
    this.spare = page;
  }
}

function head(
  { name, help, type }: { name: string; help: string; type: string },
  format: Format,
  separate: boolean,
): string {
  const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
  const blank = separate && format === 'text' ? '\n' : '';
  return `${blank}# HELP ${family} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${family} ${type}\n`;
}

function counter(page: Page, prefixes: Prefixes, n: number, store: SeriesStore, series: number, shown: boolean): void {
  page.line(prefixes, n, shown ? store.committed[store.slot[series]!]! : 0);
}

function histogram(
  page: Page,
  prefixes: Prefixes,
  n: number,
  store: SeriesStore,
  series: number,
  shown: boolean,
): void {
  const buckets = prefixes.lines - 2;
  let slot = store.slot[series]!;
  let line = n * prefixes.lines;
  let total = 0;
  for (let bucket = 0; bucket < buckets; bucket++) {
    total += shown ? store.committed[slot++]! : 0;
    page.line(prefixes, line++, total);
  }
  page.line(prefixes, line++, shown ? store.committed[slot]! : 0);
  page.line(prefixes, line, total);
}

/** `name{label="value",…} ` of every line of one variant, made once and kept in a row: what a scrape does is mostly copying them. */
class Prefixes {
  /** Of each series. */
  readonly lines: number;
  bytes = Buffer.alloc(0);
  /** Where each ends; the first begins at 0. */
  ends = new Int32Array(0);
  private count = 0;
  private readonly store: SeriesStore;
  private readonly all: readonly number[];
  /** Around the labels of a member, by line. */
  private readonly starts: readonly Buffer[];
  private readonly end: Buffer;

  constructor(store: SeriesStore, variant: number) {
    const { family, values } = variants[variant]!;
    const { name, closed, buckets } = family;
    this.store = store;
    this.all = store.byVariant[variant]!;
    const bounds = [...buckets.map(String), '+Inf'].map((le) => `${name}_bucket{le="${le}",`);
    const starts = family.type === 'counter' ? [`${name}{`] : [...bounds, `${name}_sum{`, `${name}_count{`];
    this.starts = starts.map((start) => Buffer.from(start));
    this.lines = starts.length;
    this.end = Buffer.from(`${closed.map(([label], i) => `,${label}="${escapeLabel(values[i]!)}"`).join('')}} `);
  }

  /** Makes those up to line `n`, where they are not there yet. */
  reach(n: number): void {
    while (this.count <= n) {
      const { text } = this.store.member[this.all[this.count / this.lines]!]!;
      for (const start of this.starts) this.append([start, text, this.end]);
    }
  }

  private append(parts: readonly Buffer[]): void {
    let at = this.count === 0 ? 0 : this.ends[this.count - 1]!;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (at + length > this.bytes.length) {
      const bytes = Buffer.allocUnsafeSlow(Math.max(1024, (at + length) * 1.5));
      this.bytes.copy(bytes, 0, 0, at);
      this.bytes = bytes;
    }
    if (this.count === this.ends.length) {
      const ends = new Int32Array(Math.max(16, this.count * 1.5));
      ends.set(this.ends);
      this.ends = ends;
    }
    for (const part of parts) at += part.copy(this.bytes, at);
    this.ends[this.count++] = at;
  }
}

class Page {
  private readonly buffer = Buffer.allocUnsafeSlow(PIECE + MARGIN);
  private at = 0;

  get full(): boolean {
    return this.at >= PIECE;
  }

  take(): Buffer {
    const piece = this.buffer.subarray(0, this.at);
    this.at = 0;
    return piece;
  }

  text(text: string): void {
    this.at += this.buffer.write(text, this.at);
  }

  line(prefixes: Prefixes, n: number, value: number): void {
    prefixes.reach(n);
    const { bytes, ends } = prefixes;
    this.at += bytes.copy(this.buffer, this.at, n === 0 ? 0 : ends[n - 1]!, ends[n]!);
    if (Number.isSafeInteger(value) && value >= 0) this.integer(value);
    else this.at += this.buffer.write(String(value), this.at, 'latin1');
    this.buffer[this.at++] = 10;
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
