/**
 * `npm run bench:scrape`: what a scrape of the built program costs, from 1 000 to 500 000 series, and what stock prom-client
 * takes for the same data. Prints a JSON line a number of series.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  configuration,
  flags,
  folder,
  type Measured,
  machine,
  median,
  pause,
  round,
  start,
  startExporter,
} from './exporter.ts';
import { makeSeries, newKeys } from './load.ts';
import type { Watched } from './watch.ts';

const { program, runs, most } = flags({ runs: 7, most: 500_000 });
const SIZES = [1000, 10_000, 100_000, 500_000].filter((series) => series <= most);
const WATCH = ['--import', join(import.meta.dirname, 'watch.ts')];

interface Scrape extends Watched {
  bytes: number;
}

async function ask(target: Measured, what: 'begin' | 'end'): Promise<Watched> {
  target.process.send!(what);
  return (await once(target.process, 'message'))[0] as Watched;
}

async function scrapes(target: Measured, times: number, headers: Record<string, string>): Promise<Scrape[]> {
  const all: Scrape[] = [];
  // The first two are the compiler's.
  for (let i = -2; i < times; i++) {
    await ask(target, 'begin');
    const { body } = await target.scrape(headers);
    const watched = await ask(target, 'end');
    if (i >= 0) all.push({ ...watched, bytes: body.length });
    await pause(20);
  }
  return all;
}

const of = (all: Scrape[], figure: (s: Scrape) => number): number => round(median(all.map(figure)), 2);

async function measure(series: number): Promise<void> {
  const keys = newKeys();
  const directory = folder();
  const exporter = await startExporter({ program, config: configuration(keys.public), directory, watch: WATCH });
  const made = await makeSeries(exporter, keys, series);
  const plain = await scrapes(exporter, runs, {});
  const zipped = await scrapes(exporter, runs, { 'accept-encoding': 'gzip' });
  const text = join(directory, 'metrics.txt');
  writeFileSync(text, (await exporter.scrape({})).body);
  await exporter.stop();
  const stock = await start(join(import.meta.dirname, 'prom-client.ts'), [text], WATCH);
  const theirs = await scrapes(stock, series > 100_000 ? 3 : runs, {});
  await stock.stop('SIGKILL');
  process.stdout.write(
    `${JSON.stringify({
      bench: 'scrape',
      series: made,
      cpu_ms: of(plain, (s) => s.cpu),
      max_block_ms: of(plain, (s) => s.block),
      prom_client_cpu_ms: of(theirs, (s) => s.cpu),
      times_prom_client: round(of(theirs, (s) => s.cpu) / of(plain, (s) => s.cpu)),
      max_block_cpu_ms: of(plain, (s) => s.blockCpu),
      bytes: of(plain, (s) => s.bytes),
      rss_mb: of(plain, (s) => s.rss),
      gzip_cpu_ms: of(zipped, (s) => s.cpu),
      gzip_max_block_ms: of(zipped, (s) => s.block),
      gzip_bytes: of(zipped, (s) => s.bytes),
      prom_client_max_block_ms: of(theirs, (s) => s.block),
      prom_client_bytes: of(theirs, (s) => s.bytes),
      prom_client_rss_mb: of(theirs, (s) => s.rss),
      runs,
      machine: machine(),
    })}\n`,
  );
}

for (const series of SIZES) await measure(series);
process.exit(0);
