/**
 * A seed becomes a world: who sends how much from where, what goes wrong when (incidents, labelled), and what only looks
 * as if (look-alikes). Tables first. Names and addresses are of RFC 2606, RFC 5737 and RFC 2544.
 */
import { Chance } from './chance.ts';

export const MINUTE = 60;
export const HOUR = 3600;
export const DAY = 86_400;
/** A Wednesday, 00:00 UTC, at which a block of 162 hours begins: see prometheus.ts. */
export const EPOCH = 1_765_929_600;
const WEEKDAY = 2;

/** How mail comes over a day (UTC hours) and a week (from Monday). */
const SHAPES = {
  office: {
    hours: [1, 1, 1, 1, 1, 2, 3, 6, 9, 10, 10, 9, 8, 9, 9, 9, 8, 6, 4, 3, 2, 2, 1, 1],
    week: [1.25, 1, 1, 1, 0.9, 0.2, 0.15],
  },
  consumer: {
    hours: [2, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 8, 9, 8, 7, 5, 3],
    week: [1.3, 1, 1, 1, 1.1, 0.9, 0.8],
  },
  flat: { hours: new Array<number>(24).fill(1), week: [1, 1, 1, 1, 1, 1, 1] },
} as const;
export type Shape = keyof typeof SHAPES;

/** Messages a second at a moment, for an average of one message a day. */
export function pace(shape: Shape, at: number): number {
  const { hours, week } = SHAPES[shape];
  const hour = (at % DAY) / HOUR;
  const [from, to] = [hours[Math.floor(hour)]!, hours[(Math.floor(hour) + 1) % 24]!];
  const day = week[(Math.floor(at / DAY) + WEEKDAY) % 7]!;
  const sum = hours.reduce((a, b) => a + b, 0) / 24;
  const mean = week.reduce((a, b) => a + b, 0) / 7;
  return ((from + (to - from) * (hour % 1)) / sum) * (day / mean) * (1 / DAY);
}

export const PROVIDERS = ['google', 'microsoft', 'other'] as const;

export interface Burst {
  at: number;
  lasts: number;
  messages: number;
}

export interface Sender {
  index: number;
  domain: string;
  source: string;
  ips: readonly string[];
  providers: readonly string[];
  shares: readonly number[];
  perDay: number;
  shape: Shape;
  /** Newsletters on top of, or instead of, the steady mail. */
  bursts: readonly Burst[];
  steady: boolean;
  bounce: number;
  complaint: number;
  defer: number;
  /** Median of a delivery, where the source tells; 0: it does not. */
  seconds: number;
  open: number;
  click: number;
  /** Share of seeds that reach the inbox, and how many seeds; 0: nobody measures. */
  inbox: number;
  seeds: number;
  reputation: number;
  listed: boolean;
  campaigns: readonly string[];
  /** Messages planned for each day of an IP's warm-up, from the day the sender begins. */
  plan: readonly number[];
  born: number;
}

/** What an incident or look-alike does to a sender while it lasts. Shares are added, factors multiply. */
export interface Effect {
  volume?: number;
  bounce?: number;
  class?: string;
  reason?: string;
  defer?: number;
  deferReason?: string;
  complaint?: number;
  open?: number;
  click?: number;
  seconds?: number;
  /** Only at this provider, from this address, in this campaign. */
  provider?: string;
  ip?: string;
  campaign?: string;
  inbox?: number;
  /** Reached by a slide over the whole length when `slide`. */
  reputation?: number;
  slide?: boolean;
  listed?: 'ip' | 'domain';
  blind?: boolean;
  check?: string;
  /** So many bounces, complaints or trap hits, at once, on top. */
  bounces?: number;
  complaints?: number;
  traps?: number;
}

export interface Happening {
  name: string;
  /** Empty: a look-alike. */
  issue: string;
  /** Alerts that name it; by issue type when empty. */
  alert: string;
  critical: boolean;
  senders: readonly number[];
  from: number;
  to: number;
  effect: Effect;
}

export interface World {
  seed: number;
  senders: Sender[];
  happenings: Happening[];
  /** Samples and evaluations, by stretches of one step. */
  stretches: { from: number; to: number; step: number }[];
}

