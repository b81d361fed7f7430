/**
 * `npm run dashboards:preview`: the shipped dashboards, drawn without a Grafana, against the Prometheus that is named or one that holds a
 * made-up day; with --shots their pictures, and a list of what is wrong with them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stopAll } from '../../stack/processes.ts';
import { type DemoDay, demoDay } from '../../test/demo-day.ts';
import { build } from './build.ts';
import { addressOf, boards, DASHBOARDS, serve } from './serve.ts';

const USAGE = `npm run dashboards:preview -- [options]

  --prometheus=URL   where the numbers come from (default: a made-up day, which takes two minutes to make)
  --port=N           of 127.0.0.1 (default: one that is free)
  --shots            no server: pictures of every dashboard, light and dark, by headless Chromium; ends with 1 and the
                     reasons when something is empty, cut off or broken
  --out=DIR          of the pictures (default: docs/images)
  --only=NAME        one dashboard: overview, health, …
  --end=UNIX         end of the made-up day in seconds (default: the last even hour)
`;

/** Of the made-up day: long enough for a day to look back on, and every incident. */
const HOURS = 24;
/** Prometheus keeps its blocks by two hours: from one border to another there are fewest of them to fill. */
const BORDER_S = 7200;

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { prometheus: text, port: text, shots: flag, out: text, only: text, end: text, help: flag },
  });
  if (values.help) return void console.log(USAGE);
  if (values.shots && values.prometheus !== undefined)
    throw new Error('--shots are taken of the made-up day, at its incidents; leave --prometheus out.');
  await build(console.log);
  if (values.shots) {
    const { shoot } = await import('./shots.ts');
    const day = await made(values.end);
    const out = values.out ?? join(import.meta.dirname, '../../docs/images');
    const faults = await shoot({
      day,
      dashboards: DASHBOARDS,
      out,
      ...(values.only !== undefined && { only: values.only }),
    });
    await day.stop();
    process.exitCode = faults > 0 ? 1 : 0;
    return;
  }
  const day = values.prometheus === undefined ? await made(values.end) : undefined;
  const origin = addressOf(await serve(values.prometheus ?? day!.url, DASHBOARDS, Number(values.port ?? 0)));
  const of = day ? `?scrape=${day.step}&from=${1000 * (day.end - 6 * 3600)}&to=${1000 * day.end}` : '';
  for (const { uid, title } of boards(DASHBOARDS)) console.log(`${title.padEnd(28)}${origin}/d/${uid}${of}`);
}

async function made(end: string | undefined): Promise<DemoDay & { step: number }> {
  const border = Math.floor(Date.now() / 1000 / BORDER_S) * BORDER_S;
  // All that is made goes with this process, however it ends.
  const place = mkdtempSync(join(tmpdir(), 'dashboards-preview-'));
  process.on('exit', () => rmSync(place, { recursive: true, force: true }));
  process.env.TMPDIR = place;
  console.log(`Making up a day of ${HOURS} hours (about two minutes) …`);
  const begin = Date.now();
  const day = await demoDay(HOURS, end === undefined ? border : Number(end));
  console.log(`… took ${Math.round((Date.now() - begin) / 1000)} s`);
  return { ...day, step: 30 };
}

main().catch(async (error: Error) => {
  console.error(error.message);
  await stopAll();
  process.exit(1);
});
