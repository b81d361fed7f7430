/**
 * THE catalogue: every metric's name, help and labels, and the projection from a MailEvent to the counters it moves.
 * Naming follows Prometheus' "Metric and label naming"; docs/metrics.md is printed from here.
 */

import {
  AUTHENTICATION_METHODS,
  AUTHENTICATION_OUTCOMES,
  type AuthenticationMethod,
  type AuthenticationOutcome,
  type AuthenticationResult,
  BOUNCE_CLASSES,
  type BounceClass,
  type Kind,
  type MailEvent,
  REPLY_REASONS,
  type ReplyReason,
  SUPPRESSION_REASONS,
  type SuppressionReason,
} from './event.ts';
import type { Verdict } from './reply.ts';

/** What became of a reply, as far as counters tell it apart. */
export type Judgement = Pick<Verdict, 'class' | 'reason'>;

/** What a family is counted by. Free labels have a cap; see series.ts. */
export const SCOPES = {
  resource: ['source', 'sending_domain', 'sending_ip', 'provider'],
  campaign: ['source', 'sending_domain', 'campaign'],
  feed: ['source'],
} as const;
export type Scope = keyof typeof SCOPES;

export interface EventFamily {
  name: string;
  type: 'counter' | 'histogram';
  help: string;
  scope: Scope;
  /** Labels whose values are a closed list, so that their series are known beforehand. */
  closed: readonly (readonly [label: string, values: readonly string[]])[];
  /** Upper bounds in the family's unit, without +Inf. */
  buckets: readonly number[];
  /** Exposed at 0 as soon as a source that gives this kind shows a new resource. */
  zeroFor?: Kind;
  /** Index of its first series variant in `variants`. */
  first: number;
}

export interface Variant {
  family: EventFamily;
  /** One value for each closed label, in order. */
  values: readonly string[];
}

export const eventFamilies: EventFamily[] = [];
/** Every combination of a family and its closed label values, by number: what a series is within its scope. */
export const variants: Variant[] = [];

function define(family: Omit<EventFamily, 'first'>): EventFamily {
  const whole = { ...family, first: variants.length };
  eventFamilies.push(whole);
  const combine = (values: string[], rest: EventFamily['closed']): void => {
    const [next, ...others] = rest;
    if (!next) variants.push({ family: whole, values });
    else for (const value of next[1]) combine([...values, value], others);
  };
  combine([], family.closed);
  return whole;
}

function counter(
  name: string,
  scope: Scope,
  help: string,
  options: { closed?: EventFamily['closed']; zeroFor?: Kind } = {},
): EventFamily {
  const { closed = [], zeroFor } = options;
  return define({ name, type: 'counter', help, scope, closed, buckets: [], ...(zeroFor && { zeroFor }) });
}

const OPENERS = ['person', 'machine'] as const;
/** `counted` moved a counter of its own; all the others say why an item did not. */
export const RESULTS = ['counted', 'duplicate', 'late', 'future', 'ignored', 'unknown', 'invalid'] as const;
export type Result = (typeof RESULTS)[number];

