/**
 * KumoMTA log records become events: posted by its log hooks one a post, as an array or one a line, or read one a line from its
 * local logs, in the shape of its "Log Record" reference page.
 *
 * Longer than a plugin should be for its tables, and because reports that came in are records of the same shape.
 */
import { z } from 'zod';
import { authenticationOf, contentRule, filtered, scoredIn } from '../content.ts';
import type { BounceClass, Content, MailEvent, ReplyReason } from '../event.ts';
import { type Fields, fields, ipOf, nameOf, own, ownDomainOf, text } from '../foreign.ts';
import { jsonItems } from '../json-array.ts';
import { domainOf, nothing, type Parsed, type SourceDocs, type SourceType } from '../source.ts';
import { millis, secondsSince } from '../time.ts';

type Kind = Exclude<MailEvent['kind'], 'opened' | 'clicked'>;

/** `type` of a record. Rejection is about mail offered to KumoMTA, not mail that it sent. */
const WORDS: Record<string, Kind | 'ignored'> = {
  Reception: 'accepted',
  Delivery: 'delivered',
  TransientFailure: 'deferred',
  Bounce: 'bounced',
  Expiration: 'bounced',
  OOB: 'bounced',
  AdminBounce: 'suppressed',
  Feedback: 'complained',
  Rejection: 'ignored',
  Delayed: 'ignored',
  AdminRebind: 'ignored',
  DeferredInjectionRebind: 'ignored',
  XferOut: 'ignored',
  XferIn: 'ignored',
};

/** `feedback_type` of a report (RFC 5965, RFC 6591). A type that is not here is still a complaint. */
const FEEDBACK: Record<string, 'unsubscribed' | 'ignored'> = {
  'opt-out': 'unsubscribed',
  'not-spam': 'ignored',
  'auth-failure': 'ignored',
  dmarc: 'ignored',
};

/** `bounce_classification`, as its IANA classifier names them; a site may add its own words, which say nothing here. */
const CLASSES: Record<string, { class: BounceClass; reason?: ReplyReason }> = {
  InvalidRecipient: { class: 'hard', reason: 'invalid_recipient' },
  BadDomain: { class: 'hard', reason: 'bad_domain' },
  DNSFailure: { class: 'hard', reason: 'bad_domain' },
  InactiveMailbox: { class: 'hard', reason: 'inactive_mailbox' },
  RoutingErrors: { class: 'hard', reason: 'routing' },
  SpamBlock: { class: 'block', reason: 'reputation_block' },
  SpamRelated: { class: 'block', reason: 'reputation_block' },
  SpamContent: { class: 'block', reason: 'content_spam' },
  ContentRelated: { class: 'block', reason: 'content_spam' },
  PolicyRelated: { class: 'block', reason: 'policy' },
  VirusRelated: { class: 'block', reason: 'content_malware' },
  ProhibitedAttachment: { class: 'block', reason: 'content_malware' },
  RelayDenied: { class: 'block', reason: 'relay_denied' },
  RelayingIssues: { class: 'block', reason: 'relay_denied' },
  AuthenticationFailed: { class: 'block', reason: 'auth_fail' },
  InvalidSender: { class: 'block', reason: 'sender_invalid' },
  QuotaIssues: { class: 'soft', reason: 'mailbox_full' },
  MessageExpired: { class: 'soft', reason: 'expired' },
  NoAnswerFromHost: { class: 'soft', reason: 'connection' },
  BadConnection: { class: 'soft', reason: 'connection' },
  BadConfiguration: { class: 'soft', reason: 'remote_misconfig' },
  TransientFailure: { class: 'soft', reason: 'unknown_temporary' },
  TooManyRecipients: { class: 'soft', reason: 'too_many_recipients' },
  ProtocolErrors: { class: 'undetermined', reason: 'compliance_rfc' },
};

/** An OOB record of these is somebody's auto-responder, not a bounce. */
const NOT_A_BOUNCE = new Set(['AutoReply', 'ChallengeResponse', 'Subscribe', 'Unsubscribe']);

export const words = Object.keys(WORDS);

