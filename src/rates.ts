/** Counts, looked at now and then, become how many events a second a source brought lately: for people, as Prometheus has better ones. */
import { resultVariant } from './metrics.ts';
import type { SeriesStore } from './series.ts';

/** Milliseconds between two looks, and how far back they go. */
const LOOK = 10_000;
const BACK = 300_000;

export class Rates {
  private readonly series: SeriesStore;
  private readonly sources: () => Iterable<string>;
  private readonly now: () => number;
  private looks: { at: number; counts: Map<string, number> }[] = [];

  constructor(series: SeriesStore, sources: () => Iterable<string>, now: () => number) {
    this.series = series;
    this.sources = sources;
    this.now = now;
  }

  start(): void {
    this.look();
    setInterval(() => this.look(), LOOK).unref();
  }

  look(): void {
    const at = this.now();
    this.looks = this.looks.filter((look) => look.at >= at - BACK);
    this.looks.push({ at, counts: new Map([...this.sources()].map((source) => [source, this.count(source)])) });
  }

  /** Events a second since the first look at it, at most 5 minutes ago; undefined when that was just now. */
  of(source: string): number | undefined {
    const first = this.looks.find(({ counts }) => counts.has(source));
    const seconds = (this.now() - (first?.at ?? this.now())) / 1000;
    return first && seconds >= 1 ? (this.count(source) - first.counts.get(source)!) / seconds : undefined;
  }

  private count(source: string): number {
    const series = this.series.feed(source).series.get(resultVariant('counted'));
    return series === undefined ? 0 : this.series.committed[this.series.slot[series]!]!;
  }
}
