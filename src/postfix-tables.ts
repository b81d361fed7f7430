/**
 * Orders in force become the two lookup tables that Postfix's main.cf refers to: `hold`, in the manner of access(5), and `routes`, of
 * transport(5). Both are made anew from `orders.json` beside them at every order, so that half of a call is made whole by the next.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { PostfixCommands } from './postfix-commands.ts';

const scope = z.discriminatedUnion('of', [
  z.strictObject({ of: z.literal('all') }),
  z.strictObject({ of: z.literal('sender'), domain: z.string() }),
  z.strictObject({ of: z.literal('recipient'), domains: z.array(z.string()) }),
  z.strictObject({
    of: z.literal('campaign'),
    campaign: z.string(),
    header: z.string(),
    sender: z.string().optional(),
  }),
]);
/** Whose mail, as Postfix can tell it apart. */
export type Scope = z.infer<typeof scope>;

/** What undoing needs. */
export const before = z.strictObject({
  /** On hold earlier, and not by us. */
  held: z.array(z.string()),
  /** Entries of the table `routes`. */
  routes: z.record(z.string(), z.string()),
});
export type Before = z.infer<typeof before>;

const entry = z.strictObject({
  scope,
  /** Of a throttle; a pause has none. */
  share: z.number().optional(),
  before,
  /** For people who find it there. */
  until: z.string(),
  /** No longer asked for; its mail is being released. */
  ended: z.boolean().optional(),
});
export type Entry = z.infer<typeof entry>;
type Entries = Record<string, Entry>;
const entries = z.record(z.string(), entry);

/** Keys of the table `hold`, as the lines of main.cf in docs/actuators.md ask it. */
export function holdKeys(it: Scope): string[] {
  switch (it.of) {
    case 'all':
      return ['all'];
    case 'sender':
      return [`sender:${it.domain}`];
    case 'recipient':
      return it.domains.map((domain) => `recipient:${domain}`);
    case 'campaign':
      // postmap(1) wants quotes around blanks, and keeps them as part of the key: the line of main.cf sets them, too.
      return [`"campaign:${it.campaign}"`];
  }
}

export class PostfixTables {
  private readonly directory: string;
  private readonly commands: PostfixCommands;
  /** What each table's index was made from, by this process: an index takes its time. */
  private readonly indexed = new Map<string, string>();
  private indexedAt = 0;

  constructor(directory: string, commands: PostfixCommands) {
    this.directory = directory;
    this.commands = commands;
  }

  inForce(): Entries {
    const file = join(this.directory, 'orders.json');
    try {
      return entries.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return {};
      throw new Error(
        `${file} says which orders are in force, and cannot be read (${code ?? 'not what was written'}); ` +
          'make it readable, or release what is on hold by hand and remove the file',
      );
    }
  }

  async change(change: (all: Entries) => Entries, signal: AbortSignal): Promise<void> {
    // Read and written without a pause between: other orders come and go meanwhile.
    const all = change(this.inForce());
    this.write('orders.json', `${JSON.stringify(all, null, 1)}\n`);
    const active = Object.entries(all).filter(([, { ended }]) => !ended);
    for (const [table, lines] of Object.entries({ hold: holds(active), routes: routes(active) })) {
      const text = `# Made anew by the deliverability exporter at every order.\n${lines.join('')}`;
      if (this.indexed.get(table) === text) continue;
      this.write(table, text);
      await this.index(join(this.directory, table), signal);
      this.indexed.set(table, text);
    }
  }

  private async index(table: string, signal: AbortSignal): Promise<void> {
    const type = typeIn(await this.commands.settings(signal), table);
    // One that main.cf does not ask needs none.
    if (type === undefined) return;
    // Daemons know a change by the second in which it was made, and would miss the second one in it.
    const wait = 1000 * (Math.floor(this.indexedAt / 1000) + 1) - Date.now();
    if (wait > 0) await pause(wait, undefined, { signal });
    await this.commands.index(`${type}:${table}`, signal);
    this.indexedAt = Date.now();
  }

  private write(name: string, text: string): void {
    const file = join(this.directory, name);
    try {
      writeFileSync(`${file}.new`, text, { mode: 0o644 });
      renameSync(`${file}.new`, file);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(
        `${file} cannot be written (${code}); make a folder ${this.directory} that belongs to the exporter`,
      );
    }
  }
}

/** The type of a table, as it is referred to in main.cf. */
export function typeIn(settings: string, table: string): string | undefined {
  for (const [, type, rest] of settings.matchAll(/\b([a-z]+):(\/[^\s,{}]*)/g)) if (rest === table) return type;
  return undefined;
}

function holds(active: readonly [string, Entry][]): string[] {
  const keys = new Map<string, string>();
  for (const [id, { scope, share }] of active)
    if (share === undefined) for (const key of holdKeys(scope)) keys.set(key, id);
  return [...keys].map(([key, id]) => `${key} HOLD order ${id} of the deliverability exporter\n`);
}

/** Where two orders are about the same mail, the slower one has it. */
function routes(active: readonly [string, Entry][]): string[] {
  const slowestLast = active.map(([, it]) => it).sort((a, b) => (b.share ?? 1) - (a.share ?? 1));
  const merged = Object.assign({}, ...slowestLast.map((it) => it.before.routes)) as Record<string, string>;
  return Object.entries(merged).map(([key, route]) => `${key} ${route}\n`);
}
