/**
 * A moment of the made-up past becomes what is not counted from mail: what checks found out, what became of incidents, and what the
 * exporter and Prometheus tell of themselves.
 */
import { ZONE_STATES } from '../src/blocklist.ts';
import {
  CHECK_GAUGES,
  COUNTERS,
  GAUGES,
  INCIDENT_BUCKETS,
  INCIDENT_COUNTERS,
  INCIDENT_GAUGES,
  INCIDENT_HISTOGRAMS,
} from '../src/metrics.ts';
import { INCIDENTS, type IncidentName, PAST, STREAMS } from './world.ts';

export type Sample = readonly [name: string, labels: Readonly<Record<string, string>>, value: number];

const DOMAINS = [...new Set(STREAMS.map(({ domain }) => domain))];
const IPS = [...new Set(STREAMS.flatMap(({ ips }) => ips.map(([ip]) => ip)))];
const LISTS = { ip: ['spamhaus-zen', 'barracuda', 'spamcop', 'psbl'], domain: ['spamhaus-dbl', 'surbl'] } as const;
const CHECKS = ['spf', 'dkim', 'dmarc', 'mx', 'mx-certificate', 'mta-sts', 'tls-rpt', 'bimi'] as const;

/** Parts of the past: when the provider's list holds its address, when a list is out of order, when a key is missing in DNS. */
const LISTED = { from: 0.6, to: 0.72, target: '203.0.113.30', list: 'spamhaus-zen' };
const BLIND = { from: 0.45, to: 0.55, list: 'barracuda' };
const BROKEN = { from: 0.56, to: 0.75, target: 'billing.example.com', check: 'dkim', problem: 'no_key' };
const RESTART = 0.5;

const TIMES: Record<
  IncidentName,
  { detection: number; acknowledgement: number; strategy: string; helped: string; alert: string }
> = {
  bounce_storm: {
    detection: 50,
    acknowledgement: 180,
    strategy: 'pause-campaigns',
    helped: 'effective',
    alert: 'critical',
  },
  complaint_storm: {
    detection: 240,
    acknowledgement: 600,
    strategy: 'isolate-campaigns',
    helped: 'effective',
    alert: 'critical',
  },
  provider_block: { detection: 90, acknowledgement: 420, strategy: 'backup-ips', helped: 'ineffective', alert: 'high' },
  slow_delivery: { detection: 600, acknowledgement: 900, strategy: 'back-off', helped: 'effective', alert: 'critical' },
};

export function* lookedUp(start: number, seconds: number, at: number): Generator<Sample> {
  const part = (at - start) / seconds;
  yield* lists(part, at);
  yield* checks(part, at);
  yield* incidents(start, seconds, at);
  yield* program(start, seconds, at);
}

const within = (part: number, { from, to }: { from: number; to: number }): boolean => part >= from && part < to;

function* lists(part: number, at: number): Generator<Sample> {
  for (const [kind, targets] of [
    ['ip', IPS],
    ['domain', DOMAINS],
  ] as const) {
    for (const list of LISTS[kind]) {
      const blind = list === BLIND.list && within(part, BLIND);
      for (const state of ZONE_STATES)
        yield [CHECK_GAUGES.health.name, { list, state }, Number(state === (blind ? 'unreachable' : 'healthy'))];
      yield [CHECK_GAUGES.listInterval.name, { list }, 900];
      yield [CHECK_GAUGES.waiting.name, { list }, blind ? targets.length : 0];
      for (const target of targets) {
        const on = target === LISTED.target && list === LISTED.list && within(part, LISTED);
        if (blind) {
          yield [CHECK_GAUGES.verdict.name, { list, target, verdict: 'error' }, 1];
          continue;
        }
        yield [CHECK_GAUGES.verdict.name, { list, target, verdict: on ? 'listed' : 'clear' }, 1];
        yield [CHECK_GAUGES.listed.name, { list, target, kind }, Number(on)];
        yield [CHECK_GAUGES.definite.name, { list, target }, at - (at % 900)];
        if (on)
          yield [
            CHECK_GAUGES.listing.name,
            {
              ...{ list, target, code: '127.0.0.2', meaning: 'Sends to spam traps', tier: 'page' },
              delisting_url: 'https://example.org/delist',
            },
            1,
          ];
      }
    }
  }
}

function* checks(part: number, at: number): Generator<Sample> {
  for (const target of [...DOMAINS, ...IPS]) {
    for (const check of DOMAINS.includes(target) ? CHECKS : (['fcrdns'] as const)) {
      const broken = target === BROKEN.target && check === BROKEN.check && within(part, BROKEN);
      yield [CHECK_GAUGES.passed.name, { check, target }, Number(!broken)];
      yield [CHECK_GAUGES.checked.name, { check, target }, at - (at % 900)];
      yield [CHECK_GAUGES.checkInterval.name, { check }, 3600];
      if (broken) yield [CHECK_GAUGES.problem.name, { check, target, problem: BROKEN.problem }, 1];
    }
  }
  for (const [i, target] of DOMAINS.entries())
    yield [
      CHECK_GAUGES.certificate.name,
      { target, host: `mx.${target}` },
      Math.ceil(at / 86400) * 86400 + (20 + 9 * i) * 86400,
    ];
}

