/**
 * Microsoft Exchange's message tracking logs (MSGTRK*.LOG) become events: mail that leaves for other organisations, once a
 * message and recipient however many servers log it ("Message tracking", Exchange Server 2007 to Subscription Edition).
 *
 * Longer than a plugin should be for its tables.
 */
import { z } from 'zod';
import { Records } from '../csv.ts';
import type { MailEvent, SuppressionReason } from '../event.ts';
import { ipOf, own } from '../foreign.ts';
import { kept } from '../recent.ts';
import type { Parsed, Post, Source, SourceDocs, SourceType } from '../source.ts';
import { nothing } from '../source.ts';
import { Domains } from '../syslog.ts';
import { millis, secondsSince } from '../time.ts';

/** `event-id`. What is ignored happens inside the organisation, or is told by another one of these. */
const EVENTS: Record<string, 'accepted' | 'delivered' | 'deferred' | 'bounced' | 'suppressed' | 'ignored'> = {
  RECEIVE: 'accepted',
  SENDEXTERNAL: 'delivered',
  SEND: 'delivered', // to other organisations before SENDEXTERNAL was there; between servers of this one it has no connector that counts
  DEFER: 'deferred',
  FAIL: 'bounced',
  BADMAIL: 'suppressed',
  DROP: 'suppressed',
  SUPPRESSED: 'suppressed',
  // the notification of a FAIL or a DEFER
  DSN: 'ignored',
  // to a mailbox
  DELIVER: 'ignored',
  DELIVERFAIL: 'ignored',
  DUPLICATEDELIVER: 'ignored',
  PROCESSMEETINGMESSAGE: 'ignored',
  // from a mailbox to the transport service, whose RECEIVE counts
  CLIENTSUBMISSION: 'ignored',
  NOTIFYMAPI: 'ignored',
  NOTIFYSHADOW: 'ignored',
  SUBMIT: 'ignored',
  SUBMITDEFER: 'ignored',
  SUBMITFAIL: 'ignored',
  // inside the transport service
  AGENTINFO: 'ignored',
  DUPLICATEEXPAND: 'ignored',
  DUPLICATEREDIRECT: 'ignored',
  EXPAND: 'ignored',
  LOAD: 'ignored',
  POISONMESSAGE: 'ignored',
  PROCESS: 'ignored',
  REDIRECT: 'ignored',
  RESOLVE: 'ignored',
  SETROUTE: 'ignored',
  SUSPEND: 'ignored',
  THROTTLE: 'ignored',
  TRANSFER: 'ignored',
  // moderation
  INITMESSAGECREATED: 'ignored',
  MODERATIONEXPIRE: 'ignored',
  MODERATORAPPROVE: 'ignored',
  MODERATORREJECT: 'ignored',
  MODERATORSALLNDR: 'ignored',
  // copies for shadow redundancy and Safety Net
  HADISCARD: 'ignored',
  HARECEIVE: 'ignored',
  HAREDIRECT: 'ignored',
  HAREDIRECTFAIL: 'ignored',
  RESUBMIT: 'ignored',
  RESUBMITDEFER: 'ignored',
  RESUBMITFAIL: 'ignored',
};

/** `source` of a FAIL. Any other is about mailboxes or copies. */
const FAILED_BY: Record<string, 'bounced' | 'admin' | 'suppressed'> = {
  SMTP: 'bounced',
  DNS: 'bounced',
  ROUTING: 'bounced',
  QUEUE: 'bounced', // it expired
  ADMIN: 'admin',
  AGENT: 'suppressed', // a transport rule or filter of this organisation
};

/** `source` of a DEFER that followed an attempt to reach somebody else. */
const DEFERRED_BY = ['SMTP', 'DNS', 'QUEUE'];

export const words = [
  ...Object.keys(EVENTS),
  ...Object.keys(FAILED_BY).map((source) => ['FAIL', source]),
  ...DEFERRED_BY.map((source) => ['DEFER', source]),
];

/** Connectors between servers of one organisation that nobody configures. */
const INTERNAL_CONNECTORS = [
  'Intra-Organization SMTP Send Connector',
  'Inbound Proxy Internal Send Connector',
  'Client Proxy Send Connector',
];

/** Of Exchange 2016 to Subscription Edition; 2013 had the first 27; 2010 had 26, and 2007 the first 21, without network-message-id. */
const COLUMNS = (
  'date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,' +
  'internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,' +
  'related-recipient-address,reference,message-subject,sender-address,return-path,message-info,directionality,tenant-id,' +
  'original-client-ip,original-server-ip,custom-data,transport-traffic-type,log-id,schema-version'
).split(',');
const OLDER = COLUMNS.slice(0, 27).filter((name) => name !== 'network-message-id');
const KNOWN = [COLUMNS, COLUMNS.slice(0, 27), OLDER, OLDER.slice(0, 21)];

const domain = z
  .string()
  .regex(/^[^\s@*]+$/, 'a domain, such as example.com')
  .toLowerCase();