interface Kind {
  name: string;
  issue: string;
  alert?: string;
  /** The least that a sender sends a day for this to be evident to anybody, and the most. */
  least: number;
  most?: number;
  hours: number;
  critical?: boolean;
  needs?: (sender: Sender) => boolean;
  effect: (sender: Sender, chance: Chance) => Effect;
  /** Begins when mail is at least this busy compared with its average; 0.8 when not said. */
  busy?: number;
}

const bursty = (s: Sender): boolean => s.bursts.length > 0;
const smooth = (s: Sender): boolean => !bursty(s) && s.steady && s.plan.length === 0;

/** Every issue type, at several strengths. */
export const KINDS: readonly Kind[] = [
  {
    name: 'bounce-mild',
    issue: 'high_bounce_rate',
    least: 20_000,
    hours: 3,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.08, class: 'hard' }),
  },
  {
    name: 'bounce',
    issue: 'high_bounce_rate',
    least: 5000,
    hours: 1.5,
    critical: true,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.2, class: 'hard' }),
  },
  {
    name: 'bounce-strong',
    issue: 'high_bounce_rate',
    least: 2000,
    hours: 1.5,
    critical: true,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.5, class: 'hard' }),
  },
  {
    name: 'bounce-small',
    issue: 'high_bounce_rate',
    least: 150,
    most: 5000,
    hours: 9,
    critical: true,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.5, class: 'hard' }),
  },
  {
    name: 'bounce-tiny',
    issue: 'high_bounce_rate',
    least: 15,
    most: 150,
    hours: 22,
    critical: true,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.7, class: 'hard' }),
  },
  {
    name: 'bounce-one-ip',
    issue: 'high_bounce_rate',
    least: 20_000,
    hours: 2,
    needs: (s) => s.steady && s.ips.length > 1,
    effect: (s) => ({ bounce: 0.5, class: 'block', reason: 'blocklist', ip: s.ips[0]! }),
  },
  {
    name: 'bounce-one-provider',
    issue: 'high_bounce_rate',
    least: 20_000,
    hours: 2,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.6, class: 'block', reason: 'reputation_block', provider: 'microsoft' }),
  },
  {
    name: 'complaint-mild',
    issue: 'high_complaint_rate',
    least: 500_000,
    hours: 3,
    needs: (s) => s.steady,
    effect: () => ({ complaint: 0.0035 }),
  },
  {
    name: 'complaint',
    issue: 'high_complaint_rate',
    least: 100_000,
    hours: 2,
    critical: true,
    needs: (s) => s.steady,
    effect: () => ({ complaint: 0.01 }),
  },
  {
    name: 'complaint-strong',
    issue: 'high_complaint_rate',
    least: 20_000,
    hours: 2,
    critical: true,
    needs: (s) => s.steady,
    effect: () => ({ complaint: 0.03 }),
  },
  {
    name: 'complaint-small',
    issue: 'high_complaint_rate',
    least: 500,
    most: 5000,
    hours: 10,
    critical: true,
    needs: (s) => s.steady,
    effect: () => ({ complaint: 0.06 }),
  },
  {
    name: 'throttle-mild',
    issue: 'isp_throttling',
    least: 20_000,
    hours: 2,
    needs: (s) => s.steady,
    effect: () => ({ defer: 0.45, deferReason: 'throttle', provider: 'google' }),
  },
  {
    name: 'throttle',
    issue: 'isp_throttling',
    least: 2000,
    hours: 2,
    needs: (s) => s.steady,
    effect: () => ({ defer: 0.9, deferReason: 'throttle', provider: 'google' }),
  },
  {
    name: 'slow',
    issue: 'isp_throttling',
    least: 5000,
    hours: 1.5,
    needs: (s) => s.steady && s.seconds > 0,
    effect: () => ({ seconds: 500 }),
  },
  {
    name: 'slow-strong',
    issue: 'isp_throttling',
    least: 5000,
    hours: 2,
    critical: true,
    needs: (s) => s.steady && s.seconds > 0,
    effect: () => ({ seconds: 2000 }),
  },
  {
    name: 'inbox-mild',
    issue: 'low_inbox_rate',
    least: 0,
    hours: 4,
    needs: (s) => s.seeds >= 60,
    effect: () => ({ inbox: 0.7 }),
  },
  {
    name: 'inbox',
    issue: 'low_inbox_rate',
    least: 0,
    hours: 4,
    critical: true,
    needs: (s) => s.seeds > 0,
    effect: () => ({ inbox: 0.45 }),
  },
  {
    name: 'inbox-strong',
    issue: 'low_inbox_rate',
    least: 0,
    hours: 3,
    critical: true,
    needs: (s) => s.seeds > 0,
    effect: () => ({ inbox: 0.1 }),
  },
  {
    name: 'listed-ip',
    issue: 'blacklist_detection',
    least: 0,
    hours: 6,
    critical: true,
    needs: (s) => s.listed,
    effect: () => ({ listed: 'ip' }),
  },
  {
    name: 'listed-domain',
    issue: 'blacklist_detection',
    least: 0,
    hours: 3,
    critical: true,
    needs: (s) => s.listed,
    effect: () => ({ listed: 'domain' }),
  },
  {
    name: 'reputation',
    issue: 'reputation_drop',
    least: 0,
    hours: 12,
    needs: (s) => s.reputation > 0,
    effect: () => ({ reputation: 64 }),
  },
  {
    name: 'reputation-strong',
    issue: 'reputation_drop',
    least: 0,
    hours: 12,
    critical: true,
    needs: (s) => s.reputation > 0,
    effect: () => ({ reputation: 35 }),
  },
  {
    name: 'reputation-slide',
    issue: 'reputation_drop',
    least: 0,
    hours: 30,
    needs: (s) => s.reputation > 0,
    effect: () => ({ reputation: 58, slide: true }),
  },
  {
    name: 'auth-mild',
    issue: 'authentication_failure',
    least: 20_000,
    hours: 2,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.04, class: 'block', reason: 'auth_fail' }),
  },
  {
    name: 'auth',
    issue: 'authentication_failure',
    least: 2000,
    hours: 2,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.3, class: 'block', reason: 'auth_fail' }),
  },
  {
    name: 'auth-record',
    issue: 'authentication_failure',
    least: 0,
    hours: 4,
    needs: (s) => s.listed,
    effect: (_, chance) => ({ check: chance.pick(['spf', 'dkim', 'dmarc']) }),
  },
  { name: 'trap', issue: 'spam_trap_hit', least: 0, hours: 2, effect: () => ({ traps: 1 }) },
  { name: 'trap-strong', issue: 'spam_trap_hit', least: 2000, hours: 2, effect: () => ({ traps: 8 }) },
  {
    name: 'engagement-mild',
    issue: 'engagement_drop',
    least: 20_000,
    hours: 24,
    needs: (s) => s.open > 0 && s.steady,
    effect: () => ({ open: 0.5, click: 0.5 }),
  },
  {
    name: 'engagement',
    issue: 'engagement_drop',
    least: 2000,
    hours: 24,
    needs: (s) => s.open > 0 && s.steady,
    effect: () => ({ open: 0.15, click: 0.15 }),
  },
  {
    name: 'warmup-ahead',
    issue: 'ip_warming_issue',
    least: 0,
    hours: 14,
    busy: 0.2,
    needs: (s) => s.plan.length > 0,
    effect: () => ({ volume: 4 }),
  },
  {
    name: 'warmup-behind',
    issue: 'ip_warming_issue',
    least: 0,
    hours: 24,
    busy: 0,
    needs: (s) => s.plan.length > 0,
    effect: () => ({ volume: 0.1 }),
  },
  {
    name: 'warmup-deferred',
    issue: 'ip_warming_issue',
    least: 0,
    hours: 5,
    needs: (s) => s.plan.length > 0,
    effect: () => ({ defer: 0.7, deferReason: 'reputation_block' }),
  },
  {
    name: 'content-mild',
    issue: 'content_filtering',
    least: 20_000,
    hours: 2,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.04, class: 'block', reason: 'content_spam' }),
  },
  {
    name: 'content',
    issue: 'content_filtering',
    least: 2000,
    hours: 2,
    needs: (s) => s.steady,
    effect: () => ({ bounce: 0.25, class: 'block', reason: 'content_spam' }),
  },
  {
    name: 'stop',
    issue: 'volume_anomaly',
    least: 2000,
    hours: 4,
    busy: 1.2,
    needs: smooth,
    effect: () => ({ volume: 0 }),
  },
  {
    name: 'drop',
    issue: 'volume_anomaly',
    least: 20_000,
    hours: 4,
    busy: 1,
    needs: smooth,
    effect: () => ({ volume: 0.12 }),
  },
  {
    name: 'spike',
    issue: 'volume_anomaly',
    least: 2000,
    hours: 3,
    busy: 1,
    needs: smooth,
    effect: () => ({ volume: 8 }),
  },
  {
    name: 'spike-mild',
    issue: 'volume_anomaly',
    least: 20_000,
    hours: 3,
    busy: 1.2,
    needs: smooth,
    effect: () => ({ volume: 5 }),
  },
  {
    name: 'crisis',
    issue: 'high_bounce_rate',
    alert: 'EmailDeliverabilityCrisis',
    least: 100_000,
    hours: 2,
    critical: true,
    needs: (s) => s.open > 0 && s.steady,
    effect: () => ({ bounce: 0.2, class: 'block', reason: 'reputation_block', complaint: 0.01, open: 0.05 }),
  },
  {
    name: 'campaign',
    issue: 'high_bounce_rate',
    least: 20_000,
    hours: 3,
    needs: (s) => s.campaigns.length > 0 && s.steady,
    effect: (s) => ({ bounce: 0.4, class: 'hard', campaign: s.campaigns[0]! }),
  },
];

