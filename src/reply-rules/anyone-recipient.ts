/** Anyone's replies about the recipient: unknown, closed, full, unwilling, or in a domain that takes no mail (RFC 3463 X.1 and X.2). */
import type { Rows } from './row.ts';

export const unknownUser: Rows = {
  'user-unknown': {
    says: 'user unknown',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 <a@example.com>: Recipient address rejected: User unknown in virtual mailbox table',
  },
  'unknown-user': { says: 'unknown user', reason: 'invalid_recipient', sample: '550 Unknown user' },
  'unknown-recipient': {
    says: 'unknown recipient',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 Unknown recipient',
  },
  'recipient-unknown': {
    says: 'recipient unknown',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 Recipient unknown',
  },
  'unknown-address': { says: 'unknown address', reason: 'invalid_recipient', sample: '550 5.1.1 unknown address' },
  'address-unknown': { says: 'address unknown', reason: 'invalid_recipient', sample: '550 Address unknown' },
  'unknown-local': {
    says: 'unknown local*',
    reason: 'invalid_recipient',
    sample: '550 Unknown local part a in <a@example.com>',
  },
  'unknown-mailbox': { says: 'unknown mailbox', reason: 'invalid_recipient', sample: '550 5.1.1 Unknown mailbox' },
  'mailbox-unknown': { says: 'mailbox unknown', reason: 'invalid_recipient', sample: '550 5.1.1 Mailbox unknown' },
  'unknown-account': { says: 'unknown account', reason: 'invalid_recipient', sample: '550 5.1.1 unknown account' },
  'unknown-alias': {
    says: 'unknown or illegal alias',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 unknown or illegal alias: a',
  },
  'no-such-user': { says: 'no such user', reason: 'invalid_recipient', sample: '550 5.1.1 No such user here' },
  'no-such-mailbox': { says: 'no such mailbox', reason: 'invalid_recipient', sample: '550 5.1.1 No such mailbox' },
  'no-such-recipient': {
    says: 'no such recipient',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 No such recipient',
  },
  'no-such-account': { says: 'no such account', reason: 'invalid_recipient', sample: '550 5.1.1 No such account' },
  'no-such-address': { says: 'no such address', reason: 'invalid_recipient', sample: '550 5.1.1 No such address' },
  'no-such-person': {
    says: 'no such person',
    reason: 'invalid_recipient',
    sample: '550 No such person at this address',
  },
  'no-such-local': { says: 'no such local*', reason: 'invalid_recipient', sample: '550 5.1.1 no such local user' },
  'no-mailbox': {
    says: 'no mailbox here',
    reason: 'invalid_recipient',
    sample: '550 sorry, no mailbox here by that name (#5.1.1)',
  },
  'no-user': { says: 'no user', reason: 'invalid_recipient', sample: '550 5.1.1 There is no user by that name' },
  'no-account': {
    says: 'no account',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 There is no account by that name',
  },
  'no-valid-recipient': {
    says: 'no valid recipients',
    reason: 'invalid_recipient',
    sample: '554 5.5.1 Error: no valid recipients',
  },
  'user-not-found': {
    says: 'user not found',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 <a@example.com> User not found',
  },
  'user-not-exist': {
    says: 'user does not exist',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 <a@example.com>: user does not exist',
  },
  'user-doesnt-exist': {
    says: "user doesn't exist",
    reason: 'invalid_recipient',
    sample: "550 5.1.1 User doesn't exist",
  },
  'recipient-not-found': {
    says: 'recipient not found',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 Recipient not found',
  },
  'mailbox-not-found': {
    says: 'mailbox not found',
    reason: 'invalid_recipient',
    sample: '550 Mailbox not found. https://mail.example.com',
  },
  'account-not-found': {
    says: 'account not found',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 Account not found',
  },
  'address-not-found': {
    says: 'address not found',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 Address not found',
  },
  'not-a-known': { says: 'not a known user', reason: 'invalid_recipient', sample: '550 5.1.1 a is not a known user' },
  'not-a-valid': {
    says: 'not a valid mailbox',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 a is not a valid mailbox',
  },
  'not-a-valid-user': {
    says: 'not a valid user',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 This is not a valid user',
  },
  'user-invalid': { says: 'invalid user', reason: 'invalid_recipient', sample: '550 5.1.1 Invalid user' },
  'invalid-recipient': {
    says: 'invalid recipient*',
    reason: 'invalid_recipient',
    sample: '550 Invalid recipient <a@example.com>',
  },
  'invalid-mailbox': { says: 'invalid mailbox', reason: 'invalid_recipient', sample: '550 5.1.1 invalid mailbox' },
  'user-not-local': {
    says: 'user not local',
    reason: 'invalid_recipient',
    sample: '551 User not local; please try <forward-path>',
  },
  'user-not-listed': {
    says: 'not listed in',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 User not listed in Domino Directory',
  },
  'user-here': { says: 'unrouteable user', reason: 'invalid_recipient', sample: '550 Unrouteable user here' },
  'bad-destination': {
    says: 'bad destination mailbox',
    reason: 'invalid_recipient',
    sample: '5.1.1 (bad destination mailbox address)',
  },
  undeliverable: {
    says: 'undeliverable address',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 <a@example.com>: Recipient address rejected: undeliverable address: bounced',
  },
  unverified: {
    says: 'unverified address',
    reason: 'invalid_recipient',
    sample: '450 4.1.1 <a@example.com>: Recipient address rejected: unverified address',
  },
  'recipient-verify': {
    says: 'recipient verify fail*',
    reason: 'invalid_recipient',
    sample: '550 recipient verify failed',
  },
  'cannot-be-verified': {
    says: 'recipient cannot be verified',
    reason: 'invalid_recipient',
    sample: '550 The recipient cannot be verified',
  },
  german: { says: 'benutzer + unbekannt', reason: 'invalid_recipient', sample: '550 Benutzer hier unbekannt' },
  'german-recipient': {
    says: 'empfanger + unbekannt',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 Empfänger unbekannt',
  },
  french: { says: 'utilisateur inconnu', reason: 'invalid_recipient', sample: '550 5.1.1 Utilisateur inconnu' },
  'french-recipient': {
    says: 'destinataire + inconnu',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 Destinataire inconnu',
  },
  italian: { says: 'utente + sconosciuto', reason: 'invalid_recipient', sample: '550 5.1.1 Utente sconosciuto' },
  'italian-recipient': {
    says: 'destinatario sconosciuto',
    reason: 'invalid_recipient',
    sample: '550 Destinatario sconosciuto',
  },
  spanish: { says: 'usuario desconocido', reason: 'invalid_recipient', sample: '550 usuario desconocido' },
  'spanish-exist': { says: 'usuario no existe', reason: 'invalid_recipient', sample: '550 El usuario no existe' },
  portuguese: { says: 'usuario inexistente', reason: 'invalid_recipient', sample: '550 5.1.1 Usuário inexistente' },
  polish: { says: 'nieznany uzytkownik', reason: 'invalid_recipient', sample: '550 5.1.1 Nieznany użytkownik' },
  dutch: { says: 'onbekende gebruiker', reason: 'invalid_recipient', sample: '550 5.1.1 Onbekende gebruiker' },
};

