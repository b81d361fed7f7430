/** A call of promtool becomes what it says, on the oldest and the newest Prometheus we claim. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tool } from '../stack/tools.ts';

const ROOT = join(import.meta.dirname, '..');
const PROMTOOLS = ['promtool', 'promtool-next'] as const;

async function promtool(
  name: (typeof PROMTOOLS)[number],
  ...args: string[]
): Promise<{ failed: boolean; said: string }> {
  const run = promisify(execFile)(await tool(name), args, { cwd: ROOT, maxBuffer: 1e8 });
  return await run.then(
    ({ stdout, stderr }) => ({ failed: false, said: stdout + stderr }),
    (error: { stdout?: string; stderr?: string; message: string }) => ({
      failed: true,
      said: `${error.stdout ?? ''}${error.stderr ?? ''}` || error.message,
    }),
  );
}

/** With each promtool, at the same time. */
export async function bothPass(...args: string[]): Promise<void> {
  const results = await Promise.all(PROMTOOLS.map(async (name) => ({ name, ...(await promtool(name, ...args)) })));
  for (const { name, failed, said } of results) assert.ok(!failed, `${name}: ${said}`);
}

/** As in the files that `promtool test rules` reads. */
export interface TestFile {
  rule_files: string[];
  evaluation_interval: string;
  group_eval_order?: string[];
  tests: Case[];
}
export interface Case {
  name: string;
  interval?: string;
  input_series?: { series: string; values: string }[];
  promql_expr_test?: { expr: string; eval_time: string; exp_samples?: { labels: string; value: number }[] }[];
  alert_rule_test?: { alertname: string; eval_time: string; exp_alerts?: { exp_labels: Record<string, string> }[] }[];
}

/** Labels of the alerts that a case has promtool find firing, and when. */
export function fired(one: Case): { labels: Record<string, string>; at: string }[] {
  const seen = (one.promql_expr_test ?? []).flatMap(({ exp_samples = [], eval_time }) =>
    exp_samples.flatMap(({ labels, value }) => {
      const pairs = Object.fromEntries(
        [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, text]) => [name!, text!]),
      );
      return value === 1 && pairs.alertstate === 'firing' ? [{ labels: pairs, at: eval_time }] : [];
    }),
  );
  const expected = (one.alert_rule_test ?? []).flatMap(({ alertname, eval_time, exp_alerts = [] }) =>
    exp_alerts.map(({ exp_labels }) => ({ labels: { ...exp_labels, alertname }, at: eval_time })),
  );
  return [...seen, ...expected];
}
