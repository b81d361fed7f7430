/** Replies of iCloud Mail (Apple's postmaster page; the codes in brackets are its filter's, Proofpoint's). */
import type { Rows } from './row.ts';

export const apple: Rows = {
  'domain-listed': {
    says: 'domain present in the spamhaus dbl',
    reason: 'blocklist',
    scope: 'url_domain',
    sample: '550 5.7.1 Rejected due to having a domain present in the Spamhaus DBL',
  },
  'ip-listed': {
    says: 'listing in spamhaus',
    reason: 'blocklist',
    sample: '550 5.7.1 Mail from IP 192.0.2.10 was rejected due to listing in Spamhaus SBL.',
  },
  hme1: { says: 'hme1', reason: 'auth_fail', sample: '554 5.7.1 [HME1] Blocked for failing both SPF and DKIM checks.' },
  cs01: { says: 'cs01', reason: 'content_spam', sample: '550 5.7.1 [CS01] Message rejected due to local policy.' },
  'local-policy': {
    says: 'local policy',
    reason: 'content_spam',
    only: true,
    sample: '554 5.7.1 [HM08] Message rejected due to local policy.',
  },
  'excessive-volume': {
    says: 'deferred due to excessive volume',
    reason: 'recipient_rate',
    sample: '421 4.7.1 Messages to a@icloud.com deferred due to excessive volume.',
  },
  hcm1: { says: 'hcm1', reason: 'throttle', sample: '421 [HCM1] Your mail from 192.0.2.10 was deferred.' },
  'not-accepting': {
    says: 'not accepting connections',
    code: '554',
    reason: 'reputation_block',
    sample: '554 p00-smtpin001.me.com ESMTP not accepting connections',
  },
  unavailable: {
    says: 'service unavailable',
    code: '4',
    reason: 'throttle',
    only: true,
    sample: '451 4.7.1 Service unavailable - try again later',
  },
};
