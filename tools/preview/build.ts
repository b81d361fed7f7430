/** The preview's packages and its page are there once this is done: installed when the lock file changed, built when a source did. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const HERE = import.meta.dirname;
const INSTALLED = join(HERE, 'node_modules/.package-lock.json');
const BUILT = join(HERE, 'dist/index.html');
const SOURCES = ['index.html', 'vite.config.ts', 'package-lock.json', ...readdirSync(join(HERE, 'src')).map((f) => `src/${f}`)];

const younger = (file: string, than: string): boolean =>
  !existsSync(than) || statSync(join(HERE, file)).mtimeMs > statSync(than).mtimeMs;

/** Tells what takes long before it does, and how long it took. */
export async function build(say: (words: string) => void): Promise<void> {
  if (younger('package-lock.json', INSTALLED)) {
    await timed(say, "Installing what draws the dashboards, Grafana's component library (500 MB, about a minute)", [
      'npm',
      'ci',
      '--no-fund',
      '--no-audit',
      '--loglevel=error',
    ]);
  }
  if (SOURCES.some((file) => younger(file, BUILT)))
    await timed(say, 'Building the page that draws the dashboards (some seconds)', [
      process.execPath,
      join(HERE, 'node_modules/vite/bin/vite.js'),
      'build',
    ]);
}

async function timed(say: (words: string) => void, words: string, [program, ...args]: string[]): Promise<void> {
  say(`${words} …`);
  const begin = Date.now();
  await run(program!, args);
  say(`… took ${Math.round((Date.now() - begin) / 1000)} s`);
}

function run(program: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: HERE, stdio: ['ignore', 'pipe', 'pipe'] });
    const said: string[] = [];
    for (const out of [child.stdout, child.stderr]) out.on('data', (data: Buffer) => said.push(data.toString()));
    const stop = () => child.kill();
    process.once('exit', stop);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('exit', stop);
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args.join(' ')} in tools/preview ended with ${signal ?? code}:\n${said.join('')}`));
    });
  });
}
