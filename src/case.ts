/** An incident becomes the case that strategies are chosen for: its measure now and a day ago, campaigns, addresses, other signs. */
import type { Incident, Measured } from './incident.ts';
import { grown, type Measure, measured, measureOf, range, take } from './measure.ts';
import { type Asked, quoted } from './prometheus.ts';
import type { Case } from './remedy.ts';
import { resourceOf } from './resource.ts';

const DAY = 24 * 3600_000;
/** Campaigns and addresses are looked at over this, ms. */
const RECENT = 15 * 60_000;
/** More of a domain than this are not acted on one by one. */
const MOST = 200;

const CAMPAIGN = ['source', 'sending_domain', 'campaign'];
const RESOURCE = ['source', 'sending_domain', 'sending_ip'];

/** Rejects when Prometheus does not answer. */
export async function caseOf(prometheus: Asked, incident: Incident, window: number, now: number): Promise<Case> {
  const labels = mailLabels(incident.labels);
  const measure = measureOf(labels);
  const nothing: Measured = { at: now };
  const at = (time: number) =>
    measure ? take(prometheus, measure, { labels, window, after: 0 }, time) : Promise.resolve({ ...nothing, at: time });
  const [level, before, campaigns, ips, also] = await Promise.all([
    at(now),
    at(now - DAY),
    campaignsOf(prometheus, labels, now),
    ipsOf(prometheus, labels, now),
    alsoOf(prometheus, labels, window, now),
  ]);
  return {
    incident,
    issueType: labels.issue_type ?? '',
    severity: labels.severity ?? '',
    now: level,
    before,
    campaigns,
    ips,
    age: Math.max(0, (now - (incident.onset ?? incident.startsAt)) / 1000),
    also,
  };
}

/** An alert about a target names the mail of that domain or address. */
export const mailLabels = (labels: Incident['labels']): Readonly<Record<string, string>> =>
  labels.target ? { ...labels, ...resourceOf(labels) } : labels;

async function campaignsOf(prometheus: Asked, labels: Incident['labels'], now: number): Promise<Case['campaigns']> {
  const of = async (family: string) => {
    const query = `sum by (campaign) (${grown([family], { labels, window: RECENT }, CAMPAIGN, ['campaign!~"|unknown|__other__"'])})`;
    const found = await prometheus.instant(`topk(${MOST}, ${query})`, now);
    return new Map(found.map(({ labels, points }) => [labels.campaign ?? '', points.at(-1)!.value]));
  };
  const [delivered, bounced, complaints] = await Promise.all([
    of('email_campaign_delivered_total'),
    of('email_campaign_bounced_total'),
    of('email_campaign_complaints_total'),
  ]);
  const all = [...new Set([...delivered.keys(), ...bounced.keys(), ...complaints.keys()])].map((campaign) => ({
    campaign,
    delivered: delivered.get(campaign) ?? 0,
    bounced: bounced.get(campaign) ?? 0,
    complaints: complaints.get(campaign) ?? 0,
  }));
  // Worst is what brings most harm, not what has the worst share of few.
  const harm = ({ bounced, complaints }: Case['campaigns'][number]) => bounced + complaints;
  return all.filter((one) => harm(one) + one.delivered > 0).sort((a, b) => harm(b) - harm(a));
}

/** Of the whole domain, whichever address the alert is about: limits are a share of them. */
async function ipsOf(prometheus: Asked, labels: Incident['labels'], now: number): Promise<Case['ips']> {
  const narrowed = labels.sending_domain ? ['source', 'sending_domain'] : RESOURCE;
  const families = ['email_delivered_total', 'email_bounced_total', 'email_deferred_total'];
  const query = `sum by (sending_ip) (${grown(families, { labels, window: RECENT }, narrowed, ['sending_ip!~"|unknown|__other__"'])})`;
  const found = await prometheus.instant(`topk(${MOST}, ${query} > 0)`, now);
  return found
    .map(({ labels, points }) => ({ ip: labels.sending_ip ?? '', sent: points.at(-1)!.value }))
    .sort((a, b) => b.sent - a.sent);
}

async function alsoOf(
  prometheus: Asked,
  labels: Incident['labels'],
  window: number,
  now: number,
): Promise<Case['also']> {
  const only = async (query: string, at = now) => (await prometheus.instant(query, at))[0]?.points.at(-1)?.value;
  const reach = resourceOf(labels);
  const targets = [reach.sending_ip, reach.sending_domain].filter((target) => target !== undefined);
  const score = `avg(email_reputation_score{target=~${quoted(targets.map(literally).join('|'))}})`;
  const verdicts = (verdict: string) =>
    `sum(${grown(['email_campaign_spam_verdicts_total'], { labels, window }, CAMPAIGN, [`verdict=~"${verdict}"`])})`;
  const engagement = measured('engagement_drop') as Measure;
  const scope = { labels, window, after: 0 };
  const [reputation, reputationBefore, spam, engaged, engagedBefore] = await Promise.all([
    targets.length > 0 ? only(score) : undefined,
    targets.length > 0 ? only(`avg_over_time((${score})${range(3600_000, 60_000)})`, now - DAY) : undefined,
    only(`(${verdicts('spam')} or vector(0)) / (${verdicts('spam|clean')} > 0)`),
    only(engagement.level(scope)),
    only(engagement.level(scope), now - DAY),
  ]);
  const also: Case['also'] = {};
  if (reputation !== undefined && reputationBefore !== undefined) also.reputation = reputation - reputationBefore;
  if (spam !== undefined) also.spam = spam;
  if (engaged !== undefined && engagedBefore !== undefined && engagedBefore > 0)
    also.engagement = engaged / engagedBefore - 1;
  return also;
}

/** In a regular expression. */
const literally = (text: string): string =>
  text.replaceAll(/[^A-Za-z0-9_-]/g, (c) => `[${c === '^' || c === '\\' || c === ']' ? `\\${c}` : c}]`);