export const closed: Rows = {
  'mailbox-disabled': {
    says: 'mailbox + disabled',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 <a@example.com>: Mailbox disabled for this recipient',
  },
  'account-disabled': {
    says: 'account + disabled',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 <a@example.com>: account has been disabled',
  },
  'user-disabled': { says: 'user + disabled', reason: 'inactive_mailbox', sample: '550 5.2.1 User is disabled' },
  'recipient-disabled': {
    says: 'recipient + disabled',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 Recipient disabled',
  },
  'address-disabled': { says: 'address + disabled', reason: 'inactive_mailbox', sample: '550 5.2.1 Address disabled' },
  inactive: { says: 'inactive', reason: 'inactive_mailbox', sample: '550 Mailbox is inactive' },
  inactivity: { says: 'inactivity', reason: 'inactive_mailbox', sample: '550 5.2.1 Blocked due to inactivity' },
  'not-active': { says: 'not active', reason: 'inactive_mailbox', sample: '550 5.2.1 The account is not active' },
  deactivated: {
    says: 'deactivated',
    reason: 'inactive_mailbox',
    sample: '550 Requested action not taken: mailbox deactivated',
  },
  'account-suspended': {
    says: 'account + suspended',
    reason: 'inactive_mailbox',
    sample: '550 User account is suspended',
  },
  'mailbox-suspended': {
    says: 'mailbox + suspended',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 Mailbox suspended',
  },
  'user-suspended': { says: 'user + suspended', reason: 'inactive_mailbox', sample: '550 5.2.1 User suspended' },
  'account-expired': { says: 'account + expired', reason: 'inactive_mailbox', sample: '550 5.2.1 Account expired' },
  'mailbox-expired': { says: 'mailbox + expired', reason: 'inactive_mailbox', sample: '550 5.2.1 Mailbox expired' },
  'account-closed': {
    says: 'account + closed',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 The account was closed',
  },
  'mailbox-closed': {
    says: 'mailbox + closed',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 Mailbox has been closed',
  },
  'account-locked': { says: 'account + locked', reason: 'inactive_mailbox', sample: '554 5.7.1 user account locked' },
  'mailbox-locked': { says: 'mailbox + locked', reason: 'inactive_mailbox', sample: '550 5.2.1 Mailbox locked' },
  'account-blocked': { says: 'account blocked', reason: 'inactive_mailbox', sample: '550 5.2.1 account blocked' },
  'mailbox-blocked': {
    says: 'mailbox + blocked',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 This mailbox has been blocked',
  },
  'user-blocked': { says: 'user is blocked', reason: 'inactive_mailbox', sample: '550 5.2.1 User is blocked' },
  'account-frozen': { says: 'account + frozen', reason: 'inactive_mailbox', sample: '550 The account is frozen' },
  'mailbox-frozen': { says: 'mailbox + frozen', reason: 'inactive_mailbox', sample: '550 5.7.1 Mailbox is frozen' },
  'account-cancelled': {
    says: 'account + cancelled',
    reason: 'inactive_mailbox',
    sample: '550 The account was cancelled',
  },
  'account-terminated': {
    says: 'account + terminated',
    reason: 'inactive_mailbox',
    sample: '550 This account has been terminated',
  },
  'account-deleted': {
    says: 'account + deleted',
    reason: 'inactive_mailbox',
    sample: '550 This account has been deleted',
  },
  'mailbox-deleted': { says: 'mailbox + deleted', reason: 'inactive_mailbox', sample: '550 Mailbox deleted' },
  'no-longer-on-server': {
    says: 'no longer on server',
    reason: 'invalid_recipient',
    sample: '550 5.1.6 recipient no longer on server',
  },
  'no-longer': { says: 'no longer', reason: 'inactive_mailbox', sample: '550 The address is no longer in use' },
  'left-company': { says: 'has left', reason: 'inactive_mailbox', sample: '550 This person has left the company' },
  moved: {
    says: 'has moved',
    reason: 'inactive_mailbox',
    sample: '551 5.1.6 User has moved; please try a@example.net',
  },
  discontinued: { says: 'discontinued', reason: 'inactive_mailbox', sample: '550 5.2.1 Mailbox discontinued' },
  'not-accepting': {
    says: 'not accepting mail',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 This mailbox is not accepting mail',
  },
  'not-accepting-messages': {
    says: 'not accepting messages',
    reason: 'inactive_mailbox',
    sample: '550 5.2.1 Mailbox not accepting messages',
  },
};

