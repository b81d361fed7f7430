/**
 * SendGrid posts become events: the Event Webhook, signed ("Getting Started with the Event Webhook Security Features").
 *
 * Unique arguments of the sender's own stand at the top level beside SendGrid's keys and may shadow them, so no field is
 * trusted to have its documented type.
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { contentRule, scoredIn } from '../content.ts';
import { type BounceClass, KINDS, type MailEvent, type ReplyReason, type SuppressionReason } from '../event.ts';
import { type Fields, fields, hostOf, ipOf, nameOf, own, text } from '../foreign.ts';
import { jsonItems } from '../json-array.ts';
import { header, publicKeys, signatureMatches } from '../signature.ts';
import { domainOf, nothing, type Parsed, type Source, type SourceDocs, type SourceType } from '../source.ts';
import { millis } from '../time.ts';

const WORDS: Record<string, MailEvent['kind'] | 'ignored'> = {
  processed: 'accepted',
  delivered: 'delivered',
  deferred: 'deferred',
  bounce: 'bounced',
  dropped: 'suppressed',
  spamreport: 'complained',
  open: 'opened',
  click: 'clicked',
  unsubscribe: 'unsubscribed',
  group_unsubscribe: 'unsubscribed',
  group_resubscribe: 'ignored',
  account_status_change: 'ignored',
};

export const words = Object.keys(WORDS);

/** `type` of a bounce. `blocked` is documented as "temporary", yet nothing is tried again: the sender was refused. */
const BOUNCE_TYPES: Record<string, { class: BounceClass; reason?: ReplyReason }> = {
  bounce: { class: 'hard' },
  blocked: { class: 'block' },
  expired: { class: 'soft', reason: 'expired' },
};

/** `bounce_classification`, where it says more than the reply would. The others (Technical, Unclassified…) say less. */
const CLASSIFICATIONS: Record<string, ReplyReason> = {
  'invalid address': 'invalid_recipient',
  content: 'content_spam',
  reputation: 'reputation_block',
  'frequency/volume': 'throttle',
  'frequency or volume too high': 'throttle',
};

const DROP_REASONS: Record<string, SuppressionReason> = {
  'bounced address': 'bounced_before',
  'unsubscribed address': 'unsubscribed',
  'spam reporting address': 'complained',
  invalid: 'invalid_address',
  'spam content': 'content',
  'spam content (if spam checker app enabled)': 'content',
  'invalid smtpapi header': 'invalid_message',
  'recipient list over package quota': 'quota',
};

const config = z.strictObject({
  public_keys: publicKeys(
    'Verification keys of the signed webhook, as SendGrid shows them. Several during a rotation or for several accounts. Without any, only `auth` protects the route',
  ),
  max_age_seconds: z
    .number()
    .positive()
    .default(25 * 3600)
    .describe('How old the timestamp of a signature may be'),
  max_ahead_seconds: z.number().nonnegative().default(600).describe('How far ahead of our clock it may be'),
  sending_domain_key: z
    .string()
    .default('')
    .describe('One of your own unique arguments that holds the sending domain: SendGrid itself does not tell it'),
  ...campaignRule,
  ...contentRule,
});

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity:
      'the word, the message id, the recipient, the moment, the attempt and the link: `sg_event_id` can change when a post is repeated',
    sending_domain:
      'one of your own unique arguments, named by `sending_domain_key`; SendGrid itself does not say, so set `sending_domain` otherwise',
    sending_ip: "`ip` of deliveries, deferrals and bounces; on opens and clicks it is the reader's and is left out",
    recipient_domain: '`email`',
    campaign: 'a unique argument under `campaign_key`, else a category, else the name of the campaign',
    reply: '`response` of deferrals, `reason` of bounces',
    by: '`sg_machine_open` makes it a machine',
    content: 'the value under `spam_score_key` in the unique arguments',
  },
  pointing:
    'In Mail Settings, Event Webhook: post to `https://HOST/hooks/NAME`, choose the events, switch the signature on, and copy the verification key to `public_keys`.',
  authentication:
    'ECDSA over timestamp and body, at most a day old (`max_age_seconds`), because retries go on for a day. Inside that time a post that is played again counts nothing.',
  answers:
    'Anything but 2xx is tried again for 24 hours, and an event can come several times without any fault: it counts once.',
};

export default {
  summary: 'Twilio SendGrid Event Webhook, with ECDSA signature',
  transport: 'webhook',
  config,
  gives: KINDS,
  docs,
  open,
} satisfies SourceType<Config>;

