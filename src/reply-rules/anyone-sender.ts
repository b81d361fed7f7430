/** Anyone's replies about the sender: address, authentication, DNS, relaying, listing, reputation (RFC 3463 X.7, RFC 7372). */
import type { Rows } from './row.ts';

export const listed: Rows = {
  'open-resolver': {
    says: 'open resolver',
    reason: 'remote_misconfig',
    sample: '550 5.7.1 Client host [192.0.2.10] blocked using zen.spamhaus.org; Error: open resolver',
  },
  'query-refused': {
    says: 'spamhaus org returnc',
    reason: 'remote_misconfig',
    sample: '554 5.7.1 blocked using zen.spamhaus.org; https://www.spamhaus.org/returnc/vol/',
  },
  dbl: {
    says: 'dbl spamhaus org',
    reason: 'blocklist',
    scope: 'url_domain',
    action: 'review_content',
    sample: '554 5.7.1 Sender address [a@example.org] blocked using dbl.spamhaus.org',
  },
  'query-domain': {
    says: 'spamhaus org query domain',
    reason: 'blocklist',
    scope: 'url_domain',
    action: 'review_content',
    sample: '554 5.7.1 Rejected; https://www.spamhaus.org/query/domain/example.org',
  },
  surbl: {
    says: 'surbl',
    reason: 'blocklist',
    scope: 'url_domain',
    action: 'review_content',
    sample: '550 5.7.1 URL in SURBL list',
  },
  uribl: {
    says: 'uribl*',
    reason: 'blocklist',
    scope: 'url_domain',
    action: 'review_content',
    sample: '550 5.7.1 Contains a URL in URIBL',
  },
  'uri-blacklist': {
    says: 'uri + blacklist*',
    reason: 'blocklist',
    scope: 'url_domain',
    action: 'review_content',
    sample: '550 5.7.1 URI is blacklisted',
  },
  spamhaus: { says: 'spamhaus', reason: 'blocklist', sample: '550 5.7.1 Rejected, listed by Spamhaus' },
  spamcop: { says: 'spamcop*', reason: 'blocklist', sample: '550 5.7.1 Rejected, see spamcop.net' },
  sorbs: { says: 'sorbs', reason: 'blocklist', sample: '550 192.0.2.10 in dnsbl.sorbs.net' },
  barracudacentral: { says: 'barracudacentral*', reason: 'blocklist', sample: '554 5.7.1 see b.barracudacentral.org' },
  uceprotect: { says: 'uceprotect*', reason: 'blocklist', sample: '550 5.7.1 UCEPROTECT Level 2' },
  abusix: { says: 'abusix', reason: 'blocklist', sample: '554 5.7.1 Rejected by Abusix' },
  invaluement: {
    says: 'invaluement',
    reason: 'blocklist',
    sample: '550 5.5.4 ETP208 Your IP 192.0.2.10 is listed by Invaluement.',
  },
  mailspike: { says: 'mailspike*', reason: 'blocklist', sample: '550 5.7.1 see mailspike.net' },
  psbl: { says: 'psbl', reason: 'blocklist', sample: '550 5.7.1 in psbl.surriel.com' },
  senderscore: { says: 'senderscore*', reason: 'blocklist', sample: '550 5.7.1 see senderscore.org' },
  spamrats: { says: 'spamrats*', reason: 'blocklist', sample: '550 5.7.1 see spamrats.com' },
  gbudb: { says: 'gbudb', reason: 'blocklist', sample: '550 5.7.1 truncate.gbudb.net' },
  backscatterer: { says: 'backscatterer*', reason: 'blocklist', sample: '550 5.7.1 ips.backscatterer.org' },
  spamexperts: { says: 'spamrl com', reason: 'blocklist', sample: '550 5.7.1 see https://www.spamrl.com' },
  'spam-pattern': { says: 'spam pattern', reason: 'content_spam', sample: '553 Blocked using spam pattern' },
  'blocked-using': {
    says: 'blocked using',
    reason: 'blocklist',
    sample: '554 5.7.1 Service unavailable; Client host [192.0.2.10] blocked using dnsbl.example.org',
  },
  'listed-at': { says: 'listed at', reason: 'blocklist', sample: '550 192.0.2.10 is listed at bl.example.org' },
  'listed-in': { says: 'listed in', reason: 'blocklist', sample: '550 192.0.2.10 is listed in bl.example.org' },
  'listed-on': { says: 'listed on', reason: 'blocklist', sample: '550 192.0.2.10 is listed on bl.example.org' },
  'listed-by': { says: 'listed by', reason: 'blocklist', sample: '550 192.0.2.10 is listed by example.org' },
  dnsbl: { says: 'dnsbl*', reason: 'blocklist', sample: '571 5.7.1 Blocked by our DNSBL' },
  rbl: { says: 'rbl*', reason: 'blocklist', sample: '550 Mail from 192.0.2.10 found in an RBL' },
  blacklist: {
    says: 'blacklist*',
    reason: 'blocklist',
    sample: '554 5.7.1 <unknown[192.0.2.10]>: Client host rejected: blacklisted',
  },
  'black-list': { says: 'black list*', reason: 'blocklist', sample: '550 5.7.1 192.0.2.10 is in a black list' },
  blocklist: { says: 'blocklist*', reason: 'blocklist', sample: '550 5.7.1 Your IP is on our blocklist' },
  'block-list': { says: 'block list*', reason: 'blocklist', sample: '550 5.7.1 Your IP is on our block list' },
  denylist: { says: 'denylist*', reason: 'blocklist', sample: '550 5.7.1 192.0.2.10 is denylisted' },
};

