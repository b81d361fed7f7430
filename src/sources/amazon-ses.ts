/**
 * Amazon SES events become events: delivered by Amazon SNS over HTTP, signed by its certificate ("Verifying the signatures
 * of Amazon SNS messages"), in both families of payload ("Contents of event data that Amazon SES publishes to Amazon SNS",
 * "Amazon SNS notification contents for Amazon SES").
 *
 * A little over the size of a plugin for its table of event objects; SNS itself lives in ../amazon-sns.ts.
 */
import { z } from 'zod';
import { envelopeOf, snsVerifier } from '../amazon-sns.ts';
import { contentRule, filtered, scoredIn } from '../content.ts';
import type { BounceClass, Content, MailEvent, ReplyReason, SuppressionReason } from '../event.ts';
import { KINDS } from '../event.ts';
import { diagnosticOf, type Fields, fields, hostOf, ipOf, nameOf, own, ownDomainOf, text } from '../foreign.ts';
import { jsonItems } from '../json-array.ts';
import { publicKeys } from '../signature.ts';
import {
  domainOf,
  Malformed,
  nothing,
  type Parsed,
  type Post,
  type Source,
  type SourceDocs,
  type SourceType,
} from '../source.ts';
import { millis } from '../time.ts';

type Kind = MailEvent['kind'];

/** The word (`eventType` or `notificationType`), the key under which its own object stands, and where its recipients are. */
const WORDS: Record<string, { kind: Kind; object: string; recipients: string } | 'ignored'> = {
  Send: { kind: 'accepted', object: 'send', recipients: '' },
  Delivery: { kind: 'delivered', object: 'delivery', recipients: 'recipients' },
  DeliveryDelay: { kind: 'deferred', object: 'deliveryDelay', recipients: 'delayedRecipients' },
  Bounce: { kind: 'bounced', object: 'bounce', recipients: 'bouncedRecipients' },
  Complaint: { kind: 'complained', object: 'complaint', recipients: 'complainedRecipients' },
  Reject: { kind: 'suppressed', object: 'reject', recipients: '' },
  'Rendering Failure': { kind: 'suppressed', object: 'failure', recipients: '' },
  Open: { kind: 'opened', object: 'open', recipients: '' },
  Click: { kind: 'clicked', object: 'click', recipients: '' },
  Subscription: { kind: 'unsubscribed', object: 'subscription', recipients: '' },
  Received: 'ignored',
  AmazonSnsSubscriptionSucceeded: 'ignored',
};

export const words = Object.keys(WORDS);

const CLASSES: Record<string, BounceClass> = { Permanent: 'hard', Transient: 'soft', Undetermined: 'undetermined' };

/** `bounceSubType`, where it says more than the type. */
const SUBTYPES: Record<string, { class?: BounceClass; reason?: ReplyReason; suppressed?: SuppressionReason }> = {
  NoEmail: { reason: 'invalid_recipient' },
  MailboxFull: { reason: 'mailbox_full' },
  MessageTooLarge: { reason: 'message_size' },
  ContentRejected: { class: 'block', reason: 'content_spam' },
  AttachmentRejected: { class: 'block', reason: 'content_malware' },
  Suppressed: { suppressed: 'bounced_before' },
  OnAccountSuppressionList: { suppressed: 'bounced_before' },
  UnsubscribedRecipient: { suppressed: 'unsubscribed' },
};

