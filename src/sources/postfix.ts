/**
 * Lines of Postfix's log become events: what its delivery agents log for each recipient, joined by queue id with the
 * sender that the queue manager logs (postfix 3.x, src/global/log_adhoc.c and src/qmgr/qmgr_active.c).
 *
 * Longer than a plugin should be: it is the only source that joins lines, and it reads half a million of them a second.
 */
import { z } from 'zod';
import type { MailEvent } from '../event.ts';
import type { Parsed, Post, Source, SourceDocs, SourceType } from '../source.ts';
import { nothing } from '../source.ts';
import { Domains, Hosts, Lines, timeZone } from '../syslog.ts';

/** What follows `status=`. */
const STATUS: Record<string, 'delivered' | 'deferred' | 'bounced' | 'ignored'> = {
  sent: 'delivered',
  deferred: 'deferred',
  bounced: 'bounced',
  // address verification probes, nobody's mail: verify(8)
  deliverable: 'ignored',
  undeliverable: 'ignored',
};

/** What the queue manager logs when it gives a message up; said once a message, not once a recipient. */
const GIVEN_UP: Record<string, 'soft' | 'admin'> = { expired: 'soft', 'force-expired': 'admin' };

export const words = [...Object.keys(STATUS), ...Object.keys(GIVEN_UP)];

/** Agents that hand mail to a mailbox or a program of this machine: nothing left it. */
const INBOUND = ['local', 'virtual', 'lmtp', 'pipe', 'discard', 'spawn'];
/** Daemons that log no deliveries, and most of the lines. */
const SILENT = [
  ...['anvil', 'bounce', 'cleanup', 'dnsblog', 'flush', 'master', 'pickup', 'postfix-script', 'postlogd', 'postscreen'],
  ...[
    'postsuper',
    'proxymap',
    'qmqpd',
    'scache',
    'sendmail',
    'showq',
    'smtpd',
    'tlsmgr',
    'tlsproxy',
    'trivial-rewrite',
  ],
  ...['postqueue', 'postdrop', 'postmap', 'postalias', 'postmulti', 'verify'],
];

/** The null sender: notifications that Postfix itself sends about undeliverable mail. They are not our mail. */
const NULL_SENDER = '<>';

const ip = z.union([z.ipv4(), z.ipv6()]);
const config = z.strictObject({
  sending_ips: z
    .record(z.string(), ip)
    .default({})
    .describe(
      'Address by the name that a smtp service logs under, whole (postfix-out/smtp) or a part of it (smtp-ip2); of all others it is sending_ip',
    ),
  time_zone: timeZone,
  ignore_relays: z
    .array(z.string())
    .default([])
    .describe(
      'Hand-overs to these are no deliveries: host name, address or address:port of a content filter, as in relay=',
    ),
});

type Role = { does: 'send'; ip: string } | { does: 'queue'; ip: string } | { does: 'inbound'; ip: string };

/** Recipients remembered of one message, for the day it expires. */
const WAITING = 1000;

interface Deferral {
  recipientDomain: string;
  sendingIp: string;
}

interface Message {
  /** Sending domain, or NULL_SENDER. */
  sender: string;
  /** Who was deferred in the current attempt. */
  waiting: Deferral[];
}

/** Most messages are never deferred, and an array each would be most of what is kept. */
const NOBODY: Deferral[] = [];

class Postfix implements Source {
  #config: z.infer<typeof config>;
  #lines: Lines<Role>;
  #hosts = new Hosts<Message>();
  #domains = new Domains();
  #parsed = nothing();
  #ignoredRelays: Set<string>;

  constructor(config_: z.infer<typeof config>) {
    this.#config = config_;
    this.#ignoredRelays = new Set(config_.ignore_relays);
    this.#lines = new Lines(config_.time_zone, (program) => this.#role(program));
  }

  parse(post: Post, now: number): Parsed {
    const parsed = nothing();
    this.#parsed = parsed;
    this.#lines.read(post, now, (role) => this.#line(role));
    parsed.invalid += this.#lines.invalid;
    return parsed;
  }

