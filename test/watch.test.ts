/**
 * The plan of checks by the clock of the test: what is asked when, what of it is believed, what is shown and what is kept. No name
 * server: the answers are those of a table, in the forms that blocklist-verdict.ts reads.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { BLOCKLISTS, choose } from '../src/blocklist.ts';
import { type Ask, type Check, type DnsAnswer, type RecordType, type Target, Unanswered } from '../src/check.ts';
import type { ChecksSettings } from '../src/checks-config.ts';
import { providerOf } from '../src/mailbox-provider.ts';
import { MxLookup } from '../src/mx-lookup.ts';
import type { Reading } from '../src/reading.ts';
import type { Member } from '../src/series.ts';
import { Watch } from '../src/watch.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.parse('2026-11-24T00:00:00Z');
const PSBL = 'psbl.surriel.com';
const IP = '192.0.2.10';

/** An address that is answered, or what goes wrong; `never`: nothing comes; a promise: what comes of it. */
type Says = string | readonly string[] | 'NXDOMAIN' | 'SERVFAIL' | 'timeout' | 'never' | Promise<string>;

interface Asked {
  at: number;
  name: string;
  type: RecordType;
  fresh: boolean;
}

/** Mulberry32, so that every run is the same. */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

beforeEach(() => {
  mock.method(Math, 'random', seeded(1));
});
const watches: Watch[] = [];
afterEach(async () => {
  mock.restoreAll();
  await Promise.all(watches.splice(0).map((watch) => watch.stop()));
});

const reversed = (ip: string) => ip.split('.').reverse().join('.');

/** A world of name servers and a clock, which goes on as long as the test, over several lives of the program. */
class World {
  now = START;
  readonly asked: Asked[] = [];
  readonly says = new Map<string, Says>();
  readonly kept = new Map<string, string>();
  /** Of the ledger, for a while. */
  busy = false;
  readonly errors: unknown[] = [];
  givenUp = 0;
  /** Seconds that answers may be kept by whoever hands them on. */
  ttl = 0;
  /** Through the other name server; undefined: there is none. */
  second: Ask | undefined;
  sent: { domain: string; ip: string; at: number }[] = [];
  readonly checks = new Map<string, Check>();
  watch!: Watch;

  constructor(...zones: string[]) {
    for (const zone of zones) this.lists(zone, '127.0.0.2', '127.0.0.2');
  }

  /** `2.0.0.127.psbl.surriel.com` and the like. */
  lists(zone: string, ip: string, says: Says): void {
    this.says.set(`${reversed(ip)}.${zone}`, says);
  }

  ask: Ask = async (name, type, { signal, fresh = false } = {}) => {
    this.asked.push({ at: this.now, name, type, fresh });
    const says = this.says.get(name) ?? this.says.get(`*.${name.split('.').slice(4).join('.')}`) ?? 'NXDOMAIN';
    if (says === 'never')
      return await new Promise((_, reject) => {
        signal?.addEventListener('abort', () => {
          this.givenUp++;
          reject(new Unanswered('aborted', 'given up'));
        });
      });
    const said = says instanceof Promise ? await says : says;
    if (said === 'timeout') throw new Unanswered('timeout', 'no answer');
    const answer: DnsAnswer = { rcode: 'NOERROR', records: [], server: '192.0.2.53:53', took: 1, ttl: this.ttl };
    if (said === 'NXDOMAIN' || said === 'SERVFAIL') return { ...answer, rcode: said };
    if (type !== 'A') return answer;
    return { ...answer, records: [said].flat().map((data) => ({ name, type: 'A', ttl: 60, data })) };
  };

  /** The program from its start; the life before is left as a `kill -9` leaves it. */
  live(settings: ChecksSettings | undefined): Watch {
    const quiet = () => {};
    const log = { info: quiet, warn: quiet, error: (what: unknown) => this.errors.push(what) } as unknown as Logger;
    const shelf = {
      readings: new Map(this.kept),
      keep: async (changes: Iterable<[string, string | null]>) => {
        if (this.busy) throw new Error('the disk is full');
        for (const [key, value] of changes)
          for (const map of [this.kept, shelf.readings]) value === null ? map.delete(key) : map.set(key, value);
      },
    };
    const resources = () =>
      this.sent.map(
        ({ domain, ip, at }) => ({ values: ['push', domain, ip, 'other'], active: at }) as unknown as Member,
      );
    this.watch = new Watch({
      shelf,
      series: { resources: () => resources().values() } as never,
      ask: this.ask,
      second: () => this.second,
      checks: this.checks,
      log,
      now: () => this.now,
    });
    watches.push(this.watch);
    this.watch.apply(settings);
    return this.watch;
  }

  /** Seconds pass, a tick each; `step` for long stretches. */
  async pass(milliseconds: number, step = SECOND): Promise<void> {
    for (const end = this.now + milliseconds; this.now < end; ) {
      this.now += step;
      await this.watch.tick();
      await turn();
    }
  }

  /** Value of a sample of this moment: `shown('listed', 'psbl', '192.0.2.10')`. undefined: absent. */
  shown(family: string, ...labels: string[]): number | undefined {
    for (const { name, samples } of this.watch.gauges([])) {
      if (name !== NAMES[family]) continue;
      for (const [values, value] of samples) if (labels.every((label, i) => values[i] === label)) return value;
    }
    return undefined;
  }

  /** As a rule would have it: nothing definite for three intervals, be it that there never was anything. */
  blind(list: string, target: string): boolean {
    const since = this.shown('definite', list, target) ?? this.shown('unanswered', list, target)!;
    return this.now / 1000 - since > 3 * this.shown('every', list)!;
  }

  samples(family: string): string[] {
    const family_ = [...this.watch.gauges([])].find(({ name }) => name === NAMES[family])!;
    return [...family_.samples].map(([labels]) => labels.join(' '));
  }

  /** What was asked of a zone about targets, its test entries apart. */
  about(zone: string, ip?: string, since = 0): Asked[] {
    return this.asked.filter(
      ({ name, type, at }) =>
        at >= since &&
        type === 'A' &&
        name.endsWith(`.${zone}`) &&
        !/^[12]\.0\.0\.127\./.test(name) &&
        (ip === undefined || name.startsWith(`${reversed(ip)}.`)),
    );
  }

  tests(zone: string, since = 0): Asked[] {
    return this.asked.filter(({ name, at }) => at >= since && name === `2.0.0.127.${zone}`);
  }
}

