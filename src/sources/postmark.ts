/**
 * Postmark webhooks become events: one a post, told apart by RecordType and, for bounces, Type ("Webhooks overview",
 * "Bounce types"). It signs nothing; it can send basic credentials and own headers.
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { contentRule, scoredIn } from '../content.ts';
import type { BounceClass, MailEvent, ReplyReason, SuppressionReason } from '../event.ts';
import { diagnosticOf, type Fields, fields, hostOf, own, ownDomainOf, text } from '../foreign.ts';
import { eachItem } from '../json-array.ts';
import { domainOf, type Parsed, type SourceDocs, type SourceType } from '../source.ts';
import { millis } from '../time.ts';

type Kind = Exclude<MailEvent['kind'], 'accepted'>;
type Verdict = {
  kind: Kind | 'ignored';
  class?: BounceClass;
  reason?: ReplyReason;
  why?: SuppressionReason;
};

const RECORDS: Record<string, Verdict> = {
  Delivery: { kind: 'delivered' },
  SpamComplaint: { kind: 'complained' },
  Open: { kind: 'opened' },
  Click: { kind: 'clicked' },
  Inbound: { kind: 'ignored' },
};

/** `Type` of a Bounce record, which is about anything that came back. */
const BOUNCES: Record<string, Verdict> = {
  HardBounce: { kind: 'bounced', class: 'hard' },
  SoftBounce: { kind: 'bounced', class: 'soft' },
  Unknown: { kind: 'bounced', class: 'undetermined' },
  Blocked: { kind: 'bounced', class: 'block' },
  DMARCPolicy: { kind: 'bounced', class: 'block', reason: 'auth_fail' },
  VirusNotification: { kind: 'bounced', class: 'block', reason: 'content_malware' },
  Transient: { kind: 'deferred' },
  DnsError: { kind: 'deferred' },
  OpenRelayTest: { kind: 'deferred' },
  BadEmailAddress: { kind: 'suppressed', why: 'invalid_address' },
  ManuallyDeactivated: { kind: 'suppressed', why: 'manual' },
  Unconfirmed: { kind: 'suppressed', why: 'invalid_address' },
  SMTPApiError: { kind: 'suppressed', why: 'invalid_message' },
  TemplateRenderingFailed: { kind: 'suppressed', why: 'invalid_message' },
  SpamNotification: { kind: 'complained' },
  SpamComplaint: { kind: 'complained' },
  Unsubscribe: { kind: 'unsubscribed' },
  Subscribe: { kind: 'ignored' },
  AutoResponder: { kind: 'ignored' },
  AddressChange: { kind: 'ignored' },
  ChallengeVerification: { kind: 'ignored' },
  InboundError: { kind: 'ignored' },
};

export const words = [
  ...Object.keys(RECORDS),
  ...Object.keys(BOUNCES).map((type) => ['Bounce', type]),
  ...['ManualSuppression', 'HardBounce', 'SpamComplaint'].map((reason) => ['SubscriptionChange', reason]),
];

/** The key of the moment differs by record. */
const MOMENTS = ['DeliveredAt', 'BouncedAt', 'ReceivedAt', 'ChangedAt'];

const config = z.strictObject({
  servers: z
    .record(z.string(), z.string().toLowerCase())
    .default({})
    .describe('Sending domain by ServerID: only bounces and complaints say it themselves'),
  ...campaignRule,
  ...contentRule,
});

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity: '`ID` of bounces and complaints; else what the record says: word, message, recipient, moment, link',
    sending_domain: 'From, on bounces and complaints; else the `ServerID`, by the table `servers`',
    recipient_domain: '`Recipient` or `Email`',
    campaign: 'a key of the metadata under `campaign_key`, else the tag',
    reply: '`Details` of bounces',
    content: 'the value under `spam_score_key` in the metadata',
  },
  pointing:
    'Add a webhook to each message stream with the address `https://HOST/hooks/NAME`, with the events you want, and with a user name and password or a header of your own.',
  authentication: 'Postmark signs nothing. Set the credentials or the header that you gave it under `auth`.',
  answers:
    'Postmark retries anything but 200, and stops at 403, which is never sent. Deliveries, opens and clicks are tried a few times within some twenty minutes only, bounces for half a day.',
};

export default {
  summary: 'Postmark webhooks',
  transport: 'webhook',
  config,
  gives: ['delivered', 'deferred', 'bounced', 'suppressed', 'complained', 'opened', 'clicked', 'unsubscribed'],
  docs,
  open: (config) => ({
    parse: eachItem((item, parsed) => read(item, config, parsed)),
  }),
} satisfies SourceType<Config>;

function read(item: unknown, config: Config, parsed: Parsed): void {
  const record = fields(item);
  const word = record?.RecordType;
  if (record === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const verdict = verdictOn(word, record);
  const at = millis(MOMENTS.map((key) => record[key]).find((value) => value !== undefined));
  if (verdict === undefined) parsed.unknown.push(word === 'Bounce' ? text(record.Type) : word);
  else if (verdict.kind === 'ignored') parsed.ignored++;
  // Some bounces (an unsubscribe request by mail) come without a time; then there is no telling when it was.
  else if (Number.isNaN(at)) parsed.invalid++;
  else parsed.events.push(eventOf(verdict.kind, verdict, record, at, config));
}

function verdictOn(word: string, record: Fields): Verdict | undefined {
  if (word === 'Bounce') return own(BOUNCES, record.Type);
  return word === 'SubscriptionChange' ? { kind: subscriptionChange(record) } : own(RECORDS, word);
}

/** Each hard bounce and complaint changes a subscription too, and would be counted twice; what we did ourselves is no request. */
function subscriptionChange(record: Fields): 'unsubscribed' | 'ignored' {
  const asked = record.Origin === undefined || record.Origin === 'Recipient';
  return record.SuppressSending === true && record.SuppressionReason === 'ManualSuppression' && asked
    ? 'unsubscribed'
    : 'ignored';
}

function eventOf(kind: Kind, verdict: Verdict, record: Fields, at: number, config: Config): MailEvent {
  const recipient = text(record.Recipient) || text(record.Email);
  const fact = {
    id: identity(record, recipient, at),
    at,
    sendingDomain: ownDomainOf(record.From) || hostOf(own(config.servers, text(record.ServerID ?? record.ServerId))),
    sendingIp: '',
    recipientDomain: domainOf(recipient),
    campaign: campaignOf(config, fields(record.Metadata), record.Tag),
  };
  const content = scoredIn(config, fields(record.Metadata));
  const reply = diagnosticOf(record.Details);
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, content, seconds: undefined };
    case 'deferred':
      return { kind, ...fact, reply };
    case 'bounced':
      return { kind, ...fact, content, reply, class: verdict.class, reason: verdict.reason };
    case 'suppressed':
      return { kind, ...fact, content, reason: verdict.why ?? 'other' };
    case 'opened':
      return { kind, ...fact, by: 'person' };
    default:
      return { kind, ...fact };
  }
}

/** Bounces and complaints have an ID of their own, the others are what they say. */
function identity(record: Fields, recipient: string, at: number): string {
  const id = text(record.ID);
  const what = `${text(record.RecordType)} ${text(record.Type)}`;
  if (id !== '' && id !== '0') return `${what} ${id}`;
  return `${what} ${text(record.MessageID)} ${recipient} ${at} ${text(record.OriginalLink)}`;
}