export const full: Rows = {
  'over-quota': { says: 'over quota', reason: 'mailbox_full', sample: '552 5.2.2 <a@example.com>: user is over quota' },
  overquota: { says: 'overquota', reason: 'mailbox_full', sample: '552 5.2.2 a: overquota' },
  'over-its-quota': { says: 'over its quota', reason: 'mailbox_full', sample: '452 4.2.2 Mailbox is over its quota' },
  'over-storage': {
    says: 'over its storage limit',
    reason: 'mailbox_full',
    sample: '422 The mailbox is over its storage limit',
  },
  'quota-exceeded': { says: 'quota exceeded', reason: 'mailbox_full', sample: '552 5.2.2 Mailbox quota exceeded' },
  'exceeded-quota': {
    says: 'exceed* + mailbox + quota',
    reason: 'mailbox_full',
    sample: '552 5.2.2 Mail would exceed the quota of the mailbox',
  },
  'exceeded-its-quota': {
    says: 'exceeded + quota',
    code: '5',
    reason: 'mailbox_full',
    sample: '552 5.2.2 User has exceeded the quota',
  },
  'exceeds-quota': {
    says: 'exceeds + quota',
    reason: 'mailbox_full',
    sample: '552 5.2.2 This message exceeds the quota of a',
  },
  'quota-exceed': { says: 'quota + exceed', reason: 'mailbox_full', sample: '552 5.2.2 Its quota would exceed' },
  'disk-quota': { says: 'disk quota', reason: 'mailbox_full', sample: '452 4.2.2 Disk quota reached' },
  'quota-full': { says: 'quota full', reason: 'mailbox_full', sample: '552 5.2.2 Quota full' },
  'mailbox-full': { says: 'mailbox full', reason: 'mailbox_full', sample: '552 5.2.2 <a@example.com>: Mailbox full' },
  'mailbox-is-full': {
    says: 'mailbox is full',
    reason: 'mailbox_full',
    sample: '452 4.2.2 <a@example.com>: Mailbox is full',
  },
  'mailbox-almost': {
    says: 'mailbox + full',
    reason: 'mailbox_full',
    sample: '552 5.2.2 The mailbox of a is already full',
  },
  'inbox-full': { says: 'inbox + full', reason: 'mailbox_full', sample: '552 5.2.2 Inbox is full' },
  'account-full': { says: 'account + full', reason: 'mailbox_full', sample: '552 5.2.2 Account is full' },
  'storage-full': { says: 'storage full', reason: 'mailbox_full', sample: '552 5.2.2 User storage full' },
  'storage-allocation': {
    says: 'exceeded storage allocation',
    reason: 'mailbox_full',
    sample: '552 Requested mail action aborted: exceeded storage allocation',
  },
  'storage-exceeded': { says: 'storage + exceeded', reason: 'mailbox_full', sample: '552 5.2.2 Storage of a exceeded' },
  'mailbox-size': {
    says: 'mailbox size limit',
    reason: 'mailbox_full',
    sample: '552 5.2.2 Mailbox size limit reached',
  },
  'not-enough': {
    says: 'not enough + space',
    reason: 'mailbox_full',
    sample: '452 4.2.2 Not enough space in the mailbox',
  },
  'no-space': { says: 'no space', reason: 'mailbox_full', sample: '452 4.2.2 Mailbox has no space left' },
  'file-too-large': {
    says: 'file too large',
    reason: 'mailbox_full',
    sample: 'cannot append message to file /var/mail/a: File too large',
  },
  german: { says: 'postfach + voll', reason: 'mailbox_full', sample: '552 5.2.2 Postfach ist voll' },
  french: { says: 'boite + pleine', reason: 'mailbox_full', sample: '552 5.2.2 Boîte aux lettres pleine' },
  italian: { says: 'casella + piena', reason: 'mailbox_full', sample: '552 5.2.2 Casella piena' },
  spanish: { says: 'buzon + lleno', reason: 'mailbox_full', sample: '552 5.2.2 Buzón lleno' },
  portuguese: { says: 'caixa + cheia', reason: 'mailbox_full', sample: '552 5.2.2 Caixa postal cheia' },
};

