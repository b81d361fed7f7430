/**
 * Postfix: orders become entries of two lookup tables that its main.cf refers to, and mail in its queue goes on hold and comes off
 * again. After access(5), header_checks(5), transport(5), postsuper(1) and postconf(5). Its configuration is read, never written.
 */
import { join } from 'node:path';
import { z } from 'zod';
import type { Actuator, ActuatorType, Order } from '../actuator.ts';
import type { Action, Verb } from '../incident.ts';
import { PostfixCommands, type Queued } from '../postfix-commands.ts';
import { slowEnough, slowRoutes } from '../postfix-routes.ts';
import { type Before, before, type Entry, PostfixTables, type Scope } from '../postfix-tables.ts';

const name = z.string().regex(/^[\w.-]+$/, 'must be a name of letters, digits, dots, hyphens and underscores');
const path = z.string().regex(/^\/[\w./-]*$/, 'must be an absolute path without blanks');

const config = z.strictObject({
  directory: path
    .default('/etc/postfix/deliverability')
    .describe('Folder of the two lookup tables, owned by the exporter, readable for everybody'),
  config_directory: path.optional().describe('Folder of main.cf, where it is not the one that Postfix was built with'),
  programs: path.default('/usr/sbin').describe('Folder of postconf, postmap, postqueue, postcat and postsuper'),
  command: z
    .array(z.string().min(1))
    .default([])
    .describe('What stands before every command, such as `[docker, exec, -i, mta]`'),
  privileged: z
    .array(z.string().min(1))
    .default([])
    .describe('What stands before postsuper and postcat beside it, for an exporter that is not root: `[sudo, -n]`'),
  sources: z
    .array(z.string().min(1))
    .default([])
    .describe('Sources whose mail leaves through this Postfix; an action on the mail of another source is refused'),
  sending_ip: z
    .string()
    .optional()
    .describe('The one address that all of its mail leaves from; without it, actions on an address are refused'),
  sending_domain: z
    .string()
    .optional()
    .describe(
      'The one domain that it sends for, where it is one: then mail of the domain to one provider can be told apart',
    ),
  providers: z
    .record(z.string(), z.array(name).min(1))
    .default({})
    .describe('Mailbox providers and their recipient domains, such as `{ google: [gmail.com, googlemail.com] }`'),
  campaign_header: name.optional().describe('Header of the messages that names their campaign, such as `X-Campaign`'),
  slow: z
    .array(
      z.strictObject({
        transport: name.describe('Its name in master.cf'),
        share: z.number().gt(0).lt(1).describe('Of the usual rate, that its limits come to'),
        of: name.default('smtp').describe('The transport that it stands in for'),
      }),
    )
    .default([])
    .describe('Transports with limits of their own, for `throttle`: the fastest that is slow enough is taken'),
});
type Config = z.infer<typeof config>;