  /** `postfix/smtp`, of another instance `postfix-out/smtp`, of a service with a name `postfix/smtp-ip2/smtp`. */
  #role(program: string): Role | undefined {
    const parts = program.split('/');
    const name = parts.at(-1)!;
    const { sending_ips } = this.#config;
    const own = [program, ...parts.toReversed()].find((part) => Object.hasOwn(sending_ips, part));
    const ip = own === undefined ? '' : sending_ips[own]!;
    if (own === undefined && parts.length < 2) return undefined;
    if (SILENT.includes(name)) return undefined;
    if (INBOUND.includes(name)) return { does: 'inbound', ip: '' };
    return { does: name.endsWith('qmgr') ? 'queue' : 'send', ip };
  }

  #line(role: Role): void {
    const { text, message, end } = this.#lines;
    const colon = text.indexOf(': ', message);
    if (colon < 0 || colon >= end || !isQueueId(text, message, colon)) return;
    if (text.startsWith('to=<', colon + 2)) this.#recipient(role, text.slice(message, colon), colon + 6);
    else if (role.does === 'queue') this.#message(text.slice(message, colon), colon + 2);
  }

  /** `from=<a@b>, size=…`, `from=<a@b>, status=expired, …` or `removed`, at `at`. */
  #message(id: string, at: number): void {
    const { text, end, host } = this.#lines;
    const messages = this.#hosts.of(host);
    if (text.startsWith('removed', at)) messages.end(id);
    if (!text.startsWith('from=<', at)) return;
    const address = afterAddress(text, at + 6, end);
    const sender = address === at + 7 ? NULL_SENDER : this.#domains.of(text, at + 6, address - 1);
    if (!text.startsWith(', status=', address)) messages.set(id, { sender, waiting: NOBODY });
    else this.#givenUp(messages.get(id)?.waiting ?? NOBODY, sender, word(text, address + 9, end));
  }

  #givenUp(waiting: Deferral[], sender: string, status: string): void {
    if (!Object.hasOwn(GIVEN_UP, status)) {
      this.#parsed.unknown.push(status);
      return;
    }
    const recipients = waiting.length > 0 ? waiting : [{ recipientDomain: '', sendingIp: '' }];
    const at = this.#lines.at();
    if (Number.isNaN(at)) this.#parsed.invalid++;
    else if (sender === NULL_SENDER) this.#parsed.ignored++;
    else {
      for (const [i, deferral] of recipients.entries()) {
        this.#parsed.events.push({
          kind: 'bounced',
          // the first is named without its number, so that it is known again when the recipients are not
          id: i === 0 ? this.#lines.id() : `${this.#lines.id()} ${i}`,
          at,
          sendingDomain: sender,
          ...deferral,
          campaign: '',
          reply: '',
          class: GIVEN_UP[status],
          reason: 'expired',
        });
      }
    }
  }

  /** `a@b>, relay=…, delay=…, delays=…, dsn=…, status=… (…)`, from behind `to=<` at `start`. */
  #recipient(role: Role, queueId: string, start: number): void {
    const { text, end } = this.#lines;
    let at = afterAddress(text, start, end);
    const domainEnd = at - 1;
    if (text.startsWith(', orig_to=<', at)) at = afterAddress(text, at + 11, end);
    const status = text.indexOf(', status=', at);
    if (status < 0 || status >= end) return;
    const statusWord = word(text, status + 9, end);
    const outcome = Object.hasOwn(STATUS, statusWord) ? STATUS[statusWord]! : 'unknown';
    const messages = this.#hosts.of(this.#lines.host);
    const message = messages.get(queueId);
    const sender = message?.sender ?? '';
    const { events } = this.#parsed;
    if (outcome === 'unknown') {
      this.#parsed.unknown.push(statusWord);
      return;
    }
    if (role.does === 'inbound' || outcome === 'ignored' || sender === NULL_SENDER || this.#internal(at, status)) {
      this.#parsed.ignored++;
      return;
    }
    const fact = {
      id: this.#lines.id(),
      at: this.#lines.at(),
      sendingDomain: sender,
      sendingIp: role.ip,
      recipientDomain: this.#domains.of(text, start, domainEnd),
      campaign: '',
    };
    if (Number.isNaN(fact.at)) {
      this.#parsed.invalid++;
      return;
    }
    if (outcome === 'delivered') {
      events.push({ kind: outcome, ...fact, seconds: this.#delay(at, status) });
      return;
    }
    const reply = replyIn(text, text.indexOf(' (', status) + 2, end, valueIn(text, ', dsn=', at, status));
    if (outcome === 'deferred') {
      const deferral = { recipientDomain: fact.recipientDomain, sendingIp: fact.sendingIp };
      const waiting = message?.waiting ?? NOBODY;
      if (waiting.length === 0) messages.set(queueId, { sender, waiting: [deferral] });
      else if (waiting.length < WAITING) waiting.push(deferral);
    }
    events.push({ kind: outcome, ...fact, reply } satisfies MailEvent);
  }

  /** The relay, between `from` and `to`, is a socket of this machine or a content filter. */
  #internal(from: number, to: number): boolean {
    const { text } = this.#lines;
    const relay = text.indexOf(', relay=', from) + 8;
    if (relay < 8 || relay > to) return false;
    const bracket = text.indexOf('[', relay);
    const c = bracket < to ? text.charCodeAt(bracket + 1) : 0;
    if (c === 112 /* [private/… */ || c === 47 /* [/… */) return true;
    if (this.#ignoredRelays.size === 0) return false;
    const [, host = '', address = '', port = ''] = /^([^[,]*)(?:\[(.*?)\])?(:\d+)?/.exec(text.slice(relay, to)) ?? [];
    return [host, address, address + port, `[${address}]${port}`, host + port].some((name) =>
      this.#ignoredRelays.has(name),
    );
  }

  #delay(from: number, to: number): number | undefined {
    const seconds = Number(valueIn(this.#lines.text, ', delay=', from, to) || 'none');
    return seconds >= 0 && seconds < Number.POSITIVE_INFINITY ? seconds : undefined;
  }
}

/** Letters and digits only: `5270320179`, or with enable_long_queue_ids `4XsKd32Xr9z1Tn`. */
function isQueueId(text: string, from: number, to: number): boolean {
  if (to - from < 5 || to - from > 32) return false;
  for (let i = from; i < to; i++) {
    const c = text.charCodeAt(i);
    if (c < 48 || c > 122 || (c > 57 && c < 65) || (c > 90 && c < 97)) return false;
  }
  return true;
}

/** Index behind the `>` that ends the address at `at`; a quoted local part may hold one of its own. */
function afterAddress(text: string, at: number, end: number): number {
  let i = at;
  if (text.charCodeAt(i) === 34 /* " */) {
    for (i++; i < end && text.charCodeAt(i) !== 34; i++) if (text.charCodeAt(i) === 92 /* \ */) i++;
  }
  const close = text.indexOf('>', i);
  return close < 0 || close >= end ? end : close + 1;
}

function word(text: string, from: number, end: number): string {
  let to = from;
  for (; to < end; to++) {
    const c = text.charCodeAt(to);
    if (c === 32 || c === 44 /* , */) break;
  }
  return text.slice(from, to);
}

/** What stands behind `key` up to the next comma, '' when the key is not between `from` and `to`. */
function valueIn(text: string, key: string, from: number, to: number): string {
  const at = text.indexOf(key, from);
  return at < 0 || at >= to ? '' : word(text, at + key.length, to);
}

/**
 * The remote's own words inside `(host mx[192.0.2.1] said: 550 … (in reply to RCPT TO command))`. What Postfix says
 * itself (a connection refused, a name not found) has no code: its enhanced status stands in front, as in a DSN.
 */
function replyIn(text: string, from: number, end: number, dsn: string): string {
  if (from < 2 || from > end) return dsn;
  let reply = text.slice(from, text.charCodeAt(end - 1) === 41 /* ) */ ? end - 1 : end);
  if (reply.startsWith('delivery temporarily suspended: ')) reply = reply.slice(32);
  const said = /^host \S+\[[^\]]*\](?::\d+)? (?:said|refused to talk to me): /.exec(reply);
  if (!said) return dsn === '' ? reply : `${dsn} ${reply}`;
  const tail = reply.lastIndexOf(' (in reply to ');
  return reply.slice(said[0].length, tail > 0 ? tail : undefined);
}

const docs: SourceDocs = {
  fields: {
    identity: 'the place of the line in a followed log; the line itself when it is posted',
    sending_domain: "the envelope sender, from the queue manager's line of the same queue id",
    sending_ip: 'by the name of the smtp service, with `sending_ips`; else set `sending_ip`. Postfix does not log it',
    recipient_domain: '`to=`',
    reply: "what the remote said, in brackets behind the status; else Postfix's own words with the enhanced status",
    seconds: '`delay=`',
  },
  pointing:
    'Name the log under `files`, or let a log shipper post its lines to `/hooks/NAME`. Deliveries to mailboxes and programs of the machine are ignored; hand-overs to a content filter have to be named under `ignore_relays`.',
  authentication: 'A followed file needs none. Posted lines are let in by `auth` alone.',
  answers:
    'A log shipper is answered 200 once its lines are committed, and 503 when nothing can be taken: it has to send them again then. A followed file waits where it is.',
};

export default {
  summary: 'Postfix: lines of its log, from a file, standard input, or a log shipper',
  transport: 'lines',
  config,
  gives: ['delivered', 'deferred', 'bounced'],
  docs,
  open: (options) => new Postfix(options),
} satisfies SourceType<z.infer<typeof config>>;
