/**
 * `npm run bench:dashboards`: how long each query of each dashboard takes a real Prometheus that holds 30 days of a sender with a
 * thousand series and more, as densely as they would have been scraped and recorded. Prints one JSON line; with `-- --each` also a line
 * for each query, slowest first.
 *
 * What is written is what the queries read: what they read over days for all of the time, the rest for two hours. Takes some minutes
 * and a few GB in the directory for temporary files.
 */
import { once } from 'node:events';
import { createWriteStream, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { eventFamilies } from '../src/metrics.ts';
import { type Dashboard, panelsOf } from '../test/dashboard-lint.ts';
import { History } from '../test/history.ts';
import { check, type LabelsOf, withoutVariables } from '../test/promql.ts';
import { ISSUE_TYPES, type Rule, seconds, shippedGroups } from '../test/rule-files.ts';
import { exposed, withRules } from '../test/rule-lints.ts';

const { values: options } = parseArgs({
  options: {
    days: { type: 'string', default: '30' },
    domains: { type: 'string', default: '4' },
    each: { type: 'boolean', default: false },
  },
});
const ROOT = join(import.meta.dirname, '..');
const DAYS = Number(options.days);
const SCRAPE = 10;
/** Longest block that test/history.ts makes; a file for each, for promtool reads a file once for every block. */
const SLICE = 162 * 3600;

interface Asked {
  board: string;
  name: string;
  expr: string;
  instant: boolean;
  /** Seconds between two points. */
  step: number;
}

/** A panel of a thousand points over 30 days: Grafana rounds 43 minutes to 30. */
const stepOf = (points = 1000): number => (points >= 1000 ? 1800 : Math.ceil((DAYS * 86400) / points / 3600) * 3600);

function everyQuery(): Asked[] {
  return globSync('dashboards/*.json', { cwd: ROOT }).flatMap((file) => {
    const board = JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Dashboard;
    const uid = board.uid.replace('deliverability-', '');
    const marks = board.annotations.list.map(({ name, expr }) => ({
      board: uid,
      name,
      expr: expr!,
      instant: false,
      step: stepOf(),
    }));
    const panels = panelsOf(board).flatMap((panel) =>
      (panel.targets ?? []).map(({ refId, expr, instant = false }) => ({
        board: uid,
        name: `${panel.id} ${refId}`,
        expr: expr!,
        instant,
        step: stepOf((panel as { maxDataPoints?: number }).maxDataPoints),
      })),
    );
    return [...marks, ...panels];
  });
}

// --- A world -------------------------------------------------------------------------------------------------------------

type Labels = Record<string, string>;
const count = (n: number, name: (i: number) => string): string[] => Array.from({ length: n }, (_, i) => name(i));
const DOMAINS = count(Number(options.domains), (i) => `d${i}.example.com`);
const PROVIDERS = count(3, (i) => `provider${i}`);

/** Two addresses and two campaigns a domain, three providers. */
const RESOURCES: Labels[] = DOMAINS.flatMap((sending_domain, d) =>
  [0, 1].flatMap((n) =>
    PROVIDERS.map((provider) => ({
      source: `source${d % 3}`,
      sending_domain,
      sending_ip: `192.0.2.${2 * d + n}`,
      provider,
      campaign: `campaign${2 * d + n}`,
    })),
  ),
);
const LOOKED_UP: Labels[] = RESOURCES.filter((_, i) => i % PROVIDERS.length === 0).flatMap(
  ({ sending_domain, sending_ip }, i) => [
    { target: sending_ip!, kind: 'ip' },
    ...(i % 2 === 0 ? [{ target: sending_domain!, kind: 'domain' }] : []),
  ],
);

/** Values of labels that do not depend on a resource, as many as there usually are. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  job: ['deliverability-exporter'],
  instance: ['127.0.0.1:9871'],
  severity: ['high', 'critical'],
  alertstate: ['firing'],
  issue_type: ISSUE_TYPES.slice(0, 4),
  reason: ['invalid_recipient', 'content_spam', 'throttle', 'greylist'],
  class: ['hard', 'block'],
  le: ['1', '5', '15', '30', '60', '120', '300', '600', '900', '1800', '3600', '14400', '43200', '+Inf'],
  by: ['person'],
  list: count(8, (i) => `list${i}`),
  verdict: ['listed', 'clear', 'error'],
  state: ['healthy', 'dead', 'wildcard', 'parked', 'refused', 'unreachable', 'interfered', 'unknown'],
  tier: ['page'],
  check: ['spf', 'dkim', 'dmarc', 'fcrdns', 'mx', 'mta-sts', 'tls-rpt', 'bimi'],
  result: ['counted', 'duplicate', 'late', 'unknown', 'invalid'],
  outcome: ['accepted', 'unauthenticated', 'effective', 'done'],
  scope: ['resource', 'campaign', 'feed'],
  strategy: ['pause-campaigns', 'throttle', 'backup-ips'],
  mode: ['enforce'],
  status: ['firing', 'resolved'],
  measurement: ['inbox_rate'],
  method: ['spf', 'dkim', 'dmarc'],
  alertname: ['EmailBounceRateHigh', 'EmailComplaintRateHigh', 'EmailRateUnusual'],
};
const OF_RESOURCE = ['source', 'sending_domain', 'sending_ip', 'provider', 'campaign'];
const OF_TARGET = ['target', 'kind'];

/** Label sets of a metric: its resources or targets, times the values of what else it is told apart by. */
function members(metric: string, labelsOf: LabelsOf): Labels[] {
  let names = [...(labelsOf(metric) ?? [])];
  // Told apart by source only where nobody says the domain; a threshold only where somebody overrides it; an alert by what it is about.
  if (/^domain(_provider|_reason)?:/.test(metric)) names = names.filter((name) => name !== 'source');
  if (metric.startsWith('email_threshold:')) names = names.filter((name) => name === 'severity');
  if (metric.startsWith('ALERTS'))
    names = ['alertname', 'severity', 'issue_type', 'sending_domain', ...names.filter((name) => name === 'alertstate')];
  const base = names.some((name) => OF_TARGET.includes(name)) ? LOOKED_UP : RESOURCES;
  const dependent = names.filter((name) => (base === LOOKED_UP ? OF_TARGET : OF_RESOURCE).includes(name));
  let all: Labels[] = [
    ...new Map(
      base.map((one) => {
        const its = Object.fromEntries(dependent.map((name) => [name, one[name]!]));
        return [JSON.stringify(its), its] as const;
      }),
    ).values(),
  ];
  for (const name of names.filter((n) => !dependent.includes(n) && !(base === LOOKED_UP && OF_RESOURCE.includes(n))))
    all = all.flatMap((labels) => (VALUES[name] ?? ['x']).map((value) => ({ ...labels, [name]: value })));
  return all;
}

/** There for an hour a day: what is only while something is wrong. */
const SPARSE = /^ALERTS|^list_target:email_blocklist:listed|_listing_info$|^email_incident_escalated$|_check_problem$/;

function value(metric: string, i: number, at: number, start: number): number {
  if (/_timestamp_seconds$|^ALERTS_FOR_STATE$|start_time/.test(metric)) return at - 100 - i;
  if (/_(total|bucket|sum|count)$/.test(metric) && !metric.includes(':'))
    return Math.floor((at - start) * (0.1 + (i % 7) / 10));
  const wave = 1 + 0.1 * Math.sin(at / 3600 + i);
  if (/_threshold:/.test(metric)) return 0.05;
  if (/ratio/.test(metric)) return Number((0.03 * wave).toFixed(5));
  if (/score/.test(metric)) return Number((90 * wave).toFixed(2));
  if (/^ALERTS|listed|health|passed|verdict|_info$|_active$|^up$|successful/.test(metric)) return 1;
  return Number((400 * wave).toFixed(3));
}

// --- What is read, and how far back --------------------------------------------------------------------------------------

/** Of every metric that is read, whether over days. */
function reads(asked: readonly Asked[], labelsOf: LabelsOf): Map<string, boolean> {
  const far = new Map<string, boolean>();
  for (const { expr, instant } of asked) {
    const long = !instant || /\$__range|\[\d+[dw]/.test(expr);
    for (const metric of check(withoutVariables(expr), labelsOf).metrics)
      far.set(metric, long || far.get(metric) === true);
  }
  return far;
}

async function write(
  history: History,
  directory: string,
  from: number,
  to: number,
  series: readonly { metric: string; interval: number; labels: readonly Labels[]; first: number }[],
  start: number,
): Promise<number> {
  const path = join(directory, 'om.txt');
  const out = createWriteStream(path, { highWaterMark: 1 << 22 });
  let samples = 0;
  for (const { metric, interval, labels, first } of series) {
    for (const [i, its] of labels.entries()) {
      const name = `${metric}{${Object.entries(its)
        .map(([k, v]) => `${k}="${v}"`)
        .join(',')}}`;
      const begin = Math.ceil(Math.max(from, first) / interval) * interval;
      let lines: string[] = [];
      const flush = async () => {
        if (!out.write(lines.join(''))) await once(out, 'drain');
        lines = [];
      };
      for (let at = begin; at < to; at += interval) {
        if (SPARSE.test(metric) && Math.floor(at / 3600) % 24 !== i % 24 && at < to - 300) continue;
        lines.push(`${name} ${value(metric, i, at, start)} ${at}\n`);
        samples++;
        if (lines.length >= 20_000) await flush();
      }
      await flush();
    }
  }
  out.end('# EOF\n');
  await finished(out);
  await history.import(path);
  return samples;
}

// --- Asking --------------------------------------------------------------------------------------------------------------

const filled = ({ expr, step }: Asked): string =>
  expr
    .replaceAll(/\$(sending_domain|sending_ip|provider|source|campaign|target|list|issue_type|instance)\b/g, '.*')
    .replaceAll('$__rate_interval', `${step + SCRAPE}s`)
    .replaceAll('$__interval', `${step}s`)
    .replaceAll('$__range', `${DAYS}d`);

/** Median of three, after one that warms up. */
async function took(url: string, one: Asked, start: number, end: number): Promise<number> {
  const query = filled(one);
  const [path, parameters] = one.instant
    ? ['query', { query, time: `${end}` }]
    : ['query_range', { query, start: `${start}`, end: `${end}`, step: `${one.step}` }];
  const times: number[] = [];
  for (let n = 0; n < 4; n++) {
    const before = performance.now();
    const answer = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
    const { status, error } = (await answer.json()) as { status: string; error?: string };
    if (status !== 'success') throw new Error(`${one.board} ${one.name}: ${error}\n${query}`);
    times.push(performance.now() - before);
  }
  return times.slice(1).toSorted((a, b) => a - b)[1]!;
}

async function main(): Promise<void> {
  const groups = shippedGroups();
  const rules: Rule[] = groups.flatMap((group) => group.rules);
  const labelsOf = withRules(await exposed(), rules);
  const recordedEvery = new Map(
    groups.flatMap(({ interval = '10s', rules: its }) =>
      its.map(({ record }) => [record ?? '', seconds(interval)] as const),
    ),
  );
  const asked = everyQuery();
  const end = Math.floor(Date.now() / 1000 / SCRAPE) * SCRAPE;
  const start = end - DAYS * 86400;
  const series = [...reads(asked, labelsOf)].map(([metric, far]) => ({
    metric,
    interval: recordedEvery.get(metric) ?? SCRAPE,
    labels: members(metric, labelsOf),
    first: far ? start : end - 7200,
  }));
  const raw = eventFamilies.flatMap(({ name, type }) =>
    (type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']).flatMap((part) => members(name + part, labelsOf)),
  ).length;
  const directory = mkdtempSync(join(tmpdir(), 'deliverability-dashboards-'));
  const history = new History(directory);
  try {
    let samples = 0;
    for (let from = Math.floor(start / SLICE) * SLICE; from < end; from += SLICE)
      samples += await write(history, directory, Math.max(from, start), Math.min(from + SLICE, end), series, start);
    const { url } = await history.serve();
    const times: (Asked & { ms: number })[] = [];
    for (const one of asked) times.push({ ...one, ms: await took(url, one, start, end) });
    times.sort((a, b) => b.ms - a.ms);
    if (options.each)
      for (const { ms, board, name } of times) console.error(`${ms.toFixed(0).padStart(6)} ms  ${board} ${name}`);
    const [slowest] = times;
    console.log(
      JSON.stringify({
        ...{ bench: 'dashboards', days: DAYS, series: raw, samples, queries: asked.length },
        ...{ slowest_ms: Math.round(slowest!.ms), slowest: `${slowest!.board} ${slowest!.name}` },
        median_ms: Math.round(times[Math.floor(times.length / 2)]!.ms),
        over_500_ms: times.filter(({ ms }) => ms > 500).length,
        machine: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
      }),
    );
  } finally {
    await history.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
