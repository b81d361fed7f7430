/**
 * An issue becomes what is measured of it, as PromQL over the exporter's own families for the mail that the alert is about. No
 * thresholds: what is too much is said in rules/, and what is better in judgement.ts.
 */
import type { Measured } from './incident.ts';
import { type Asked, quoted } from './prometheus.ts';

/** Which mail, and when. */
export interface Scope {
  /** Of the alert. */
  labels: Readonly<Record<string, string>>;
  /** Milliseconds that a rate looks back. */
  window: number;
  /** Unix ms: figures that stand until the next one count only when they were taken after it; 0 takes them as they stand. */
  after: number;
}

export interface Measure {
  /** For people. */
  about: string;
  better: 'down' | 'up';
  /** `share`: level times samples is a number of bad messages. `count` is that number itself. `figure` is neither. */
  kind: 'share' | 'count' | 'figure';
  level(of: Scope): string;
  /** Messages that the level was made of; absent where their number says nothing. */
  samples?(of: Scope): string;
}

const RESOURCE = ['source', 'sending_domain', 'sending_ip', 'provider'];
const CAMPAIGN = ['source', 'sending_domain', 'campaign'];
const MEASURED = ['source', 'sending_domain', 'sending_ip', 'campaign'];

/** Labels of the alert among `names`, as the inside of a selector. */
function selected(labels: Scope['labels'], names: readonly string[]): string[] {
  return names.flatMap((name) => (labels[name] ? [`${name}=${quoted(labels[name])}`] : []));
}

const seconds = (ms: number): string => `${Math.max(1, Math.round(ms / 1000))}s`;
/** `step`, for a range of what is no series but an expression. Milliseconds. */
export const range = (window: number, step?: number): string =>
  `[${seconds(window)}${step === undefined ? '' : `:${seconds(step)}`}]`;

/** Families together, which must differ in their labels: increase() drops their names. */
export function grown(
  families: readonly string[],
  { labels, window }: Pick<Scope, 'labels' | 'window'>,
  by: readonly string[],
  only: readonly string[] = [],
): string {
  const inside = [`__name__=~"${families.join('|')}"`, ...selected(labels, by), ...only];
  return `increase({${inside.join(', ')}}${range(window)})`;
}

interface Part {
  of: readonly string[];
  only?: readonly string[];
}

/** A part of the whole. Without any series of the whole nothing is known, which is not 0. */
function share(about: string, better: Measure['better'], part: Part, whole: readonly string[], inCampaigns = false) {
  const campaign = ({ labels }: Scope) => inCampaigns && Boolean(labels.campaign);
  const named = (family: string, scope: Scope) =>
    campaign(scope) ? family.replace(/^email_/, 'email_campaign_') : family;
  const sum = (families: readonly string[], scope: Scope, only: readonly string[] = []) =>
    `sum(${grown(
      families.map((family) => named(family, scope)),
      scope,
      campaign(scope) ? CAMPAIGN : RESOURCE,
      only,
    )})`;
  const measure: Measure = {
    about,
    better,
    kind: 'share',
    level: (scope) => `(${sum(part.of, scope, part.only)} or vector(0)) / (${sum(whole, scope)} > 0)`,
    samples: (scope) => sum(whole, scope),
  };
  return measure;
}

const ENDED = ['email_delivered_total', 'email_bounced_total'];
const ATTEMPTS = [...ENDED, 'email_deferred_total'];
const REFUSED = ['email_bounced_total', 'email_deferred_total'];

/** Greylisting puts every new sender off once, and full or dead mailboxes are their owners' affair; as in rules/providers.yml. */
const throttled = share(
  'share of attempts that were put off by the receiver',
  'down',
  {
    of: ['email_deferred_total'],
    only: ['reason!~"greylist|mailbox_full|inactive_mailbox|invalid_recipient|bad_domain"'],
  },
  ATTEMPTS,
);

const spamTraps: Measure = {
  about: 'refusals by spam traps',
  better: 'down',
  kind: 'count',
  level: (scope) =>
    `sum(${grown(REFUSED, scope, RESOURCE, ['reason="spam_trap"'])}) or 0 * sum(${grown(ENDED, scope, RESOURCE)})`,
};

const deliveryTime: Measure = {
  about: 'median delivery time in seconds',
  better: 'down',
  kind: 'figure',
  level: (scope) =>
    `histogram_quantile(0.5, sum by (le) (${grown(['email_delivery_duration_seconds_bucket'], scope, RESOURCE)}))`,
  samples: (scope) => `sum(${grown(['email_delivery_duration_seconds_count'], scope, RESOURCE)})`,
};