const NAMES: Record<string, string> = {
  listed: 'email_blocklist_listed',
  verdict: 'email_blocklist_verdict',
  listing: 'email_blocklist_listing_info',
  definite: 'email_blocklist_last_definite_timestamp_seconds',
  unanswered: 'email_blocklist_unanswered_since_timestamp_seconds',
  every: 'email_blocklist_interval_seconds',
  waiting: 'email_blocklist_waiting_targets',
  health: 'email_blocklist_health',
  passed: 'email_dns_check_passed',
  problem: 'email_dns_check_problem',
  warning: 'email_dns_check_warning',
  checked: 'email_dns_check_last_success_timestamp_seconds',
  unchecked: 'email_dns_check_unanswered_since_timestamp_seconds',
  checkedEvery: 'email_dns_check_interval_seconds',
  certificate: 'email_tls_certificate_expiry_timestamp_seconds',
  score: 'email_reputation_score',
  scored: 'email_reputation_last_success_timestamp_seconds',
};

interface Wanted {
  lists?: string[];
  ips?: readonly string[];
  domains?: { name: string; selectors: string[] }[];
  fromEvents?: boolean;
  most?: number;
  skip?: string[];
  perDay?: Record<string, number>;
  interval?: number;
  listInterval?: number;
  confirmAfter?: number;
}

function settings(wanted: Wanted = {}): ChecksSettings {
  const { lists = ['psbl'], ips = [IP], domains = [], fromEvents = false, most = 1000 } = wanted;
  const { skip = [], perDay = {}, interval = HOUR, listInterval = 0, confirmAfter = 2 * MINUTE } = wanted;
  const { chosen, left } = choose({ names: lists, keys: {}, registered: (name) => name });
  assert.deepEqual(left, []);
  return {
    targets: { ips, domains, selectors: [], fromEvents, most },
    ...{ interval, skip, lists: chosen, perDay, listInterval, confirmAfter },
  };
}

/** `count` addresses, one after the other. */
const addresses = (count: number) => Array.from({ length: count }, (_, n) => `192.0.${2 + (n >> 8)}.${n & 255}`);

test('the first listing is shown once it is confirmed: asked past the cache, after confirm_after', async () => {
  const world = new World(PSBL);
  world.lists(PSBL, IP, '127.0.0.2');
  world.live(settings());
  await world.pass(MINUTE);
  const [first, ...more] = world.about(PSBL, IP);
  assert.equal(more.length, 0);
  assert.equal(first!.fresh, false);
  assert.equal(world.shown('listed', 'psbl', IP), undefined);
  assert.equal(world.shown('listing', 'psbl', IP), undefined);
  assert.equal(world.shown('definite', 'psbl', IP), undefined);
  assert.equal(world.shown('unanswered', 'psbl', IP), START / 1000);
  assert.equal(world.shown('verdict', 'psbl', IP, 'listed'), 1);
  await world.pass(2 * MINUTE);
  const [, second, ...others] = world.about(PSBL, IP);
  assert.equal(others.length, 0);
  assert.ok(second!.fresh);
  assert.ok(second!.at - first!.at >= 2 * MINUTE && second!.at - first!.at <= 2 * MINUTE + 5 * SECOND);
  assert.equal(world.shown('listed', 'psbl', IP, 'ip'), 1);
  assert.equal(world.shown('listing', 'psbl', IP, '127.0.0.2', 'spam trap', 'info'), 1);
  assert.equal(world.shown('definite', 'psbl', IP), second!.at / 1000);
  assert.equal(world.shown('unanswered', 'psbl', IP), undefined);
  assert.equal(world.tests(PSBL).length, 2, 'the list was tested before the change was believed');
});

test('listed once and then clear: never shown as listed', async () => {
  const world = new World(PSBL);
  world.live(settings());
  await world.pass(MINUTE);
  assert.equal(world.shown('listed', 'psbl', IP), 0);
  world.lists(PSBL, IP, '127.0.0.2');
  const seen = new Set<number | undefined>();
  while (world.about(PSBL, IP).length < 2) {
    await world.pass(SECOND);
    seen.add(world.shown('listed', 'psbl', IP));
  }
  world.lists(PSBL, IP, 'NXDOMAIN');
  for (let n = 0; n < 90; n++) {
    await world.pass(MINUTE, 10 * SECOND);
    seen.add(world.shown('listed', 'psbl', IP));
  }
  assert.deepEqual([...seen], [0]);
  assert.ok(world.about(PSBL, IP).length >= 4);
});

/** A world in which the address is listed, as everybody knows. */
async function listed(wanted: Wanted = {}): Promise<World> {
  const world = new World(PSBL);
  world.lists(PSBL, IP, '127.0.0.2');
  world.live(settings(wanted));
  await world.pass(4 * MINUTE);
  assert.equal(world.shown('listed', 'psbl', IP), 1);
  return world;
}

test('a listing is not cleared by one "no such name", and is by the second', async () => {
  const world = await listed();
  const before = world.about(PSBL, IP).length;
  world.lists(PSBL, IP, 'NXDOMAIN');
  while (world.about(PSBL, IP).length === before) await world.pass(SECOND);
  assert.equal(world.shown('listed', 'psbl', IP), 1);
  await world.pass(MINUTE);
  assert.equal(world.shown('listed', 'psbl', IP), 1);
  await world.pass(2 * MINUTE);
  assert.ok(world.about(PSBL, IP).at(-1)!.fresh);
  assert.equal(world.shown('listed', 'psbl', IP), 0);
  assert.equal(world.shown('listing', 'psbl', IP), undefined);
});

test('two different words for "not listed" confirm each other', async () => {
  const world = new World('zen.spamhaus.org');
  world.lists('zen.spamhaus.org', IP, '127.0.0.2');
  world.live(settings({ lists: ['spamhaus-zen'] }));
  await world.pass(4 * MINUTE);
  assert.equal(world.shown('listed', 'spamhaus-zen', IP), 1);
  const before = world.about('zen.spamhaus.org', IP).length;
  world.lists('zen.spamhaus.org', IP, 'NXDOMAIN');
  while (world.about('zen.spamhaus.org', IP).length === before) await world.pass(SECOND);
  world.lists('zen.spamhaus.org', IP, '127.0.0.10');
  await world.pass(3 * MINUTE);
  assert.equal(world.shown('listed', 'spamhaus-zen', IP), 0);
});