const config = z.strictObject({
  topics: z
    .array(z.string().regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d+:[\w.-]+$/, 'is not the ARN of an SNS topic'))
    .default([])
    .describe(
      'ARNs of the SNS topics that are yours. Amazon signs the topics of all its customers alike, so this list decides who is heard. A subscription to one of them confirms itself. Without any, only `auth` protects the route, and subscriptions are confirmed by hand',
    ),
  certificates: publicKeys(
    "SNS's signing certificates (PEM), for a machine that cannot reach Amazon: with these none are fetched. Subscriptions still need the way out",
  ),
  max_age_seconds: z
    .number()
    .positive()
    .default(2 * 3600)
    .describe('How old a message may be; SNS retries for an hour at most'),
  max_ahead_seconds: z.number().nonnegative().default(600).describe('How far ahead of our clock it may be'),
  campaign_key: z.string().default('campaign').describe('Message tag whose value names the campaign'),
  ...contentRule,
});

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity:
      "the word, SES's message id and the recipient, so that event publishing and feedback notifications together count once; for opens, clicks and delays the moment and the link too",
    sending_domain: 'the tag `ses:from-domain`, else the From header, else the envelope sender',
    sending_ip:
      'the tag `ses:outgoing-ip`, which event publishing has on deliveries; feedback notifications never say it',
    recipient_domain:
      'the recipients of the event; opens, clicks and complaints do not say which of several it was, so it is known where all share a domain',
    campaign: 'the message tag under `campaign_key`',
    reply: 'the diagnostic code of bounces and delays',
    seconds: "SES's own `processingTimeMillis`",
    content:
      'the message tag under `spam_score_key`; else what a filter wrote on the message before SES had it (X-Spam-Status, X-Spam-Score, X-Spam-Flag, X-Spamd-Result), where headers are included',
  },
  pointing:
    "Make an SNS topic, let a configuration set (or the feedback notifications of an identity) publish to it, and subscribe `https://HOST/hooks/NAME` to the topic over HTTPS with raw delivery off. List the topic's ARN under `topics`: the subscription then confirms itself. Give the subscription a delivery policy of up to an hour, because the default of SNS is three retries within a minute, and after that the message is gone; a dead-letter queue keeps it.",
  authentication:
    "SNS signs each message (RSA with SHA-1 or SHA-256) with a certificate that is fetched from the SNS host of the topic's own region, or is pinned under `certificates`. Amazon signs the topics of every customer alike, so a signature alone proves nothing: the list of topics does. With raw delivery there is no signature, and `auth` has to protect the route; SNS sends a user name and password from the address only after a 401 has asked for them.",
  answers:
    'SNS takes any 4xx as final and never comes back with that message, so nothing but a failed signature or a body that is no SNS message is answered so. When the certificate cannot be fetched, or a subscription not be confirmed, the answer is 503, which SNS retries.',
};

export default {
  summary: 'Amazon SES through SNS: event publishing and feedback notifications, with certificate signature',
  transport: 'webhook',
  config,
  gives: KINDS,
  docs,
  open,
} satisfies SourceType<Config>;

export function open(config: Config, fetcher: typeof fetch = fetch): Source {
  const sns = snsVerifier(config, fetcher);
  const parse = (post: Post): Parsed => {
    const parsed = nothing();
    const envelope = envelopeOf(post.body);
    const type = envelope?.Type;
    if (envelope === undefined || type === undefined)
      // Raw delivery, or a file of events to replay: bare SES JSON.
      for (const item of jsonItems(post.body)) read(fields(item), config, parsed);
    else if (type === 'Notification') read(messageOf(envelope), config, parsed);
    else if (type === 'SubscriptionConfirmation' || type === 'UnsubscribeConfirmation') parsed.ignored++;
    else throw new Malformed('the body is neither an SNS message nor an SES event');
    const confirm = sns?.confirmation(envelope);
    if (confirm !== undefined) parsed.after = confirm;
    return parsed;
  };
  if (sns === undefined) return { parse };
  return { parse, prepare: sns.prepare, authenticate: sns.authenticate };
}

/** undefined when it is not JSON; SES greets a new topic in plain text, which is 'ignored'. */
function messageOf(envelope: Fields): Fields | 'ignored' | undefined {
  const message = text(envelope.Message);
  if (message.startsWith('Successfully validated SNS topic')) return 'ignored';
  try {
    return fields(JSON.parse(message));
  } catch {
    return undefined;
  }
}

