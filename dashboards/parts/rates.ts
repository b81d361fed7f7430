/** The rates that dashboards show, over the windows of the alerts in rules/, so that both say the same number. */
import { type Limit, where } from './queries.ts';

export const SENDER = ['source', 'sending_domain', 'sending_ip'] as const;
export const RESOURCE = [...SENDER, 'provider'] as const;

const GRAVE = ['high', 'critical'] as const;
const domains = (series: string, worse: Limit['worse']): Limit => ({
  series: `domain:email_threshold:${series}`,
  worse,
  of: 'sending_domain',
  severities: GRAVE,
});
export const BOUNCE = domains('bounce_ratio', 'above');
export const COMPLAINT = domains('complaint_ratio', 'above');
export const INBOX = domains('inbox_ratio', 'below');
export const DELIVERY = domains('delivery_seconds', 'above');
export const REPUTATION: Limit = {
  series: 'target:email_threshold:reputation_score',
  worse: 'below',
  of: 'target',
  severities: GRAVE,
};
export const CERTIFICATE: Limit = {
  series: 'target:email_threshold:certificate_seconds',
  worse: 'below',
  of: 'target',
  severities: ['medium', 'high'],
};
const alone = (series: string, of: Limit['of'], worse: Limit['worse'] = 'above'): Limit => ({
  series,
  worse,
  of,
  severities: ['high'],
});
export const PROVIDER_BOUNCE = alone('provider:email_threshold:provider_bounce_ratio', 'provider');
export const DEFERRAL = alone('provider:email_threshold:deferral_ratio', 'provider');
export const CAMPAIGN_BOUNCE = alone('campaign:email_threshold:campaign_bounce_ratio', 'campaign');
export const CAMPAIGN_COMPLAINT = alone('campaign:email_threshold:campaign_complaint_ratio', 'campaign');

export const sum = (by: string, expr: string): string => (by === '' ? `sum(${expr})` : `sum by (${by}) (${expr})`);
export const ratio = (by: string, part: string, whole: string): string => `${sum(by, part)} / (${sum(by, whole)} > 0)`;

/** A ratio of all that is chosen and of each domain: its parts, and when there is enough of them to judge, as the alert judges. */
export interface Rate {
  limit: Limit;
  /** What rules/unusual.yml calls it; absent: it has no baseline. */
  issue?: string;
  part: string;
  whole: string;
  /** By domain; absent when every value counts. */
  least?: { samples: string; events: string; evident: string };
}

export const BOUNCES: Rate = {
  limit: BOUNCE,
  issue: 'high_bounce_rate',
  part: `domain_ip:email_bounced:increase15m${where(SENDER)}`,
  whole: `domain_ip:email_bounced:samples15m${where(SENDER)}`,
  least: {
    samples: 'domain:email_threshold:bounce_ratio_min_samples',
    events: 'domain:email_threshold:bounce_ratio_min_events',
    evident: 'domain:email_bounced:ratio_evident15m',
  },
};
/** Complaints know neither the address nor, by domain, the source; see rules/complaints.yml. */
export const COMPLAINTS: Rate = {
  limit: COMPLAINT,
  issue: 'high_complaint_rate',
  part: `domain:email_complaints:increase30m${where(['sending_domain'])}`,
  whole: `domain:email_complaints:samples30m${where(['sending_domain'])}`,
  least: {
    samples: 'domain:email_threshold:complaint_ratio_min_samples',
    events: 'domain:email_threshold:complaint_ratio_min_events',
    evident: 'domain:email_complaints:ratio_evident30m',
  },
};
/** Measured on seed lists and panels of different size, so weighted by it; see rules/inbox.yml. */
export const INBOXED: Rate = {
  limit: INBOX,
  part: `domain:email_measurement_inbox:inboxed${where(['sending_domain'])}`,
  whole: `domain:email_measurement_inbox:samples${where(['sending_domain'])}`,
};

export const byDomain = ({ part, whole, least }: Rate): string =>
  ratio('sending_domain', part, whole) +
  (least ? `\nand on (sending_domain) ${sum('sending_domain', whole)} >= on (sending_domain) ${least.samples}` : '');

/** One spam report of 600 messages is over the threshold and means nothing: a bad value shows when it is evident. */
export const byDomainEvident = (rate: Rate): string =>
  rate.least
    ? `(${byDomain(rate)}) < on (sending_domain) ${rate.limit.series}{severity="high"}\nor\n(${byDomain(rate)}) and on (sending_domain) ${rate.least.evident}`
    : byDomain(rate);
export const ofAll = ({ part, whole }: Rate): string => ratio('', part, whole);
export const ofAllEvident = (rate: Rate): string =>
  rate.least
    ? `(${ofAll(rate)}) < scalar(min(${rate.limit.series}${where(['sending_domain'], 'severity="high"')}))\nor\n(${ofAll(rate)}) and ${sum('', rate.part)} >= scalar(max(${rate.least.events}))`
    : ofAll(rate);

/** All mail beside the domains, as one more of them; upper case, so that it comes first. */
export const withAll = (all: string, domains: string): string =>
  `label_replace(${all}, "sending_domain", "All mail", "", "")\nor\n${domains}`;