for (const trouble of ['SERVFAIL', 'timeout', '127.0.0.77', '203.0.113.7'] as const)
  test(`${trouble} clears nothing: what was known is shown for three intervals, then nothing`, async () => {
    const world = await listed();
    world.lists(PSBL, IP, trouble);
    const last = world.shown('definite', 'psbl', IP)! * 1000;
    const seen = new Set<number | undefined>();
    while (world.now < last + 3 * HOUR) {
      await world.pass(10 * SECOND, 10 * SECOND);
      seen.add(world.shown('listed', 'psbl', IP));
    }
    assert.deepEqual([...seen].slice(0, 1), [1]);
    await world.pass(20 * SECOND, 10 * SECOND);
    for (let n = 0; n < 120; n++) {
      await world.pass(MINUTE, 10 * SECOND);
      seen.add(world.shown('listed', 'psbl', IP));
    }
    assert.ok(!seen.has(0));
    assert.equal(world.shown('listed', 'psbl', IP), undefined);
    assert.equal(world.shown('listing', 'psbl', IP), undefined);
    assert.equal(world.shown('definite', 'psbl', IP), last / 1000);
    assert.ok(world.about(PSBL, IP).length < 40, 'and nobody is asked again and again');
  });

test('an error between a listing and its confirmation: asked past the cache until it is answered', async () => {
  const world = new World(PSBL);
  world.lists(PSBL, IP, '127.0.0.2');
  world.live(settings());
  await world.pass(MINUTE);
  world.lists(PSBL, IP, 'SERVFAIL');
  await world.pass(3 * MINUTE);
  assert.equal(world.shown('listed', 'psbl', IP), undefined);
  world.lists(PSBL, IP, '127.0.0.2');
  await world.pass(10 * MINUTE);
  assert.equal(world.shown('listed', 'psbl', IP), 1);
  const [, ...confirmations] = world.about(PSBL, IP);
  assert.ok(confirmations.length >= 2 && confirmations.every(({ fresh }) => fresh));
});

test('nothing is clear by the word of a list that lost its test entry', async () => {
  const world = new World();
  world.live(settings());
  await world.pass(10 * MINUTE);
  assert.equal(world.shown('health', 'psbl', 'dead'), 1);
  assert.equal(world.shown('health', 'psbl', 'healthy'), 0);
  assert.equal(world.shown('verdict', 'psbl', IP, 'error'), 1);
  assert.equal(world.shown('listed', 'psbl', IP), undefined);
  world.lists(PSBL, '127.0.0.2', '127.0.0.2');
  while (world.shown('health', 'psbl', 'healthy') === 0) await world.pass(SECOND);
  await world.pass(MINUTE + SECOND);
  assert.equal(world.shown('listed', 'psbl', IP), 0, 'asked again soon, once the list is healthy');
});

test('a list that was not tested yet is in the state "unknown", and nothing is asked of it', async () => {
  const world = new World(PSBL);
  world.lists(PSBL, '127.0.0.2', 'never');
  world.live(settings());
  assert.equal(world.shown('health', 'psbl', 'unknown'), 1);
  await world.pass(MINUTE);
  assert.equal(world.shown('health', 'psbl', 'unknown'), 1);
  assert.equal(world.about(PSBL).length, 0);
});

test('a list that refuses us is left in peace, and what it says is shown', async () => {
  const world = new World();
  world.says.set(`*.${PSBL}`, '127.0.0.2');
  const zen = 'zen.spamhaus.org';
  world.says.set(`*.${zen}`, '127.255.255.254');
  world.live(settings({ lists: ['spamhaus-zen', 'psbl'], ips: addresses(50) }));
  await world.pass(HOUR, 10 * SECOND);
  assert.equal(world.about(zen).length, 0);
  assert.ok(world.tests(zen).length < 10);
  assert.equal(world.shown('health', 'spamhaus-zen', 'refused'), 1);
  assert.equal(world.shown('verdict', 'spamhaus-zen', '192.0.2.0', 'refused'), 1);
  assert.equal(world.shown('definite', 'spamhaus-zen', '192.0.2.0'), undefined);
  assert.equal(world.shown('unanswered', 'spamhaus-zen', '192.0.2.0'), START / 1000);
  assert.equal(world.about(PSBL).length, 0, 'and one that lists everything is not asked about anything');
  assert.equal(world.shown('health', 'psbl', 'wildcard'), 1);
  assert.equal(world.samples('listed').length, 0);
});

test('a list that never answered is known to be blind after three intervals, as one that answers no more; restarts or not', async () => {
  const world = new World(PSBL, 'zen.spamhaus.org');
  world.lists(PSBL, '127.0.0.2', 'SERVFAIL');
  const [every, wanted] = [HOUR, settings({ lists: ['psbl', 'spamhaus-zen'], ips: [IP, '2001:db8::1'] })];
  world.live(wanted);
  assert.equal(world.shown('every', 'psbl'), every / 1000);
  await world.pass(2 * HOUR, 10 * SECOND);
  assert.equal(world.shown('definite', 'psbl', IP), undefined);
  assert.equal(world.shown('unanswered', 'psbl', IP), START / 1000);
  assert.equal(world.shown('unanswered', 'psbl', '2001:db8::1'), undefined, 'it holds no IPv6: nothing to wait for');
  assert.equal(world.shown('unanswered', 'spamhaus-zen', IP), undefined, 'it has answered');
  assert.equal(world.blind('psbl', IP), false);
  world.live(wanted);
  assert.equal(world.shown('unanswered', 'psbl', IP), START / 1000, 'a restart is no new beginning');
  world.lists('zen.spamhaus.org', IP, 'SERVFAIL');
  await world.pass(HOUR + MINUTE, 10 * SECOND);
  assert.equal(world.blind('psbl', IP), true);
  assert.equal(world.blind('spamhaus-zen', IP), false);
  await world.pass(3 * HOUR, 10 * SECOND);
  assert.equal(world.blind('spamhaus-zen', IP), true);
  // Lists and targets begin when they come.
  const later = world.now;
  world.lists('bl.blocklist.de', '127.0.0.2', 'SERVFAIL');
  world.watch.apply(settings({ lists: ['psbl', 'blocklist-de'], ips: [IP, '192.0.2.11'] }));
  await world.pass(MINUTE);
  assert.equal(world.shown('unanswered', 'blocklist-de', IP), later / 1000);
  assert.equal(world.shown('unanswered', 'psbl', '192.0.2.11'), later / 1000);
  assert.equal(world.shown('unanswered', 'psbl', IP), START / 1000);
  assert.equal(world.blind('blocklist-de', IP), false);
  world.watch.apply(settings({ lists: ['blocklist-de'] }));
  world.watch.apply(settings({ lists: ['psbl'] }));
  assert.equal(world.shown('unanswered', 'psbl', IP), world.now / 1000, 'what was off the plan begins anew');
});

test('the interval that is shown is the one in which a list is really asked', async () => {
  const world = withValidity(new World());
  world.live(settings({ lists: ['sender-score'], ips: addresses(900) }));
  const shown = world.shown('every', 'sender-score')! * SECOND;
  assert.ok(shown > 2 * DAY, `${shown / DAY} days for 900 addresses at 333 a day`);
  world.live(settings({ lists: ['sender-score'], ips: [IP], listInterval: 36 * HOUR }));
  assert.equal(world.shown('every', 'sender-score'), (36 * HOUR) / SECOND);
});

