/**
 * Mailgun webhooks become events: one a post, with a signature beside the event ("Webhooks", "Securing Webhooks",
 * "Event structure").
 *
 * What is signed is a timestamp and a token, not the event. So a token is good for one event only.
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { contentRule, scoredIn } from '../content.ts';
import { type BounceClass, KINDS, type MailEvent, type ReplyReason, type SuppressionReason } from '../event.ts';
import { type Fields, fields, fieldsInText, hostOf, ipOf, nameOf, own, ownDomainOf, text } from '../foreign.ts';
import { eachItem, jsonItems } from '../json-array.ts';
import { Recent } from '../recent.ts';
import { hmacMatches, signingSecrets } from '../signature.ts';
import { domainOf, Malformed, type Parsed, type Source, type SourceDocs, type SourceType } from '../source.ts';
import { millis } from '../time.ts';

/** `failed` is decided by its severity and code. */
const WORDS: Record<string, MailEvent['kind'] | 'failed' | 'ignored'> = {
  accepted: 'accepted',
  delivered: 'delivered',
  failed: 'failed',
  rejected: 'suppressed',
  complained: 'complained',
  unsubscribed: 'unsubscribed',
  opened: 'opened',
  clicked: 'clicked',
  stored: 'ignored',
  list_member_uploaded: 'ignored',
  list_member_upload_error: 'ignored',
  list_uploaded: 'ignored',
};

export const words = [...Object.keys(WORDS), ['failed', 'temporary'], ['failed', 'permanent']];

/** Codes of Mailgun's own, for mail that it did not try to deliver. */
const NOT_TRIED: Record<string, SuppressionReason> = {
  605: 'bounced_before',
  606: 'unsubscribed',
  607: 'complained',
  625: 'quota',
  'suppress-bounce': 'bounced_before',
  'suppress-unsubscribe': 'unsubscribed',
  'suppress-complaint': 'complained',
};

/** `reason`, or a code of its own below 500, of a permanent failure; others are hard. */
const FAILURES: Record<string, { class: BounceClass; reason?: ReplyReason }> = {
  old: { class: 'soft', reason: 'expired' },
  espblock: { class: 'block' },
  blacklisted: { class: 'block', reason: 'blocklist' },
  greylisted: { class: 'soft', reason: 'greylist' },
  498: { class: 'hard', reason: 'bad_domain' },
  499: { class: 'soft', reason: 'connection' },
};

/**
 * Tokens remembered at the least: those of `max_age_seconds` at six posts a second. An older one could serve for a forged event, as
 * could one from before a restart.
 */
const TOKENS = 200_000;

const config = z.strictObject({
  signing_keys: signingSecrets(
    'HTTP webhook signing keys (not API keys), several during a rotation. Without any, only `auth` protects the route',
  ),
  max_age_seconds: z
    .number()
    .positive()
    .default(9 * 3600)
    .describe('How old the timestamp of a signature may be; Mailgun retries for eight hours'),
  max_ahead_seconds: z.number().nonnegative().default(600).describe('How far ahead of our clock it may be'),
  ...campaignRule,
  ...contentRule,
});

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity: "the event's id with its timestamp, word and recipient; the id alone is unique within a day only",
    sending_domain: 'the From header, else the envelope sender, else the domain of the account',
    sending_ip: '`envelope.sending-ip`, on deliveries and temporary failures',
    recipient_domain: '`recipient`, else the To header',
    campaign: 'a variable under `campaign_key`, else a tag, else the campaign',
    reply: '`delivery-status`: code, enhanced code and message',
    by: '`client-info.bot` makes it a machine',
    content: 'the value under `spam_score_key` in the user variables',
  },
  pointing:
    'Add `https://HOST/hooks/NAME` as webhook for each event of the domain, and name the HTTP webhook signing key (which is not the API key) under `signing_keys`.',
  authentication:
    'HMAC-SHA256 over a timestamp and a token that stand in the body. The event itself is not signed, so a token is good for one event only, and an old one for none (`max_age_seconds`).',
  answers:
    'Mailgun wants exactly 200, retries for eight hours at anything else, and gives up at 406, which is never sent.',
};

export default {
  summary: 'Mailgun webhooks (JSON), with HMAC signature',
  transport: 'webhook',
  config,
  gives: KINDS,
  docs,
  open,
} satisfies SourceType<Config>;

