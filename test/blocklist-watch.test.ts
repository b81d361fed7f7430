/**
 * The program as it is started, with a real unbound before it and a real rbldnsd behind that, which serves zones under the names
 * of the real lists: what is listed comes to be shown, what is not is 0, and what cannot be known is absent.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type Rbldnsd, rbldnsd, type Unbound, unbound, type Zone } from './dns.ts';
import { type Exporter, eventually, folder, samples, startExporter } from './exporter.ts';

const KEY = 's3cr3tkey';
const LISTED = '192.0.2.10';
const CLEAR = '192.0.2.99';
const UCEPROTECT = 'uceprotect.net';
const PSBL = 'psbl.surriel.com';
const ABUSIX = `${KEY}.combined.mail.abusix.zone`;
const REFUSING = `${KEY}.zen.dq.spamhaus.net`;
/** No server has it. */
const GONE = 'b.barracudacentral.org';

const proper = (zone: string, code = '127.0.0.2'): Zone => ({
  zone,
  type: 'ip4set',
  text: `:${code}:$ is listed, see ${zone}\n127.0.0.2\n${LISTED}`,
});
const ZONES: readonly Zone[] = [
  proper('zen.spamhaus.org'),
  { zone: 'dbl.spamhaus.org', type: 'dnset', text: '.dbltest.com :127.0.1.2:test\n.bad.example.com :127.0.1.4:phish' },
  { zone: REFUSING, type: 'ip4trie', text: '0.0.0.0/0 :127.255.255.254:198.51.100.7 is refused' },
  proper(PSBL),
  ...[1, 2, 3].map((level) => proper(`dnsbl-${level}.${UCEPROTECT}`)),
  proper(ABUSIX),
  { zone: ABUSIX, type: 'ip6trie', text: '::ffff:7f00:2/128 :127.0.0.2:' },
];
/** Seconds. */
const TTL = 2;
const DNS_CHECKS = ['bimi', 'dkim', 'dmarc', 'fcrdns', 'mta-sts', 'mx', 'mx-certificate', 'tls-rpt'];

let lists: Rbldnsd;
let resolver: Unbound;

before(async () => {
  // A listing is confirmed once it cannot come out of a cache any more.
  lists = await rbldnsd(ZONES, { ttl: TTL });
  resolver = await unbound({
    stubs: Object.fromEntries([...ZONES.map(({ zone }) => zone), GONE].map((zone) => [zone, lists.address])),
    local: [
      'good.example.com. 60 IN TXT "v=spf1 ip4:192.0.2.10 -all"',
      'bad.example.com. 60 IN TXT "v=spf1 +all"',
      'customer.example.net. 60 IN MX 10 aspmx.l.google.com.',
      'customer.example.net. 60 IN MX 20 mx.example.net.',
    ],
  });
});

after(async () => {
  await resolver?.stop();
  await lists?.stop();
});

interface Wanted {
  lists: readonly string[];
  ips: readonly string[];
  domains?: readonly string[];
  perDay?: Record<string, number>;
  server?: string;
}

/** JSON is YAML. */
function configuration({ lists, ips, domains = [], perDay = {}, server = resolver.address }: Wanted): string {
  return JSON.stringify({
    resolver: { servers: [server] },
    sources: { push: { auth: 'none' } },
    checks: {
      ips,
      domains,
      skip: DNS_CHECKS,
      blocklists: {
        lists,
        keys: { abusix: { env: 'LIST_KEY' }, spamhaus_dqs: { env: 'LIST_KEY' } },
        per_day: perDay,
        confirm_after: '1s',
      },
    },
  });
}

const start = (t: TestContext, wanted: Wanted, storage = '') =>
  startExporter(t, { config: configuration(wanted), storage, env: { LIST_KEY: KEY }, flags: ['--log.level=debug'] });

const ALL: Wanted = {
  lists: ['psbl', 'spamhaus-dbl', 'spamhaus-zen-dqs', 'barracuda', 'abusix'],
  perDay: { psbl: 1_000_000 },
  ips: [LISTED, CLEAR],
  domains: ['bad.example.com', 'good.example.com'],
};

const listed = (exporter: Exporter, list: string, target: string) =>
  exporter.metric('email_blocklist_listed', { list, target });
const health = (exporter: Exporter, list: string, state: string) =>
  exporter.metric('email_blocklist_health', { list, state });
const listedFor = (exporter: Exporter, list: string, target = LISTED) =>
  eventually(`${list} lists ${target}`, async () => (await listed(exporter, list, target)) === 1, 40);