test('an answer that may come out of a cache on the way confirms nothing', async () => {
  for (const [ttl, at] of [
    [1500, 1500 * SECOND],
    [60, 2 * MINUTE],
    [9 * 3600, HOUR],
  ] as const) {
    const world = new World(PSBL);
    world.ttl = ttl;
    world.lists(PSBL, IP, '127.0.0.2');
    world.live(settings());
    await world.pass(2 * HOUR, 10 * SECOND);
    const [first, second] = world.about(PSBL, IP);
    const waited = second!.at - first!.at;
    // The interval itself is jittered by a tenth.
    assert.ok(waited >= at * 0.9 && waited <= at * 1.1 + 20 * SECOND, `${ttl}: ${waited}`);
    assert.ok(waited >= Math.min(ttl * SECOND, HOUR * 0.9), `${ttl}: ${waited}`);
    assert.equal(world.shown('listed', 'psbl', IP), 1);
  }
});

test('nor does it after a restart', async () => {
  const world = new World(PSBL);
  world.ttl = 1500;
  world.lists(PSBL, IP, '127.0.0.2');
  world.live(settings());
  while (world.about(PSBL, IP).length === 0) await world.pass(SECOND);
  await world.pass(SECOND);
  world.live(settings());
  await world.pass(30 * MINUTE, SECOND);
  const [first, second] = world.about(PSBL, IP);
  // In the last second of an answer's time a cache still gives it.
  assert.ok(second!.at - first!.at >= 1501 * SECOND);
});

test('a list that is hidden by one name server and not by another was not ended: it is interfered with', async () => {
  const world = new World();
  const honest = new World(PSBL);
  const wanted = settings({ perDay: { psbl: 100 } });
  world.live(wanted);
  await world.pass(10 * SECOND);
  assert.equal(world.shown('health', 'psbl', 'dead'), 1, 'with nobody else to ask');
  world.second = honest.ask;
  world.live(wanted);
  await world.pass(10 * SECOND);
  assert.equal(world.shown('health', 'psbl', 'interfered'), 1);
  assert.ok(honest.asked.every(({ fresh }) => fresh));
  const { tokens } = JSON.parse(world.kept.get('quota:psbl')!) as { tokens: number };
  const put = world.asked.length + honest.asked.length;
  assert.ok(tokens <= 30 - put + 0.1, `${tokens} of 30 are left after ${put} questions: both ways count`);
});

test('a list that begins to list everything between two tests lists nobody', async () => {
  const world = new World(PSBL);
  const ips = addresses(50);
  world.live(settings({ ips }));
  await world.pass(5 * MINUTE);
  assert.equal(world.samples('listed').length, 50);
  world.says.set(`*.${PSBL}`, '127.0.0.2');
  for (let n = 0; n < 4 * 60; n++) {
    await world.pass(MINUTE, 10 * SECOND);
    for (const ip of ips) assert.notEqual(world.shown('listed', 'psbl', ip), 1);
  }
  assert.equal(world.shown('health', 'psbl', 'wildcard'), 1);
});

test('a list that cannot be tested again for now is not believed a change', async () => {
  const world = new World(PSBL);
  const ips = addresses(10);
  world.live(settings({ ips, perDay: { psbl: 500 }, confirmAfter: SECOND }));
  while (world.about(PSBL).length === 0) await world.pass(SECOND);
  world.says.set(`*.${PSBL}`, '127.0.0.2');
  for (let n = 0; n < 2 * 60; n++) {
    await world.pass(MINUTE, 10 * SECOND);
    for (const ip of ips) assert.notEqual(world.shown('listed', 'psbl', ip), 1);
  }
  assert.equal(world.shown('health', 'psbl', 'wildcard'), 1);
});

test('a list that is emptied between two tests clears nobody', async () => {
  const world = await listed();
  world.lists(PSBL, IP, 'NXDOMAIN');
  world.lists(PSBL, '127.0.0.2', 'NXDOMAIN');
  const seen = new Set<number | undefined>();
  for (let n = 0; n < 5 * 60; n++) {
    await world.pass(MINUTE, 10 * SECOND);
    seen.add(world.shown('listed', 'psbl', IP));
  }
  assert.deepEqual([...seen], [1, undefined]);
  assert.equal(world.shown('health', 'psbl', 'dead'), 1);
});

test('after a kill nothing is forgotten and nothing is asked at once', async () => {
  const world = new World(PSBL, 'bl.blocklist.de');
  const ips = addresses(200);
  world.lists(PSBL, '192.0.2.7', '127.0.0.2');
  const counting = counted('spf');
  world.checks.set('spf', counting.check);
  const perDay = { psbl: 100_000, 'blocklist-de': 100_000 };
  const wanted = settings({ lists: ['psbl', 'blocklist-de'], ips, domains: [DOMAIN], perDay });
  world.live(wanted);
  await world.pass(10 * MINUTE);
  assert.equal(world.shown('listed', 'psbl', '192.0.2.7'), 1);
  const runs = counting.runs.length;
  world.live(wanted);
  assert.equal(world.shown('listed', 'psbl', '192.0.2.7'), 1, 'from the first scrape on');
  assert.equal(world.samples('listed').length, 400);
  assert.equal(world.shown('passed', 'spf', 'example.com'), 1);
  const killed = world.now;
  await world.pass(MINUTE);
  assert.equal(world.about(PSBL, undefined, killed + 1).length, 0);
  assert.equal(world.about('bl.blocklist.de', undefined, killed + 1).length, 0);
  assert.equal(counting.runs.length, runs);
  await world.pass(HOUR + 10 * MINUTE, 10 * SECOND);
  assert.equal(
    new Set(world.about(PSBL, undefined, killed + 1).map(({ name }) => name)).size,
    200,
    'and each in its turn',
  );
});

test('a listing that waits for its confirmation when the program is killed is confirmed soon after', async () => {
  const world = new World(PSBL);
  world.lists(PSBL, IP, '127.0.0.2');
  world.live(settings());
  while (world.about(PSBL, IP).length === 0) await world.pass(SECOND);
  // What was learnt is kept with the next tick.
  await world.pass(SECOND);
  world.live(settings());
  assert.equal(world.shown('listed', 'psbl', IP), undefined);
  await world.pass(3 * MINUTE);
  const [first, second] = world.about(PSBL, IP);
  assert.ok(second!.fresh && second!.at - first!.at >= 2 * MINUTE);
  assert.equal(world.shown('listed', 'psbl', IP), 1);
});

