/**
 * A world becomes what an exporter would have shown Prometheus of it: OpenMetrics text, sender by sender, in the metrics of
 * docs/metrics.md. Messages are not drawn one by one: what happens to those of one step is drawn at once.
 */
import { Chance } from './chance.ts';
import { DAY, type Effect, EPOCH, type Happening, HOUR, pace, type Sender, type World } from './world.ts';

/** A sample that repeats the one before is left out for so long, as queries look back five minutes. */
const REPEAT_AFTER = 240;
const BUCKETS = [60, 300, 600, 900, 1800, 3600] as const;
const COMPLAINS_AFTER = 3 * HOUR;
const OPENS_AFTER = 2 * HOUR;
const RETRIES_AFTER = 600;

export type Write = (text: string) => void;

interface Shown {
  at: number;
  value: number;
  written: number;
}

/** Samples of one sender, those that say nothing new left out. */
class Samples {
  readonly #shown = new Map<string, Shown>();
  readonly #write: Write;

  constructor(write: Write) {
    this.#write = write;
  }

  add(series: string, value: number, at: number): void {
    const before = this.#shown.get(series);
    if (before === undefined) {
      // Zero first, as the exporter shows what is born above it.
      const first = value > 0 && /_(total|bucket)\{/.test(series) ? 0 : value;
      this.#shown.set(series, { at, value: first, written: at });
      this.#write(`${series} ${first} ${at + EPOCH}\n`);
    } else {
      const same = before.value === value;
      if (same && at - before.written < REPEAT_AFTER) {
        before.at = at;
        return;
      }
      // A step up stands beside the last sample before it, or rates would take it for a slope.
      if (!same && before.at !== before.written) this.#write(`${series} ${before.value} ${before.at + EPOCH}\n`);
      before.at = at;
      before.value = value;
      before.written = at;
      this.#write(`${series} ${value} ${at + EPOCH}\n`);
    }
  }
}

/** Mail of one sender from one address to one provider, added up. */
class Flow {
  readonly resource: string;
  readonly share: number;
  readonly ip: string;
  readonly provider: string;
  readonly counters = new Map<string, number>();
  /** What is to be expected of mail already delivered, and what waits for another try. */
  complaints = 0;
  opens = 0;
  clicks = 0;
  waiting = 0;
  readonly buckets = new Array<number>(BUCKETS.length + 1).fill(0);

  constructor(sender: Sender, ip: string, provider: string, share: number) {
    this.ip = ip;
    this.provider = provider;
    this.share = share;
    this.resource = `source="${sender.source}",sending_domain="${sender.domain}",sending_ip="${ip}",provider="${provider}"`;
  }

  count(name: string, labels: string, n: number): void {
    const series = `${name}{${this.resource}${labels}}`;
    const before = this.counters.get(series);
    // Born at 0, as the exporter shows it.
    if (n > 0 || before === undefined) this.counters.set(series, (before ?? 0) + n);
  }
}

const of = (effects: readonly Effect[], key: 'volume' | 'open' | 'click'): number =>
  effects.reduce((product, effect) => product * (effect[key] ?? 1), 1);

export function writeSender(
  world: World,
  sender: Sender,
  from: number,
  to: number,
  state: SenderState,
  write: Write,
): void {
  const samples = state.samples ?? new Samples((text) => state.write(text));
  state.samples = samples;
  state.write = write;
  for (const { from: start, to: end, step } of world.stretches) {
    for (let at = Math.max(start, from); at < Math.min(end, to); at += step) {
      if (at < sender.born * DAY) continue;
      state.advance(at, step);
      state.show(at, samples);
    }
  }
}

export class SenderState {
  samples?: Samples;
  write: Write = () => {};
  readonly #sender: Sender;
  readonly #chance: Chance;
  readonly #flows: Flow[];
  readonly #happenings: Happening[];
  readonly #done = new Set<Happening>();
  #hour = -1;
  #wobble = 1;
  #bounceWobble = 1;
  #measured = { inbox: -1, at: 0 };
  #inboxHour = -1;
  #score = 0;
  #scoreDay = -1;
  readonly #campaigns = new Map<string, number>();

