/** What was measured in the hours before an alert becomes the minute in which it began to go wrong. */
import { type Measure, measureOf } from './measure.ts';
import { type Asked, type Point, quoted } from './prometheus.ts';

const MINUTE = 60_000;
/** How far back is looked, ms. */
const HOURS = 6 * 60 * MINUTE;
/** Minutes without mail, or by chance without bad mail, within one stretch. */
const BRIDGED = 2 * MINUTE;
/** The data may be done with before the alert fires: rules look over 15 minutes. */
const NEAR = 30 * MINUTE;

/**
 * The level of quiet times is a quarter's: in a quarter of the time it was at least as good, unless it was bad nearly all the
 * time, and then nobody can say when that began. Bad is what is nearer to the level at detection than to that.
 */
export function firstBad(points: readonly Point[], better: Measure['better'], startsAt: number): number | undefined {
  const sign = better === 'down' ? 1 : -1;
  const known = points.filter(({ at }) => at <= startsAt).map(({ at, value }) => ({ at, value: value * sign }));
  const quiet = known.map(({ value }) => value).sort((a, b) => a - b)[Math.floor(known.length / 4)];
  if (quiet === undefined || known.length < 3) return undefined;
  const worstSince = (time: number) => Math.max(...known.filter(({ at }) => at > time).map(({ value }) => value));
  const apart = (level: number) => level - quiet > Math.abs(quiet) * 0.1;
  const latest = worstSince(startsAt - 3 * MINUTE);
  const atDetection = apart(latest) ? latest : worstSince(startsAt - NEAR);
  if (!apart(atDetection)) return undefined;
  const bar = (quiet + atDetection) / 2;
  const bad = known.filter(({ value }) => value >= bar);
  let first = bad.length - 1;
  while (first > 0 && bad[first]!.at - bad[first - 1]!.at <= BRIDGED + MINUTE) first--;
  // The point at a time speaks of the minute before it.
  return Math.min(startsAt, bad[first]!.at - MINUTE);
}

/** undefined: nobody can tell. Rejects when Prometheus does not answer. */
export async function onsetOf(
  prometheus: Asked,
  labels: Readonly<Record<string, string>>,
  startsAt: number,
): Promise<number | undefined> {
  const measure = measureOf(labels);
  if (measure) {
    const query = measure.level({ labels, window: MINUTE, after: 0 });
    const [series] = await prometheus.range(query, startsAt - HOURS, startsAt, MINUTE);
    const found = firstBad(series?.points ?? [], measure.better, startsAt);
    if (found !== undefined) return found;
  }
  return await pendingSince(prometheus, labels, startsAt);
}

/** Labels that Prometheus gives an alert on the way out are not on its own series. */
const OWN = ['alertname', 'severity', 'issue_type', 'source', 'sending_domain', 'sending_ip', 'provider', 'campaign'];
const CHECKED = ['target', 'list', 'check', 'service'];

/** When its rule found it first, before the rule's `for` had passed. */
async function pendingSince(
  prometheus: Asked,
  labels: Readonly<Record<string, string>>,
  startsAt: number,
): Promise<number | undefined> {
  if (!labels.alertname) return undefined;
  const inside = [...OWN, ...CHECKED].flatMap((name) => (labels[name] ? [`${name}=${quoted(labels[name])}`] : []));
  const query = `min(last_over_time(ALERTS_FOR_STATE{${inside.join(', ')}}[5m]))`;
  // A little later: the sample of the moment itself may be written after the alert has gone out.
  const [series] = await prometheus.instant(query, startsAt + MINUTE);
  const since = series?.points.at(-1)?.value;
  return since === undefined ? undefined : Math.min(startsAt, since * 1000);
}
