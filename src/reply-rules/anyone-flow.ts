/** Anyone's replies about pace and state: come back later, slower, over another path (RFC 5321 4yz, RFC 3463 X.3 and X.4). */
import type { Rows } from './row.ts';

/** What our own side says when it stops trying or never does. */
export const givingUp: Rows = {
  'retry-timeout': { says: 'retry timeout exceeded', reason: 'expired', sample: 'retry timeout exceeded' },
  'time-in-queue': {
    says: 'exceeded max time',
    reason: 'expired',
    sample: '554 5.4.7 [internal] exceeded max time without delivery',
  },
  'delivery-expired': { says: 'delivery expired', reason: 'expired', sample: '554 5.4.7 Delivery expired (too old)' },
  'too-old': { says: 'message too old', reason: 'expired', sample: '5.4.7 (message too old)' },
  'time-expired': { says: 'delivery time expired', reason: 'expired', sample: '4.4.7 delivery time expired' },
  'message-expired': { says: 'message expired', reason: 'expired', sample: '554 5.4.7 Message expired' },
  'message-has-expired': { says: 'message has expired', reason: 'expired', sample: '4.4.7 message has expired' },
  'queue-expired': { says: 'in the queue too long', reason: 'expired', sample: 'Message was in the queue too long' },
  'queue-too-long': { says: 'in queue too long', reason: 'expired', sample: '554 5.4.7 Message in queue too long' },
  returned: { says: 'expired returned to sender', reason: 'expired', sample: 'expired, returned to sender' },
  'giving-up': { says: 'days giving up', reason: 'expired', sample: 'Not delivered for 5 days; giving up' },
  'could-not-for': {
    says: 'could not be delivered for',
    reason: 'expired',
    sample: 'Message could not be delivered for 4 days',
  },
  suppressed: {
    says: 'suppressed',
    reason: 'policy',
    class: 'admin',
    scope: 'recipient',
    action: 'remove_recipient',
    sample: '554 5.7.1 recipient address suppressed due to customer policy',
  },
  'suppression-list': {
    says: 'suppression list',
    reason: 'policy',
    class: 'admin',
    scope: 'recipient',
    action: 'remove_recipient',
    sample: 'Recipient is on the account suppression list',
  },
  'previously-bounced': {
    says: 'previously bounced',
    reason: 'policy',
    class: 'admin',
    scope: 'recipient',
    action: 'remove_recipient',
    sample: '605 Not delivering to previously bounced address',
  },
  'bounced-by-operator': {
    says: 'bounced by administrator',
    reason: 'policy',
    class: 'admin',
    sample: '554 5.7.1 message bounced by administrator',
  },
  'deleted-by-operator': {
    says: 'deleted by administrator',
    reason: 'policy',
    class: 'admin',
    sample: '554 5.7.1 message deleted by administrator',
  },
};

export const greylisting: Rows = {
  greylist: {
    says: 'greylist*',
    reason: 'greylist',
    sample: '450 4.2.0 <a@example.com>: Recipient rejected: Greylisted',
  },
  graylist: { says: 'graylist*', reason: 'greylist', sample: '451 4.7.1 Graylisted, please retry' },
  'grey-list': { says: 'grey list*', reason: 'greylist', sample: '451 Deferred by grey listing' },
  'gray-list': { says: 'gray list*', reason: 'greylist', sample: '451 Deferred by gray-listing' },
  tempgrey: { says: 'tempgrey*', reason: 'greylist', sample: '451 4.7.1 Please try again (TEMPGREY)' },
  postgrey: { says: 'postgrey', reason: 'greylist', sample: '450 4.2.0 see http://postgrey.example.org/help' },
};