const config = z.strictObject({
  internal_domains: z
    .array(domain)
    .min(1)
    .describe(
      'Domains of your own mailboxes (accepted domains): mail to them and to what is below them is not counted',
    ),
  ignore_connectors: z
    .array(z.string())
    .default([])
    .describe(
      'Send connectors to a server of your own that tells for itself: Edge Transport, a smarthost. As in connector-id',
    ),
  sending_ips: z
    .record(z.string(), z.ipv4().or(z.ipv6()))
    .default({})
    .describe('Public address by send connector, server name (client-hostname) or local address: needed behind NAT'),
  columns: z
    .array(z.string())
    .min(2)
    .optional()
    .describe('Columns of lines whose #Fields line was not seen, when they are not those of Exchange 2007 to now'),
});
type Config = z.infer<typeof config>;

/** Messages and recipients remembered, at least, for the servers and services that log them again: seconds later, as a rule. */
const REMEMBERED = 25_000;

class Exchange implements Source {
  #config: Config;
  #records: Records;
  #internal: Set<string>;
  #connectors: Set<string>;
  #domains = new Domains();
  #parsed = nothing();
  /** Identities, and the line that told of each first; those before them. A Map that loses its oldest entry each time is slow. */
  #told = new Map<string, string>();
  #toldBefore = new Map<string, string>();

