/**
 * The demo's past and the rules over it become a TSDB, and a Prometheus that serves it: what dashboards show after a day with every
 * kind of incident. promtool backfills recording rules only, each from what is already stored; so rules go in by depth of
 * dependence, and alerting rules as the series ALERTS that they would have caused (without their `for`).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parser } from '@prometheus-io/lezer-promql';
import { parse, stringify } from 'yaml';
import { tool } from '../stack/tools.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');
const STEP_S = 30;

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  /** Seconds, of its group. */
  interval: number;
}

export interface DemoDay {
  url: string;
  /** Unix seconds. */
  start: number;
  end: number;
  stop(): Promise<void>;
}

/** Of `30s` or `15m`; queries look back five minutes. */
function secondsOf(interval: string): number {
  const [, n, unit] = /^(\d+)([sm])$/.exec(interval)!;
  return Math.min(240, Math.max(STEP_S, Number(n) * (unit === 'm' ? 60 : 1)));
}

function shippedRules(): Rule[] {
  const files = readdirSync(join(ROOT, 'rules')).filter((name) => name.endsWith('.yml'));
  const groups = files.flatMap(
    (name) =>
      (parse(readFileSync(join(ROOT, 'rules', name), 'utf8')) as { groups: { interval: string; rules: Rule[] }[] })
        .groups,
  );
  return groups.flatMap(({ interval, rules }) => rules.map((rule) => ({ ...rule, interval: secondsOf(interval) })));
}

/** Every metric name that an expression reads. */
export function metricNames(expr: string): string[] {
  const names: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, from, to, node }) => {
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') names.push(expr.slice(from, to));
    },
  });
  return names;
}

/** Rules that read nothing recorded, then those that read only these, and so on. */
export function byDepth(rules: readonly Rule[]): Rule[][] {
  const depths = new Map<string, number>();
  const depthOf = (rule: Rule): number => Math.max(0, ...metricNames(rule.expr).map((name) => 1 + depthOfName(name)));
  const depthOfName = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    depths.set(name, -1); // A rule that reads itself does not count.
    const depth = Math.max(-1, ...rules.filter((rule) => rule.record === name).map(depthOf));
    depths.set(name, depth);
    return depth;
  };
  const levels = Map.groupBy(rules, depthOf);
  return [...levels.keys()].sort((a, b) => a - b).map((depth) => levels.get(depth)!);
}

function recording({ record, alert, expr, labels = {} }: Rule): Omit<Rule, 'interval'>[] {
  if (record !== undefined) return [{ record, expr, labels }];
  const named = { ...labels, alertname: alert! };
  return [
    { record: 'ALERTS', expr: `0 * (${expr}) + 1`, labels: { ...named, alertstate: 'firing' } },
    { record: 'ALERTS_FOR_STATE', expr: `0 * (${expr}) + time()`, labels: named },
  ];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

interface Running {
  url: string;
  stop(): Promise<void>;
}

async function serve(directory: string): Promise<Running> {
  const config = join(directory, 'prometheus.yml');
  writeFileSync(config, 'global: { scrape_interval: 10s }\n');
  const url = `http://127.0.0.1:${await freePort()}`;
  const child: ChildProcess = spawn(
    await tool('prometheus'),
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      '--storage.tsdb.retention.time=10y',
      `--web.listen-address=${url.slice('http://'.length)}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  for (let tries = 0; tries < 600 && child.exitCode === null; tries++) {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (answer?.ok) break;
    await sleep(50);
  }
  return {
    url,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

async function backfill(directory: string, rules: readonly Rule[], start: number, end: number): Promise<void> {
  const [file, blocks] = [join(directory, 'rules.yml'), join(directory, 'blocks')];
  const groups = [...Map.groupBy(rules, ({ interval }) => interval)].map(([interval, some]) => ({
    name: `every${interval}`,
    interval: `${interval}s`,
    rules: some.flatMap(recording),
  }));
  writeFileSync(file, stringify({ groups }));
  const prometheus = await serve(directory);
  try {
    await run(await tool('promtool'), [
      ...['tsdb', 'create-blocks-from', '--max-block-duration=162h', 'rules', `--url=${prometheus.url}`],
      ...[`--start=${start}`, `--end=${end}`, `--output-dir=${blocks}`, file],
    ]);
  } finally {
    await prometheus.stop();
  }
  // Renamed, not written in place: the running Prometheus would compact what is still growing.
  if (existsSync(blocks))
    for (const block of readdirSync(blocks)) renameSync(join(blocks, block), join(directory, 'data', block));
}

/** A few seconds an hour of history. The directory goes when it is stopped. */
export async function demoDay(hours: number, end = Math.floor(Date.now() / 1000)): Promise<DemoDay> {
  const start = end - hours * 3600;
  const directory = mkdtempSync(join(tmpdir(), 'demo-day-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    mkdirSync(join(directory, 'data'));
    const text = join(directory, 'om.txt');
    const history = spawn(
      process.execPath,
      [join(ROOT, 'demo/history.ts'), `--hours=${hours}`, `--step=${STEP_S}`, `--end=${end}`],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await pipeline(history.stdout, createWriteStream(text));
    await run(await tool('promtool'), ['tsdb', 'create-blocks-from', 'openmetrics', text, join(directory, 'data')]);
    for (const level of byDepth(shippedRules())) await backfill(directory, level, start, end);
    const prometheus = await serve(directory);
    return { url: prometheus.url, start, end, stop: () => prometheus.stop().then(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}