test('what is used of an allowance is used after a kill, too', async () => {
  const world = new World(PSBL);
  const wanted = settings({ ips: addresses(250), perDay: { psbl: 3000 } });
  for (let life = 0; life < 20; life++) {
    world.live(wanted);
    await world.pass(30 * SECOND);
  }
  // 30 at once, and 2970 over the day.
  assert.ok(world.asked.length <= 30 + (2970 * 600) / 86_400, `${world.asked.length}`);
});

test('what the ledger does not take now it is given later', async () => {
  const world = new World(PSBL);
  world.lists(PSBL, IP, '127.0.0.2');
  world.sent = [{ domain: 'news.example.com', ip: '192.0.2.77', at: START }];
  const wanted = settings({ fromEvents: true });
  world.busy = true;
  world.live(wanted);
  await world.pass(4 * MINUTE);
  assert.equal(world.kept.size, 0);
  assert.equal(world.shown('listed', 'psbl', IP), 1, 'and goes on meanwhile');
  world.busy = false;
  await world.pass(SECOND);
  world.sent = [];
  world.live(wanted);
  assert.equal(world.shown('listed', 'psbl', IP), 1);
  assert.equal(world.shown('listed', 'psbl', '192.0.2.77'), 0);
  assert.ok(world.kept.has('quota:psbl'));
});

test('who sends mail is looked up within minutes, is remembered over a restart, and goes when it sends no more', async () => {
  const world = new World(PSBL);
  const spf = counted('spf');
  const fcrdns = counted('fcrdns', ['ip']);
  world.checks.set('spf', spf.check).set('fcrdns', fcrdns.check);
  const wanted = settings({ ips: [], fromEvents: true });
  world.live(wanted);
  await world.pass(MINUTE);
  world.sent = [
    { domain: 'news.example.com', ip: IP, at: world.now },
    ...['10.0.0.1', '127.0.0.1', '169.254.1.1', '100.64.0.1', '::1', 'fd00::1', '::ffff:10.0.0.1'].map((ip) => ({
      ...{ domain: 'mta1.local', ip, at: world.now },
    })),
  ];
  await world.pass(3 * MINUTE);
  assert.deepEqual(world.samples('listed'), [`psbl ${IP} ip`]);
  assert.deepEqual(world.samples('passed').sort(), [`fcrdns ${IP}`, 'spf news.example.com']);
  world.sent = [];
  world.live(wanted);
  await world.pass(2 * MINUTE);
  assert.deepEqual(world.samples('listed'), [`psbl ${IP} ip`]);
  await world.pass(26 * HOUR, MINUTE);
  assert.deepEqual(world.samples('listed'), []);
  for (const family of ['verdict', 'unanswered', 'passed', 'unchecked']) assert.deepEqual(world.samples(family), []);
  assert.deepEqual(
    [...world.kept.keys()].filter((key) => !key.startsWith('quota:')).sort(),
    // Of no target, but of what is asked.
    ['checked:since:check fcrdns', 'checked:since:check spf', 'checked:since:list psbl'],
  );
  const before = world.about(PSBL).length + spf.runs.length + fcrdns.runs.length;
  await world.pass(2 * HOUR, MINUTE);
  assert.equal(world.about(PSBL).length + spf.runs.length + fcrdns.runs.length, before, 'and is not asked about');
});

test('more senders than are looked up do not push each other out', async () => {
  const world = new World(PSBL);
  world.live(settings({ ips: [], fromEvents: true, most: 20 }));
  const chosen = new Set<string>();
  for (let n = 0; n < 120; n++) {
    world.sent = addresses(100).map((ip, i) => ({
      domain: 'unknown',
      ip,
      at: world.now - ((i * 7 + n * 13) % 100) * MINUTE,
    }));
    await world.pass(MINUTE, 10 * SECOND);
    for (const sample of world.samples('listed')) chosen.add(sample);
  }
  assert.equal(chosen.size, 20);
});

/** Most within any 24 hours of what was asked of these zones; `weight`: how often each was put. */
function mostInADay(world: World, zones: readonly string[], weight = 1): number {
  const times = world.asked.filter(({ name }) => zones.some((zone) => name.endsWith(zone))).map(({ at }) => at);
  let [most, first] = [0, 0];
  times.forEach((at, last) => {
    while (times[first]! <= at - DAY) first++;
    most = Math.max(most, last - first + 1);
  });
  return most * weight;
}

/** Its zones have no test entry that is listed, yet they are there. */
function withValidity(world: World): World {
  for (const zone of VALIDITY) world.says.set(zone, []);
  return world;
}

const VALIDITY = ['score.senderscore.com', 'bl.score.senderscore.com'];
const UCEPROTECT = ['dnsbl-1.uceprotect.net', 'dnsbl-2.uceprotect.net'];

test('over days no pool is asked more than its allowance; the intervals are as long as that takes, and nothing goes blind', async () => {
  const world = withValidity(new World(...UCEPROTECT));
  const ips = addresses(300);
  // Every third is listed, and asked about twice: A and TXT are both questions.
  for (const [n, ip] of ips.entries()) if (n % 3 === 0) world.lists(UCEPROTECT[0]!, ip, '127.0.0.2');
  const lists = ['sender-score', 'validity-rpbl', 'uceprotect-1', 'uceprotect-2'];
  world.live(settings({ lists, ips, perDay: { uceprotect: 2000 } }));
  await world.pass(5 * DAY, 20 * SECOND);
  const [validity, uceprotect] = [mostInADay(world, VALIDITY), mostInADay(world, UCEPROTECT)];
  assert.ok(validity <= 333, `${validity}`);
  assert.ok(uceprotect <= 2000, `${uceprotect}`);
  assert.ok(validity > 333 * 0.6, `${validity}: and what may be asked is`);
  assert.ok(uceprotect > 2000 * 0.6, `${uceprotect}: and what may be asked is`);
  for (const list of lists) {
    assert.equal(world.samples('listed').filter((sample) => sample.startsWith(`${list} `)).length, 300, list);
    assert.equal(world.shown('health', list, 'healthy'), 1, list);
  }
  assert.equal(world.samples('listing').length, 100);
  assert.deepEqual(world.errors, []);
});

