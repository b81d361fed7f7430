/** A program and its arguments become the lines that it prints: no shell, and all that it started ends with the signal. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** How long a program may take to tidy up once it was told to end. */
const GRACE_MS = 1000;
const TOLD = 300;

export interface Call {
  signal: AbortSignal;
  input?: string;
  /** Takes each line of what it prints, as it comes. */
  line?: (line: string) => void;
  /** Status 1 without a word of complaint is its way to say that it found nothing. */
  quiet?: boolean;
}

/** Rejects when the program cannot be started, fails, or `signal` aborts. It sees nothing of our environment but PATH. */
export function run(command: readonly string[], { signal, input = '', line, quiet = false }: Call): Promise<void> {
  const [program = '', ...args] = command;
  const name = command.join(' ').slice(0, TOLD);
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new Error(`${name} was not begun: the time for it is over`));
      return;
    }
    // A group of its own, so that what it started in turn can be ended with it.
    const child = spawn(program, args, { detached: true, env: { PATH: process.env.PATH, LC_ALL: 'C' } });
    const end = () => {
      const kill = (how: NodeJS.Signals) => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, how);
        } catch {
          // It is gone, or another's: sudo hands our SIGTERM on to what it runs.
        }
      };
      kill('SIGTERM');
      setTimeout(() => kill('SIGKILL'), GRACE_MS).unref();
      reject(new Error(`${name} did not end in time, and was ended; is Postfix's queue very long, or its disk slow?`));
    };
    signal.addEventListener('abort', end, { once: true });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < TOLD) said += text;
    });
    const lines = createInterface({ input: child.stdout });
    if (line) lines.on('line', line);
    else child.stdout.resume();
    // One that ended before it read everything says so by its status.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', (error: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', end);
      reject(
        new Error(`${program} cannot be run (${error.code}); correct its path in the configuration of the actuator`),
      );
    });
    child.once('close', (status, killed) => {
      signal.removeEventListener('abort', end);
      if (status === 0 || (quiet && status === 1 && said.trim() === '')) resolve();
      else
        reject(
          new Error(`${name} ended with ${killed ?? `status ${status}`}: ${withoutPeople(said) || 'it said nothing'}`),
        );
    });
  });
}

/** What programs say may name senders and recipients. */
function withoutPeople(text: string): string {
  return text
    .trim()
    .slice(0, TOLD)
    .replaceAll(/[^\s<>"]+@[^\s<>"]+/g, '(address)');
}
