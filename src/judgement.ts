/** What was measured before and after a remedy becomes whether it helped, and when that can be said (docs/decisions/0008-remediation.md). */
import type { Incident, Measured, Remedied, RemedyOutcome } from './incident.ts';
import type { Measure } from './measure.ts';

/** What must be left of what is to fall, and what must be there of what is to rise. */
const FALLEN = 0.7 + 1e-9;
const RISEN = 1.2 - 1e-9;

export type Judgement = 'effective' | 'not yet' | 'undecided';

/** `paused`: mail was held back, so the share that is left says little, and the number of bad messages counts as well. */
export function judge(
  before: Measured | undefined,
  now: Measured,
  measure: Measure | undefined,
  leastSamples: number,
  paused: boolean,
): Judgement {
  if (!measure || before?.level === undefined) return 'undecided';
  if (measure.samples && (before.samples ?? 0) < leastSamples) return 'undecided';
  if (measure.better === 'down' && before.level <= 0) return 'undecided';
  if (paused && measure.kind === 'share' && measure.better === 'down' && now.samples !== undefined) {
    const bad = (it: Measured) => (it.level ?? 0) * (it.samples ?? 0);
    if (bad(now) <= FALLEN * bad(before)) return 'effective';
  }
  if (now.level === undefined || (measure.samples && (now.samples ?? 0) < leastSamples)) return 'undecided';
  const better =
    measure.better === 'down'
      ? now.level <= FALLEN * before.level
      : now.level > before.level && now.level >= RISEN * before.level;
  return better ? 'effective' : 'not yet';
}

export interface Patience {
  /** All in ms. */
  lookAfter: number;
  escalateAfter: number;
  /** Until the remedy can show, and the time that is measured over: a look before both have passed sees what was before. */
  effectIn: number;
  window: number;
}

/** Unix ms of the first and of the last step that was done; undefined while one is under way or when none was. */
export function worked({ steps, at }: Remedied): { first: number; last: number } | undefined {
  if (steps.some(({ state }) => state === 'doing')) return undefined;
  const times = steps.flatMap((step) => step.done ?? (step.state === 'dry' ? (step.at ?? at) : []));
  return times.length > 0 ? { first: Math.min(...times), last: Math.max(...times) } : undefined;
}

/** Unix ms of the next look, and whether it is the last; undefined when there is nothing to look at. */
export function nextLook(remedied: Remedied, patience: Patience): { at: number; last: boolean } | undefined {
  const done = worked(remedied);
  if (!done) return undefined;
  const { lookAfter, escalateAfter } = patience;
  const settled = done.last + patience.effectIn + patience.window;
  const end = done.first + escalateAfter;
  const before = remedied.looks.at(-1);
  const wanted = before ? Math.min(before.at + lookAfter, end) : done.last + lookAfter;
  const at = Math.max(wanted, settled, before ? before.at + 1 : 0);
  return { at, last: at >= end };
}

/**
 * What an incident that ended says of a remedy that was not judged yet: `look` when enough time had passed to measure as of
 * that moment; else by the end itself.
 */
export function atTheEnd(incident: Incident, remedied: Remedied, patience: Patience): RemedyOutcome | 'look' {
  const done = worked(remedied);
  const { resolved } = incident;
  // Of a false alarm nothing can be learned.
  if (!done || resolved === undefined || incident.verdict?.verdict === 'false_positive') return 'undecided';
  if (resolved >= done.last + patience.effectIn + patience.window) return 'look';
  return resolved >= done.last + patience.effectIn ? 'effective' : 'undecided';
}

const HIGHER: Readonly<Record<string, string>> = { info: 'low', low: 'medium', medium: 'high', high: 'critical' };
export const higher = (severity: string): string => (Object.hasOwn(HIGHER, severity) ? HIGHER[severity]! : 'critical');

/** The severity to escalate to; '' when there is no reason to, or not yet. */
export function escalation(incident: Incident, escalateAfter: number, now: number): string {
  if (incident.escalated || incident.resolved !== undefined || incident.verdict?.verdict === 'false_positive')
    return '';
  const tried = incident.remedies.filter(({ mode, outcome }) => mode === 'enforce' && outcome !== 'refused');
  if (tried.every(({ outcome }) => outcome === 'pending') || tried.some(({ outcome }) => outcome === 'effective'))
    return '';
  return now >= Math.min(...tried.map(({ at }) => at)) + escalateAfter ? higher(incident.labels.severity ?? '') : '';
}
