/** The preview's packages and its page are there once this is done: installed when the lock file changed, built when a source did. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../../stack/processes.ts';

const HERE = import.meta.dirname;
const INSTALLED = join(HERE, 'node_modules/.package-lock.json');
const BUILT = join(HERE, 'dist/index.html');
const SOURCES = [
  'index.html',
  'vite.config.ts',
  'package-lock.json',
  ...readdirSync(join(HERE, 'src')).map((f) => `src/${f}`),
];

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
  const child = start('build', program!, args, { cwd: HERE });
  const how = await child.ended;
  if (how !== 'ended with status 0')
    throw new Error(`${program} ${args.join(' ')} in tools/preview ${how}:\n${child.log()}`);
  say(`… took ${Math.round((Date.now() - begin) / 1000)} s`);
}