/** Refusals to mail faster or more than the sender's own plan allows. */
export const ownQuota: Rows = {
  'sending-limit': { says: 'sending limit', reason: 'sender_quota', sample: '550 5.4.5 Your sending limit is reached' },
  'sending-quota': { says: 'sending quota', reason: 'sender_quota', sample: '454 Sending quota exceeded' },
  'sender-quota': { says: 'sender quota', reason: 'sender_quota', sample: '452 4.7.1 Sender quota exceeded' },
  'quota-to-send': { says: 'quota to send', reason: 'sender_quota', sample: '450 4.7.1 Your quota to send is used up' },
  credits: { says: 'credits exceeded', reason: 'sender_quota', sample: '451 Maximum credits exceeded' },
  'daily-quota': { says: 'daily quota', reason: 'sender_quota', sample: '452 4.7.1 Your daily quota is exceeded' },
};

/** "Try again in five minutes" is a greylist when nothing says that it is a limit. */
export const comeBack: Rows = {
  'first-time': {
    says: 'first time',
    code: '4',
    reason: 'greylist',
    sample: '451 4.7.1 First time seen, please wait',
  },
  minutes: { says: 'again in + minutes', code: '4', reason: 'greylist', sample: '451 4.7.1 Try again in 5 minutes' },
  seconds: { says: 'again in + seconds', code: '4', reason: 'greylist', sample: '450 4.7.1 Try again in 300 seconds' },
  'again-minutes': {
    says: 'again after + minutes',
    code: '4',
    reason: 'greylist',
    sample: '451 Try again after 5 minutes',
  },
  'retry-minutes': {
    says: 'retry in + minutes',
    code: '4',
    reason: 'greylist',
    sample: '451 4.7.1 Retry in 10 minutes',
  },
  'retry-seconds': {
    says: 'retry in + seconds',
    code: '4',
    reason: 'greylist',
    sample: '451 4.7.1 Retry in 180 seconds',
  },
};

