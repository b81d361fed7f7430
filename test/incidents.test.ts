/** Alerts become incidents: one for each occurrence in whatever order it is told, counted once, and never told of before it is on disk. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type Logger, pino } from 'pino';
import type { Alert } from '../src/alert.ts';
import { parseConfig } from '../src/config.ts';
import { closedValues, spanValues, type Totals } from '../src/incident-totals.ts';
import { Incidents, type News } from '../src/incidents.ts';
import { Busy, Ledger } from '../src/ledger.ts';

const DAY = 24 * 3600_000;
const SETTINGS = { keep: 30 * DAY, verdict_within: 7 * DAY };
const START = Date.parse('2026-03-01T12:00:00Z');
const silent: Logger = pino({ level: 'silent' });

function alert(status: Alert['status'], startsAt: number, endsAt = 0, more: Partial<Alert> = {}): Alert {
  const labels = { alertname: 'EmailBounceRateHigh', issue_type: 'high_bounce_rate', severity: 'high' };
  return { status, startsAt, endsAt, labels, annotations: { summary: 'too much' }, fingerprint: 'abc123', ...more };
}
const firing = (startsAt: number, more: Partial<Alert> = {}) => alert('firing', startsAt, 0, more);
const resolved = (startsAt: number, endsAt: number, more: Partial<Alert> = {}) =>
  alert('resolved', startsAt, endsAt, more);

/** A disk that holds what it is given, and fails when it is told to: then what it was given comes with the next success, as in the ledger. */
class Disk {
  readonly readings = new Map<string, string>();
  busy = '';
  failing = false;
  private pending = new Map<string, string | null>();

  async keep(rows: Iterable<[string, string | null]>): Promise<void> {
    if (this.busy) throw new Busy(this.busy);
    for (const [key, value] of rows) this.pending.set(key, value);
    await Promise.resolve();
    if (this.failing) throw new Busy('disk I/O error');
    for (const [key, value] of this.pending) value === null ? this.readings.delete(key) : this.readings.set(key, value);
    this.pending = new Map();
  }
}

interface Shop {
  incidents: Incidents;
  disk: Disk;
  news: [id: string, news: News][];
  clock: { now: number };
}

function shop(disk = new Disk(), settings: Partial<typeof SETTINGS> = {}, clock = { now: START + 1000 }): Shop {
  const incidents = new Incidents(disk, () => ({ ...SETTINGS, ...settings }), {
    zeroFirst: 10_000,
    log: silent,
    now: () => clock.now,
  });
  const news: Shop['news'] = [];
  incidents.onChange(({ id }, what) => news.push([id, what]));
  return { incidents, disk, news, clock };
}

const counted = (totals: Totals, span: Parameters<typeof spanValues>[1]) =>
  [...spanValues(revealed(totals), span)].reduce((all, { count }) => all + count, 0);
const closed = (totals: Totals) =>
  Object.fromEntries([...closedValues(revealed(totals))].map(({ labels, value }) => [labels.verdict, value]));

/** As it is shown once every scraper has seen 0. */
function revealed(totals: Totals): Totals {
  const copy = structuredClone(totals);
  for (const group of [copy.closed, ...Object.values(copy.incidents), ...Object.values(copy.remedies)]) group.born = 0;
  return copy;
}