export const unwilling: Rows = {
  'blocked-sender': {
    says: 'recipient has blocked',
    reason: 'recipient_block',
    sample: '550 5.7.1 Recipient has blocked the sender',
  },
  'blocked-by-recipient': {
    says: 'blocked by recipient',
    reason: 'recipient_block',
    sample: '550 5.7.1 Sender blocked by recipient',
  },
  'blocked-by-user': {
    says: 'blocked by user*',
    reason: 'recipient_block',
    sample: "550 5.7.1 Blocked by user's list",
  },
  'user-denylist': { says: 'user denylist', reason: 'recipient_block', sample: '550 Sender is on user denylist' },
  'user-blacklist': { says: 'user blacklist', reason: 'recipient_block', sample: '550 Sender is on user blacklist' },
  'personal-blacklist': {
    says: 'personal blacklist',
    reason: 'recipient_block',
    sample: '550 Sender is on a personal blacklist',
  },
  'from-this-sender': {
    says: 'does not accept mail from',
    reason: 'recipient_block',
    sample: '550 5.7.1 Recipient does not accept mail from you',
  },
  'not-accept-messages': {
    says: 'not accept messages from',
    reason: 'recipient_block',
    sample: '550 5.7.1 a does not accept messages from you',
  },
  'refuses-mail': {
    says: 'recipient refuse*',
    reason: 'recipient_block',
    sample: '550 5.7.1 The recipient refuses your mail',
  },
  'members-only': {
    says: 'restricted to members',
    reason: 'recipient_block',
    sample: '550 5.7.2 Posting is restricted to members',
  },
  'not-allowed-list': {
    says: 'not allowed + list',
    reason: 'recipient_block',
    sample: '550 5.7.2 You are not allowed to post to this list',
  },
  'not-authorized-recipient': {
    says: 'not authorized to send to',
    reason: 'recipient_block',
    sample: '550 5.7.1 Not authorized to send to this recipient',
  },
  'delivery-restriction': {
    says: 'delivery restriction',
    reason: 'recipient_block',
    sample: '550 5.7.1 Delivery restriction check failed',
  },
  challenge: {
    says: 'challenge response',
    reason: 'recipient_block',
    sample: '550 5.7.1 Answer the challenge/response first',
  },
};

