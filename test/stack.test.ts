/** The local stack's life: it comes up, says where it is, and leaves nothing behind however it ends. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { eventually } from './exporter.ts';

interface Running {
  process: ChildProcess;
  said(): string;
  /** Process ids below it. */
  descendants(): number[];
}

function startStack(t: TestContext): Running {
  const child = spawn(process.execPath, ['stack/main.ts', '--incident-after=3600'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { process: child, said: () => said, descendants: () => below(child.pid!) };
}

function below(parent: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return [[Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const];
      } catch {
        return [];
      }
    });
  const children = (of: number): number[] =>
    parents.filter(([, p]) => p === of).flatMap(([pid]) => [pid, ...children(pid)]);
  return children(parent);
}

const alive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

async function running(t: TestContext): Promise<{ stack: Running; pids: number[]; metrics: string }> {
  const stack = startStack(t);
  await eventually(`the stack is up: ${stack.said()}`, () => /\/metrics/.test(stack.said()), 60);
  const [metrics = ''] = /http:\/\/127\.0\.0\.1:\d+\/metrics/.exec(stack.said()) ?? [];
  await eventually(
    'the demo sender is counted',
    async () => /email_delivered_total\{.*\} [1-9]/.test(await (await fetch(metrics)).text()),
    60,
  );
  const pids = stack.descendants();
  assert.ok(pids.length >= 4, 'exporter, Prometheus, Alertmanager and the demo run');
  return { stack, pids, metrics };
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
  test(`${signal} ends all of it`, async (t) => {
    const { stack, pids } = await running(t);
    stack.process.kill(signal);
    await eventually('nothing is left', () => !pids.some(alive), 30);
  });
}

test('a part that dies ends the stack, with the part named', async (t) => {
  const { stack, pids } = await running(t);
  const exporter = pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('src/main.ts'))!;
  process.kill(exporter, 'SIGKILL');
  await eventually('nothing is left', () => !pids.some(alive), 30);
  await eventually('the stack itself ended', () => stack.process.exitCode !== null);
  assert.notEqual(stack.process.exitCode, 0);
  assert.match(stack.said(), /exporter/);
});
