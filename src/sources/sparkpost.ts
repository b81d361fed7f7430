/**
 * SparkPost (Bird) webhooks become events: batches of { msys: { <class>: event } }, where all numbers are text ("Webhooks:
 * Event Reference", "Bounce Classification Codes"). It signs nothing; it can send basic credentials and own headers.
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { contentRule, scoredIn } from '../content.ts';
import { type BounceClass, KINDS, type MailEvent, type ReplyReason } from '../event.ts';
import { type Fields, fields, hostOf, ipOf, own, ownDomainOf, text } from '../foreign.ts';
import { eachItem } from '../json-array.ts';
import { domainOf, type Parsed, type SourceDocs, type SourceType } from '../source.ts';
import { millis } from '../time.ts';

/**
 * `initial_open` and `open` are the pixels at the top and at the bottom of one message and both report one opening, so
 * only one word is counted. `reception` and `inband` are the words of mail that other servers ingest.
 */
const WORDS: Record<string, MailEvent['kind'] | 'ignored'> = {
  injection: 'accepted',
  reception: 'accepted',
  delivery: 'delivered',
  delay: 'deferred',
  bounce: 'bounced',
  inband: 'bounced',
  out_of_band: 'bounced',
  policy_rejection: 'suppressed',
  generation_rejection: 'suppressed',
  generation_failure: 'suppressed',
  spam_complaint: 'complained',
  list_unsubscribe: 'unsubscribed',
  link_unsubscribe: 'unsubscribed',
  open: 'opened',
  amp_open: 'opened',
  initial_open: 'ignored',
  amp_initial_open: 'ignored',
  click: 'clicked',
  amp_click: 'clicked',
  relay_injection: 'ignored',
  relay_rejection: 'ignored',
  relay_delivery: 'ignored',
  relay_tempfail: 'ignored',
  relay_permfail: 'ignored',
  sms_status: 'ignored',
  ab_test_completed: 'ignored',
  ab_test_cancelled: 'ignored',
  success: 'ignored',
  error: 'ignored',
};

export const words = Object.keys(WORDS);

const CLASSES: Record<string, { class: BounceClass; reason?: ReplyReason }> = {
  1: { class: 'undetermined' },
  10: { class: 'hard', reason: 'invalid_recipient' },
  20: { class: 'soft' },
  21: { class: 'soft', reason: 'bad_domain' },
  22: { class: 'soft', reason: 'mailbox_full' },
  23: { class: 'soft', reason: 'message_size' },
  24: { class: 'soft', reason: 'connection' },
  25: { class: 'admin' },
  30: { class: 'hard', reason: 'invalid_recipient' },
  40: { class: 'soft' },
  50: { class: 'block', reason: 'reputation_block' },
  51: { class: 'block', reason: 'reputation_block' },
  52: { class: 'block', reason: 'content_spam' },
  53: { class: 'block', reason: 'content_malware' },
  54: { class: 'block', reason: 'relay_denied' },
  70: { class: 'soft' },
};

/** Mail that came back out of band and is no bounce: an auto-reply, a request, a challenge. */
const NOT_A_BOUNCE: Record<string, 'unsubscribed' | 'ignored'> = {
  60: 'ignored',
  80: 'ignored',
  90: 'unsubscribed',
  100: 'ignored',
};

const config = z.strictObject({ ...campaignRule, ...contentRule });

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity: '`event_id`',
    sending_domain: '`sending_domain`, else the friendly From',
    sending_ip: '`sending_ip`, or `binding` of mail that other servers ingest',
    recipient_domain: '`raw_rcpt_to`, `rcpt_to` or `recipient_domain`',
    campaign: 'a key of `rcpt_meta` under `campaign_key`, else `campaign_id`, else a tag',
    reply: '`raw_reason`',
    seconds: '`queue_time`',
    by: '`is_prefetched` makes it a machine',
    content: 'the value under `spam_score_key` in `rcpt_meta`',
  },
  pointing:
    'Add a webhook with the address `https://HOST/hooks/NAME` (port 443 or 80) and basic credentials or a header of your own. Of `open` and `initial_open` only the first counts, since both tell of one opening.',
  authentication: 'SparkPost signs nothing. Set the credentials that you gave it under `auth`.',
  answers:
    'Anything but 200 within ten seconds is tried again for eight hours, then the batch is gone. The empty ping of a new webhook is answered 200.',
};

export default {
  summary: 'SparkPost (Bird) webhooks',
  transport: 'webhook',
  config,
  gives: KINDS,
  docs,
  open: (config) => ({
    parse: eachItem((item, parsed) => read(item, config, parsed)),
  }),
} satisfies SourceType<Config>;

function read(item: unknown, rule: Config, parsed: Parsed): void {
  const msys = fields(fields(item)?.msys);
  if (msys === undefined) {
    parsed.invalid++;
    return;
  }
  const classes = Object.values(msys);
  // The ping that a new webhook has to answer.
  if (classes.length === 0) parsed.ignored++;
  for (const value of classes) one(fields(value), rule, parsed);
}

function one(event: Fields | undefined, rule: Config, parsed: Parsed): void {
  const word = event?.type;
  if (event === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const kind = (word === 'out_of_band' && own(NOT_A_BOUNCE, text(event.bounce_class))) || own(WORDS, word);
  const at = millis(event.timestamp);
  if (kind === undefined) parsed.unknown.push(word);
  else if (kind === 'ignored') parsed.ignored++;
  else if (Number.isNaN(at)) parsed.invalid++;
  else parsed.events.push(eventOf(kind, word, event, at, rule));
}

function eventOf(kind: MailEvent['kind'], word: string, event: Fields, at: number, rule: Config): MailEvent {
  const fact = {
    id: text(event.event_id) || `${word} ${text(event.message_id)} ${text(event.rcpt_to)} ${text(event.timestamp)}`,
    at,
    sendingDomain: hostOf(event.sending_domain) || ownDomainOf(event.friendly_from),
    sendingIp: ipOf(event.sending_ip) || ipOf(event.binding),
    recipientDomain: domainOf(event.raw_rcpt_to) || domainOf(event.rcpt_to) || hostOf(event.recipient_domain),
    campaign:
      campaignOf(rule, fields(event.rcpt_meta), event.campaign_id) || campaignOf(rule, undefined, event.rcpt_tags),
  };
  const content = scoredIn(rule, fields(event.rcpt_meta));
  const reply = text(event.raw_reason) || text(event.reason);
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, content, seconds: queueSeconds(event) };
    case 'deferred':
      return { kind, ...fact, reply };
    case 'bounced': {
      const verdict = own(CLASSES, text(event.bounce_class));
      return { kind, ...fact, content, reply, class: verdict?.class, reason: verdict?.reason };
    }
    case 'suppressed':
      // "recipient address suppressed due to customer policy": which of the lists it stands on is not said.
      return { kind, ...fact, content, reason: reply.includes('suppressed') ? 'other' : 'invalid_message' };
    case 'opened':
      return { kind, ...fact, by: event.is_prefetched === true ? 'machine' : 'person' };
    default:
      return { kind, ...fact };
  }
}

/** Milliseconds from injection to this delivery. */
function queueSeconds(event: Fields): number | undefined {
  const ms = Number(text(event.queue_time) || Number.NaN);
  return ms >= 0 && Number.isFinite(ms) ? ms / 1000 : undefined;
}
