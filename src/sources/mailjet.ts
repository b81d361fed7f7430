/**
 * Mailjet webhooks become events: the Event API, one object a post or a group of them ("Event API: real-time
 * notifications"). It signs nothing; it can send basic credentials.
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { contentRule, scoredIn } from '../content.ts';
import type { BounceClass, MailEvent, ReplyReason, SuppressionReason } from '../event.ts';
import { type Fields, fields, fieldsInText, own, text } from '../foreign.ts';
import { eachItem } from '../json-array.ts';
import { domainOf, type Parsed, type SourceDocs, type SourceType } from '../source.ts';
import { millis } from '../time.ts';

type Kind = Exclude<MailEvent['kind'], 'accepted' | 'deferred'>;

/** `sent` is said when the recipient's server has accepted the message. */
const WORDS: Record<string, Kind> = {
  sent: 'delivered',
  bounce: 'bounced',
  blocked: 'suppressed',
  spam: 'complained',
  unsub: 'unsubscribed',
  open: 'opened',
  click: 'clicked',
};

export const words = Object.keys(WORDS);

/** `error`; where it is empty, the same words have been seen in `error_related_to`. */
const ERRORS: Record<string, { class: BounceClass; reason: ReplyReason }> = {
  'user unknown': { class: 'hard', reason: 'invalid_recipient' },
  'mailbox inactive': { class: 'hard', reason: 'inactive_mailbox' },
  'quota exceeded': { class: 'soft', reason: 'mailbox_full' },
  'invalid domain': { class: 'hard', reason: 'bad_domain' },
  'no mail host': { class: 'hard', reason: 'bad_domain' },
  'relay/access denied': { class: 'block', reason: 'relay_denied' },
  greylisted: { class: 'soft', reason: 'greylist' },
  'sender blocked': { class: 'block', reason: 'reputation_block' },
  'content blocked': { class: 'block', reason: 'content_spam' },
  'policy issue': { class: 'block', reason: 'policy' },
  'system issue': { class: 'soft', reason: 'system_temp' },
  'protocol issue': { class: 'soft', reason: 'compliance_rfc' },
  'connection issue': { class: 'soft', reason: 'connection' },
};

const NOT_TRIED: Record<string, SuppressionReason> = {
  preblocked: 'bounced_before',
  blacklisted: 'bounced_before',
  'user unknown': 'bounced_before',
  'mailbox inactive': 'bounced_before',
  'spam reporter': 'complained',
  typofix: 'invalid_address',
  'invalid domain': 'invalid_address',
  'no mail host': 'invalid_address',
  'duplicate in campaign': 'other',
  'bad or empty template': 'invalid_message',
  'error in template language': 'invalid_message',
  'sender blocked': 'content',
  'content blocked': 'content',
  'policy issue': 'content',
  content: 'invalid_message',
  spam: 'content',
};

const config = z.strictObject({ ...campaignRule, ...contentRule });

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity: "the word, the message's GUID, the recipient, the moment and the link: Mailjet gives events no id",
    recipient_domain: '`email`',
    campaign: 'a key of the payload under `campaign_key`, else `customcampaign`',
    reply: '`comment` of bounces',
    content: 'the value under `spam_score_key` in the payload',
  },
  pointing:
    'Set `https://USER:PASSWORD@HOST/hooks/NAME` as the address of each event in the Event API, grouped or not. Mailjet tells neither sending domain nor address: set `sending_domain` (and `sending_ip`) here.',
  authentication:
    'Mailjet signs nothing. The user name and password in the address come as basic credentials: set them under `auth.basic`.',
  answers:
    'Mailjet wants exactly 200, retries every 30 seconds, and suspends an address that has failed for a day: it then has to be set anew.',
};

export default {
  summary: 'Mailjet Event API',
  transport: 'webhook',
  config,
  gives: ['delivered', 'deferred', 'bounced', 'suppressed', 'complained', 'opened', 'clicked', 'unsubscribed'],
  docs,
  open: (config) => ({
    parse: eachItem((item, parsed) => read(item, config, parsed)),
  }),
} satisfies SourceType<Config>;

function read(item: unknown, rule: Config, parsed: Parsed): void {
  const event = fields(item);
  const word = event?.event;
  // Mailjet's test of a new address is an object of no event.
  if (event === undefined || typeof word !== 'string' || word === '') {
    parsed.invalid++;
    return;
  }
  const kind = own(WORDS, word);
  const at = millis(event.time);
  if (kind === undefined) parsed.unknown.push(word);
  else if (Number.isNaN(at)) parsed.invalid++;
  else parsed.events.push(eventOf(kind, event, at, rule));
}

function eventOf(kind: Kind, event: Fields, at: number, rule: Config): MailEvent {
  const metadata = fieldsInText(event.Payload);
  const content = scoredIn(rule, metadata);
  const fact = {
    id: identity(event, at),
    at,
    sendingDomain: '',
    sendingIp: '',
    recipientDomain: domainOf(event.email),
    campaign: campaignOf(rule, metadata, event.customcampaign),
  };
  switch (kind) {
    case 'bounced': {
      const verdict = own(ERRORS, text(event.error)) ?? own(ERRORS, text(event.error_related_to));
      const reply = text(event.comment);
      // Said of each attempt that greylisting turned away, and the next one usually gets through.
      if (verdict?.reason === 'greylist' && event.hard_bounce !== true) return { kind: 'deferred', ...fact, reply };
      const bounceClass = event.hard_bounce === true ? 'hard' : (verdict?.class ?? 'soft');
      return { kind, ...fact, content, reply, class: bounceClass, reason: verdict?.reason };
    }
    case 'suppressed':
      return {
        kind,
        ...fact,
        content,
        reason: own(NOT_TRIED, text(event.error)) ?? own(NOT_TRIED, text(event.error_related_to)) ?? 'other',
      };
    case 'opened':
      return { kind, ...fact, by: 'person' };
    case 'delivered':
      return { kind, ...fact, content, seconds: undefined };
    default:
      return { kind, ...fact };
  }
}

/**
 * There is no id of the event. `MessageID` has more digits than a number holds, and loses its last ones; `Message_GUID` and
 * `mj_message_id` are text.
 */
function identity(event: Fields, at: number): string {
  const message = text(event.Message_GUID) || text(event.mj_message_id) || text(event.MessageID);
  return `${text(event.event)} ${message} ${text(event.email)} ${at} ${text(event.url)}`;
}
