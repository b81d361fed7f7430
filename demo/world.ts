/**
 * The world that the demo feed speaks of, as tables: who sends from where, who receives, what goes right and wrong how
 * often, and which incidents there are. Names and addresses of senders are from RFC 2606, RFC 5737 and RFC 6761.
 */

import type { BounceClass, ReplyReason } from '../src/event.ts';

export type Voice = 'sendgrid' | 'postfix' | 'kumomta' | 'push';

/** Mail of one sending domain through one configured feed. */
export interface Stream {
  /** Key of the source in exporter.yml. */
  feed: string;
  voice: Voice;
  domain: string;
  /** Part of all messages; the shares add up to 1. */
  share: number;
  ips: readonly Weighted[];
  /** Empty: this mail belongs to no campaign. */
  campaigns: readonly Weighted[];
  /** How often people open and click compared with RATES; 0: nobody tracks it. */
  engagement: number;
}
export type Weighted = readonly [name: string, weight: number];

export const STREAMS: readonly Stream[] = [
  {
    feed: 'sendgrid',
    voice: 'sendgrid',
    domain: 'news.example.com',
    share: 0.45,
    ips: [
      ['192.0.2.10', 3],
      ['192.0.2.11', 3],
      ['192.0.2.12', 2],
    ],
    campaigns: [
      ['weekly-digest', 5],
      ['product-update', 3],
      ['welcome', 1],
    ],
    engagement: 1,
  },
  {
    feed: 'sendgrid-shop',
    voice: 'sendgrid',
    domain: 'shop.example.net',
    share: 0.2,
    ips: [
      ['198.51.100.20', 1],
      ['198.51.100.21', 1],
    ],
    campaigns: [
      ['spring-sale', 4],
      ['cart-reminder', 2],
      ['back-in-stock', 1],
    ],
    engagement: 1.2,
  },
  {
    feed: 'kumo',
    voice: 'kumomta',
    domain: 'offers.example.org',
    share: 0.16,
    ips: [
      ['203.0.113.30', 5],
      ['203.0.113.31', 1],
    ],
    campaigns: [
      ['daily-deals', 3],
      ['partner-offers', 1],
    ],
    engagement: 0,
  },
  {
    feed: 'kumo',
    voice: 'kumomta',
    domain: 'alerts.example.org',
    share: 0.05,
    ips: [['203.0.113.32', 1]],
    campaigns: [],
    engagement: 0,
  },
  {
    feed: 'mta1',
    voice: 'postfix',
    domain: 'billing.example.com',
    share: 0.07,
    ips: [['192.0.2.60', 1]],
    campaigns: [],
    engagement: 0,
  },
  {
    feed: 'mta1',
    voice: 'postfix',
    domain: 'accounts.example.com',
    share: 0.03,
    ips: [['192.0.2.60', 1]],
    campaigns: [],
    engagement: 0,
  },
  {
    feed: 'push',
    voice: 'push',
    domain: 'app.example.net',
    share: 0.04,
    ips: [['198.51.100.40', 1]],
    campaigns: [
      ['onboarding', 2],
      ['reminders', 1],
    ],
    engagement: 1.5,
  },
];

/** Who writes the replies; replies.ts has their words. */
export type Family = 'google' | 'microsoft' | 'yahoo' | 'apple' | 'united_internet' | 't_online' | 'orange' | 'small';

export interface Mailbox {
  domain: string;
  family: Family;
  share: number;
  mx: string;
  /** Of that host, from the documentation ranges. */
  peer: string;
  /** Median seconds from acceptance to delivery. */
  median: number;
  /** Whether its feedback loop tells senders of complaints (Gmail's does not name messages). */
  feedback: boolean;
}

const mailbox = (
  domain: string,
  family: Family,
  share: number,
  mx: string,
  peer: string,
  median: number,
  feedback = false,
): Mailbox => ({ domain, family, share, mx, peer, median, feedback });

