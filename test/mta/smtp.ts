/** What every MTA under test needs: sinks that accept, defer or refuse, somebody who sends, free ports, its own accounts. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { tool } from '../../stack/tools.ts';

/** What a sink does with each recipient: takes it, says 450, or says 500. */
const ANSWERS = { accept: [], defer: ['-r', 'rcpt'], refuse: ['-f', 'rcpt'] } as const;
export type Answer = keyof typeof ANSWERS;

export class Sink {
  readonly address: string;
  readonly port: number;
  /** Recipients it was asked to take, in order. */
  readonly recipients: string[] = [];

  private constructor(address: string, port: number) {
    this.address = address;
    this.port = port;
  }

  static async start(t: TestContext, answer: Answer, address = '127.0.0.1', port?: number): Promise<Sink> {
    const sink = new Sink(address, port ?? (await freePort(address)));
    const child = spawn(
      await tool('smtp-sink'),
      ['-v', '-u', 'nobody', ...ANSWERS[answer], `${address}:${sink.port}`, '100'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    t.after(() => child.kill('SIGKILL'));
    let rest = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const [, recipient] = /RCPT TO:<([^>]*)>/i.exec(line) ?? [];
        if (recipient !== undefined) sink.recipients.push(recipient);
      }
    });
    return sink;
  }
}

/** Hands over `count` messages, each to `recipients` of the same domain, and returns when the server has them. */
export async function send(port: number, count: number, from: string, to: string, recipients = 1): Promise<void> {
  const counts = ['-s', '5', '-m', String(count), ...(recipients > 1 ? ['-r', String(recipients)] : [])];
  await promisify(execFile)(await tool('smtp-source'), [...counts, '-f', from, '-t', to, `127.0.0.1:${port}`]);
}

/** Where a program's packages are: the kit of stack/tools.ts lies beside its `run` folder; else the machine itself. */
export function kit(program: string): string {
  const root = dirname(dirname(program));
  return existsSync(join(root, 'run')) ? root : '/';
}

/** Id of a user that the program's package makes. */
export function account(program: string, user: string): number {
  const line = new RegExp(`^${user}:[^:]*:(\\d+):`, 'm').exec(readFileSync(join(kit(program), 'etc/passwd'), 'utf8'));
  if (!line) throw new Error(`there is no user ${user} in ${join(kit(program), 'etc/passwd')}`);
  return Number(line[1]);
}

export async function freePort(address = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export async function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
