/** Where a click leads: to another dashboard, narrowed to what was clicked and in the same time, to a runbook, to the exporter. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard';
import { parse } from 'yaml';
import { type Filter, LABELS } from './queries.ts';

export const UIDS = {
  overview: 'deliverability-overview',
  health: 'deliverability-health',
  providers: 'deliverability-providers',
  campaigns: 'deliverability-campaigns',
  reputation: 'deliverability-reputation',
  incidents: 'deliverability-incidents',
  exporter: 'deliverability-exporter',
} as const;
export type Uid = keyof typeof UIDS;

const people = parse(readFileSync(join(import.meta.dirname, '../../alertmanager/people.yml'), 'utf8')) as {
  links: { runbooks: string; exporter: string };
};

/** Addresses outside of Grafana, from the one file that says them; variables, so that a copy can be given others. */
export const PLACES = { runbooks: people.links.runbooks, exporter: people.links.exporter } as const;

export interface Link {
  title: string;
  url: string;
  targetBlank?: true;
}

/** The column of that name, of the row that was clicked. */
export const cell = (column: string): string => `\${__data.fields["${column}"]}`;
export const CLICKED = '${__value.raw}';

export const to = (uid: Uid, title: string, set: Partial<Record<Filter, string>> = {}): Link => ({
  title,
  url: [
    `/d/${UIDS[uid]}?\${datasource:queryparam}`,
    ...Object.entries(set).map(([label, value]) => `var-${label}=${value}`),
    '${__url_time_range}',
  ].join('&'),
});

export const onlyThis = (uid: Uid, label: Filter): Link =>
  to(uid, `Only this ${label === 'sending_ip' ? 'IP' : LABELS[label].title.toLowerCase()}`, { [label]: CLICKED });

export const runbook = (alert: string): Link => ({
  title: 'Runbook',
  url: `\${runbooks}docs/runbooks/${alert}.md`,
  targetBlank: true,
});
export const judge: Link = { title: 'Acknowledge or judge it', url: '${exporter}/', targetBlank: true };

export const links = (...all: Link[]): DynamicConfigValue => ({ id: 'links', value: all });