describe('however an occurrence is told', () => {
  /** Twins of Prometheus see it at most 20 s apart, each says everything some times. */
  const occurrence = (from: number) =>
    fc
      .record({
        starts: fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 3 }),
        ends: fc.array(fc.integer({ min: 60, max: 90 }), { minLength: 3, maxLength: 3 }),
        repeats: fc.integer({ min: 1, max: 3 }),
        over: fc.boolean(),
      })
      .map(({ starts, ends, repeats, over }) => {
        const at = (s: number) => from + s * 1000;
        const fire = starts.map((s) => firing(at(s)));
        const end = over ? starts.map((s, i) => resolved(at(s), at(ends[i]!))) : [];
        return { fire, end, over, all: Array.from({ length: repeats }, () => [...fire, ...end]).flat() };
      });
  const shuffled = <T>(items: T[]) => fc.shuffledSubarray(items, { minLength: items.length, maxLength: items.length });

  test('it is one incident, told of once, with the first start and the last end', () =>
    fc.assert(
      fc.asyncProperty(
        occurrence(START).chain((told) => shuffled(told.all).map((order) => ({ ...told, order }))),
        async ({ order, over, end, fire }) => {
          const { incidents, news } = shop();
          for (const one of order) await incidents.take([one]);
          const [incident, ...others] = incidents.all();
          assert.equal(others.length, 0);
          assert.equal(incident!.startsAt, Math.min(...fire.map((f) => f.startsAt)));
          assert.equal(incident!.resolved, over ? Math.max(...end.map((e) => e.endsAt)) : undefined);
          assert.equal(incident!.id, `abc123-${order[0]!.startsAt.toString(36)}`, 'the id stays');
          assert.equal(counted(incidents.shown(), 'resolution'), over ? 1 : 0);
          const whats = news.map(([, what]) => what);
          const early = order[0]!.status === 'resolved';
          assert.deepEqual(whats, early ? [] : over ? ['opened', 'resolved'] : ['opened']);
        },
      ),
      { numRuns: 500 },
    ));

  test('and with the next occurrence among it, it is open exactly when the next one is', () =>
    fc.assert(
      fc.asyncProperty(
        fc
          .tuple(occurrence(START), occurrence(START + 600_000))
          .chain(([a, b]) =>
            shuffled([...a.fire, ...a.end, ...resolvedToo(a), ...b.all]).map((order) => ({ b, order })),
          ),
        async ({ b, order }) => {
          const { incidents, news } = shop();
          for (const one of order) await incidents.take([one]);
          const all = incidents.all();
          assert.ok(all.length <= 2, `${all.length} incidents`);
          assert.equal(all.filter((one) => one.resolved === undefined).length, b.over ? 0 : 1);
          assert.ok(news.filter(([, what]) => what === 'opened').length <= 2);
        },
      ),
      { numRuns: 500 },
    ));

  /** The earlier one is over, whatever the arbitrary one says. */
  function resolvedToo({ fire, end }: { fire: Alert[]; end: Alert[] }): Alert[] {
    return end.length > 0 ? [] : fire.map((f) => resolved(f.startsAt, START + 95_000));
  }

  test('one after the other they are two, and a late word on the first does not touch the second', async () => {
    const { incidents, news } = shop();
    const [first, second] = [START, START + 600_000];
    await incidents.take([firing(first)]);
    await incidents.take([resolved(first, first + 60_000)]);
    await incidents.take([firing(second), firing(first), resolved(first, first + 60_000)]);
    assert.deepEqual(
      incidents.all().map(({ startsAt, resolved: end }) => [startsAt, end]),
      [
        [second, undefined],
        [first, first + 60_000],
      ],
    );
    assert.equal(news.length, 3);
    assert.equal(incidents.at('abc123', first / 1000)?.startsAt, first);
    assert.equal(incidents.at('abc123', second / 1000)?.startsAt, second);
    assert.equal(incidents.at('abc123', undefined)?.startsAt, second);
    assert.equal(incidents.at('other', undefined), undefined);
  });
});

test('one that ended as it began is not begun again, and one that nobody heard of is not another that is going on', async () => {
  const { incidents } = shop();
  await incidents.take([resolved(START, START), firing(START)]);
  const [first, second] = [START + 60_000, START + 600_000];
  await incidents.take([firing(second), resolved(first, first + 60_000)]);
  assert.deepEqual(
    incidents.all().map(({ startsAt, resolved: end }) => [startsAt, end]),
    [
      [second, undefined],
      [first, first + 60_000],
      [START, START],
    ],
  );
});

