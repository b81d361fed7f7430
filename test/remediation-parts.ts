/** What tests of remediation are made of: incidents, cases, a shelf that can crash, systems that hang or lie, a Prometheus that is told. */
import { pino } from 'pino';
import type { Actuator, Order } from '../src/actuator.ts';
import type { Action, Incident, IncidentShelf, Remedied } from '../src/incident.ts';
import { type Asked, type Series, Unanswered } from '../src/prometheus.ts';
import { Remediation } from '../src/remediation.ts';
import type { RemediationSettings, Strategy } from '../src/remediation-config.ts';
import type { Case, Remedy } from '../src/remedy.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
/** Tuesday noon. */
export const NOON = Date.parse('2026-11-24T12:00:00Z');

let count = 0;

export function anIncident(labels: Record<string, string>, more: Partial<Incident> = {}): Incident {
  const fingerprint = (0xabc000 + count++).toString(16);
  return {
    id: `${fingerprint}-${NOON.toString(36)}`,
    fingerprint,
    startsAt: NOON,
    heard: NOON,
    labels,
    summary: 'a test',
    remedies: [],
    ...more,
  };
}

export const BOUNCES = {
  alertname: 'EmailBounceRateHigh',
  issue_type: 'high_bounce_rate',
  severity: 'critical',
  sending_domain: 'news.example.com',
};

interface CaseParts extends Partial<Omit<Case, 'incident' | 'now' | 'before'>> {
  now?: { level?: number; samples?: number };
  before?: { level?: number; samples?: number };
}

export function aCase(labels: Record<string, string>, parts: CaseParts = {}, incident = anIncident(labels)): Case {
  const { now = {}, before = {}, ...rest } = parts;
  return {
    incident,
    issueType: labels.issue_type ?? '',
    severity: labels.severity ?? '',
    campaigns: [],
    ips: [],
    age: 600,
    also: {},
    ...rest,
    now: { at: NOON, ...now },
    before: { at: NOON - 24 * HOUR, ...before },
  };
}

export function aRemedied(strategy: string, more: Partial<Remedied> = {}): Remedied {
  return {
    strategy,
    mode: 'enforce',
    at: NOON,
    score: 0.8,
    because: 'a test',
    steps: [],
    looks: [],
    outcome: 'pending',
    ...more,
  };
}

/** The program died: whatever comes after it happens to nobody. */
export class Crash extends Error {}

/** What survives a crash is `disk`; each change is one point at which there may be one. */
export class TestShelf implements IncidentShelf {
  readonly disk: Map<string, string>;
  /** Before which change it dies, and whether that change is on disk all the same; counted down. */
  crash: { after: number; written: boolean } | undefined;
  /** Dead: nothing more is written or done. */
  dead = false;
  changes = 0;

  constructor(disk = new Map<string, string>()) {
    this.disk = disk;
  }

  put(incident: Incident): void {
    this.disk.set(incident.id, JSON.stringify(incident));
  }

  get(id: string): Incident | undefined {
    const text = this.disk.get(id);
    return text === undefined ? undefined : (JSON.parse(text) as Incident);
  }

  all(): Incident[] {
    return [...this.disk.values()].map((text) => JSON.parse(text) as Incident);
  }

  /** As src/incidents.ts does. */
  open(): Incident[] {
    const states = ['doing', 'done', 'undoing', 'undo_failed'];
    return this.all().filter(
      ({ resolved, remedies }) =>
        resolved === undefined ||
        remedies.some((one) => one.outcome === 'pending' || one.steps.some(({ state }) => states.includes(state))),
    );
  }

  async change(id: string, change: (incident: Incident) => void): Promise<void> {
    // A disk takes its time, and others their turn.
    await Promise.resolve();
    this.point();
    const incident = this.get(id);
    if (!incident) throw new Error(`there is no incident ${id}`);
    change(incident);
    if (this.crash?.after === 0 && !this.crash.written) this.die();
    this.put(incident);
    this.changes++;
    if (this.crash?.after === 0) this.die();
  }

  /** A place where the program may die. */
  point(): void {
    if (this.dead) throw new Crash('dead');
    if (this.crash) this.crash.after--;
  }

  die(): never {
    this.dead = true;
    throw new Crash('crash');
  }
}

export interface Heard {
  call: 'prepare' | 'apply' | 'undo';
  order: string;
  action: Action;
}