function* incidents(start: number, seconds: number, at: number): Generator<Sample> {
  const calls: Record<string, number> = { prepare: 0, apply: 0, undo: 0 };
  const verdicts = { true_positive: 0, false_positive: 0, duplicate: 0, unknown: 0 };
  for (const [name, from, minutes] of PAST) {
    const { detection, acknowledgement, strategy, helped, alert: severity } = TIMES[name];
    const { issue_type, domain } = INCIDENTS[name];
    const begun = start + from * seconds + detection;
    const resolved = begun + Math.min(minutes * 60, seconds / 8);
    const acted = begun + 60;
    const kind = { issue_type, severity };
    yield [INCIDENT_GAUGES.open.name, kind, Number(at >= begun && at < resolved)];
    yield* span('detection', kind, at >= begun ? detection : undefined);
    yield* span('acknowledgement', kind, at >= begun + acknowledgement ? acknowledgement : undefined);
    yield* span('resolution', kind, at >= resolved ? resolved - begun : undefined);
    yield [INCIDENT_GAUGES.active.name, { strategy, mode: 'enforce' }, Number(at >= acted && at < resolved)];
    const done = at >= acted + 1800 || at >= resolved;
    for (const outcome of ['effective', 'ineffective'])
      yield [
        INCIDENT_COUNTERS.actions.name,
        { strategy, mode: 'enforce', outcome },
        Number(done && outcome === helped),
      ];
    for (const call of Object.keys(calls)) calls[call]! += Number(at >= (call === 'undo' ? resolved : acted));
    if (helped === 'ineffective' && at >= begun + 1200 && at < resolved) {
      const where = { source: '', sending_domain: domain, sending_ip: '', provider: '', campaign: '', target: '' };
      yield [INCIDENT_GAUGES.escalated.name, { issue_type, severity: 'critical', ...nonEmpty(where) }, 1];
    }
    if (at >= resolved)
      verdicts[
        name === 'slow_delivery' ? 'unknown' : name === 'complaint_storm' ? 'false_positive' : 'true_positive'
      ]++;
  }
  for (const [call, count] of Object.entries(calls))
    yield [COUNTERS.actuatorCalls.name, { actuator: 'mta1', call, outcome: 'done' }, count];
  // Of a week ago, for whose verdicts the time is over.
  const part = (at - start) / seconds;
  const closed = {
    true_positive: Math.floor(4 * part + 0.4),
    false_positive: Math.floor(2 * part + 0.3),
    duplicate: 0,
    unknown: Math.floor(3 * part),
  };
  for (const [verdict, count] of Object.entries(closed)) yield [INCIDENT_COUNTERS.closed.name, { verdict }, count];
  for (const [verdict, count] of Object.entries(verdicts)) {
    yield [INCIDENT_GAUGES.verdicts.name, { verdict }, count];
  }
}

const nonEmpty = (labels: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));

/** 0 until it happened: the first sample of a counter. */
function* span(
  of: keyof typeof INCIDENT_HISTOGRAMS,
  kind: Record<string, string>,
  took: number | undefined,
): Generator<Sample> {
  const { name } = INCIDENT_HISTOGRAMS[of];
  for (const bound of [...INCIDENT_BUCKETS, Infinity])
    yield [
      `${name}_bucket`,
      { ...kind, le: bound === Infinity ? '+Inf' : String(bound) },
      Number(took !== undefined && took <= bound),
    ];
  yield [`${name}_sum`, kind, took ?? 0];
  yield [`${name}_count`, kind, Number(took !== undefined)];
}

function* program(start: number, seconds: number, at: number): Generator<Sample> {
  const t = at - start;
  const restarted = start + RESTART * seconds;
  const began = at >= restarted ? restarted : start - 86400;
  const wave = Math.sin(t / 700);
  yield ['process_start_time_seconds', {}, began];
  yield ['process_resident_memory_bytes', {}, 1.4e8 + 1e7 * wave + 2e7 * Math.min(1, (at - began) / 7200)];
  yield ['process_cpu_seconds_total', {}, 0.04 * (at - began)];
  yield ['nodejs_eventloop_lag_p99_seconds', {}, 0.011 + 0.002 * wave];
  yield ['scrape_duration_seconds', {}, 0.021 + 0.004 * wave];
  yield ['scrape_samples_scraped', {}, Math.round(2400 + 20 * wave)];
  for (const [scope, held] of Object.entries({ resource: 1900, campaign: 260, feed: 42 }))
    yield [GAUGES.ledgerSeries.name, { scope }, held];
  yield [GAUGES.ledgerIds.name, {}, Math.round(60 * t)];
  yield [GAUGES.ledgerHorizon.name, {}, at - 93600];
  yield [GAUGES.reloadTimestamp.name, {}, began];
  yield [COUNTERS.commits.name, { outcome: 'done' }, Math.round(12 * t)];
  yield [COUNTERS.commits.name, { outcome: 'failed' }, 0];
  for (const [outcome, pace] of Object.entries({ answered: 0.4, cached: 0.2, timeout: 0.01, refused: 0.004 }))
    yield [COUNTERS.dnsQueries.name, { outcome }, Math.floor(pace * t)];
  const told = PAST.filter(([, from]) => t >= from * seconds + 60).length;
  for (const status of ['firing', 'resolved'])
    yield [COUNTERS.alerts.name, { status }, status === 'firing' ? 3 * told : told];
  for (const label of ['sending_domain', 'sending_ip', 'campaign']) yield [COUNTERS.folded.name, { label }, 0];
  // Somebody who knocks at a path that nobody configured.
  yield [COUNTERS.posts.name, { source: 'unknown', outcome: 'unauthenticated' }, Math.floor(t / 1500)];
}