/** Signs of a bad list: traps hit, addresses guessed. */
export const trapped: Rows = {
  'too-many-invalid': {
    says: 'too many invalid',
    reason: 'reputation_block',
    sample: '550 Too many invalid recipients from your host',
  },
  'too-many-unknown': {
    says: 'too many unknown',
    reason: 'reputation_block',
    sample: '421 Too many unknown users tried',
  },

  spamtrap: { says: 'spamtrap*', reason: 'spam_trap', sample: '550 5.7.1 <a@example.com>: recipient is a spamtrap' },
  'spam-trap': { says: 'spam trap*', reason: 'spam_trap', sample: '550 You have sent to a spam trap address' },
  honeypot: { says: 'honeypot', reason: 'spam_trap', sample: '550 5.7.1 The address is a honeypot' },
};

export const authentication: Rows = {
  'spf-temperror': {
    says: 'spf + temperror',
    reason: 'auth_temperror',
    sample: '451 4.7.24 SPF temperror for example.org',
  },
  'spf-temporary': {
    says: 'spf + temporary',
    reason: 'auth_temperror',
    sample: '451 4.4.3 Temporary error in SPF lookup',
  },
  'spf-lookup': {
    says: 'spf + dns',
    code: '4',
    reason: 'auth_temperror',
    sample: '451 4.7.24 DNS trouble with the SPF record',
  },
  'dmarc-temporary': {
    says: 'dmarc + temporary',
    reason: 'auth_temperror',
    sample: '451 4.7.1 Temporary failure while checking DMARC',
  },
  'dkim-temporary': {
    says: 'dkim + temporary',
    reason: 'auth_temperror',
    sample: '451 4.7.5 Temporary failure while checking DKIM',
  },
  dmarc: { says: 'dmarc', reason: 'auth_fail', sample: '550 5.7.1 rejected by DMARC policy for example.org' },
  dkim: { says: 'dkim', reason: 'auth_fail', sample: '550 5.7.20 No passing DKIM signature' },
  spf: { says: 'spf', reason: 'auth_fail', sample: '550 5.7.23 SPF check: fail' },
  openspf: { says: 'openspf*', reason: 'auth_fail', sample: '550 5.7.1 Please see openspf.net/Why' },
  'sender-policy-framework': {
    says: 'sender policy framework',
    reason: 'auth_fail',
    sample: '550 5.7.1 Fails the Sender Policy Framework',
  },
  'sender-id': { says: 'sender id', reason: 'auth_fail', sample: '550 5.7.1 Sender ID (PRA) Not Permitted' },
  unauthenticated: {
    says: 'unauthenticated',
    code: '5',
    reason: 'auth_fail',
    sample: '550 5.7.26 This unauthenticated mail was refused',
  },
  'authentication-checks': {
    says: 'authentication checks',
    reason: 'auth_fail',
    sample: '550 5.7.26 It fails authentication checks',
  },
  'not-permitted-by': {
    says: 'not permitted by domain',
    reason: 'auth_fail',
    sample: '550 5.7.1 Sender not permitted by domain of example.org',
  },
};

