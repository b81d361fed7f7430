/**
 * Facts of the world become bodies and lines on their way to one exporter: each in its feed's voice, gathered for as long
 * as that system gathers, and posted or appended.
 */
import { createPrivateKey } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Letter, Outbox } from './outbox.ts';
import type { Occurrence, Plan } from './plan.ts';
import { Traffic } from './traffic.ts';
import { type Told, told } from './voice.ts';
import { kumoRecord } from './voices/kumomta.ts';
import { postfixLines } from './voices/postfix.ts';
import { measurements, pushEvent } from './voices/push.ts';
import { type SendgridEvent, sendgridBody, sendgridEvent, sendgridHeaders } from './voices/sendgrid.ts';
import { INCIDENTS, type Incident, STREAMS, type Voice } from './world.ts';

export interface FeedOptions {
  /** URL of the exporter. */
  target: string;
  /** Directory written by keys.ts. */
  keys: string;
  /** Absent: lines are posted, as a log shipper does. */
  postfixLog?: string | undefined;
  seed: number;
  /** Events a second of the wall clock, at the busiest hour. */
  rate: number;
  /** World seconds in a second of the wall clock. */
  speed: number;
  plan: Plan;
  /** Told when the first event happens that an incident is to blame for, and when an incident is over. */
  started(occurrence: Occurrence, wall: number): void;
  ended(occurrence: Occurrence, wall: number): void;
  /** What was given up, for a person. */
  report(message: string): void;
}

/** The live day begins here, whatever the clock says, so that a demo at night is no quieter. */
const START_HOUR = 9;
/** After a longer stop (a closed laptop) what was missed is left out, so that the load stays bounded. */
const LONGEST_CATCH_UP_MS = 2000;
const MEASURE_EVERY_MS = 15_000;
/** For what still waits at the end. */
const LAST_POSTS_MS = 10_000;

interface Speech {
  /** How long this system gathers before it posts. */
  gatherMs: number;
  path(feed: string): string;
  /** Items of a post, or lines; [] for what this system does not tell. */
  say(fact: Told): unknown[];
  pack(items: unknown[]): Omit<Letter, 'items'>;
}

/** The key material is read once, here. */
function speeches(keys: string): Record<Voice, Speech> {
  const key = (name: string): string => readFileSync(join(keys, name), 'utf8').trim();
  const signing = createPrivateKey(key('sendgrid.key'));
  const json = (items: unknown[], token: string): Omit<Letter, 'items'> => ({
    body: JSON.stringify(items),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  });
  const [kumo, push] = [key('kumo.token'), key('push.token')];
  const vector = Buffer.from(`vector:${key('vector.password')}`).toString('base64');
  return {
    sendgrid: {
      // Each of SendGrid's servers posts every 30 s, but a busy account hears from many of them all the time: this one
      // stands for them all.
      gatherMs: 2000,
      path: (feed) => `/hooks/${feed}`,
      say: (fact) => [sendgridEvent(fact)],
      pack: (items) => {
        const body = sendgridBody(items as SendgridEvent[]);
        return { body, headers: sendgridHeaders(body, signing, Date.now()) };
      },
    },
    kumomta: {
      gatherMs: 1000,
      path: (feed) => `/hooks/${feed}`,
      say: (fact) => [kumoRecord(fact)].filter((record) => record !== undefined),
      pack: (items) => json(items, kumo),
    },
    postfix: {
      gatherMs: 200,
      path: (feed) => `/hooks/${feed}`,
      say: postfixLines,
      pack: (lines) => ({
        body: `${lines.join('\n')}\n`,
        headers: { 'content-type': 'text/plain', authorization: `Basic ${vector}` },
      }),
    },
    push: {
      gatherMs: 1000,
      path: () => '/api/v1/events',
      say: (fact) => [pushEvent(fact)],
      pack: (items) => json(items, push),
    },
  };
}

/** What waits to be posted to one feed. */
interface Basket {
  voice: Voice;
  items: unknown[];
  emptied: number;
  outbox: Outbox;
}

export class Feed {
  private readonly options: FeedOptions;
  /** Differs between runs, as ids do. */
  private readonly run: string;
  private readonly traffic: Traffic;
  private readonly speeches: Record<Voice, Speech>;
  /** By the key of the source. */
  private readonly baskets = new Map<string, Basket>();
  private readonly measured: Outbox;
  /** Wall clock of world second 0. */
  private begin: number;
  private last: number;
  private round = 0;
  private on: Occurrence | undefined;
  private readonly told = new WeakSet<Occurrence>();
  private readonly counts: Record<string, number> = {};
  private linesLost = 0;