const questionOf = (ip: string, zone: string) => `${ip.split('.').reverse().join('.')}.${zone}`;
/** What the server of the lists was asked of a zone. */
const asked = (zone: string) => lists.queries().filter(({ name }) => name.endsWith(`.${zone}`));

test('what is listed is shown with its meaning, what is not as 0, and what nobody could say not at all; no key anywhere', async (t) => {
  const exporter = await start(t, ALL);
  await listedFor(exporter, 'psbl');
  await listedFor(exporter, 'abusix');
  await listedFor(exporter, 'spamhaus-dbl', 'bad.example.com');
  assert.equal(await listed(exporter, 'psbl', CLEAR), 0);
  assert.equal(await listed(exporter, 'abusix', CLEAR), 0);
  assert.equal(await listed(exporter, 'spamhaus-dbl', 'good.example.com'), 0);
  const info = { list: 'psbl', target: LISTED, code: '127.0.0.2', meaning: 'spam trap', tier: 'info' };
  assert.equal(
    await exporter.metric('email_blocklist_listing_info', { ...info, delisting_url: 'https://psbl.org/remove' }),
    1,
  );

  await eventually(
    'the others came to something',
    async () => (await health(exporter, 'barracuda', 'unreachable')) === 1,
  );
  assert.equal(await health(exporter, 'spamhaus-zen-dqs', 'refused'), 1);
  assert.equal(await health(exporter, 'psbl', 'healthy'), 1);
  for (const target of [LISTED, CLEAR]) {
    await eventually(
      'they have verdicts',
      async () => (await exporter.metric('email_blocklist_verdict', { list: 'spamhaus-zen-dqs', target })) === 1,
    );
    assert.equal(
      await exporter.metric('email_blocklist_verdict', { list: 'spamhaus-zen-dqs', target, verdict: 'refused' }),
      1,
    );
    for (const list of ['spamhaus-zen-dqs', 'barracuda']) {
      assert.equal(await listed(exporter, list, target), undefined);
      assert.equal(
        await exporter.metric('email_blocklist_last_definite_timestamp_seconds', { list, target }),
        undefined,
      );
      const since = await exporter.metric('email_blocklist_unanswered_since_timestamp_seconds', { list, target });
      assert.ok(since! > Date.now() / 1000 - 120 && since! <= Date.now() / 1000, `${since}`);
    }
  }
  await eventually(
    'the checks of DNS are there',
    async () => (await exporter.metric('email_dns_check_passed', { check: 'spf', target: 'good.example.com' })) === 1,
  );
  assert.equal(await exporter.metric('email_dns_check_passed', { check: 'spf', target: 'bad.example.com' }), 0);
  assert.equal(await exporter.metric('email_dns_check_interval_seconds', { check: 'spf' }), 3600);
  assert.equal(await exporter.metric('email_dns_check_interval_seconds', { check: 'mx' }), undefined, 'it is skipped');
  assert.equal(await exporter.metric('email_blocklist_interval_seconds', { list: 'psbl' }), 3600);

  assert.ok(asked(ABUSIX).length > 0 && asked(REFUSING).length > 0);
  const pages = ['/metrics', '/', `/checks/blocklist?target=${LISTED}&debug=true`];
  for (const page of pages)
    assert.doesNotMatch(await (await fetch(exporter.url + page)).text(), new RegExp(KEY, 'i'), page);
  assert.doesNotMatch(JSON.stringify(exporter.log), new RegExp(KEY, 'i'));
  assert.ok(exporter.log.some(({ list, state }) => list === 'spamhaus-zen-dqs' && state === 'refused'));
});

test('scrapes ask nobody anything', async (t) => {
  const exporter = await start(t, { ...ALL, lists: ['spamhaus-zen', 'spamhaus-dbl'] });
  await listedFor(exporter, 'spamhaus-zen');
  await listedFor(exporter, 'spamhaus-dbl', 'bad.example.com');
  const put = async () =>
    samples(await exporter.metrics())
      .filter(({ name }) => name === 'deliverability_exporter_dns_queries_total')
      .map(({ labels, value }) => `${labels.outcome} ${value}`);
  // Its checks of DNS and the test before the confirmation may still be under way.
  let [known, before] = [-1, ''];
  await eventually('there is nothing to do', async () => {
    const [was, now] = [before, String(await put())];
    [known, before] = [lists.queries().length, now];
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return was === now;
  });
  for (let n = 0; n < 20; n++) await exporter.metrics();
  assert.equal(String(await put()), before);
  assert.equal(lists.queries().length, known);
});