export const MAILBOXES: readonly Mailbox[] = [
  mailbox('gmail.com', 'google', 38, 'gmail-smtp-in.l.google.com', '203.0.113.201', 1.1),
  mailbox('outlook.com', 'microsoft', 10, 'outlook-com.olc.protection.outlook.com', '203.0.113.202', 1.8, true),
  mailbox('hotmail.com', 'microsoft', 9, 'hotmail-com.olc.protection.outlook.com', '203.0.113.203', 1.8, true),
  mailbox('yahoo.com', 'yahoo', 8, 'mta5.am0.yahoodns.net', '203.0.113.204', 1.6, true),
  mailbox('aol.com', 'yahoo', 3, 'mx-aol.mail.gm0.yahoodns.net', '203.0.113.205', 1.6, true),
  mailbox('icloud.com', 'apple', 8, 'mx01.mail.icloud.com', '203.0.113.206', 1.3),
  mailbox('gmx.de', 'united_internet', 5, 'mx00.emig.gmx.net', '203.0.113.207', 2.2, true),
  mailbox('web.de', 'united_internet', 4, 'mx-ha02.web.de', '203.0.113.208', 2.2, true),
  mailbox('t-online.de', 't_online', 2, 'mx01.t-online.de', '203.0.113.209', 3),
  mailbox('orange.fr', 'orange', 3, 'smtp-in.orange.fr', '203.0.113.210', 4, true),
  mailbox('bakery.example', 'small', 3, 'mx.bakery.example', '198.51.100.211', 2.5),
  mailbox('university.example', 'small', 4, 'mx1.university.example', '198.51.100.212', 3.5),
  mailbox('clinic.example', 'small', 2, 'mail.clinic.example', '198.51.100.213', 6),
  mailbox('workshop.example', 'small', 1, 'mx.workshop.example', '198.51.100.214', 9),
];

/** Spread of the delivery time: sigma of a log-normal distribution around the median. */
export const SPREAD = 0.7;

/** Of all messages. */
export const RATES = {
  suppressed: 0.004,
  /** Of those accepted and not bounced: put off once or oftener before they get through. */
  deferred: 0.015,
  /** Of those delivered where there is a feedback loop, which 44 of 100 have: 0.02 % of all. */
  complained: 0.00045,
  /** Of those delivered; Apple and security gateways fetch pictures by themselves. */
  openedByMachine: 0.1,
  openedByPerson: 0.17,
  /** Of those opened by a person. */
  clicked: 0.12,
  unsubscribed: 0.004,
} as const;

/** Why a message is refused or put off, in this world; what classification should make of it is in FAULTS. */
export type Fault =
  | 'no_such_user'
  | 'inactive'
  | 'full'
  | 'content'
  | 'blocklist'
  | 'greylist'
  | 'throttle'
  | 'busy'
  | 'unreachable'
  | 'expired';

export const FAULTS: Record<Fault, { class: BounceClass; reason: ReplyReason }> = {
  no_such_user: { class: 'hard', reason: 'invalid_recipient' },
  inactive: { class: 'hard', reason: 'inactive_mailbox' },
  full: { class: 'soft', reason: 'mailbox_full' },
  content: { class: 'block', reason: 'content_spam' },
  blocklist: { class: 'block', reason: 'blocklist' },
  greylist: { class: 'soft', reason: 'greylist' },
  throttle: { class: 'soft', reason: 'throttle' },
  busy: { class: 'soft', reason: 'system_temp' },
  unreachable: { class: 'soft', reason: 'connection' },
  expired: { class: 'soft', reason: 'expired' },
};

/** Ordinary bounces, of all accepted messages: about 1 %. */
export const BOUNCES: readonly (readonly [Fault, number])[] = [
  ['no_such_user', 0.0048],
  ['inactive', 0.0012],
  ['full', 0.0024],
  ['content', 0.0014],
];

/** What an ordinary deferral says, by who says it. Weights. */
export const DEFERRALS: Record<'large' | 'small', readonly (readonly [Fault, number])[]> = {
  large: [
    ['throttle', 6],
    ['busy', 4],
  ],
  small: [
    ['greylist', 6],
    ['busy', 1],
    ['unreachable', 2],
  ],
};

