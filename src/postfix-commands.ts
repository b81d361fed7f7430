/**
 * Postfix's own commands become promises: postconf(1), postmap(1), postqueue(1), postcat(1), postsuper(1). They change nothing but
 * lookup tables of ours, and which mail is on hold.
 */
import { run } from './actuator-call.ts';
import type { Fields } from './foreign.ts';

/** One message in the queue. */
export interface Queued {
  id: string;
  /** incoming, active, deferred, hold, or maildrop. */
  queue: string;
  /** Domain of the envelope sender; '' for bounces. */
  sender: string;
  /** Domains of the recipients that are left. */
  recipients: string[];
}

export interface Programs {
  programs: string;
  config_directory?: string | undefined;
  command: readonly string[];
  privileged: readonly string[];
}

/** As Postfix makes them, short and long. What does not look so is never handed to a program that runs as root. */
const QUEUE_ID = /^[0-9A-Za-z]{5,30}$/;
/** Headers of so many messages are read by one postcat. */
const BATCH = 200;
const GONE = /open queue file/;

export class PostfixCommands {
  private readonly how: Programs;

  constructor(how: Programs) {
    this.how = how;
  }

  /** All that main.cf and master.cf set, as text. */
  async settings(signal: AbortSignal): Promise<string> {
    return `${await this.said('postconf', ['-n'], signal)}\n${await this.said('postconf', ['-P'], signal)}`;
  }

  /** Values of parameters, with the parameters in them filled in; '' for those that are not set. */
  async values(names: readonly string[], signal: AbortSignal): Promise<string[]> {
    const found = new Map<string, string>();
    for (const line of (await this.said('postconf', ['-x', ...names], signal)).split('\n')) {
      const [, name, value] = /^(\S+) = ?(.*)$/.exec(line) ?? [];
      if (name !== undefined) found.set(name, value!.trim());
    }
    return names.map((name) => found.get(name) ?? '');
  }

  /** Names of the delivery transports of master.cf. */
  async transports(signal: AbortSignal): Promise<Set<string>> {
    const lines = (await this.said('postconf', ['-M'], signal)).split('\n');
    return new Set(
      lines.map((line) => line.split(/\s+/)).flatMap(([name = '', type]) => (type === 'unix' ? [name] : [])),
    );
  }

  /** What a lookup table says of the first of the keys that it has. */
  async lookUp(table: string, keys: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const found = new Map<string, string>();
    const line = (text: string) => {
      const [key = '', value = ''] = text.split('\t', 2);
      found.set(key, value);
    };
    await run(this.of('postmap', ['-q', '-', table]), { signal, input: `${keys.join('\n')}\n`, line, quiet: true });
    return keys.map((key) => found.get(key)).find((value) => value !== undefined);
  }

  /** `-f`: keys are not folded, since names of campaigns are told apart by case. */
  async index(table: string, signal: AbortSignal): Promise<void> {
    await run(this.of('postmap', ['-f', table]), { signal });
  }

  async queue(signal: AbortSignal): Promise<Queued[]> {
    const found: Queued[] = [];
    const line = (text: string) => {
      const entry = JSON.parse(text) as Fields & { recipients?: { address?: string }[] };
      const id = String(entry.queue_id);
      if (!QUEUE_ID.test(id)) return;
      const recipients = (entry.recipients ?? []).map(({ address }) => domain(address));
      found.push({ id, queue: String(entry.queue_name), sender: domain(entry.sender), recipients });
    };
    await run(this.of('postqueue', ['-j']), { signal, line });
    return found;
  }

  /** Those of the messages whose header has this value, wherever in the queue they are. */
  async withHeader(ids: readonly string[], header: string, value: string, signal: AbortSignal): Promise<Set<string>> {
    const found = new Set<string>();
    let id = '';
    let within = false;
    const line = (text: string) => {
      const [, part, file] = /^\*\*\* ([A-Z ]+) (\S+) \*\*\*$/.exec(text) ?? [];
      if (file !== undefined) id = file.slice(file.lastIndexOf('/') + 1);
      if (part !== undefined) within = part === 'MESSAGE CONTENTS';
      const colon = text.indexOf(':');
      if (
        within &&
        text.slice(0, colon).toLowerCase() === header.toLowerCase() &&
        text.slice(colon + 1).trim() === value
      )
        found.add(id);
    };
    // Without the envelope (-e) it does not say whose header it prints.
    const read = (some: readonly string[]) => run(this.asRoot('postcat', ['-ehq', ...some]), { signal, line });
    for (let from = 0; from < ids.length; from += BATCH) {
      const batch = ids.slice(from, from + BATCH);
      await read(batch).catch(async (error: Error) => {
        // One of them left the queue meanwhile, and postcat stops there.
        if (!GONE.test(error.message)) throw error;
        for (const one of batch)
          await read([one]).catch((gone: Error) => {
            if (!GONE.test(gone.message)) throw gone;
          });
      });
    }
    return found;
  }

  hold = (ids: readonly string[], signal: AbortSignal) => this.move('-h', ids, signal);

  release = (ids: readonly string[], signal: AbortSignal) => this.move('-H', ids, signal);

  private async move(flag: '-h' | '-H', ids: readonly string[], signal: AbortSignal): Promise<void> {
    if (ids.length > 0) await run(this.asRoot('postsuper', [flag, '-']), { signal, input: `${ids.join('\n')}\n` });
  }

  private async said(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
    const lines: string[] = [];
    await run(this.of(program, args), { signal, line: (line) => lines.push(line) });
    return lines.join('\n');
  }

  private of(program: string, args: readonly string[]): string[] {
    const { command, config_directory, programs } = this.how;
    return [...command, `${programs}/${program}`, ...(config_directory ? ['-c', config_directory] : []), ...args];
  }

  private asRoot(program: string, args: readonly string[]): string[] {
    const { command } = this.how;
    return [...command, ...this.how.privileged, ...this.of(program, args).slice(command.length)];
  }
}

function domain(address: unknown): string {
  const text = typeof address === 'string' ? address : '';
  const at = text.lastIndexOf('@');
  return at < 0 ? '' : text.slice(at + 1).toLowerCase();
}