test('more questions than an allowance is for: the server counts no more than that for all lists of the pool, killed or not', async (t) => {
  const storage = folder(t);
  const ips = Array.from({ length: 20 }, (_, n) => `192.0.2.${100 + n}`);
  const wanted = { lists: ['uceprotect-1', 'uceprotect-2', 'uceprotect-3'], ips, perDay: { uceprotect: 60 } };
  const since = asked(UCEPROTECT).length;
  for (let life = 0; life < 2; life++) {
    const exporter = await start(t, wanted, storage);
    if (life === 0)
      await eventually('the list is known', async () => (await health(exporter, 'uceprotect-1', 'healthy')) === 1);
    // What is new is asked about within as many seconds as there are targets.
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    await exporter.stop('SIGKILL');
  }
  // As many as may be asked at once: the rest of the day's comes evenly over the day.
  const count = asked(UCEPROTECT).length - since;
  assert.ok(count <= 30, `${count}`);
  assert.ok(count > 20, `${count}`);
});

test('killed and started again, a listing is there with the first scrape, and its list is asked for tests alone', async (t) => {
  const storage = folder(t);
  const wanted = { ...ALL, lists: ['spamhaus-zen'], domains: [] };
  const exporter = await start(t, wanted, storage);
  await listedFor(exporter, 'spamhaus-zen');
  await eventually('the clear one is known', async () => (await listed(exporter, 'spamhaus-zen', CLEAR)) === 0);
  // What was learnt is kept with the next tick.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await exporter.stop('SIGKILL');
  const since = asked('zen.spamhaus.org').length;
  await resolver.flush('zen.spamhaus.org');
  const again = await start(t, wanted, storage);
  assert.equal(await listed(again, 'spamhaus-zen', LISTED), 1);
  assert.equal(await listed(again, 'spamhaus-zen', CLEAR), 0);
  await eventually('the list is tested', async () => (await health(again, 'spamhaus-zen', 'healthy')) === 1);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const names = asked('zen.spamhaus.org')
    .slice(since)
    .map(({ name }) => name);
  assert.deepEqual([...new Set(names)].sort(), ['1.0.0.127.zen.spamhaus.org', '2.0.0.127.zen.spamhaus.org']);
  assert.equal(await listed(again, 'spamhaus-zen', LISTED), 1);
});

test('a listing is shown when it was asked for a second time, past the cache of the resolver on the way', async (t) => {
  await resolver.flush(PSBL);
  const since = asked(PSBL).length;
  const exporter = await start(t, { ...ALL, lists: ['psbl'], ips: [LISTED], domains: [] });
  await listedFor(exporter, 'psbl');
  const its = asked(PSBL)
    .slice(since)
    .filter((query) => query.name === questionOf(LISTED, PSBL) && query.type === 'A');
  assert.equal(its.length, 2, 'the list itself was asked twice');
});

test('who sends mail is looked up, addresses and domains, and no inner one', async (t) => {
  const exporter = await start(t, { lists: ['spamhaus-zen', 'spamhaus-dbl'], ips: [CLEAR] });
  const event = { sending_domain: 'bad.example.com', recipient_domain: 'example.net' };
  const inner = ['10.0.0.1', '127.0.0.1', '192.168.1.1', '::1', 'fd00::1'];
  await deliver(exporter, { ...event, sending_ip: LISTED }, ...inner.map((ip) => ({ ...event, sending_ip: ip })));
  await deliver(exporter, { sending_domain: 'mta1.local', recipient_domain: 'example.net' });
  await eventually('it is listed', async () => (await listed(exporter, 'spamhaus-zen', LISTED)) === 1, 60);
  const domain = async () => (await listed(exporter, 'spamhaus-dbl', 'bad.example.com')) === 1;
  await eventually('the domain is listed', domain, 60);
  const known = samples(await exporter.metrics()).filter(({ name }) => name === 'email_blocklist_verdict');
  assert.deepEqual(new Set(known.map(({ labels }) => labels.target)), new Set([CLEAR, LISTED, 'bad.example.com']));
  assert.equal(await exporter.metric('email_dns_check_passed', { check: 'spf', target: 'bad.example.com' }), 0);
});

