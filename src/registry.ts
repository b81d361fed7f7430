/** What the program knows of itself, and the readings it was given, become prom-client metrics, set anew at each scrape. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, type MetricValueWithName, Registry } from 'prom-client';
import type { Sample } from './check-gauges.ts';
import { actionValues, CLOSED, closedValues, kindOf, type Span, spanValues, type Value } from './incident-totals.ts';
import { type Incidents, inForce } from './incidents.ts';
import type { Ledger } from './ledger.ts';
import type { KeptMeasurement, Measurements } from './measurements.ts';
import {
  COUNTERS,
  GAUGES,
  INCIDENT_BUCKETS,
  INCIDENT_COUNTERS,
  INCIDENT_GAUGES,
  INCIDENT_HISTOGRAMS,
  MEASUREMENTS,
  OUTCOMES,
  type Outcome,
  SCOPES,
  type Scope,
} from './metrics.ts';

/** What each name server said so far, by outcome; undefined: nobody is asked. */
type DnsOutcomes = () => Readonly<Record<string, number>> | undefined;

export interface ProgramState {
  version: string;
  /** Unix seconds; of the last load that worked. */
  reloadedAt: number;
  reloadSuccessful: boolean;
  sources: () => Iterable<string>;
  dns: DnsOutcomes;
  warmup: () => Iterable<{ ip: string; start: string; daily: readonly number[] }>;
}

/** Reputation that was pushed, as samples of the family that checks fill, too. Two sources may tell the same. */
export function* pushedScores(measurements: Measurements, now: number): Generator<Sample> {
  for (const m of measurements.current(now))
    if (m.type === 'reputation_score')
      yield [[m.service || m.source, m.sendingIp || m.sendingDomain || 'unknown'], m.value];
}

type FillGauge = (
  definition: { name: string; help: string; labels: readonly string[] },
  fill: (set: (value: number, labels?: Record<string, string>) => void) => void,
) => void;

/** prom-client can count and observe, but not be given a count or a histogram as it is. */
function tellInstead(
  metric: Counter | Histogram,
  definition: { name: string; help: string; type: 'counter' | 'histogram' },
  values: () => MetricValueWithName<string>[],
): void {
  const told = async () => ({ ...definition, aggregator: 'sum', values: values() });
  Object.assign(metric, { get: told, getForPromString: told });
}

