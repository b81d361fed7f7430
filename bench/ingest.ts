/**
 * `npm run bench:ingest`: what the built program takes in. Signed SendGrid posts from a process of their own, flat out for
 * each batch size and at the target rate, with 50 000 series scraped every 5 s. Prints a JSON line a batch size and mode.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { rbldnsd } from '../test/dns.ts';
import { addresses, plainLists } from './dns.ts';
import {
  configuration,
  flags,
  folder,
  type Measured,
  machine,
  median,
  round,
  start,
  startExporter,
} from './exporter.ts';
import { Generator, makeSeries, newKeys, type Outcome, type Run } from './load.ts';
import { STAGES, type Stages, stages } from './stages.ts';

/** Ten billion events a day. */
const TARGET = 115_741;
const SCRAPE_EVERY = 5000;
const SERIES = 50_000;

const {
  program,
  runs,
  seconds,
  'sustained-seconds': sustainedSeconds,
  'known-ids': knownIds,
  only,
  checks,
} = flags({
  runs: 3,
  /** Of each run flat out; 0 leaves them away. */
  seconds: 2.5,
  /** Of each run at the target rate; 0 leaves them away. */
  'sustained-seconds': 7,
  /** Identities that the ledger knows already in the sustained runs: a full window, as after the first minutes of such load. */
  'known-ids': 1 << 24,
  /** One batch size only. */
  only: 0,
  /** 1: while a thousand addresses are looked up in all blocklists that go by no key, on a server of our own. */
  checks: 0,
});

/** Connections: what keeps the program busy although every answer waits for a commit. */
const FLAT_OUT = [
  { batch: 1, connections: 512, bytes: 24e6 },
  { batch: 10, connections: 256, bytes: 96e6 },
  { batch: 100, connections: 128, bytes: 256e6 },
  { batch: 400, connections: 48, bytes: 256e6 },
  { batch: 1000, connections: 24, bytes: 256e6 },
].filter(({ batch }) => seconds > 0 && (only === 0 || batch === only));
const SUSTAINED = [100, 1000].filter((batch) => sustainedSeconds > 0 && (only === 0 || batch === only));

const keys = newKeys();
const lists = plainLists();
const server = checks > 0 ? await rbldnsd(lists.zones) : undefined;
const config = configuration(keys.public, server && everythingAsked(server.address));

/** Allowances as wide as can be: new addresses are asked about within a minute. */
function everythingAsked(address: string): object {
  const per_day = Object.fromEntries(lists.chosen.map(({ list }) => [list.quota.pool, 100_000_000]));
  const ips = addresses(() => true).split('\n');
  return {
    resolver: { servers: [address] },
    checks: { ips, targets: ips.length, from_events: false, blocklists: { per_day } },
  };
}

let name = 0;

/** Blobs of random hashes, as the journal keeps them, spread over the last hours. */
async function fillWindow(directory: string): Promise<void> {
  const exporter = await startExporter({ program, config, directory });
  await exporter.stop();
  const db = new DatabaseSync(join(directory, 'ledger.sqlite'));
  const insert = db.prepare('INSERT INTO seen VALUES (?, ?)');
  const each = 4096;
  const ticks = Math.floor(knownIds / each);
  db.exec('BEGIN');
  for (let i = 0; i < ticks; i++) {
    const tick = (Date.now() - Math.floor(((ticks - i) / ticks) * 3600_000 * 4) - 1000) * 1000;
    insert.run(tick + (i % 1000), crypto.getRandomValues(new Uint8Array(each * 8)));
  }
  db.exec('COMMIT');
  db.close();
}

interface Figures extends Outcome {
  cpu: number;
  /** CPU seconds of the scrapes are part of `cpu`; these are how long they took to arrive, ms. */
  scrapes: number[];
}

async function measure(exporter: Measured, generator: Generator, run: Run): Promise<Figures> {
  const scrapes: Promise<number>[] = [];
  const scrape = (): void => void scrapes.push(exporter.scrape().then(({ ms }) => ms));
  const before = exporter.cpu();
  const first = setTimeout(scrape, 1000);
  const timer = setInterval(scrape, SCRAPE_EVERY);
  const outcome = await generator.run(run);
  clearTimeout(first);
  clearInterval(timer);
  const arrived = await Promise.all(scrapes);
  return { ...outcome, cpu: exporter.cpu() - before, scrapes: arrived };
}

