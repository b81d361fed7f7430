/**
 * Command lines become children that never outlive this process: stopped in order when it ends by itself or by a signal,
 * killed by the kernel when it is killed. After setpriv(1), PR_SET_PDEATHSIG(2const).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';

export interface Child {
  name: string;
  process: ChildProcess;
  /** The last lines of both outputs, for a person. */
  log(): string;
  /** Resolves when it has ended, with the words for how. */
  ended: Promise<string>;
  /** It was told to end: no failure. */
  stopped: boolean;
  /** SIGTERM, then SIGKILL when that takes too long. Resolves when it has ended. */
  stop(): Promise<void>;
}

export interface StartOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Told each line as it comes. */
  onLine?: (line: string, from: 'stdout' | 'stderr') => void;
}

const LOG_LINES = 200;
const STOP_MS = 10_000;
const children = new Set<Child>();

/**
 * A command that is killed when this process ends, however it ends. Between fork and setpriv the parent may have died
 * already: then the shell finds another parent than the one that it was told, and starts nothing.
 */
export function guarded(command: string, args: readonly string[]): [command: string, args: string[]] {
  const here = '[ "$PPID" = "$0" ] && exec "$@"';
  return ['setpriv', ['--pdeathsig', 'KILL', 'sh', '-c', here, String(process.pid), command, ...args]];
}

/** In a process group of its own: Ctrl-C reaches this process alone, which then stops its children in order. */
export function start(name: string, command: string, args: readonly string[], options: StartOptions = {}): Child {
  watchSignals();
  const child = spawn(...guarded(command, args), {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  const lines: string[] = [];
  for (const from of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[from]! }).on('line', (line) => {
      if (lines.push(line) > LOG_LINES) lines.shift();
      options.onLine?.(line, from);
    });
  }
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) =>
      resolve(`could not be started: ${error.message} (setpriv is in Debian's util-linux)`),
    );
    // `close`, not `exit`: its last words have been read then.
    child.once('close', (code, signal) =>
      resolve(signal === null ? `ended with status ${code}` : `ended by ${signal}`),
    );
  });
  const self: Child = {
    name,
    process: child,
    log: () => lines.join('\n'),
    ended,
    stopped: false,
    stop: () => stop(self),
  };
  children.add(self);
  void ended.then(() => children.delete(self));
  return self;
}

async function stop(child: Child): Promise<void> {
  if (!children.has(child)) return;
  child.stopped = true;
  signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_MS);
  await child.ended;
  clearTimeout(timer);
}

function signalGroup(child: Child, signal: NodeJS.Signals): void {
  const { pid } = child.process;
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Ended meanwhile.
  }
}

/** The last started first: who speaks stops before who is spoken to. */
export async function stopAll(): Promise<void> {
  for (const child of [...children].reverse()) await child.stop();
}

let watching = false;

function watchSignals(): void {
  if (watching) return;
  watching = true;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void stopAll().then(() => process.exit(128 + constants.signals[signal])));
  }
  process.on('exit', () => {
    for (const child of children) signalGroup(child, 'SIGKILL');
  });
}

/** Resolves when `url` answers 200; fails when the child ends first or the time is over, with what it said. */
export async function ready(child: Child, url: string, seconds = 30): Promise<void> {
  const end = Date.now() + seconds * 1000;
  let how: string | undefined;
  void child.ended.then((words) => {
    how = words;
  });
  while (how === undefined && Date.now() < end) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${child.name} ${how ?? `did not answer at ${url} within ${seconds} s`}. It said:\n${child.log()}`);
}

/** Ports of 127.0.0.1 that were free a moment ago. All are held until all are known, so none comes twice. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve, reject) => {
        server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port was given');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