export const nameService: Rows = {
  'reverse-dns': { says: 'reverse dns', reason: 'dns_ptr', sample: '554 5.7.1 Fix reverse DNS for 192.0.2.10' },
  rdns: { says: 'rdns', reason: 'dns_ptr', sample: '550 5.7.1 rDNS mismatch' },
  'reverse-hostname': {
    says: 'reverse hostname',
    reason: 'dns_ptr',
    sample: '450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.10]',
  },
  'your-hostname': {
    says: 'cannot find your hostname',
    reason: 'dns_ptr',
    sample: '450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.10]',
  },
  'reverse-lookup': {
    says: 'reverse lookup',
    reason: 'dns_ptr',
    sample: '550 5.7.1 reverse lookup of 192.0.2.10 failed',
  },
  'reverse-mapping': {
    says: 'reverse mapping',
    reason: 'dns_ptr',
    sample: '550 5.7.1 reverse mapping of 192.0.2.10 is missing',
  },
  'reverse-record': { says: 'reverse record', reason: 'dns_ptr', sample: '550 5.7.1 192.0.2.10 has no reverse record' },
  ptr: { says: 'ptr', reason: 'dns_ptr', sample: '450 4.7.1 Client host 192.0.2.10 has no PTR (G1F)' },
  'name-lookup-failed': {
    says: 'ip name lookup failed',
    reason: 'dns_ptr',
    sample: '554 5.7.1 IP name lookup failed for 192.0.2.10',
  },
  'ip-must-resolve': { says: 'ip must resolve', reason: 'dns_ptr', sample: '501 5.7.1 Sender IP must resolve' },
  fcrdns: { says: 'fcrdns', reason: 'dns_ptr', sample: '550 5.7.1 FCrDNS missing' },
};

export const encryption: Rows = {
  starttls: { says: 'starttls', reason: 'tls_required', sample: '530 5.7.0 Must issue a STARTTLS command first' },
  'tls-is-required': {
    says: 'tls is required',
    reason: 'tls_required',
    sample: 'TLS is required, but was not offered by host mx.example.com',
  },
  'tls-required': { says: 'tls required', reason: 'tls_required', sample: '550 5.7.10 TLS required' },
  'encryption-required': {
    says: 'encryption required',
    reason: 'tls_required',
    sample: '450 4.7.0 Encryption required',
  },
  'encryption-needed': { says: 'encryption needed', reason: 'tls_required', sample: '550 5.7.10 Encryption needed' },
  'requires-encryption': {
    says: 'encrypt*',
    reason: 'tls_required',
    sample: '550 5.7.10 Mail must be encrypted on the way',
  },
  certificate: { says: 'server certificate', reason: 'tls_required', sample: 'Server certificate not trusted' },
  'certificate-verify': {
    says: 'certificate + verif*',
    reason: 'tls_required',
    sample: 'TLS certificate verification failed',
  },
};

/** How the sending host introduces itself. */
export const greeting: Rows = {
  'helo-rejected': {
    says: 'helo command rejected',
    reason: 'policy',
    scope: 'config',
    action: 'fix_config',
    sample: '504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname',
  },
  'ehlo-rejected': {
    says: 'ehlo command rejected',
    reason: 'policy',
    scope: 'config',
    action: 'fix_config',
    sample: '504 5.5.2 <localhost>: Ehlo command rejected',
  },
  'invalid-helo': {
    says: 'invalid helo*',
    reason: 'policy',
    scope: 'config',
    action: 'fix_config',
    sample: '550 Invalid HELO',
  },
  'invalid-ehlo': {
    says: 'invalid ehlo*',
    reason: 'policy',
    scope: 'config',
    action: 'fix_config',
    sample: '550 Invalid EHLO',
  },
  'helo-name': {
    says: 'helo name',
    reason: 'policy',
    scope: 'config',
    action: 'fix_config',
    sample: '550 Your HELO name is wrong',
  },
  'helo-host': {
    says: 'helo host*',
    reason: 'policy',
    scope: 'config',
    action: 'fix_config',
    sample: '550 HELO hostname refused',
  },
  'helo-argument': {
    says: 'helo argument',
    reason: 'policy',
    scope: 'config',
    action: 'fix_config',
    sample: '550 HELO argument refused',
  },
  'ehlo-argument': {
    says: 'ehlo argument',
    reason: 'policy',
    scope: 'config',
    action: 'fix_config',
    sample: '550 EHLO argument refused',
  },
};

