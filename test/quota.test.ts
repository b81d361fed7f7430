/** Allowances of lists: what a bucket lets through over any day, and the intervals that keep within it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCKLISTS } from '../src/blocklist.ts';
import { type Ask, type DnsAnswer, Unanswered } from '../src/check.ts';
import { type Demand, paces, Quota, TRIES } from '../src/quota.ts';

const DAY = 24 * 3600_000;
const START = Date.parse('2026-11-24T00:00:00Z');

/** Takes one at a time whenever there is one to take, each `step` ms; when it did. */
function drain(quota: Quota, from: number, to: number, step = 10_000): number[] {
  const taken: number[] = [];
  for (let now = from; now <= to; now += step) while (quota.take(1, now)) taken.push(now);
  return taken;
}

/** Most within any 24 hours. */
function mostInADay(taken: readonly number[]): number {
  let [most, first] = [0, 0];
  taken.forEach((at, last) => {
    while (taken[first]! <= at - DAY) first++;
    most = Math.max(most, last - first + 1);
  });
  return most;
}

for (const perDay of [1, 20, 50, 333, 10_000])
  test(`whoever takes all that there is gets ${perDay} in any 24 hours, and hardly fewer`, () => {
    const taken = drain(new Quota({ perDay }, undefined, START), START, START + 3 * DAY);
    assert.ok(mostInADay(taken) <= perDay, `${mostInADay(taken)}`);
    assert.ok(mostInADay(taken) >= perDay * 0.99 - 1, `${mostInADay(taken)}`);
  });

test('a bucket that was kept goes on where it was, and fills while nobody was there', () => {
  const quota = new Quota({ perDay: 10_000 }, undefined, START);
  assert.ok(quota.take(100, START));
  const again = (after: number) => new Quota({ perDay: 10_000 }, quota.kept, START + after);
  assert.equal(again(1000).take(1, START + 1000), false);
  assert.equal(again(DAY).take(100, START + DAY), true);
  assert.equal(again(DAY).take(101, START + DAY), false, 'a bucket holds no more than it does');
});

test('a clock that is set back brings nothing and takes nothing', () => {
  const quota = new Quota({ perDay: 10_000 }, undefined, START);
  assert.ok(quota.take(100, START));
  for (let n = 0; n < 100; n++) {
    assert.equal(quota.take(1, START - n * 3600_000), false);
    assert.equal(quota.take(1, START - n * 3600_000), false);
  }
});

test('a smaller allowance holds at once', () => {
  const before = new Quota({ perDay: 10_000 }, undefined, START);
  assert.equal(drain(new Quota({ perDay: 60 }, before.kept, START), START, START).length, 30);
});

test('what changed is told once, to be kept', () => {
  const quota = new Quota({ perDay: 10_000 }, undefined, START);
  assert.equal(quota.unsaved(), undefined);
  quota.take(1, START);
  assert.deepEqual(quota.unsaved(), { tokens: 99, at: START });
  assert.equal(quota.unsaved(), undefined);
  quota.take(1000, START);
  assert.equal(quota.unsaved(), undefined, 'nothing was taken');
  quota.give(1);
  assert.deepEqual(quota.unsaved(), { tokens: 100, at: START });
});

const answer = (rcode: string): DnsAnswer => ({ rcode, records: [], server: '192.0.2.53:53', took: 1 });

test('a question takes one, and as many as it is tried where nobody answers or it is refused; then it is not put', async () => {
  const quota = new Quota({ perDay: 10_000 }, { tokens: 11, at: START }, START);
  const put: string[] = [];
  const says: Record<string, () => Promise<DnsAnswer>> = {
    yes: async () => answer('NOERROR'),
    no: async () => answer('NXDOMAIN'),
    servfail: async () => answer('SERVFAIL'),
    silent: async () => Promise.reject(new Unanswered('timeout', 'no answer')),
  };
  const ask: Ask = async (name) => {
    put.push(name);
    return await says[name]!();
  };
  const asks = quota.within(ask, { left: 0 }, () => START);
  await asks('yes', 'A');
  await asks('no', 'A');
  assert.equal(quota.kept.tokens, 9);
  await asks('servfail', 'A');
  assert.equal(quota.kept.tokens, 6);
  await assert.rejects(asks('silent', 'A'), Unanswered);
  assert.equal(quota.kept.tokens, 3);
  await asks('yes', 'A');
  await assert.rejects(asks('yes', 'A'), { name: 'Unanswered', reason: 'allowance' });
  assert.deepEqual(put, ['yes', 'no', 'servfail', 'silent', 'yes']);
});

test('what was taken before is used first, and what is left of it can be given back', async () => {
  const quota = new Quota({ perDay: 10_000 }, undefined, START);
  assert.ok(quota.take(2 * TRIES, START));
  const purse = { left: 2 * TRIES };
  const asks = quota.within(
    async () => answer('NXDOMAIN'),
    purse,
    () => START,
  );
  await asks('a', 'A');
  quota.give(purse.left);
  assert.equal(quota.kept.tokens, 99);
});

const demand = (more: Partial<Demand>): Demand => ({
  pool: 'p',
  perDay: 10_000,
  interval: 3600_000,
  targets: 10,
  tests: 3,
  ...more,
});

test('a list is asked as often as it allows while its allowance is enough', () => {
  assert.equal(paces(new Map([['a', demand({})]])).get('a')!.ask, 3600_000);
});

test('with more targets than the allowance is for, intervals are stretched, by pool and not by list', () => {
  const all = paces(
    new Map([
      ['a', demand({ targets: 1000 })],
      ['b', demand({ targets: 500, interval: 7200_000 })],
      ['c', demand({ targets: 100, pool: 'other' })],
    ]),
  );
  // 24 000 and 6 000 questions a day, of which there are 9 900, and four fifths of those for it.
  const stretched = 30_000 / (9_900 * 0.8);
  assert.equal(all.get('a')!.ask, 3600_000 * stretched);
  assert.equal(all.get('b')!.ask, 7200_000 * stretched);
  assert.equal(all.get('c')!.ask, 3600_000);
});

test('test entries take a tenth of an allowance at most', () => {
  const { test: between } = paces(new Map([['a', demand({ perDay: 333, tests: 3 })]])).get('a')!;
  assert.ok((3 * DAY) / between <= 33.3);
  assert.ok(between < 4 * 3600_000);
});

test('any list can be tested at once from a full bucket, by what is shipped', () => {
  for (const [name, list] of BLOCKLISTS) {
    if ('retired' in list) continue;
    const quota = new Quota({ perDay: Math.min(50, list.quota.perDay) }, undefined, START);
    assert.ok(quota.take((2 * Object.keys(list.test).length + 1) * TRIES, START), name);
  }
});
