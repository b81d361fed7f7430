/**
 * What receiving servers answer, in the words that each family of them uses: RFC 5321 replies with RFC 3463 codes, as
 * lines, so that every voice can join them the way its system does.
 */
import type { Family, Fault, Mailbox } from './world.ts';

export interface Reply {
  code: number;
  /** RFC 3463; '' where the family writes none. */
  status: string;
  lines: readonly string[];
}

const reply = (code: number, status: string, ...lines: string[]): Reply => ({ code, status, lines });

const SMALL: Record<Fault | 'taken', Reply> = {
  taken: reply(250, '2.0.0', 'Ok: queued as {queue}'),
  no_such_user: reply(550, '5.1.1', '<{rcpt}>: Recipient address rejected: User unknown in virtual mailbox table'),
  inactive: reply(550, '5.2.1', '<{rcpt}>: account has been disabled'),
  full: reply(552, '5.2.2', '<{rcpt}>: Mailbox full'),
  content: reply(554, '5.7.1', 'Message rejected as spam'),
  blocklist: reply(554, '5.7.1', 'Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org'),
  greylist: reply(450, '4.2.0', '<{rcpt}>: Recipient address rejected: Greylisted, try again in 300 seconds'),
  throttle: reply(450, '4.7.1', 'Error: too much mail from {ip}'),
  busy: reply(451, '4.3.0', 'Temporary lookup failure'),
  unreachable: reply(451, '4.4.1', 'connect to {mx}[{peer}]:25: Connection timed out'),
  expired: reply(450, '4.4.7', 'message has been in the queue too long'),
};

/** Where a family has no words of its own for a fault, it uses those of SMALL. */
const OWN: Record<Family, Partial<Record<Fault | 'taken', Reply>>> = {
  small: {},
  google: {
    taken: reply(250, '2.0.0', 'OK  {epoch} {queue}si{n}.42 - gsmtp'),
    no_such_user: reply(
      550,
      '5.1.1',
      'The email account that you tried to reach does not exist.',
      'Check the address for typos or spaces. {queue}si{n}.42 - gsmtp',
    ),
    inactive: reply(550, '5.2.1', 'The email account that you tried to reach is inactive. {queue} - gsmtp'),
    full: reply(452, '4.2.2', "The recipient's inbox is out of storage space. {queue} - gsmtp"),
    content: reply(
      550,
      '5.7.1',
      '[{ip}      12] This message is likely unsolicited email. To reduce the amount',
      'of spam sent to Gmail, this message has been blocked. {queue} - gsmtp',
    ),
    throttle: reply(
      421,
      '4.7.28',
      'Gmail has detected an unusual rate of email originating from your IP address {ip};',
      'it has been temporarily rate limited. {queue} - gsmtp',
    ),
    busy: reply(421, '4.3.0', 'Temporary System Problem.  Try again later. {queue} - gsmtp'),
  },
  microsoft: {
    taken: reply(250, '2.6.0', '<{queue}@{domain}> [InternalId={n}, Hostname=mx.example] Queued mail for delivery'),
    no_such_user: reply(550, '5.5.0', 'Requested action not taken: mailbox unavailable (S2017062302).'),
    full: reply(554, '5.2.2', 'mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException'),
    content: reply(
      550,
      '',
      'SC-001 Mail rejected by Outlook.com for policy reasons: content with spam-like characteristics',
    ),
    blocklist: reply(
      550,
      '5.7.1',
      "Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service provider",
      'since part of their network is on our block list (S3150).',
    ),
    throttle: reply(
      421,
      '',
      'RP-001 The mail server IP connecting to Outlook.com server has exceeded the rate limit allowed.',
    ),
  },
  yahoo: {
    taken: reply(250, '', 'ok dirdel'),
    no_such_user: reply(554, '', "delivery error: dd This user doesn't have a yahoo.com account ({rcpt}) [-5]"),
    inactive: reply(554, '', '30 Sorry, your message to {rcpt} cannot be delivered. This mailbox is disabled.'),
    blocklist: reply(553, '5.7.1', '[BL21] Connections will not be accepted from {ip}'),
    throttle: reply(
      421,
      '4.7.0',
      '[TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints',
    ),
    busy: reply(451, '', 'Resources temporarily not available - Please try again later'),
  },
  apple: {
    taken: reply(250, '2.0.0', 'Ok: queued as {queue}'),
    no_such_user: reply(550, '5.1.1', '<{rcpt}>: user does not exist'),
    full: reply(552, '5.2.2', '<{rcpt}>: user is over quota'),
    content: reply(550, '5.7.1', '[CS01] Message rejected due to local policy.'),
  },
  united_internet: {
    taken: reply(250, '', 'Requested mail action okay, completed: id={queue}'),
    no_such_user: reply(550, '', 'Requested action not taken: mailbox unavailable'),
    full: reply(
      552,
      '',
      'Requested mail action aborted: exceeded storage allocation',
      'Quota exceeded. The recipient is over quota.',
    ),
    content: reply(554, '', 'Transaction failed', 'Reject due to policy restrictions.'),
    blocklist: reply(554, '', 'No SMTP service', 'IP-address is block listed.'),
    throttle: reply(421, '', 'Rate limit reached. Please try again later'),
  },
  t_online: {
    taken: reply(250, '2.0.0', '{queue} Message accepted.'),
    content: reply(550, '5.7.0', 'Message has been rejected due to spam or virus classification'),
    blocklist: reply(554, '', 'IP={ip} - A problem occurred. Ask your postmaster for help. (BL)'),
  },
  orange: {
    taken: reply(250, '2.0.0', '{queue} mail accepted for delivery'),
    no_such_user: reply(550, '5.1.1', 'Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]'),
    full: reply(552, '5.1.1', 'Boite du destinataire pleine. Recipient overquota. OFR_417 [417]'),
    content: reply(550, '5.7.1', 'Mail rejete. Mail rejected. OFR_506 [506]'),
    throttle: reply(
      421,
      '',
      'mwinf5c79 ME Trop de connexions, veuillez verifier votre configuration. Too many connections.',
    ),
  },
};

export interface Particulars {
  rcpt: string;
  ip: string;
  n: number;
  queue: string;
  epoch: number;
}

/** What `mailbox` answers to the mail described by the particulars. */
export function replyOf(fault: Fault | 'taken', mailbox: Mailbox, about: Particulars): Reply {
  const template = OWN[mailbox.family][fault] ?? SMALL[fault];
  const values: Record<string, string> = {
    rcpt: about.rcpt,
    ip: about.ip,
    n: String(about.n),
    queue: about.queue,
    epoch: String(about.epoch),
    mx: mailbox.mx,
    peer: mailbox.peer,
    domain: mailbox.domain,
  };
  return {
    ...template,
    lines: template.lines.map((l) => l.replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '')),
  };
}

/** On one line, codes repeated, the way Postfix and SendGrid show a reply of several lines. */
export function joined({ code, status, lines }: Reply): string {
  const last = lines.length - 1;
  return lines.map((line, i) => `${code}${i < last ? '-' : ' '}${status === '' ? '' : `${status} `}${line}`).join(' ');
}
