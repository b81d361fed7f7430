/**
 * The demo's past and the rules over it become a TSDB, and a Prometheus that serves it: what dashboards show after a day with every
 * kind of incident. promtool backfills recording rules only, each from what is already stored; so rules go in by depth of
 * dependence, and alerting rules as the series ALERTS that they would have caused (without their `for`).
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { History, levels, shippedRules, type TimedRule } from './history.ts';

const ROOT = join(import.meta.dirname, '..');
const STEP_S = 30;

export interface DemoDay {
  url: string;
  /** Unix seconds. */
  start: number;
  end: number;
  stop(): Promise<void>;
}

function recording(rule: TimedRule): TimedRule[] {
  const { alert, expr, labels = {}, interval } = rule;
  if (alert === undefined) return [rule];
  const named = { ...labels, alertname: alert };
  return [{ record: 'ALERTS', expr: `0 * (${expr}) + 1`, labels: { ...named, alertstate: 'firing' }, interval }];
}

/** What Prometheus keeps beside ALERTS: since when each has held. As OpenMetrics text. */
async function since(history: History, start: number, end: number): Promise<string> {
  const lines: string[] = ['# TYPE ALERTS_FOR_STATE gauge'];
  for (const { metric, values } of await history.query('ALERTS', start, end, STEP_S)) {
    const { __name__: _, alertstate: __, ...labels } = metric;
    const inBraces = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    let [onset, last] = [0, 0];
    for (const [at] of values) {
      if (at - last > STEP_S) onset = at;
      last = at;
      lines.push(`ALERTS_FOR_STATE{${inBraces.join(',')}} ${onset} ${at}`);
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

/** A few seconds an hour of history. The directory goes when it is stopped. */
export async function demoDay(hours: number, end = Math.floor(Date.now() / 1000)): Promise<DemoDay> {
  const start = end - hours * 3600;
  const directory = mkdtempSync(join(tmpdir(), 'demo-day-'));
  const history = new History(directory);
  const stop = async () => {
    await history.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const text = join(directory, 'om.txt');
    const demo = spawn(
      process.execPath,
      [join(ROOT, 'demo/history.ts'), `--hours=${hours}`, `--step=${STEP_S}`, `--end=${end}`],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await pipeline(demo.stdout, createWriteStream(text));
    await history.import(text);
    for (const level of levels(shippedRules().flatMap(recording))) await history.record(level, start, end, STEP_S);
    writeFileSync(text, await since(history, start, end));
    await history.import(text);
    const { url } = await history.serve();
    return { url, start, end, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
