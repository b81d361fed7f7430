/** What panels ask Prometheus: one way to filter by the dashboard's variables, to pick the worst few, to tell what fires. */
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';

/** The one data source, chosen by the variable of that name. */
export const PROMETHEUS: DataSourceRef = { type: 'prometheus', uid: '${datasource}' };

/** Labels that have a variable: its title, and the series whose label it offers. */
export const LABELS = {
  sending_domain: { title: 'Domain', of: 'email_delivered_total' },
  sending_ip: { title: 'IP', of: 'email_delivered_total{sending_domain=~"$sending_domain"}' },
  provider: { title: 'Provider', of: 'email_delivered_total' },
  source: { title: 'Source', of: 'deliverability_exporter_events_total' },
  campaign: { title: 'Campaign', of: 'email_campaign_delivered_total{sending_domain=~"$sending_domain"}' },
  target: {
    title: 'Target',
    of: '{__name__=~"email_blocklist_verdict|email_dns_check_passed|email_reputation_score"}',
  },
  list: { title: 'List', of: 'email_blocklist_health' },
  issue_type: { title: 'Issue', of: 'ALERTS{issue_type!=""}' },
  instance: { title: 'Instance', of: 'deliverability_exporter_build_info' },
} as const;
export type Filter = keyof typeof LABELS;

/** A selector that obeys the variables named, and whatever else it is given. */
export function where(filters: readonly Filter[], ...more: string[]): string {
  const all = [...filters.map((label) => `${label}=~"$${label}"`), ...more];
  return all.length === 0 ? '' : `{${all.join(', ')}}`;
}

/** What a target is that is no domain. */
const ADDRESS = '[0-9.]+|[0-9a-f]*:[0-9a-f:.]+';

/** Of alerts, also those that have no such label: one about the machinery, or about a domain whatever its source. */
export function alerts(filters: readonly Filter[], ...more: string[]): string {
  const chosen = filters.filter((label) => label !== 'list').map((label) => `${label}=~"$${label}|"`);
  // What is looked up is looked up of a `target`, and a sending domain is one.
  if (filters.includes('sending_domain')) chosen.push(`target=~"$sending_domain|${ADDRESS}|"`);
  return `{${[...chosen, 'alertname!="Watchdog"', ...more].join(', ')}}`;
}

/** A threshold that is a series: one for each severity, or one alone without that label. */
export interface Limit {
  series: string;
  worse: 'above' | 'below';
  /** Whose it is: the variable that narrows it. */
  of: Filter;
  /** Less bad first. */
  severities: readonly ['high', 'critical'] | readonly ['medium', 'high'] | readonly ['high'];
}

/** The series of one severity, for what is chosen. */
export const limitOf = ({ series, of, severities }: Limit, severity: string): string =>
  `${series}{${of}=~"$${of}|"${severities.length > 1 ? `, severity="${severity}"` : ''}}`;

export interface Ask {
  legend?: string;
  /** How a series of several becomes rows or buckets. */
  format?: 'table' | 'heatmap';
  /** Only the present, not the course of time. */
  instant?: boolean;
}

export function query(refId: string, expr: string, ask: Ask = {}): Builder<Dataquery> {
  const asked = new DataqueryBuilder().refId(refId).datasource(PROMETHEUS).expr(expr);
  if (ask.legend !== undefined) asked.legendFormat(ask.legend);
  if (ask.format === 'heatmap') asked.format(PromQueryFormat.Heatmap);
  if (ask.format === 'table') asked.format(PromQueryFormat.Table);
  return ask.format === 'table' || ask.instant ? asked.instant() : asked.range();
}

/**
 * Of `expr`, the series of those few that are worst: `now`, or at some moment of the shown range, so that a bad hour at its
 * beginning is drawn as well. `@ end()` makes the choice the same at every step, else lines would come and go.
 */
export function worst(
  count: number,
  label: string,
  expr: string,
  { worse }: Pick<Limit, 'worse'>,
  when: 'now' | 'ever',
): string {
  const [rank, reduce] = worse === 'above' ? ['topk', 'max_over_time'] : ['bottomk', 'min_over_time'];
  const judged =
    when === 'now' ? `last_over_time((${expr})[5m:1m] @ end())` : `${reduce}((${expr})[$__range:$__interval] @ end())`;
  return `(${expr})\nand on (${label})\n${rank}(${count}, ${judged})`;
}

/** Least to worst; what fires is numbered by it from 1. */
export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;

/** 5 for a critical alert that fires down to 1 for information, with the alert's own labels. */
export const firing = (filters: readonly Filter[], ...more: string[]): string =>
  SEVERITIES.map(
    (severity, i) => `${i + 1} * ALERTS${alerts(filters, 'alertstate="firing"', `severity="${severity}"`, ...more)}`,
  )
    .reverse()
    .join('\nor ');

/** When what fires began to be true, Unix seconds. */
export const firingSince = (filters: readonly Filter[]): string =>
  `ALERTS_FOR_STATE${alerts(filters)} and ignoring (alertstate) ALERTS${alerts(filters, 'alertstate="firing"')}`;