const latest = (family: string, { labels }: Scope, only: readonly string[] = []): string =>
  `max by (${MEASURED.join(', ')}) (${family}{${[...selected(labels, MEASURED), ...only].join(', ')}})`;

/** Measurements stand until the next one: several of a resource count by their size, as in rules/inbox.yml. */
const inbox: Measure = {
  about: 'share of measured messages that reached the inbox',
  better: 'up',
  kind: 'figure',
  level: (scope) =>
    `sum(${latest('email_measurement_inbox_ratio', scope)} * ${on} ${sizes(scope)}) / (sum(${sizes(scope)}) > 0)`,
  samples: (scope) => `sum(${sizes(scope)})`,
};
const on = `on (${MEASURED.join(', ')})`;
const sizes = (scope: Scope): string =>
  `(${latest('email_measurement_samples', scope, ['measurement="inbox_rate"'])} and ${on} ${latest(
    'email_measurement_timestamp_seconds',
    scope,
    ['measurement="inbox_rate"'],
  )} >= ${scope.after / 1000})`;

const reputation: Measure = {
  about: 'reputation score',
  better: 'up',
  kind: 'figure',
  level: ({ labels, after }) => {
    const inside = selected(labels, ['service', 'target']).join(', ');
    return `avg(max by (service, target) (email_reputation_score{${inside}}) unless on (service, target) email_reputation_last_success_timestamp_seconds{${inside}} < ${after / 1000})`;
  },
};

const listed: Measure = {
  about: 'whether a blocklist holds it',
  better: 'down',
  kind: 'figure',
  level: ({ labels }) => `max(email_blocklist_listed{${selected(labels, ['list', 'target']).join(', ')}})`,
};

const MEASURES: Readonly<Record<string, Measure | undefined>> = {
  high_bounce_rate: share('share of ended messages that bounced', 'down', { of: ['email_bounced_total'] }, ENDED, true),
  high_complaint_rate: share(
    'spam reports per delivered message',
    'down',
    { of: ['email_complaints_total'] },
    ['email_delivered_total'],
    true,
  ),
  spam_trap_hit: spamTraps,
  isp_throttling: throttled,
  ip_warming_issue: throttled,
  content_filtering: share(
    'share of attempts refused for their content',
    'down',
    { of: REFUSED, only: ['reason=~"content_spam|content_malware|policy"'] },
    ATTEMPTS,
  ),
  authentication_failure: share(
    'share of attempts refused for who they claim to be from',
    'down',
    { of: REFUSED, only: ['reason=~"auth_fail|auth_temperror|dns_ptr"'] },
    ATTEMPTS,
  ),
  low_inbox_rate: inbox,
  engagement_drop: share(
    'opens by people and clicks per delivered message',
    'up',
    { of: ['email_opens_total', 'email_clicks_total'], only: ['by!="machine"'] },
    ['email_delivered_total'],
    true,
  ),
  reputation_drop: reputation,
  blacklist_detection: listed,
};

/** Alerts whose issue type is measured otherwise, or by nothing in the mail. */
const BY_ALERT: Readonly<Record<string, Measure | undefined>> = {
  EmailDeliverySlow: deliveryTime,
  EmailWarmupOffPlan: undefined,
  EmailDnsCheckFailing: undefined,
  EmailCertificateExpiring: undefined,
  EmailSpamScoreHigh: undefined,
};

/** undefined where nothing is measured: volume has no better or worse. */
export function measureOf(labels: Readonly<Record<string, string>>): Measure | undefined {
  const { alertname = '', issue_type = '' } = labels;
  if (Object.hasOwn(BY_ALERT, alertname)) return BY_ALERT[alertname];
  return Object.hasOwn(MEASURES, issue_type) ? MEASURES[issue_type] : undefined;
}

export const measured = (issue: string): Measure | undefined => measureOf({ issue_type: issue });

/** Rejects when Prometheus does not answer; a level that nobody tells is undefined. */
export async function take(prometheus: Asked, measure: Measure, scope: Scope, at: number): Promise<Measured> {
  const only = async (query: string) => (await prometheus.instant(query, at))[0]?.points.at(-1)?.value;
  const [level, samples] = await Promise.all([
    only(measure.level(scope)),
    measure.samples ? only(measure.samples(scope)) : undefined,
  ]);
  return { at, ...(level !== undefined && { level }), ...(samples !== undefined && { samples: Math.round(samples) }) };
}
