/**
 * Changes of incidents become the sums behind the KPIs: how long it took to detect, acknowledge and resolve, what verdicts and remedies
 * came to. They outlive the incidents they were counted from, and are kept as one row of the ledger beside the change that moves them.
 */
import { type Incident, OUTCOMES, type RemedyOutcome, VERDICTS } from './incident.ts';
import { INCIDENT_BUCKETS, type INCIDENT_HISTOGRAMS } from './metrics.ts';

export type Span = keyof typeof INCIDENT_HISTOGRAMS;

export const CLOSED = [...VERDICTS, 'unknown'] as const;
export type Closed = (typeof CLOSED)[number];
export const FINAL = OUTCOMES.filter((outcome) => outcome !== 'pending');

/** By upper bound, not cumulative: a version with other bounds can still read it. */
interface Histogram {
  sum: number;
  counts: Record<string, number>;
}

/** Series that are made together. `born`: while it is not 0, they are shown at 0; see `reveal`. */
interface Group {
  born: number;
  labels: Record<string, string>;
  counts: Record<string, number>;
  spans: Partial<Record<Span, Histogram>>;
}

export interface Totals {
  incidents: Record<string, Group>;
  remedies: Record<string, Group>;
  closed: Group;
}

/** Label sets of each kind: rules of others may say anything. */
const MOST = 500;
const OTHER = '__other__';

const newGroup = (labels: Record<string, string>, born: number): Group => ({ born, labels, counts: {}, spans: {} });
export const noTotals = (now: number): Totals => ({ incidents: {}, remedies: {}, closed: newGroup({}, now) });

function group(groups: Record<string, Group>, labels: Record<string, string>, now: number): Group {
  const key = JSON.stringify(Object.values(labels));
  if (Object.hasOwn(groups, key)) return groups[key]!;
  if (Object.keys(groups).length < MOST) {
    groups[key] = newGroup(labels, now);
    return groups[key];
  }
  const folded = Object.fromEntries(Object.keys(labels).map((label) => [label, OTHER]));
  groups[OTHER] ??= newGroup(folded, now);
  return groups[OTHER];
}

export const kindOf = ({ labels }: Incident): { issue_type: string; severity: string } => ({
  issue_type: labels.issue_type ?? '',
  severity: labels.severity ?? '',
});

/** When each span begins and ends, Unix ms; it counts once both are known. */
const SPANS: Record<Span, (incident: Incident) => [from: number | undefined, to: number | undefined]> = {
  detection: ({ onset, startsAt }) => [onset, startsAt],
  acknowledgement: ({ startsAt, acknowledged }) => [startsAt, acknowledged],
  resolution: ({ startsAt, resolved }) => [startsAt, resolved],
};

/** Seconds; undefined as long as it has not ended. Clocks of two machines may put the end before the beginning. */
export function spanOf(span: Span, incident: Incident): number | undefined {
  const [from, to] = SPANS[span](incident);
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from) / 1000;
}

/** Counts what became known between two states of an incident; undefined: it was not there before. */
export function count(totals: Totals, before: Incident | undefined, after: Incident, now: number): void {
  const its = group(totals.incidents, kindOf(after), now);
  for (const span of Object.keys(SPANS) as Span[]) {
    const seconds = spanOf(span, after);
    if (seconds === undefined || (before && spanOf(span, before) !== undefined)) continue;
    its.spans[span] ??= { sum: 0, counts: {} };
    const { counts } = its.spans[span];
    const bound = String(INCIDENT_BUCKETS.find((le) => seconds <= le) ?? '+Inf');
    counts[bound] = (counts[bound] ?? 0) + 1;
    its.spans[span].sum += seconds;
  }
  for (const [i, { strategy, mode, outcome }] of after.remedies.entries()) {
    const tried = group(totals.remedies, { strategy, mode }, now);
    if (outcome !== 'pending' && (before?.remedies[i]?.outcome ?? 'pending') === 'pending') add(tried, outcome);
  }
}

export function countClosed(totals: Totals, verdict: Closed): void {
  add(totals.closed, verdict);
}

function add({ counts }: Group, key: RemedyOutcome | Closed): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

/**
 * A counter that is born at 5 is invisible to increase(): new series are shown at 0 for `zeroFirst` ms after somebody first looked.
 * True when some have had their time. That is committed before they show more, or a restart would show 0 again, as a reset.
 */
export function reveal(totals: Totals, firstScrape: number, zeroFirst: number, now: number): boolean {
  if (firstScrape === 0) return false;
  const due = groupsOf(totals).filter(({ born }) => born > 0 && now >= Math.max(born, firstScrape) + zeroFirst);
  for (const one of due) one.born = 0;
  return due.length > 0;
}

const groupsOf = (totals: Totals): Group[] => [
  totals.closed,
  ...Object.values(totals.incidents),
  ...Object.values(totals.remedies),
];

export interface Value {
  labels: Record<string, string>;
  value: number;
}

export function* closedValues({ closed }: Totals): Generator<Value> {
  for (const verdict of CLOSED) yield { labels: { verdict }, value: shown(closed, verdict) };
}

export function* actionValues({ remedies }: Totals): Generator<Value> {
  for (const one of Object.values(remedies))
    for (const outcome of FINAL) yield { labels: { ...one.labels, outcome }, value: shown(one, outcome) };
}

function shown({ born, counts }: Group, key: string): number {
  return born > 0 ? 0 : (counts[key] ?? 0);
}

/** Of a histogram: cumulative, by upper bound. */
export interface SpanValues {
  labels: Record<string, string>;
  buckets: [le: string, count: number][];
  sum: number;
  count: number;
}

export function* spanValues(totals: Totals, span: Span): Generator<SpanValues> {
  for (const { born, labels, spans } of Object.values(totals.incidents)) {
    const { sum, counts } = (born > 0 ? undefined : spans[span]) ?? { sum: 0, counts: {} as Record<string, number> };
    const upTo = (le: number) =>
      Object.entries(counts).reduce(
        (all, [at, n]) => (Number(at.replace('+Inf', 'Infinity')) <= le ? all + n : all),
        0,
      );
    const all = upTo(Number.POSITIVE_INFINITY);
    yield {
      labels,
      buckets: [...INCIDENT_BUCKETS.map((le): [string, number] => [String(le), upTo(le)]), ['+Inf', all]],
      sum,
      count: all,
    };
  }
}