const config = z.strictObject({
  egress_sources: z
    .record(z.string(), z.ipv4().or(z.ipv6()))
    .default({})
    .describe(
      'Public address of each egress source, by its name: needed behind NAT or a proxy, where the record shows an inner address',
    ),
  ...contentRule,
});

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity: 'the spool id, the type, the moment, the attempt, the node and the recipient',
    sending_domain: 'the logged From header, else the envelope sender',
    sending_ip:
      'the address of the egress source by `egress_sources`, else the local end of the connection (since 2024.09)',
    recipient_domain: 'the recipient; a record may stand for several',
    campaign: 'the campaign of the queue name, else `meta.campaign`',
    reply: 'response: code, enhanced code and content',
    seconds: 'from `created_time` to `event_time`',
    content:
      'of a message that was delivered, bounced or taken out of the queue the value under `spam_score_key` in `meta`, else what a filter wrote on it (X-Spam-Status, X-Spam-Score, X-Spam-Flag, X-Spamd-Result), where the logger has those `meta` and `headers`; of a message that was complained about the Authentication-Results of the feedback report',
  },
  pointing:
    'Let a log hook post to `https://HOST/hooks/NAME`, or name the folder of the local logs under `files`; not both for the same mail.',
  authentication:
    'KumoMTA signs nothing. Give the hook a token or credentials, and set the same under `auth`. A followed file needs none.',
  answers:
    'What the hook makes of an answer is in its Lua: let anything but 200 be a temporary failure (4xx), so that the record stays in the spool; a hook that turns it into a 500 loses it.',
};

export default {
  summary:
    'KumoMTA log records, posted by its log hooks or read from its local logs: `files: [/var/log/kumomta/*]` reads every segment in the folder once, finished or still written to, in zstd or plain. Not both for the same mail, which would then count twice',
  docs,
  transport: 'lines',
  config,
  gives: ['accepted', 'delivered', 'deferred', 'bounced', 'suppressed', 'complained', 'unsubscribed'],
  open: (config) => ({
    parse({ body }) {
      const parsed = nothing();
      for (const item of records(body)) read(item, config, parsed);
      return parsed;
    },
  }),
} satisfies SourceType<Config>;

/** A post as a whole, or else lines among which some are broken, the first one perhaps. */
function records(body: Buffer): unknown[] {
  try {
    return jsonItems(body);
  } catch (error) {
    const lines = body.toString().split('\n');
    const items = lines.filter((line) => line.trim() !== '').flatMap(lineItems);
    if (!items.some((item) => typeof fields(item)?.type === 'string')) throw error;
    return items;
  }
}

function lineItems(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function read(item: unknown, config: Config, parsed: Parsed): void {
  const record = fields(item);
  const type = record?.type;
  if (record === undefined || typeof type !== 'string') {
    parsed.invalid++;
    return;
  }
  const kind = own(WORDS, type);
  if (kind === undefined) parsed.unknown.push(type);
  else if (kind === 'ignored' || isOfNoConcern(type, record)) parsed.ignored++;
  else if (kind === 'complained') complaint(record, parsed);
  else {
    const at = moment(record.event_time, record.timestamp);
    if (Number.isNaN(at)) {
      parsed.invalid++;
      return;
    }
    // Headers, queue and meta of an OOB record are those of the report that came in; only the envelope is about our mail.
    const ours = type !== 'OOB';
    const sendingDomain = (ours && ownDomainOf(loggedHeader(record, 'from'))) || ownDomainOf(record.sender);
    const sendingIp = egressAddress(record, config);
    const campaign = ours ? queueCampaign(text(record.queue)) || nameOf(fields(record.meta)?.campaign) : '';
    const content = ours ? contentOf(record, config) : undefined;
    // Since 2025.12 one record can stand for all recipients of a transaction.
    for (const recipient of listOf(record.recipient)) {
      const id = identity(record, recipient);
      const recipientDomain = domainOf(recipient);
      const fact = { id, at, sendingDomain, sendingIp, recipientDomain, campaign };
      parsed.events.push(eventOf(kind, type, record, fact, content));
    }
  }
}

type Facts = Pick<MailEvent, 'id' | 'at' | 'sendingDomain' | 'sendingIp' | 'recipientDomain' | 'campaign'>;

function eventOf(kind: Kind, type: string, record: Fields, fact: Facts, content: Content | undefined): MailEvent {
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, content, seconds: secondsSince(moment(record.created_time, record.created), fact.at) };
    case 'deferred':
      return { kind, ...fact, reply: replyText(record) };
    case 'bounced': {
      // The reply of an Expiration is KumoMTA's own sentence about its queue, no remote one.
      if (type === 'Expiration') return { kind, ...fact, content, reply: '', class: 'soft', reason: 'expired' };
      const verdict = own(CLASSES, record.bounce_classification);
      return { kind, ...fact, content, reply: replyText(record), class: verdict?.class, reason: verdict?.reason };
    }
    case 'suppressed':
      return { kind, ...fact, content, reason: 'manual' };
    default:
      return { kind, ...fact };
  }
}

/**
 * The envelope of a Feedback record is that of the report; what it is about stands inside. Many senders of reports redact the
 * recipient; KumoMTA's own trace header (`supplemental_trace`) then still has it.
 */