/** Quiet days hold these. */
const LOOKALIKES: readonly {
  name: string;
  seconds: number;
  least: number;
  effect: (sender: Sender, chance: Chance) => Effect;
}[] = [
  { name: 'list of twelve', seconds: 60, least: 100, effect: () => ({ bounces: 12 }) },
  {
    name: 'maintenance',
    seconds: 120,
    least: 0,
    effect: (_, chance) => ({ defer: 0.95, deferReason: 'system_temp', provider: chance.pick(PROVIDERS) }),
  },
  { name: 'resolver outage', seconds: 2700, least: 0, effect: () => ({ blind: true }) },
  {
    name: 'greylisting',
    seconds: 1800,
    least: 0,
    effect: () => ({ defer: 0.15, deferReason: 'greylist', provider: 'other' }),
  },
  { name: 'two angry readers', seconds: 60, least: 100, effect: () => ({ complaints: 2 }) },
  { name: 'busy hour', seconds: 3600, least: 100, effect: () => ({ volume: 1.8 }) },
  { name: 'slow minutes', seconds: 240, least: 0, effect: () => ({ seconds: 400 }) },
  {
    name: 'full mailboxes',
    seconds: 3600,
    least: 1000,
    effect: () => ({ bounce: 0.006, class: 'soft', reason: 'mailbox_full' }),
  },
];

