/**
 * A remote SMTP reply becomes a verdict { class, reason }: RFC 5321 reply codes, RFC 3463 enhanced status codes, and the
 * words that providers write beside them.
 */
import type { BounceClass, ReplyReason } from './event.ts';

export interface Verdict {
  class: BounceClass;
  reason: ReplyReason;
}

/** `provider` is the mailbox provider's label ('' or 'other' when unknown). Never throws; '' gives undetermined, unknown. */
export function classify(reply: string, provider: string): Verdict {
  void reply;
  void provider;
  return { class: 'undetermined', reason: 'unknown' };
}
