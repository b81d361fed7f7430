/**
 * Mailchimp Transactional (Mandrill) webhooks become events: a form with up to a thousand events as JSON in it, signed
 * with HMAC-SHA1 over the address and the form ("Track Email Activity with Webhooks", "Authenticating webhook requests").
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { contentRule, scoredIn } from '../content.ts';
import { type BounceClass, KINDS, type MailEvent, type ReplyReason, type SuppressionReason } from '../event.ts';
import { diagnosticOf, type Fields, fields, ipOf, own, ownDomainOf, text } from '../foreign.ts';
import { header, hmacMatches, signingSecrets } from '../signature.ts';
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
import { millis, secondsSince } from '../time.ts';

/** Sync events (a change of the allow or deny list) have no `event` but a `type`. */
const WORDS: Record<string, MailEvent['kind'] | 'ignored'> = {
  send: 'accepted',
  delivered: 'delivered',
  deferral: 'deferred',
  hard_bounce: 'bounced',
  soft_bounce: 'bounced',
  reject: 'suppressed',
  spam: 'complained',
  unsub: 'unsubscribed',
  open: 'opened',
  click: 'clicked',
  inbound: 'ignored',
  whitelist: 'ignored',
  blacklist: 'ignored',
};

export const words = Object.keys(WORDS);

/** `bounce_description`, where the reply decides nothing. */
const DESCRIPTIONS: Record<string, { class: BounceClass; reason: ReplyReason }> = {
  bad_mailbox: { class: 'hard', reason: 'invalid_recipient' },
  invalid_domain: { class: 'hard', reason: 'bad_domain' },
  mailbox_full: { class: 'soft', reason: 'mailbox_full' },
  message_too_large: { class: 'soft', reason: 'message_size' },
  no_answer: { class: 'soft', reason: 'connection' },
};

const REJECTED: Record<string, SuppressionReason> = {
  'hard-bounce': 'bounced_before',
  'soft-bounce': 'bounced_before',
  spam: 'complained',
  unsub: 'unsubscribed',
  custom: 'manual',
  rule: 'manual',
  invalid: 'invalid_address',
  'invalid-sender': 'invalid_message',
  unsigned: 'invalid_message',
  'test-mode-limit': 'quota',
};

/** The key of the unsaved webhook, with which Mandrill signs the empty test post before it shows the real one. */
const TEST_KEY = 'test-webhook';

const config = z
  .strictObject({
    keys: signingSecrets('Webhook keys, several during a rotation. Without any, only `auth` protects the route'),
    url: z
      .string()
      .default('')
      .describe(
        'The address exactly as entered at Mandrill, with its query string and any user:password@: it is part of what is signed, and behind a proxy it cannot be told from the request',
      ),
    ...campaignRule,
    ...contentRule,
  })
  .refine(({ keys, url }) => keys.length === 0 || url !== '', {
    path: ['url'],
    message: 'is needed beside `keys`: enter the address exactly as at Mandrill',
  });

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity: "the word, Mandrill's id of the message, the recipient, the moment and the link",
    sending_domain: '`msg.sender`',
    sending_ip: '`source_ip` of the last attempt in `smtp_events`, where it is there',
    recipient_domain: '`msg.email`',
    campaign: 'a key of the metadata under `campaign_key`, else a tag',
    reply: '`msg.diag`, else the diagnosis of the last attempt',
    seconds: 'from the sending of the message to its delivery',
    content: 'the value under `spam_score_key` in the metadata',
  },
  pointing:
    'Add a webhook with the address `https://HOST/hooks/NAME`. Put its key into a file, name that under `keys`, and write the address exactly as you entered it under `url`: it is part of what is signed.',
  authentication:
    '`X-Mandrill-Signature`: HMAC-SHA1 over the address and the form. The post that tests a new address is signed with a key everybody knows, and holds no events. No time is signed: a post that is played again counts nothing.',
  answers:
    'Mandrill asks with HEAD before it shows the key, and gets 200. How long it retries what is not answered 200 it does not say.',
};