function read(message: Fields | 'ignored' | undefined, config: Config, parsed: Parsed): void {
  if (message === 'ignored') {
    parsed.ignored++;
    return;
  }
  const word = message?.eventType ?? message?.notificationType;
  if (message === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const row = own(WORDS, word);
  if (row === undefined) parsed.unknown.push(word);
  else if (row === 'ignored') parsed.ignored++;
  else {
    const mail = fields(message.mail);
    const about = fields(message[row.object]) ?? {};
    const at = millis(about.timestamp ?? mail?.timestamp);
    if (mail === undefined || Number.isNaN(at)) parsed.invalid++;
    else if (isNone(word, about)) parsed.ignored++;
    else
      for (const recipient of recipientsOf(row.kind, row.recipients, about, mail))
        parsed.events.push(eventOf(row.kind, word, recipient, about, mail, at, config));
  }
}

function isNone(word: string, about: Fields): boolean {
  return (
    (word === 'Complaint' && about.complaintFeedbackType === 'not-spam') ||
    (word === 'Subscription' && !leaves(fields(about.oldTopicPreferences), fields(about.newTopicPreferences)))
  );
}

/** A change of preferences that leaves a topic, or all; coming back is one too. */
function leaves(before: Fields | undefined, after: Fields | undefined): boolean {
  if (after?.unsubscribeAll === true) return before?.unsubscribeAll !== true;
  const left = new Set(leftTopics(before));
  return leftTopics(after).some((topic) => !left.has(topic));
}

function leftTopics(preferences: Fields | undefined): string[] {
  const topics = preferences?.topicSubscriptionStatus;
  return (Array.isArray(topics) ? topics : [])
    .map(fields)
    .filter((topic) => topic?.subscriptionStatus === 'OptOut')
    .map((topic) => text(topic?.topicName));
}

interface Recipient {
  address: string;
  status: string;
  diagnostic: string;
}

/**
 * Who it is about. A complaint lists all recipients at that mailbox provider, one of whom complained; opens and clicks
 * do not say who: these count once, and know the domain where all recipients share it.
 */
function recipientsOf(kind: Kind, key: string, about: Fields, mail: Fields): Recipient[] {
  const listed = key === '' ? mail.destination : about[key];
  const all = (Array.isArray(listed) ? listed : []).map((item) => {
    const recipient = fields(item);
    const address = text(recipient ? recipient.emailAddress : item);
    return { address, status: text(recipient?.status), diagnostic: diagnosticOf(recipient?.diagnosticCode) };
  });
  if (all.length === 0) return [{ address: '', status: '', diagnostic: '' }];
  if (kind !== 'complained' && kind !== 'opened' && kind !== 'clicked' && kind !== 'unsubscribed') return all;
  const shared = all.every(({ address }) => domainOf(address) === domainOf(all[0]!.address));
  return shared ? [all[0]!] : [{ address: '', status: '', diagnostic: '' }];
}

function eventOf(
  kind: Kind,
  word: string,
  recipient: Recipient,
  about: Fields,
  mail: Fields,
  at: number,
  config: Config,
): MailEvent {
  const tags = fields(mail.tags);
  const fact = {
    id: identity(kind, word, recipient, about, mail),
    at,
    sendingDomain: hostOf(firstOf(tags?.['ses:from-domain'])) || ownDomainOf(fromOf(mail)) || ownDomainOf(mail.source),
    sendingIp: ipOf(firstOf(tags?.['ses:outgoing-ip'])),
    recipientDomain: domainOf(recipient.address),
    campaign: nameOf(tags?.[config.campaign_key]),
  };
  const content = scoredIn(config, tags) ?? filterOf(mail);
  switch (kind) {
    case 'delivered': {
      const ms = about.processingTimeMillis;
      return { kind, ...fact, content, seconds: typeof ms === 'number' && ms >= 0 ? ms / 1000 : undefined };
    }
    case 'deferred':
      return { kind, ...fact, reply: recipient.diagnostic || recipient.status };
    case 'bounced':
      return bounce({ ...fact, content }, recipient, about);
    case 'complained':
      return about.complaintSubType === 'OnAccountSuppressionList'
        ? { kind: 'suppressed', ...fact, reason: 'complained' }
        : { kind, ...fact };
    case 'suppressed':
      return { kind, ...fact, content, reason: word === 'Reject' ? 'content' : 'invalid_message' };
    case 'opened':
      return { kind, ...fact, by: 'person' };
    default:
      return { kind, ...fact };
  }
}

type Facts = Pick<MailEvent, 'id' | 'at' | 'sendingDomain' | 'sendingIp' | 'recipientDomain' | 'campaign' | 'content'>;

function bounce(fact: Facts, { status, diagnostic }: Recipient, about: Fields): MailEvent {
  const verdict = own(SUBTYPES, about.bounceSubType);
  if (verdict?.suppressed !== undefined) return { kind: 'suppressed', ...fact, reason: verdict.suppressed };
  // A domain that does not exist comes as Transient/General.
  const gone = status === '5.4.4';
  return {
    kind: 'bounced',
    ...fact,
    reply: diagnostic || status,
    class: gone ? 'hard' : (verdict?.class ?? own(CLASSES, about.bounceType)),
    reason: gone ? 'bad_domain' : verdict?.reason,
  };
}

/**
 * Neither SNS's MessageId nor `feedbackId`: with event publishing and feedback notifications both on, one bounce comes
 * as two messages. One message bounces, is delivered, is complained about once by one recipient; the others happen at a
 * moment.
 */
function identity(kind: Kind, word: string, { address }: Recipient, about: Fields, mail: Fields): string {
  const once = kind === 'bounced' || kind === 'delivered' || kind === 'complained' || kind === 'accepted';
  const when = once ? '' : `${text(about.timestamp)} ${text(about.link)}`;
  return `${word} ${text(mail.messageId)} ${address} ${when}`;
}

function fromOf(mail: Fields): unknown {
  return firstOf(fields(mail.commonHeaders)?.from);
}

/** What a filter wrote on the message before it came to SES. */
function filterOf(mail: Fields): Content | undefined {
  const written = new Map<string, string>();
  for (const header of Array.isArray(mail.headers) ? mail.headers : []) {
    const { name, value } = fields(header) ?? {};
    if (typeof name === 'string' && /^x-spam/i.test(name)) written.set(name.toLowerCase(), text(value));
  }
  return written.size > 0 ? filtered((name) => written.get(name) ?? '') : undefined;
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}
