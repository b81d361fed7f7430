/** Every dashboard in this folder becomes its JSON beside it: `node dashboards/build.ts`; with `--check`, a difference fails. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { print } from './parts/board.ts';

const HERE = import.meta.dirname;

/** Path of the JSON → what it has to hold. */
export async function printed(): Promise<Map<string, string>> {
  const files = readdirSync(HERE).filter((name) => name.endsWith('.ts') && name !== 'build.ts');
  const all = new Map<string, string>();
  for (const file of files.sort()) {
    const { default: board } = (await import(`./${file}`)) as { default: Dashboard };
    all.set(join(HERE, file.replace(/\.ts$/, '.json')), print(board));
  }
  return all;
}

/** What differs from its source, in words; JSON that no source makes any more too. */
export async function drift(): Promise<string[]> {
  const wanted = await printed();
  const there = readdirSync(HERE)
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(HERE, name));
  const read = (path: string) => (there.includes(path) ? readFileSync(path, 'utf8') : undefined);
  return [
    ...[...wanted]
      .filter(([path, text]) => read(path) !== text)
      .map(([path]) => `${path} is not what its source makes`),
    ...there.filter((path) => !wanted.has(path)).map((path) => `${path} has no source`),
  ];
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const found = await drift();
    for (const line of found) console.error(line);
    if (found.length > 0) {
      console.error('Run `node dashboards/build.ts` and commit what it writes.');
      process.exitCode = 1;
    }
  } else {
    for (const [path, text] of await printed()) writeFileSync(path, text);
  }
}
