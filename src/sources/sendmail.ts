/**
 * Lines of Sendmail's log become events: one a recipient and attempt, joined by queue id with the line of its sender
 * (sendmail 8.17, doc/op/op.me "The System Log", and what the program writes).
 */
import { z } from 'zod';
import type { MailEvent } from '../event.ts';
import { kept } from '../recent.ts';
import type { Parsed, Post, Source, SourceDocs, SourceType } from '../source.ts';
import { nothing } from '../source.ts';
import { Domains, Hosts, Lines, timeZone } from '../syslog.ts';

/** What `stat=` begins with. Where there is an enhanced status, its first digit has the last word. */
const STAT: Record<string, 'accepted' | 'delivered' | 'deferred' | 'bounced'> = {
  queued: 'accepted',
  Sent: 'delivered',
  Deferred: 'deferred',
  'User unknown': 'bounced',
  'Host unknown': 'bounced',
  'Service unavailable': 'bounced',
  'Data format error': 'bounced',
};
const BY_STATUS: Record<string, 'deferred' | 'bounced'> = { '4': 'deferred', '5': 'bounced' };
/** `old: new: DSN: …`: the message with the new id tells of the old one. */
const NOTICE = /^(\w+): (?:DSN|return to sender|sender notify|postmaster notify|return receipt): (.*)/i;
/** It was in the queue too long; said once a message. */
const GIVEN_UP = /^Cannot send message (?:for|within)/;

export const words = [...Object.keys(STAT), 'DSN', 'return to sender', 'Cannot send message'];

/** Mailers of Sendmail's own configuration that leave mail on this machine. */
const INBOUND = ['local', 'prog', '*file*', '*include*', 'procmail', 'cyrus', 'cyrusv2', 'lmtp', 'maildrop', 'discard'];
/** The submission program hands every message to the server on this machine, whose own lines count. */
const SUBMISSION = /, mailer=relay,.*, relay=[^,]*\[(?:127\.\d+\.\d+\.\d+|(?:IPv6:)?::1)\]/;
/** Recipients remembered of one message. */
const RECIPIENTS = 10_000;

const config = z.strictObject({
  time_zone: timeZone,
  inbound_mailers: z
    .array(z.string())
    .default([])
    .describe(
      'Mailers that deliver to this machine, beside those of its own configuration (local, prog, procmail, cyrus…)',
    ),
  ignore_relays: z
    .array(z.string())
    .default([])
    .describe(
      'Hand-overs to these hosts (name or address, as in relay=) are no deliveries: a content filter, a mail store',
    ),
});
type Config = z.infer<typeof config>;

interface Message {
  /** Sending domain; undefined for a notice of Sendmail's own. */
  sender: string | undefined;
  arrived: number;
  /** Recipients whose fate is not known, as the sender line counts them. */
  left: number;
  /** Those that an attempt was seen for, and of which domain those are that were deferred last. */
  tried: Map<string, string | undefined>;
}

class Sendmail implements Source {
  #config: Config;
  #lines: Lines<true>;
  #hosts = new Hosts<Message>();
  #domains = new Domains();
  #parsed = nothing();

  constructor(options: Config) {
    this.#config = options;
    this.#lines = new Lines(options.time_zone, (program) => /^(sendmail|sm-[\w-]+)$/.test(program) || undefined);
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
    const [, id, rest = ''] = /^(\w{8,24}): (.*)/.exec(text.slice(message, end)) ?? [];
    if (id === undefined) return;
    const messages = this.#hosts.of(host);
    const notice = NOTICE.exec(rest);
    if (rest.startsWith('from=')) this.#sender(id, rest.slice(5));
    else if (rest.startsWith('to=')) this.#recipients(id, rest.slice(3));
    else if (notice) {
      messages.set(notice[1]!, { sender: undefined, arrived: 0, left: 1, tried: new Map() });
      if (GIVEN_UP.test(notice[2]!)) this.#givenUp(id, messages.get(id));
    }
  }