  constructor(world: World, sender: Sender) {
    this.#sender = sender;
    this.#chance = new Chance(world.seed, sender.index, 3);
    this.#happenings = world.happenings.filter(({ senders }) => senders.includes(sender.index));
    this.#flows = sender.ips.flatMap((ip) =>
      sender.providers.map((provider, p) => new Flow(sender, ip, provider, sender.shares[p]! / sender.ips.length)),
    );
    for (const flow of this.#flows) this.#birth(flow);
  }

  #birth(flow: Flow): void {
    for (const name of ['accepted', 'delivered', 'complaints']) flow.count(`email_${name}_total`, '', 0);
    flow.count('email_bounced_total', ',class="hard",reason="invalid_recipient"', 0);
    if (this.#sender.open > 0) {
      flow.count('email_opens_total', ',by="person"', 0);
      flow.count('email_clicks_total', '', 0);
    }
  }

  advance(at: number, step: number): void {
    const middle = at - step / 2;
    const effects = this.#happenings
      .filter(({ from, to }) => middle > from && middle <= to)
      .map(({ effect }) => effect);
    const { perDay, shape, steady, bursts, plan, born } = this.#sender;
    const hour = Math.floor(at / HOUR);
    if (hour !== this.#hour) {
      this.#hour = hour;
      this.#wobble = this.#chance.wobble(0.12);
      this.#bounceWobble = this.#chance.wobble(0.25);
    }
    const daily = plan.length > 0 ? plan[Math.floor(at / DAY) - born]! : perDay;
    let expected = steady ? daily * pace(shape, at) * step * this.#wobble : 0;
    for (const { at: begin, lasts, messages } of bursts) {
      const overlap = Math.min(at, begin + lasts) - Math.max(at - step, begin);
      if (overlap > 0) expected += (messages * overlap) / lasts;
    }
    expected *= of(effects, 'volume');
    for (const flow of this.#flows) this.#deliver(flow, expected * flow.share, effects, step);
    for (const happening of this.#happenings) if (at > happening.from) this.#once(happening);
  }

  /** Effects that are so many events, not a share of them. */
  #once(happening: Happening): void {
    const { bounces = 0, complaints = 0, traps = 0 } = happening.effect;
    if (this.#done.has(happening) || bounces + complaints + traps === 0) return;
    this.#done.add(happening);
    const flow = this.#flows[0]!;
    flow.count('email_bounced_total', ',class="hard",reason="invalid_recipient"', bounces);
    flow.count('email_accepted_total', '', bounces + traps);
    flow.count('email_complaints_total', '', complaints);
    if (traps > 0) flow.count('email_bounced_total', ',class="block",reason="spam_trap"', traps);
  }

  #deliver(flow: Flow, expected: number, effects: readonly Effect[], step: number): void {
    const chance = this.#chance;
    const mine = effects.filter(
      ({ provider, ip }) => (provider ?? flow.provider) === flow.provider && (ip ?? flow.ip) === flow.ip,
    );
    const messages = chance.poisson(expected);
    flow.count('email_accepted_total', '', messages);
    const retried = chance.binomial(flow.waiting, 1 - Math.exp(-step / RETRIES_AFTER));
    flow.waiting -= retried;
    let left = messages + retried;
    for (const { defer = 0, deferReason = 'throttle' } of [
      { defer: this.#sender.defer, deferReason: 'greylist' },
      ...mine,
    ]) {
      // Greylisting lets the second try pass.
      const n = chance.binomial(deferReason === 'greylist' ? Math.max(0, left - retried) : left, defer);
      if (n > 0) flow.count('email_deferred_total', `,reason="${deferReason}"`, n);
      flow.waiting += n;
      left -= n;
    }
    const late = Math.min(retried, left);
    let bounced = 0;
    const ordinary: Effect = {
      bounce: this.#sender.bounce * this.#bounceWobble,
      class: 'hard',
      reason: 'invalid_recipient',
    };
    for (const { bounce = 0, class: kind = 'hard', reason = 'invalid_recipient', campaign } of [ordinary, ...mine]) {
      const share = campaign === undefined ? bounce : bounce / this.#sender.campaigns.length;
      const n = chance.binomial(left - bounced, share);
      if (n > 0) flow.count('email_bounced_total', `,class="${kind}",reason="${reason}"`, n);
      bounced += n;
      if (campaign !== undefined) this.#campaign(campaign, 'bounced', n);
    }
    const delivered = left - bounced;
    flow.count('email_delivered_total', '', delivered);
    for (const campaign of this.#sender.campaigns) {
      this.#campaign(campaign, 'delivered', Math.round(delivered / this.#sender.campaigns.length));
    }
    this.#react(flow, delivered, mine, step);
    if (this.#timed(flow)) this.#time(flow, delivered, Math.min(late, delivered), mine);
  }

  #campaign(campaign: string, what: 'delivered' | 'bounced', n: number): void {
    const { source, sending_domain } = { source: this.#sender.source, sending_domain: this.#sender.domain };
    const kind = what === 'bounced' ? ',class="hard"' : '';
    const series = `email_campaign_${what}_total{source="${source}",sending_domain="${sending_domain}",campaign="${campaign}"${kind}}`;
    this.#campaigns.set(series, (this.#campaigns.get(series) ?? 0) + n);
  }

  /** Readers do what they do hours later. */
  #react(flow: Flow, delivered: number, effects: readonly Effect[], step: number): void {
    const { complaint, open, click } = this.#sender;
    const chance = this.#chance;
    const angry = effects.reduce((sum, effect) => sum + (effect.complaint ?? 0), 0);
    // People who are angry at this very mail do not wait for the evening.
    flow.count('email_complaints_total', '', chance.binomial(delivered, angry));
    flow.complaints += delivered * complaint;
    const due = flow.complaints * (1 - Math.exp(-step / COMPLAINS_AFTER));
    flow.complaints -= due;
    flow.count('email_complaints_total', '', chance.poisson(due));
    if (open === 0) return;
    flow.opens += delivered * open;
    flow.clicks += delivered * click;
    const some = 1 - Math.exp(-step / OPENS_AFTER);
    flow.count('email_opens_total', ',by="person"', chance.poisson(flow.opens * some * of(effects, 'open')));
    flow.count('email_clicks_total', '', chance.poisson(flow.clicks * some * of(effects, 'click')));
    flow.opens *= 1 - some;
    flow.clicks *= 1 - some;
  }

  /** Histograms are many series, and one of them tells how long mail takes. */
  #timed(flow: Flow): boolean {
    return this.#sender.seconds > 0 && flow === this.#flows[0];
  }

  #time(flow: Flow, delivered: number, late: number, effects: readonly Effect[]): void {
    const slow = effects.find(({ seconds }) => seconds !== undefined)?.seconds;
    const median = slow ?? this.#sender.seconds;
    let left = delivered - late;
    // Logistic in the logarithm, which is near enough to log-normal; what was tried again took its time.
    const below = (bound: number): number => 1 / (1 + (median / bound) ** 1.8);
    let before = 0;
    BUCKETS.forEach((bound, i) => {
      const share = (below(bound) - before) / (1 - before);
      const n = this.#chance.binomial(left, share);
      before = below(bound);
      left -= n;
      flow.buckets[i]! += n;
    });
    flow.buckets[BUCKETS.length]! += left;
    flow.buckets[4]! += late; // Retried within half an hour.
  }

