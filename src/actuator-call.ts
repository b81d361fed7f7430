/**
 * What actuators share: a foreign system is asked once, by HTTP or by a program, within bounds; what went wrong is said in words that
 * tell what to do and hold neither secrets nor addresses of people.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { answerText } from './answer-text.ts';

/** How long a program may take to tidy up once it was told to end. */
const GRACE_MS = 1000;
/** Of what a system says about its failure. */
const TOLD = 300;
/** An answer that is longer is not read to its end. */
const BYTES = 4 * 1024 * 1024;

export interface Answer {
  status: number;
  body: string;
}

export interface Asked {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  headers?: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

/** Any answer but a redirect; rejects when there is none. */
export async function ask(url: URL, { method, headers = {}, body, signal }: Asked): Promise<Answer> {
  const what = `${method} ${url.origin}${url.pathname}`;
  try {
    const response = await fetch(url, {
      method,
      headers,
      signal,
      redirect: 'manual',
      ...(body !== undefined && { body }),
    });
    const { status } = response;
    if (status >= 300 && status < 400) {
      await response.body?.cancel();
      throw new Error(`it answered ${status}, and redirects are not followed; configure the address that it leads to`);
    }
    const text = await answerText(response, BYTES);
    if (text === undefined)
      throw new Error(`its answer is longer than ${BYTES} bytes; is the address that of the right system?`);
    return { status, body: text };
  } catch (error) {
    throw new Error(
      `${what}: ${signal.aborted ? 'no whole answer in time; is the system overloaded?' : whyNot(error)}`,
    );
  }
}

/** Throws what a person needs to know of an answer that is none of the expected ones. `hints`: what to do about a status. */
export function refused(what: string, { status, body }: Answer, hints: Readonly<Record<number, string>> = {}): Error {
  const hint =
    hints[status] ?? HINTS[status] ?? (status >= 500 ? 'the system has a problem of its own; its log says more' : '');
  const said = withoutPeople(body);
  return new Error(`${what}: answered ${status}${hint && `; ${hint}`}${said && ` (it says: ${said})`}`);
}

const HINTS: Readonly<Record<number, string>> = {
  401: 'the credentials are not accepted: correct them in the configuration of the actuator',
  403: 'the credentials do not allow it: give them the rights that docs/actuators.md lists',
  404: 'there is nothing at this address: correct it in the configuration of the actuator',
  429: 'it is asked too often; it is tried again',
};

/** fetch wraps what went wrong on the connection. */
function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return code === undefined && error.message !== 'fetch failed' && error.message !== 'terminated'
    ? error.message
    : `no whole answer (${code ?? error.message}); is it running, and reachable from here?`;
}

/** Where a system is asked: https, or http on this machine, or http anywhere when that is said in so many words. */
export function address(description: string): z.ZodType<URL, string> {
  return z
    .string()
    .transform((text, context) => {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      const problem = !url || !/^https?:$/.test(url.protocol) ? 'must be an https:// or http:// address' : unfit(url);
      if (url && problem === '') return url;
      context.addIssue({ code: 'custom', message: problem });
      return z.NEVER;
    })
    .describe(description);
}

const unfit = ({ username, password, search, hash }: URL): string => {
  if (username !== '' || password !== '') return 'must not hold credentials: they have keys of their own';
  return search !== '' || hash !== '' ? 'must not have a query or a fragment' : '';
};

/** For the schemas of actuators, beside `address`. */
export const allowHttp = z
  .boolean()
  .default(false)
  .describe(
    'Whether http to another machine is allowed: what is asked, and credentials, are then read by whoever is on the way',
  );

/** '' when it may be asked there. */
export function insecure(url: URL, allowed: boolean): string {
  const here = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  return url.protocol === 'https:' || here || allowed
    ? ''
    : 'is http to another machine; use https, or say allow_http: true';
}

export interface Call {
  signal: AbortSignal;
  input?: string;
  /** Takes each line of what it prints, as it comes. */
  line?: (line: string) => void;
  /** Status 1 without a word of complaint is its way to say that it found nothing. */
  quiet?: boolean;
}

/**
 * Runs a program without a shell; it sees nothing of our environment but PATH. Rejects when it cannot be started, fails, or `signal`
 * aborts, which ends all that it started in turn.
 */
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
          // It is gone, or runs as root by sudo, and is not ours to end; nobody waits for it any more.
        }
      };
      kill('SIGTERM');
      setTimeout(() => kill('SIGKILL'), GRACE_MS).unref();
      reject(new Error(`${name} did not end in time, and was ended; is the machine overloaded?`));
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
