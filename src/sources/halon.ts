/**
 * Posts of Halon's http-bulk plugin become events. What an item holds is up to the operator's script; two shapes are known: the
 * flat one of the HSL module "postmastery" (type SMTP) and the nested one of "emailconsul", which hands on what the hook was given
 * (docs.halon.io, "Post-delivery").
 *
 * Longer than a plugin should be, for its two shapes and the reports that one of them carries.
 */
import { z } from 'zod';
import type { Bounced, MailEvent } from '../event.ts';
import { diagnosticOf, type Fields, fields, hostOf, ipOf, nameOf, own, ownDomainOf, text } from '../foreign.ts';
import { jsonItems } from '../json-array.ts';
import { domainOf, nothing, type Parsed, type SourceDocs, type SourceType } from '../source.ts';
import { millis, secondsSince } from '../time.ts';

type Outcome = 'delivered' | 'deferred' | 'bounced' | 'suppressed';

/** `status` of an item of type SMTP. "removed": taken out of the queue without an attempt, by hand or for its age. */
const STATUSES: Record<string, Outcome> = {
  delivered: 'delivered',
  delayed: 'deferred',
  failed: 'bounced',
  removed: 'suppressed',
};

/** `action` of an item of type delivery: what becomes of the message. Halon leaves it out when it was delivered. */
const ACTIONS: Record<string, Outcome> = {
  '': 'delivered',
  SUCCESS: 'delivered',
  QUEUE: 'deferred',
  RETRY: 'deferred',
  DELETE: 'bounced',
  BOUNCE: 'bounced',
};

/** `action` of a delivery report that came in (RFC 3464). The others repeat what was counted when the message was handed over. */
const REPORTED: Record<string, 'bounced' | 'deferred' | 'ignored'> = {
  failed: 'bounced',
  delayed: 'deferred',
  delivered: 'ignored',
  relayed: 'ignored',
  expanded: 'ignored',
};

/** `feedback-type` (RFC 5965, RFC 6591). A type that is not here is still a complaint. */
const FEEDBACK: Record<string, 'unsubscribed' | 'ignored'> = {
  'opt-out': 'unsubscribed',
  'not-spam': 'ignored',
  'auth-failure': 'ignored',
  dmarc: 'ignored',
};

export const words = [
  ...Object.keys(STATUSES).map((status) => ['SMTP', status]),
  'queue',
  'delivery',
  ...['SUCCESS', 'QUEUE', 'RETRY', 'DELETE', 'BOUNCE'].map((action) => ['delivery', action]),
  ...Object.keys(REPORTED).map((action) => ['async', action]),
  'arf',
  ...Object.keys(FEEDBACK).map((type) => ['arf', type]),
];

const config = z.strictObject({
  public_ips: z
    .record(z.string(), z.ipv4().or(z.ipv6()))
    .default({})
    .describe('Public address of each local one that mail leaves from (localip): needed behind NAT'),
});

type Config = z.infer<typeof config>;
type Facts = Pick<MailEvent, 'id' | 'at' | 'sendingDomain' | 'sendingIp' | 'recipientDomain' | 'campaign'>;

const READERS: Record<string, (item: Fields, parsed: Parsed, config: Config) => void> = {
  SMTP: flat,
  queue: queued,
  delivery: nested,
  async: reported,
  arf: complaint,
};

const docs: SourceDocs = {
  fields: {
    identity:
      "the event's own id, else transaction, queue and attempt (postmastery); transaction, queue, retry and moment (emailconsul)",
    sending_domain: 'the From header where it is there, else the envelope sender',
    sending_ip: 'the local end of the connection, or its public address by `public_ips`',
    recipient_domain: 'the recipient',
    campaign: 'the job id',
    reply: 'code, enhanced code and reason of the result, else the error message',
    seconds: 'from the arrival of the message to the attempt',
  },
  pointing:
    'Let the http-bulk plugin post JSON arrays or NDJSON to `https://HOST/hooks/NAME`, in the shape of the HSL modules postmastery or emailconsul.',
  authentication: 'Halon signs nothing. Give the plugin a header or credentials, and set the same under `auth`.',
  answers:
    'The plugin keeps what is not answered 200 in its queue and posts it again. An event that comes twice counts once.',
};