/** A system that obeys: `applied` is what holds in it now, by order. */
export class TestSystem implements Actuator {
  readonly heard: Heard[] = [];
  readonly applied = new Map<string, Action>();
  verbs: readonly string[] = ['pause', 'throttle', 'reroute', 'validate', 'clean', 'review'];
  /** Told before each call; may throw or hang. */
  before: (call: Heard['call'], order: Order, signal: AbortSignal) => Promise<void> | void = () => {};
  /** Told after what was done was done, before the caller hears of it. */
  after: (call: Heard['call'], order: Order) => Promise<void> | void = () => {};

  refuses({ verb }: Action): string {
    return this.verbs.includes(verb) ? '' : `it cannot ${verb}`;
  }

  async prepare(order: Order, signal: AbortSignal): Promise<unknown> {
    await this.hear('prepare', order, signal);
    await this.after('prepare', order);
    return { was: 'as before' };
  }

  async apply(order: Order, before: unknown, signal: AbortSignal): Promise<void> {
    if (JSON.stringify(before) !== '{"was":"as before"}') throw new Error('applied without what was before');
    await this.hear('apply', order, signal);
    this.applied.set(order.id, order.action);
    await this.after('apply', order);
  }

  async undo(order: Order, before: unknown, signal: AbortSignal): Promise<void> {
    if (JSON.stringify(before) !== '{"was":"as before"}') throw new Error('undone without what was before');
    await this.hear('undo', order, signal);
    this.applied.delete(order.id);
    await this.after('undo', order);
  }

  calls(call: Heard['call']): number {
    return this.heard.filter((one) => one.call === call).length;
  }

  private async hear(call: Heard['call'], order: Order, signal: AbortSignal): Promise<void> {
    await this.before(call, order, signal);
    this.heard.push({ call, order: order.id, action: order.action });
  }
}

/** Bounces of a domain as they are said to be; everything else is unknown. */
export class TestPrometheus implements Asked {
  level: number | undefined = 0.2;
  samples = 1000;
  campaigns: Record<string, number> = {};
  ips: Record<string, number> = {};
  down = false;
  asked = 0;

  async instant(query: string, at: number): Promise<Series[]> {
    this.asked++;
    if (this.down) throw new Unanswered('Prometheus is down');
    const one = (value: number | undefined, labels = {}) =>
      value === undefined ? [] : [{ labels, points: [{ at, value }] }];
    if (query.startsWith('topk(') && query.includes('email_campaign_bounced_total'))
      return Object.entries(this.campaigns).flatMap(([campaign, value]) => one(value, { campaign }));
    if (query.startsWith('topk(') && query.includes('sum by (sending_ip)'))
      return Object.entries(this.ips).flatMap(([ip, value]) => one(value, { sending_ip: ip }));
    if (query.startsWith('(sum(increase({__name__=~"email_bounced_total"')) return one(this.level);
    if (query.startsWith('sum(increase({__name__=~"email_delivered_total|email_bounced_total"'))
      return one(this.samples);
    return [];
  }

  async range(): Promise<Series[]> {
    this.asked++;
    if (this.down) throw new Unanswered('Prometheus is down');
    return [];
  }
}

export function settingsFor(
  strategies: Record<string, Partial<Strategy> & { remedy: Remedy }>,
  parts: { actuators: Record<string, Actuator>; prometheus: Asked } & Partial<
    Omit<RemediationSettings, 'actuators' | 'prometheus' | 'strategies'>
  >,
): RemediationSettings {
  const { actuators, ...rest } = parts;
  return {
    mode: 'enforce',
    killSwitch: '',
    lookAfter: 30 * MINUTE,
    escalateAfter: HOUR,
    window: 15 * MINUTE,
    coolDown: HOUR,
    atLongest: 24 * HOUR,
    callTimeout: 5000,
    minSamples: 10,
    budget: 10,
    atMost: 3,
    reach: { ips: 0.34, campaigns: 0.5 },
    reverse: true,
    ...rest,
    actuators: new Map(Object.entries(actuators)),
    strategies: new Map(
      Object.entries(strategies).map(([name, { remedy, ...own }]) => [
        name,
        {
          remedy,
          mode: 'enforce' as const,
          actuators: Object.keys(actuators),
          effectIn: remedy.effectIn * 1000,
          ...own,
        },
      ]),
    ),
  };
}

export type Line = Record<string, unknown> & { msg: string };

/** An engine with a clock that is set. */
export function engine(shelf: IncidentShelf, settings: RemediationSettings | undefined, clock: { now: number }) {
  const lines: Line[] = [];
  const called: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  const remediation = new Remediation({
    shelf,
    log,
    now: () => clock.now,
    called: (actuator, call, outcome) => void called.push(`${actuator} ${call} ${outcome}`),
  });
  remediation.apply(settings);
  return { remediation, lines, called, said: (words: string) => lines.filter(({ msg }) => msg.includes(words)) };
}
