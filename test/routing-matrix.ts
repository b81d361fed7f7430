/**
 * Who is to hear of what, as the product's requirements say it, and the table of docs/routing.md: `node test/routing-matrix.ts`
 * writes it. Nothing here is read from alertmanager/, which the tests hold against it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fill } from '../alertmanager/build.ts';
import { ISSUE_TYPES } from './rule-files.ts';

export const DOC = join(import.meta.dirname, '../docs/routing.md');

export const BY_SEVERITY: Record<string, string[]> = {
  critical: ['ops', 'management', 'on-call'],
  high: ['ops', 'email'],
  medium: ['email'],
  low: ['email'],
  info: ['monitoring'],
};
const BY_ISSUE: Record<string, string[]> = {
  blacklist_detection: ['security', 'ops'],
  reputation_drop: ['email', 'ops'],
  high_bounce_rate: ['email', 'data-quality'],
  authentication_failure: ['ops', 'dns'],
};
const BY_TIER: Record<string, string[]> = {
  'high-volume': ['ops', 'email', 'management'],
  production: ['ops', 'security'],
  testing: ['dev'],
};
export const WINDOWS = {
  'business hours': ['slack', 'email'],
  'after hours': ['email', 'pager', 'phone'],
  weekends: ['email', 'pager'],
} as const;
export type Window = keyof typeof WINDOWS;

/** Those with a route of their own first. */
export const ISSUES = [...new Set([...Object.keys(BY_ISSUE), ...ISSUE_TYPES])];
/** What may stand in the label; the last two are resources of two tiers. */
export const TIERS = ['', ...Object.keys(BY_TIER), 'high-volume,production', 'production,testing'];

export interface Cell {
  severity: string;
  issue_type: string;
  tier: string;
}

/** Every severity with every issue (none is the machinery's) and every tier. */
export function cells(issues: readonly string[] = ['', ...ISSUES], tiers: readonly string[] = TIERS): Cell[] {
  return Object.keys(BY_SEVERITY).flatMap((severity) =>
    issues.flatMap((issue_type) => tiers.map((tier) => ({ severity, issue_type, tier }))),
  );
}

export function teams({ severity, issue_type, tier }: Cell): string[] {
  const named = [BY_SEVERITY[severity], BY_ISSUE[issue_type], ...tier.split(',').map((one) => BY_TIER[one])];
  return [...new Set(named.flatMap((team) => team ?? []))];
}

/** `team/channel`, sorted. The monitoring channel is one channel, without hours. */
export function told(cell: Cell, window: Window): string[] {
  return teams(cell)
    .flatMap((team) => (team === 'monitoring' ? ['webhook'] : WINDOWS[window]).map((channel) => `${team}/${channel}`))
    .sort();
}

/** For an alert that carries the labels of a cell; an empty one is as good as none. */
export function labels(cell: Cell): Record<string, string> {
  return Object.fromEntries(Object.entries(cell).filter(([, value]) => value !== ''));
}

function table(): string {
  const row = (columns: string[]) => `| ${columns.join(' | ')} |\n`;
  const columns = ['', ...Object.keys(BY_TIER)];
  const cell = (severity: string, issue_type: string) => (tier: string) =>
    teams({ severity, issue_type, tier }).join(', ');
  const rows = Object.keys(BY_SEVERITY).flatMap((severity) =>
    [...Object.keys(BY_ISSUE), ''].map((issue) =>
      row([severity, issue === '' ? 'any other, or none' : `\`${issue}\``, ...columns.map(cell(severity, issue))]),
    ),
  );
  const windows = Object.entries(WINDOWS).map(([window, channels]) => row([window, channels.join(', ')]));
  return [
    row(['severity', 'issue type', 'no tier', ...Object.keys(BY_TIER)]) +
      row(columns.map(() => '---').concat('---', '---')),
    ...rows,
    '\n',
    row(['hours', 'channels of each team']) + row(['---', '---']),
    ...windows,
    row(['always', 'the monitoring channel']),
  ].join('');
}

export function printed(): string {
  return fill(readFileSync(DOC, 'utf8'), 'matrix', table());
}

if (import.meta.main) writeFileSync(DOC, printed());