export default {
  summary: 'Mailchimp Transactional (Mandrill) webhooks, with HMAC signature',
  transport: 'webhook',
  config,
  gives: KINDS,
  docs,
  open,
} satisfies SourceType<Config>;

function open(config: Config): Source {
  const parse = ({ body }: Post): Parsed => {
    const parsed = nothing();
    for (const item of eventsIn(form(body))) read(item, config, parsed);
    return parsed;
  };
  if (config.keys.length === 0) return { parse };
  return {
    parse,
    // No timestamp is signed: a replay is a duplicate by id.
    authenticate({ headers, body }) {
      const params = form(body);
      const signed = [config.url];
      for (const name of [...params.keys()].sort()) signed.push(name, params.get(name)!);
      const keys = params.get('mandrill_events') === '[]' ? [...config.keys, TEST_KEY] : config.keys;
      return hmacMatches('sha1', keys, signed, header(headers, 'x-mandrill-signature'), 'base64');
    },
  };
}

function form(body: Buffer): URLSearchParams {
  return new URLSearchParams(body.toString('utf8'));
}

function eventsIn(params: URLSearchParams): unknown[] {
  const events = params.get('mandrill_events');
  if (events === null) throw new Malformed('the body is not a form with the field mandrill_events');
  try {
    const items: unknown = JSON.parse(events);
    if (Array.isArray(items)) return items;
  } catch {
    // The message of JSON.parse quotes the body.
  }
  throw new Malformed('the field mandrill_events is not a JSON array');
}

function read(item: unknown, config: Config, parsed: Parsed): void {
  const event = fields(item);
  const word = event?.event ?? event?.type;
  if (event === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const kind = own(WORDS, word);
  const message = fields(event.msg);
  const at = millis(event.ts);
  if (kind === undefined) parsed.unknown.push(word);
  else if (kind === 'ignored') parsed.ignored++;
  else if (message === undefined || Number.isNaN(at)) parsed.invalid++;
  else parsed.events.push(eventOf(kind, word, event, message, at, config));
}

function eventOf(
  kind: MailEvent['kind'],
  word: string,
  event: Fields,
  message: Fields,
  at: number,
  config: Config,
): MailEvent {
  const attempt = lastOf(message.smtp_events);
  const fact = {
    id: `${word} ${text(event._id) || text(message._id)} ${text(message.email)} ${at} ${text(event.url)}`,
    at,
    sendingDomain: ownDomainOf(message.sender),
    sendingIp: ipOf(attempt?.source_ip),
    recipientDomain: domainOf(message.email),
    campaign: campaignOf(config, fields(message.metadata), message.tags),
  };
  const content = scoredIn(config, fields(message.metadata));
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, content, seconds: secondsSince(message.ts, at) };
    case 'deferred':
      return { kind, ...fact, reply: replyOf(message, attempt) };
    case 'bounced': {
      const verdict = own(DESCRIPTIONS, message.bounce_description);
      const bounceClass = word === 'hard_bounce' ? 'hard' : (verdict?.class ?? 'soft');
      const reply = replyOf(message, attempt);
      return { kind, ...fact, content, reply, class: bounceClass, reason: verdict?.reason };
    }
    case 'suppressed':
      return { kind, ...fact, content, reason: rejection(event, message) };
    case 'opened':
      return { kind, ...fact, by: 'person' };
    default:
      return { kind, ...fact };
  }
}

/** `diag` is there for bounces; a deferral has only the attempts. */
function replyOf(message: Fields, attempt: Fields | undefined): string {
  return diagnosticOf(message.diag) || diagnosticOf(attempt?.diag);
}

/** Where the reason stands is not documented; these places have been seen. */
function rejection(event: Fields, message: Fields): SuppressionReason {
  const reject = fields(event.reject) ?? fields(message.reject);
  const reason = text(reject?.reason) || text(message.reject) || text(message.reject_reason);
  return own(REJECTED, reason) ?? 'other';
}

function lastOf(value: unknown): Fields | undefined {
  return Array.isArray(value) ? fields(value.at(-1)) : undefined;
}