function open(config: Config): Source {
  const parse = eachItem((item, parsed) => read(item, config, parsed));
  if (config.signing_keys.length === 0) return { parse };
  const used = new Recent<string>(TOKENS);
  return {
    parse,
    authenticate({ body }, now) {
      const post = onlyItem(body);
      const signature = fields(post?.signature);
      const timestamp = text(signature?.timestamp);
      const token = text(signature?.token);
      const at = millis(timestamp);
      if (!(at >= now - config.max_age_seconds * 1000 && at <= now + config.max_ahead_seconds * 1000)) return false;
      if (!hmacMatches('sha256', config.signing_keys, [timestamp, token], text(signature?.signature), 'hex'))
        return false;
      return firstUse(used, token, text(fields(post?.['event-data'])?.id));
    },
  };
}

/** A retry brings the same token with the same event. */
function firstUse(used: Recent<string>, token: string, event: string): boolean {
  const before = used.get(token);
  if (before !== undefined) return before === event;
  used.set(token, event);
  return true;
}

/** One signature vouches for one event, so a signed post holds one. */
function onlyItem(body: Buffer): Fields | undefined {
  try {
    const items = jsonItems(body);
    return items.length === 1 ? fields(items[0]) : undefined;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function read(item: unknown, config: Config, parsed: Parsed): void {
  const event = fields(fields(item)?.['event-data']);
  const word = event?.event;
  if (event === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const kind = own(WORDS, word);
  const flags = fields(event.flags);
  const at = millis(event.timestamp);
  if (kind === undefined) parsed.unknown.push(word);
  else if (kind === 'ignored' || flags?.['is-test-mode'] === true || flags?.['is-system-test'] === true)
    parsed.ignored++;
  else if (Number.isNaN(at)) parsed.invalid++;
  else parsed.events.push(eventOf(kind === 'failed' ? failure(event) : kind, event, at, config));
}

function failure(event: Fields): 'deferred' | 'suppressed' | 'bounced' {
  if (event.severity === 'temporary') return 'deferred';
  return notTried(event) === undefined ? 'bounced' : 'suppressed';
}

function notTried(event: Fields): SuppressionReason | undefined {
  const { code } = fields(event['delivery-status']) ?? {};
  const reason = text(event.reason);
  return own(NOT_TRIED, text(code)) ?? own(NOT_TRIED, reason) ?? (reason.startsWith('suppress-') ? 'other' : undefined);
}

function eventOf(kind: MailEvent['kind'], event: Fields, at: number, config: Config): MailEvent {
  const envelope = fields(event.envelope);
  const headers = fields(fields(event.message)?.headers);
  const variables = fields(event['user-variables']) ?? fieldsInText(event['user-variables']);
  const recipient = text(event.recipient) || text(headers?.to);
  const tags = Array.isArray(event.tags) && event.tags.length > 0 ? event.tags : event.campaigns;
  const fact = {
    // Unique within a day, says the documentation; the moment makes it unique for good.
    id: `${text(event.id)} ${text(event.timestamp)} ${text(event.event)} ${recipient}`,
    at,
    sendingDomain: ownDomainOf(headers?.from) || ownDomainOf(envelope?.sender) || hostOf(fields(event.domain)?.name),
    sendingIp: ipOf(envelope?.['sending-ip']),
    recipientDomain: domainOf(recipient),
    campaign: campaignOf(config, variables, tags) || nameOf(fields(firstOf(event.campaigns))?.name),
  };
  const content = scoredIn(config, variables);
  switch (kind) {
    case 'deferred':
      return { kind, ...fact, reply: replyOf(event) };
    case 'bounced': {
      const { code } = fields(event['delivery-status']) ?? {};
      const verdict = own(FAILURES, text(event.reason)) ?? own(FAILURES, text(code));
      const told = { reply: replyOf(event), class: verdict?.class ?? 'hard', reason: verdict?.reason };
      return { kind, ...fact, content, ...told };
    }
    case 'suppressed':
      return { kind, ...fact, content, reason: notTried(event) ?? 'invalid_message' };
    case 'delivered':
      return { kind, ...fact, content, seconds: undefined };
    case 'opened': {
      const bot = text(fields(event['client-info'])?.bot);
      return { kind, ...fact, by: bot === '' ? 'person' : 'machine' };
    }
    default:
      return { kind, ...fact };
  }
}

/** `message` is what the remote side said, its code and status apart from it; where there is none, `description` is Mailgun's. */
function replyOf(event: Fields): string {
  const status = fields(event['delivery-status']);
  const said = text(status?.message) || text(status?.description);
  const code = text(status?.code);
  const enhanced = text(status?.['enhanced-code']) || text(status?.['bounce-code']);
  const stated = enhanced === '' || said.startsWith(enhanced) ? said : `${enhanced} ${said}`;
  return said.startsWith(code) ? said : `${code} ${stated}`.trim();
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}
