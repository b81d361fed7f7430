/**
 * The tables of the world and a seed become mail: messages that are accepted, put off, delivered, refused, opened and
 * complained of, as facts in order of time. Time is in world seconds; what the clock on the wall says plays no part.
 */
import type { Kind, SuppressionReason } from '../src/event.ts';
import type { Occurrence, Plan } from './plan.ts';
import { type Draw, draws, exponential, logNormal, pick } from './random.ts';
import {
  BOUNCES,
  DAY_CURVE,
  DEFERRALS,
  DEFERRED_AGAIN,
  type Fault,
  INCIDENTS,
  type Incident,
  MAILBOXES,
  type Mailbox,
  RATES,
  REACTIONS,
  RETRY_GAPS,
  SPREAD,
  STREAMS,
  type Stream,
} from './world.ts';

export interface Message {
  n: number;
  at: number;
  stream: Stream;
  ip: string;
  campaign: string;
  mailbox: Mailbox;
  /** Synthetic local part of the recipient. */
  local: string;
  size: number;
}

export interface Fact {
  at: number;
  kind: Kind;
  message: Message;
  /** What the receiving side answers; on deliveries, deferrals and bounces. */
  answer?: Fault | 'taken';
  /** Attempts before this one. */
  attempt: number;
  by?: 'person' | 'machine';
  reason?: SuppressionReason;
  /** Set when an incident made this happen. */
  incident?: Occurrence;
}

/** Earlier mail that people still open and complain of when the feed starts: that many seconds of it, or messages. */
const EARLIER = { seconds: 3600, messages: 100_000 };
/** Part of a domain's mail that belongs to the campaign of an incident that has one. */
const OF_CAMPAIGN = 0.75;
const SUPPRESSIONS: readonly (readonly [SuppressionReason, number])[] = [
  ['bounced_before', 6],
  ['unsubscribed', 3],
  ['complained', 1],
  ['invalid_address', 1],
];

export interface TrafficOptions {
  seed: number;
  /** Events a second at the busiest hour of the day. */
  rate: number;
  plan: Plan;
  /** Hour of the day at world second 0. */
  startHour: number;
}

export class Traffic {
  private readonly seed: number;
  private readonly perSecond: number;
  private readonly plan: Plan;
  private readonly startHour: number;
  private readonly queue = new Queue();
  private n = 0;
  private next: number;

  constructor({ seed, rate, plan, startHour }: TrafficOptions) {
    this.seed = seed;
    this.perSecond = rate / eventsPerMessage();
    this.plan = plan;
    this.startHour = startHour;
    this.next = -Math.min(EARLIER.seconds, EARLIER.messages / this.perSecond);
    this.until(0);
  }

  /** Everything that has happened since the last call and before `t`. */
  until(t: number): Fact[] {
    while (this.next < t) this.arrive();
    return this.queue.before(t);
  }

  private arrive(): void {
    const [n, at] = [this.n++, this.next];
    const draw = draws(this.seed, n);
    const occurrence = this.plan.at(at);
    const incident: Incident | undefined = occurrence && INCIDENTS[occurrence.name];
    this.next = at + exponential(draw, 1 / this.intensity(at, incident));
    const message = newMessage(n, at, draw, incident);
    for (const fact of new Journey(message, draw, incident, occurrence).facts) {
      const path = fact.kind === 'accepted' || fact.answer !== undefined || fact.kind === 'suppressed';
      if (fact.at >= 0 && !(at < 0 && path)) this.queue.put(fact);
    }
  }

  /** Messages a second. */
  private intensity(at: number, incident: Incident | undefined): number {
    let volume = 0;
    for (const stream of STREAMS) volume += volumeOf(stream, incident);
    return this.perSecond * dayCurve(this.startHour + at / 3600) * volume;
  }
}

function volumeOf(stream: Stream, incident: Incident | undefined): number {
  return stream.share * (incident?.domain === stream.domain ? incident.volume : 1);
}

export function dayCurve(hour: number): number {
  const before = ((Math.floor(hour) % 24) + 24) % 24;
  const part = hour - Math.floor(hour);
  return DAY_CURVE[before]! * (1 - part) + DAY_CURVE[(before + 1) % 24]! * part;
}

