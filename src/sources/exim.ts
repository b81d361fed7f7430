/**
 * Lines of Exim's main log become events: one a recipient and attempt, joined by message id with the line of its arrival
 * (The Exim Specification, chapter "Log files"; exim 4.x).
 */
import { z } from 'zod';
import { kept } from '../recent.ts';
import type { Parsed, Post, Source, SourceDocs, SourceType } from '../source.ts';
import { nothing } from '../source.ts';
import { Domains, Hosts, Lines, timeZone } from '../syslog.ts';
import { secondsSince } from '../time.ts';

/** The flag behind the message id. */
const FLAGS: Record<string, 'arrived' | 'delivered' | 'deferred' | 'bounced' | 'ignored'> = {
  '<=': 'arrived',
  '=>': 'delivered',
  '->': 'delivered', // further recipient of the same delivery
  '>>': 'delivered', // while it was received (cutthrough)
  '==': 'deferred',
  '**': 'bounced',
  '*>': 'ignored', // not done: -N
};

export const words = Object.keys(FLAGS);

/** Transports to a mailbox or a program of this machine, by what people call them. */
const INBOUND =
  /local|spool|maildir|mbox|mailbox|pipe|file|directory|reply|lmtp|dovecot|cyrus|procmail|maildrop|virtual/i;
/** A deferral without an attempt. The numbers in brackets differ between versions, the words do not. */
const NOT_TRIED = /retry time not (yet )?reached|local[- ]only|queue_domains|concurrency limit/i;
/** Given up by Exim's retry rules. */
const EXPIRED = /retry timeout exceeded|have been failing for a long time/;
/** Recipients remembered of one message. */
const TRIED = 10_000;
/** Lines of a reply are joined by a backslash and an n. */
const REMOTE = /SMTP error from remote mail server after .*?: ?(\d{3}(?:[ -].*)?)$/;

const config = z.strictObject({
  time_zone: timeZone,
  inbound_transports: z
    .array(z.string())
    .default([])
    .describe('Transports that deliver to this machine, beside those whose names say so (local, lmtp, pipe, maildir…)'),
  ignore_relays: z
    .array(z.string())
    .default([])
    .describe(
      'Hand-overs to these hosts (name or address, as behind H=) are no deliveries: a content filter, a mail store',
    ),
});
type Config = z.infer<typeof config>;

interface Message {
  /** Sending domain; undefined for the null sender, whose mail is Exim's own notification. */
  sender: string | undefined;
  arrived: number;
  /** Address that the last attempt was made from: the line that gives up does not say. */
  ip: string;
  /** Recipients that an attempt was seen for. */
  tried: Set<string>;
}

class Exim implements Source {
  #config: Config;
  #lines: Lines<true>;
  #hosts = new Hosts<Message>();
  #domains = new Domains();
  #parsed = nothing();

  constructor(options: Config) {
    this.#config = options;
    // in a file of its own it has no program's name
    this.#lines = new Lines(options.time_zone, (program) => program === '' || /^exim\d*$/.test(program) || undefined);
  }

  parse(post: Post, now: number): Parsed {
    const parsed = nothing();
    this.#parsed = parsed;
    this.#lines.read(post, now, () => this.#line());
    parsed.invalid += this.#lines.invalid;
    return parsed;
  }