const SIZES: readonly (readonly [perDay: number, share: number])[] = [
  [20, 0.12],
  [200, 0.16],
  [2500, 0.2],
  [25_000, 0.28],
  [250_000, 0.16],
  [1_000_000, 0.08],
];

const SEEDS = [0, 0, 30, 80, 200];

function senders(chance: Chance, shard: number, count: number, days: number, least: number): Sender[] {
  return Array.from({ length: count }, (_, i): Sender => {
    const size = (i + chance.next()) / count;
    let [below, row] = [0, SIZES.at(-1)!];
    for (const one of SIZES) {
      if (size < below + one[1]) {
        row = one;
        break;
      }
      below += one[1];
    }
    // The shares add up to 0.92 and one more of the largest.
    const perDay = Math.max(least, row[0] * chance.between(0.8, 1.6));
    const warming = least === 0 && i % 14 === 5;
    const newsletter = !warming && perDay > 1000 && chance.next() < 0.25;
    const steady = !newsletter || chance.next() < 0.6;
    const born = warming || (i % 14 === 9 && least === 0) ? chance.whole(3, 6) : 0;
    const ips = warming ? 1 : perDay > 20_000 ? chance.whole(1, 2) : 1;
    const plan = warming
      ? Array.from({ length: days - born }, (_, day) => Math.round(Math.min(40_000, 500 * 1.35 ** day)))
      : [];
    const open = perDay > 1000 && chance.next() < 0.7 ? chance.between(0.16, 0.35) : 0;
    return {
      index: i,
      domain: `d${i}.s${shard}.example.com`,
      source: `feed${i % 4}`,
      ips: Array.from({ length: ips }, (_, n) => `198.18.${shard}.${(i * 2 + n) % 250}`),
      providers: perDay > 15_000 ? PROVIDERS : ['google', 'other'],
      shares: perDay > 15_000 ? [0.45, 0.3, 0.25] : [0.6, 0.4],
      perDay,
      // Plans are by the day, and know no weekends.
      shape: warming ? 'flat' : chance.pick(['office', 'consumer', 'consumer', 'flat'] as const),
      bursts: newsletter ? newsletters(chance, perDay, days, steady) : [],
      steady,
      bounce: chance.between(0.003, 0.016),
      complaint: chance.between(0.00005, 0.0004),
      defer: chance.between(0.005, 0.05),
      seconds: i % 3 === 0 ? chance.between(1.5, 6) : 0,
      open,
      click: open * 0.12,
      inbox: chance.between(0.91, 0.98),
      seeds: chance.pick(SEEDS),
      reputation: chance.next() < 0.5 ? chance.between(82, 97) : 0,
      listed: i % 2 === 0,
      campaigns: i % 5 === 0 && perDay > 1000 ? ['digest', 'offers', 'welcome'] : [],
      plan,
      born,
    };
  });
}