/** Gauges of prom-client that end like counters, which promtool objects to; each is the sum of a family that stays. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

export class ProgramMetrics {
  readonly registry = new Registry();
  private readonly posts: Counter<'source' | 'outcome'>;
  private readonly logProblems: Counter<'source'>;
  private readonly alerts: Counter<'status'>;

  private readonly actuatorCalls: Counter<'actuator' | 'call' | 'outcome'>;

  constructor(
    ledger: Ledger,
    measurements: Measurements,
    incidents: Incidents,
    state: ProgramState,
    now: () => number,
  ) {
    const { registry } = this;
    const counter = <L extends string>({
      name,
      help,
      labels,
    }: {
      name: string;
      help: string;
      labels: readonly string[];
    }) => new Counter<L>({ name, help, labelNames: labels as L[], registers: [registry] });
    /** `fill` tells the values of the moment; what it does not tell is gone from the exposition. */
    const gauge = (
      { name, help, labels }: { name: string; help: string; labels: readonly string[] },
      fill: (set: (value: number, labels?: Record<string, string>) => void) => void,
    ) =>
      new Gauge({
        name,
        help,
        labelNames: labels as string[],
        registers: [registry],
        collect() {
          this.reset();
          fill((value, labels) => (labels ? this.set(labels, value) : this.set(value)));
        },
      });
    collectDefaultMetrics({ register: registry });
    for (const name of MISNAMED) registry.removeSingleMetric(name);
    this.posts = counter(COUNTERS.posts);
    this.logProblems = counter(COUNTERS.logProblems);
    this.alerts = counter(COUNTERS.alerts);
    for (const status of ['firing', 'resolved']) this.alerts.inc({ status }, 0);
    this.actuatorCalls = counter(COUNTERS.actuatorCalls);
    this.mirror(counter(COUNTERS.commits), 'outcome', () => Object.entries(ledger.commits));
    this.mirror(counter(COUNTERS.folded), 'label', () => Object.entries(ledger.series.folded));
    gauge(GAUGES.buildInfo, (set) => set(1, { version: state.version, node: process.versions.node }));
    gauge(GAUGES.reloadSuccessful, (set) => set(state.reloadSuccessful ? 1 : 0));
    gauge(GAUGES.reloadTimestamp, (set) => set(state.reloadedAt));
    gauge(GAUGES.ledgerHealthy, (set) => set(ledger.problem === '' ? 1 : 0));
    gauge(GAUGES.ledgerSeries, (set) => {
      for (const scope of Object.keys(SCOPES) as Scope[]) set(ledger.series.held[scope], { scope });
    });
    gauge(GAUGES.ledgerIds, (set) => set(ledger.seen.size));
    gauge(GAUGES.ledgerHorizon, (set) => set(ledger.seen.horizon(now()) / 1000));
    gauge(GAUGES.lastEvent, (set) => {
      for (const source of state.sources()) set((ledger.lastEvent.get(source) ?? 0) / 1000, { source });
    });
    this.mirror(counter(COUNTERS.dnsQueries), 'outcome', () => Object.entries(state.dns() ?? {}));
    gauge(GAUGES.warmupDay, (set) => {
      for (const { ip, start } of state.warmup()) set(dayOf(start, now()), { sending_ip: ip });
    });
    gauge(GAUGES.warmupPlan, (set) => {
      for (const { ip, start, daily } of state.warmup()) {
        const planned = daily[dayOf(start, now()) - 1];
        if (planned !== undefined) set(planned, { sending_ip: ip });
      }
    });
    this.measure(measurements, gauge, now);
    this.keepOf(incidents);
    this.stateOf(incidents, gauge);
  }

  declare(source: string): void {
    for (const outcome of OUTCOMES) this.posts.inc({ source, outcome }, 0);
  }

  post(source: string, outcome: Outcome): void {
    this.posts.inc({ source, outcome });
  }

  alert(status: string): void {
    this.alerts.inc({ status });
  }

  /** `call`: prepare, apply or undo; `outcome`: done, failed or timeout. */
  actuatorCall(actuator: string, call: string, outcome: string): void {
    this.actuatorCalls.inc({ actuator, call, outcome });
  }

  logProblem(source: string): void {
    this.logProblems.inc({ source });
  }

  /** A counter that is kept elsewhere as a plain number. */
  private mirror(counter: Counter<string>, label: string, values: () => [string, number][]): void {
    const told = new Map<string, number>();
    Object.assign(counter, {
      collect() {
        for (const [key, value] of values()) {
          const before = told.get(key) ?? 0;
          // What is kept elsewhere may start again, as with a new resolver.
          counter.inc({ [label]: key }, value < before ? value : value - before);
          told.set(key, value);
        }
      },
    });
  }

  /** Counters and histograms of incidents, which are kept whole elsewhere: prom-client only writes them. */
  private keepOf(incidents: Incidents): void {
    const { registry } = this;
    const registers = [registry];
    for (const [definition, values] of [
      [INCIDENT_COUNTERS.closed, closedValues],
      [INCIDENT_COUNTERS.actions, actionValues],
    ] as const) {
      const { name, help, labels } = definition;
      const counter = new Counter({ name, help, labelNames: labels, registers });
      tellInstead(counter, { name, help, type: 'counter' }, (): Value[] => [...values(incidents.shown())]);
    }
    for (const [span, { name, help, labels }] of Object.entries(INCIDENT_HISTOGRAMS)) {
      const buckets = [...INCIDENT_BUCKETS];
      const histogram = new Histogram({ name, help, labelNames: labels, buckets, registers });
      tellInstead(histogram, { name, help, type: 'histogram' }, () =>
        [...spanValues(incidents.shown(), span as Span)].flatMap(({ labels, buckets, sum, count }) => [
          ...buckets.map(([le, value]) => ({ metricName: `${name}_bucket`, labels: { le, ...labels }, value })),
          { metricName: `${name}_sum`, labels, value: sum },
          { metricName: `${name}_count`, labels, value: count },
        ]),
      );
    }
  }

  private stateOf(incidents: Incidents, gauge: FillGauge): void {
    gauge(INCIDENT_GAUGES.open, (set) => {
      const open = new Map<string, number>();
      for (const { labels } of Object.values(incidents.shown().incidents)) open.set(JSON.stringify(labels), 0);
      for (const incident of incidents.open()) {
        const kind = JSON.stringify(kindOf(incident));
        if (incident.resolved === undefined) open.set(kind, (open.get(kind) ?? 0) + 1);
      }
      for (const [kind, count] of open) set(count, JSON.parse(kind) as Record<string, string>);
    });
    gauge(INCIDENT_GAUGES.verdicts, (set) => {
      const verdicts = new Map<string, number>(CLOSED.map((verdict) => [verdict, 0]));
      for (const { resolved, verdict, counted } of incidents.values())
        if (resolved !== undefined) {
          const stands = verdict?.verdict ?? counted ?? 'unknown';
          verdicts.set(stands, verdicts.get(stands)! + 1);
        }
      for (const [verdict, count] of verdicts) set(count, { verdict });
    });
    gauge(INCIDENT_GAUGES.active, (set) => {
      const active = new Map<string, number>();
      for (const { labels } of Object.values(incidents.shown().remedies)) active.set(JSON.stringify(labels), 0);
      for (const { remedies, resolved } of incidents.open())
        for (const remedied of remedies) {
          const { strategy, mode, outcome } = remedied;
          const would = mode === 'dry-run' && resolved === undefined && outcome !== 'refused' && outcome !== 'failed';
          const key = JSON.stringify({ strategy, mode });
          if (would || inForce(remedied)) active.set(key, (active.get(key) ?? 0) + 1);
        }
      for (const [labels, count] of active) set(count, JSON.parse(labels) as Record<string, string>);
    });
    gauge(INCIDENT_GAUGES.escalated, (set) => {
      for (const { escalated, resolved, labels } of incidents.open()) {
        if (!escalated || resolved !== undefined) continue;
        const its = INCIDENT_GAUGES.escalated.labels.map((label) => [label, labels[label] ?? '']);
        set(1, { ...Object.fromEntries(its), severity: escalated.severity });
      }
    });
  }

  private measure(measurements: Measurements, gauge: FillGauge, now: () => number): void {
    const current = () => measurements.current(now());
    const labels = (m: KeptMeasurement) => ({
      source: m.source,
      sending_domain: m.sendingDomain || 'unknown',
      sending_ip: m.sendingIp || 'unknown',
      campaign: m.campaign || 'unknown',
    });
    for (const [type, definition] of Object.entries(MEASUREMENTS)) {
      gauge(definition, (set) => {
        for (const m of current()) if (m.type === type) set(m.value, labels(m));
      });
    }
    gauge(GAUGES.measurementSamples, (set) => {
      for (const m of current()) if (m.samples !== undefined) set(m.samples, { ...labels(m), measurement: m.type });
    });
    gauge(GAUGES.measurementTimestamp, (set) => {
      for (const m of current()) set(m.at / 1000, { ...labels(m), measurement: m.type });
    });
  }
}

/** 1 on the first day (UTC), 0 and less before it. */
function dayOf(start: string, now: number): number {
  return Math.floor((now - Date.parse(start)) / (24 * 3600_000)) + 1;
}
