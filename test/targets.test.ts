/** Who is looked up: the configuration's addresses and domains, and those that sent mail, bounded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Member, OTHER } from '../src/series.ts';
import { chooseTargets, isPublic, Senders, type TargetSettings, targetOf } from '../src/targets.ts';

const HOUR = 3600_000;
const NOW = Date.parse('2026-11-24T12:00:00Z');
const NONE = new Set<string>();

const settings = (more: Partial<TargetSettings> = {}): TargetSettings => ({
  ips: [],
  domains: [],
  selectors: [],
  fromEvents: true,
  most: 1000,
  ...more,
});

type Sent = readonly [domain: string, ip: string, at: number];
const counted = (...sent: Sent[]) => ({
  resources: () =>
    sent
      .map(([domain, ip, active]) => ({ values: ['push', domain, ip, 'other'], active }) as unknown as Member)
      .values(),
});

function senders(...sent: Sent[]): Senders {
  const all = new Senders(new Map());
  all.look(counted(...sent) as never, NOW);
  return all;
}

const names = (targets: Map<string, unknown>) => [...targets.keys()];

test('addresses and domains are brought into one form; what is neither is none', () => {
  const forms: [string, string | undefined][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['News.Example.COM.', 'news.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['fe80::1%eth0', undefined],
    ['0x7f.1', undefined],
    ['1.2.3', undefined],
    ['localhost', undefined],
    ['somebody@example.com', undefined],
    [`${'a'.repeat(64)}.com`, undefined],
    ['', undefined],
  ];
  for (const [text, name] of forms) assert.equal(targetOf(text)?.name, name, text);
  assert.equal(targetOf('192.0.2.1')?.kind, 'ip');
  assert.deepEqual(targetOf('example.com', ['s1']), { kind: 'domain', name: 'example.com', selectors: ['s1'] });
});

test('what nobody outside knows is not asked about', () => {
  const inner =
    '10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 169.254.1.1 127.0.0.1 0.0.0.0 224.0.0.1 255.255.255.255 ::1 :: fc00::1 fd12::1 fe80::1 ff02::1 ::ffff:10.0.0.1 mta.local mail.internal host.localdomain a.test co.uk x.onion 10.in-addr.arpa';
  const outer = '192.0.2.1 172.32.0.1 100.128.0.1 2001:db8::1 example.com news.example.co.uk shop.github.io';
  for (const text of inner.split(' ')) assert.equal(isPublic(targetOf(text)!), false, text);
  for (const text of outer.split(' ')) assert.equal(isPublic(targetOf(text)!), true, text);
});

test('the configuration comes first, an inner address among it; of senders those that sent last, as many as there is room for', () => {
  const all = senders(
    ['a.example.com', '192.0.2.1', NOW - 5 * HOUR],
    ['b.example.com', '192.0.2.2', NOW - 3 * HOUR],
    ['b.example.com', '10.0.0.1', NOW - 1 * HOUR],
    ['unknown', 'unknown', NOW],
    [OTHER, OTHER, NOW],
  );
  const given = { ips: ['10.9.9.9'], domains: [{ name: 'Own.Example.com', selectors: ['k1'] }], selectors: ['s1'] };
  assert.deepEqual(names(chooseTargets(settings({ ...given, most: 4 }), all, NONE)), [
    'own.example.com',
    '10.9.9.9',
    'b.example.com',
    '192.0.2.2',
  ]);
  const targets = chooseTargets(settings(given), all, NONE);
  assert.deepEqual(names(targets).slice(2), ['b.example.com', '192.0.2.2', 'a.example.com', '192.0.2.1']);
  assert.deepEqual(targets.get('own.example.com')?.selectors, ['k1']);
  assert.deepEqual(targets.get('a.example.com')?.selectors, ['s1']);
  assert.deepEqual(names(chooseTargets(settings({ ...given, fromEvents: false }), all, NONE)), [
    'own.example.com',
    '10.9.9.9',
  ]);
});

test('a target keeps its place while it sends, whoever sent since', () => {
  const all = senders(['unknown', '192.0.2.1', NOW - 5 * HOUR], ['unknown', '192.0.2.2', NOW]);
  assert.deepEqual(names(chooseTargets(settings({ most: 1 }), all, NONE)), ['192.0.2.2']);
  assert.deepEqual(names(chooseTargets(settings({ most: 1 }), all, new Set(['192.0.2.1']))), ['192.0.2.1']);
});

test('who sent nothing for a day is forgotten, once and for all', () => {
  const all = new Senders(new Map());
  const sent = counted(['unknown', '192.0.2.1', NOW]) as never;
  assert.deepEqual([...all.look(sent, NOW)], [['sent:192.0.2.1', String(NOW)]]);
  assert.equal(all.look(sent, NOW + 24 * HOUR).size, 0);
  assert.deepEqual(all.names(), ['192.0.2.1']);
  assert.deepEqual([...all.look(sent, NOW + 25 * HOUR + 1)], [['sent:192.0.2.1', null]]);
  assert.deepEqual(all.names(), []);
  assert.equal(all.look(sent, NOW + 26 * HOUR).size, 0, 'nothing more to be kept');
});

test('a sender is told to the file hourly, and remembered over a restart', () => {
  const all = new Senders(new Map());
  const kept = new Map<string, string>();
  let writes = 0;
  for (let now = NOW; now < NOW + 6 * HOUR; now += 60_000)
    for (const [key, at] of all.look(counted(['unknown', '192.0.2.1', now]) as never, now)) {
      kept.set(key, at!);
      writes++;
    }
  assert.equal(writes, 6);
  assert.deepEqual(new Senders(kept).names(), ['192.0.2.1']);
});
