/** Replies of internet access providers, whose postmaster pages give each refusal a code of its own. */
import type { Rows } from './row.ts';

/** Comcast's own platform, before its accounts moved to Yahoo. BL: blocked, RL: rate limited, ES: not a mail server. */
export const comcast: Rows = {
  bl000000: { says: 'bl000000', reason: 'reputation_block', sample: '554 192.0.2.10 blocked: BL000000 patterns' },
  'found-on': {
    says: 'found on one or more dnsbls',
    reason: 'blocklist',
    sample: '554 comcast 192.0.2.10 found on one or more DNSBLs, see #BL000001',
  },
  es000010: {
    says: 'es000010',
    reason: 'policy',
    scope: 'ip',
    action: 'fix_config',
    sample: '554 192.0.2.10 ES000010 residential space',
  },
  'rl-domain': { says: 'rl000010', reason: 'throttle', scope: 'domain', sample: '421 4.1.0 throttled, #RL000010' },
  'rl-ip': { says: 'rl000001', reason: 'throttle', sample: '421 4.1.0 192.0.2.10 Throttled. #RL000001' },
  sessions: {
    says: 'too many sessions',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 Too many sessions opened',
  },
  'no-user': { says: 'not our customer', reason: 'invalid_recipient', sample: '550 5.1.1 Not our Customer' },
  closed: { says: 'account closed', reason: 'inactive_mailbox', sample: '550 5.2.1 Account Closed, Please Remove' },
};

export const cox: Rows = {
  'ip-listed': { says: 'aup ipbl*', reason: 'blocklist', sample: '554 cxr.mx cox 192.0.2.10 rejected AUP#IPBL0001' },
  'url-listed': {
    says: 'aup urlbl*',
    reason: 'blocklist',
    scope: 'url_domain',
    action: 'review_content',
    sample: '552 5.2.0 message rejected AUP#URLBL011',
  },
  connections: {
    says: 'aup cxcnct',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 4.7.0 too many connections AUP#CXCNCT',
  },
  sender: { says: 'aup cxsndr', reason: 'auth_fail', sample: '550 5.1.0 sender rejected AUP#CXSNDR' },
  dns: { says: 'aup cxdns', reason: 'dns_ptr', sample: '554 5.0.0 rejected - no rDNS AUP#CXDNS' },
  blocked: { says: 'aup cxbl', reason: 'reputation_block', sample: '554 cox 192.0.2.10 rejected AUP#CXBL' },
  rate: { says: 'aup cxmxrt', reason: 'throttle', sample: '452 4.1.1 rate exceeded AUP#CXMXRT' },
  spam: { says: 'aup cxsnd', reason: 'content_spam', sample: '552 5.2.0 message rejected AUP#CXSND' },
};

export const spectrum: Rows = {
  'listed-csi': { says: 'aup i 1210', reason: 'blocklist', sample: '554 5.7.1 192.0.2.10 AUP#I-1210' },
  'listed-spamhaus': { says: 'aup i 1220', reason: 'blocklist', sample: '554 5.7.1 192.0.2.10 AUP#I-1220' },
  'listed-1230': { says: 'aup i 1230', reason: 'blocklist', sample: '554 5.7.1 192.0.2.10 AUP#I-1230' },
  ptr: { says: 'aup i 11*', reason: 'dns_ptr', sample: '554 5.7.1 192.0.2.10 AUP#I-1100' },
  connections: {
    says: 'aup i 131*',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 4.7.0 AUP#I-1310',
  },
  rate: { says: 'aup i 13*', reason: 'throttle', sample: '452 4.7.0 AUP#I-1350' },
  spam: { says: 'aup i 15*', reason: 'content_spam', sample: '550 5.7.1 rejected AUP#I-1500' },
  blocked: { says: 'aup i 10*', reason: 'reputation_block', sample: '554 5.7.1 192.0.2.10 blocked AUP#I-1000' },
};

