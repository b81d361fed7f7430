/** Stamps that leave things out, and bodies that are read in pieces (src/syslog.ts). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock, Hosts, Lines, Messages } from '../src/syslog.ts';

describe('a stamp', () => {
  const berlin = new Clock('Europe/Berlin');
  const cases: [what: string, stamp: string, now: string, at: string][] = [
    ['of this year', 'Nov 24 10:00:00', '2026-11-24T09:00:05Z', '2026-11-24T09:00:00Z'],
    ['of last year', 'Dec 31 23:59:59', '2027-01-01T00:00:05Z', '2026-12-31T22:59:59Z'],
    ['of next year, from a clock that is ahead', 'Jan  1 00:00:05', '2026-12-31T22:00:00Z', '2026-12-31T23:00:05Z'],
    ['tomorrow next year is last year', 'Nov 26 10:00:00', '2026-11-24T09:00:00Z', '2025-11-26T09:00:00Z'],
    ['29 February', 'Feb 29 12:00:00', '2026-11-24T09:00:00Z', '2024-02-29T11:00:00Z'],
    ['in the night of two 02:30, the first time', 'Oct 25 02:30:00', '2026-10-25T00:30:02Z', '2026-10-25T00:30:00Z'],
    ['in the night of two 02:30, the second time', 'Oct 25 02:30:00', '2026-10-25T01:30:02Z', '2026-10-25T01:30:00Z'],
    ['in the night without 02:30', 'Mar 29 02:30:00', '2026-03-29T09:00:00Z', '2026-03-29T01:30:00Z'],
    ['with a zone', '2026-11-24T10:00:00.25+05:30', '2026-11-24T09:00:00Z', '2026-11-24T04:30:00.25Z'],
    ['with a zone as journalctl writes it', '2026-11-24T10:00:00+0100', '2026-11-24T09:00:00Z', '2026-11-24T09:00:00Z'],
    ['with microseconds', '2026-11-24T10:00:00.123456Z', '2026-11-24T09:00:00Z', '2026-11-24T10:00:00.123Z'],
    ['of Exim, with a zone', '2026-11-24 10:00:00.5 -0330', '2026-11-24T09:00:00Z', '2026-11-24T13:30:00.5Z'],
    ['without a zone', '2026-07-24 10:00:00', '2026-11-24T09:00:00Z', '2026-07-24T08:00:00Z'],
    ['of journald', '1795510803000001', '2026-11-24T09:00:00Z', '2026-11-24T09:00:03Z'],
    ['of Fluent Bit', '1795510803.5', '2026-11-24T09:00:00Z', '2026-11-24T09:00:03.5Z'],
  ];
  for (const [what, stamp, now, at] of cases)
    test(what, () => {
      assert.equal(new Date(berlin.any(stamp, Date.parse(now))).toISOString(), new Date(at).toISOString());
    });

  for (const wrong of [
    '',
    'Foo 24 10:00:00',
    'Nov 31 10:00:00',
    'Nov 24 24:00:00',
    '2026-13-24T10:00:00Z',
    '-',
    'now',
    '9'.repeat(300),
  ])
    test(`${JSON.stringify(wrong.slice(0, 20))} is none`, () => {
      assert.ok(Number.isNaN(berlin.any(wrong, Date.parse('2026-11-24T09:00:00Z'))));
    });

  test('in the time zone of this process', () => {
    const here = new Clock();
    for (const month of [0, 6]) {
      const wall = Date.UTC(2026, month, 10, 12);
      assert.equal(here.at(wall, wall), new Date(2026, month, 10, 12).getTime());
    }
  });
});

test('a body larger than a piece: each line once, whatever its length and letters', () => {
  const messages = Array.from(
    { length: 3000 },
    (_, i) => `${i} ${'ü€x'[i % 3]!.repeat((i * 7919) % (i % 500 === 0 ? 90_000 : 200))}`,
  );
  const body = messages.map((message) => `2026-11-24T09:00:00Z host program[1]: ${message}`).join('\n');
  const seen: string[] = [];
  const lines = new Lines<true>('UTC', (program) => program === 'program' || undefined);
  lines.read({ headers: {}, body: Buffer.from(body) }, Date.now(), () =>
    seen.push(lines.text.slice(lines.message, lines.end)),
  );
  assert.deepEqual(seen, messages);
  assert.equal(lines.invalid, 0);
});

test('what is known of messages is bounded (what nobody asks for goes), and outlives their end by some thousand others', () => {
  const messages = new Messages<number>();
  for (let i = 0; i < 300_001; i++) {
    messages.set(`open-${i}`, i);
    if (i === 200_000) assert.equal(messages.get('open-7'), 7);
  }
  assert.equal(messages.get('open-9'), undefined);
  assert.equal(messages.get('open-7'), 7, 'asked for while it was among the old ones');
  assert.equal(messages.get('open-150001'), 150_001);
  messages.end('open-150001');
  for (let i = 0; i < 4095; i++) messages.end(`other-${i}`);
  assert.equal(messages.get('open-150001'), 150_001);
  messages.end('other');
  assert.equal(messages.get('open-150001'), undefined);
});

test('hosts are bounded: the one that writes all the time is kept, one long silent is not', () => {
  const hosts = new Hosts<number>();
  for (const host of ['busy', 'silent']) hosts.of(host).set('id', 1);
  for (let i = 0; i < 2000; i++) {
    hosts.of(`host-${i}`);
    hosts.of('busy');
  }
  assert.equal(hosts.of('busy').get('id'), 1);
  assert.equal(hosts.of('silent').get('id'), undefined);
});