/** One to three a week, within an hour or three, at hours that people choose. */
function newsletters(chance: Chance, perDay: number, days: number, besides: boolean): Burst[] {
  const perWeek = chance.whole(1, 3);
  const bursts: Burst[] = [];
  for (let week = 0; week * 7 < days; week++) {
    for (const day of chance.shuffled([0, 1, 2, 3, 4, 5, 6]).slice(0, perWeek)) {
      const messages = ((perDay * 7) / perWeek) * (besides ? 0.6 : 1) * chance.wobble(0.25);
      bursts.push({
        at: (week * 7 + day) * DAY + chance.between(7, 18) * HOUR,
        lasts: chance.between(1, 3) * HOUR,
        messages,
      });
    }
  }
  return bursts;
}

/** Weeks at a step of a minute. Incidents begin once there is a week to compare with. */
export function weeks(seed: number, shard: number, count: number, days: number, step = MINUTE): World {
  const chance = new Chance(seed, shard, 1);
  const all = senders(chance, shard, count, days, 0);
  const happenings: Happening[] = [];
  const busyDays = all.map(() => new Set<number>());
  // One provider turns everybody away, once.
  const outage = (days - 2) * DAY + 10 * HOUR;
  const hit = all
    .filter((s) => s.providers.includes('microsoft') && s.steady && s.plan.length === 0)
    .map((s) => s.index);
  happenings.push(
    incident('provider', 'high_bounce_rate', 'EmailProviderFailing', false, hit, outage, 2 * HOUR, {
      bounce: 0.6,
      class: 'block',
      reason: 'reputation_block',
      provider: 'microsoft',
    }),
  );
  for (const i of hit) for (let d = -1; d <= 1; d++) busyDays[i]!.add(days - 2 + d);
  const wanted = Math.round(count * 2.1);
  const kinds = Array.from({ length: wanted }, (_, n) => KINDS[(n + shard * 7) % KINDS.length]!);
  for (const kind of kinds) {
    const able = chance
      .shuffled(all)
      .filter((s) => s.perDay >= kind.least && s.perDay <= (kind.most ?? Infinity) && (kind.needs?.(s) ?? true))
      // What a sender who warms up sends is what the plan says.
      .filter((s) => s.plan.length === 0 || kind.least === 0);
    for (const sender of able) {
      const first = sender.plan.length > 0 ? sender.born + 3 : sender.born + 8;
      const free = Array.from({ length: Math.max(0, days - 2 - first) }, (_, d) => first + d).filter((d) =>
        [-1, 0, 1, 2].every((near) => !busyDays[sender.index]!.has(d + near)),
      );
      const from = moment(kind, sender, chance, free);
      if (from === undefined) continue;
      busyDays[sender.index]!.add(Math.floor(from / DAY));
      busyDays[sender.index]!.add(Math.floor((from + kind.hours * HOUR) / DAY));
      happenings.push(
        incident(
          kind.name,
          kind.issue,
          kind.alert ?? '',
          kind.critical ?? false,
          [sender.index],
          from,
          kind.hours * HOUR,
          kind.effect(sender, chance),
        ),
      );
      break;
    }
  }
  for (const sender of all) {
    for (let day = sender.born + 1; day < days; day++) {
      if (busyDays[sender.index]!.has(day) || chance.next() > 0.35) continue;
      const like = chance.pick(LOOKALIKES.filter(({ least }) => sender.perDay >= least));
      happenings.push(
        incident(
          like.name,
          '',
          '',
          false,
          [sender.index],
          day * DAY + chance.between(0, 22) * HOUR,
          like.seconds,
          like.effect(sender, chance),
        ),
      );
    }
  }
  return {
    seed: seed * 1000 + shard,
    senders: all,
    happenings,
    stretches: [{ from: 0, to: days * DAY, step }],
  };
}

