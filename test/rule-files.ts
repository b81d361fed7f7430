/** Files of Prometheus rules become rules, and its durations seconds. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '..');

export interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  keep_firing_for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}
export interface Group {
  name: string;
  interval?: string;
  rules: Rule[];
}

export const groupsOf = (text: string): Group[] => (parse(text) as { groups: Group[] }).groups;

export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'];
export const ISSUE_TYPES = [
  'high_bounce_rate',
  'low_inbox_rate',
  'blacklist_detection',
  'reputation_drop',
  'authentication_failure',
  'spam_trap_hit',
  'engagement_drop',
  'ip_warming_issue',
  'content_filtering',
  'volume_anomaly',
  'isp_throttling',
  'high_complaint_rate',
];

/** In the order of the files' names. */
export const shippedGroups = (): Group[] =>
  globSync('rules/*.yml', { cwd: ROOT })
    .sort()
    .flatMap((file) => groupsOf(readFileSync(join(ROOT, file), 'utf8')));

/** NaN where it is none. */
export function seconds(duration: string): number {
  const units = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 } as const;
  const parts = [...duration.matchAll(/(\d+)(ms|[smhdwy])/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== duration) return Number.NaN;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0);
}