export default {
  summary: 'Halon by its http-bulk plugin, in the shape of the HSL modules postmastery or emailconsul',
  docs,
  transport: 'webhook',
  config,
  gives: ['accepted', 'delivered', 'deferred', 'bounced', 'suppressed', 'complained', 'unsubscribed'],
  open: (config) => ({
    parse({ body }) {
      const parsed = nothing();
      for (const one of jsonItems(body)) {
        const item = fields(one);
        const type = item?.type;
        if (item === undefined || typeof type !== 'string') parsed.invalid++;
        else {
          const reader = own(READERS, type);
          if (reader === undefined) parsed.unknown.push(type);
          else reader(item, parsed, config);
        }
      }
      return parsed;
    },
  }),
} satisfies SourceType<Config>;

// ---- postmastery

function flat(item: Fields, parsed: Parsed, config: Config): void {
  const status = text(item.status);
  const outcome = own(STATUSES, status);
  const at = millis(item.ts_attempt);
  if (outcome === undefined && status !== '') parsed.unknown.push(status);
  else if (outcome === undefined || Number.isNaN(at)) parsed.invalid++;
  else if (isNull(item.sender)) parsed.ignored++;
  else {
    const fact = {
      // Made when the item was written to http-bulk's queue on disk, so a repeated post has it again.
      id:
        text(item.eventid) ||
        `${text(item.messageid)} ${status} ${text(item.ts_attempt)} ${text(item.recipient_domain)}`,
      at,
      sendingDomain: ownDomainOf(item.from) || ownDomainOf(item.sender),
      sendingIp: localAddress(item.connection_localip, config),
      recipientDomain: hostOf(item.recipient_domain),
      campaign: nameOf(item.jobid),
    };
    const reply = replyOf(item.result_code, item.result_enhanced, item.result_reason) || text(item.error_message);
    const temporary = item.error_temporary === true || isTemporary(item.result_code);
    parsed.events.push(eventOf(outcome, fact, item.ts_received, reply, temporary));
  }
}

// ---- emailconsul

function queued(item: Fields, parsed: Parsed): void {
  const at = millis(item.time);
  if (Number.isNaN(at)) parsed.invalid++;
  else if (isNull(item.sender)) parsed.ignored++;
  else
    parsed.events.push({
      kind: 'accepted',
      id: `queue ${identity(item.id)} ${at} ${text(item.recipient)}`,
      at,
      sendingDomain: ownDomainOf(item.sender),
      sendingIp: '',
      recipientDomain: domainOf(item.recipient),
      campaign: nameOf(item.jobid),
    });
}

function nested(item: Fields, parsed: Parsed, config: Config): void {
  const message = fields(item.message);
  const attempt = fields(item.attempt);
  const result = fields(attempt?.result);
  const error = fields(attempt?.error);
  const action = text(item.action);
  const outcome = own(ACTIONS, action);
  const at = millis(item.time);
  const tried = result !== undefined || error !== undefined;
  if (outcome === undefined) parsed.unknown.push(action);
  else if (message === undefined || Number.isNaN(at)) parsed.invalid++;
  // Put back without an attempt: a script held it, or it waits for another transport.
  else if (isNull(message.sender) || (!tried && outcome !== 'bounced')) parsed.ignored++;
  else {
    const fact = {
      id: `delivery ${identity(message.id)} ${text(message.queueid)} ${text(item.retry)} ${at}`,
      at,
      sendingDomain: hostOf(fields(message.senderaddress)?.domain) || ownDomainOf(message.sender),
      sendingIp: localAddress(fields(attempt?.connection)?.localip, config),
      recipientDomain: hostOf(fields(message.recipientaddress)?.domain) || domainOf(message.recipient),
      campaign: nameOf(message.jobid),
    };
    const reply = replyOf(result?.code, result?.enhanced, result?.reason) || text(error?.message);
    const temporary = error?.temporary === true || isTemporary(result?.code);
    parsed.events.push(eventOf(tried ? outcome : 'suppressed', fact, message.ts, reply, temporary));
  }
}