/** Seconds to the second, third, … attempt after a deferral; when they are used up the message has expired. */
export const RETRY_GAPS = [60, 240, 600] as const;
/** Of the attempts that follow an ordinary deferral, how many are put off again. */
export const DEFERRED_AGAIN = 0.15;

/** Median seconds from delivery to what people and machines do, log-normal with this sigma, cut at the cap. */
export const REACTIONS = {
  machine: { median: 8, sigma: 0.8 },
  open: { median: 1500, sigma: 1.6 },
  click: { median: 25, sigma: 0.9 },
  complaint: { median: 2400, sigma: 1.2 },
  unsubscribe: { median: 40, sigma: 0.8 },
  capSeconds: 6 * 3600,
} as const;

/** Mail by the hour of the day, 1 at the busiest; between the hours it is interpolated. */
export const DAY_CURVE = [
  0.16, 0.12, 0.1, 0.1, 0.14, 0.24, 0.42, 0.66, 0.88, 1, 1, 0.94, 0.86, 0.84, 0.88, 0.9, 0.88, 0.84, 0.8, 0.72, 0.6,
  0.46, 0.32, 0.22,
] as const;

export interface Incident {
  /** The label `issue_type` of the alert that should come of it. */
  issue_type: string;
  domain: string;
  /** Only mail from this address; absent: all of the domain. */
  ip?: string;
  /** Only mail to these. */
  family?: Family;
  /** How many times the domain's usual volume is sent. */
  volume: number;
  /** The mail that goes wrong belongs to this campaign. */
  campaign?: string;
  /** That part of the mail bounces or is put off so. */
  fault?: { name: Fault; share: number };
  /** Those put off get through after this many seconds, log-normal but never below the floor. */
  slow?: { median: number; floor: number };
  /** That part of what is delivered where there is a feedback loop is complained of, after this many seconds. */
  complaints?: { share: number; median: number };
  /** What seed-list measurements of the domain see meanwhile. */
  inbox?: number;
}

export const INCIDENTS = {
  /** An old list was imported: most of its addresses are gone. */
  bounce_storm: {
    issue_type: 'high_bounce_rate',
    domain: 'news.example.com',
    volume: 2,
    campaign: 'win-back',
    fault: { name: 'no_such_user', share: 0.6 },
  },
  /** Mail nobody asked for. */
  complaint_storm: {
    issue_type: 'high_complaint_rate',
    domain: 'shop.example.net',
    volume: 2.2,
    campaign: 'flash-sale',
    complaints: { share: 0.12, median: 20 },
    inbox: 0.7,
  },
  /** One provider has put one address on its list, the one that most of the domain's mail leaves from. */
  provider_block: {
    issue_type: 'high_bounce_rate',
    domain: 'offers.example.org',
    ip: '203.0.113.30',
    family: 'microsoft',
    volume: 1.5,
    fault: { name: 'blocklist', share: 0.97 },
  },
  /** Everybody puts us off; what gets through is late. */
  slow_delivery: {
    issue_type: 'isp_throttling',
    domain: 'billing.example.com',
    volume: 1,
    fault: { name: 'throttle', share: 0.85 },
    slow: { median: 600, floor: 330 },
  },
} as const satisfies Record<string, Incident>;

export type IncidentName = keyof typeof INCIDENTS;

/** What happens unasked: minutes after the start, minutes it lasts; then again from the beginning. */
export const TIMELINE = {
  everyMinutes: 100,
  incidents: [
    ['bounce_storm', 5, 6],
    ['complaint_storm', 25, 12],
    ['provider_block', 45, 10],
    ['slow_delivery', 65, 20],
  ] as readonly (readonly [IncidentName, number, number])[],
} as const;

/** What happened in a made-up past: where in it, as a part of the whole, and how many minutes it lasted at most. */
export const PAST: readonly (readonly [IncidentName, number, number])[] = [
  ['bounce_storm', 0.15, 30],
  ['complaint_storm', 0.38, 45],
  ['provider_block', 0.6, 60],
  ['slow_delivery', 0.8, 60],
];