  constructor(options: Config) {
    this.#config = options;
    this.#internal = new Set(options.internal_domains);
    this.#connectors = new Set([...INTERNAL_CONNECTORS, ...options.ignore_connectors]);
    this.#records = new Records({
      header: /^#Fields:\s*/i,
      begin: /^"?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/,
      columns: options.columns ? [...KNOWN, options.columns] : KNOWN,
    });
  }

  parse(post: Post): Parsed {
    const parsed = nothing();
    this.#parsed = parsed;
    this.#records.read(post, () => this.#record());
    parsed.invalid += this.#records.invalid;
    return parsed;
  }

  #record(): void {
    const records = this.#records;
    const word = records.field('event-id');
    const at = millis(records.field('date-time'));
    const kind = own(EVENTS, word);
    if (Number.isNaN(at) || word === '') this.#parsed.invalid++;
    else if (kind === undefined) this.#parsed.unknown.push(word);
    else if (kind === 'ignored' || this.#isOfNoConcern(word) || !this.#recipients(kind, word, at))
      this.#parsed.ignored++;
  }

  /** A notification or automatic reply (null sender), a hop inside the organisation, or nothing that went outside. */
  #isOfNoConcern(word: string): boolean {
    const records = this.#records;
    const source = records.field('source');
    const connector = records.field('connector-id');
    if (records.field('return-path') === '<>') return true;
    if (word === 'SEND') return connector === '' || this.#connectors.has(connector);
    if (word === 'SENDEXTERNAL') return this.#connectors.has(connector);
    if (word === 'DEFER') return !DEFERRED_BY.includes(source);
    return word === 'FAIL' && own(FAILED_BY, source) === undefined;
  }

  /** One event for each recipient outside; false when there is none, or none that was not told of before. */
  #recipients(kind: MailEvent['kind'], word: string, at: number): boolean {
    const records = this.#records;
    const recipients = records.field('recipient-address').split(';');
    const sendingDomain = this.#domain(records.field('sender-address')) || this.#domain(records.field('return-path'));
    const sendingIp = kind === 'accepted' || records.field('source') !== 'SMTP' ? '' : this.#sendingIp();
    const identity = this.#identity(kind);
    const { events } = this.#parsed;
    const before = events.length;
    for (const [i, recipient] of recipients.entries()) {
      const recipientDomain = this.#domain(recipient.trim());
      if (recipientDomain === '' || this.#isInternal(recipientDomain)) continue;
      const id = `${identity} ${recipient.trim().toLowerCase()}`;
      if (kind !== 'deferred' && !this.#isFirst(id, at)) continue;
      const fact = { id, at, sendingDomain, sendingIp, recipientDomain, campaign: '' };
      events.push(this.#event(kind, word, fact, i, recipients.length));
    }
    return events.length > before;
  }

  /** The same line may come again, when it could not be stored the first time: then it tells of the same. */
  #isFirst(id: string, at: number): boolean {
    // numbers, not the text they came from, which would stay in memory with all that stands around it
    const line = `${at} ${Number(this.#records.field('internal-message-id'))}`;
    const told = this.#told.get(id) ?? this.#toldBefore.get(id);
    if (told !== undefined) return told === line;
    if (this.#told.size >= REMEMBERED) [this.#toldBefore, this.#told] = [this.#told, new Map()];
    this.#told.set(id, line);
    return true;
  }

  #event(kind: MailEvent['kind'], word: string, fact: Facts, index: number, count: number): MailEvent {
    const records = this.#records;
    switch (kind) {
      case 'delivered':
        // when the first server of the organisation took it: "2026-11-24T09:59:45.814Z;SRV=…"
        return { kind, ...fact, seconds: secondsSince(/^[^;,]*/.exec(records.field('message-info'))![0], fact.at) };
      case 'deferred':
        return { kind, ...fact, reply: this.#reply(index, count) };
      case 'bounced': {
        const by = own(FAILED_BY, records.field('source'));
        if (by === 'suppressed') return { kind: by, ...fact, reason: 'other' };
        if (by === 'admin') return { kind, ...fact, reply: '', class: by };
        return { kind, ...fact, reply: this.#reply(index, count) };
      }
      default: {
        const reason: SuppressionReason = word === 'BADMAIL' ? 'invalid_message' : 'other';
        return kind === 'suppressed' ? { kind, ...fact, reason } : { kind: 'accepted', ...fact };
      }
    }
  }

  /**
   * The same on every server that a message passes; only attempts happen more than once. Before Exchange 2013 the sender's
   * Message-ID has to do.
   */
  #identity(kind: MailEvent['kind']): string {
    const records = this.#records;
    const message = records.field('network-message-id') || records.field('message-id') || records.text;
    return kind === 'deferred' ? `${kind} ${message} ${records.field('date-time')}` : `${kind} ${message}`;
  }

  /** Of each recipient, a semicolon between them; since Exchange 2016 `[{LED=550 5.1.1 …};{MSG=…};{FQDN=…};{IP=…};{LRT=…}]`. */
  #reply(index: number, count: number): string {
    const records = this.#records;
    const all = records.field('recipient-status') || REPLY.exec(records.field('source-context'))?.[1] || '';
    const each = count === 1 ? [all] : all.split(all.startsWith('[{') ? /;(?=\[\{)/ : ';');
    const status = (each.length === count ? each[index]! : all).trim();
    const [, last, message] = /^\[\{LED=(.*?)\};\{MSG=(.*?)\}/s.exec(status) ?? [];
    return last === undefined ? status : last || message!;
  }

  #sendingIp(): string {
    const { sending_ips } = this.#config;
    const records = this.#records;
    const address = records.field('client-ip');
    const named = [records.field('connector-id'), records.field('client-hostname'), address];
    return named.map((name) => own(sending_ips, name)).find((ip) => ip !== undefined) ?? kept(ipOf(address));
  }

  #isInternal(recipientDomain: string): boolean {
    for (let name = recipientDomain; ; name = name.slice(name.indexOf('.') + 1)) {
      if (this.#internal.has(name)) return true;
      if (!name.includes('.')) return false;
    }
  }

  #domain(address: string): string {
    return this.#domains.of(address, 0, address.endsWith('>') ? address.length - 1 : address.length);
  }
}

type Facts = Pick<MailEvent, 'id' | 'at' | 'sendingDomain' | 'sendingIp' | 'recipientDomain' | 'campaign'>;

/** `;550 5.1.1 …` instead of the session that the field else names. */
const REPLY = /^;?\s*([45]\d\d[ -].*)/s;

const docs: SourceDocs = {
  fields: {
    identity: '`network-message-id` (before Exchange 2013 `message-id`) with the recipient; of a deferral its time too',
    sending_domain: '`sender-address`, else `return-path`',
    sending_ip: '`client-ip` of what an SMTP connection ended in, or `sending_ips`',
    recipient_domain: '`recipient-address`, one event for each',
    reply: '`recipient-status` (of its long form what follows `LED=`), else `source-context`',
    seconds: 'from the time in `message-info`, when the first server took the message, to `date-time`',
  },
  pointing:
    'A log shipper on each server that posts the lines of `TransportRoles\\Logs\\MessageTracking\\MSGTRK*.LOG` to `/hooks/NAME`, all servers to one `NAME`; or `files` with a `*` where the folder is mounted. The `#Fields` line says which column is what; until one is seen, the number of columns tells the version. Only mail to others than `internal_domains` counts: `RECEIVE` as accepted, `SENDEXTERNAL` (and `SEND` by a send connector, before that word was there) as delivered, `DEFER` of an attempt to reach them, `FAIL` by whom it failed: bounced, or suppressed when it was a transport rule. `DELIVER` is to a mailbox, `DSN` repeats a `FAIL`, and the rest happens inside; so do copies (`HA…`, `RESUBMIT…`) and hops by the connectors between servers. Name the connector to an Edge Transport server or a smarthost under `ignore_connectors`, if that tells for itself. Automatic replies and notifications (null return path) are ignored.',
  authentication: 'Posted lines are let in by `auth` alone. A followed file needs none.',
  answers:
    'A log shipper is answered 200 once its lines are committed, and 503 when nothing can be taken: it has to send them again then. A followed file waits where it is.',
};

export default {
  summary:
    'Microsoft Exchange: its message tracking logs (CSV), posted by a log shipper on each server, or read from a mounted folder',
  transport: 'lines',
  config,
  gives: ['accepted', 'delivered', 'deferred', 'bounced', 'suppressed'],
  docs,
  open: (options) => new Exchange(options),
} satisfies SourceType<Config>;