export const senderAddress: Rows = {
  'access-denied': {
    says: 'sender address rejected access denied',
    reason: 'policy',
    scope: 'domain',
    sample: '554 5.7.1 <a@example.org>: Sender address rejected: Access denied',
  },
  'address-rejected': {
    says: 'sender address rejected',
    reason: 'sender_invalid',
    sample: '450 4.1.8 <a@example.org>: Sender address rejected: Domain not found',
  },
  'verify-failed': { says: 'sender verify fail*', reason: 'sender_invalid', sample: '550 Sender verify failed' },
  'verification-failed': {
    says: 'sender verification',
    reason: 'sender_invalid',
    sample: '550 Sender verification failed',
  },
  'verification-failed-for': {
    says: 'verification failed for',
    reason: 'sender_invalid',
    sample: '550-Verification failed for <a@example.org>\n550 The mail server refused it',
  },
  'postmaster-verification': {
    says: 'postmaster verification failed',
    reason: 'sender_invalid',
    sample: '550 Postmaster verification failed while checking <a@example.org>',
  },
  'return-domain': {
    says: 'return email domain',
    reason: 'sender_invalid',
    sample: '554 5.7.1 The return email domain is invalid',
  },
  'return-path': { says: 'return path', reason: 'sender_invalid', sample: '550 Return-Path is not valid' },
  'envelope-sender': { says: 'envelope sender', reason: 'sender_invalid', sample: '550 Envelope sender is not valid' },
  'could-not-verify': {
    says: 'could not complete sender verify',
    reason: 'sender_invalid',
    sample: '451 Could not complete sender verify callout',
  },
  'domain-of-sender': {
    says: 'domain of sender',
    reason: 'sender_invalid',
    sample: '553 5.1.8 <a@example.org>... Domain of sender address a does not exist',
  },
  'sender-domain-rejected': {
    says: 'sender domain',
    reason: 'sender_invalid',
    sample: '550 5.1.8 The sender domain has no MX',
  },
  'sending-domain': {
    says: 'sending domain + does not',
    reason: 'sender_invalid',
    sample: '550 5.1.8 Your sending domain does not resolve',
  },
  'sender-no-records': {
    says: 'sender has no',
    reason: 'sender_invalid',
    sample: '550 Sender has no A, AAAA, or MX DNS records.',
  },
  'sender-null-mx': {
    says: 'sender address has a null mx',
    reason: 'sender_invalid',
    sample: '550 5.7.27 Sender address has a null MX',
  },
  'invalid-sender': { says: 'invalid sender', reason: 'sender_invalid', sample: '501 5.1.7 Invalid sender' },
  'sender-is-invalid': {
    says: 'sender is invalid',
    reason: 'sender_invalid',
    sample: '550 5.1.7 The sender is invalid',
  },
  'sender-address-invalid': {
    says: 'sender address invalid',
    reason: 'sender_invalid',
    sample: '550 5.1.7 Sender address invalid',
  },
  'sender-does-not-exist': {
    says: 'sender does not exist',
    reason: 'sender_invalid',
    sample: '550 5.1.8 The sender does not exist',
  },
  'sender-rejected': { says: 'sender rejected', reason: 'sender_invalid', sample: '550 5.1.0 Sender rejected' },
  'sender-not-verified': {
    says: 'sender not verified',
    reason: 'sender_invalid',
    sample: '550 5.7.1 Sender not verified',
  },
  'verify-sender-domain': {
    says: 'verify sender',
    reason: 'sender_invalid',
    sample: '421 unable to verify sender',
  },
  'bad-sender': { says: 'bad sender', reason: 'sender_invalid', sample: '501 5.1.7 Bad sender address syntax' },
  'unknown-sender': { says: 'unknown sender', reason: 'sender_invalid', sample: '550 5.1.8 Unknown sender' },
  'sender-unknown': { says: 'sender unknown', reason: 'sender_invalid', sample: '550 5.1.8 Sender unknown' },
  'not-owned': { says: 'not owned by user', reason: 'sender_invalid', sample: '553 5.7.1 not owned by user mailer' },
  'mail-from': { says: 'mail from + invalid', reason: 'sender_invalid', sample: '550 MAIL FROM domain invalid' },
  'send-as': {
    says: 'not allowed to send as',
    reason: 'sender_invalid',
    sample: '550 5.7.60 Not allowed to send as this user',
  },
  'send-from': {
    says: 'not allowed to send mail from',
    reason: 'sender_invalid',
    sample: '550 5.7.1 You are not allowed to send mail from example.org',
  },
};