const accepted = counter('email_accepted_total', 'resource', 'Messages our side took over for delivery.', {
  zeroFor: 'accepted',
});
const delivered = counter(
  'email_delivered_total',
  'resource',
  'Messages a receiving MTA took responsibility for; not inbox placement.',
  { zeroFor: 'delivered' },
);
const deferred = counter(
  'email_deferred_total',
  'resource',
  'Delivery attempts refused for now, by what the reply says. One message may be deferred often.',
  {
    closed: [['reason', REPLY_REASONS]],
  },
);
const bounced = counter(
  'email_bounced_total',
  'resource',
  'Messages refused for good or given up, by bounce class and by what the reply says.',
  {
    closed: [
      ['class', BOUNCE_CLASSES],
      ['reason', REPLY_REASONS],
    ],
  },
);
const suppressed = counter('email_suppressed_total', 'resource', 'Messages our own side declined to try, by why.', {
  closed: [['reason', SUPPRESSION_REASONS]],
});
const complaints = counter(
  'email_complaints_total',
  'resource',
  'Recipients who reported a message as spam through a feedback loop.',
  { zeroFor: 'complained' },
);
const opens = counter(
  'email_opens_total',
  'resource',
  'Opens, people apart from machines (privacy proxies, scanners) where the source tells them apart.',
  {
    closed: [['by', OPENERS]],
    zeroFor: 'opened',
  },
);
const clicks = counter('email_clicks_total', 'resource', 'Clicks on tracked links.', { zeroFor: 'clicked' });
const unsubscribes = counter(
  'email_unsubscribes_total',
  'resource',
  'Requests to leave, by link, header or list page.',
  { zeroFor: 'unsubscribed' },
);
const duration = define({
  name: 'email_delivery_duration_seconds',
  type: 'histogram',
  help: "Time from acceptance to delivery by the source's own clocks, where it tells.",
  scope: 'resource',
  closed: [],
  buckets: [1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 14400, 43200],
  zeroFor: 'delivered',
});
const campaignDelivered = counter(
  'email_campaign_delivered_total',
  'campaign',
  'Messages of a campaign that were delivered.',
  { zeroFor: 'delivered' },
);
const campaignBounced = counter(
  'email_campaign_bounced_total',
  'campaign',
  'Messages of a campaign that bounced, by bounce class.',
  {
    closed: [['class', BOUNCE_CLASSES]],
    zeroFor: 'bounced',
  },
);
const campaignComplaints = counter(
  'email_campaign_complaints_total',
  'campaign',
  'Spam reports on messages of a campaign.',
  { zeroFor: 'complained' },
);
const campaignOpens = counter(
  'email_campaign_opens_total',
  'campaign',
  'Opens of messages of a campaign, people apart from machines.',
  {
    closed: [['by', OPENERS]],
    zeroFor: 'opened',
  },
);
const campaignClicks = counter('email_campaign_clicks_total', 'campaign', 'Clicks in messages of a campaign.', {
  zeroFor: 'clicked',
});
const campaignUnsubscribes = counter(
  'email_campaign_unsubscribes_total',
  'campaign',
  'Requests to leave after messages of a campaign.',
  { zeroFor: 'unsubscribed' },
);
const spamScore = define({
  name: 'email_campaign_spam_score',
  type: 'histogram',
  help: 'Score a content filter gave to messages, by its own scale; below 0 counts as 0. campaign is empty where a message belongs to none.',
  scope: 'campaign',
  closed: [],
  buckets: [0, 1, 2, 3, 4, 5, 6, 8, 10, 15],
});
const spamVerdicts = counter(
  'email_campaign_spam_verdicts_total',
  'campaign',
  'Messages a content filter judged. campaign is empty where a message belongs to none.',
  { closed: [['verdict', ['clean', 'spam']]] },
);
const authentication = counter(
  'email_campaign_authentication_results_total',
  'campaign',
  'What receivers found of who messages are from (RFC 8601), one for each method of a message. campaign is empty where it belongs to none.',
  {
    closed: [
      ['method', AUTHENTICATION_METHODS],
      ['result', AUTHENTICATION_OUTCOMES],
    ],
  },
);
const results = counter(
  'deliverability_exporter_events_total',
  'feed',
  'Items received, by what became of them; only `counted` ones move email counters.',
  {
    closed: [['result', RESULTS]],
  },
);

const index = <T extends string>(values: readonly T[]) =>
  Object.fromEntries(values.map((v, i) => [v, i])) as Record<T, number>;
const CLASS: Record<BounceClass, number> = index(BOUNCE_CLASSES);
const REASON: Record<ReplyReason, number> = index(REPLY_REASONS);
const SUPPRESSION: Record<SuppressionReason, number> = index(SUPPRESSION_REASONS);
const RESULT: Record<Result, number> = index(RESULTS);
const METHOD: Record<AuthenticationMethod, number> = index(AUTHENTICATION_METHODS);
const OUTCOME: Record<AuthenticationOutcome, number> = index(AUTHENTICATION_OUTCOMES);

/** The variant in scope `resource` that an event moves. `verdict` matters for deferrals and bounces only. */
export function resourceVariant(event: MailEvent, verdict: Judgement): number {
  switch (event.kind) {
    case 'accepted':
      return accepted.first;
    case 'delivered':
      return delivered.first;
    case 'deferred':
      return deferred.first + REASON[verdict.reason];
    case 'bounced':
      return bounced.first + CLASS[verdict.class] * REPLY_REASONS.length + REASON[verdict.reason];
    case 'suppressed':
      return suppressed.first + SUPPRESSION[event.reason];
    case 'complained':
      return complaints.first;
    case 'opened':
      return opens.first + (event.by === 'person' ? 0 : 1);
    case 'clicked':
      return clicks.first;
    case 'unsubscribed':
      return unsubscribes.first;
  }
}

