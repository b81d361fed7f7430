/** Replies of Gmail and Google Workspace (Google's "SMTP errors and codes" and its bulk sender guidelines). */
import type { Rows } from './row.ts';

export const google: Rows = {
  'unsolicited-rate-blocked': {
    says: 'unusual rate of unsolicited*',
    code: '5',
    reason: 'reputation_block',
    sample:
      '550-5.7.28 There is an unusual rate of unsolicited email from your IP address\n550 5.7.28 and it was blocked. - gsmtp',
  },
  'unsolicited-amount': {
    says: 'unusual amount of unsolicited*',
    reason: 'reputation_block',
    sample:
      '421 4.7.28 Gmail noticed an unusual amount of unsolicited email from your IP address; temporarily blocked.',
  },
  'rate-url': {
    says: 'unusual rate + url domains',
    reason: 'reputation_block',
    scope: 'url_domain',
    action: 'slow_down',
    sample: '421 4.7.28 An unusual rate of unsolicited email holds one of your URL domains; rate limited.',
  },
  'rate-netblock': {
    says: 'unusual rate + netblock',
    reason: 'throttle',
    scope: 'netblock',
    sample: '421 4.7.28 Unusual rate of unsolicited email from your IP Netblock 192.0.2.0/24; rate limited.',
  },
  'rate-dkim': {
    says: 'unusual rate + dkim domain',
    reason: 'throttle',
    scope: 'domain',
    sample: '421 4.7.28 Unusual rate of unsolicited email from your DKIM domain example.org',
  },
  'rate-spf': {
    says: 'unusual rate + spf domain',
    reason: 'throttle',
    scope: 'domain',
    sample: '421 4.7.28 Unusual rate of unsolicited email from your SPF domain example.org',
  },
  'rate-ip': {
    says: 'unusual rate + your ip',
    reason: 'throttle',
    sample: '421 4.7.28 Unusual rate of email originating from your IP address 192.0.2.10; temporarily rate limited.',
  },
  rate: {
    says: 'unusual rate of',
    reason: 'throttle',
    scope: 'unknown',
    sample: '421 4.7.28 Gmail has seen an unusual rate of email. To protect our users it was rate limited.',
  },
  'rate-message-id': {
    says: 'exceeded the quota for sending messages',
    reason: 'throttle',
    scope: 'message',
    sample: '421 4.7.28 This sender exceeded the quota for sending messages with the same Message-ID:',
  },
  'reputation-ip': {
    says: 'low reputation of the sending ip',
    reason: 'reputation_block',
    sample: '550 5.7.1 Likely suspicious due to the very low reputation of the sending IP address. - gsmtp',
  },
  'reputation-domain': {
    says: 'low reputation of the sending domain',
    reason: 'reputation_block',
    scope: 'domain',
    sample: '421-4.7.0 Suspicious due to the very low reputation of the\n421 4.7.0 sending domain. - gsmtp',
  },
  'suspicious-content': {
    says: 'suspicious due to the nature of the content',
    reason: 'content_spam',
    sample: '421 4.7.0 This message is suspicious due to the nature of the content or its links.',
  },
  unsolicited: {
    says: 'likely unsolicited*',
    reason: 'content_spam',
    sample: '550-5.7.1 [192.0.2.10] This message is likely unsolicited\n550 5.7.1 mail and was blocked. - gsmtp',
  },
  'ipv6-guidelines': {
    says: 'ipv6 sending guidelines',
    reason: 'auth_fail',
    sample: '550 5.7.1 The message does not meet IPv6 sending guidelines regarding PTR records and authentication.',
  },
  'ptr-record': {
    says: "sending ip address + doesn't have a ptr record",
    reason: 'dns_ptr',
    sample: "451 4.7.23 The sending IP address of this message doesn't have a PTR record",
  },
  'spf-suspicious': {
    says: 'suspicious entries',
    reason: 'auth_fail',
    sample: '550 5.7.24 The SPF record of the sending domain has suspicious entries.',
  },
  'dmarc-dns': {
    says: 'unauthenticated email from + temporary dns failures',
    reason: 'auth_temperror',
    sample: '451 4.7.26 Unauthenticated email from example.org: temporary DNS failures prevent authentication.',
  },
  dmarc: {
    says: 'unauthenticated email from',
    reason: 'auth_fail',
    sample: "550 5.7.26 Unauthenticated email from example.org is against the domain's DMARC policy.",
  },
  unauthenticated: {
    says: 'sender is unauthenticated',
    reason: 'auth_fail',
    sample: '550-5.7.26 Blocked because the sender is unauthenticated.\n550 5.7.26 Use SPF or DKIM. - gsmtp',
  },
  'bulk-spf': {
    says: "spf authentication didn't pass",
    reason: 'auth_fail',
    sample: "421 4.7.27 Rate limited because SPF authentication didn't pass for this message.",
  },
  'bulk-tls': {
    says: "wasn't sent over a tls connection",
    reason: 'tls_required',
    sample: "550 5.7.29 Blocked because it wasn't sent over a TLS connection.",
  },
  'bulk-dkim': {
    says: "didn't pass dkim authentication",
    reason: 'auth_fail',
    sample: "550 5.7.30 Blocked because it didn't pass DKIM authentication.",
  },
  'bulk-dmarc': {
    says: "doesn't have a dmarc record",
    reason: 'auth_fail',
    sample: "421 4.7.40 Rate limited because the sending domain doesn't have a DMARC record",
  },
  'bulk-alignment': {
    says: "isn't aligned with",
    reason: 'auth_fail',
    sample: "421 4.7.32 Rate limited because the From: header isn't aligned with SPF or DKIM.",
  },
  dynamic: {
    says: 'not authorized to send email directly',
    reason: 'policy',
    scope: 'ip',
    action: 'fix_config',
    sample: '550 5.7.1 The IP is not authorized to send email directly to our servers. - gsmtp',
  },
  'recipient-policy': {
    says: 'has a policy that prohibit*',
    reason: 'recipient_block',
    sample: '550 5.7.1 The user or domain you send to has a policy that prohibited the mail. - gsmtp',
  },
  'not-compliant': {
    says: 'rfc 5322 compliant',
    reason: 'compliance_rfc',
    sample: '550-5.7.1 This message is not\n550-5.7.1 RFC 5322 compliant:\n550 5.7.1 duplicate headers - gsmtp',
  },
  malware: {
    says: 'potential security issue',
    reason: 'content_malware',
    sample: '552 5.7.0 Blocked because its content presents a potential security issue.',
  },
  'no-user': {
    says: 'account that you tried to reach does not exist',
    reason: 'invalid_recipient',
    sample: '550-5.1.1 The email account that you tried to reach does not\n550 5.1.1 exist. p=NoSuchUser - gsmtp',
  },
  'no-domain': {
    says: "weren't able to find the recipient domain",
    reason: 'bad_domain',
    sample: "553 5.1.2 We weren't able to find the recipient domain.",
  },
  inactive: {
    says: 'account that you tried to reach is inactive',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 The email account that you tried to reach is inactive. p=InactiveUser',
  },
  disabled: {
    says: 'account that you tried to reach is disabled',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 The email account that you tried to reach is disabled. p=DisabledUser - gsmtp',
  },
  'full-inactive': {
    says: 'out of storage space and inactive',
    reason: 'inactive_mailbox',
    sample: "552 5.2.2 The recipient's inbox is out of storage space and inactive.",
  },
  full: {
    says: 'out of storage space',
    reason: 'mailbox_full',
    sample: "452 4.2.2 The recipient's inbox is out of storage space. p=OverQuotaTemp",
  },
  'recipient-too-quick': {
    says: 'receiving email too quickly',
    reason: 'recipient_rate',
    sample: '450 4.2.1 The user is receiving email too quickly. - gsmtp',
  },
  'recipient-rate': {
    says: 'at a rate that prevents',
    reason: 'recipient_rate',
    sample:
      '450-4.2.1 The user is receiving mail at a rate that\n450 4.2.1 prevents more from being delivered. - gsmtp',
  },
  size: {
    says: "google's message size limits",
    reason: 'message_size',
    sample: "552 5.3.4 Your message exceeded Google's message size limits.",
  },
  'daily-limit': {
    says: 'daily + sending limit exceeded',
    reason: 'sender_quota',
    sample: '550 5.4.5 Daily user sending limit exceeded. - gsmtp',
  },
  'relay-limit': {
    says: 'relay limit exceeded',
    reason: 'sender_quota',
    sample: '550 5.4.5 Daily SMTP relay limit exceeded for customer. - gsmtp',
  },
  'try-later-closing': {
    says: 'try again later closing connection',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 4.7.0 Try again later, closing connection. (MAIL) a1si - gsmtp',
  },
  'temporary-problem': {
    says: 'temporary system problem',
    reason: 'system_temp',
    sample: '421 4.3.0 Temporary System Problem. Try again later. - gsmtp',
  },
  'status-rate': {
    status: '4.7.28',
    reason: 'throttle',
    scope: 'unknown',
    only: true,
    sample: '421 4.7.28 Limited for now. - gsmtp',
  },
  'status-blocked': {
    status: '5.7.28',
    reason: 'reputation_block',
    only: true,
    sample: '550 5.7.28 Blocked. - gsmtp',
  },
  'status-ptr': {
    status: 'x.7.23 x.7.25',
    reason: 'dns_ptr',
    only: true,
    sample: '421 4.7.23 Limited. - gsmtp',
  },
  'status-auth': {
    status: 'x.7.24 x.7.26-27 x.7.30-32 x.7.40',
    reason: 'auth_fail',
    only: true,
    sample: '550 5.7.27 Blocked. - gsmtp',
  },
  'status-tls': { status: 'x.7.29', reason: 'tls_required', only: true, sample: '421 4.7.29 Limited. - gsmtp' },
};
