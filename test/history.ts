/**
 * OpenMetrics text and rule files become what Prometheus would have recorded and seen: blocks from the text, blocks from the
 * recordings level by level (a backfilled rule does not see what is backfilled with it), then alert expressions over the range.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { type Child, freePorts, ready, start } from '../stack/processes.ts';
import { tool } from '../stack/tools.ts';
import { type Rule, seconds, shippedGroups } from './rule-files.ts';

const run = promisify(execFile);
/** Few, long blocks: 6 days and 18 hours are the longest whose points Prometheus hands out in one answer. */
const BLOCK = '162h';
const POINTS = 10_000;

export interface TimedRule extends Rule {
  /** Seconds, of the group. */
  interval: number;
}

export interface Series {
  metric: Record<string, string>;
  values: [at: number, value: string][];
}

export const shippedRules = (): TimedRule[] =>
  shippedGroups().flatMap(({ interval = '10s', rules }) =>
    rules.map((rule) => ({ ...rule, interval: seconds(interval) })),
  );

/** Recordings, those first that others are made of; what depends on itself in a circle stands with the last. */
export function levels(rules: readonly TimedRule[]): TimedRule[][] {
  const recordings = rules.filter(({ record }) => record !== undefined);
  const names = new Set(recordings.map(({ record }) => record!));
  const needs = (rule: TimedRule): string[] =>
    (rule.expr.match(/[a-zA-Z_]\w*:[\w:]+/g) ?? []).filter((name) => names.has(name) && name !== rule.record);
  const result: TimedRule[][] = [];
  let left = recordings;
  while (left.length > 0) {
    const waiting = new Set(left.map(({ record }) => record!));
    const ready = left.filter((rule) => !needs(rule).some((name) => waiting.has(name)));
    if (ready.length === 0) throw new Error(`these recordings need each other: ${[...waiting].join(', ')}`);
    result.push(ready);
    left = left.filter((rule) => !ready.includes(rule));
  }
  return result;
}

export class History {
  readonly #directory: string;
  readonly #next: boolean;
  #server: { child: Child; url: string } | undefined;

  constructor(directory: string, next = false) {
    this.#directory = directory;
    this.#next = next;
    mkdirSync(join(directory, 'data'), { recursive: true });
  }

  async import(text: string): Promise<void> {
    // It sees at once only what was there when it began.
    await this.stop();
    const args = ['tsdb', 'create-blocks-from', `--max-block-duration=${BLOCK}`, 'openmetrics', text];
    await run(await tool(this.#next ? 'promtool-next' : 'promtool'), [...args, join(this.#directory, 'data')], {
      maxBuffer: 1e8,
    });
    rmSync(text);
  }

  /** Evaluates recordings that do not need each other from `from` to `to`, no closer than `step`. */
  async record(rules: readonly TimedRule[], from: number, to: number, step: number): Promise<void> {
    const { url } = await this.serve();
    const [file, blocks] = [join(this.#directory, 'rules.yml'), join(this.#directory, 'blocks')];
    // Thresholds hardly change, and queries look back five minutes.
    const every = ({ record, interval }: TimedRule): number =>
      Math.max(interval, step, record!.includes(':email_threshold:') && step > 10 ? 240 : 0);
    const groups = Map.groupBy(rules, every);
    const asGroup = ([interval, some]: [number, TimedRule[]]) => ({
      name: `every${interval}`,
      interval: `${interval}s`,
      // + 0 drops names: over a range, `a or b` is two series where at each moment it is one.
      rules: some.map(({ record, expr, labels }) => ({ record, expr: `(${expr}) + 0`, ...(labels && { labels }) })),
    });
    writeFileSync(file, stringify({ groups: [...groups].map(asGroup) }));
    const promtool = await tool(this.#next ? 'promtool-next' : 'promtool');
    const range = [`--url=${url}`, `--start=${from}`, `--end=${to}`, `--output-dir=${blocks}`];
    const args = ['tsdb', 'create-blocks-from', `--max-block-duration=${BLOCK}`, 'rules', ...range, file];
    await run(promtool, args, { maxBuffer: 1e8 });
    // Renamed, not written in place: a running Prometheus would compact what is still growing.
    await this.stop();
    if (!existsSync(blocks)) return;
    for (const block of readdirSync(blocks)) renameSync(join(blocks, block), join(this.#directory, 'data', block));
  }

  async query(expr: string, from: number, to: number, step: number): Promise<Series[]> {
    const { url } = await this.serve();
    const all = new Map<string, Series>();
    for (let start = from; start < to; start += step * POINTS) {
      const end = Math.min(to - step, start + step * (POINTS - 1));
      const answer = await fetch(`${url}/api/v1/query_range`, {
        method: 'POST',
        body: new URLSearchParams({ query: expr, start: `${start}`, end: `${end}`, step: `${step}` }),
      });
      const { data, error } = (await answer.json()) as { data?: { result: Series[] }; error?: string };
      if (!data) throw new Error(`${error}: ${expr}`);
      for (const series of data.result) {
        const key = JSON.stringify(series.metric);
        const known = all.get(key);
        if (known) for (const value of series.values) known.values.push(value);
        else all.set(key, series);
      }
    }
    return [...all.values()];
  }

  /** Address of a Prometheus that has all that is there so far. */
  async serve(): Promise<{ url: string }> {
    if (this.#server) return this.#server;
    const config = join(this.#directory, 'prometheus.yml');
    writeFileSync(config, 'global: { scrape_interval: 10s }\n');
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const child = start('prometheus', await tool(this.#next ? 'prometheus-next' : 'prometheus'), [
      ...[`--config.file=${config}`, `--storage.tsdb.path=${join(this.#directory, 'data')}`],
      ...['--storage.tsdb.retention.time=100y', `--web.listen-address=127.0.0.1:${port}`],
      ...['--query.max-samples=500000000', '--query.timeout=10m', '--log.level=error'],
    ]);
    await ready(child, `${url}/-/ready`, 60);
    this.#server = { child, url };
    return this.#server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.child.stop();
  }
}
