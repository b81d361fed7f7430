/**
 * What mail systems say, in one vocabulary: every source turns its own words into a MailEvent.
 * The comments on the kinds are the glossary. Terms follow RFC 5598 (roles), RFC 3463 (status codes), RFC 5965 (complaints).
 */

interface Fact {
  /**
   * Identity for de-duplication, unique within the source: the sender's own id where it survives a retry, else the
   * fields that make the event what it is, joined. Never shown and never stored, only its hash.
   */
  id: string;
  /** When it happened by the source's clock, Unix milliseconds. */
  at: number;
  /** Author domain of our mail; '' when the source does not say. */
  sendingDomain: string;
  /** Address the mail left from; '' when the source does not say. */
  sendingIp: string;
  /** Domain of the recipient, which decides the mailbox provider; '' when unknown. The local part stays outside. */
  recipientDomain: string;
  /** '' when the mail belongs to none or the source does not say. */
  campaign: string;
  /** What was said of the message itself. It comes with one event of a message, its delivery or what stood in its way. */
  content?: Content | undefined;
}

/** What filters and receivers think of a message's content and origin. */
export interface Content {
  /** By the scale of whoever scored it: SpamAssassin calls 5 spam, Rspamd 15. */
  spamScore?: number | undefined;
  /** The filter's verdict, where it gives one. */
  spam?: boolean | undefined;
  /** One for each method that was tried (RFC 8601). */
  authentication?: readonly AuthenticationResult[] | undefined;
}

export interface AuthenticationResult {
  method: AuthenticationMethod;
  result: AuthenticationOutcome;
}

/** Our side took the message over for delivery (SendGrid `processed`, KumoMTA `Reception`). */
export interface Accepted extends Fact {
  kind: 'accepted';
}

/** The receiving MTA took responsibility. It says nothing about inbox or spam folder. */
export interface Delivered extends Fact {
  kind: 'delivered';
  /** From acceptance to delivery, by the source's own clocks; undefined when it does not say. */
  seconds?: number | undefined;
}

/** One attempt was refused for now and will be made again. Never part of a bounce rate. */
export interface Deferred extends Fact {
  kind: 'deferred';
  /** The remote reply as received, '' when unknown. */
  reply: string;
}

/** Refused for good, or given up. */
export interface Bounced extends Fact {
  kind: 'bounced';
  reply: string;
  /** The source's own opinion, used where the reply decides nothing. */
  class?: BounceClass | undefined;
  reason?: ReplyReason | undefined;
}

/** Our side declined to try: the recipient stands on a suppression list, or the message was not fit to send. */
export interface Suppressed extends Fact {
  kind: 'suppressed';
  reason: SuppressionReason;
}

/** A recipient pressed "spam" and a feedback loop told us (RFC 5965). */
export interface Complained extends Fact {
  kind: 'complained';
}

export interface Opened extends Fact {
  kind: 'opened';
  /** `machine` when the source knows that a proxy or scanner fetched it. */
  by: 'person' | 'machine';
}

export interface Clicked extends Fact {
  kind: 'clicked';
}

/** The recipient asked to leave, by link, header or list page. */
export interface Unsubscribed extends Fact {
  kind: 'unsubscribed';
}

export type MailEvent =
  | Accepted
  | Delivered
  | Deferred
  | Bounced
  | Suppressed
  | Complained
  | Opened
  | Clicked
  | Unsubscribed;

export type Kind = MailEvent['kind'];

export const KINDS = [
  'accepted',
  'delivered',
  'deferred',
  'bounced',
  'suppressed',
  'complained',
  'opened',
  'clicked',
  'unsubscribed',
] as const satisfies readonly Kind[];

/**
 * `hard`: this recipient will never work. `soft`: it might have, later. `block`: the sender, the content or the
 * configuration was refused, not the recipient. `admin`: our side gave up or was told to. `undetermined`: no telling.
 */
export const BOUNCE_CLASSES = ['hard', 'soft', 'block', 'admin', 'undetermined'] as const;
export type BounceClass = (typeof BOUNCE_CLASSES)[number];

/** Why a remote side refused, for now (deferred) or for good (bounced). */
export const REPLY_REASONS = [
  'invalid_recipient',
  'inactive_mailbox',
  'mailbox_full',
  'bad_domain',
  'recipient_block',
  'recipient_rate',
  'throttle',
  'greylist',
  'reputation_block',
  'complaint_block',
  'blocklist',
  'spam_trap',
  'content_spam',
  'content_malware',
  'auth_fail',
  'auth_temperror',
  'dns_ptr',
  'tls_required',
  'sender_invalid',
  'sender_quota',
  'relay_denied',
  'policy',
  'compliance_rfc',
  'message_size',
  'too_many_recipients',
  'routing',
  'connection',
  'system_temp',
  'remote_misconfig',
  'expired',
  'unknown_permanent',
  'unknown_temporary',
  'unknown',
] as const;
export type ReplyReason = (typeof REPLY_REASONS)[number];

/** Why our own side did not try. */
export const SUPPRESSION_REASONS = [
  'bounced_before',
  'unsubscribed',
  'complained',
  'invalid_address',
  'invalid_message',
  'content',
  'quota',
  'manual',
  'other',
] as const;
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];

/** How a receiver tells who a message is from, in the words of RFC 8601 (and RFC 8617 for arc). */
export const AUTHENTICATION_METHODS = ['spf', 'dkim', 'dmarc', 'arc'] as const;
export type AuthenticationMethod = (typeof AUTHENTICATION_METHODS)[number];

/** What came of it. `none`: there was nothing to check. `policy`: it passed and is not accepted all the same. */
export const AUTHENTICATION_OUTCOMES = [
  'pass',
  'fail',
  'softfail',
  'neutral',
  'none',
  'policy',
  'temperror',
  'permerror',
] as const;
export type AuthenticationOutcome = (typeof AUTHENTICATION_OUTCOMES)[number];
