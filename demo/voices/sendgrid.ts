/** Facts become the events of SendGrid's Event Webhook, and a body gets the signature it is posted with. */
import { createSign, type KeyObject } from 'node:crypto';
import { joined } from '../replies.ts';
import { idOf, recipientOf, replyTo, type Told } from '../voice.ts';
import type { Fault } from '../world.ts';

export type SendgridEvent = Record<string, unknown> & { event: string };

/** How its bounces are classed; `blocked` is what it calls a refusal of the sender or the content. */
const BOUNCES: Partial<Record<Fault | 'taken', { type: string; classification: string }>> = {
  no_such_user: { type: 'bounce', classification: 'Invalid Address' },
  inactive: { type: 'bounce', classification: 'Invalid Address' },
  full: { type: 'blocked', classification: 'Mailbox Unavailable' },
  content: { type: 'blocked', classification: 'Content' },
  blocklist: { type: 'blocked', classification: 'Reputation' },
  expired: { type: 'expired', classification: 'Unclassified' },
};

const DROPPED: Record<string, string> = {
  bounced_before: 'Bounced Address',
  unsubscribed: 'Unsubscribed Address',
  complained: 'Spam Reporting Address',
  invalid_address: 'Invalid',
};

/** Readers, not ours: pictures are fetched from here. */
const READERS = { person: '198.51.100.251', machine: '203.0.113.252' } as const;

export function sendgridEvent(fact: Told): SendgridEvent {
  const messageId = idOf(fact, 'message').slice(0, 22);
  const base = {
    email: recipientOf(fact),
    timestamp: Math.floor(fact.wall / 1000),
    sg_message_id: `${messageId}.recvd-${idOf(fact).slice(0, 10)}-1-${idOf(fact).slice(10, 18).toUpperCase()}-${fact.message.n % 64}.0`,
    ...(fact.message.campaign !== '' && { category: [fact.message.campaign] }),
  };
  const smtp = { 'smtp-id': `<${messageId}@geopod-ismtpd-${fact.message.n % 8}>` };
  return { ...base, ...wordsFor(fact, smtp), sg_event_id: eventId(fact, messageId) } as SendgridEvent;
}

function wordsFor(fact: Told, smtp: object): SendgridEvent {
  const reply = replyTo(fact);
  const remote = { ...smtp, ip: fact.message.ip, tls: 1 };
  const url = `https://links.${fact.message.stream.domain}/c/${fact.message.n % 9}`;
  switch (fact.kind) {
    case 'accepted':
      return { event: 'processed', ...smtp, send_at: 0 };
    case 'delivered':
      return { event: 'delivered', ...remote, response: joined(reply) };
    case 'deferred':
      return { event: 'deferred', ...remote, response: joined(reply), attempt: String(fact.attempt + 1) };
    case 'bounced': {
      const { type, classification } = BOUNCES[fact.answer ?? 'taken'] ?? BOUNCES.expired!;
      const status = reply.status || `${Math.floor(reply.code / 100)}.0.0`;
      return { event: 'bounce', ...remote, type, status, reason: joined(reply), bounce_classification: classification };
    }
    case 'suppressed':
      return { event: 'dropped', ...smtp, reason: DROPPED[fact.reason ?? ''] ?? 'Bounced Address', status: '5.0.0' };
    case 'complained':
      return { event: 'spamreport' };
    case 'opened': {
      const by = fact.by ?? 'person';
      return { event: 'open', ip: READERS[by], useragent: 'Mozilla/5.0', sg_machine_open: by === 'machine' };
    }
    case 'clicked':
      return {
        event: 'click',
        ip: READERS.person,
        useragent: 'Mozilla/5.0',
        url,
        url_offset: { index: 0, type: 'html' },
      };
    case 'unsubscribed':
      return { event: 'group_unsubscribe', ip: READERS.person, useragent: 'Mozilla/5.0', url, asm_group_id: 10 };
  }
}

/** Those of the way to the recipient tell what they are about in base64url; the others are random. */
function eventId(fact: Told, messageId: string): string {
  const random = idOf(fact, fact.kind, fact.attempt, fact.by ?? '');
  if (fact.answer === undefined) return Buffer.from(random.slice(0, 32), 'hex').toString('base64url');
  const word = fact.kind === 'bounced' ? 'bounce' : fact.kind;
  return Buffer.from(`${word}-${fact.attempt}-10042-${messageId}-0`).toString('base64url');
}

/** SendGrid ends its bodies so, and signs the line end with them. */
export function sendgridBody(events: readonly SendgridEvent[]): string {
  return `${JSON.stringify(events)}\r\n`;
}

/** ECDSA P-256 over SHA-256 of timestamp and body; DER, as base64. */
export function sendgridHeaders(body: string, key: KeyObject, now: number): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000));
  return {
    'content-type': 'application/json',
    'x-twilio-email-event-webhook-signature': createSign('sha256').update(timestamp).update(body).sign(key, 'base64'),
    'x-twilio-email-event-webhook-timestamp': timestamp,
  };
}
