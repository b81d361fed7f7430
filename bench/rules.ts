/**
 * `npm run bench:rules`: what all shipped rules cost a real Prometheus, with as many resources (source, sending domain, IP and
 * provider) as `-- --resources=100,1000,10000` says. Prints a JSON line for each. `interval_share` is the CPU-free time of one
 * evaluation thread: the sum over the groups of duration by interval, 0.2 being a fifth of it.
 *
 * Rules that look back over days are as dear as what they look back on, so a week of recordings is there before anything is measured:
 * raw samples of twenty minutes are scraped first, with time stamps of their own, what the rules make of them is read, and written back
 * for as long as any rule looks.
 */
import { execFile } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { stringify } from 'yaml';
import { freePorts, ready, start } from '../stack/processes.ts';
import { tool } from '../stack/tools.ts';
import { type Group, seconds, shippedGroups } from '../test/rule-files.ts';

const { values } = parseArgs({
  options: {
    resources: { type: 'string', default: '100,1000,10000' },
    next: { type: 'boolean', default: false },
    groups: { type: 'boolean', default: false },
    rules: { type: 'boolean', default: false },
  },
});
const run = promisify(execFile);
const SCRAPE = 10;
const RAW = 20 * 60;
/** Groups are evaluated at least so often while a past is made, so that it is there soon, whatever that costs. */
const HASTE = 30;
/** And so often while they are measured: more often, and those that read days would keep all others from the processor. Shares are of the intervals that ship. */
const MOST = 120;
const BOUNDS = ['1', '5', '15', '30', '60', '120', '300', '600', '900', '1800', '3600', '14400', '43200', '+Inf'];

const shipped = shippedGroups();
const intervalOf = ({ interval }: Group): number => seconds(interval ?? `${SCRAPE}s`);

// --- What the exporter would show ------------------------------------------------------------------------------------------

/** Counters of `count` resources at scrape number `n`: domains of two IPs that send to five providers, and a campaign each. */
function exposition(count: number, n: number, at: number): string {
  const lines: string[] = [];
  const add = (name: string, labels: string, perScrape: number): void => {
    lines.push(`${name}{${labels}} ${Math.floor(perScrape * n)} ${at * 1000}`);
  };
  for (let i = 0; i < count; i++) {
    const domain = Math.floor(i / 10);
    const [ip, provider] = [Math.floor(i / 5) % 2, i % 5];
    const resource = `source="esp${domain % 3}",sending_domain="d${domain}.example.com",sending_ip="2001:db8::${domain.toString(16)}:${ip}",provider="p${provider}"`;
    const pace = 2 + (i % 7);
    add('email_accepted_total', resource, pace);
    add('email_delivered_total', resource, pace * 0.95);
    add('email_bounced_total', `${resource},class="hard",reason="invalid_recipient"`, pace * 0.01);
    add('email_bounced_total', `${resource},class="block",reason="content_spam"`, pace * 0.002);
    add('email_deferred_total', `${resource},reason="greylist"`, pace * 0.03);
    add('email_deferred_total', `${resource},reason="throttle"`, pace * 0.01);
    add('email_complaints_total', resource, pace * 0.0003);
    add('email_opens_total', `${resource},by="person"`, pace * 0.2);
    add('email_clicks_total', resource, pace * 0.02);
    BOUNDS.forEach((le, b) => {
      add('email_delivery_duration_seconds_bucket', `${resource},le="${le}"`, (pace * 0.95 * (b + 1)) / BOUNDS.length);
    });
    if (i % 10 !== 0) continue;
    // One address in twenty is being warmed up.
    if (domain % 10 === 0) {
      const warming = `sending_ip="2001:db8::${domain.toString(16)}:${ip}"`;
      lines.push(
        `email_warmup_plan_messages{${warming}} 5000 ${at * 1000}`,
        `email_warmup_day{${warming}} 5 ${at * 1000}`,
      );
    }
    const campaign = `source="esp${domain % 3}",sending_domain="d${domain}.example.com",campaign="c${domain}"`;
    add('email_campaign_delivered_total', campaign, pace * 9);
    add('email_campaign_bounced_total', `${campaign},class="hard"`, pace * 0.1);
    add('email_campaign_complaints_total', campaign, pace * 0.003);
    lines.push(
      `email_reputation_score{service="senderscore",target="2001:db8::${domain.toString(16)}:${ip}"} 90 ${at * 1000}`,
    );
    for (let list = 0; list < 10; list++) {
      lines.push(
        `email_blocklist_listed{list="l${list}",target="2001:db8::${domain.toString(16)}:${ip}",kind="ip"} 0 ${at * 1000}`,
      );
    }
  }
  lines.push(`deliverability_exporter_build_info{version="0"} 1 ${at * 1000}`, '');
  return lines.join('\n');
}