test('a question that is tried three times in vain counts for three', async () => {
  const world = new World(...UCEPROTECT);
  const ips = addresses(500);
  for (const ip of ips) world.lists(UCEPROTECT[0]!, ip, 'timeout');
  world.live(settings({ lists: ['uceprotect-1'], ips, perDay: { uceprotect: 1000 } }));
  await world.pass(2 * DAY, 20 * SECOND);
  const [test_, silent] = [world.tests(UCEPROTECT[0]!).length * 2, world.about(UCEPROTECT[0]!).length];
  assert.ok(silent * 3 + test_ <= 2000 + 30, `${silent} ${test_}`);
  assert.ok(silent * 3 > 500);
  assert.equal(world.shown('health', 'uceprotect-1', 'healthy'), 1, 'its tests do not starve');
});

test('a change is confirmed before those who wait for their turn', async () => {
  const world = new World(PSBL);
  const ips = addresses(1000);
  for (const ip of ips) world.lists(PSBL, ip, '127.0.0.2');
  world.live(settings({ ips, perDay: { psbl: 500 } }));
  await world.pass(6 * HOUR, 10 * SECOND);
  const [once, twice] = [world.samples('verdict').length, world.samples('listing').length];
  assert.ok(twice > 0 && once - twice <= 20, `${once} asked, ${twice} confirmed`);
});

test('a person who gives up takes the questions along, and no other', async () => {
  const world = new World(PSBL);
  world.lists(PSBL, '192.0.2.11', 'never');
  const watch = world.live(settings({ ips: ['192.0.2.11'] }));
  await world.pass(MINUTE);
  assert.equal(world.givenUp, 0);
  const leaving = new AbortController();
  const asking = watch.ask('blocklist', { kind: 'ip', name: '192.0.2.11' }, () => {}, leaving.signal);
  await turn();
  leaving.abort();
  await assert.rejects(asking, (error) => error instanceof Unanswered && error.reason === 'aborted');
  assert.equal(world.givenUp, 1, 'the one of the plan goes on');
  const before = world.asked.length;
  const gone = watch.ask('blocklist', { kind: 'ip', name: IP }, () => {}, AbortSignal.abort());
  await assert.rejects(gone, Unanswered);
  assert.equal(watch.states.listState('psbl', IP), undefined);
  assert.ok(world.asked.length <= before + 1);
});

test('who waits for an allowance is counted; what it last said stays, and is no error', async () => {
  const world = new World(PSBL, 'bl.blocklist.de');
  const lists = ['psbl', 'blocklist-de'];
  world.live(settings({ lists, ips: addresses(100), perDay: { psbl: 100, 'blocklist-de': 100_000 } }));
  assert.deepEqual([world.shown('waiting', 'psbl'), world.shown('waiting', 'blocklist-de')], [0, 0]);
  await world.pass(3 * MINUTE);
  const answered = world.samples('verdict').filter((sample) => sample.startsWith('psbl ')).length;
  assert.equal(world.shown('waiting', 'psbl'), 100 - answered);
  assert.ok(answered > 0 && answered < 30, `${answered}`);
  assert.equal(world.shown('waiting', 'blocklist-de'), 0);
  assert.ok(world.samples('verdict').every((sample) => sample.endsWith(' clear')));
});

test('a person asks within the allowance', async () => {
  const world = new World(PSBL);
  const watch = world.live(settings({ ips: [], perDay: { psbl: 50 } }));
  await world.pass(MINUTE);
  const target: Target = { kind: 'ip', name: IP };
  const told = new Set<string>();
  const steps: string[] = [];
  for (let n = 0; n < 40; n++) {
    const { readings, unasked } = (await watch.ask('blocklist', target, (step) => steps.push(step)))!;
    const verdicts = readings.map((reading) => reading.kind === 'blocklist' && reading.verdict);
    told.add([...verdicts, 'not asked:', ...unasked].join(' '));
  }
  assert.deepEqual([...told], ['clear not asked:', 'not asked: psbl'], 'what is used up is no error of the list');
  assert.equal(steps.at(-1), 'psbl: not asked: the allowance of the list is used up for now');
  assert.ok(world.asked.length <= 30);
  assert.equal(world.samples('verdict').length, 0, 'what a person asked is nobody’s state');
});

/** A check that passes, and who it was asked about. */
function counted(name: string, targets: readonly Target['kind'][] = ['domain']) {
  const runs: Target[] = [];
  const check: Check = {
    ...{ summary: '', targets, problems: {} },
    run: async (target) => {
      runs.push(target);
      return [{ kind: 'dns_check', check: name, target: target.name, problems: [], warnings: [] }];
    },
  };
  return { runs, check };
}

const DOMAIN = { name: 'example.com', selectors: ['s1'] };

test('checks of DNS: by kind of target, each interval, but those that are skipped', async () => {
  const world = new World();
  const [spf, fcrdns, bimi] = [counted('spf'), counted('fcrdns', ['ip']), counted('bimi')];
  world.checks.set('spf', spf.check).set('fcrdns', fcrdns.check).set('bimi', bimi.check);
  world.live(settings({ lists: [], domains: [DOMAIN], skip: ['bimi'] }));
  await world.pass(3 * HOUR + 30 * MINUTE, 10 * SECOND);
  assert.deepEqual([spf.runs.length, fcrdns.runs.length, bimi.runs.length], [4, 4, 0]);
  assert.deepEqual(spf.runs[0], { kind: 'domain', ...DOMAIN });
  assert.equal(fcrdns.runs[0]!.name, IP);
  assert.deepEqual(world.samples('passed').sort(), [`fcrdns ${IP}`, 'spf example.com']);
});

test('a check that throws, or never ends, does not stop the others', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const world = new World(PSBL);
  const fine = counted('spf');
  const broken = { ...fine.check, run: async () => Promise.reject(new TypeError('a mistake')) };
  const endless = { ...fine.check, run: () => new Promise<Reading[]>(() => {}) };
  world.checks.set('mx', broken).set('dkim', endless).set('spf', fine.check);
  world.live(settings({ domains: [DOMAIN] }));
  await world.pass(HOUR + 30 * MINUTE, 10 * SECOND);
  assert.ok(fine.runs.length >= 2);
  assert.equal(world.shown('listed', 'psbl', IP), 0);
  const unknown = () => world.watch.states.checkState('dkim', 'example.com')?.unknown;
  assert.equal(unknown(), undefined);
  mock.timers.tick(MINUTE);
  await turn();
  assert.match(unknown()!, /took too long/, 'patience ends');
  mock.timers.reset();
  for (const check of ['dkim', 'mx']) {
    assert.equal(world.shown('checked', check, 'example.com'), undefined);
    assert.equal(world.shown('unchecked', check, 'example.com'), START / 1000, 'and one that breaks is seen, too');
  }
  assert.equal(world.shown('passed', 'mx', 'example.com'), undefined);
  assert.ok(world.errors.length > 0 && world.errors.every((error) => (error as { check: string }).check === 'mx'));
});