function complaint(record: Fields, parsed: Parsed): void {
  const at = moment(record.event_time, record.timestamp);
  const report = fields(record.feedback_report);
  if (Number.isNaN(at) || report === undefined) {
    parsed.invalid++;
    return;
  }
  const type = text(report.feedback_type).toLowerCase();
  const kind = own(FEEDBACK, type) ?? 'complained';
  if (kind === 'ignored') {
    parsed.ignored++;
    return;
  }
  const trace = fields(report.supplemental_trace);
  const sendingDomain = ownDomainOf(report.original_mail_from) || ownDomainOf(trace?.sender);
  const told = listOf(report.original_rcpto_to);
  const authentication = authenticationOf(report.authentication_results);
  // Of the message, which is one, however many recipients the report names.
  let content: Content | undefined = authentication.length > 0 ? { authentication } : undefined;
  for (const recipient of told[0] === undefined ? listOf(trace?.recipient) : told) {
    parsed.events.push({
      kind,
      content,
      id: identity(record, recipient),
      at,
      sendingDomain,
      sendingIp: ipOf(report.source_ip),
      recipientDomain: domainOf(recipient),
      campaign: nameOf(trace?.campaign),
    });
    content = undefined;
  }
}

/** What a filter of ours thought of the message before it was sent, as far as the logger was told to log it. */
function contentOf(record: Fields, config: Config): Content | undefined {
  const scored = scoredIn(config, fields(record.meta));
  if (scored !== undefined) return scored;
  const written = new Map<string, string>();
  const headers = fields(record.headers);
  for (const name in headers) if (/^x-spam/i.test(name)) written.set(name.toLowerCase(), text(firstOf(headers[name])));
  return written.size > 0 ? filtered((name) => written.get(name) ?? '') : undefined;
}

/**
 * Handed to a script or a mail directory of our own, so that no mail left the house; or a report, an auto-reply or a
 * bounce (null sender), whoever it came from and wherever it goes.
 */
function isOfNoConcern(type: string, record: Fields): boolean {
  if (type === 'Feedback') return false;
  if (type === 'OOB') return NOT_A_BOUNCE.has(text(record.bounce_classification));
  if (record.sender === '' || record.sender === '<>') return true;
  const protocol = text(record.delivery_protocol);
  return type !== 'Reception' && protocol !== '' && protocol !== 'ESMTP' && protocol !== 'SMTP';
}

/** The spool id is unique, one message has several records, and each attempt has its own moment. */
function identity(record: Fields, recipient: unknown): string {
  const when = text(record.event_time) || text(record.timestamp);
  return `${text(record.id)} ${text(record.type)} ${when} ${text(record.num_attempts)} ${text(record.nodeid)} ${text(recipient)}`;
}

/** The exact time, since 2025.10; the one of whole seconds from before. */
function moment(exact: unknown, seconds: unknown): number {
  const at = millis(exact);
  return Number.isNaN(at) ? millis(seconds) : at;
}

function replyText(record: Fields): string {
  const response = fields(record.response);
  if (response === undefined) return '';
  const enhanced = fields(response.enhanced_code);
  const status = enhanced ? `${text(enhanced.class)}.${text(enhanced.subject)}.${text(enhanced.detail)}` : '';
  const content = text(response.content);
  // The diagnostic of an OOB report repeats the status.
  const stated = status === '' || content.startsWith(status) ? content : `${status} ${content}`;
  return `${text(response.code)} ${stated}`.trim();
}

/** "campaign:tenant@domain" or "tenant@domain" or "domain". */
function queueCampaign(queue: string): string {
  const colon = queue.indexOf(':');
  return colon > 0 && colon < queue.indexOf('@') ? nameOf(queue.slice(0, colon)) : '';
}

/** The configured address of the egress source, else the local end of the connection: "ip:port" or "[ip]:port". */
function egressAddress(record: Fields, config: Config): string {
  const mapped = own(config.egress_sources, record.egress_source);
  if (mapped !== undefined) return mapped;
  const address = text(fields(record.source_address)?.address);
  const colon = address.lastIndexOf(':');
  if (colon < 0) return '';
  return ipOf(address.startsWith('[') ? address.slice(1, address.indexOf(']')) : address.slice(0, colon));
}

/** Logged headers keep the spelling that the policy asked for. */
function loggedHeader(record: Fields, wanted: string): unknown {
  const headers = fields(record.headers);
  for (const name in headers) {
    if (name.toLowerCase() === wanted) return firstOf(headers[name]);
  }
  return undefined;
}

/** A header that a message has several times is a list. */
function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value;
}

/** At least one, so that a record without a recipient still counts. */
function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) return [value];
  return value.length > 0 ? value : [undefined];
}