export const throttling: Rows = {
  'too-many-recipients-time': {
    says: 'too many recipients + hour',
    reason: 'throttle',
    sample: '452 4.3.1 Too many recipients this hour',
  },
  'too-many-recipients': {
    says: 'too many recipients',
    reason: 'too_many_recipients',
    sample: '452 4.5.3 Error: too many recipients',
  },
  'recipient-limit': {
    says: 'maximum number of recipients',
    reason: 'too_many_recipients',
    sample: '452 4.5.3 The maximum number of recipients for a message is exceeded',
  },
  'recipients-exceeded': {
    says: 'recipients exceeded',
    reason: 'too_many_recipients',
    sample: '550 5.5.3 Number of recipients exceeded',
  },
  'number-of-recipients': {
    says: 'number of recipients + exceed*',
    reason: 'too_many_recipients',
    sample: '452 4.5.3 Number of recipients for this message exceeds the limit',
  },
  'recipient-too-much': {
    says: 'receiving too much',
    reason: 'recipient_rate',
    sample: '452 4.2.1 Recipient is receiving too much mail',
  },
  'recipient-quickly': {
    says: 'receiving mail + quickly',
    reason: 'recipient_rate',
    sample: '450 4.2.1 The mailbox is receiving mail very quickly',
  },
  'connections-ip': {
    says: 'too many connections',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 4.7.0 mx.example.com Error: too many connections from 192.0.2.10',
  },
  'connections-smtp': {
    says: 'too many concurrent',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 Too many concurrent SMTP connections; try later.',
  },
  'connections-simultaneous': {
    says: 'too many simultaneous',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 4.7.0 Too many simultaneous connections',
  },
  'connections-open': {
    says: 'too many open connections',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 4.3.2 Too many open connections.',
  },
  'connections-your': {
    says: 'too many + connections',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 4.7.0 Too many SMTP connections from your host',
  },
  'connections-limit': {
    says: 'connection + limit*',
    code: '4',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 4.3.2 Connection limit exceeded',
  },
  'connections-number': {
    says: 'number of connections',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 Maximum number of connections reached',
  },
  'connections-maximum': {
    says: 'maximum connections',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 4.7.0 Maximum connections reached',
  },
  session: {
    says: 'too many + session',
    reason: 'throttle',
    scope: 'connection',
    sample: '452 4.3.1 Too many messages in this session',
  },
  'too-much-mail': {
    says: 'too much mail',
    reason: 'throttle',
    sample: '450 4.7.1 Error: too much mail from 192.0.2.10',
  },
  'too-much-email': { says: 'too much email', reason: 'throttle', sample: '450 4.7.1 You send too much email' },
  'messages-on-server': {
    says: 'too many messages on the server',
    reason: 'mailbox_full',
    sample: '550 User has too many messages on the server',
  },
  'too-many-messages': {
    says: 'too many messages',
    reason: 'throttle',
    sample: '450 4.7.1 Too many messages from you',
  },
  'too-many-mails': { says: 'too many mails', reason: 'throttle', sample: '450 4.7.1 Too many mails, wait' },
  'too-many-emails': { says: 'too many emails', reason: 'throttle', sample: '450 4.7.1 Too many emails from you' },
  'too-many-errors': {
    says: 'too many errors',
    reason: 'throttle',
    sample: '421 4.7.0 mx.example.com Error: too many errors',
  },
  'too-many-bad': { says: 'too many bad', reason: 'throttle', sample: '421 Too many bad commands' },
  'too-fast': { says: 'too fast', reason: 'throttle', sample: '421 4.7.0 Sending too fast' },
  'too-quickly': { says: 'too quickly', reason: 'throttle', sample: '421 4.7.0 Sending mail too quickly' },
  'too-often': { says: 'too often', reason: 'throttle', sample: '421 4.7.0 You connect too often' },
  'too-frequent': { says: 'too frequent*', reason: 'throttle', sample: '421 4.7.0 Connecting too frequently' },
  'rate-limit': { says: 'rate limit*', reason: 'throttle', sample: '451 4.7.1 Rate limit exceeded' },
  'rate-exceeded': { says: 'rate exceeded', reason: 'throttle', sample: '450 4.7.1 Message rate exceeded' },
  'rate-exceeds': { says: 'rate exceeds', reason: 'throttle', sample: '450 4.7.1 Your rate exceeds ours' },
  ratelimit: { says: 'ratelimit*', reason: 'throttle', sample: '451 4.7.1 Sender ratelimited' },
  'rate-control': { says: 'rate control*', reason: 'throttle', sample: '450 4.7.1 Deferred by rate control' },
  throttled: { says: 'throttl*', reason: 'throttle', sample: '421 4.7.0 You are being throttled' },
  slower: { says: 'slower', reason: 'throttle', sample: '451 4.7.1 Please try again slower' },
  'mail-bomb': { says: 'mail bomb', reason: 'throttle', sample: '450 4.3.2 Mail bomb suspected' },
  'slow-down': { says: 'slow down', reason: 'throttle', sample: '451 4.7.1 Please slow down' },
  frequency: { says: 'frequency limit*', reason: 'throttle', sample: '451 Frequency limited' },
  'message-limit': { says: 'message limit', reason: 'throttle', sample: '450 4.7.1 Hourly message limit reached' },
  'hourly-limit': { says: 'hour + limit*', code: '4', reason: 'throttle', sample: '450 4.7.1 Limit per hour reached' },
  'daily-limit': { says: 'daily limit', reason: 'throttle', sample: '452 4.7.1 Daily limit of mail reached' },
  'per-hour': { says: 'per hour', reason: 'throttle', sample: '550 5.7.1 Over 500 messages per hour' },
  'exceeded-allowed': {
    says: 'exceeded + messages',
    code: '4',
    reason: 'throttle',
    sample: '451 4.7.1 You have exceeded your share of messages',
  },
  'server-busy': { says: 'server busy', reason: 'throttle', sample: '421 4.4.5 Server busy, try later' },
  'server-too-busy': { says: 'server too busy', reason: 'throttle', sample: '421 4.3.2 Server too busy' },
  'is-busy': { says: 'is busy', code: '4', reason: 'system_temp', sample: '421 4.3.2 mx1 is busy, come back' },
  'too-busy': { says: 'too busy', reason: 'system_temp', sample: '421 4.3.2 Too busy right now' },
  volume: { says: 'unusual volume', reason: 'throttle', sample: '421 4.7.0 Deferred: unusual volume of mail' },
};