test('alerts of the machinery make no incident; those of others need no fingerprint and nothing of a known size', async () => {
  const { incidents } = shop();
  const labels = { alertname: 'A', issue_type: 'x', severity: 'high' };
  await incidents.take([
    firing(START, { labels: { alertname: 'Watchdog' } }),
    firing(START, { fingerprint: '', labels }),
    firing(START, { fingerprint: '', labels }),
    firing(START, { fingerprint: '../../<script>', labels: { ...labels, severity: 'low' } }),
    firing(START, {
      labels: { ...labels, long: 'x'.repeat(100_000), ...many(200) },
      annotations: { summary: 'y'.repeat(1e6) },
    }),
  ]);
  const all = incidents.all();
  assert.equal(all.length, 3);
  for (const one of all) assert.match(one.id, /^[\w-]+$/);
  assert.ok(JSON.stringify(all).length < 20_000);
});

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${n}`, 'v']));

test('what the store hands out cannot be changed but by change', async () => {
  const { incidents } = shop();
  await incidents.take([firing(START)]);
  const [incident] = incidents.all();
  assert.throws(() => {
    incident!.acknowledged = 1;
  }, TypeError);
  assert.throws(() => incident!.remedies.push(remedied('pending')), TypeError);
  await assert.rejects(
    incidents.change('abc-0', () => {}),
    /there is no incident abc-0/,
  );
});

const remedied = (outcome: 'pending' | 'effective') => ({
  strategy: 'pause-campaigns',
  mode: 'enforce' as const,
  at: START,
  score: 0.8,
  because: 'it helped before',
  steps: [],
  looks: [],
  outcome,
});

test('every span and outcome is counted once, when it is first known', async () => {
  const { incidents, clock } = shop();
  await incidents.take([firing(START)]);
  const { id } = incidents.all()[0]!;
  const spans = () =>
    (['detection', 'acknowledgement', 'resolution'] as const).map((s) => counted(incidents.shown(), s));
  await incidents.change(id, (one) => {
    one.onset = START - 90_000;
  });
  await incidents.change(id, (one) => {
    one.onset = START - 95_000;
    one.remedies.push(remedied('pending'));
  });
  assert.deepEqual(spans(), [1, 0, 0]);
  clock.now += 60_000;
  for (let again = 0; again < 2; again++) {
    await incidents.acknowledge(id);
    await incidents.change(id, (one) => {
      one.remedies[0]!.outcome = 'effective';
    });
    await incidents.take([resolved(START, START + 600_000)]);
  }
  assert.deepEqual(spans(), [1, 1, 1]);
  const { incidents: groups, remedies } = incidents.shown();
  const { spans: its } = Object.values(groups)[0]!;
  assert.deepEqual(
    [its.detection, its.acknowledgement, its.resolution],
    [
      { sum: 90, counts: { 120: 1 } },
      { sum: 61, counts: { 120: 1 } },
      { sum: 600, counts: { 600: 1 } },
    ],
  );
  assert.deepEqual(
    Object.values(remedies).map(({ labels, counts }) => [labels, counts]),
    [[{ strategy: 'pause-campaigns', mode: 'enforce' }, { effective: 1 }]],
  );
});

describe('a verdict', () => {
  test('may change until its time is over, and counts once as what it is then', async () => {
    const { incidents, clock, disk } = shop();
    await incidents.take([firing(START), firing(START, { fingerprint: 'def456' })]);
    const [a, b] = incidents.all().map(({ id }) => id) as [string, string];
    await incidents.judge(a, 'true_positive');
    await incidents.take([resolved(START, START + 1000), resolved(START, START + 1000, { fingerprint: 'def456' })]);
    clock.now = START + 6 * DAY;
    await incidents.tick();
    await incidents.judge(a, 'false_positive');
    assert.deepEqual(closed(incidents.shown()), { true_positive: 0, false_positive: 0, duplicate: 0, unknown: 0 });
    clock.now = START + 7 * DAY + 2000;
    await incidents.tick();
    clock.now += DAY;
    await incidents.tick();
    const once = { true_positive: 0, false_positive: 1, duplicate: 0, unknown: 1 };
    assert.deepEqual(closed(incidents.shown()), once);
    await assert.rejects(incidents.judge(b, 'duplicate'), /the time for a verdict is over: it counts as unknown/);
    await incidents.judge(a, 'false_positive');
    clock.now += 40 * DAY;
    await incidents.tick();
    assert.deepEqual(incidents.all(), [], 'its time to be kept is over');
    assert.deepEqual(closed(incidents.shown()), once, 'totals stay');
    assert.deepEqual(closed(shop(disk).incidents.shown()), once, 'over a restart, too');
    assert.deepEqual([...disk.readings.keys()], ['incident-totals']);
  });

  test('counts when its incident is forgotten earlier', async () => {
    const { incidents, clock } = shop(new Disk(), { keep: DAY });
    await incidents.take([firing(START), firing(START, { fingerprint: 'lost' })]);
    const { id } = incidents.at('abc123', undefined)!;
    await incidents.judge(id, 'duplicate');
    await incidents.take([resolved(START, START + 1000)]);
    clock.now += DAY + 2000;
    await incidents.tick();
    assert.deepEqual(incidents.all(), [], 'an end that was never told is not waited for for ever');
    assert.deepEqual(closed(incidents.shown()), { true_positive: 0, false_positive: 0, duplicate: 1, unknown: 1 });
  });
});

test('nothing is told of or shown before it is on disk; what is said again after a failed commit counts once', async () => {
  const { incidents, disk, news, clock } = shop();
  disk.failing = true;
  await assert.rejects(incidents.take([resolved(START - 9000, START - 5000), firing(START)]), Busy);
  assert.equal(news.length, 0);
  assert.equal(counted(incidents.shown(), 'resolution'), 0);
  disk.failing = false;
  await incidents.take([resolved(START - 9000, START - 5000), firing(START)]);
  assert.equal(news.length, 1);
  assert.equal(counted(incidents.shown(), 'resolution'), 1);
  disk.failing = true;
  await assert.rejects(incidents.take([resolved(START, START + 500)]), Busy);
  assert.equal(counted(incidents.shown(), 'resolution'), 1);
  disk.failing = false;
  clock.now += 1000;
  await incidents.tick();
  assert.deepEqual(
    news.map(([, what]) => what),
    ['opened', 'resolved'],
    'also when nobody says it again',
  );
  assert.equal(counted(incidents.shown(), 'resolution'), 2);
  disk.busy = 'the disk is full';
  await assert.rejects(incidents.take([firing(START + 5000)]), Busy);
  await assert.rejects(incidents.acknowledge(incidents.all()[0]!.id), Busy);
  await incidents.tick();
  assert.equal(incidents.all().length, 2, 'nothing is changed meanwhile');
});

test('after a restart those who act are told of all that is open or not done with', async () => {
  const { incidents, disk } = shop();
  await incidents.take(['one', 'two', 'three'].map((fingerprint) => firing(START, { fingerprint })));
  const ids = incidents.all().map(({ id }) => id);
  for (const id of ids.slice(1))
    await incidents.change(id, (one) => {
      one.remedies.push(remedied(id === ids[1] ? 'pending' : 'effective'));
      one.resolved = START + 5000;
    });
  const { news } = shop(disk);
  assert.deepEqual(
    news.sort(),
    [
      [ids[0], 'opened'],
      [ids[1], 'resolved'],
    ].sort(),
  );
});

test('a new counter is shown at 0 until every scraper has seen it, and never less again, over restarts', async () => {
  const { incidents, disk, clock } = shop();
  const shown = (one: Incidents) => [...spanValues(one.shown(), 'resolution')].map(({ count, sum }) => [count, sum]);
  await incidents.take([resolved(START, START + 60_000)]);
  assert.deepEqual(shown(incidents), [[0, 0]]);
  clock.now += 9_000;
  await incidents.tick();
  assert.deepEqual(shown(incidents), [[0, 0]]);
  const early = shop(disk, {}, clock).incidents;
  assert.deepEqual(shown(early), [[0, 0]], 'nobody saw more than 0, so its time begins anew');
  clock.now += 2_000;
  await incidents.tick();
  assert.deepEqual(shown(incidents), [[1, 60]]);
  assert.deepEqual(shown(shop(disk, {}, clock).incidents), [[1, 60]], 'no restart takes it back');
});

test('the oldest of too many closed ones are forgotten, with what they count; of open ones no more are taken', async () => {
  const { incidents, clock } = shop();
  const over = Array.from({ length: 10_050 }, (_, n) => resolved(START + n, START + n + 1, { fingerprint: `c${n}` }));
  await incidents.take(over);
  clock.now += 1000;
  await incidents.tick();
  assert.equal(incidents.all().length, 10_000);
  assert.equal(incidents.at('c49', undefined), undefined);
  assert.ok(incidents.at('c50', undefined));
  assert.equal(closed(incidents.shown()).unknown, 50);
  await incidents.take(Array.from({ length: 10_050 }, (_, n) => firing(START, { fingerprint: `o${n}` })));
  assert.equal([...incidents.open()].length, 10_000);
  await incidents.take([resolved(START, START + 9, { fingerprint: 'o0' })]);
  await incidents.take([firing(START, { fingerprint: 'o10049' })]);
  assert.equal([...incidents.open()].length, 10_000);
});

test('labels that rules of others make up do not make series without end', async () => {
  const { incidents } = shop();
  await incidents.take(
    Array.from({ length: 800 }, (_, n) =>
      resolved(START, START + 1000, { fingerprint: `f${n}`, labels: { issue_type: `i${n}`, severity: 'high' } }),
    ),
  );
  assert.equal(counted(incidents.shown(), 'resolution'), 800);
  assert.equal([...spanValues(incidents.shown(), 'resolution')].length, 501);
});

test('the store is in the ledger as in any other disk', async (t: TestContext) => {
  const directory = mkdtempSync(join(tmpdir(), 'deliverability-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const open = async () => {
    const ledger = await Ledger.open({ path: join(directory, 'ledger.sqlite') });
    const options = { zeroFirst: 0, log: silent, now: Date.now };
    return { ledger, incidents: new Incidents(ledger, () => SETTINGS, options) };
  };
  const first = await open();
  await first.incidents.take([firing(START), resolved(START, START + 1000, { fingerprint: 'second' })]);
  const before = first.incidents.all();
  await first.ledger.close();
  const second = await open();
  assert.deepEqual(second.incidents.all(), before);
  assert.equal(counted(second.incidents.shown(), 'resolution'), 1);
  await second.ledger.close();
  await assert.rejects(second.incidents.take([firing(START)]), Busy);
});

describe('the configuration', () => {
  const rows: [title: string, yaml: string, says: RegExp | undefined][] = [
    ['nothing', '', undefined],
    ['all of it', 'alerts: { auth: none }\nincidents: { keep: 60d, link_expiry: 1h, verdict_within: 3d }', undefined],
    ['everybody', 'alerts: { auth: none }\nincidents: { auth: none }', /^f:2: incidents\.auth: must be any of basic/],
    ['nobody', 'alerts: { auth: none }\nincidents: { auth: {} }', /^f:2: incidents\.auth: name at least one of/],
    ['no alerts', 'incidents: { auth: { bearer: [ { env: PATH } ] } }', /^f:1: incidents: .* set `alerts`, too/],
    ['a time that is none', 'incidents: { keep: long }', /^f:1: incidents\.keep: must be a duration/],
    ['a key that is none', 'incidents: { mode: on }', /^f:1: incidents\.mode: there is no such key/],
  ];
  for (const [title, yaml, says] of rows)
    test(title, async () => {
      if (says === undefined) await parseConfig(yaml, 'f');
      else await assert.rejects(parseConfig(yaml, 'f'), { message: says });
    });
});
