/** The shipped dashboards become pages beside the rest of the stack, for people without a Grafana: drawn by tools/preview. */
import { join } from 'node:path';
import { build } from '../tools/preview/build.ts';
import { type Child, start } from './processes.ts';

const SERVE = join(import.meta.dirname, '../tools/preview/serve.ts');

/** Before anything is started: the first time it takes a minute or two. */
export const prepareDashboards = (): Promise<void> => build(console.log);

/** Resolves once it listens. */
export async function startDashboards(prometheus: string): Promise<{ child: Child; url: string }> {
  let told: (url: string) => void = () => undefined;
  const url = new Promise<string>((resolve) => {
    told = resolve;
  });
  const child = start('dashboards', process.execPath, [SERVE, `--prometheus=${prometheus}`], {
    onLine: (line, from) => {
      if (from === 'stdout') told(line);
    },
  });
  const failed = child.ended.then((how) => {
    throw new Error(`the dashboards' server ${how}. It said:\n${child.log()}`);
  });
  return { child, url: await Promise.race([url, failed]) };
}
