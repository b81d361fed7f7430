/**
 * Alerts become incidents, one for each occurrence whatever is repeated, retried, told by twins or out of order, kept in the ledger's
 * file until long after they are over. Who acts on them is told once that is on disk.
 */
import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Alert } from './alert.ts';
import type { Incident, IncidentShelf, IncidentVerdict, Remedied, StepState } from './incident.ts';
import { type Closed, count, countClosed, noTotals, reveal, type Totals } from './incident-totals.ts';
import { Busy } from './ledger.ts';

/** What of the ledger is needed. */
export interface Disk {
  readonly readings: ReadonlyMap<string, string>;
  /** Why nothing can be kept now; '' when it can. */
  readonly busy: string;
  keep(readings: Iterable<[key: string, value: string | null]>): Promise<void>;
}

export interface IncidentSettings {
  /** Milliseconds. */
  keep: number;
  verdict_within: number;
}

/** With what only this file needs. */
export interface KeptIncident extends Incident {
  /** Every start that it was told with: twins of Prometheus have their own. */
  starts: number[];
  /** When Alertmanager last told of it. */
  told: number;
  /** What it was counted as; from then on it is not judged any more. */
  counted?: Closed;
}

export type News = 'opened' | 'resolved';
export type Listener = (incident: Incident, news: News) => void;

const ROW = 'incident:';
const TOTALS = 'incident-totals';
/** Milliseconds. */
const TICK = 1000;
const SWEEP = 10_000;
/** Closed ones remembered, and open ones taken. */
const MOST = 10_000;
/** What a row can hold of an alert: rules are written by people, and rows are kept for a month. */
const LABELS = 64;
const LABEL_LENGTH = 512;
const SUMMARY_LENGTH = 1000;

/** Something of a foreign system was changed and is not undone, or may have been. */
const IN_FORCE: readonly StepState[] = ['doing', 'done', 'undoing', 'undo_failed'];
export const inForce = ({ steps }: Remedied): boolean => steps.some(({ state }) => IN_FORCE.includes(state));
const unfinished = ({ remedies }: Incident): boolean =>
  remedies.some((remedied) => remedied.outcome === 'pending' || inForce(remedied));

/** It was counted already, so the KPIs could not follow. */
export class TooLate extends Error {
  override name = 'TooLate';
}

export class Incidents implements IncidentShelf {
  private readonly disk: Disk;
  private readonly settings: () => IncidentSettings;
  private readonly zeroFirst: number;
  private readonly log: Logger;
  private readonly now: () => number;
  private readonly byId = new Map<string, KeptIncident>();
  private readonly byFingerprint = new Map<string, Set<string>>();
  private readonly unresolved = new Set<string>();
  private readonly listeners: Listener[] = [];
  private readonly totals: Totals;
  /** As on disk: what a scrape has seen must not be less after a crash. */
  private committed: Totals;
  private firstScrape = 0;
  private rows = new Map<string, string | null>();
  private news: [id: string, news: News][] = [];
  /** A commit failed: the ledger tries it again, and what follows from it is still to be done. */
  private late = false;
  private nextSweep = 0;
  private full = false;
  private timer: NodeJS.Timeout | undefined;

  /** `zeroFirst`: how long a new counter is shown at 0, ms. */
  constructor(
    disk: Disk,
    settings: () => IncidentSettings,
    options: { zeroFirst: number; log: Logger; now: () => number },
  ) {
    this.disk = disk;
    this.settings = settings;
    this.zeroFirst = options.zeroFirst;
    this.log = options.log;
    this.now = options.now;
    const totals = disk.readings.get(TOTALS);
    this.totals = totals === undefined ? noTotals(this.now()) : (JSON.parse(totals) as Totals);
    this.committed = structuredClone(this.totals);
    for (const [key, value] of disk.readings) if (key.startsWith(ROW)) this.remember(JSON.parse(value) as KeptIncident);
  }