async function loaded(batch: number, bytes: number, known: boolean) {
  const directory = folder();
  if (known) await fillWindow(directory);
  const exporter = await startExporter({ program, config, directory });
  const series = await makeSeries(exporter, keys, SERIES);
  const generator = new Generator();
  await generator.prepare({
    port: exporter.port,
    key: keys.private,
    seed: batch,
    name: `G${String.fromCharCode(65 + name++)}`,
    batch,
    bytes,
  });
  return { exporter, generator, series };
}

function line(batch: number, mode: string, all: Figures[], more: object): void {
  const of = (figure: (f: Figures) => number) => median(all.map(figure));
  const perEvent = of((f) => (f.cpu / f.events) * 1e6);
  process.stdout.write(
    `${JSON.stringify({
      bench: 'ingest',
      batch,
      events_per_s: Math.round(of((f) => f.events / f.seconds)),
      cpu_us_per_event: round(perEvent, 2),
      ack_p50_ms: round(of((f) => f.p50)),
      ack_p99_ms: round(of((f) => f.p99)),
      ...more,
      mode,
      runs: all.length,
      core_share: round(
        of((f) => f.cpu / f.seconds),
        2,
      ),
      ack_max_ms: round(of((f) => f.max)),
      scrape_ms: round(median(all.flatMap((f) => f.scrapes))),
      refused: all.reduce((n, f) => n + f.refused, 0),
      ...(server && { dns_questions: server.queries().length }),
      generator_core_share: round(
        of((f) => f.generator_cpu_s / f.seconds),
        2,
      ),
      machine: machine(),
    })}\n`,
  );
}

function byStage(all: Figures[], measured: Stages): object {
  const total = median(all.map((f) => (f.cpu / f.events) * 1e6));
  const sum = STAGES.reduce((n, stage) => n + measured[stage], 0);
  return { cpu_us_by_stage: { ...measured, http_and_rest: round(total - sum, 3) } };
}

async function flatOut({ batch, connections, bytes }: (typeof FLAT_OUT)[number]): Promise<void> {
  const { exporter, generator, series } = await loaded(batch, bytes, false);
  const run: Run = { mode: 'closed', connections, seconds, rate: 0 };
  await measure(exporter, generator, { ...run, seconds: 1.5 });
  const all: Figures[] = [];
  const bare = batch === 1 ? await start(join(import.meta.dirname, 'bare.ts'), [keys.public]) : undefined;
  const barePerEvent: number[] = [];
  if (bare) await generator.run({ ...run, seconds: 1.5 }, bare.port);
  for (let i = 0; i < runs; i++) {
    all.push(await measure(exporter, generator, run));
    if (!bare) continue;
    const before = bare.cpu();
    const { events } = await generator.run({ ...run, connections: 64 }, bare.port);
    barePerEvent.push(((bare.cpu() - before) / events) * 1e6);
  }
  const rss = round(exporter.peak());
  await exporter.stop();
  await bare?.stop();
  generator.stop();
  const compared = bare && {
    bare_cpu_us_per_event: round(median(barePerEvent), 2),
    ratio_to_bare: round(median(all.map((f, i) => ((f.cpu / f.events) * 1e6) / barePerEvent[i]!)), 2),
  };
  line(batch, 'flat out', all, { rss_mb: rss, series, ...compared, ...byStage(all, await stages(keys, batch)) });
}

async function sustained(batch: number): Promise<void> {
  const { exporter, generator, series } = await loaded(batch, 256e6, true);
  const run: Run = { mode: 'open', connections: 128, seconds: sustainedSeconds, rate: TARGET / batch };
  await measure(exporter, generator, { ...run, seconds: 2 });
  const all: Figures[] = [];
  for (let i = 0; i < runs; i++) all.push(await measure(exporter, generator, run));
  line(batch, 'sustained', all, { rss_mb: round(exporter.peak()), series, known_ids: knownIds });
  await exporter.stop();
  generator.stop();
}

for (const row of FLAT_OUT) await flatOut(row);
for (const batch of SUSTAINED) await sustained(batch);
await server?.stop();
process.exit(0);