const VERBS = ['pause', 'throttle'] as const satisfies readonly Verb[];
const DOMAIN = /^[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9])?$/;
/** What the source of a table can hold between quotes, and is no address. */
const CAMPAIGN = /^[^\p{C}"\\@\s](?:[^\p{C}"\\@]{0,198}[^\p{C}"\\@\s])?$/u;
const ORDER = /^[\w:.-]{1,200}$/;
/** A session that was open when a table changed may go on by the old one: the queue is looked at again. */
const ROUNDS = 3;
/** More of one order's mail on hold before it is somebody's to look through first. */
const MOST_HELD = 20_000;

/** What stands in main.cf or master.cf on the line that asks a table, by whom the mail is told apart. */
const ASKED: Record<(typeof VERBS)[number], Partial<Record<Scope['of'], string>>> = {
  pause: { all: 'static:all', sender: 'sender:', recipient: 'recipient:', campaign: 'campaign:' },
  throttle: {
    all: 'static:all',
    sender: 'sender_dependent_default_transport_maps',
    recipient: 'transport_maps',
  },
};

/** Parts of a reach that narrow it, once those that all mail of this Postfix shares are left out. */
const PARTS = ['sending_domain', 'provider', 'campaign'] as const;

class Postfix implements Actuator {
  private readonly config: Config;
  private readonly commands: PostfixCommands;
  private readonly tables: PostfixTables;

  constructor(config: Config) {
    this.config = config;
    this.commands = new PostfixCommands(config);
    this.tables = new PostfixTables(config.directory, this.commands);
  }

  refuses(action: Action): string {
    const scope = this.scopeOf(action);
    if (typeof scope === 'string') return scope;
    if (action.verb !== 'throttle') return '';
    if (scope.of === 'campaign')
      return 'Postfix can hold a campaign and not slow it down: it routes by sender and recipient';
    if (slowEnough(this.config.slow, action.share).length > 0) return '';
    return `no transport is prepared for ${action.share} of the usual rate or less; name one under slow`;
  }

  async prepare(order: Order, signal: AbortSignal): Promise<Before> {
    const { scope, share } = this.understood(order);
    await this.mustBeAsked(scope, share === undefined ? 'pause' : 'throttle', signal);
    if (share !== undefined && scope.of !== 'campaign') {
      const slow = slowEnough(this.config.slow, share);
      return { held: [], routes: await slowRoutes(this.commands, scope, slow, `:${this.config.directory}/`, signal) };
    }
    const { [order.id]: _, ...others } = this.tables.inForce();
    const onHold = await this.onHold(signal);
    const held = await this.within(scope, onHold, signal);
    for (const other of Object.values(others))
      for (const id of await this.heldBy(other, onHold, signal)) held.delete(id);
    if (held.size > MOST_HELD)
      throw new Error(`${held.size} of these messages are on hold already; release or delete them, then pause`);
    return { held: [...held], routes: {} };
  }

  async apply(order: Order, prepared: unknown, signal: AbortSignal): Promise<void> {
    const it = this.understood(order);
    const entry = { ...it, before: before.parse(prepared), until: new Date(order.until).toISOString() };
    await this.tables.change((all) => ({ ...all, [order.id]: entry }), signal);
    if (it.share !== undefined) return;
    for (let round = 0; round < ROUNDS; round++) {
      const queue = await this.commands.queue(signal);
      const waiting = queue.filter(({ queue }) => queue !== 'hold' && queue !== 'maildrop');
      const caught = await this.within(it.scope, waiting, signal, true);
      if (caught.size === 0) return;
      await this.commands.hold([...caught], signal);
    }
  }

  async undo(order: Order, prepared: unknown, signal: AbortSignal): Promise<void> {
    // The configuration may have changed since, so what was written down counts.
    const own = this.tables.inForce()[order.id] ?? {
      ...this.understood(order),
      before: before.parse(prepared),
      until: new Date(order.until).toISOString(),
    };
    await this.tables.change((all) => ({ ...all, [order.id]: { ...own, ended: true } }), signal);
    for (let round = 0; round < ROUNDS; round++) {
      const onHold = await this.onHold(signal);
      const ours = await this.heldBy(own, onHold, signal);
      for (const other of Object.values(this.tables.inForce()))
        if (!other.ended) for (const id of await this.heldBy(other, onHold, signal)) ours.delete(id);
      if (ours.size === 0) break;
      await this.commands.release([...ours], signal);
    }
    await this.tables.change(({ [order.id]: _, ...others }) => others, signal);
  }

  private async onHold(signal: AbortSignal): Promise<Queued[]> {
    return (await this.commands.queue(signal)).filter(({ queue }) => queue === 'hold');
  }

  /** What is on hold because of an order: of its mail, and not on hold before it. */
  private async heldBy({ scope, share, before }: Entry, onHold: Queued[], signal: AbortSignal): Promise<Set<string>> {
    if (share !== undefined) return new Set();
    const earlier = new Set(before.held);
    const later = onHold.filter(({ id }) => !earlier.has(id));
    return await this.within(scope, later, signal);
  }

  /** `narrow`: a campaign's messages are looked for among those of its sender, for headers cost more to read than a listing. */
  private async within(scope: Scope, mail: Queued[], signal: AbortSignal, narrow = false): Promise<Set<string>> {
    const ids = (fits: (message: Queued) => boolean) => mail.filter(fits).map(({ id }) => id);
    switch (scope.of) {
      case 'all':
        return new Set(ids(() => true));
      case 'sender':
        return new Set(ids(({ sender }) => sender === scope.domain));
      case 'recipient':
        return new Set(ids(({ recipients }) => recipients.some((domain) => scope.domains.includes(domain))));
      case 'campaign': {
        const some = ids(({ sender }) => !narrow || scope.sender === undefined || sender === scope.sender);
        return await this.commands.withHeader(some, scope.header, scope.campaign, signal);
      }
    }
  }

  private understood({ id, action }: Order): { scope: Scope; share?: number } {
    const refused = this.refuses(action);
    const scope = this.scopeOf(action);
    if (refused !== '' || typeof scope === 'string') throw new Error(refused);
    if (!ORDER.test(id)) throw new Error('the id of the order cannot stand in a lookup table');
    return action.verb === 'throttle' ? { scope, share: action.share } : { scope };
  }

  /** Text: why Postfix cannot tell this mail apart. */
  private scopeOf({ verb, reach }: Action): Scope | string {
    const { config } = this;
    const { source, sending_ip: ip, sending_domain: domain = '', provider = '', campaign = '' } = reach;
    if (!(VERBS as readonly string[]).includes(verb)) return `Postfix has nothing that could ${verb}`;
    if (source !== undefined && !config.sources.includes(source))
      return `it is about mail of the source ${source}, which is not among the sources of this actuator`;
    if (ip !== undefined && ip !== config.sending_ip)
      return `it is about mail from ${ip}, which is not the sending_ip of this actuator`;
    switch (PARTS.filter((part) => reach[part] !== undefined).join(' ')) {
      case '':
        return { of: 'all' };
      case 'sending_domain':
        return DOMAIN.test(domain) ? { of: 'sender', domain } : 'its sending domain is no domain in lower case';
      case 'provider':
        return this.toProvider(provider);
      case 'sending_domain provider':
        return domain === config.sending_domain
          ? this.toProvider(provider)
          : 'Postfix cannot single out mail of one domain to one provider, unless it sends for one domain alone (sending_domain)';
      case 'campaign':
      case 'sending_domain campaign':
        if (config.campaign_header === undefined) return 'no campaign_header is configured to tell campaigns by';
        if (!CAMPAIGN.test(campaign)) return 'its campaign has a quote, backslash, control character or @ in its name';
        return { of: 'campaign', campaign, header: config.campaign_header, ...(domain && { sender: domain }) };
      default:
        return 'Postfix cannot single out mail of one campaign to one provider';
    }
  }

  private toProvider(provider: string): Scope | string {
    const domains = Object.hasOwn(this.config.providers, provider) ? this.config.providers[provider] : undefined;
    return domains
      ? { of: 'recipient', domains }
      : `no recipient domains are given for ${provider}; name them under providers`;
  }

  private async mustBeAsked(scope: Scope, verb: keyof typeof ASKED, signal: AbortSignal): Promise<void> {
    const table = join(this.config.directory, verb === 'pause' ? 'hold' : 'routes');
    const word = ASKED[verb][scope.of] ?? '';
    // A parameter stands at the beginning of its line, or after the service of master.cf that has its own.
    const lines = (await this.commands.settings(signal)).split('\n').map((line) => `/${line}`);
    const asks = word.endsWith('_maps') ? `/${word} =` : word;
    if (!lines.some((line) => line.includes(`:${table}`) && line.includes(asks)))
      throw new Error(
        `main.cf does not ask ${table} by ${word}; add the line for it from docs/actuators.md, and reload Postfix`,
      );
  }
}

const type: ActuatorType = {
  config,
  verbs: VERBS,
  docs:
    'Postfix on the same machine, by two lookup tables and its own commands. The exporter owns the folder of the tables; it needs ' +
    'postsuper and postcat as root, which two lines of sudoers allow, and nothing else. [How to set it up](actuators.md#postfix).',
  open: (config: Config): Actuator => new Postfix(config),
};
export default type;
