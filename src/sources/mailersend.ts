/**
 * MailerSend webhooks become events: activity webhooks of both payload versions, one a post, signed with HMAC-SHA256 over
 * the body ("Webhooks", "Security").
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { KINDS, type MailEvent, type SuppressionReason } from '../event.ts';
import { type Fields, fields, hostOf, own, ownDomainOf, text } from '../foreign.ts';
import { eachItem } from '../json-array.ts';
import { header, hmacMatches, signingSecrets } from '../signature.ts';
import { domainOf, type Parsed, type Source, type SourceDocs, type SourceType } from '../source.ts';
import { millis, secondsSince } from '../time.ts';

/**
 * The top-level `type`: inside, version 2 says "rejected" of a hard bounce. The `_unique` words tell the first open or
 * click a second time under another id, so they are left out; subscribe to the plain ones.
 */
const WORDS: Record<string, MailEvent['kind'] | 'ignored'> = {
  'activity.sent': 'accepted',
  'activity.delivered': 'delivered',
  'activity.deferred': 'deferred',
  'activity.soft_bounced': 'bounced',
  'activity.hard_bounced': 'bounced',
  'activity.suppressed': 'suppressed',
  'activity.opened': 'opened',
  'activity.opened_unique': 'ignored',
  'activity.clicked': 'clicked',
  'activity.clicked_unique': 'ignored',
  'activity.unsubscribed': 'unsubscribed',
  'activity.spam_complaint': 'complained',
  'activity.spam_complaints': 'complained',
  'activity.survey_opened': 'ignored',
  'activity.survey_submitted': 'ignored',
  'sender_identity.verified': 'ignored',
  'maintenance.start': 'ignored',
  'maintenance.end': 'ignored',
  'inbound_forward.failed': 'ignored',
  'inbound.message': 'ignored',
  'webhook.test': 'ignored',
};

export const words = Object.keys(WORDS);

const SUPPRESSED: [part: string, reason: SuppressionReason][] = [
  ['bounce', 'bounced_before'],
  ['unsubscri', 'unsubscribed'],
  ['spam', 'complained'],
  ['complain', 'complained'],
];

const config = z.strictObject({
  signing_secrets: signingSecrets(
    'Signing secrets of the webhooks, several during a rotation. Without any, only `auth` protects the route',
  ),
  domains: z
    .record(z.string(), z.string().toLowerCase())
    .default({})
    .describe('Sending domain by `domain_id`, for payloads of version 2, which do not say it'),
  campaign_tag_prefix: campaignRule.campaign_tag_prefix,
});

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity:
      '`data.id`, else the word, the message, the recipient and the moment. The `_unique` words tell an opening a second time and are ignored',
    sending_domain: 'the From address (payload version 1); in version 2 the `domain_id`, by the table `domains`',
    recipient_domain: 'the recipient',
    campaign: 'the first tag, or the one with `campaign_tag_prefix`',
    reply: '`bounce_code` and `bounce_reason` (version 2), or the reason (version 1)',
    seconds: "from the message's own time to the event's, in version 1",
  },
  pointing:
    'Add a webhook of the domain with the address `https://HOST/hooks/NAME` and the activity events you want; leave the `_unique` ones out. Put its signing secret into a file and name that under `signing_secrets`.',
  authentication:
    'Each post carries the header `Signature`: HMAC-SHA256 over the body. No time is signed, so a post that is played again passes, and counts nothing, because its identity is known.',
  answers:
    'Twenty failures within a day pause the webhook, with a warning after ten. So everything that is genuine is answered 200, unknown words too, and 503 is kept for when nothing can be taken at all.',
};

export default {
  summary: 'MailerSend webhooks (payload versions 1 and 2), with HMAC signature',
  transport: 'webhook',
  config,
  gives: KINDS,
  docs,
  open,
} satisfies SourceType<Config>;

function open(config: Config): Source {
  const parse = eachItem((item, parsed) => read(item, config, parsed));
  if (config.signing_secrets.length === 0) return { parse };
  return {
    parse,
    // No timestamp is signed: a replay is a duplicate by id. The SDK's README reads another header; posts carry this one.
    authenticate: ({ headers, body }) =>
      hmacMatches('sha256', config.signing_secrets, [body], header(headers, 'signature'), 'hex'),
  };
}

function read(item: unknown, config: Config, parsed: Parsed): void {
  const post = fields(item);
  const word = post?.type;
  if (post === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const kind = own(WORDS, word);
  const data = fields(post.data);
  // In version 1 the inner time is the event's and the outer one that of the post; version 2 has only the outer.
  const at = millis(data?.created_at ?? post.created_at);
  if (kind === undefined) parsed.unknown.push(word);
  else if (kind === 'ignored') parsed.ignored++;
  else if (data === undefined || Number.isNaN(at)) parsed.invalid++;
  else parsed.events.push(eventOf(kind, word, post, data, at, config));
}

function eventOf(
  kind: MailEvent['kind'],
  word: string,
  post: Fields,
  data: Fields,
  at: number,
  config: Config,
): MailEvent {
  const email = fields(data.email);
  const message = fields(email?.message);
  const recipient = text(fields(email?.recipient)?.email) || text(data.recipient);
  const details = fields(data.meta) ?? fields(data.morph);
  const why = text(details?.bounce_reason) || text(details?.reason) || text(details?.suppression_reason);
  const fact = {
    id: text(data.id) || `${word} ${text(data.message_id) || text(message?.id)} ${recipient} ${at}`,
    at,
    sendingDomain: ownDomainOf(email?.from) || domainById(data.domain_id ?? post.domain_id, config),
    sendingIp: '',
    recipientDomain: domainOf(recipient),
    campaign: campaignOf({ ...config, campaign_key: '' }, undefined, email?.tags ?? data.tags),
  };
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, seconds: secondsSince(message?.created_at ?? email?.created_at, at) };
    case 'deferred':
      return { kind, ...fact, reply: replyOf(details, why) };
    case 'bounced': {
      const hard = word === 'activity.hard_bounced';
      return { kind, ...fact, reply: replyOf(details, why), class: hard ? 'hard' : 'soft', reason: undefined };
    }
    case 'suppressed':
      return { kind, ...fact, reason: SUPPRESSED.find(([part]) => why.toLowerCase().includes(part))?.[1] ?? 'other' };
    case 'opened':
      return { kind, ...fact, by: 'person' };
    default:
      return { kind, ...fact };
  }
}

function replyOf(details: Fields | undefined, why: string): string {
  const code = text(details?.bounce_code);
  return why.startsWith(code) ? why : `${code} ${why}`;
}

function domainById(id: unknown, { domains }: Config): string {
  return hostOf(own(domains, text(id)));
}
