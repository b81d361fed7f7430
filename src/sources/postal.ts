/**
 * Postal webhooks become events: message events, one a post, signed with RSA over the body (Postal 2 and 3, "Webhooks").
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import type { MailEvent } from '../event.ts';
import { type Fields, fields, own, ownDomainOf, text } from '../foreign.ts';
import { jsonItems } from '../json-array.ts';
import { header, publicKeys, signatureMatches } from '../signature.ts';
import { domainOf, nothing, type Parsed, type Post, type Source, type SourceType } from '../source.ts';
import { millis, secondsSince } from '../time.ts';

type Kind = Exclude<MailEvent['kind'], 'accepted' | 'complained' | 'unsubscribed'>;

const WORDS: Record<string, Kind | 'ignored'> = {
  MessageSent: 'delivered',
  MessageDelayed: 'deferred',
  MessageDeliveryFailed: 'bounced',
  MessageBounced: 'bounced',
  MessageHeld: 'suppressed',
  MessageLinkClicked: 'clicked',
  MessageLoaded: 'opened',
  DomainDNSError: 'ignored',
  SendLimitApproaching: 'ignored',
  SendLimitExceeded: 'ignored',
};

export const words = Object.keys(WORDS);

const config = z.strictObject({
  public_keys: publicKeys(
    "Postal's signing key: the p= value of the DNS record that `postal default-dkim-record` prints, or PEM. Several during a rotation. Without any, only `auth` protects the route",
  ),
  campaign_tag_prefix: campaignRule.campaign_tag_prefix,
});

type Config = z.infer<typeof config>;

export default {
  summary: 'Postal webhooks, with RSA signature',
  transport: 'webhook',
  config,
  gives: ['delivered', 'deferred', 'bounced', 'suppressed', 'opened', 'clicked'],
  open,
} satisfies SourceType<Config>;

function open(config: Config): Source {
  const parse = ({ body }: Post): Parsed => {
    const parsed = nothing();
    for (const item of jsonItems(body)) read(item, config, parsed);
    return parsed;
  };
  if (config.public_keys.length === 0) return { parse };
  return {
    parse,
    // No timestamp is signed: a replay is a duplicate by its uuid. Postal before 2.2 sends only the SHA-1 signature.
    authenticate({ headers, body }) {
      const strong = header(headers, 'x-postal-signature-256');
      if (strong !== '') return signatureMatches('sha256', config.public_keys, [body], strong);
      return signatureMatches('sha1', config.public_keys, [body], header(headers, 'x-postal-signature'));
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
  const payload = fields(event.payload);
  const message = fields(payload?.message) ?? fields(payload?.original_message);
  // The payload has the moment of the attempt, the event that of its telling.
  const at = millis(payload?.timestamp ?? event.timestamp);
  if (kind === undefined) parsed.unknown.push(word);
  else if (kind === 'ignored' || message?.direction === 'incoming') parsed.ignored++;
  else if (payload === undefined || message === undefined || Number.isNaN(at)) parsed.invalid++;
  // Held for another reason (by hand, in development mode): it may still be sent.
  else if (kind === 'suppressed' && !text(payload.details).toLowerCase().includes('suppression list')) parsed.ignored++;
  else parsed.events.push(eventOf(kind, event, payload, message, at, config));
}

function eventOf(
  kind: Kind,
  event: Fields,
  payload: Fields,
  message: Fields,
  at: number,
  { campaign_tag_prefix }: Config,
): MailEvent {
  const fact = {
    id: text(event.uuid) || `${text(event.event)} ${text(message.id)} ${text(message.token)} ${at}`,
    at,
    sendingDomain: ownDomainOf(message.from),
    sendingIp: '',
    recipientDomain: domainOf(message.to),
    campaign: campaignOf({ campaign_key: '', campaign_tag_prefix }, undefined, message.tag),
  };
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, seconds: secondsSince(message.timestamp, at) };
    case 'deferred':
      return { kind, ...fact, reply: replyOf(payload) };
    case 'bounced':
      // A message that bounced later says only that a bounce came in, not why.
      return { kind, ...fact, reply: replyOf(payload), class: 'hard', reason: undefined };
    case 'suppressed':
      return { kind, ...fact, reason: 'bounced_before' };
    case 'opened':
      return { kind, ...fact, by: 'person' };
    default:
      return { kind, ...fact };
  }
}

/** `output` is what the remote side said, `details` Postal's own sentence. */
function replyOf(payload: Fields): string {
  return text(payload.output).trim() || text(payload.details).trim();
}
