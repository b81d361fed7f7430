/** Starts the real program for a test, on a free port, and reads what it shows. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';

export interface Exporter {
  url: string;
  process: ChildProcess;
  log: Record<string, unknown>[];
  /** The sample's value: `metric('email_delivered_total', { source: 'push' })` sums what fits; undefined when nothing does. */
  metric(name: string, labels?: Record<string, string>): Promise<number | undefined>;
  metrics(headers?: Record<string, string>): Promise<string>;
  post(path: string, body: string | Buffer, headers?: Record<string, string>): Promise<Response>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'deliverability-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export async function startExporter(
  t: TestContext,
  options: {
    config?: string;
    storage?: string;
    port?: number;
    flags?: string[];
    env?: Record<string, string>;
    input?: 'pipe';
  } = {},
): Promise<Exporter> {
  const directory = folder(t);
  const file = join(directory, 'exporter.yml');
  writeFileSync(file, options.config ?? '');
  const child = spawn(
    process.execPath,
    [
      'src/main.ts',
      `--config.file=${file}`,
      `--web.listen-address=127.0.0.1:${options.port ?? 0}`,
      `--storage.path=${options.storage ?? ''}`,
      ...(options.flags ?? []),
    ],
    { stdio: [options.input ?? 'ignore', 'inherit', 'pipe'], env: { ...process.env, ...options.env } },
  );
  t.after(() => child.kill('SIGKILL'));
  const log: Record<string, unknown>[] = [];
  const address = await new Promise<string>((resolve, reject) => {
    const said: string[] = [];
    createInterface({ input: child.stderr! }).on('line', (line) => {
      said.push(line);
      if (!line.startsWith('{')) return;
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry.msg === 'listening') resolve(entry.address as string);
    });
    child.once('exit', () => setImmediate(() => reject(new Error(said.join('\n')))));
  });
  const url = `http://${address}`;
  const metrics = async (headers: Record<string, string> = {}) => (await fetch(`${url}/metrics`, { headers })).text();
  return {
    url,
    process: child,
    log,
    metrics,
    async metric(name, labels = {}) {
      const fits = samples(await metrics()).filter(
        (s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels[k] === v),
      );
      return fits.length === 0 ? undefined : fits.reduce((sum, s) => sum + s.value, 0);
    },
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: 'POST',
        body: typeof body === 'string' ? body : new Uint8Array(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await once(child, 'exit');
    },
  };
}

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** The samples of a text exposition. */
export function samples(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [k!, v!] as const);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

/** Waits for `condition`, looked at every 50 ms, and says what was waited for when it does not come. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean> | boolean,
  seconds = 60,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited ${seconds} s in vain: ${what}`);
}