/** Expected, without incidents. */
export function eventsPerMessage(): number {
  const bounced = BOUNCES.reduce((sum, [, rate]) => sum + rate, 0);
  const shares = MAILBOXES.reduce((sum, m) => sum + m.share, 0);
  const feedback = MAILBOXES.reduce((sum, m) => sum + (m.feedback ? m.share : 0), 0) / shares;
  const reactions = RATES.openedByMachine + RATES.openedByPerson * (1 + RATES.clicked) + RATES.unsubscribed;
  return STREAMS.reduce((sum, { share, engagement }) => {
    const delivered = 1 - bounced;
    const path = 1 + RATES.deferred / (1 - DEFERRED_AGAIN) + bounced + delivered;
    return sum + share * (path + delivered * (feedback * RATES.complained + engagement * reactions));
  }, 0);
}

function newMessage(n: number, at: number, draw: Draw, incident: Incident | undefined): Message {
  const stream = pick(draw, STREAMS, (s) => volumeOf(s, incident));
  const ip = pick(draw, stream.ips, ([, weight]) => weight)[0];
  const usual = stream.campaigns.length > 0 ? pick(draw, stream.campaigns, ([, weight]) => weight)[0] : '';
  const mailbox = pick(draw, MAILBOXES, (m) => m.share);
  const local = `recipient-${Math.floor(draw() * 1e7)
    .toString()
    .padStart(7, '0')}`;
  const size = Math.round(logNormal(draw, 18_000, 0.6));
  const struck = draw() < OF_CAMPAIGN && incident?.domain === stream.domain && incident.campaign !== undefined;
  return { n, at, stream, ip, campaign: struck ? incident.campaign! : usual, mailbox, local, size };
}

/** One message's way, from acceptance to what its recipient does with it. */
class Journey {
  readonly facts: Fact[] = [];
  private readonly message: Message;
  private readonly draw: Draw;
  /** Present when it concerns this message. */
  private readonly incident: Incident | undefined;
  private readonly occurrence: Occurrence | undefined;

  constructor(message: Message, draw: Draw, incident: Incident | undefined, occurrence: Occurrence | undefined) {
    this.message = message;
    this.draw = draw;
    const concerned = incident !== undefined && concerns(incident, message);
    this.incident = concerned ? incident : undefined;
    this.occurrence = concerned ? occurrence : undefined;
    const ours = message.stream.voice === 'sendgrid' || message.stream.voice === 'push';
    if (this.draw() < RATES.suppressed && ours) {
      this.tell(message.at, 'suppressed', { reason: pick(draw, SUPPRESSIONS, ([, weight]) => weight)[0] });
      return;
    }
    this.tell(message.at, 'accepted');
    const delivered = this.deliver();
    if (delivered !== undefined) this.react(delivered);
  }

  private tell(at: number, kind: Kind, more: Partial<Fact> = {}): void {
    this.facts.push({ at, kind, message: this.message, attempt: 0, ...more });
  }

  /** Its own doing, or the incident's. */
  private bad(): Partial<Fact> {
    return this.occurrence ? { incident: this.occurrence } : {};
  }

  /** When it was delivered, if it was. */
  private deliver(): number | undefined {
    const { message, draw } = this;
    const first = message.at + Math.max(0.2, logNormal(draw, message.mailbox.median, SPREAD));
    const struck = this.incident?.fault && draw() < this.shareOf(this.incident.fault.share);
    if (struck && !this.incident?.slow) {
      this.tell(first, 'bounced', { answer: this.incident!.fault!.name, ...this.bad() });
      return undefined;
    }
    if (struck) return this.crawl(first, this.incident!.fault!.name, this.incident!.slow!);
    const fault = ordinaryBounce(draw());
    if (fault) {
      this.tell(first, 'bounced', { answer: fault });
      return undefined;
    }
    return this.attempt(first);
  }