/** What our own MTA, or the first line of the other, says of the way there. */
export const path: Rows = {
  'timed-out': {
    says: 'timed out',
    reason: 'connection',
    sample: 'connect to mx.example.com[192.0.2.1]:25: Connection timed out',
  },
  timeout: { says: 'timeout', reason: 'connection', sample: '421 4.4.2 mx.example.com Error: timeout exceeded' },
  'refused-final': {
    says: 'connection refused',
    code: '521 550 554',
    reason: 'reputation_block',
    sample: '554 mx.example.com Connection refused',
  },
  refused: {
    says: 'connection refused',
    reason: 'connection',
    sample: 'connect to mx.example.com[192.0.2.1]:25: Connection refused',
  },
  reset: { says: 'connection reset', reason: 'connection', sample: 'Deferred: Connection reset by mx.example.com.' },
  dropped: {
    says: 'connection dropped',
    reason: 'connection',
    sample: '421 4.4.2 Connection dropped due to SocketError',
  },
  lost: {
    says: 'lost connection',
    reason: 'connection',
    sample: 'lost connection with mx.example.com while sending RCPT TO',
  },
  'connection-lost': { says: 'connection lost', reason: 'connection', sample: 'Connection lost to mx.example.com' },
  closed: {
    says: 'closed connection',
    reason: 'connection',
    sample: 'Remote host closed connection in response to data',
  },
  'connection-closed': {
    says: 'connection closed',
    reason: 'connection',
    sample: 'smtp; Connection closed unexpectedly',
  },
  'closed-the-connection': {
    says: 'closed the connection',
    reason: 'connection',
    sample: 'mx.example.com closed the connection',
  },
  terminated: { says: 'connection terminated', reason: 'connection', sample: '421 4.4.2 Connection terminated' },
  'connection-died': {
    says: 'connection died',
    reason: 'connection',
    sample: 'Connected to 192.0.2.1 but connection died.',
  },
  'bad-connection': { says: 'bad connection', reason: 'connection', sample: '4.4.2 (bad connection)' },
  'no-route': {
    says: 'no route to host',
    reason: 'connection',
    sample: 'connect to mx.example.com:25: No route to host',
  },
  unreachable: {
    says: 'unreachable',
    reason: 'connection',
    sample: 'connect to mx.example.com:25: Network is unreachable',
  },
  'no-answer': { says: 'no answer from host', reason: 'connection', sample: '4.4.1 (no answer from host)' },
  'not-responding': { says: 'not responding', reason: 'connection', sample: '4.4.1 remote host not responding' },
  'not-establish': {
    says: 'able to establish an smtp connection',
    reason: 'connection',
    sample: "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)",
  },
  'connect-any': {
    says: 'failed to connect to',
    reason: 'connection',
    sample: '400 4.4.7 failed to connect to any candidate hosts',
  },
  'unable-to-connect': {
    says: 'unable to connect',
    reason: 'connection',
    sample: '421 4.2.1 Unable to connect -> SocketTimedout',
  },
  'cannot-connect': {
    says: 'cannot connect',
    reason: 'connection',
    sample: '450 4.4.1 Cannot connect to remote server',
  },
  'could-not-connect': { says: 'could not connect', reason: 'connection', sample: 'Could not connect to SMTP host' },
  'couldnt-connect': { says: "couldn't connect", reason: 'connection', sample: "Couldn't connect to mx.example.com" },
  'connection-failed': { says: 'connection failed', reason: 'connection', sample: '4.4.1 SMTP connection failed' },
  'network-error': {
    says: 'network error',
    reason: 'connection',
    sample: 'Network error while talking to mx.example.com',
  },
  'tls-handshake': {
    says: 'tls + handshake',
    reason: 'connection',
    sample: 'Cannot start TLS: handshake failure',
  },
  'tls-not-available': {
    says: 'tls not available',
    reason: 'connection',
    sample: '454 4.7.0 TLS not available due to local problem',
  },
  dialing: { says: 'error dialing', reason: 'connection', sample: 'error dialing remote address: i/o trouble' },
  'socket-error': { says: 'socket error', reason: 'connection', sample: 'Socket error 10060' },
  'broken-pipe': { says: 'broken pipe', reason: 'connection', sample: 'Deferred: Broken pipe' },
  'bad-greeting': { says: 'bad greeting', reason: 'connection', sample: '4.4.0 Bad greeting from host' },
  eof: { says: 'unexpected eof', reason: 'connection', sample: 'smtp; unexpected EOF' },
};