  #line(): void {
    const { text, message, end, host } = this.#lines;
    const found = LINE.exec(text.slice(message, end));
    if (!found) return;
    const [, id = '', flag = '', rest = ''] = found;
    const messages = this.#hosts.of(host);
    if (flag === 'Completed') {
      messages.end(id);
      return;
    }
    const outcome = FLAGS[flag]!;
    const at = this.#lines.at();
    if (outcome === 'ignored') this.#parsed.ignored++;
    else if (Number.isNaN(at)) this.#parsed.invalid++;
    else if (outcome === 'arrived') {
      const [sender] = splitAddress(rest);
      messages.set(id, {
        sender: sender === '<>' ? undefined : this.#domain(sender),
        arrived: at,
        ip: '',
        tried: new Set(),
      });
    } else this.#recipient(outcome, messages.get(id), id, rest, at);
  }

  /** `a@b <original> F=<…> R=router T=transport H=host [address]: what was said`. */
  #recipient(
    outcome: 'delivered' | 'deferred' | 'bounced',
    message: Message | undefined,
    id: string,
    rest: string,
    at: number,
  ): void {
    const [address, told] = splitAddress(rest);
    const [, facts = told, said = ''] = (outcome !== 'delivered' && SAID.exec(told)) || [];
    const path = /(?: [FP]=<([^>]*)>)/.exec(facts);
    const sender = path ? (path[1] === '' ? undefined : this.#domain(path[1]!)) : message ? message.sender : '';
    if (sender === undefined || this.#isInbound(address, facts, outcome)) {
      this.#parsed.ignored++;
      return;
    }
    if (outcome === 'deferred' && NOT_TRIED.test(said)) {
      this.#parsed.ignored++;
      return;
    }
    // logged with log_selector +incoming_interface +outgoing_interface, both of them
    const ip = / I=\[([\d.:a-fA-F]+)\]/.exec(facts)?.[1] ?? message?.ip ?? '';
    if (message) message.ip = ip;
    const fact = {
      at,
      sendingDomain: sender,
      sendingIp: ip,
      recipientDomain: this.#domain(address),
      campaign: '',
    };
    const { events } = this.#parsed;
    if (message && !message.tried.has(address)) {
      if (message.tried.size < TRIED) message.tried.add(kept(address));
      events.push({ ...fact, kind: 'accepted', id: `${this.#lines.host} ${id} ${address}`, at: message.arrived });
    }
    const line = { ...fact, id: this.#lines.id() };
    if (outcome === 'delivered') {
      events.push({ ...line, kind: outcome, seconds: queueTime(facts) ?? secondsSince(message?.arrived, at) });
      return;
    }
    const reply = replyIn(said);
    if (outcome === 'deferred') events.push({ ...line, kind: outcome, reply });
    else if (!EXPIRED.test(said)) events.push({ ...line, kind: outcome, reply });
    else events.push({ ...line, kind: outcome, reply, class: 'soft', reason: 'expired' });
  }

  #isInbound(address: string, facts: string, outcome: string): boolean {
    const transport = / T=(\S+)/.exec(facts)?.[1];
    const { inbound_transports, ignore_relays } = this.#config;
    if (transport !== undefined && (INBOUND.test(transport) || inbound_transports.includes(transport))) return true;
    // thrown away, or written to a file or a program
    if (outcome === 'delivered' && (!address.includes('@') || !/ H=/.test(facts))) return true;
    if (ignore_relays.length === 0) return false;
    const [, host, ip] = / H=(\S+)(?: \[([^\]]*)\])?/.exec(facts) ?? [];
    return ignore_relays.some((relay) => relay === host || relay === ip);
  }

  #domain(address: string): string {
    return this.#domains.of(address, 0, address.endsWith('>') ? address.length - 1 : address.length);
  }
}

/** `[pid] 1xVkGJ-0002CT-23 => rest`; ids of 16 characters, since 4.97 of 23. */
const LINE = new RegExp(
  [
    /^(?:\[\d+\] )?/,
    /([0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4})) /,
    { source: `(Completed|${words.map((flag) => RegExp.escape(flag)).join('|')})` },
    /(?: (.*))?$/,
  ]
    .map(({ source }) => source)
    .join(''),
);
/** Facts, then a colon, then words. No value among the facts has a colon with a space behind it, outside quotes. */
const SAID = /^((?:[^":]|"(?:[^"\\]|\\.)*"|:(?! ))*?) ?: (.*)$/;

/** The address and what follows it; a local part may be quoted and have spaces. A colon behind the address is not its own. */
function splitAddress(rest: string): [address: string, told: string] {
  const [address = ''] = /^(?:"(?:[^"\\]|\\.)*"\S*|\S+)/.exec(rest) ?? [];
  const told = rest.slice(address.length);
  return address.endsWith(':') && !address.startsWith(':') ? [address.slice(0, -1), `:${told}`] : [address, told];
}

/** QT=2m3.5s, the time it spent here (log_selector +queue_time). */
function queueTime(facts: string): number | undefined {
  const [, text] = / QT=(?:(\d[\d.wdhms]*))/.exec(facts) ?? [];
  if (text === undefined) return undefined;
  const units: Record<string, number> = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 };
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/([\d.]+)([wdhms])/g)) seconds += Number(count) * units[unit!]!;
  return seconds >= 0 ? seconds : undefined;
}

/** The remote's own words, or what Exim says itself; the times that a log_selector adds at the end are neither. */
function replyIn(said: string): string {
  const text = said.replace(/(?: [QD]T=[\d.wdhms]+)+$/, '').replace(/(?:: )?retry timeout exceeded$/, '');
  return (REMOTE.exec(text)?.[1] ?? text).replaceAll('\\n', '\n');
}

const docs: SourceDocs = {
  fields: {
    identity: 'the place of the line in a followed log; the line itself when it is posted',
    sending_domain: 'the envelope sender, from the line of arrival or from P= and F=',
    sending_ip: 'I=, with `log_selector = +incoming_interface +outgoing_interface`; else set `sending_ip`',
    recipient_domain: 'the address behind the flag',
    reply: 'what stands behind the remote\'s "SMTP error", or Exim\'s own words',
    seconds: 'QT=, with `log_selector = +queue_time`; else from the line of arrival to that of delivery',
  },
  pointing:
    'Name the main log under `files`, or let a log shipper post its lines to `/hooks/NAME`. Lines of one message need not stand together.',
  authentication: 'A followed file needs none. Posted lines are let in by `auth` alone.',
  answers:
    'A log shipper is answered 200 once its lines are committed, and 503 when nothing can be taken: it has to send them again then. A followed file waits where it is.',
};

export default {
  summary:
    'Exim: lines of its main log, from a file, standard input, or a log shipper; sending_ip with log_selector = +incoming_interface +outgoing_interface',
  transport: 'lines',
  config,
  gives: ['accepted', 'delivered', 'deferred', 'bounced'],
  docs,
  open: (options) => new Exim(options),
} satisfies SourceType<Config>;