/** OFR codes: the last three digits say what it is. La Poste (LPN) and Wanadoo write the same codes. */
export const orange: Rows = {
  'listed-spamhaus': {
    says: 'lpnaaa 101',
    reason: 'blocklist',
    sample: '550 5.7.1 client [192.0.2.10] blocked using Spamhaus LPNAAA_101',
  },
  connections: {
    says: 'too many connections slow down',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 mwinf5c01 ME Trop de connexions. Too many connections, slow down. OFR005_104 [104]',
  },
  'no-user': {
    says: 'adresse d au moins un destinataire invalide',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]',
  },
  full: {
    says: 'boite du destinataire pleine',
    reason: 'mailbox_full',
    sample: '552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]',
  },
  content: { says: 'ofr 506', reason: 'content_spam', sample: '550 5.7.1 Mail rejete. Mail rejected. OFR_506 [506]' },
  'content-506': { says: 'mail rejected + 506', reason: 'content_spam', sample: '550 Mail rejected. OFR004_506 [506]' },
  spf: {
    says: 'spf check failed',
    reason: 'auth_fail',
    sample: '421 smtp.orange.fr [192.0.2.10] Emetteur invalide. Invalid Sender. SPF check failed',
  },
  dmarc: { says: 'dmarc check failed', reason: 'auth_fail', sample: '501 5.0.2 Mail rejected. DMARC check failed.' },
  sender: {
    says: 'emetteur invalide',
    reason: 'sender_invalid',
    sample: '501 5.1.0 Emetteur invalide. Invalid Sender. OFR004_405 [405]',
  },
  'listed-519': { says: 'ofr 519', reason: 'blocklist', sample: '554 5.7.1 IP refusee. OFR_519 [519]' },
  spam: { says: 'spam detecte', reason: 'content_spam', sample: '550 5.7.1 Spam detecte. Service refuse. LPN007_505' },
  unavailable: {
    says: 'service refuse',
    code: '5',
    reason: 'reputation_block',
    sample: '550 5.5.0 Service refuse. Veuillez essayer plus tard. LPN007_510',
  },
};

export const free: Rows = {
  spams: {
    says: 'too many spams from your ip',
    reason: 'reputation_block',
    sample: '550 too many spams from your IP (192.0.2.10), see http://postmaster.free.fr/',
  },
  errors: {
    says: 'too many errors from your ip',
    reason: 'throttle',
    sample: '421 Too many errors from your ip (192.0.2.10), see http://postmaster.free.fr/',
  },
};

export const sfr: Rows = {
  abuse: {
    says: 'abus detecte',
    reason: 'reputation_block',
    sample: '554 5.7.1 Client host rejected: Abus detecte GU_EIB_02',
  },
};

/** GMX, WEB.DE and mail.com; IONOS filters with the same words. */
export const unitedInternet: Rows = {
  listed: {
    says: 'address is block listed',
    reason: 'blocklist',
    sample:
      '554-gmx.net (mxgmx1) Nemesis ESMTP Service not available\n554-No SMTP service\n554 IP address is block listed.',
  },
  ptr: {
    says: 'bad dns ptr resource record',
    reason: 'dns_ptr',
    sample: '554-web.de (mxweb1) Nemesis ESMTP Service not available\n554 Bad DNS PTR resource record.',
  },
  reputation: {
    says: 'no smtp service + reputation',
    reason: 'reputation_block',
    sample: '554-gmx.net (mxgmx1) Nemesis ESMTP Service not available\n554-No SMTP service\n554 Bad IP reputation',
  },
  rate: { says: 'rate limit reached', reason: 'throttle', sample: '421 Rate limit reached. Please try again later' },
  violations: {
    says: 'reject due to policy violation*',
    reason: 'reputation_block',
    sample: '421 Reject due to policy violations',
  },
  content: {
    says: 'reject due to policy restriction*',
    reason: 'content_spam',
    sample: '554 Transaction failed Reject due to policy restrictions.',
  },
  spf: {
    says: 'reject due to spf policy',
    reason: 'auth_fail',
    sample: '550 <a@gmx.net>: Reject due to SPF policy. Not permitted by the domain owner',
  },
  'sender-dns': {
    says: 'invalid dns mx or a aaaa resource record',
    reason: 'sender_invalid',
    sample: '550 Requested action not taken: mailbox unavailable invalid DNS MX or A/AAAA resource record',
  },
  full: {
    says: 'the recipient is over quota',
    reason: 'mailbox_full',
    sample: '552 Quota exceeded. The recipient is over quota.',
  },
};

export const telekom: Rows = {
  reputation: {
    says: 'none bad reputation',
    reason: 'reputation_block',
    action: 'delist',
    sample: '554 IP=192.0.2.10 - None/bad reputation. Ask for a reset. (NOWL)',
  },
  dynamic: {
    says: 'dialup transient ip',
    reason: 'policy',
    scope: 'ip',
    action: 'fix_config',
    sample: '554 IP=192.0.2.10 - Dialup/transient IP not allowed. Use a smarthost (DYN)',
  },
  listed: {
    says: 'a problem occurred + bl',
    reason: 'blocklist',
    sample: '554 IP=192.0.2.10 - A problem occurred. (Ask your postmaster to clarify.) (BL)',
  },
  content: {
    says: 'due to spam or virus classification',
    reason: 'content_spam',
    sample: '550 5.7.0 Message has been rejected due to spam or virus classification',
  },
};