test('a check that gets no answer, keeps its last word for three intervals; one without anything to judge has none', async () => {
  const world = new World();
  let says: Reading[] | Unanswered = [
    { kind: 'dns_check', check: 'mx', target: 'example.com', problems: ['null_mx'], warnings: [] },
    { kind: 'certificate', target: 'example.com', host: 'mx.example.com', expires: 1_800_000_000 },
  ];
  const run = async () => {
    if (says instanceof Unanswered) throw says;
    return says;
  };
  world.checks.set('mx', { summary: '', targets: ['domain'], problems: {}, run });
  world.checks.set('mx-certificate', counted('mx-certificate').check);
  world.live(settings({ lists: [], ips: [], domains: [DOMAIN] }));
  await world.pass(MINUTE);
  assert.equal(world.shown('passed', 'mx', 'example.com'), 0);
  assert.equal(world.shown('problem', 'mx', 'example.com', 'null_mx'), 1);
  assert.equal(world.shown('certificate', 'example.com', 'mx.example.com'), 1_800_000_000);
  const last = world.shown('checked', 'mx', 'example.com');
  says = new Unanswered('timeout', 'no answer');
  await world.pass(2 * HOUR + 55 * MINUTE, 10 * SECOND);
  assert.equal(world.shown('passed', 'mx', 'example.com'), 0);
  await world.pass(6 * MINUTE, 10 * SECOND);
  assert.equal(world.shown('passed', 'mx', 'example.com'), undefined);
  assert.equal(world.shown('problem', 'mx', 'example.com', 'null_mx'), undefined);
  assert.equal(world.shown('certificate', 'example.com', 'mx.example.com'), undefined);
  assert.equal(world.shown('checked', 'mx', 'example.com'), last);
  says = [];
  await world.pass(2 * HOUR, 10 * SECOND);
  assert.equal(world.shown('passed', 'mx', 'example.com'), undefined);
  for (const family of ['checked', 'unchecked'])
    assert.equal(world.shown(family, 'mx', 'example.com'), undefined, 'there is nothing to wait for');
  says = new Unanswered('timeout', 'no answer');
  await world.pass(2 * HOUR, 10 * SECOND);
  const since = world.shown('unchecked', 'mx', 'example.com')! * 1000;
  assert.ok(since > START + 3 * HOUR, 'in vain since there was something to be known, not from the beginning');
});

test('a warning is shown, and fails nothing', async () => {
  const world = new World();
  const says: Reading[] = [
    { kind: 'dns_check', check: 'dmarc', target: 'example.com', problems: [], warnings: ['policy_none'] },
  ];
  world.checks.set('dmarc', { summary: '', targets: ['domain'], problems: {}, run: async () => says });
  world.live(settings({ lists: [], ips: [], domains: [DOMAIN] }));
  assert.equal(world.shown('unchecked', 'dmarc', 'example.com'), START / 1000);
  assert.equal(world.shown('checkedEvery', 'dmarc'), HOUR / 1000);
  await world.pass(MINUTE);
  assert.equal(world.shown('passed', 'dmarc', 'example.com'), 1);
  assert.equal(world.shown('warning', 'dmarc', 'example.com', 'policy_none'), 1);
  assert.deepEqual(world.samples('problem'), []);
  assert.equal(world.shown('unchecked', 'dmarc', 'example.com'), undefined);
});

test('scores of reputation are shown while they are young, and win over those that were pushed', async () => {
  const world = new World('rep.mailspike.net');
  world.lists('rep.mailspike.net', IP, '127.0.0.20');
  world.live(settings({ lists: ['mailspike-reputation'] }));
  await world.pass(2 * MINUTE);
  const pushed: [string[], number][] = [
    [['mailspike-reputation', IP], 1],
    [['mailspike-reputation', '192.0.2.99'], 2],
  ];
  const scores = () =>
    [...[...world.watch.gauges(pushed)].find(({ name }) => name === NAMES.score)!.samples].map(
      ([[, target], value]) => [target, value],
    );
  assert.deepEqual(scores(), [
    [IP, 100],
    ['192.0.2.99', 2],
  ]);
  world.says.set(`*.rep.mailspike.net`, 'SERVFAIL');
  world.lists('rep.mailspike.net', IP, 'SERVFAIL');
  await world.pass(4 * HOUR, 10 * SECOND);
  assert.deepEqual(scores(), [
    [IP, 1],
    ['192.0.2.99', 2],
  ]);
});

test('a reload: lists go and come, selectors change, and the allowance is what it was', async () => {
  const world = new World(PSBL, 'bl.blocklist.de');
  const dkim = counted('dkim');
  world.checks.set('dkim', dkim.check);
  const wanted: Wanted = { ips: addresses(250), domains: [DOMAIN], perDay: { psbl: 3000 } };
  world.live(settings(wanted));
  await world.pass(2 * MINUTE);
  const watch = world.watch;
  watch.apply(settings({ ...wanted, lists: ['blocklist-de'], domains: [{ name: 'example.com', selectors: ['s2'] }] }));
  assert.ok(
    world.samples('listed').every((sample) => !sample.startsWith('psbl ')),
    'gone at once',
  );
  assert.deepEqual(new Set(world.samples('health').map((sample) => sample.split(' ')[0])), new Set(['blocklist-de']));
  const [asked, from] = [world.about(PSBL).length, world.now];
  await world.pass(70 * MINUTE, 10 * SECOND);
  assert.equal(world.about(PSBL).length, asked, 'and not asked any more');
  assert.equal(world.samples('listed').length, 250);
  assert.deepEqual(dkim.runs.at(-1)!.selectors, ['s2']);
  for (let n = 0; n < 100; n++) {
    watch.apply(settings({ ...wanted, lists: n % 2 === 0 ? ['psbl'] : ['blocklist-de'] }));
    await world.pass(5 * SECOND);
  }
  const most = 30 + (2970 * (world.now - from)) / DAY;
  assert.ok(
    mostInADay(world, [PSBL]) <= 30 + (2970 * (world.now - START)) / DAY,
    `${mostInADay(world, [PSBL])} ${most}`,
  );
  watch.apply(undefined);
  assert.deepEqual(world.samples('listed'), []);
  const before = world.asked.length;
  await world.pass(5 * MINUTE);
  assert.equal(world.asked.length, before, 'without checks nothing is looked up');
  assert.deepEqual(world.errors, []);
});

test('reloads bring no allowance back while the ledger takes nothing', async () => {
  const world = new World(PSBL);
  const wanted = settings({ ips: addresses(250), perDay: { psbl: 3000 } });
  world.busy = true;
  const watch = world.live(wanted);
  for (let n = 0; n < 20; n++) {
    await world.pass(5 * SECOND);
    watch.apply(wanted);
  }
  assert.ok(world.asked.length <= 30 + (2970 * 100) / 86_400, `${world.asked.length}`);
});