  show(at: number, samples: Samples): void {
    for (const flow of this.#flows) {
      for (const [series, value] of flow.counters) samples.add(series, value, at);
      if (!this.#timed(flow)) continue;
      let below = 0;
      flow.buckets.forEach((n, i) => {
        below += n;
        samples.add(`email_delivery_duration_seconds_bucket{${flow.resource},le="${BUCKETS[i] ?? '+Inf'}"}`, below, at);
      });
    }
    for (const [series, value] of this.#campaigns) samples.add(series, value, at);
    this.#measure(at, samples);
    this.#check(at, samples);
  }

  /** Seeds are mailed every hour, and an incident shows in the mailing after it began, at once. */
  #measure(at: number, samples: Samples): void {
    const { seeds, inbox, source, domain, reputation, ips } = this.#sender;
    const on = this.#happenings.filter(({ from, to }) => at > from && at <= to);
    if (seeds > 0) {
      const bad = on.find(({ effect }) => effect.inbox !== undefined)?.effect.inbox;
      const hour = Math.floor(at / HOUR) * 2 + (bad === undefined ? 0 : 1);
      if (hour !== this.#inboxHour) {
        this.#inboxHour = hour;
        this.#measured = { inbox: this.#chance.binomial(seeds, bad ?? inbox) / seeds, at };
      }
      const where = `source="${source}",sending_domain="${domain}",sending_ip="${ips[0]}",campaign="unknown"`;
      samples.add(`email_measurement_inbox_ratio{${where}}`, this.#measured.inbox, at);
      samples.add(`email_measurement_samples{${where},measurement="inbox_rate"}`, seeds, at);
      samples.add(
        `email_measurement_timestamp_seconds{${where},measurement="inbox_rate"}`,
        this.#measured.at + EPOCH,
        at,
      );
    }
    if (reputation > 0) {
      if (Math.floor(at / DAY) !== this.#scoreDay) {
        this.#scoreDay = Math.floor(at / DAY);
        this.#score = Math.min(100, reputation + 1.5 * this.#chance.gauss());
      }
      const bad = on.find(({ effect }) => effect.reputation !== undefined);
      const level = bad?.effect.reputation;
      const part = bad?.effect.slide === true ? (at - bad.from) / (bad.to - bad.from) : 1;
      const value = level === undefined ? this.#score : this.#score + (level - this.#score) * part;
      samples.add(`email_reputation_score{service="senderscore",target="${ips[0]}"}`, Math.round(value), at);
    }
    if (this.#sender.plan.length > 0) {
      const day = Math.floor(at / DAY) - this.#sender.born;
      samples.add(`email_warmup_plan_messages{sending_ip="${ips[0]}"}`, this.#sender.plan[day]!, at);
      samples.add(`email_warmup_day{sending_ip="${ips[0]}"}`, day + 1, at);
    }
  }

  #check(at: number, samples: Samples): void {
    const { listed, ips, domain } = this.#sender;
    if (!listed) return;
    const on = this.#happenings.filter(({ from, to }) => at > from && at <= to).map(({ effect }) => effect);
    const lists = [
      ['spamhaus-zen', ips[0]!, 'ip'],
      ['spamhaus-dbl', domain, 'domain'],
    ] as const;
    const blind = on.some((effect) => effect.blind);
    for (const [list, target, kind] of lists) {
      const bad = on.some((effect) => effect.listed === kind);
      if (!blind)
        samples.add(`email_blocklist_listed{list="${list}",target="${target}",kind="${kind}"}`, bad ? 1 : 0, at);
      if (bad) {
        const what = 'code="127.0.0.2",meaning="spam source",tier="1",delisting_url="https://check.example.net/"';
        samples.add(`email_blocklist_listing_info{list="${list}",target="${target}",${what}}`, 1, at);
      }
    }
    if (blind) return;
    for (const check of ['spf', 'dkim', 'dmarc']) {
      const failed = on.some((effect) => effect.check === check);
      samples.add(`email_dns_check_passed{check="${check}",target="${domain}"}`, failed ? 0 : 1, at);
      if (failed)
        samples.add(`email_dns_check_problem{check="${check}",target="${domain}",problem="no_record"}`, 1, at);
    }
  }
}
