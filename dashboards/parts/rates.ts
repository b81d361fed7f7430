/** The rates that dashboards show, over the windows of the alerts in rules/, so that both say the same number. */
import { type Limit, where } from './queries.ts';

export const SENDER = ['source', 'sending_domain', 'sending_ip'] as const;
export const RESOURCE = [...SENDER, 'provider'] as const;

export const BOUNCE: Limit = { series: 'domain:email_threshold:bounce_ratio', worse: 'above' };
export const COMPLAINT: Limit = { series: 'domain:email_threshold:complaint_ratio', worse: 'above' };
export const INBOX: Limit = { series: 'email_threshold:inbox_ratio', worse: 'below' };
export const DELIVERY: Limit = { series: 'domain:email_threshold:delivery_seconds', worse: 'above' };

export const sum = (by: string, expr: string): string => (by === '' ? `sum(${expr})` : `sum by (${by}) (${expr})`);
export const ratio = (by: string, part: string, whole: string): string => `${sum(by, part)} / (${sum(by, whole)} > 0)`;

/** A ratio of all that is chosen and of each domain: its parts, and when there is enough of them to judge, as the alert judges. */
export interface Rate {
  limit: Limit;
  part: string;
  whole: string;
  /** By domain; absent when every value counts. */
  least?: { samples: string; events: string; evident: string };
}

export const BOUNCES: Rate = {
  limit: BOUNCE,
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
  part: `domain:email_complaints:increase30m${where(['sending_domain'])}`,
  whole: `domain:email_complaints:samples30m${where(['sending_domain'])}`,
  least: {
    samples: 'domain:email_threshold:complaint_ratio_min_samples',
    events: 'domain:email_threshold:complaint_ratio_min_events',
    evident: 'domain:email_complaints:ratio_evident30m',
  },
};
/** Measured on seed lists and panels of different size, so weighted by it; a measurement that does not say counts once. */
export const MEASURED = `email_measurement_inbox_ratio${where(SENDER)}`;
export const WEIGHT = `(sum without (measurement) (email_measurement_samples${where(SENDER, 'measurement="inbox_rate"')}) or 0 * ${MEASURED} + 1)`;
export const INBOXED: Rate = { limit: INBOX, part: `${MEASURED} * ${WEIGHT}`, whole: `${WEIGHT} and ${MEASURED}` };

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
