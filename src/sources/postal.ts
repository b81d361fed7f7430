/**
 * Postal webhooks become events: message events, one a post, signed with RSA over the body (Postal 2 and 3, "Webhooks").
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { judged, scoreOf } from '../content.ts';
import type { MailEvent } from '../event.ts';
import { type Fields, fields, own, ownDomainOf, text } from '../foreign.ts';
import { eachItem } from '../json-array.ts';
import { header, publicKeys, signatureMatches } from '../signature.ts';
import { domainOf, type Parsed, type Source, type SourceDocs, type SourceType } from '../source.ts';
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

/** `spam_status` of a message; NotChecked says nothing. */
const SPAM: Record<string, boolean> = { NotSpam: false, Spam: true };
/** A message that Postal's own filter stopped: it fails before anybody was asked to take it. */
const STOPPED = /^Message is likely spam\b.*?\bscored (-?\d+(?:\.\d+)?)/;

const config = z.strictObject({
  public_keys: publicKeys(
    "Postal's signing key: the p= value of the DNS record that `postal default-dkim-record` prints, or PEM. Several during a rotation. Without any, only `auth` protects the route",
  ),
  campaign_tag_prefix: campaignRule.campaign_tag_prefix,
});

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity: '`uuid` of the webhook event, which a retry keeps',
    sending_domain: 'the envelope sender',
    recipient_domain: '`message.to`',
    campaign: 'the tag of the message, or what follows `campaign_tag_prefix` in it',
    reply: '`output`, else `details`; a bounce that came in later says nothing of why',
    seconds: "from the message's time to that of the delivery",
    content: '`spam_status`, where the server inspects outgoing mail; the score of a message that its filter stopped',
  },
  pointing:
    'Add a webhook to the mail server in Postal with the address `https://HOST/hooks/NAME` and signing on. `postal default-dkim-record` prints the key that belongs under `public_keys`.',
  authentication:
    'RSA over the body: `X-Postal-Signature-256`, or before Postal 2.2 `X-Postal-Signature` (SHA-1). No time is signed: a post that is played again counts nothing.',
  answers:
    'Postal waits five seconds and tries six times within about half an hour, then forgets the event. 503 therefore costs events when it lasts longer than that.',
};

export default {
  summary: 'Postal webhooks, with RSA signature',
  transport: 'webhook',
  config,
  gives: ['delivered', 'deferred', 'bounced', 'suppressed', 'opened', 'clicked'],
  docs,
  open,
} satisfies SourceType<Config>;

function open(config: Config): Source {
  const parse = eachItem((item, parsed) => read(item, config, parsed));
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
  const [likelySpam, score] = STOPPED.exec(text(payload.details)) ?? [];
  // A message that bounced later was told as delivered before, with the same verdict.
  const verdict = event.event === 'MessageBounced' ? undefined : own(SPAM, message.spam_status);
  const content = judged(scoreOf(score), verdict);
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, content, seconds: secondsSince(message.timestamp, at) };
    case 'deferred':
      return { kind, ...fact, reply: replyOf(payload) };
    case 'bounced':
      if (likelySpam !== undefined) return { kind: 'suppressed', ...fact, content, reason: 'content' };
      // A message that bounced later says only that a bounce came in, not why.
      return { kind, ...fact, content, reply: replyOf(payload), class: 'hard', reason: undefined };
    case 'suppressed':
      return { kind, ...fact, content, reason: 'bounced_before' };
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