export const badDomain: Rows = {
  'null-mx': { says: 'null mx', reason: 'bad_domain', sample: '556 5.1.10 Recipient address has a null MX' },
  nullmx: { says: 'nullmx', reason: 'bad_domain', sample: 'Domain example.com does not accept mail (nullMX)' },
  'host-or-domain': {
    says: 'host or domain name not found + try again',
    reason: 'bad_domain',
    code: '4',
    sample: '4.4.3 Host or domain name not found. Host not found, try again',
  },
  'host-or-domain-not-found': {
    says: 'host or domain name not found',
    reason: 'bad_domain',
    sample: 'Host or domain name not found. Name service error for name=x.example type=MX',
  },
  'domain-not-found': {
    says: 'domain not found',
    reason: 'bad_domain',
    sample: '550 5.1.2 <a@x.example>: Recipient address rejected: Domain not found',
  },
  'domain-name-not-found': {
    says: 'domain name not found',
    reason: 'bad_domain',
    sample: '512 5.1.2 Bad destination: domain name not found',
  },
  'host-unknown': { says: 'host unknown', reason: 'bad_domain', sample: '550 5.1.2 <a@x.example>... Host unknown' },
  'unknown-host': { says: 'unknown host', reason: 'bad_domain', sample: '550 5.1.2 Unknown host x.example' },
  'unknown-domain': { says: 'unknown domain', reason: 'bad_domain', sample: '550 5.1.2 Unknown domain' },
  'invalid-domain': { says: 'invalid domain', reason: 'bad_domain', sample: '550 5.1.2 Invalid domain' },
  'host-not-found': { says: 'host not found', reason: 'bad_domain', sample: '5.4.4 x.example: Host not found' },
  nxdomain: { says: 'nxdomain', reason: 'bad_domain', sample: '5.1.2 (DNS error looking up x.example: NXDOMAIN)' },
  'no-mx': { says: 'no mx', reason: 'bad_domain', sample: '550 5.4.4 no MX or A for domain' },
  'non-existent-hosts': {
    says: 'non existent hosts',
    reason: 'bad_domain',
    sample: 'all relevant MX records point to non-existent hosts',
  },
  'domain-not-exist': {
    says: 'domain + does not exist',
    reason: 'bad_domain',
    sample: '550 5.4.310 DNS domain x.example does not exist',
  },
  'not-find-host': {
    says: 'find any host named',
    reason: 'bad_domain',
    sample: "Sorry, I couldn't find any host named x.example. (#5.1.2)",
  },
  'not-find-mx': {
    says: 'find a mail exchanger',
    reason: 'bad_domain',
    sample: "Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)",
  },
  'domain-no-mail': {
    says: 'domain + does not accept mail',
    reason: 'bad_domain',
    sample: '550 The domain x.example does not accept mail',
  },
  'bad-destination-host': {
    says: 'bad destination host',
    reason: 'bad_domain',
    sample: '5.1.2 (bad destination host)',
  },
  'bad-destination-system': {
    says: 'bad destination system',
    reason: 'bad_domain',
    sample: '5.1.2 bad destination system',
  },
  'name-server': {
    says: 'name server + no data known',
    reason: 'bad_domain',
    sample: '550 5.1.2 x.example (Name server: no data known)',
  },
};