/** The variant in scope `campaign` that an event with a campaign moves; -1 when campaigns are not counted by it. */
export function campaignVariant(event: MailEvent, verdict: Judgement): number {
  switch (event.kind) {
    case 'delivered':
      return campaignDelivered.first;
    case 'bounced':
      return campaignBounced.first + CLASS[verdict.class];
    case 'complained':
      return campaignComplaints.first;
    case 'opened':
      return campaignOpens.first + (event.by === 'person' ? 0 : 1);
    case 'clicked':
      return campaignClicks.first;
    case 'unsubscribed':
      return campaignUnsubscribes.first;
    default:
      return -1;
  }
}

export const durationVariant = duration.first;
export const spamScoreVariant = spamScore.first;
export const spamVerdictVariant = (spam: boolean): number => spamVerdicts.first + (spam ? 1 : 0);
export const authenticationVariant = ({ method, result }: AuthenticationResult): number =>
  authentication.first + METHOD[method] * AUTHENTICATION_OUTCOMES.length + OUTCOME[result];
export const resultVariant = (result: Result): number => results.first + RESULT[result];

/** Variants of a scope that are exposed at 0 for a new member of it, given what its source can tell. */
export function zeroVariants(scope: Scope, gives: readonly Kind[]): number[] {
  const zero: number[] = [];
  variants.forEach(({ family }, variant) => {
    const known = scope === 'feed' || (family.zeroFor !== undefined && gives.includes(family.zeroFor));
    if (family.scope === scope && known) zero.push(variant);
  });
  return zero;
}

/** Gauges that pushed measurements set, by their R4 type; `unit` converts what people push to base units. */
const measurementLabels = ['source', 'sending_domain', 'sending_ip', 'campaign'] as const;
const measurement = (name: string, what: string) => ({
  name,
  help: `${what}, as last measured and pushed; absent a day after.`,
  labels: measurementLabels,
});
export const MEASUREMENTS = {
  bounce_rate: measurement('email_measurement_bounce_ratio', 'Share of messages that bounced (0 to 1)'),
  complaint_rate: measurement('email_measurement_complaint_ratio', 'Share of messages reported as spam (0 to 1)'),
  inbox_rate: measurement('email_measurement_inbox_ratio', 'Share of messages that reached the inbox (0 to 1)'),
  open_rate: measurement('email_measurement_open_ratio', 'Share of messages opened (0 to 1)'),
  click_rate: measurement('email_measurement_click_ratio', 'Share of messages clicked (0 to 1)'),
  delivery_time: measurement('email_measurement_delivery_seconds', 'Delivery time'),
  spam_score: measurement('email_measurement_spam_score', 'Score a content filter gave'),
} as const;

const gauge = (name: string, help: string, labels: readonly string[] = []) => ({ name, help, labels });
export const GAUGES = {
  measurementSamples: gauge('email_measurement_samples', 'Sample size behind a measurement.', [
    ...measurementLabels,
    'measurement',
  ]),
  measurementTimestamp: gauge('email_measurement_timestamp_seconds', 'When a measurement was taken.', [
    ...measurementLabels,
    'measurement',
  ]),
  warmupDay: gauge(
    'email_warmup_day',
    'Which day of its warm-up plan an address is in; 1 is the first, 0 and less lie before it.',
    ['sending_ip'],
  ),
  warmupPlan: gauge(
    'email_warmup_plan_messages',
    'Messages that the plan allows an address today (UTC); absent before and after the plan.',
    ['sending_ip'],
  ),
  buildInfo: gauge('deliverability_exporter_build_info', 'Always 1; labelled with the version that runs.', [
    'version',
    'node',
  ]),
  reloadSuccessful: gauge(
    'deliverability_exporter_config_last_reload_successful',
    'Whether the last load of the configuration succeeded; at 0 the one before it is in force.',
  ),
  reloadTimestamp: gauge(
    'deliverability_exporter_config_last_reload_success_timestamp_seconds',
    'When the configuration was last loaded with success.',
  ),
  ledgerHealthy: gauge(
    'deliverability_exporter_ledger_healthy',
    'Whether the last commit succeeded; at 0 senders are asked to come back later.',
  ),
  ledgerSeries: gauge('deliverability_exporter_ledger_series', 'Series held, by family of labels.', ['scope']),
  ledgerIds: gauge('deliverability_exporter_ledger_ids', 'Event identities remembered for de-duplication.'),
  ledgerHorizon: gauge(
    'deliverability_exporter_ledger_horizon_timestamp_seconds',
    'Events that happened before this are counted as late, since a repeat of them could no longer be recognised.',
  ),
  lastEvent: gauge(
    'deliverability_exporter_source_last_event_timestamp_seconds',
    'When a source last brought an event that counted; 0 before the first.',
    ['source'],
  ),
} as const;

