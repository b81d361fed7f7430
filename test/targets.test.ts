/** Who is looked up, as the configuration says it: its own addresses and domains, and those that sent mail, bounded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, parseConfig } from '../src/config.ts';
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

/** What is wrong with a configuration: the path of each problem, and a word of it. */
async function problems(configuration: object): Promise<string[]> {
  try {
    await parseConfig(JSON.stringify(configuration), 'x.yml');
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return [...error.problems];
  }
}

test('without `checks` nothing is looked up; `checks: {}` takes the defaults', async () => {
  assert.equal((await parseConfig('{}', 'x.yml')).checks, undefined);
  const { checks } = await parseConfig('checks: {}', 'x.yml');
  assert.deepEqual([checks!.interval, checks!.confirmAfter, checks!.targets.most], [HOUR, 120_000, 1000]);
  const lists = checks!.lists.map(({ name }) => name);
  assert.ok(lists.includes('spamhaus-zen') && !lists.includes('abusix'), lists.join(' '));
  assert.deepEqual((await parseConfig('checks: { blocklists: { enabled: false } }', 'x.yml')).checks!.lists, []);
});

test('name servers are written as addresses, with or without a port', async () => {
  const servers = ['127.0.0.1', '::1', '192.0.2.53:5353', '[2001:db8::53]:53'];
  const { resolver } = await parseConfig(JSON.stringify({ resolver: { servers } }), 'x.yml');
  assert.deepEqual(resolver.servers, ['127.0.0.1:53', '[::1]:53', '192.0.2.53:5353', '[2001:db8::53]:53']);
  for (const bad of [
    'localhost',
    '127.0.0.1:0',
    '127.0.0.1:70000',
    '999.1.1.1:53',
    '[::1]',
    '[127.0.0.1]:53',
    '::1:53:x',
  ])
    assert.equal((await problems({ resolver: { servers: [bad] } })).length, 1, bad);
});

test('mistakes about what is looked up are told with their place', async () => {
  const cases: [object, RegExp][] = [
    [{ ips: ['192.0.2'] }, /checks\.ips\.0: must be an IP address/],
    [{ ips: ['fe80::1%eth0'] }, /checks\.ips\.0: must be an IP address/],
    [{ domains: ['not a domain'] }, /checks\.domains\.0: must be a domain name/],
    [
      { domains: [{ name: 'example.com', selectors: ['a b'] }] },
      /checks\.domains\.0\.selectors\.0: must be a DKIM selector/,
    ],
    [{ interval: '10s' }, /checks\.interval: must be 1m or more/],
    [{ skip: ['spff'] }, /checks\.skip\.0: there is no check "spff"/],
    [{ skip: ['blocklist'] }, /checks\.skip\.0: lists are left out with/],
    [{ blocklists: { interval: '59s' } }, /checks\.blocklists\.interval: must be 1m or more/],
    [{ blocklists: { per_day: { nobody: 100 } } }, /checks\.blocklists\.per_day\.nobody: there is no pool/],
    [{ blocklists: { per_day: { psbl: 10 } } }, /checks\.blocklists\.per_day\.psbl: must be 50 or more/],
    [{ blocklists: { lists: ['nix-spam'] } }, /checks\.blocklists\.lists\.0: /],
    [{ blocklists: { lists: ['abusix'] } }, /checks\.blocklists\.lists\.0: abusix answers holders of a key only/],
  ];
  for (const [checks, told] of cases) {
    const [first = '', ...more] = await problems({ checks });
    assert.match(first, told);
    assert.deepEqual(more, []);
  }
});

test('a key is read from where it is kept, and in no mistake that is told', async (t) => {
  process.env.TEST_LIST_KEY = 's3cr3t key';
  t.after(() => delete process.env.TEST_LIST_KEY);
  const [first = '', ...more] = await problems({
    checks: { blocklists: { keys: { abusix: { env: 'TEST_LIST_KEY' } } } },
  });
  assert.match(first, /checks\.blocklists\.keys/);
  assert.doesNotMatch([first, ...more].join(), /s3cr3t/);
  process.env.TEST_LIST_KEY = 's3cr3t';
  const { checks } = await parseConfig('checks: { blocklists: { keys: { abusix: { env: TEST_LIST_KEY } } } }', 'x.yml');
  assert.ok(checks!.lists.some(({ name }) => name === 'abusix'));
  assert.doesNotMatch(JSON.stringify(checks), /s3cr3t/);
});