export const route: Rows = {
  'loops-back': {
    says: 'loops back to myself',
    reason: 'routing',
    sample: 'mail for example.com loops back to myself',
  },
  'points-back': {
    says: 'points back to',
    reason: 'routing',
    sample: '554 5.3.5 MX list for example.com points back to mx.example.com',
  },
  looping: { says: 'looping', reason: 'routing', sample: 'This message is looping: it has my Delivered-To line' },
  'mail-loop': { says: 'mail loop', reason: 'routing', sample: '554 5.4.6 possible mail loop' },
  'loop-detected': { says: 'loop detected', reason: 'routing', sample: '554 5.4.6 Loop detected' },
  'routing-loop': { says: 'routing loop', reason: 'routing', sample: '554 5.4.6 Routing loop found' },
  hops: { says: 'too many hops', reason: 'routing', sample: '554 5.4.6 Too many hops' },
  'hop-count': { says: 'hop count', reason: 'routing', sample: '554 5.4.14 Hop count exceeded' },
  received: { says: 'too many received', reason: 'routing', sample: '554 5.4.6 Too many Received headers' },
  unrouteable: { says: 'unrouteable', reason: 'routing', sample: '550 Unrouteable address' },
  unroutable: { says: 'unroutable', reason: 'routing', sample: '550 Unroutable address' },
  'cannot-route': { says: 'unable to route', reason: 'routing', sample: '550 5.4.4 Unable to route' },
};

/** Words that mean the recipient only when nothing above had a better reading. */
export const unknownUserPerhaps: Rows = {
  'mailbox-unavailable-later': {
    says: 'mailbox unavailable',
    code: '4',
    reason: 'system_temp',
    scope: 'recipient',
    sample: '450 Requested action not taken: mailbox unavailable',
  },
  'mailbox-unavailable': {
    says: 'mailbox unavailable',
    reason: 'invalid_recipient',
    sample: '550 <a@example.com>: Requested action not taken: mailbox unavailable',
  },
  'mailbox-is-unavailable': {
    says: 'mailbox is unavailable',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 Mailbox is unavailable',
  },
  'does-not-exist': {
    says: 'does not exist',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 recipient <a@example.com> does not exist here',
  },
  'doesnt-exist': { says: "doesn't exist", reason: 'invalid_recipient', sample: "550 Mailbox a doesn't exist" },
  'not-exist': { says: 'not exist', reason: 'invalid_recipient', sample: '550 User not exist' },
  nonexistent: { says: 'nonexistent', reason: 'invalid_recipient', sample: '550 5.1.1 nonexistent mailbox' },
  'non-existent': { says: 'non existent', reason: 'invalid_recipient', sample: '550 5.1.1 non-existent user' },
  'no-such': { says: 'no such', reason: 'invalid_recipient', sample: '550 No such name here' },
  'not-known': { says: 'not known', reason: 'invalid_recipient', sample: '550 a not known here' },
  'user + unknown': {
    says: 'user + unknown',
    reason: 'invalid_recipient',
    sample: '550 The user you named is unknown',
  },
  'not-found': { says: 'not found', code: '5', reason: 'invalid_recipient', sample: '550 5.1.1 a not found' },
  'bad-address-syntax': {
    says: 'bad recipient address',
    reason: 'invalid_recipient',
    sample: '501 5.1.3 Bad recipient address syntax',
  },
  'invalid-address': { says: 'invalid address', reason: 'invalid_recipient', sample: '501 5.1.3 Invalid address' },
  'invalid-route': {
    says: 'invalid route address',
    reason: 'invalid_recipient',
    sample: '553 5.1.3 <a b@example.com>... Invalid route address',
  },
  'address-rejected-number': {
    says: 'address rejected',
    code: '5',
    reason: 'invalid_recipient',
    sample: '550 #5.1.0 Address rejected.',
  },
  'recipient-rejected': {
    says: 'recipient rejected',
    code: '5',
    reason: 'invalid_recipient',
    sample: '550 5.1.1 <a@example.com> recipient rejected',
  },
  'recipient-refused': {
    says: 'recipient refused',
    code: '5',
    reason: 'invalid_recipient',
    sample: '550 Recipient refused',
  },
};