  #sender(id: string, rest: string): void {
    const address = rest.slice(0, rest.indexOf(',') >>> 0);
    const arrived = this.#lines.at();
    if (Number.isNaN(arrived)) return;
    const sender = address === '<>' ? undefined : this.#domain(address);
    const left = Number(/, nrcpts=(\d+)/.exec(rest)?.[1] ?? 1);
    this.#hosts.of(this.#lines.host).set(id, { sender, arrived, left, tried: new Map() });
  }

  /** `<a@b>,<c@b>, delay=…, mailer=…, relay=…, dsn=…, stat=…`. */
  #recipients(id: string, rest: string): void {
    const facts = rest.search(/, [a-z]+=/);
    const told = rest.slice(facts >>> 0);
    const stat = /,\s?stat=(.*)$/.exec(told)?.[1];
    if (stat === undefined) return;
    const status = /,\s?dsn=(\d\.\d+\.\d+)/.exec(told)?.[1] ?? '';
    const said = Object.keys(STAT).find((begin) => stat.startsWith(begin));
    const outcome = BY_STATUS[status[0] ?? ''] ?? STAT[said ?? ''];
    const message = this.#hosts.of(this.#lines.host).get(id);
    const at = this.#lines.at();
    if (outcome === undefined) this.#parsed.unknown.push(/^[\w ]*/.exec(stat)![0].trim());
    else if (Number.isNaN(at)) this.#parsed.invalid++;
    else if ((message && message.sender === undefined) || this.#isInbound(told)) this.#parsed.ignored++;
    else {
      const attempt = { outcome, at, reply: replyOf(told, stat, status), seconds: delay(told) };
      const addresses = rest.slice(0, facts >>> 0).match(/"(?:[^"\\]|\\.)*"[^,]*|[^,]+/g) ?? [];
      for (const [n, address] of addresses.entries()) this.#recipient(id, message, address, n, attempt);
    }
  }

  #recipient(
    id: string,
    message: Message | undefined,
    address: string,
    n: number,
    { outcome, at, reply, seconds }: { outcome: string; at: number; reply: string; seconds: number | undefined },
  ): void {
    const { host } = this.#lines;
    const fact = {
      // the first without its number, as a line that has but one
      id: n === 0 ? this.#lines.id() : `${this.#lines.id()} ${n}`,
      at,
      sendingDomain: message?.sender ?? '',
      sendingIp: '',
      recipientDomain: this.#domain(address),
      campaign: '',
    };
    const { events } = this.#parsed;
    if (message && !message.tried.has(address) && message.tried.size < RECIPIENTS) {
      events.push({ ...fact, kind: 'accepted', id: `${host} ${id} ${address}`, at: message.arrived });
    }
    const deferred = outcome === 'deferred';
    if (message && (message.tried.has(address) || message.tried.size < RECIPIENTS)) {
      message.tried.set(kept(address), deferred ? fact.recipientDomain : undefined);
    }
    if (outcome === 'delivered') events.push({ ...fact, kind: outcome, seconds });
    else if (outcome === 'deferred' || outcome === 'bounced') events.push({ ...fact, kind: outcome, reply });
    if (message && outcome !== 'accepted' && !deferred && --message.left <= 0) this.#hosts.of(host).end(id);
  }

  /** Whoever was deferred last is returned to the sender; when nobody is known, at least one was. */
  #givenUp(id: string, message: Message | undefined): void {
    const at = this.#lines.at();
    if (message && message.sender === undefined) this.#parsed.ignored++;
    else if (Number.isNaN(at)) this.#parsed.invalid++;
    else {
      const deferred = [...(message?.tried.values() ?? [])].filter((domain) => domain !== undefined);
      // known, and nobody of it was deferred: it was for a mailbox of this machine
      if (message && deferred.length === 0) this.#parsed.ignored++;
      const domains = message ? deferred : [''];
      this.#parsed.events.push(
        ...domains.map(
          (recipientDomain, n): MailEvent => ({
            kind: 'bounced',
            id: n === 0 ? this.#lines.id() : `${this.#lines.id()} ${n}`,
            at,
            sendingDomain: message?.sender ?? '',
            sendingIp: '',
            recipientDomain,
            campaign: '',
            reply: '',
            class: 'soft',
            reason: 'expired',
          }),
        ),
      );
      this.#hosts.of(this.#lines.host).end(id);
    }
  }

  #isInbound(told: string): boolean {
    const mailer = /, mailer=([^,]*)/.exec(told)?.[1] ?? '';
    const { inbound_mailers, ignore_relays } = this.#config;
    if (INBOUND.includes(mailer) || inbound_mailers.includes(mailer) || SUBMISSION.test(told)) return true;
    if (ignore_relays.length === 0) return false;
    const [, host, ip] = /, relay=([^,\s]*?)\.?(?: \[([^\]]*)\])?,/.exec(told) ?? [];
    return ignore_relays.some((relay) => relay === host || relay === ip);
  }

  #domain(address: string): string {
    return this.#domains.of(address, 0, address.endsWith('>') ? address.length - 1 : address.length);
  }
}

/** The remote's own words where Sendmail 8.16 and later log them, else what it makes of them, with its enhanced status. */
function replyOf(told: string, stat: string, status: string): string {
  const reply = /, reply=(.*?),\s?stat=/.exec(told)?.[1];
  if (reply !== undefined) return reply;
  const text = stat.replace(/^Deferred:? ?/, '');
  return /^\d{3}[ -]/.test(text) ? text : `${status} ${text}`.trim();
}

/** `delay=1+02:03:04`: days, hours, minutes, seconds. */
function delay(told: string): number | undefined {
  const [, days = '0', h, m, s] = /, delay=(?:(\d+)\+)?(\d+):(\d\d):(\d\d)/.exec(told) ?? [];
  return h === undefined ? undefined : Number(days) * 86_400 + Number(h) * 3600 + Number(m) * 60 + Number(s);
}

const docs: SourceDocs = {
  fields: {
    identity: 'the place of the line in a followed log; the line itself when it is posted',
    sending_domain: '`from=`, by queue id',
    recipient_domain: '`to=`',
    reply: '`reply=`, else what stands behind `stat=`, with the enhanced status',
    seconds: '`delay=`',
  },
  pointing:
    'Name the log under `files`, or let a log shipper post its lines to `/hooks/NAME`. Sendmail does not log the address that mail leaves from: set `sending_ip`.',
  authentication: 'A followed file needs none. Posted lines are let in by `auth` alone.',
  answers:
    'A log shipper is answered 200 once its lines are committed, and 503 when nothing can be taken: it has to send them again then. A followed file waits where it is.',
};

export default {
  summary: 'Sendmail: lines of its log, from a file, standard input, or a log shipper',
  transport: 'lines',
  config,
  gives: ['accepted', 'delivered', 'deferred', 'bounced'],
  docs,
  open: (options) => new Sendmail(options),
} satisfies SourceType<Config>;