/** Of fewer than ten messages nobody is to say anything (R12); chance takes some away. */
const JUDGED = 15;

/** Messages to be expected, without newsletters. */
function mailOf(sender: Sender, from: number, hours: number): number {
  const each = Array.from({ length: hours }, (_, hour) => pace(sender.shape, from + hour * HOUR) * HOUR);
  return sender.perDay * each.reduce((sum, part) => sum + part, 0);
}

function moment(kind: Kind, sender: Sender, chance: Chance, days: readonly number[]): number | undefined {
  for (const day of chance.shuffled(days)) {
    // The plan of a warm-up is by day, so what is wrong with it begins with one.
    if (kind.name === 'warmup-behind') return day * DAY;
    for (let tries = 0; tries < 10; tries++) {
      const from =
        day * DAY + Math.round((kind.hours >= 20 ? chance.between(0, 2) : chance.between(7, 16)) * 60) * MINUTE;
      const later = from + kind.hours * HOUR * (kind.hours > 5 ? 0.5 : 0.9);
      const least = (kind.busy ?? 0.8) / DAY;
      const busy = pace(sender.shape, from) >= least && pace(sender.shape, later) >= least;
      if (kind.hours >= 20 ? mailOf(sender, from, kind.hours) >= JUDGED : busy) return from;
    }
  }
  return undefined;
}

function incident(
  name: string,
  issue: string,
  alert: string,
  critical: boolean,
  who: number[],
  from: number,
  lasts: number,
  effect: Effect,
): Happening {
  return { name, issue, alert, critical, senders: who, from: Math.round(from), to: Math.round(from + lasts), effect };
}

const QUICK = new Set([
  'bounce',
  'bounce-strong',
  'complaint',
  'complaint-strong',
  'inbox',
  'inbox-strong',
  'listed-ip',
  'listed-domain',
  'reputation-strong',
  'crisis',
]);

/** A day at a step of a minute, then an hour and a half as often as the shipped configuration looks: senders of a million a day, most of which turn bad. */
export function minutes(seed: number, shard: number, count: number): World {
  const chance = new Chance(seed, shard, 2);
  const all = senders(chance, shard, count, 2, 900_000).map((s) => ({
    ...s,
    shape: 'flat' as const,
    bursts: [],
    steady: true,
    born: 0,
    plan: [],
    open: s.open || 0.22,
    click: s.click || 0.02,
    seeds: s.seeds || 100,
    reputation: s.reputation || 90,
    listed: true,
  }));
  const at = 25.5 * HOUR;
  const kinds = KINDS.filter(({ name }) => QUICK.has(name));
  const happenings = all.map((sender, i): Happening => {
    const from = at + chance.between(0, 1200);
    // One in six is quiet, with a look-alike.
    if (i % 6 === 5) {
      const like = LOOKALIKES[((i / 6 + 0.5) % LOOKALIKES.length) | 0]!;
      return incident(like.name, '', '', false, [i], from, Math.min(1200, like.seconds), like.effect(sender, chance));
    }
    const kind = kinds[i % kinds.length]!;
    return incident(
      kind.name,
      kind.issue,
      kind.alert ?? '',
      kind.critical ?? false,
      [i],
      from,
      1800,
      kind.effect(sender, chance),
    );
  });
  return {
    seed: seed * 1000 + shard + 500,
    senders: all,
    happenings,
    stretches: [
      { from: 0, to: 25 * HOUR, step: MINUTE },
      { from: 25 * HOUR, to: 26.5 * HOUR, step: 10 },
    ],
  };
}