  constructor(options: FeedOptions, now: number) {
    this.options = options;
    this.begin = now;
    this.last = now;
    this.run = now.toString(36);
    const { seed, rate, speed, plan } = options;
    this.traffic = new Traffic({ seed, rate: rate / speed, plan, startHour: START_HOUR });
    this.speeches = speeches(options.keys);
    this.measured = this.outbox('/api/v1/measurements');
    for (const { feed, voice } of STREAMS) {
      const outbox = this.baskets.get(feed)?.outbox ?? this.outbox(this.speeches[voice].path(feed));
      this.baskets.set(feed, { voice, items: [], emptied: now, outbox });
    }
  }

  tick(now: number): void {
    if (now - this.last > LONGEST_CATCH_UP_MS) this.begin += now - this.last;
    this.last = now;
    const t = this.worldAt(now);
    for (const fact of this.traffic.until(t)) this.tell(told(fact, Math.round(this.wallAt(fact.at)), this.run));
    for (const basket of this.baskets.values()) {
      if (now - basket.emptied >= this.speeches[basket.voice].gatherMs) this.empty(basket, now);
    }
    const on = this.options.plan.at(t);
    if (this.on && on !== this.on) this.options.ended(this.on, now);
    this.on = on;
    while (this.begin + this.round * MEASURE_EVERY_MS <= now) this.measure(now, on && INCIDENTS[on.name]);
  }

  /** Jumps to the next start or end of an incident. */
  skip(now: number): void {
    this.options.plan.skip(this.worldAt(now));
  }

  /** Posts what is left, and waits for the answers. */
  async finish(now: number): Promise<void> {
    for (const basket of this.baskets.values()) this.empty(basket, now);
    const late = new Promise((resolve) => setTimeout(resolve, LAST_POSTS_MS).unref());
    await Promise.race([Promise.all(this.outboxes().map((outbox) => outbox.drained())), late]);
  }

  /** One line for a person, and whether everything that was said was also taken. */
  summary(): { text: string; whole: boolean } {
    const sum = (of: (outbox: Outbox) => number): number =>
      this.outboxes().reduce((total, outbox) => total + of(outbox), 0);
    const gathered = [...this.baskets.values()].reduce((total, { items }) => total + items.length, 0);
    const unsent = gathered + sum((outbox) => outbox.pending);
    const lost = this.linesLost + sum((outbox) => outbox.lost);
    const kinds = Object.entries(this.counts).map(([kind, n]) => `${n} ${kind}`);
    const posts = `${sum((o) => o.posts)} posts, ${sum((o) => o.retries)} of them again`;
    const text = `${kinds.join(', ')}; ${posts}; ${lost} items given up, ${unsent} not sent at the end`;
    return { text, whole: lost + unsent === 0 };
  }

  private worldAt(wall: number): number {
    return ((wall - this.begin) / 1000) * this.options.speed;
  }

  private wallAt(world: number): number {
    return this.begin + (world / this.options.speed) * 1000;
  }

  private outbox(path: string): Outbox {
    return new Outbox({ url: new URL(path, this.options.target).href, report: this.options.report });
  }

  private outboxes(): Outbox[] {
    return [...[...this.baskets.values()].map(({ outbox }) => outbox), this.measured];
  }

  private tell(fact: Told): void {
    const { feed, voice } = fact.message.stream;
    const items = this.speeches[voice].say(fact);
    if (items.length === 0) return;
    this.baskets.get(feed)!.items.push(...items);
    this.counts[fact.kind] = (this.counts[fact.kind] ?? 0) + 1;
    const { incident } = fact;
    if (incident === undefined || this.told.has(incident)) return;
    this.told.add(incident);
    this.options.started(incident, fact.wall);
  }

  private empty(basket: Basket, now: number): void {
    basket.emptied = now;
    const items = basket.items.splice(0);
    if (items.length === 0) return;
    if (basket.voice === 'postfix' && this.options.postfixLog !== undefined) this.append(items);
    else basket.outbox.post({ ...this.speeches[basket.voice].pack(items), items: items.length });
  }

  /** Opened anew each time, so that the log may be rotated away. */
  private append(lines: unknown[]): void {
    try {
      appendFileSync(this.options.postfixLog!, `${lines.join('\n')}\n`);
    } catch (error) {
      this.linesLost += lines.length;
      this.options.report(`${lines.length} log lines given up: ${error instanceof Error ? error.message : error}`);
    }
  }

  private measure(now: number, on: Incident | undefined): void {
    const items = measurements(this.options.seed, this.round++, now, this.run, on);
    this.measured.post({ ...this.speeches.push.pack(items), items: items.length });
  }
}
