/**
 * Resend webhooks become events: one a post, signed as Standard Webhooks under the headers of Svix ("Managing Webhooks",
 * standard-webhooks.com specification 1.0).
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { contentRule, scoredIn } from '../content.ts';
import type { BounceClass, MailEvent } from '../event.ts';
import { diagnosticOf, type Fields, fields, nameOf, own, ownDomainOf, text } from '../foreign.ts';
import { jsonItems } from '../json-array.ts';
import { header, hmacMatches, signingSecrets } from '../signature.ts';
import { domainOf, nothing, type Parsed, type Post, type Source, type SourceDocs, type SourceType } from '../source.ts';
import { millis, secondsSince } from '../time.ts';

type Kind = Exclude<MailEvent['kind'], 'unsubscribed'>;

const WORDS: Record<string, Kind | 'ignored'> = {
  'email.sent': 'accepted',
  'email.scheduled': 'ignored',
  'email.delivered': 'delivered',
  'email.delivery_delayed': 'deferred',
  'email.bounced': 'bounced',
  'email.suppressed': 'suppressed',
  'email.failed': 'suppressed',
  'email.complained': 'complained',
  'email.opened': 'opened',
  'email.clicked': 'clicked',
  'email.received': 'ignored',
  'contact.created': 'ignored',
  'contact.updated': 'ignored',
  'contact.deleted': 'ignored',
  'domain.created': 'ignored',
  'domain.updated': 'ignored',
  'domain.deleted': 'ignored',
  'suppression.added': 'ignored',
  'suppression.removed': 'ignored',
};

export const words = Object.keys(WORDS);

/** `type` of a bounce, in the words of Amazon SES, on which Resend sends. */
const CLASSES: Record<string, BounceClass> = { Permanent: 'hard', Transient: 'soft', Undetermined: 'undetermined' };
const REFUSED = new Set(['ContentRejected', 'AttachmentRejected']);

/** Of the specification. A retry is signed anew. */
const WINDOW = 300_000;
const SIGNATURES = 10;

const config = z.strictObject({
  signing_secrets: signingSecrets(
    'Signing secrets (whsec_…) of the webhooks, several during a rotation. Without any, only `auth` protects the route',
  ),
  ...campaignRule,
  ...contentRule,
});

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity: 'the header `svix-id`, which a retry keeps',
    sending_domain: '`data.from`',
    recipient_domain: '`data.to`, where all of them share a domain: which of several it is about is not said',
    campaign: 'a tag under `campaign_key`, else the id of the broadcast',
    reply: '`diagnosticCode` of bounces, where it is there',
    seconds: "from the message's time to the event's",
    content: 'the value under `spam_score_key` in the tags',
  },
  pointing:
    'Add a webhook with the address `https://HOST/hooks/NAME`, put its signing secret (whsec_…) into a file, and name that under `signing_secrets`.',
  authentication:
    'Standard Webhooks: HMAC-SHA256 over id, timestamp and body, at most five minutes old. A retry is signed anew.',
  answers:
    'Anything but 2xx is retried, at growing distances, for more than a day; an address that fails for days is switched off.',
};

export default {
  summary: 'Resend webhooks, with the signature of Standard Webhooks',
  transport: 'webhook',
  config,
  gives: ['accepted', 'delivered', 'deferred', 'bounced', 'suppressed', 'complained', 'opened', 'clicked'],
  docs,
  open,
} satisfies SourceType<Config>;

