/**
 * What the plugin in plugins/haraka posts becomes events: JSON arrays, one object a recipient and outbound hook of Haraka 3.
 * The words of the replies are Haraka's, and are understood here, so that the plugin need not be installed anew for them.
 */
import { z } from 'zod';
import type { BounceClass, MailEvent, ReplyReason } from '../event.ts';
import { type Fields, fields, hostOf, ipOf, nameOf, own, text } from '../foreign.ts';
import { eachItem } from '../json-array.ts';
import type { Parsed, SourceDocs, SourceType } from '../source.ts';
import { millis, secondsSince } from '../time.ts';

const WORDS: Record<string, 'accepted' | 'delivered' | 'deferred' | 'bounced'> = {
  accepted: 'accepted',
  delivered: 'delivered',
  deferred: 'deferred',
  bounced: 'bounced',
};

export const words = Object.keys(WORDS);

interface Verdict {
  /** What stands for Haraka's sentence where replies are classified; '' leaves it to class and reason. */
  reply: string;
  class?: BounceClass;
  reason?: ReplyReason;
}

/** What Haraka says of itself (outbound/hmail.js) where no remote server answered, by its beginning; status codes of RFC 3463. */
const OWN_SENTENCES: readonly (readonly [string, Verdict])[] = [
  ['Too many failures (', { reply: '', class: 'soft', reason: 'expired' }],
  ['Tried all MXs', { reply: '4.4.1 no answer from host' }],
  ['DNS lookup failure', { reply: '4.4.3 DNS lookup failure' }],
  ['Temporary MX lookup error', { reply: '4.4.3 DNS lookup failure' }],
  ['No Such Domain', { reply: '5.1.2 no such domain' }],
  ['No MX for', { reply: '5.1.2 no such domain' }],
  ['Nowhere to deliver mail to', { reply: '5.1.2 no such domain' }],
  ['No TLS available', { reply: '4.7.10 encryption needed' }],
  ['Host failed TLS verification', { reply: '4.7.10 encryption needed' }],
  ['Unrecognized response from upstream', { reply: '', class: 'soft', reason: 'remote_misconfig' }],
  ['Error splitting to new recipients', { reply: '', class: 'admin', reason: 'unknown' }],
  ['Error re-queueing email', { reply: '', class: 'admin', reason: 'unknown' }],
];

/** Stands before what a remote server answered to a command that was about all recipients. */
const ANSWERED = 'Upstream error: ';

const config = z.strictObject({
  public_ips: z
    .record(z.string(), z.ipv4().or(z.ipv6()))
    .default({})
    .describe('Public address of each local one that mail leaves from: needed behind NAT'),
});

type Config = z.infer<typeof config>;

const docs: SourceDocs = {
  fields: {
    identity: "the plugin's own id: the transaction, the file in the queue, the hook and the number of the recipient",
    sending_domain: 'the From header, else the envelope sender',
    sending_ip: 'the local end of the connection, or its public address by `public_ips`',
    recipient_domain: 'the recipient of the hook',
    campaign: 'what the plugin is configured to read it from',
    reply: "what the remote said; of Haraka's own sentences the status they stand for",
    seconds: 'from the moment the message was queued to that of its delivery',
  },
  pointing: 'Install the plugin of `plugins/haraka` and let it post to `https://HOST/hooks/NAME`.',
  authentication: 'The plugin sends a bearer token: set the same one under `auth.bearer`.',
  answers: 'The plugin keeps what is not answered 200 and posts it again. An event that comes twice counts once.',
};

export default {
  summary: 'Haraka by the plugin in plugins/haraka',
  docs,
  transport: 'webhook',
  config,
  gives: ['accepted', 'delivered', 'deferred', 'bounced'],
  open: (config) => ({
    parse: eachItem((item, parsed) => read(item, config, parsed)),
  }),
} satisfies SourceType<Config>;

function read(item: unknown, config: Config, parsed: Parsed): void {
  const told = fields(item);
  const word = told?.event;
  if (told === undefined || typeof word !== 'string') {
    parsed.invalid++;
    return;
  }
  const kind = own(WORDS, word);
  const id = text(told.id);
  const at = millis(told.time);
  if (kind === undefined) parsed.unknown.push(word);
  else if (id === '' || Number.isNaN(at)) parsed.invalid++;
  else parsed.events.push(eventOf(kind, told, id, at, config));
}

function eventOf(
  kind: keyof typeof WORDS & MailEvent['kind'],
  told: Fields,
  id: string,
  at: number,
  config: Config,
): MailEvent {
  const fact = {
    id,
    at,
    sendingDomain: hostOf(told.from_domain) || hostOf(told.sender_domain),
    sendingIp: own(config.public_ips, told.local_ip) ?? ipOf(told.local_ip),
    recipientDomain: hostOf(told.recipient_domain),
    campaign: nameOf(told.campaign),
  };
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, seconds: secondsSince(told.queued, at) };
    case 'deferred':
      return { kind, ...fact, reply: verdictOf(told).reply };
    case 'bounced':
      return { kind, ...fact, class: undefined, reason: undefined, ...verdictOf(told) };
    default:
      return { kind: 'accepted', ...fact };
  }
}

function verdictOf(told: Fields): Verdict {
  const reply = text(told.reply);
  for (const [beginning, verdict] of OWN_SENTENCES) if (reply.startsWith(beginning)) return verdict;
  return { reply: reply.startsWith(ANSWERED) ? reply.slice(ANSWERED.length) : reply };
}
