/**
 * PowerMTA's accounting files (CSV) become events, one a record (PowerMTA User's Guide 5.x, "Accounting", "Bounce Categories"),
 * whichever columns `record-fields` asks for.
 *
 * Longer than a plugin should be for its tables.
 */
import { z } from 'zod';
import { campaignOf, campaignRule } from '../campaign.ts';
import { Records } from '../csv.ts';
import type { BounceClass, MailEvent, ReplyReason } from '../event.ts';
import { ipOf, own } from '../foreign.ts';
import { kept } from '../recent.ts';
import type { Parsed, Post, Source, SourceDocs, SourceType } from '../source.ts';
import { nothing } from '../source.ts';
import { Clock, Domains, timeZone } from '../syslog.ts';

type Kind = 'accepted' | 'delivered' | 'deferred' | 'bounced' | 'complained' | 'unsubscribed';

/** `type`, the first column of every record. */
const TYPES: Record<string, Kind | 'ignored'> = {
  r: 'accepted',
  d: 'delivered',
  t: 'deferred',
  tq: 'deferred', // a whole queue could not be tried: no recipient, no sender
  b: 'bounced',
  rb: 'bounced', // came back as mail
  f: 'complained',
  rs: 'ignored', // a report that came in and tells of no failure: its message was counted as delivered
};

/** `feedbackType` of an `f` record (RFC 5965, RFC 6591); JMRP and others have none. What is not here is a complaint. */
const FEEDBACK: Record<string, 'unsubscribed' | 'ignored'> = {
  'opt-out': 'unsubscribed',
  'not-spam': 'ignored',
  'auth-failure': 'ignored',
  dmarc: 'ignored',
};

/** `bounceCat`. A site may add words of its own, which say nothing here; nor does its `other`. */
const CATEGORIES: Record<string, { class: BounceClass; reason: ReplyReason }> = {
  'bad-mailbox': { class: 'hard', reason: 'invalid_recipient' },
  'bad-domain': { class: 'hard', reason: 'bad_domain' },
  'inactive-mailbox': { class: 'hard', reason: 'inactive_mailbox' },
  'routing-errors': { class: 'hard', reason: 'routing' },
  'quota-issues': { class: 'soft', reason: 'mailbox_full' },
  'message-expired': { class: 'soft', reason: 'expired' },
  'no-answer-from-host': { class: 'soft', reason: 'connection' },
  'bad-connection': { class: 'soft', reason: 'connection' },
  'bad-configuration': { class: 'soft', reason: 'remote_misconfig' },
  'spam-related': { class: 'block', reason: 'reputation_block' },
  'spam-block': { class: 'block', reason: 'reputation_block' },
  'policy-related': { class: 'block', reason: 'policy' },
  'content-related': { class: 'block', reason: 'content_spam' },
  'virus-related': { class: 'block', reason: 'content_malware' },
  'relaying-issues': { class: 'block', reason: 'relay_denied' },
  'invalid-sender': { class: 'block', reason: 'sender_invalid' },
  'protocol-errors': { class: 'undetermined', reason: 'compliance_rfc' },
};

export const words = [
  ...Object.keys(TYPES),
  ...Object.keys(FEEDBACK).map((type) => ['f', type]),
  ...Object.keys(CATEGORIES).map((category) => ['b', category]),
];

/** Of a file with `records d, b` and no `record-fields`. */
const DEFAULT_COLUMNS = (
  'type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,' +
  'dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool'
).split(',');

const config = z.strictObject({
  columns: z
    .array(z.string())
    .min(2)
    .optional()
    .describe(
      'The header line as a list, for posts and files without one. Default: those of a file without `record-fields`',
    ),
  time_zone: timeZone,
  sending_ips: z
    .record(z.string(), z.ipv4().or(z.ipv6()))
    .default({})
    .describe('Public address by VirtualMTA or by local address: needed behind NAT, where dlvSourceIp is an inner one'),
  ...campaignRule,
  campaign_key: z
    .string()
    .default('')
    .describe('Column that names the campaign (header_X-Campaign, vmtaPool). Default: jobId'),
});
type Config = z.infer<typeof config>;

class PowerMta implements Source {
  #config: Config;
  #records: Records;
  #clock: Clock;
  #domains = new Domains();
  #parsed = nothing();
  #now = 0;
  /** Times of this run by their stamps: most records share theirs with others. */
  #times = new Map<string, number>();