function open(config: Config): Source {
  const parse = ({ headers, body }: Post): Parsed => {
    const parsed = nothing();
    const id = header(headers, 'svix-id') || header(headers, 'webhook-id');
    const items = jsonItems(body);
    // The id is the post's, and a post holds one event.
    for (const item of items) read(item, items.length === 1 ? id : '', config, parsed);
    return parsed;
  };
  const keys = config.signing_secrets.map((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'));
  if (keys.length === 0) return { parse };
  return {
    parse,
    authenticate({ headers, body }, now) {
      const family = header(headers, 'svix-id') === '' ? 'webhook' : 'svix';
      const id = header(headers, `${family}-id`);
      const timestamp = header(headers, `${family}-timestamp`);
      const at = Number(timestamp) * 1000;
      if (id === '' || timestamp === '' || !(Math.abs(at - now) <= WINDOW)) return false;
      return header(headers, `${family}-signature`)
        .split(' ', SIGNATURES)
        .filter((signature) => signature.startsWith('v1,'))
        .some((signature) => hmacMatches('sha256', keys, [`${id}.${timestamp}.`, body], signature.slice(3), 'base64'));
    },
  };
}

function read(item: unknown, id: string, config: Config, parsed: Parsed): void {
  const event = fields(item);
  const word = event?.type;
  if (event === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const kind = own(WORDS, word);
  const data = fields(event.data);
  const at = millis(event.created_at);
  if (kind === undefined) parsed.unknown.push(word);
  else if (kind === 'ignored') parsed.ignored++;
  else if (data === undefined || Number.isNaN(at)) parsed.invalid++;
  else {
    const identity = id || `${word} ${text(data.email_id)} ${at} ${text(fields(data.click)?.link)}`;
    parsed.events.push(eventOf(kind, word, data, at, identity, config));
  }
}

function eventOf(kind: Kind, word: string, data: Fields, at: number, id: string, config: Config): MailEvent {
  const tags = tagsOf(data.tags);
  const content = scoredIn(config, tags);
  const fact = {
    id,
    at,
    sendingDomain: ownDomainOf(data.from),
    sendingIp: '',
    recipientDomain: commonDomain(data.to),
    campaign: campaignOf(config, tags, undefined) || nameOf(data.broadcast_id),
  };
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, content, seconds: secondsSince(data.created_at, at) };
    case 'deferred':
      return { kind, ...fact, reply: '' };
    case 'bounced':
      return bounce({ ...fact, content }, fields(data.bounce));
    case 'suppressed': {
      const quota = word === 'email.failed' && text(fields(data.failed)?.reason).includes('quota');
      const before = word === 'email.suppressed' ? 'bounced_before' : 'invalid_message';
      return { kind, ...fact, content, reason: quota ? 'quota' : before };
    }
    case 'opened':
      return { kind, ...fact, by: 'person' };
    default:
      return { kind, ...fact };
  }
}

/** Before there was `email.suppressed`, a recipient on the suppression list was told as a bounce. */
function bounce(
  fact: Pick<MailEvent, 'id' | 'at' | 'sendingDomain' | 'sendingIp' | 'recipientDomain' | 'campaign' | 'content'>,
  bounce: Fields | undefined,
): MailEvent {
  const subType = text(bounce?.subType);
  const message = text(bounce?.message);
  if (/suppress/i.test(subType) || message.includes('suppressed sending'))
    return { kind: 'suppressed', ...fact, reason: 'bounced_before' };
  const diagnostics = bounce?.diagnosticCode;
  const reply = diagnosticOf(Array.isArray(diagnostics) ? diagnostics[0] : diagnostics);
  const bounceClass = REFUSED.has(subType) ? 'block' : own(CLASSES, bounce?.type);
  // `message` is a sentence of Resend's about bounces in general, no reply.
  return { kind: 'bounced', ...fact, reply, class: bounceClass, reason: undefined };
}

/** All of `to` is told, not which of them it is about; their domain is known where they share one. */
function commonDomain(to: unknown): string {
  const domains = new Set((Array.isArray(to) ? to : [to]).map(domainOf));
  return domains.size === 1 ? [...domains][0]! : '';
}

/** Documented as a list of { name, value }, sent as an object. */
function tagsOf(tags: unknown): Fields | undefined {
  if (!Array.isArray(tags)) return fields(tags);
  return Object.fromEntries(tags.map((tag) => [text(fields(tag)?.name), fields(tag)?.value]));
}
