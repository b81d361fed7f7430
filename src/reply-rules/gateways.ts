/** Replies of filtering gateways and of hosting providers, which speak for any domain behind them. */
import type { Rows } from './row.ts';

export const mimecast: Rows = {
  greylist: {
    says: 'internal resource* + temporarily unavailable',
    reason: 'greylist',
    sample: '451 Internal resources are temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451',
  },
  'temporarily-listed': {
    says: 'ip temporarily blacklisted',
    reason: 'throttle',
    sample: '451 IP temporarily blacklisted - https://community.mimecast.com/docs/DOC-1369#451',
  },
  reputation: {
    says: 'csi mimecast org',
    reason: 'reputation_block',
    action: 'delist',
    sample: '550 csi.mimecast.org Poor Reputation Sender.',
  },
  spf: {
    says: 'spf sender invalid',
    reason: 'auth_fail',
    sample: '550 SPF Sender Invalid - envelope rejected',
  },
  spoof: {
    says: 'anti spoofing policy',
    reason: 'policy',
    scope: 'domain',
    sample: '550 Rejected by header based Anti-Spoofing policy: a@example.org',
  },
  'user-entry': {
    says: 'envelope blocked user',
    reason: 'recipient_block',
    sample: '550 Envelope blocked - User Entry - https://community.mimecast.com/docs/DOC-1369#550',
  },
  tls: {
    says: 'this route requires encryption',
    reason: 'tls_required',
    sample: '553 This route requires encryption (TLS)',
  },
};

export const proofpoint: Rows = {
  reputation: {
    says: 'ipcheck proofpoint com',
    reason: 'reputation_block',
    action: 'delist',
    sample: '550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.10',
  },
};

export const barracuda: Rows = {
  reputation: {
    says: 'using barracuda reputation',
    reason: 'blocklist',
    sample: '554-Service unavailable; Client host [mta.example.org] blocked using Barracuda Reputation',
  },
  blocked: {
    says: 'permanent failure for one or more recipients + blocked',
    reason: 'reputation_block',
    scope: 'message',
    action: 'none',
    sample: '550 permanent failure for one or more recipients (a@example.com:blocked)',
  },
};

export const cisco: Rows = {
  reputation: {
    says: "sending mta's poor reputation",
    reason: 'reputation_block',
    action: 'delist',
    sample: "554 Your access to this mail system has been rejected due to the sending MTA's poor reputation.",
  },
  submit: {
    says: 'your access to submit messages',
    reason: 'reputation_block',
    action: 'delist',
    sample: '550 #5.7.1 Your access to submit messages to this e-mail system has been rejected.',
  },
};

export const cloudmark: Rows = {
  csi: {
    says: 'csi cloudmark com',
    reason: 'blocklist',
    sample: '554 cmsmtp 5.7.1 Poor Reputation Sender http://csi.cloudmark.com/reset-request/?ip=192.0.2.10',
  },
};

export const trendMicro: Rows = {
  rbl: {
    says: 'trend micro rbl*',
    reason: 'blocklist',
    sample: '550 Service unavailable; Client Host [192.0.2.10] blocked using Trend Micro RBL+.',
  },
  'email-reputation': {
    says: 'trend micro email reputation',
    reason: 'blocklist',
    sample: '550 Client host [192.0.2.10] blocked using Trend Micro Email Reputation database.',
  },
};

export const rackspace: Rows = {
  connections: {
    says: 'too many concurrent connections from this client',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 Too many concurrent connections from this client (G2)',
  },
  'new-ip': {
    says: 'new or untrusted ip',
    reason: 'throttle',
    sample: '451 4.7.1 Received too many messages from a new or untrusted IP (G28)',
  },
  'recipient-rate': {
    says: 'received too much email in a short',
    reason: 'recipient_rate',
    sample: '450 4.2.1 <a@example.com>: Mailbox received too much email in a short time (G30)',
  },
};

/** IB codes of secureserver.net: 1xx about the host, 2xx about the content, 3xx and up about policy. */
export const godaddy: Rows = {
  ib103: { says: 'ib103', reason: 'blocklist', sample: '554 Refused. Poor reputation on Cloudmark (CSI). IB103' },
  ib105: { says: 'ib105', reason: 'blocklist', sample: '554 bizsmtp IB105. 192.0.2.10 is on the XBL' },
  ib108: { says: 'ib108', reason: 'dns_ptr', sample: '421 Temporarily rejected. Reverse DNS failed. IB108' },
  ib112: { says: 'ib112', reason: 'reputation_block', sample: '554 Temporarily blocked: invalid recipients. IB112' },
  ib212: { says: 'ib212', reason: 'content_spam', sample: '552 Rejected due to content judged to be spam. IB212' },
};