  start(): void {
    this.timer = setInterval(() => {
      this.tick().catch((error: Error) => {
        if (!(error instanceof Busy)) this.log.error({ error: error.stack }, 'incidents could not be tidied up');
      });
    }, TICK);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Resolves when all that was said is on disk; rejects with Busy, and then it is to be said again. Alerts without `issue_type` are none of mail. */
  async take(alerts: readonly Alert[]): Promise<void> {
    this.mustBeFree();
    for (const alert of alerts) if (alert.labels.issue_type) this.hear(alert);
    await this.commit();
  }

  *open(): Generator<KeptIncident> {
    for (const incident of this.byId.values())
      if (incident.resolved === undefined || unfinished(incident)) yield incident;
  }

  get(id: string): KeptIncident | undefined {
    return this.byId.get(id);
  }

  /** In no order. */
  values(): Iterable<KeptIncident> {
    return this.byId.values();
  }

  all(): KeptIncident[] {
    return [...this.byId.values()].sort((a, b) => b.startsAt - a.startsAt);
  }

  /**
   * Those that are open are told of at once, as after a restart; others when it is on disk that they began or ended. One that has ended
   * before anybody heard of it is not told of.
   */
  onChange(listener: Listener): void {
    this.listeners.push(listener);
    for (const incident of this.open()) listener(incident, incident.resolved === undefined ? 'opened' : 'resolved');
  }

  /** What `get` gave stays as it was. When it rejects with Busy because a commit failed, the change may be on disk later all the same. */
  async change(id: string, change: (incident: KeptIncident) => void): Promise<void> {
    this.mustBeFree();
    const before = this.byId.get(id);
    if (!before) throw new Error(`there is no incident ${id}; it was never heard of, or its time to be kept is over`);
    const after = structuredClone(before);
    change(after);
    this.put(before, after);
    await this.commit();
  }

  /** Once; of one that is over there is nothing to acknowledge. */
  acknowledge(id: string): Promise<void> {
    return this.change(id, (incident) => {
      if (incident.resolved === undefined) incident.acknowledged ??= this.now();
    });
  }

  /** Rejects with TooLate. */
  judge(id: string, verdict: IncidentVerdict): Promise<void> {
    return this.change(id, (incident) => {
      if (incident.verdict?.verdict === verdict) return;
      if (incident.counted !== undefined)
        throw new TooLate(
          `the time for a verdict is over: it counts as ${incident.counted} (incidents.verdict_within)`,
        );
      incident.verdict = { verdict, at: this.now() };
    });
  }

  /** By fingerprint and the second it began in; else the one that was going on then, or the newest. */
  at(fingerprint: string, seconds: number | undefined): KeptIncident | undefined {
    const its = this.of(fingerprint);
    if (seconds === undefined) return its.at(-1);
    const exact = its.find(({ starts }) => starts.some((start) => Math.floor(start / 1000) === seconds));
    return exact ?? its.find(({ resolved = Number.POSITIVE_INFINITY }) => resolved >= seconds * 1000) ?? its.at(-1);
  }

  /** For a scrape. */
  shown(): Totals {
    if (this.firstScrape === 0) this.firstScrape = this.now();
    return this.committed;
  }

  /** Of one alert, oldest end first: at most one of them is open. */
  private of(fingerprint: string): KeptIncident[] {
    const end = ({ resolved = Number.POSITIVE_INFINITY }: Incident) => resolved;
    return [...(this.byFingerprint.get(fingerprint) ?? [])]
      .map((id) => this.byId.get(id)!)
      .sort((a, b) => end(a) - end(b));
  }

  private hear(alert: Alert): void {
    const now = this.now();
    const fingerprint = identity(alert);
    const before = this.find(fingerprint, alert);
    if (!before) {
      this.begin(fingerprint, alert, now);
      return;
    }
    const after = structuredClone(before);
    after.told = now;
    if (!after.starts.includes(alert.startsAt)) after.starts.push(alert.startsAt);
    after.startsAt = Math.min(after.startsAt, alert.startsAt);
    // The end of an earlier occurrence whose beginning came late is not the end of this one.
    if (alert.status === 'resolved' && after.starts.every((start) => start <= alert.endsAt))
      after.resolved = Math.max(after.resolved ?? 0, alert.endsAt);
    this.put(before, after);
  }

  /** The incident that an alert tells of again. One that fires has no end yet, so that what began earlier and is told late belongs to what ended next. */
  private find(fingerprint: string, { status, startsAt, endsAt }: Alert): KeptIncident | undefined {
    const its = this.of(fingerprint);
    return (
      its.find(({ starts }) => starts.includes(startsAt)) ??
      its.find(
        (one) =>
          (one.resolved ?? Number.POSITIVE_INFINITY) > startsAt && (status === 'firing' || one.startsAt <= endsAt),
      )
    );
  }

  private begin(fingerprint: string, alert: Alert, now: number): void {
    if (this.isFull()) return;
    const { startsAt, annotations, status, endsAt } = alert;
    const labels = Object.entries(alert.labels)
      .slice(0, LABELS)
      .map(([name, value]) => [name.slice(0, LABEL_LENGTH), value.slice(0, LABEL_LENGTH)]);
    const incident: KeptIncident = {
      id: `${fingerprint}-${startsAt.toString(36)}`,
      fingerprint,
      startsAt,
      heard: now,
      labels: Object.fromEntries(labels),
      summary: (annotations.summary ?? '').slice(0, SUMMARY_LENGTH),
      remedies: [],
      starts: [startsAt],
      told: now,
      ...(status === 'resolved' && { resolved: Math.max(endsAt, startsAt) }),
    };
    this.put(undefined, incident);
  }

  private isFull(): boolean {
    const full = this.unresolved.size >= MOST;
    if (full && !this.full)
      this.log.error({ open: MOST }, 'no more incidents are taken until some are resolved: look at what alerts');
    this.full = full;
    return full;
  }

  private mustBeFree(): void {
    if (this.disk.busy) throw new Busy(this.disk.busy);
  }

  /** In memory, and among what is committed next. */
  private put(before: KeptIncident | undefined, after: KeptIncident): void {
    count(this.totals, before, after, this.now());
    this.remember(after);
    this.rows.set(ROW + after.id, JSON.stringify(after));
    for (const what of turns(before, after)) {
      if (what === 'opened' || what === 'resolved') this.news.push([after.id, what]);
      this.tell(after, what);
    }
  }

  private tell({ id, labels }: Incident, what: string): void {
    const { alertname, issue_type, severity } = labels;
    this.log.info({ incident: id, alert: alertname, issue_type, severity }, `incident ${what}`);
  }

  private remember(incident: KeptIncident): void {
    this.byId.set(incident.id, freeze(incident));
    incident.resolved === undefined ? this.unresolved.add(incident.id) : this.unresolved.delete(incident.id);
    const its = this.byFingerprint.get(incident.fingerprint) ?? new Set();
    this.byFingerprint.set(incident.fingerprint, its.add(incident.id));
  }

  private drop({ id, fingerprint }: KeptIncident): void {
    this.byId.delete(id);
    this.unresolved.delete(id);
    const its = this.byFingerprint.get(fingerprint);
    its?.delete(id);
    if (its?.size === 0) this.byFingerprint.delete(fingerprint);
    this.rows.set(ROW + id, null);
  }

  /** Resolves when all that was put is on disk, be it by an earlier commit; then whoever listens is told. */
  private async commit(): Promise<void> {
    const rows = this.rows;
    if (rows.size > 0) rows.set(TOTALS, JSON.stringify(this.totals));
    this.rows = new Map();
    const totals = structuredClone(this.totals);
    const news = this.news;
    this.news = [];
    try {
      await this.disk.keep(rows);
    } catch (error) {
      this.news.unshift(...news);
      this.late = true;
      throw error;
    }
    this.late = false;
    this.committed = totals;
    for (const [id, what] of news) for (const listener of this.listeners) this.inform(listener, id, what);
  }

  private inform(listener: Listener, id: string, what: News): void {
    const incident = this.byId.get(id);
    try {
      if (incident) listener(incident, what);
    } catch (error) {
      this.log.error({ incident: id, error: (error as Error).stack }, 'whoever acts on incidents failed at one');
    }
  }

  /** Lets new counters be seen, counts what can no longer be judged, and forgets what is old. */
  async tick(): Promise<void> {
    if (this.disk.busy) return;
    const now = this.now();
    const revealed = reveal(this.totals, this.firstScrape, this.zeroFirst, now);
    if (revealed) this.rows.set(TOTALS, '');
    if (now >= this.nextSweep) this.sweep(now);
    if (this.rows.size > 0 || this.late) await this.commit();
  }

  private sweep(now: number): void {
    this.nextSweep = now + SWEEP;
    const { keep, verdict_within: judged } = this.settings();
    const over: KeptIncident[] = [];
    for (const incident of this.byId.values()) {
      const { resolved, told, counted } = incident;
      if (now >= Math.max(told, resolved ?? 0) + keep) this.close(incident, true);
      else if (resolved !== undefined) {
        if (counted === undefined && now >= resolved + judged) this.close(incident, false);
        if (!unfinished(incident)) over.push(incident);
      }
    }
    over.sort((a, b) => b.resolved! - a.resolved!);
    for (const incident of over.slice(MOST)) this.close(this.byId.get(incident.id)!, true);
  }

  private close(incident: KeptIncident, forget: boolean): void {
    const counted = incident.counted ?? incident.verdict?.verdict ?? 'unknown';
    if (incident.counted === undefined) countClosed(this.totals, counted);
    if (forget && unfinished(incident))
      this.log.error(
        { incident: incident.id },
        'incident forgotten while a remedy of it was in force: see what its systems do',
      );
    if (forget) this.drop(incident);
    else this.put(incident, { ...structuredClone(incident), counted });
  }
}

/** What is new about it. */
function turns(before: KeptIncident | undefined, after: KeptIncident): string[] {
  if (!before) return [after.resolved === undefined ? 'opened' : 'over before it was heard of'];
  const turns: string[] = [];
  if (before.acknowledged === undefined && after.acknowledged !== undefined) turns.push('acknowledged');
  if (before.resolved === undefined && after.resolved !== undefined) turns.push('resolved');
  if (after.verdict && before.verdict?.verdict !== after.verdict.verdict) turns.push(`judged ${after.verdict.verdict}`);
  return turns;
}

/** Alertmanager's; where it is none that fits a URL, one of our own. */
function identity({ fingerprint, labels }: Alert): string {
  if (/^[\w-]{1,64}$/.test(fingerprint)) return fingerprint;
  return hash('sha256', JSON.stringify(Object.entries(labels).sort()), 'hex').slice(0, 16);
}

/** What is on the shelf changes by `change` alone. */
function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
}