test('a reload while questions are under way: what comes then is about nothing that is wanted', async () => {
  const world = new World(PSBL);
  const late = Promise.withResolvers<string>();
  world.says.set(`*.${PSBL}`, late.promise);
  world.says.set(`1.0.0.127.${PSBL}`, 'NXDOMAIN');
  const watch = world.live(settings({ ips: addresses(100) }));
  await world.pass(MINUTE);
  assert.ok(world.about(PSBL).length > 0);
  watch.apply(undefined);
  await world.pass(5 * SECOND);
  watch.apply(settings({ lists: ['blocklist-de'] }));
  late.resolve('127.0.0.2');
  await world.pass(5 * SECOND);
  assert.deepEqual(
    world.samples('verdict').filter((sample) => sample.startsWith('psbl')),
    [],
  );
  assert.deepEqual(world.errors, []);
});

test('fewer targets: those that waited long for their turn are asked soon', async () => {
  const world = withValidity(new World());
  const ips = addresses(900);
  const wanted: Wanted = { lists: ['sender-score'], ips };
  world.live(settings(wanted));
  await world.pass(4.5 * DAY, MINUTE);
  assert.equal(world.samples('listed').length, 900, 'with intervals of days, what is days old is known');
  const longest = ips.sort(
    (a, b) => world.shown('definite', 'sender-score', a)! - world.shown('definite', 'sender-score', b)!,
  );
  world.watch.apply(settings({ ...wanted, ips: longest.slice(0, 10) }));
  assert.equal(world.samples('listed').length, 0);
  // As soon as the allowance, which is about used up, lets them.
  await world.pass(2 * HOUR, 10 * SECOND);
  assert.equal(world.samples('listed').length, 10);
});

test('a list that does not answer does not hold up another', async () => {
  const world = new World(PSBL, 'bl.blocklist.de');
  world.says.set(`*.${PSBL}`, 'never');
  world.says.set(`1.0.0.127.${PSBL}`, 'NXDOMAIN');
  const ips = addresses(90);
  world.live(settings({ lists: ['psbl', 'blocklist-de'], ips }));
  await world.pass(2 * MINUTE);
  assert.equal(world.about('bl.blocklist.de').length, 90);
  assert.equal(world.about(PSBL).length, 25);
});

test('a stop ends at once: questions under way are given up and say nothing', async () => {
  const world = new World(PSBL);
  world.lists(PSBL, IP, 'never');
  const endless: Check = { ...counted('dkim').check, run: () => new Promise<Reading[]>(() => {}) };
  world.checks.set('dkim', endless);
  const watch = world.live(settings({ domains: [DOMAIN] }));
  await world.pass(MINUTE);
  assert.equal(world.about(PSBL).length, 1);
  await watch.stop();
  await turn();
  assert.equal(world.givenUp, 1);
  const kept = new Map(world.kept);
  await turn();
  await watch.tick();
  assert.deepEqual(world.kept, kept);
  assert.equal(world.asked.filter(({ at }) => at === world.now).length, 0);
  assert.ok(![...kept.keys()].some((key) => /^checked:(?:list|check):/.test(key)));
});

test('a scrape asks nothing', async () => {
  const world = await listed();
  const before = world.asked.length;
  for (let n = 0; n < 20; n++) world.samples('listed');
  await turn();
  assert.equal(world.asked.length, before);
});

test('an IPv6 address is none that a list of IPv4 is blind for', async () => {
  const world = new World(PSBL);
  world.live(settings({ ips: ['2001:db8::1'] }));
  await world.pass(2 * MINUTE);
  assert.deepEqual(world.samples('verdict'), ['psbl 2001:db8::1 unsupported']);
  assert.deepEqual([...world.samples('definite'), ...world.samples('unanswered')], []);
  assert.equal(world.asked.filter(({ name }) => !name.endsWith(`.127.${PSBL}`)).length, 0);
  const { tokens } = JSON.parse(world.kept.get('quota:psbl')!) as { tokens: number };
  assert.ok(tokens >= 98, `${tokens}: nothing but the test took of the allowance`);
});

test('what was kept of a list that is no more is dropped', async () => {
  const world = new World(PSBL);
  const state = { of: 'list', list: 'no-such-list', target: IP, verdict: 'listed', cause: '', reason: '', at: START };
  world.kept.set(
    `checked:list:no-such-list ${IP}`,
    JSON.stringify({ ...state, definite: { verdict: 'listed', codes: ['127.0.0.2'], at: START } }),
  );
  assert.ok(!BLOCKLISTS.has('no-such-list'));
  world.live(settings());
  assert.deepEqual(world.samples('listed'), []);
  await world.pass(2 * SECOND);
  assert.ok(![...world.kept.keys()].some((key) => key.includes('no-such-list')));
});

test('a recipient’s domain about which nobody answers stays what it is, and is looked up again, within bounds', async () => {
  let [now, up] = [START, false];
  const asked: string[] = [];
  const ask: Ask = async (name, type) => {
    asked.push(name);
    if (!up && name === 'slow.example.org') return { rcode: 'SERVFAIL', records: [], server: '', took: 1 };
    if (!up) throw new Unanswered('timeout', 'no answer');
    const records = [20, 10].map((preference) => ({
      ...{ name, type, ttl: 60, preference },
      data: preference === 10 ? 'aspmx.l.google.com' : 'mx.example.org',
    }));
    return { rcode: 'NOERROR', records, server: '', took: 1 };
  };
  const lookup = new MxLookup(ask, () => now);
  const pump = async () => {
    lookup.pump();
    await turn();
  };
  for (const name of ['slow.example.org', 'dead.example.org']) assert.equal(providerOf(name), 'other');
  await pump();
  await pump();
  assert.equal(asked.length, 2);
  now += 5 * MINUTE;
  await pump();
  assert.equal(asked.length, 4);
  up = true;
  now += 5 * MINUTE;
  await pump();
  for (const name of ['slow.example.org', 'dead.example.org']) assert.equal(providerOf(name), 'google');
  now += HOUR;
  await pump();
  assert.equal(asked.length, 6, 'what is known is not asked again');
  up = false;
  providerOf('never.example.org');
  for (let n = 0; n < 50; n++) {
    await pump();
    now += 5 * MINUTE;
  }
  assert.equal(asked.length, 6 + 12);
  for (let n = 0; n < 100; n++) providerOf(`d${n}.example.org`);
  await pump();
  assert.ok(asked.length - 18 <= 20, 'and not all at once');
  lookup.stop();
});