function open(config: Config): Source {
  const parse = (post: { body: Buffer }): Parsed => {
    const parsed = nothing();
    const items = jsonItems(post.body);
    for (let i = 0; i < items.length; i++) read(items[i], config, parsed);
    return parsed;
  };
  const keys = config.public_keys;
  if (keys.length === 0) return { parse };

  return {
    parse,
    /**
     * The window is as wide as SendGrid's retries (24 h), because nothing says that a retry is signed anew. It bounds what
     * a captured post can do; inside it a replay is a duplicate by id and counts nothing.
     */
    authenticate({ headers, body }, now) {
      const timestamp = header(headers, 'x-twilio-email-event-webhook-timestamp');
      const at = Number(timestamp) * 1000;
      // Written so that NaN is refused.
      if (
        !(timestamp !== '' && at >= now - config.max_age_seconds * 1000 && at <= now + config.max_ahead_seconds * 1000)
      )
        return false;
      return signatureMatches(
        'sha256',
        keys,
        [timestamp, body],
        header(headers, 'x-twilio-email-event-webhook-signature'),
      );
    },
  };
}

function read(item: unknown, config: Config, parsed: Parsed): void {
  const event = fields(item);
  const word = event?.event;
  if (event === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const kind = own(WORDS, word);
  if (kind === undefined) {
    parsed.unknown.push(word);
    return;
  }
  if (kind === 'ignored') {
    parsed.ignored++;
    return;
  }
  const at = millis(event.timestamp);
  if (Number.isNaN(at)) {
    parsed.invalid++;
    return;
  }
  parsed.events.push(mailEvent(kind, event, at, config));
}

/** The one place where time counts: written out, so that each kind is one object literal of one shape. */
function mailEvent(kind: MailEvent['kind'], event: Fields, at: number, config: Config): MailEvent {
  const id = identity(event);
  const recipientDomain = domainOf(event.email);
  const sendingDomain = config.sending_domain_key === '' ? '' : hostOf(event[config.sending_domain_key]);
  const content = scoredIn(config, event);
  const campaign =
    campaignOf(config, event, event.category) || nameOf(event.singlesend_name) || nameOf(event.marketing_campaign_name);
  switch (kind) {
    case 'delivered': {
      const sendingIp = ipOf(event.ip);
      return { kind, id, at, sendingDomain, sendingIp, recipientDomain, campaign, content, seconds: undefined };
    }
    case 'deferred': {
      const sendingIp = ipOf(event.ip);
      const reply = text(event.response) || text(event.reason);
      return { kind, id, at, sendingDomain, sendingIp, recipientDomain, campaign, reply };
    }
    case 'bounced': {
      const sendingIp = ipOf(event.ip);
      const reply = text(event.reason) || text(event.status);
      const type = own(BOUNCE_TYPES, lower(event.type));
      const reason = type?.reason ?? own(CLASSIFICATIONS, lower(event.bounce_classification));
      const verdict = type?.class;
      return {
        kind,
        id,
        at,
        sendingDomain,
        sendingIp,
        recipientDomain,
        campaign,
        content,
        reply,
        class: verdict,
        reason,
      };
    }
    case 'suppressed': {
      const reason = own(DROP_REASONS, lower(event.reason)) ?? 'other';
      return { kind, id, at, sendingDomain, sendingIp: '', recipientDomain, campaign, content, reason };
    }
    case 'opened': {
      // From here on `ip` is the reader's, never ours.
      const by = event.sg_machine_open === true ? 'machine' : 'person';
      return { kind, id, at, sendingDomain, sendingIp: '', recipientDomain, campaign, by };
    }
    default:
      return { kind, id, at, sendingDomain, sendingIp: '', recipientDomain, campaign };
  }
}

/**
 * Not `sg_event_id`: a retried post can carry new ones (sendgrid-nodejs issue 1435). The event is what it says: which
 * word, of which message, to whom, when, at which attempt or link. The price: two opens (or two clicks on the same link)
 * of one message by one recipient within one second count as one. Asynchronous bounces and unsubscribes
 * may lack `sg_message_id`; then the SMTP id or else the reason tells apart two of one second.
 */
function identity(event: Fields): string {
  const message = event.sg_message_id ?? event['smtp-id'] ?? event.reason;
  // The timestamp as it came: made of whole seconds it is printed in half the time that milliseconds take.
  const id = `${event.event} ${text(event.timestamp)} ${text(event.email)} ${text(message)}`;
  if (event.attempt !== undefined) return `${id} ${text(event.attempt)}`;
  return event.url === undefined ? id : `${id} ${text(event.url)}`;
}

function lower(value: unknown): string {
  return text(value).trim().toLowerCase();
}
