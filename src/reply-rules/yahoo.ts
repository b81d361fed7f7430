/** Replies of Yahoo and the mail it hosts (AOL, AT&T, Comcast accounts since 2025), of AOL and AT&T before that, and of Yahoo! JAPAN. */
import type { Rows } from './row.ts';

export const yahoo: Rows = {
  ts02: { says: 'ts02', reason: 'complaint_block', action: 'slow_down', sample: '421 4.7.0 [TS02] Deferred, 4.16.56' },
  'user-complaints': {
    says: 'deferred due to user complaints',
    reason: 'complaint_block',
    action: 'slow_down',
    sample: '421 4.7.0 [TS01] Messages from 192.0.2.10 temporarily deferred due to user complaints - 4.16.55.1',
  },
  'excessive-complaints': {
    says: 'excessive user complaints',
    reason: 'complaint_block',
    action: 'slow_down',
    sample: '421 4.7.0 [TS01] Messages from 192.0.2.10 deferred due to excessive user complaints',
  },
  'permanently-deferred': {
    says: 'will be permanently deferred',
    reason: 'reputation_block',
    sample: '421 4.7.1 [TSS09] All messages from 192.0.2.10 will be permanently deferred; do not retry',
  },
  tss09: { says: 'tss09', reason: 'reputation_block', sample: '553 5.7.2 [TSS09] Refused' },
  tss11: { says: 'tss11', reason: 'reputation_block', sample: '553 5.7.2 [TSS11] Refused' },
  tss07: { says: 'tss07', reason: 'blocklist', sample: '553 5.7.1 [TSS07] Not accepted' },
  ts03: { says: 'ts03', reason: 'reputation_block', sample: '421 4.7.1 [TS03] Refused' },
  'unexpected-volume': {
    says: 'deferred due to unexpected volume',
    reason: 'throttle',
    sample: '421 4.7.0 [TSS04] Messages from 192.0.2.10 temporarily deferred due to unexpected volume',
  },
  gl01: { says: 'gl01', reason: 'throttle', sample: '421 4.7.1 [GL01] Message from (192.0.2.10) deferred - 4.16.50' },
  'deferred-4-16': {
    says: 'temporarily deferred 4 16*',
    reason: 'throttle',
    sample: '421 Message temporarily deferred - 4.16.51',
  },
  bl21: { says: 'bl21', reason: 'blocklist', sample: '553 5.7.1 [BL21] Not accepted from 192.0.2.10: Spamhaus' },
  bl22: { says: 'bl22', reason: 'blocklist', sample: '553 5.7.1 [BL22] Not accepted from 192.0.2.10' },
  bl23: { says: 'bl23', reason: 'reputation_block', sample: '553 5.7.1 [BL23] Not accepted: internal list' },
  unauthenticated: {
    says: 'yahoo requires all senders to authenticate',
    reason: 'auth_fail',
    sample: '550 5.7.9 Yahoo requires all senders to authenticate with SPF or DKIM.',
  },
  au01: { says: 'au01', reason: 'auth_fail', sample: '554 5.7.5 (AU01) Not accepted for policy reasons.' },
  ph01: { says: 'ph01', reason: 'content_malware', sample: '554 Message not allowed - [PH01] Not accepted.' },
  'from-domain': {
    says: '5321 from domain',
    reason: 'sender_invalid',
    sample: '451 Deferred due to unresolvable RFC.5321 from domain.',
  },
  'from-header-domain': {
    says: '5322 from domain',
    reason: 'sender_invalid',
    sample: '554 Not accepted due to unresolvable RFC.5322 from domain.',
  },
  'headers-not-compliant': {
    says: 'headers are not rfc compliant',
    reason: 'compliance_rfc',
    sample: '554 Not accepted because headers are not RFC compliant',
  },
  'messages-per-connection': {
    says: 'max message per connection reached',
    reason: 'throttle',
    scope: 'connection',
    action: 'none',
    sample: '421 Max message per connection reached, closing transmission channel',
  },
  'recipient-rate': {
    says: 'receiving mail too quickly',
    reason: 'recipient_rate',
    sample: '450 User is receiving mail too quickly',
  },
  busy: {
    says: 'resources temporarily not available',
    reason: 'system_temp',
    sample: '451 Resources temporarily not available - Please try again later [#4.16.5].',
  },
  harvest: {
    says: 'vs1 ip',
    reason: 'reputation_block',
    sample: '451 VS1-IP Excessive unknown recipients - possible Open Relay',
  },
  'excessive-unknown': {
    says: 'excessive unknown recipients',
    reason: 'reputation_block',
    sample: '451 Excessive unknown recipients from 192.0.2.10',
  },
  'no-account': {
    says: "this user doesn't have a",
    reason: 'invalid_recipient',
    sample: "554 delivery error: dd This user doesn't have a ymail.com account [-5]",
  },
  'not-found': {
    says: 'mailbox not found',
    reason: 'invalid_recipient',
    sample: '552 1 Requested mail action aborted, mailbox not found',
  },
  'not-valid': {
    says: 'not a valid recipient',
    reason: 'invalid_recipient',
    sample: '554 delivery error: dd Not a valid recipient - mta1.yahoo.com',
  },
  'disabled-mailbox': {
    says: 'this mailbox is disabled',
    reason: 'inactive_mailbox',
    sample: '554 30 Sorry, cannot be delivered. This mailbox is disabled (554.30)',
  },
  'disabled-account': {
    says: 'account has been disabled or discontinued',
    reason: 'inactive_mailbox',
    sample: '554 delivery error: dd This account has been disabled or discontinued [#102]',
  },
  'aol-blocked': {
    says: 'rtr bl',
    reason: 'blocklist',
    sample: '554 5.7.1 : (RTR:BL) https://postmaster.aol.com/error-codes#554rtrbl',
  },
  'aol-suspect': { says: 'rtr sc', reason: 'blocklist', sample: '554 5.7.1 (RTR:SC) postmaster.aol.com' },
  'aol-dynamic': {
    says: 'rtr du',
    reason: 'policy',
    scope: 'ip',
    action: 'fix_config',
    sample: '554- (RTR:DU) postmaster.aol.com',
  },
  'aol-residential': {
    says: 'rtr bb',
    reason: 'policy',
    scope: 'ip',
    action: 'fix_config',
    sample: '554- (RTR:BB) postmaster.aol.com',
  },
  'aol-ptr': { says: 'rtr rd', reason: 'dns_ptr', sample: '554- (RTR:RD) postmaster.aol.com' },
  'aol-no-ptr': { says: 'dns nr', reason: 'dns_ptr', sample: '421 4.7.1 : (DNS:NR) postmaster.aol.com' },
  'aol-content': { says: 'hvu b*', reason: 'content_spam', sample: '554 5.7.1 (HVU:B1) postmaster.aol.com' },
  'aol-rate': {
    says: 'dyn t1',
    reason: 'throttle',
    sample: '421 4.7.1 : (DYN:T1) https://postmaster.aol.com/error-codes#421dynt1',
  },
  'att-listed': {
    says: 'attrbl',
    reason: 'blocklist',
    sample: '553 5.3.0 alph1 DNSBL:ATTRBL 521< 192.0.2.10 >_is_blocked.',
  },
  'status-auth': {
    status: '5.7.9 5.7.5',
    reason: 'auth_fail',
    only: true,
    sample: '554 5.7.9 Message not accepted for policy reasons.',
  },
};

export const yahooJapan: Rows = {
  vs98: {
    says: 'vs98',
    reason: 'reputation_block',
    action: 'slow_down',
    sample: '553 Mail from 192.0.2.10 not allowed - VS98-IP1 deferred',
  },
};