test('a reload that fails half-way leaves all as it was, sources and what is looked up', async (t) => {
  const file = join(folder(t), 'exporter.yml');
  const write = (source: object, list: string) =>
    writeFileSync(
      file,
      JSON.stringify({ ...JSON.parse(configuration({ lists: [list], ips: [CLEAR] })), sources: { ...source } }),
    );
  write({ push: { auth: 'none' } }, 'psbl');
  const exporter = await startExporter(t, { flags: [`--config.file=${file}`], env: { LIST_KEY: KEY } });
  const lists = async () => [
    ...new Set(
      samples(await exporter.metrics())
        .filter(({ name }) => name === 'email_blocklist_health')
        .map(({ labels }) => labels.list),
    ),
  ];
  const post = async (name: string) => (await exporter.post(`/hooks/${name}`, '[]')).status;
  assert.deepEqual([await lists(), await post('push')], [['psbl'], 200]);
  // No system has names that are so long, which shows as the source begins.
  const log = { type: 'postfix', files: [`/${'x'.repeat(300)}`] };
  write({ other: { type: 'push', auth: 'none' }, log }, 'spamhaus-zen');
  const refused = await exporter.post('/-/reload', '');
  assert.equal(refused.status, 500);
  assert.match(await refused.text(), /the configuration in force stays:\n.*ENAMETOOLONG/);
  assert.deepEqual([await lists(), await post('push'), await post('other')], [['psbl'], 200, 404]);
  assert.equal(await exporter.metric('deliverability_exporter_config_last_reload_successful'), 0);
  write({ other: { type: 'push', auth: 'none' } }, 'spamhaus-zen');
  assert.equal((await exporter.post('/-/reload', '')).status, 200);
  assert.deepEqual([await lists(), await post('push'), await post('other')], [['spamhaus-zen'], 404, 200]);
});

test('of reloads at once one comes after the other: no log is followed twice', async (t) => {
  const directory = folder(t);
  const [file, log] = [join(directory, 'exporter.yml'), join(directory, 'mail.log')];
  const configure = (ip: string) => {
    const mta1 = { type: 'postfix', files: [log], sending_ip: ip };
    writeFileSync(file, JSON.stringify({ scrape_interval: '1ms', sources: { mta1 } }));
  };
  const at = new Date().toISOString();
  const line = (n: number) =>
    `${at} mx1 postfix/smtp[2]: ${(0x4f1a20000000 + n).toString(16).toUpperCase()}: to=<b@gmail.com>, relay=mx[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n`;
  const LINES = 30_000;
  writeFileSync(log, Array.from({ length: LINES }, (_, n) => line(n)).join(''));
  configure('192.0.2.1');
  const exporter = await startExporter(t, { flags: [`--config.file=${file}`] });
  configure('192.0.2.2');
  // While much is being read, which the first of them waits for.
  const all = await Promise.all(Array.from({ length: 5 }, () => exporter.post('/-/reload', '')));
  assert.ok(all.every(({ status }) => status === 200));
  const came = async () => (await exporter.metric('deliverability_exporter_events_total', { source: 'mta1' })) ?? 0;
  await eventually('all is read', async () => (await came()) >= LINES, 60);
  writeFileSync(log, line(LINES), { flag: 'a' });
  await eventually('the last line, too', async () => (await came()) > LINES);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(await came(), LINES + 1, 'neither counted nor met as a duplicate a second time');
});

let ids = 0;
async function deliver(exporter: Exporter, ...events: Record<string, string>[]): Promise<void> {
  const at = new Date().toISOString();
  const body = JSON.stringify(events.map((event) => ({ id: `id-${++ids}`, kind: 'delivered', at, ...event })));
  const response = await exporter.post('/api/v1/events', body);
  assert.equal(response.status, 200);
  assert.deepEqual(((await response.json()) as { problems: unknown[] }).problems, []);
}

const delivered = (exporter: Exporter, provider: string) => exporter.metric('email_delivered_total', { provider });
const byMx = (server: string) =>
  JSON.stringify({
    ...{ scrape_interval: '1ms', resolver: { servers: [server] }, providers_by_mx: true },
    sources: { push: { auth: 'none' } },
  });

test('a domain whose mail Google takes counts as google, the next time', async (t) => {
  const exporter = await startExporter(t, { config: byMx(resolver.address) });
  await deliver(exporter, { recipient_domain: 'customer.example.net' });
  await eventually('it counts as google', async () => {
    await deliver(exporter, { recipient_domain: 'customer.example.net' });
    await exporter.metrics();
    return ((await delivered(exporter, 'google')) ?? 0) > 0;
  });
  assert.ok((await delivered(exporter, 'other'))! >= 1);
});

test('mail is counted while the name server says nothing, and the end comes as quickly', async (t) => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  const exporter = await startExporter(t, { config: byMx(`127.0.0.1:${(silent.address() as AddressInfo).port}`) });
  for (let post = 0; post < 20; post++)
    await deliver(
      exporter,
      ...Array.from({ length: 50 }, (_, n) => ({ recipient_domain: `d${post * 50 + n}.example.net` })),
    );
  await eventually('all are shown', async () => (await delivered(exporter, 'other')) === 1000);
  assert.equal((await fetch(`${exporter.url}/-/ready`)).status, 200);
  await exporter.stop();
  assert.equal(exporter.process.exitCode, 0);
});
