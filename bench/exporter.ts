/** The built program becomes a process under measurement: started, scraped, killed, and its CPU and memory read from the kernel. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');

/** Flags of every benchmark. `program`: a main.js or main.ts to measure instead of what `npm run build` makes. */
export function flags<T extends Record<string, number>>(defaults: T): T & { program: string } {
  const names = Object.keys(defaults);
  const { values } = parseArgs({
    options: Object.fromEntries(['program', ...names].map((name) => [name, { type: 'string' as const }])),
  });
  const numbers = names.map((name) => [name, Number(values[name] ?? defaults[name])] as const);
  const wrong = numbers.find(([, n]) => !Number.isFinite(n));
  if (wrong) throw new Error(`--${wrong[0]} is a number`);
  return { ...(Object.fromEntries(numbers) as T), program: (values.program as string | undefined) ?? build() };
}

function build(): string {
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return join(ROOT, 'dist/main.js');
}

/** A folder for one run, on the disk that os.tmpdir() is on, gone when the process ends. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'deliverability-bench-'));
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

export const machine = () => ({
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  node: process.versions.node,
  load_1m: round(loadavg()[0]!, 2),
});

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export const median = (values: ArrayLike<number>): number => quantile(values, 0.5);

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What the feed `sendgrid` is configured with: signed posts, whose events name their sending domain in `domain`. */
export const sourceConfiguration = (publicKey: string) => ({ public_keys: [publicKey], sending_domain_key: 'domain' });

/** JSON is YAML. */
export const configuration = (publicKey: string, more: object = {}): string =>
  JSON.stringify({ scrape_interval: '1s', sources: { sendgrid: sourceConfiguration(publicKey) }, ...more });

/** Processes that are still there when the benchmark ends, however it ends. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

export function track(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

export class Measured {
  readonly process: ChildProcess;
  readonly port: number;
  private readonly agent = new Agent({ keepAlive: true });

  constructor(process: ChildProcess, port: number) {
    this.process = process;
    this.port = port;
  }

  /** CPU seconds of all its threads so far, as /proc tells them: in hundredths. */
  cpu(): number {
    const stat = readFileSync(`/proc/${this.process.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Largest resident set so far, MB. */
  peak(): number {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  }

  /** As Prometheus asks, but left compressed: what is to be measured is the other side. */
  scrape(headers: Record<string, string> = { 'accept-encoding': 'gzip' }): Promise<{ ms: number; body: Buffer }> {
    const start = performance.now();
    return new Promise((resolve, reject) => {
      get({ port: this.port, host: '127.0.0.1', path: '/metrics', headers, agent: this.agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () => resolve({ ms: performance.now() - start, body: Buffer.concat(chunks) }));
        response.once('error', reject);
      }).once('error', reject);
    });
  }

  /** Every sample of the event families by name and labels. */
  async samples(): Promise<Map<string, number>> {
    const { body } = await this.scrape({});
    const samples = new Map<string, number>();
    for (const line of body.toString().split('\n')) {
      if (!line.startsWith('email_') && !line.startsWith('deliverability_exporter_events_total')) continue;
      const end = line.lastIndexOf(' ');
      samples.set(line.slice(0, end), Number(line.slice(end + 1)));
    }
    return samples;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.agent.destroy();
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill(signal);
    await once(this.process, 'exit');
  }
}

export interface Start {
  program: string;
  /** Contents of the configuration file. */
  config: string;
  /** Directory of the configuration and of the ledger's file. */
  directory: string;
  port?: number;
  /** Flags of Node itself. */
  watch?: readonly string[];
}

export function startExporter({ program, config, directory, port = 0, watch = [] }: Start): Promise<Measured> {
  const file = join(directory, 'exporter.yml');
  writeFileSync(file, config);
  const address = `127.0.0.1:${port}`;
  return start(
    program,
    [`--config.file=${file}`, `--web.listen-address=${address}`, `--storage.path=${directory}`],
    watch,
  );
}

/** Any program that logs JSON lines and among them one with msg "listening" and its address. */
export async function start(program: string, args: readonly string[], node: readonly string[] = []): Promise<Measured> {
  const child = track(
    spawn(process.execPath, [...node, program, ...args], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] }),
  );
  const said: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stderr! }).on('line', (line) => {
      if (said.length < 100) said.push(line);
      if (line.includes('"listening"'))
        resolve(Number((JSON.parse(line) as { address: string }).address.split(':')[1]));
    });
    child.once('exit', () => setImmediate(() => reject(new Error(`${program} ended:\n${said.join('\n')}`))));
  });
  return new Measured(child, port);
}