  private attempt(first: number): number | undefined {
    const { message, draw } = this;
    const words = DEFERRALS[message.mailbox.family === 'small' ? 'small' : 'large'];
    let at = first;
    let putOff = draw() < RATES.deferred;
    for (let attempt = 0; ; attempt++) {
      if (!putOff) {
        this.tell(at, 'delivered', { answer: 'taken', attempt });
        return at;
      }
      this.tell(at, 'deferred', { answer: pick(draw, words, ([, weight]) => weight)[0], attempt });
      const gap = RETRY_GAPS[attempt];
      if (gap === undefined) {
        this.tell(at + 1, 'bounced', { answer: 'expired', attempt });
        return undefined;
      }
      at += gap * (0.9 + 0.2 * draw());
      putOff = draw() < DEFERRED_AGAIN;
    }
  }

  /** Put off until it is late, then delivered. */
  private crawl(first: number, fault: Fault, slow: NonNullable<Incident['slow']>): number {
    const delivered = this.message.at + Math.max(slow.floor, logNormal(this.draw, slow.median, 0.5));
    let attempt = 0;
    for (let at = first; at < delivered; at += RETRY_GAPS[attempt++] ?? 900) {
      this.tell(at, 'deferred', { answer: fault, attempt, ...this.bad() });
    }
    this.tell(delivered, 'delivered', { answer: 'taken', attempt, ...this.bad() });
    return delivered;
  }

  private react(delivered: number): void {
    const { draw, message, incident } = this;
    const { engagement } = message.stream;
    const after = (from: number, { median, sigma }: { median: number; sigma: number }): number =>
      from + Math.min(REACTIONS.capSeconds, logNormal(draw, median, sigma));
    if (draw() < RATES.openedByMachine * engagement) {
      this.tell(after(delivered, REACTIONS.machine), 'opened', { by: 'machine' });
    }
    if (draw() < RATES.openedByPerson * engagement) {
      const opened = after(delivered, REACTIONS.open);
      this.tell(opened, 'opened', { by: 'person' });
      if (draw() < RATES.clicked) this.tell(after(opened, REACTIONS.click), 'clicked');
      if (draw() < RATES.unsubscribed / RATES.openedByPerson) {
        this.tell(after(opened, REACTIONS.unsubscribe), 'unsubscribed');
      }
    }
    if (!message.mailbox.feedback || message.stream.voice === 'postfix') return;
    const storm = incident?.complaints;
    const { sigma, median } = REACTIONS.complaint;
    if (storm && draw() < this.shareOf(storm.share)) {
      this.tell(after(delivered, { sigma: 0.7, median: storm.median }), 'complained', this.bad());
    } else if (draw() < RATES.complained) {
      this.tell(after(delivered, { sigma, median }), 'complained');
    }
  }

  private shareOf(share: number): number {
    return this.incident?.campaign === undefined ? share : share / OF_CAMPAIGN;
  }
}

function concerns(incident: Incident, message: Message): boolean {
  return (
    incident.domain === message.stream.domain &&
    (incident.ip ?? message.ip) === message.ip &&
    (incident.family ?? message.mailbox.family) === message.mailbox.family &&
    (incident.campaign ?? message.campaign) === message.campaign
  );
}

function ordinaryBounce(u: number): Fault | undefined {
  let left = u;
  for (const [fault, rate] of BOUNCES) {
    left -= rate;
    if (left < 0) return fault;
  }
  return undefined;
}

/** A binary heap by time, and among equals by who came first. */
class Queue {
  private readonly heap: { fact: Fact; order: number }[] = [];
  private order = 0;

  put(fact: Fact): void {
    const { heap } = this;
    heap.push({ fact, order: this.order++ });
    for (let i = heap.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!this.earlier(i, parent)) break;
      this.swap(i, parent);
      i = parent;
    }
  }

  before(t: number): Fact[] {
    const facts: Fact[] = [];
    while (this.heap.length > 0 && this.heap[0]!.fact.at < t) facts.push(this.take());
    return facts;
  }

  private take(): Fact {
    const { heap } = this;
    this.swap(0, heap.length - 1);
    const { fact } = heap.pop()!;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && this.earlier(child, least)) least = child;
      if (least === i) return fact;
      this.swap(i, least);
      i = least;
    }
  }

  private earlier(a: number, b: number): boolean {
    const [x, y] = [this.heap[a]!, this.heap[b]!];
    return x.fact.at < y.fact.at || (x.fact.at === y.fact.at && x.order < y.order);
  }

  private swap(a: number, b: number): void {
    const { heap } = this;
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  }
}