export const relaying: Rows = {
  'relay-access': {
    says: 'relay access denied',
    reason: 'relay_denied',
    sample: '554 5.7.1 <a@example.com>: Relay access denied',
  },
  'relay-denied': { says: 'relay denied', reason: 'relay_denied', sample: '554 5.7.1 Relay denied' },
  'no-relay': { says: 'no relay', reason: 'relay_denied', sample: '550 5.7.1 No relay for you' },
  'relaying-denied': {
    says: 'relaying denied',
    reason: 'relay_denied',
    sample: '550 5.7.1 <a@example.com>... Relaying denied',
  },
  'relaying-not': { says: 'relaying not', reason: 'relay_denied', sample: '550 Relaying not allowed' },
  'unable-to-relay': {
    says: 'unable to relay',
    reason: 'relay_denied',
    sample: '550 5.7.1 Unable to relay for a@example.com',
  },
  'not-permitted': { says: 'relay not permitted', reason: 'relay_denied', sample: '550 relay not permitted' },
  'not-allowed': { says: 'relay not allowed', reason: 'relay_denied', sample: '550 relay not allowed' },
  'allowed-to-relay': {
    says: 'allowed to relay',
    reason: 'relay_denied',
    sample: '550 5.7.1 You are not allowed to relay',
  },
  'we-do-not-relay': { says: 'not relay', reason: 'relay_denied', sample: '550 5.7.1 We do not relay' },
  'open-relay': { says: 'open relay', reason: 'relay_denied', sample: '550 5.7.1 This is not an open relay' },
  'as-a-relay': {
    says: 'as a relay',
    reason: 'relay_denied',
    sample: '553-you are trying to use me as a\n553 relay, but I have not been configured to',
  },
  rcpthosts: {
    says: 'rcpthosts',
    reason: 'relay_denied',
    sample: "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
  },
  'not-a-gateway': {
    says: 'not a gateway',
    reason: 'relay_denied',
    sample: '550 not local host example.com, not a gateway',
  },
  'authentication-required': {
    says: 'authentication required',
    reason: 'relay_denied',
    sample: '530 5.7.0 Authentication required',
  },
  'authentication-is-required': {
    says: 'authentication is required',
    reason: 'relay_denied',
    sample: '530 SMTP authentication is required.',
  },
  'requires-authentication': {
    says: 'requires authentication',
    reason: 'relay_denied',
    sample: '503 This mail server requires authentication for other domains',
  },
  'not-authenticated': {
    says: 'not authenticated',
    reason: 'relay_denied',
    sample: '530 5.7.1 Client was not authenticated',
  },
  'non-accepted': {
    says: 'non accepted domain',
    reason: 'relay_denied',
    sample: '550 5.7.54 SMTP; recipient in non-accepted domain',
  },
};

export const reputation: Rows = {
  'complaints-about': {
    says: 'complaint*',
    reason: 'complaint_block',
    sample: '550 5.7.1 Refused after complaints from our users',
  },
  'poor-reputation': {
    says: 'reputation',
    reason: 'reputation_block',
    sample: '550 5.7.1 Rejected due to poor sender reputation',
  },
  'client-host-blocked': {
    says: 'client host + blocked',
    reason: 'reputation_block',
    sample: '554 5.7.1 Client host 192.0.2.10 is blocked',
  },
  'your-ip-blocked': {
    says: 'your ip + blocked',
    reason: 'reputation_block',
    sample: '550 5.7.1 Your IP is blocked here',
  },
  'ip-blocked': {
    says: 'ip address + blocked',
    reason: 'reputation_block',
    sample: '550 5.7.1 This IP address has been blocked',
  },
  'ip-is-blocked': { says: 'ip + blocked', reason: 'reputation_block', sample: '550 5.7.1 IP 192.0.2.10 blocked' },
  'host-blocked': { says: 'your host + blocked', reason: 'reputation_block', sample: '550 5.7.1 Your host is blocked' },
  'server-blocked': {
    says: 'your server + blocked',
    reason: 'reputation_block',
    sample: '550 5.7.1 Your server is blocked',
  },
  'your-network': {
    says: 'your network + blocked',
    reason: 'reputation_block',
    scope: 'netblock',
    sample: '550 5.7.1 Your network is blocked',
  },
  'currently-blocked': {
    says: 'is currently blocked',
    reason: 'reputation_block',
    sample: '571 Email from 192.0.2.10 is currently blocked',
  },
  'ip-banned': { says: 'banned', reason: 'reputation_block', sample: '554 5.7.1 192.0.2.10 is banned' },
  'bad-ip': { says: 'bad ip', reason: 'reputation_block', sample: '554 5.7.1 Rejected because Bad IP' },
  'problem-occurred': {
    says: 'a problem occurred ask your postmaster',
    reason: 'reputation_block',
    sample: '554 IP:192.0.2.10 - A problem occurred. (Ask your postmaster)',
  },
  spammer: { says: 'spammer*', reason: 'reputation_block', sample: '550 5.7.1 We do not talk to spammers' },
  'spam-source': { says: 'spam source', reason: 'reputation_block', sample: '550 5.7.1 192.0.2.10 is a spam source' },
};