/**
 * What checks found out. Rendered beside the event families (gauge-page.ts), since a thousand addresses times forty lists are more
 * series than prom-client writes without holding everything up.
 */
export const CHECK_GAUGES = {
  listed: gauge(
    'email_blocklist_listed',
    'Whether a list holds an address or domain, by the last definite verdict, twice confirmed; absent when there was none for three intervals.',
    ['list', 'target', 'kind'],
  ),
  verdict: gauge(
    'email_blocklist_verdict',
    'Always 1: what the last question to a list came to, definite or not (listed, policy, info, allow, score, clear; refused, error, unsupported, unknown_code).',
    ['list', 'target', 'verdict'],
  ),
  listing: gauge(
    'email_blocklist_listing_info',
    'Always 1, while listed: what the code means, how grave it is (tier page, ticket or info) and where to get off.',
    ['list', 'target', 'code', 'meaning', 'tier', 'delisting_url'],
  ),
  definite: gauge(
    'email_blocklist_last_definite_timestamp_seconds',
    'When a list last gave a definite verdict, and for a change between listed and not a confirmed one; absent while it never did.',
    ['list', 'target'],
  ),
  unanswered: gauge(
    'email_blocklist_unanswered_since_timestamp_seconds',
    'Since when a list is to be asked about an address or domain, while it never gave a definite verdict about it, be it that it was not asked yet; absent once it did.',
    ['list', 'target'],
  ),
  listInterval: gauge(
    'email_blocklist_interval_seconds',
    'Time between two questions to a list about one address or domain: what the list or the configuration asks for, or longer where its allowance would not last.',
    ['list'],
  ),
  waiting: gauge(
    'email_blocklist_waiting_targets',
    'Addresses and domains whose turn has come, and about which a list is not asked yet because its allowance is used up for now.',
    ['list'],
  ),
  health: gauge(
    'email_blocklist_health',
    "1 for the state that a list's own test entries show it in, 0 for the other states. Only a healthy list can say that something is clear.",
    ['list', 'state'],
  ),
  passed: gauge(
    'email_dns_check_passed',
    'Whether a domain or address is as mailbox providers want it; absent when nobody could say for three intervals.',
    ['check', 'target'],
  ),
  problem: gauge('email_dns_check_problem', 'Always 1: something that mailbox providers refuse or distrust mail for.', [
    'check',
    'target',
    'problem',
  ]),
  warning: gauge(
    'email_dns_check_warning',
    'Always 1: something worth telling that no mailbox provider acts on today.',
    ['check', 'target', 'problem'],
  ),
  checked: gauge(
    'email_dns_check_last_success_timestamp_seconds',
    'When a check last came to a definite result; absent while it never did, and where there is nothing to judge.',
    ['check', 'target'],
  ),
  unchecked: gauge(
    'email_dns_check_unanswered_since_timestamp_seconds',
    'Since when a check is to be made of an address or domain, while it never came to a definite result, be it that it was not made yet; absent once it did, and where there is nothing to judge.',
    ['check', 'target'],
  ),
  checkInterval: gauge('email_dns_check_interval_seconds', 'Time between two checks of one address or domain.', [
    'check',
  ]),
  certificate: gauge(
    'email_tls_certificate_expiry_timestamp_seconds',
    'When the certificate that a host of a domain shows to senders of mail ends.',
    ['target', 'host'],
  ),
  reputation: gauge(
    'email_reputation_score',
    'Reputation of an address or domain by a service, 0 (worst) to 100; absent when old: three intervals where it is asked for, a day where it was pushed.',
    ['service', 'target'],
  ),
  reputationTold: gauge(
    'email_reputation_last_success_timestamp_seconds',
    'When a service last told the reputation of an address or domain.',
    ['service', 'target'],
  ),
} as const;