// --- Prometheus --------------------------------------------------------------------------------------------------------

interface Server {
  ask(path: string): Promise<unknown>;
  stop(): Promise<void>;
}

async function startPrometheus(directory: string, config: object): Promise<Server> {
  const file = join(directory, 'prometheus.yml');
  writeFileSync(file, stringify(config));
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const child = start('prometheus', await tool(values.next ? 'prometheus-next' : 'prometheus'), [
    ...[`--config.file=${file}`, `--storage.tsdb.path=${join(directory, 'data')}`, '--storage.tsdb.retention.time=30d'],
    ...[`--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
  ]);
  await ready(child, `${url}/-/ready`, 120);
  const ask = async (path: string): Promise<unknown> => {
    const answer = await fetch(`${url}${path}`);
    const text = await answer.text();
    const { data, error } = (text.startsWith('{') ? JSON.parse(text) : { error: text }) as {
      data?: unknown;
      error?: string;
    };
    if (data === undefined) throw new Error(`${path}: ${answer.status} ${error}. Prometheus said:\n${child.log()}`);
    return data;
  };
  return { ask, stop: child.stop };
}

/** The shipped groups in one file, none slower than `most` seconds. */
function ruleFile(directory: string, most: number): string {
  const file = join(directory, 'rules.yml');
  const groups = shipped.map((group) => ({ ...group, interval: `${Math.min(most, intervalOf(group))}s` }));
  writeFileSync(file, stringify({ groups }, { aliasDuplicateObjects: false }));
  return file;
}

interface Evaluated {
  name: string;
  evaluationTime: number;
  lastEvaluation: string;
  rules: { name: string; evaluationTime: number }[];
}

const evaluations = async (prometheus: Server): Promise<Evaluated[]> =>
  ((await prometheus.ask('/api/v1/rules')) as { groups: Evaluated[] }).groups;

/** Median duration of each group over `times` evaluations, in seconds. */
async function durations(prometheus: Server, times: number): Promise<Map<string, number>> {
  const seen = new Map<string, Map<string, number>>(shipped.map(({ name }) => [name, new Map()]));
  while ([...seen.values()].some((some) => some.size < times)) {
    for (const { name, evaluationTime, lastEvaluation } of await evaluations(prometheus)) {
      if (!lastEvaluation.startsWith('0001')) seen.get(name)!.set(lastEvaluation, evaluationTime);
    }
    await sleep(1000);
  }
  const middle = (all: number[]): number => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!;
  return new Map([...seen].map(([name, all]) => [name, middle([...all.values()].slice(-times))]));
}

/** The dearest rules, as they were evaluated last. */
async function printRules(prometheus: Server): Promise<void> {
  const share = new Map(shipped.map((group) => [group.name, intervalOf(group)]));
  const all = (await evaluations(prometheus)).flatMap(({ name: group, rules }) =>
    rules.map(({ name, evaluationTime }) => ({
      group,
      name,
      took: evaluationTime,
      share: evaluationTime / share.get(group)!,
    })),
  );
  for (const { group, name, took, share } of all.toSorted((a, b) => b.share - a.share).slice(0, 60))
    console.error(`${(100 * share).toFixed(3).padStart(7)} % ${took.toFixed(3)} s ${group} ${name}`);
}

// --- A past --------------------------------------------------------------------------------------------------------------

/** How far back any rule looks at each recording, in seconds; nothing under an hour. */
function lookbacks(): Map<string, number> {
  const far = new Map<string, number>();
  for (const { rules } of shipped) {
    for (const { expr } of rules) {
      const reads = expr.matchAll(
        /([a-z_]+:[a-z_]+:[a-z0-9_]+)(?:\{[^}]*\})?\)?(?:\[([\dhdms]+)(?::[\dhdms]+)?\])?(?:\s+offset\s+([\dhdms]+))?/g,
      );
      for (const [, name, range, offset] of reads) {
        const span = seconds(range ?? '0s') + seconds(offset ?? '0s');
        if (span >= 3600) far.set(name!, Math.max(span, far.get(name!) ?? 0));
      }
    }
  }
  return far;
}

/**
 * What the rules make now, written as if it had been so (within a tenth) for as long as it is looked at; of the recordings that are
 * not yet in `written`, for the first round makes what the second begins with.
 */
async function writePast(prometheus: Server, directory: string, now: number, written: Set<string>): Promise<number> {
  const path = join(directory, 'past.txt');
  const file = openSync(path, 'w');
  let samples = 0;
  for (const [name, span] of lookbacks()) {
    if (written.has(name)) continue;
    const { result } = (await prometheus.ask(`/api/v1/query?query=${encodeURIComponent(name)}`)) as {
      result: { metric: Record<string, string>; value: [number, string] }[];
    };
    if (result.length > 0) written.add(name);
    for (const { metric, value } of result) {
      const labels = Object.entries(metric).flatMap(([key, text]) => (key === '__name__' ? [] : [`${key}="${text}"`]));
      const lines: string[] = [];
      const end = Math.floor((now - 3600) / 300) * 300;
      for (let at = end - span; at <= end; at += 300) {
        lines.push(`${name}{${labels.join(',')}} ${Number(value[1]) * (1 + 0.1 * Math.sin(at))} ${at}\n`);
      }
      samples += lines.length;
      writeSync(file, lines.join(''));
    }
  }
  writeSync(file, '# EOF\n');
  closeSync(file);
  const promtool = await tool(values.next ? 'promtool-next' : 'promtool');
  const args = [
    'tsdb',
    'create-blocks-from',
    '--max-block-duration=162h',
    'openmetrics',
    path,
    join(directory, 'data'),
  ];
  if (samples > 0) await run(promtool, args, { maxBuffer: 1e8 });
  rmSync(path);
  return samples;
}

async function measure(resources: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'deliverability-rules-'));
  mkdirSync(join(directory, 'data'));
  const start = Math.floor(Date.now() / 1000) - RAW;
  let n = 0;
  // Twenty minutes as fast as Prometheus takes them, then in step with the clock.
  const exporter = createServer((_, response) => {
    const at = start + n * SCRAPE;
    const due = at <= Date.now() / 1000;
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(due ? exposition(resources, n, at) : '');
    if (due) n++;
  });
  await new Promise<void>((done) => exporter.listen(0, '127.0.0.1', done));
  const { port } = exporter.address() as { port: number };
  const scraping = (interval: string, rules: string[]): object => ({
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: `${SCRAPE}s` },
    rule_files: rules,
    scrape_configs: [
      {
        job_name: 'deliverability-exporter',
        honor_timestamps: true,
        static_configs: [{ targets: [`127.0.0.1:${port}`] }],
      },
    ],
  });
  try {
    const filling = await startPrometheus(directory, scraping('1s', []));
    while (start + n * SCRAPE < Date.now() / 1000 - SCRAPE) await sleep(200);
    await filling.stop();
    // Hours are made of the points at whole five minutes: until one has passed, there is nothing that looks back. Days are made of
    // hours, so they are there in the second round.
    let past = 0;
    const written = new Set<string>();
    for (let round = 0; round < 2; round++) {
      const filled = await startPrometheus(directory, scraping(`${SCRAPE}s`, [ruleFile(directory, HASTE)]));
      await durations(filled, 2);
      if (round === 0) await sleep(300_000 - (Date.now() % 300_000));
      await durations(filled, 3);
      past += await writePast(filled, directory, Date.now() / 1000, written);
      await filled.stop();
    }
    const prometheus = await startPrometheus(directory, scraping(`${SCRAPE}s`, [ruleFile(directory, MOST)]));
    const took = await durations(prometheus, 3);
    const shares = shipped.map((group) => ({ group: group.name, share: took.get(group.name)! / intervalOf(group) }));
    if (values.rules) await printRules(prometheus);
    const series = (await prometheus.ask('/api/v1/query?query=scrape_samples_scraped')) as {
      result: { value: [number, string] }[];
    };
    await prometheus.stop();
    const sum = (all: number[]): number => all.reduce((total, one) => total + one, 0);
    if (values.groups) {
      for (const { group, share } of shares.toSorted((a, b) => b.share - a.share)) {
        console.error(`${group.padEnd(28)} ${took.get(group)!.toFixed(3)} s ${(100 * share).toFixed(2)} %`);
      }
    }
    console.log(
      JSON.stringify({
        ...{ bench: 'rules', resources, series: Number(series.result[0]?.value[1]), past_samples: past },
        ...{
          eval_s: Number(sum([...took.values()]).toFixed(3)),
          interval_share: Number(sum(shares.map(({ share }) => share)).toFixed(4)),
        },
        worst_group_share: Number(Math.max(...shares.map(({ share }) => share)).toFixed(4)),
        machine: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
      }),
    );
  } finally {
    exporter.close();
    exporter.closeAllConnections();
    rmSync(directory, { recursive: true, force: true });
  }
}

for (const resources of values.resources.split(',')) await measure(Number(resources));
