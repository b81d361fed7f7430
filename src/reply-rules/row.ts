/** The shape of a reply rule, and what follows from its reason: class, scope and action (terms of RFC 5321 and RFC 3463). */
import type { BounceClass, ReplyReason } from '../event.ts';

/** What the remote side turned against. */
export const SCOPES = [
  'ip',
  'netblock',
  'domain',
  'url_domain',
  'tenant',
  'connection',
  'message',
  'recipient',
  'config',
  'remote',
  'unknown',
] as const;
export type Scope = (typeof SCOPES)[number];

/** What the sender had best do about it. */
export const ACTIONS = [
  'remove_recipient',
  'retry_later',
  'slow_down',
  'pause_source',
  'delist',
  'review_content',
  'fix_config',
  'none',
] as const;
export type Action = (typeof ACTIONS)[number];

export interface Verdict {
  class: BounceClass;
  reason: ReplyReason;
  scope: Scope;
  action: Action;
}

export interface Row {
  /**
   * Words that the reply holds: case, punctuation and line folding do not count, apostrophes vanish. `a + b` asks for
   * both, in any order; a word that ends in `*` may go on. Absent: the code or status alone decide.
   */
  says?: string;
  /** Reply codes or their first digits: '550 554', '4'. A reply without any code counts as '5'. */
  code?: string;
  /** Enhanced status codes, `x` for either class and ranges in the last place: '5.7.606-649 x.7.25'. */
  status?: string;
  reason: ReplyReason;
  /** Where it differs from what follows from the reason. */
  class?: BounceClass;
  scope?: Scope;
  action?: Action;
  /** The words are too plain to mean this in anybody else's mouth: the row waits for its own provider. */
  only?: true;
  /** A reply on which this row, of all rows, wins; tested. */
  sample: string;
}

/** By id, in order of precedence: the first row that fits wins. */
export type Rows = Record<string, Row>;

export interface Table {
  /** Whose replies these are. They go before all others when the provider is known, and stand in line when it is not. */
  provider?: string;
  rows: Rows;
}

/**
 * Class, scope and action by reason. `hard` holds for a permanent reply only: with a 4xx code, no recipient is given up
 * and the class is soft. The other classes hold for both: a sender that is blocked "for now" is blocked.
 */
export const REASONS: Record<ReplyReason, Omit<Verdict, 'reason'>> = {
  invalid_recipient: { class: 'hard', scope: 'recipient', action: 'remove_recipient' },
  inactive_mailbox: { class: 'hard', scope: 'recipient', action: 'remove_recipient' },
  mailbox_full: { class: 'soft', scope: 'recipient', action: 'retry_later' },
  bad_domain: { class: 'hard', scope: 'recipient', action: 'remove_recipient' },
  recipient_block: { class: 'block', scope: 'recipient', action: 'none' },
  recipient_rate: { class: 'soft', scope: 'recipient', action: 'retry_later' },
  throttle: { class: 'soft', scope: 'ip', action: 'slow_down' },
  greylist: { class: 'soft', scope: 'ip', action: 'retry_later' },
  reputation_block: { class: 'block', scope: 'ip', action: 'pause_source' },
  complaint_block: { class: 'block', scope: 'ip', action: 'pause_source' },
  blocklist: { class: 'block', scope: 'ip', action: 'delist' },
  spam_trap: { class: 'block', scope: 'recipient', action: 'pause_source' },
  content_spam: { class: 'block', scope: 'message', action: 'review_content' },
  content_malware: { class: 'block', scope: 'message', action: 'review_content' },
  auth_fail: { class: 'block', scope: 'config', action: 'fix_config' },
  auth_temperror: { class: 'soft', scope: 'config', action: 'retry_later' },
  dns_ptr: { class: 'block', scope: 'config', action: 'fix_config' },
  tls_required: { class: 'block', scope: 'config', action: 'fix_config' },
  sender_invalid: { class: 'block', scope: 'config', action: 'fix_config' },
  sender_quota: { class: 'soft', scope: 'config', action: 'slow_down' },
  relay_denied: { class: 'block', scope: 'config', action: 'fix_config' },
  policy: { class: 'block', scope: 'message', action: 'none' },
  compliance_rfc: { class: 'block', scope: 'message', action: 'fix_config' },
  message_size: { class: 'soft', scope: 'message', action: 'fix_config' },
  too_many_recipients: { class: 'soft', scope: 'message', action: 'fix_config' },
  routing: { class: 'hard', scope: 'remote', action: 'remove_recipient' },
  connection: { class: 'soft', scope: 'remote', action: 'retry_later' },
  system_temp: { class: 'soft', scope: 'remote', action: 'retry_later' },
  remote_misconfig: { class: 'soft', scope: 'remote', action: 'retry_later' },
  expired: { class: 'soft', scope: 'unknown', action: 'none' },
  unknown_permanent: { class: 'hard', scope: 'unknown', action: 'none' },
  unknown_temporary: { class: 'soft', scope: 'unknown', action: 'retry_later' },
  unknown: { class: 'undetermined', scope: 'unknown', action: 'none' },
};