  constructor(options: Config) {
    this.#config = options;
    this.#clock = new Clock(options.time_zone);
    this.#records = new Records({
      header: /^(?:#\s*)?(?="?type"?,)/,
      begin: new RegExp(`^"?(?:${Object.keys(TYPES).join('|')})"?,`),
      columns: options.columns ? [DEFAULT_COLUMNS, options.columns] : [DEFAULT_COLUMNS],
    });
  }

  parse(post: Post, now: number): Parsed {
    const parsed = nothing();
    this.#parsed = parsed;
    this.#now = now;
    this.#times.clear();
    this.#records.read(post, () => this.#record());
    parsed.invalid += this.#records.invalid;
    return parsed;
  }

  #record(): void {
    const records = this.#records;
    const type = records.field('type');
    const given = own(TYPES, type);
    const kind = type === 'f' ? (own(FEEDBACK, records.field('feedbackType').toLowerCase()) ?? given) : given;
    const at = this.#time(records.field('timeLogged'));
    if (Number.isNaN(at)) this.#parsed.invalid++;
    else if (kind === undefined) this.#parsed.unknown.push(type);
    else if (kind === 'ignored' || this.#isOfNoConcern(type)) this.#parsed.ignored++;
    else this.#parsed.events.push(this.#event(kind, type, at));
  }

  #time(stamp: string): number {
    let at = this.#times.get(stamp);
    if (at === undefined) {
      at = this.#clock.any(stamp, this.#now);
      this.#times.set(stamp, at);
    }
    return at;
  }

  /** Handed to a program, a file or nobody; or a notification, sent by PowerMTA itself or received (null sender). */
  #isOfNoConcern(type: string): boolean {
    const records = this.#records;
    const delivery = records.field('dlvType');
    if (delivery !== '' && delivery.toLowerCase() !== 'smtp') return true;
    if (type === 'f' || type === 'rb' || type === 'tq' || !records.has('orig')) return false;
    const sender = records.field('orig');
    return sender === '' || sender === '<>';
  }

  #event(kind: Kind, type: string, at: number): MailEvent {
    const records = this.#records;
    const fact = {
      // no record has an id of its own
      id: records.text,
      at,
      sendingDomain: this.#sendingDomain(type),
      sendingIp: this.#sendingIp(records.field(type === 'f' ? 'repSourceIp' : 'dlvSourceIp')),
      recipientDomain: this.#domain(records.field('rcpt')) || this.#queueDomain(),
      campaign: kept(this.#campaign()),
    };
    switch (kind) {
      case 'delivered':
        return { kind, ...fact, seconds: this.#seconds(at) };
      case 'deferred':
        return { kind, ...fact, reply: this.#reply() };
      case 'bounced': {
        const category = records.field('bounceCat');
        const verdict = own(CATEGORIES, category);
        // what it says then is of the last attempt, which was only deferred
        const reply = category === 'message-expired' ? '' : this.#reply();
        return { kind, ...fact, reply, class: verdict?.class, reason: verdict?.reason };
      }
      default:
        return { kind, ...fact };
    }
  }

  /** A report's own headers are not those of our mail, but it names the domain. */
  #sendingDomain(type: string): string {
    const records = this.#records;
    const author = type === 'f' ? `@${records.field('reportedDomain')}` : records.field('header_From');
    return this.#domain(author) || this.#domain(records.field('orig')) || this.#domain(records.field('header_From'));
  }

  #sendingIp(local: string): string {
    const { sending_ips } = this.#config;
    return own(sending_ips, this.#records.field('vmta')) ?? own(sending_ips, local) ?? kept(ipOf(local));
  }

  #campaign(): string {
    const key = this.#config.campaign_key;
    const records = this.#records;
    const job = records.field('jobId') || records.field('header_X-job');
    return campaignOf(this.#config, key === '' ? undefined : { [key]: records.field(key) }, job);
  }

  /** `totalSecondsQueued` exists since 5.0, the two times always. */
  #seconds(at: number): number | undefined {
    const written = this.#records.field('totalSecondsQueued');
    if (/^\d+(\.\d+)?$/.test(written)) return Number(written);
    const queued = this.#time(this.#records.field('timeQueued'));
    return queued <= at ? (at - queued) / 1000 : undefined;
  }

  /** "smtp;550 5.1.1 no such user"; without a code in it, the status goes in front: "5.1.2 (bad destination system address)". */
  #reply(): string {
    const said = this.#records.field('dsnDiag').replace(/^\s*[\w-]+\s*;\s*/, '');
    return /^\d{3}\b/.test(said) ? said : `${this.#records.field('dsnStatus')} ${said}`.trim();
  }

  /** `a@b`, or `Name <a@b>`. */
  #domain(address: string): string {
    return this.#domains.of(address, 0, address.endsWith('>') ? address.length - 1 : address.length);
  }

  /** "example.com/vmta1" */
  #queueDomain(): string {
    const queue = this.#records.field('queue');
    const slash = queue.indexOf('/');
    return slash > 0 ? this.#domain(`@${queue.slice(0, slash)}`) : '';
  }
}

const docs: SourceDocs = {
  fields: {
    identity: 'the place of the record in a followed file; the record itself when it is posted',
    sending_domain: '`header_From` where it is logged, else `orig`; of a feedback report `reportedDomain`',
    sending_ip: '`dlvSourceIp`, or `sending_ips`; of a feedback report `repSourceIp`',
    recipient_domain: '`rcpt`; of `tq` records the name of the queue',
    campaign: '`jobId` by `campaign_tag_prefix`, or the column that `campaign_key` names',
    reply: '`dsnDiag`, with `dsnStatus` in front when there is no code in it; `bounceCat` where they decide nothing',
    seconds: '`totalSecondsQueued`, else from `timeQueued` to `timeLogged`',
  },
  pointing:
    "An `<acct-file>` with `records d, b, t, r, f, rb` (by default it has `d` and `b` alone), named under `files`, or a `pipe` of it as standard input, or a log shipper's posts to `/hooks/NAME`. The header line says which column is what, at the begin of each file and in a post; until one is seen, `columns` does. Several files may have different columns if their number differs. `d` records of other deliveries than `smtp` and mail from the null sender are ignored, as are `rs` records.",
  authentication: 'A followed file needs none. Posted records are let in by `auth` alone.',
  answers:
    'A log shipper is answered 200 once its records are committed, and 503 when nothing can be taken: it has to send them again then. A followed file waits where it is.',
};

export default {
  summary:
    'PowerMTA: its accounting files (CSV), from a file, standard input (a pipe), or a log shipper; `records d, b, t, r, f, rb` tell all',
  transport: 'lines',
  config,
  gives: ['accepted', 'delivered', 'deferred', 'bounced', 'complained', 'unsubscribed'],
  docs,
  open: (options) => new PowerMta(options),
} satisfies SourceType<Config>;