/** A bounce that came back as mail: `recipient` has the fields of RFC 3464 for one recipient, `sender` is what it came back to. */
function reported(item: Fields, parsed: Parsed): void {
  const about = fields(item.recipient);
  const at = millis(item.time);
  const action = text(about?.action).toLowerCase();
  const kind = own(REPORTED, action);
  if (about === undefined || Number.isNaN(at) || action === '') parsed.invalid++;
  else if (kind === undefined) parsed.unknown.push(action);
  else if (kind === 'ignored') parsed.ignored++;
  else {
    const recipient = text(about['final-recipient']) || text(about['original-recipient']);
    const envelope = text(fields(item.message)?.['original-envelope-id']);
    const fact = {
      id: `async ${at} ${text(item.sender)} ${envelope} ${recipient} ${action}`,
      at,
      sendingDomain: ownDomainOf(item.sender),
      sendingIp: '',
      recipientDomain: domainOf(recipient),
      campaign: '',
    };
    const status = text(about.status);
    const diagnostic = diagnosticOf(about['diagnostic-code']);
    const reply = diagnostic.includes(status) ? diagnostic : `${status} ${diagnostic}`.trim();
    parsed.events.push(eventOf(kind, fact, undefined, reply, false));
  }
}

function complaint(item: Fields, parsed: Parsed): void {
  const report = fields(item.feedback_report);
  const at = millis(item.time);
  const kind = own(FEEDBACK, text(first(report?.['feedback-type'])).toLowerCase()) ?? 'complained';
  if (report === undefined || Number.isNaN(at)) parsed.invalid++;
  else if (kind === 'ignored') parsed.ignored++;
  else {
    const sender = first(report['original-mail-from']);
    const recipients = report['original-rcpt-to'];
    // Many who report redact the recipient: it is still one complaint.
    for (const recipient of Array.isArray(recipients) && recipients.length > 0 ? recipients : [recipients]) {
      parsed.events.push({
        kind,
        id: `arf ${at} ${text(item.date)} ${text(sender)} ${text(recipient)}`,
        at,
        sendingDomain: ownDomainOf(sender) || hostOf(first(report['reported-domain'])),
        sendingIp: ipOf(first(report['source-ip'])),
        recipientDomain: domainOf(recipient),
        campaign: '',
      });
    }
  }
}

// ---- both

/** `temporary`: the refusal that a bounce was given up for had been one for now, so the retries were used up. */
function eventOf(kind: Outcome, fact: Facts, received: unknown, reply: string, temporary: boolean): MailEvent {
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, seconds: secondsSince(received, fact.at) };
    case 'deferred':
      return { kind, ...fact, reply };
    case 'suppressed':
      return { kind, ...fact, reason: 'manual' };
    default: {
      const opinion: Pick<Bounced, 'class' | 'reason'> = temporary ? { class: 'soft', reason: 'expired' } : {};
      return { kind, ...fact, reply, ...opinion };
    }
  }
}

/** Halon's own bounce messages, and mail that such came in: no mail of ours. A sender that is not told is another matter. */
function isNull(sender: unknown): boolean {
  return sender === '' || sender === '<>' || sender === null;
}

/** Ids of the transaction and in the queue; older versions have the former as a text and the latter as `queueid`. */
function identity(id: unknown): string {
  const both = fields(id);
  return both === undefined ? text(id) : `${text(both.transaction)}:${text(both.queue)}`;
}

function localAddress(ip: unknown, config: Config): string {
  return own(config.public_ips, ip) ?? ipOf(ip);
}

function isTemporary(code: unknown): boolean {
  const number = Number(text(code));
  return number >= 400 && number < 500;
}

/** Enhanced status and text come as arrays from the hook, joined from the flat shape. */
function replyOf(code: unknown, enhanced: unknown, reason: unknown): string {
  const status = Array.isArray(enhanced) ? enhanced.map(text).join('.') : text(enhanced);
  const said = Array.isArray(reason) ? reason.map(text).join(' ') : text(reason);
  return `${text(code)} ${said.startsWith(status) ? said : `${status} ${said}`}`.trim();
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value;
}
