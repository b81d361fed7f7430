/**
 * Brevo webhooks become events: transactional and marketing e-mail events, one a post or batched ("Transactional
 * webhooks", "Marketing webhooks"). It signs nothing; it can send basic credentials, a bearer token or own headers.
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { contentRule, scoredIn } from '../content.ts';
import { KINDS, type MailEvent, type SuppressionReason } from '../event.ts';
import { type Fields, fields, fieldsInText, ipOf, nameOf, own, text } from '../foreign.ts';
import { eachItem } from '../json-array.ts';
import { domainOf, type Parsed, type SourceDocs, type SourceType } from '../source.ts';
import { millis } from '../time.ts';

/** Some words have two spellings, one of the API and one of the payload. */
const WORDS: Record<string, MailEvent['kind'] | 'ignored'> = {
  request: 'accepted',
  delivered: 'delivered',
  deferred: 'deferred',
  soft_bounce: 'bounced',
  hard_bounce: 'bounced',
  invalid_email: 'suppressed',
  blocked: 'suppressed',
  error: 'suppressed',
  spam: 'complained',
  complaint: 'complained',
  unsubscribe: 'unsubscribed',
  unsubscribed: 'unsubscribed',
  opened: 'opened',
  unique_opened: 'opened',
  proxy_open: 'opened',
  unique_proxy_open: 'opened',
  click: 'clicked',
  list_addition: 'ignored',
  contact_updated: 'ignored',
  contact_deleted: 'ignored',
  inboundEmailProcessed: 'ignored',
};

export const words = Object.keys(WORDS);

const SUPPRESSED: Record<string, SuppressionReason> = { invalid_email: 'invalid_address', error: 'invalid_message' };

/** What stands in `reason` of a `blocked`: free text, such as "blocked : due to unsubscribed user". */
const BLOCKED: [part: string, reason: SuppressionReason][] = [
  ['unsubscribed', 'unsubscribed'],
  ['spam', 'complained'],
  ['complain', 'complained'],
  ['bounce', 'bounced_before'],
];

const config = z.strictObject({ ...campaignRule, ...contentRule });

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity:
      "the word, the message id, the recipient, the moment and the link; Brevo's `id` is the webhook's own. A `unique_` word is the same event as the plain one",
    sending_ip:
      "`sending_ip`, on everything before the mailbox; on opens and clicks it is the reader's and is left out",
    recipient_domain: '`email`',
    campaign: 'a key of X-Mailin-custom, else a tag, else the name of a marketing campaign',
    reply: '`reason`',
    by: 'the `proxy_open` words are machines',
    content: 'the value under `spam_score_key` in X-Mailin-custom',
  },
  pointing:
    'Add a webhook for transactional (and one for marketing) e-mail with the address `https://HOST/hooks/NAME`; batched or one by one, both are read. Brevo never says the sending domain: set `sending_domain`, and one source for each domain if you have several.',
  authentication:
    'Brevo signs nothing. It can send a user name and password in the address, a bearer token, or headers of your own: set one of them there and the same under `auth` here.',
  answers:
    'Brevo gives an event up at any 4xx except 429, and by its newest wording at 5xx too, so when nothing can be taken the answer is 429. A wrong credential loses events for good: watch `deliverability_exporter_posts_total{outcome="unauthenticated"}`.',
};

export default {
  summary: 'Brevo (Sendinblue) transactional and marketing webhooks',
  transport: 'webhook',
  // Brevo gives an event up for good at any 4xx but this one, and by its newest wording also at 5xx.
  busyStatus: 429,
  config,
  gives: KINDS,
  docs,
  open: (config) => ({
    parse: eachItem((item, parsed) => read(item, config, parsed)),
  }),
} satisfies SourceType<Config>;

function read(item: unknown, rule: Config, parsed: Parsed): void {
  const event = fields(item);
  const word = event?.event;
  if (event === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const kind = own(WORDS, word);
  if (kind === undefined) parsed.unknown.push(word);
  else if (kind === 'ignored') parsed.ignored++;
  else {
    // Only `ts_epoch` is UTC; `date` and `ts` follow the time zone of the account, so they are not even tried.
    const at = millis(event.ts_epoch ?? event.s_epoch ?? event.ts_event);
    if (Number.isNaN(at)) parsed.invalid++;
    else parsed.events.push(eventOf(kind, word, event, at, rule));
  }
}

function eventOf(kind: MailEvent['kind'], word: string, event: Fields, at: number, rule: Config): MailEvent {
  const metadata = fieldsInText(event['X-Mailin-custom']);
  const content = scoredIn(rule, metadata);
  const fact = {
    id: identity(word, event, at),
    at,
    sendingDomain: '',
    sendingIp: ipOf(event.sending_ip),
    recipientDomain: domainOf(event.email),
    campaign: campaignOf(rule, metadata, tagsOf(event)) || nameOf(event['campaign name']),
  };
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, content, seconds: undefined };
    case 'deferred':
      return { kind, ...fact, reply: reply(event) };
    case 'bounced':
      return { kind, ...fact, content, reply: reply(event), class: word === 'hard_bounce' ? 'hard' : 'soft' };
    case 'suppressed':
      return { kind, ...fact, content, reason: SUPPRESSED[word] ?? blockReason(event) };
    case 'opened':
      // On engagement the address can be the reader's.
      return { kind, ...fact, sendingIp: '', by: word.includes('proxy') ? 'machine' : 'person' };
    case 'clicked':
    case 'unsubscribed':
    case 'complained':
      return { kind, ...fact, sendingIp: '' };
    default:
      return { kind, ...fact };
  }
}

/**
 * `id` is the webhook's own, not the event's. `unique_opened` tells the first `opened` a second time, at the same moment:
 * without its prefix it is the same event.
 */
function identity(word: string, event: Fields, at: number): string {
  const message = text(event['message-id']) || text(event.camp_id);
  return `${word.replace('unique_', '')} ${message} ${text(event.email)} ${at} ${text(event.link)}`;
}

/** `tags` is a list where the sender set them by API; else `tag`, which is text, or a list as JSON text. */
function tagsOf(event: Fields): unknown {
  if (Array.isArray(event.tags) && event.tags.length > 0) return event.tags;
  const tag = event.tag;
  if (typeof tag !== 'string' || !tag.startsWith('[')) return tag;
  try {
    return JSON.parse(tag);
  } catch {
    return tag;
  }
}

function reply(event: Fields): string {
  const reason = text(event.reason).trim();
  return reason.startsWith('undefined ') ? reason.slice('undefined '.length) : reason;
}

function blockReason(event: Fields): SuppressionReason {
  const reason = text(event.reason).toLowerCase();
  return BLOCKED.find(([part]) => reason.includes(part))?.[1] ?? 'other';
}