const kindLabels = ['issue_type', 'severity'] as const;
/** Of incidents, as they are kept: what no gauge of prom-client can hold is set from the totals (incident-totals.ts). */
const span = (name: string, help: string) => ({ name, help, labels: kindLabels });
export const INCIDENT_HISTOGRAMS = {
  detection: span(
    'email_incident_detection_seconds',
    'From the first bad minute in the data to the alert; counted where Prometheus can tell the first.',
  ),
  acknowledgement: span(
    'email_incident_acknowledgement_seconds',
    'From the alert until somebody acknowledged it; counted where somebody did.',
  ),
  resolution: span('email_incident_resolution_seconds', 'From the alert to its end.'),
} as const;
/** Upper bounds of them all. */
export const INCIDENT_BUCKETS = [
  30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 259_200,
] as const;
export const INCIDENT_COUNTERS = {
  closed: gauge(
    'email_incidents_closed_total',
    'Resolved incidents by the verdict that stood when the time for one was over (7 days, `incidents.verdict_within`); unknown: nobody judged.',
    ['verdict'],
  ),
  actions: gauge(
    'email_remediation_actions_total',
    'Strategies tried on incidents, by what they came to; counted once that is final.',
    ['strategy', 'mode', 'outcome'],
  ),
} as const;
export const INCIDENT_GAUGES = {
  open: gauge('email_incidents_open', 'Incidents that are not resolved.', kindLabels),
  verdicts: gauge(
    'email_incident_verdicts',
    'Resolved incidents that are remembered (30 days, `incidents.keep`), by the verdict that stands now; unknown: none yet.',
    ['verdict'],
  ),
  active: gauge(
    'email_remediation_active',
    'Strategies in force now: of mode dry-run those that would be, until their incident is resolved.',
    ['strategy', 'mode'],
  ),
  escalated: gauge(
    'email_incident_escalated',
    'Always 1, while an incident is open that no remedy helped. severity is the one it was escalated to.',
    [...kindLabels, 'source', 'sending_domain', 'sending_ip', 'provider', 'campaign', 'target'],
  ),
} as const;

/** Outcomes of a post to a hook or to the push API. */
export const OUTCOMES = [
  'accepted',
  'unauthenticated',
  'malformed',
  'too_large',
  'unsupported_media_type',
  'aborted',
  'failed',
  'backpressure',
] as const;
export type Outcome = (typeof OUTCOMES)[number];
export const COUNTERS = {
  posts: gauge(
    'deliverability_exporter_posts_total',
    'Posts to hooks and the push API, by how they were answered; unknown sources count as source="unknown".',
    ['source', 'outcome'],
  ),
  dnsQueries: gauge('deliverability_exporter_dns_queries_total', 'Questions to name servers, by how they ended.', [
    'outcome',
  ]),
  alerts: gauge(
    'deliverability_exporter_alerts_received_total',
    'Alerts that Alertmanager posted, repeats included, by status.',
    ['status'],
  ),
  actuatorCalls: gauge(
    'deliverability_exporter_actuator_calls_total',
    'Orders to systems that send mail, by how they ended.',
    ['actuator', 'call', 'outcome'],
  ),
  commits: gauge('deliverability_exporter_ledger_commits_total', 'Commits of the ledger, by outcome.', ['outcome']),
  folded: gauge(
    'deliverability_exporter_label_values_folded_total',
    'Events counted under __other__ because a label had reached its cap.',
    ['label'],
  ),
  logProblems: gauge(
    'deliverability_exporter_log_problems_total',
    'Times a log file could not be read on; the log says why.',
    ['source'],
  ),
} as const;

/** Everything that /metrics can show, beside what prom-client tells of the process. */
export const catalogue: readonly {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
}[] = [
  ...eventFamilies.map(({ name, type, help, scope, closed }) => ({
    name,
    type,
    help,
    labels: [...SCOPES[scope], ...closed.map(([label]) => label)],
  })),
  ...Object.values(MEASUREMENTS).map((m) => ({ ...m, type: 'gauge' as const })),
  ...Object.values(CHECK_GAUGES).map((g) => ({ ...g, type: 'gauge' as const })),
  ...Object.values(INCIDENT_HISTOGRAMS).map((h) => ({ ...h, type: 'histogram' as const })),
  ...Object.values(INCIDENT_COUNTERS).map((c) => ({ ...c, type: 'counter' as const })),
  ...Object.values(INCIDENT_GAUGES).map((g) => ({ ...g, type: 'gauge' as const })),
  ...Object.values(GAUGES).map((g) => ({ ...g, type: 'gauge' as const })),
  ...Object.values(COUNTERS).map((c) => ({ ...c, type: 'counter' as const })),
];