export const machinery: Rows = {
  'mail-quota': { says: 'quota', reason: 'mailbox_full', sample: '552 Quota violation for a@example.com' },
  'disk-space-limit': {
    says: 'disk space limit',
    reason: 'mailbox_full',
    sample: 'a has reached the disk space limit',
  },
  'name-lookup': {
    says: 'name lookup fail*',
    reason: 'system_temp',
    sample: 'Deferred: Name server: host name lookup failure',
  },
  'dns-lookup': { says: 'dns lookup', reason: 'system_temp', sample: '451 4.4.0 DNS lookup did not work' },
  'dns-query': { says: 'dns query', reason: 'system_temp', sample: '451 4.4.0 DNS query failed' },
  'dns-failure': { says: 'dns failure', reason: 'system_temp', sample: '451 4.4.3 DNS failure' },
  'dns-soft': { says: 'dns soft error', reason: 'system_temp', sample: '4.4.3 DNS Soft Error looking up x.example' },
  servfail: { says: 'servfail', reason: 'system_temp', sample: '451 4.4.3 SERVFAIL for x.example' },
  'no-such-file': { says: 'no such file', reason: 'remote_misconfig', sample: '554 5.3.0 No such file or directory' },
  'mailer-error': { says: 'mailer error', reason: 'remote_misconfig', sample: '5.3.0 unknown mailer error 1' },
  'command-died': { says: 'command died', reason: 'remote_misconfig', sample: 'Command died with status 1' },
  'command-output': { says: 'command output', reason: 'remote_misconfig', sample: 'Command output: cannot chdir' },
  procmail: { says: 'procmail', reason: 'remote_misconfig', sample: 'x-unix; procmail: cannot lock' },
  'local-delivery': { says: 'local delivery failed', reason: 'remote_misconfig', sample: 'local delivery failed' },
  'mail-system-full': { says: 'mail system full', reason: 'system_temp', sample: '452 4.3.1 Mail system full' },
  'lookup-failure': {
    says: 'temporary lookup failure',
    reason: 'system_temp',
    sample: '451 4.3.0 <a@example.com>: Temporary lookup failure',
  },
  'local-problem': {
    says: 'temporary local problem',
    reason: 'system_temp',
    sample: '451 Temporary local problem - please try later',
  },
  'local-configuration-temporary': {
    says: 'configuration',
    code: '4',
    reason: 'system_temp',
    sample: '451 4.3.5 Server configuration problem',
  },
  'system-storage': {
    says: 'insufficient system',
    code: '4',
    reason: 'system_temp',
    sample: '452 4.3.1 Insufficient system storage',
  },
  'insufficient-storage': {
    says: 'insufficient + storage',
    reason: 'mailbox_full',
    sample: '552 5.2.2 Insufficient storage for the recipient',
  },
  'insufficient-disk': {
    says: 'insufficient disk',
    reason: 'system_temp',
    sample: '452 4.3.1 Insufficient disk space',
  },
  'queue-file': { says: 'queue file write', reason: 'system_temp', sample: '451 4.3.0 Error: queue file write error' },
  'qq-problem': { says: 'qq temporary', reason: 'system_temp', sample: '451 qq temporary problem (#4.3.0)' },
  'qqt-failure': { says: 'qqt failure', reason: 'system_temp', sample: '451 qqt failure (#4.3.0)' },
  milter: { says: 'milter', code: '4', reason: 'system_temp', sample: '451 4.3.0 milter unavailable' },
  'shutting-down': { says: 'shutting down', reason: 'system_temp', sample: '421 4.3.2 Service shutting down' },
  maintenance: { says: 'maintenance', reason: 'system_temp', sample: '421 4.3.2 Down for maintenance' },
  'error-in-processing': {
    says: 'error in processing',
    code: '4',
    reason: 'system_temp',
    sample: '451 4.5.0 Error in processing, id=1-2',
  },
  'upstream-error': { says: 'upstream error', code: '4', reason: 'system_temp', sample: '421 4.4.0 Upstream error' },
  'internal-error-temporary': {
    says: 'internal error',
    code: '4',
    reason: 'system_temp',
    sample: '451 4.3.0 Internal error',
  },
  'server-error-temporary': {
    says: 'server error',
    code: '4',
    reason: 'system_temp',
    sample: '451 4.3.2 Temporary server error',
  },
  'temporary-failure': { says: 'temporary failure', reason: 'system_temp', sample: '451 4.3.0 Temporary failure' },
  'temporary-error': { says: 'temporary error', reason: 'system_temp', sample: '451 4.3.0 Temporary error' },
  'temporary-problem': {
    says: 'temporary problem',
    reason: 'system_temp',
    sample: '451 4.3.0 There is a temporary problem',
  },
  'temporarily-unavailable': {
    says: 'temporarily unavailable',
    reason: 'system_temp',
    sample: '451 4.3.0 Server temporarily unavailable',
  },
  'temporarily-not': {
    says: 'temporarily not available',
    reason: 'system_temp',
    sample: '421 4.3.2 mx.example.com temporarily not available',
  },
  'resources-unavailable': {
    says: 'insufficient resources',
    reason: 'system_temp',
    sample: '452 4.3.1 Insufficient resources',
  },
  'not-available': {
    says: 'service not available',
    code: '4',
    reason: 'system_temp',
    sample: '421 Service not available, closing channel',
  },
  'service-unavailable': {
    says: 'service unavailable',
    code: '4',
    reason: 'system_temp',
    sample: '421 4.3.2 Service unavailable',
  },
  'currently-unavailable': {
    says: 'currently unavailable',
    code: '4',
    reason: 'system_temp',
    sample: '421 4.3.2 It is currently unavailable',
  },
  'destination-domains': {
    says: 'multiple destination domains per transaction',
    reason: 'system_temp',
    sample: '451 4.3.0 Multiple destination domains per transaction is unsupported.',
  },
  'local-configuration': {
    says: 'local configuration error',
    reason: 'remote_misconfig',
    sample: '554 5.3.5 Local configuration error',
  },
  'system-config': { says: 'system config error', reason: 'remote_misconfig', sample: '554 5.3.5 system config error' },
  misconfigured: { says: 'misconfigured', reason: 'remote_misconfig', sample: '550 5.3.5 mail server misconfigured' },
  'alias-database': {
    says: 'alias database',
    reason: 'remote_misconfig',
    sample: '550 5.3.0 cannot open alias database',
  },
  'internal-server-error': {
    says: 'internal server error',
    reason: 'remote_misconfig',
    sample: '554 5.3.0 Internal server error',
  },
  'internal-error': { says: 'internal error', reason: 'remote_misconfig', sample: '554 5.3.0 Internal error' },
  'try-later': {
    says: 'try again later',
    code: '4',
    reason: 'system_temp',
    sample: '450 4.3.2 Please try again later',
  },
};

/** What our own MTA says around the words of the other, when those were not known. */
export const wrapping: Rows = {
  'delivery-suspended': {
    says: 'delivery temporarily suspended',
    reason: 'connection',
    sample: 'delivery temporarily suspended: mx.example.com',
  },
  'refused-talk': {
    says: 'refused to talk to me',
    reason: 'connection',
    sample: 'host mx.example.com[192.0.2.1] refused to talk to me: 421 mx.example.com',
  },
};
