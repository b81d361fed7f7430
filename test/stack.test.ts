/** The local stack's life: it comes up, says where it is, pages who stands for people, and leaves nothing behind however it ends. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { check } from '../stack/check.ts';
import { guarded, stopAll } from '../stack/processes.ts';
import { localCopy } from '../stack/stack.ts';
import { eventually, folder } from './exporter.ts';

interface Running {
  process: ChildProcess;
  said(): string;
  url(name: 'exporter' | 'Prometheus' | 'Alertmanager'): string;
  directory: string;
  /** Process ids of the stack itself and of all that it started. */
  pids: number[];
}

/** Up, with the demo sender heard: then everything that can be left behind is there. */
async function up(t: TestContext, program: string, ...args: string[]): Promise<Running> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  await eventually('the stack says where it is', () => /Ctrl-C/.test(said) || child.exitCode !== null, 60);
  assert.equal(child.exitCode, null, said);
  const found = (name: string) => new RegExp(`^ *${name} +(\\S+)`, 'm').exec(said)?.[1] ?? '';
  await eventually('the demo sender is heard', async () => {
    const metrics = await (await fetch(`${found('exporter')}/metrics`)).text();
    return /^deliverability_exporter_posts_total\{.*accepted.*\} [1-9]/m.test(metrics);
  });
  const pids = [child.pid!, ...below(child.pid!)];
  const directory = found('files');
  t.after(() => {
    for (const pid of pids.filter(alive)) process.kill(pid, 'SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  assert.ok(pids.length >= 5, 'the stack, exporter, Prometheus, Alertmanager and the demo run');
  return { process: child, said: () => said, url: found, directory, pids };
}

const stack = [process.execPath, 'stack/main.ts', '--incident=none'] as const;

function below(parent: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return [[Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const];
      } catch {
        return []; // Ended meanwhile.
      }
    });
  const children = (of: number): number[] =>
    parents.filter(([, p]) => p === of).flatMap(([pid]) => [pid, ...children(pid)]);
  return children(parent);
}

/** A zombie is dead: it waits for init, which is not ours to hurry. */
function alive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const nothingLeft = ({ pids }: Running) => eventually('nothing is left', () => !pids.some(alive), 30);

test('what Alertmanager tells people is printed for a person to read, and Ctrl-C ends all of it', async (t) => {
  const running = await up(t, ...stack);
  const labels = {
    alertname: 'Trial',
    severity: 'critical',
    issue_type: 'high_bounce_rate',
    sending_domain: 'x.example.com',
  };
  const annotations = { summary: 'Much of it bounces.', recommended_actions: '1. Look.\n2. Act.' };
  const posted = await fetch(`${running.url('Alertmanager')}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ labels, annotations }]),
  });
  assert.equal(posted.status, 200);
  await eventually('it is printed', () => /\/ops\/email FIRING critical Trial/.test(running.said()), 30);
  const [printed = ''] = /^.*\/ops\/email FIRING critical Trial[\s\S]*?2\. Act\.$/m.exec(running.said()) ?? [];
  for (const part of ['x.example.com', 'Much of it bounces.', '1. Look.']) assert.ok(printed.includes(part), part);
  running.process.kill('SIGINT');
  const [status] = (await once(running.process, 'exit')) as [number];
  assert.equal(status, 130);
  assert.deepEqual(running.pids.filter(alive), []);
  assert.doesNotMatch(running.said(), / ended /, 'an orderly end is no failure');
  assert.equal(existsSync(running.directory), false, 'its files are gone too');
});

test('SIGTERM ends all of it', async (t) => {
  const running = await up(t, ...stack);
  running.process.kill('SIGTERM');
  const [status] = (await once(running.process, 'exit')) as [number];
  assert.equal(status, 143);
  await nothingLeft(running);
});

test('kill -9 ends all of it', async (t) => {
  const running = await up(t, ...stack);
  running.process.kill('SIGKILL');
  await nothingLeft(running);
});

test('kill -9 of the npm that runs it ends all of it', async (t) => {
  const running = await up(t, 'npm', 'run', 'stack', '--', '--incident=none');
  running.process.kill('SIGKILL');
  await nothingLeft(running);
});

test('a part that dies ends the stack, with the part and its last words named', async (t) => {
  const running = await up(t, ...stack);
  const exporter = running.pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('src/main.ts'));
  process.kill(exporter!, 'SIGKILL');
  const [status] = (await once(running.process, 'close')) as [number];
  assert.equal(status, 1);
  await nothingLeft(running);
  assert.match(running.said(), /exporter ended by SIGKILL\. It said:\n.*listening/);
});

test('a child whose parent died before it was guarded starts nothing', async (t) => {
  const mark = join(folder(t), 'mark');
  const [program, args] = guarded('touch', [mark]);
  // Another parent than the one that it was made for, as after a death.
  const child = spawn('sh', ['-c', '"$@"; true', 'sh', program, ...args]);
  await once(child, 'exit');
  assert.equal(existsSync(mark), false);
});

test('a copy of a configuration leads nowhere but to this machine', (t) => {
  const directory = folder(t);
  const made = folder(t);
  const file = (text: string) => {
    const path = join(directory, 'shipped.yml');
    writeFileSync(path, text);
    return path;
  };
  const copy = (text: string) =>
    readFileSync(localCopy(file(text), made, made, { 'people:8080': '127.0.0.1:1' }), 'utf8');
  assert.match(copy('url: http://people:8080/critical'), /url: http:\/\/127\.0\.0\.1:1\/critical/);
  for (const away of ['http://elsewhere:80/x', 'https://hooks.example.com/T0', 'mail.example.com:25']) {
    assert.throws(() => copy(`there: ${away}`), /nothing in the place of/);
  }
});

/** 30 s of ordinary traffic instead of three minutes; intervals, rules and routing are those that are shipped. */
test('from the first bad event to the page in under a minute', async () => {
  after(stopAll);
  const measured = await check({ next: true, demo: { 'incident-after': '30' } });
  assert.deepEqual(
    { ...measured, event_to_webhook_s: 0 },
    { alert: 'EmailBounceRateHigh', issue_type: 'high_bounce_rate', severity: 'critical', event_to_webhook_s: 0 },
  );
  assert.ok(measured.event_to_webhook_s > 0 && measured.event_to_webhook_s < 60, `${measured.event_to_webhook_s} s`);
});
