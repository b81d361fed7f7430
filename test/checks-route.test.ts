/** `GET /checks/…` of the running program, whose resolver is a real unbound before a real rbldnsd: what it answers to whom. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import bcrypt from 'bcryptjs';
import { type Rbldnsd, rbldnsd, type Unbound, unbound, type Zone } from './dns.ts';
import { type Exporter, eventually, folder, startExporter } from './exporter.ts';

const KEY = 's3cr3tkey';
const LISTED = '192.0.2.10';
const STRANGE = '192.0.2.12';
const CLEAN = '192.0.2.99';
const INCLUDES = ['a', 'b', 'c', 'd'];

const ZONES: readonly Zone[] = [
  {
    zone: 'psbl.surriel.com',
    type: 'ip4set',
    text: `:127.0.0.2:why $ is listed\n127.0.0.2\n${LISTED}\n${STRANGE} :127.0.0.77:`,
  },
  { zone: 'dbl.spamhaus.org', type: 'dnset', text: 'dbltest.com :127.0.1.2:\n.example.net :127.0.1.4:' },
  { zone: `${KEY}.zen.dq.spamhaus.net`, type: 'ip4trie', text: `0.0.0.0/0 :127.255.255.251:${KEY} is not known` },
];
const RECORDS = [
  `example.com. 60 IN TXT "v=spf1 ${INCLUDES.map((name) => `include:${name}.example.com`).join(' ')} -all"`,
  ...INCLUDES.map((name) => `${name}.example.com. 60 IN TXT "v=spf1 ip4:192.0.2.10 -all"`),
  'example.org. 60 IN TXT "v=spf1 ip5:192.0.2.10 -all"',
  's1._domainkey.example.com. 60 IN TXT "v=DKIM1; p="',
  'example.net. 60 IN MX 10 mx.example.net.',
  'mx.example.net. 60 IN A 127.0.0.1',
  '_mta-sts.example.net. 60 IN TXT "v=STSv1; id=1"',
  'mta-sts.example.net. 60 IN A 169.254.169.254',
];

let lists: Rbldnsd;
let dns: Unbound;
let relay: Relay;

before(async () => {
  lists = await rbldnsd(ZONES);
  dns = await unbound({
    stubs: Object.fromEntries(ZONES.map(({ zone }) => [zone, lists.address])),
    local: RECORDS,
    server: ['com', 'net', 'org'].map((zone) => `local-zone: "${zone}." static`),
  });
  relay = await Relay.before(dns.address);
});

after(async () => {
  relay?.close();
  await dns?.stop();
  await lists?.stop();
});

/** Hands questions on to a name server, or keeps them back until they are released. */
class Relay {
  readonly address: string;
  /** Names that were asked for, in order. */
  readonly asked: string[] = [];
  keeps: (name: string) => boolean = () => false;
  private readonly kept: (() => void)[] = [];
  private readonly socket: Socket;

  private constructor(socket: Socket, server: string) {
    this.socket = socket;
    this.address = `127.0.0.1:${(socket.address() as AddressInfo).port}`;
    const port = Number(server.split(':')[1]);
    socket.on('message', (question, { port: from }) => {
      const name = nameIn(question);
      this.asked.push(name);
      const hand = () => {
        const way = createSocket('udp4').unref();
        way.once('message', (answer) => {
          this.socket.send(answer, from, '127.0.0.1');
          way.close();
        });
        way.send(question, port, '127.0.0.1');
      };
      if (this.keeps(name)) this.kept.push(hand);
      else hand();
    });
  }

  static async before(server: string): Promise<Relay> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Relay(socket, server);
  }

  release(): void {
    this.keeps = () => false;
    for (const hand of this.kept.splice(0)) hand();
  }

  forget(): void {
    this.keeps = () => false;
    this.kept.length = 0;
  }

  close(): void {
    this.socket.close();
  }
}

function nameIn(message: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; message[at]! > 0; at += message[at]! + 1)
    labels.push(message.toString('latin1', at + 1, at + 1 + message[at]!).toLowerCase());
  return labels.join('.');
}

const CHECKS = () => `resolver: { servers: ['${relay.address}'] }
checks:
  from_events: false
  domains: [{ name: example.com, selectors: [s1] }]
  skip: [bimi, dkim, dmarc, fcrdns, mta-sts, mx, mx-certificate, spf, tls-rpt]
  blocklists:
    lists: [psbl, spamhaus-dbl, spamhaus-zen-dqs]
    keys: { spamhaus_dqs: { env: KEY } }
`;

/** With its lists tested already. */
async function start(t: TestContext, flags: string[] = []): Promise<Exporter> {
  const exporter = await startExporter(t, { config: CHECKS(), env: { KEY }, flags });
  if (flags.length === 0)
    await eventually(
      'all lists are tested',
      async () => (await exporter.metric('email_blocklist_health', { state: 'unknown' })) === 0,
    );
  return exporter;
}

interface Answered {
  status: number;
  text: string;
  headers: Headers;
}

async function get({ url }: Exporter, path: string, headers: Record<string, string> = {}): Promise<Answered> {
  const response = await fetch(url + path, { headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

test('a line a reading: list, target, verdict, meaning, and how old the knowledge of the list is', async (t) => {
  const exporter = await start(t);
  const { status, text, headers } = await get(exporter, `/checks/blocklist?target=${LISTED}`);
  assert.equal(status, 200);
  assert.match(headers.get('content-type')!, /^text\/plain/);
  const [psbl, zen, gap, what, ...advice] = text.split('\n');
  assert.match(
    psbl!,
    /^psbl +192\.0\.2\.10 {2}listed +spam trap \(127\.0\.0\.2\); it says: why 192\.0\.2\.10 is listed +list healthy, tested \d+ s ago$/,
  );
  assert.match(
    zen!,
    /^spamhaus-zen-dqs {2}192\.0\.2\.10 {2}refused {2}key_rejected 127\.255\.255\.251; it says: \{key\} is not known {2}list refused, tested \d+ s ago$/,
  );
  assert.deepEqual([gap, what], ['', 'what to do']);
  assert.match(advice.join('\n'), /^psbl +Find and end the cause first.*https:\/\/psbl\.org/m);
  assert.match(advice.join('\n'), /^spamhaus-zen-dqs key_rejected +The key is not valid/m);

  const clean = await get(exporter, `/checks/blocklist?target=${CLEAN}`);
  assert.match(clean.text, /^psbl +192\.0\.2\.99 {2}clear +- +list healthy/m);
  const strange = await get(exporter, `/checks/blocklist?target=${STRANGE}`);
  assert.match(strange.text, /^psbl +192\.0\.2\.12 {2}unknown_code {2}127\.0\.0\.77: a code that is not documented/m);
  const domain = await get(exporter, '/checks/blocklist?target=Shop.Example.NET');
  assert.match(
    domain.text,
    /^spamhaus-dbl {2}shop\.example\.net {2}listed {2}phish domain \(127\.0\.1\.4\) {2}list healthy/,
  );
  const six = await get(exporter, '/checks/blocklist?target=2001:db8::1');
  assert.match(six.text, /^psbl +2001:db8::1 {2}unsupported {2}holds no IPv6 addresses +list healthy/m);
});

test('checks of DNS, the selectors of the configuration, and what cannot be found out', async (t) => {
  const exporter = await start(t);
  const failed = await get(exporter, '/checks/spf?target=example.org');
  assert.match(failed.text, /^spf {2}example\.org {2}failed {2}syntax_error: example\.org: .*ip5/);
  assert.match(failed.text, /\n\nwhat to do\nspf syntax_error {2}Correct the term/);
  assert.equal((await get(exporter, '/checks/spf?target=example.com')).text, 'spf  example.com  passed  -\n');
  assert.match(
    (await get(exporter, '/checks/dkim?target=example.com')).text,
    /^dkim {2}example\.com {2}failed {2}revoked: s1\._domainkey/,
  );
  assert.match(
    (await get(exporter, '/checks/dkim?target=example.org')).text,
    /^dkim {2}example\.org {2}skipped {2}no selectors/,
  );
  // Nothing is known of other names here: unbound refuses.
  const unknown = await get(exporter, '/checks/spf?target=example.co.uk');
  assert.equal(unknown.status, 200);
  assert.match(unknown.text, /^spf {2}example\.co\.uk {2}unknown {2}TXT example\.co\.uk: .* answered REFUSED/);
});

test('debug=true: what was asked, what came back, how it was judged', async (t) => {
  const exporter = await start(t);
  const { text } = await get(exporter, `/checks/blocklist?target=${LISTED}&debug=true`);
  assert.match(text, /\n\nsteps\n/);
  assert.match(
    text,
    /^psbl: 10\.2\.0\.192\.psbl\.surriel\.com A\? NOERROR 127\.0\.0\.2; list is healthy: listed spam trap$/m,
  );
  assert.match(text, /^spamhaus-zen-dqs: 10\.2\.0\.192\.\{key\}\.zen\.dq\.spamhaus\.net A\? /m);
  const spf = await get(exporter, '/checks/spf?target=example.org&debug=true');
  assert.match(spf.text, /^TXT example\.org: NOERROR from 127\.0\.0\.1:\d+ "v=spf1 ip5:192\.0\.2\.10 -all"$/m);
  assert.match(spf.text, /^problem syntax_error: /m);
  assert.doesNotMatch((await get(exporter, '/checks/spf?target=example.org&debug=false')).text, /steps/);
});

test('JSON for programs', async (t) => {
  const exporter = await start(t);
  const json = async (path: string) => JSON.parse((await get(exporter, path, { accept: 'application/json' })).text);
  const { check, target, readings, steps } = await json(`/checks/blocklist?target=${LISTED}&debug=true`);
  assert.deepEqual([check, target, readings.length], ['blocklist', LISTED, 2]);
  const [{ health, advice, ...psbl }] = readings;
  assert.deepEqual(psbl, {
    ...{ kind: 'blocklist', list: 'psbl', target: LISTED, verdict: 'listed', codes: ['127.0.0.2'] },
    ...{ meaning: 'spam trap', reason: `why ${LISTED} is listed`, cause: '' },
  });
  assert.deepEqual([health.state, health.cause, typeof health.age_seconds], ['healthy', '', 'number']);
  assert.match(advice.psbl, /psbl\.org/);
  assert.ok(steps.some((step: string) => step.includes('list is healthy: listed')));
  const spf = await json('/checks/spf?target=example.org');
  assert.deepEqual([spf.readings[0].problems, spf.steps], [['syntax_error'], undefined]);
  assert.match(spf.readings[0].why.syntax_error, /ip5/);
  assert.deepEqual(
    await json('/checks/spf?target=example.co.uk').then(({ readings, unknown }) => [readings, unknown.cause]),
    [[], 'unreachable'],
  );
  const index = await json('/checks');
  assert.equal(index.configured, true);
  assert.deepEqual(index.checks.find(({ name }: { name: string }) => name === 'fcrdns').targets, ['ip']);
});

test('the DNS leads nobody into an inner network', async (t) => {
  const exporter = await start(t);
  const inner = (check: string) => get(exporter, `/checks/${check}?target=example.net`);
  assert.match(
    (await inner('mx-certificate')).text,
    /^mx-certificate {2}example\.net {2}unknown {2}mx\.example\.net \(127\.0\.0\.1\), port 25: 127\.0\.0\.1 is the machine itself, so nothing is connected to it/,
  );
  assert.match(
    (await inner('mta-sts')).text,
    /^mta-sts {2}example\.net {2}unknown {2}169\.254\.169\.254 is a link-local/,
  );
  const { text } = await get(exporter, '/checks/mta-sts?target=example.net', { accept: 'application/json' });
  assert.equal(JSON.parse(text).unknown.cause, 'inner_address');
  const open = `${CHECKS().replace('checks:', 'checks:\n  private_addresses: allow')}`;
  const bold = await startExporter(t, { config: open, env: { KEY } });
  const told = (await get(bold, '/checks/mx-certificate?target=example.net')).text;
  assert.match(told, /unknown {2}mx\.example\.net \(127\.0\.0\.1\), port 25: /);
  assert.doesNotMatch(told, /nothing is connected/);
});

test('a list whose allowance is used up is not asked, which is no error of it', async (t) => {
  const config = CHECKS().replace('  blocklists:', '  blocklists:\n    per_day: { psbl: 50 }');
  const exporter = await startExporter(t, { config, env: { KEY } });
  await eventually(
    'the list is tested',
    async () => (await exporter.metric('email_blocklist_health', { list: 'psbl', state: 'healthy' })) === 1,
  );
  const ask = (n: number, accept = 'text/plain') =>
    get(exporter, `/checks/blocklist?target=192.0.2.${100 + n}`, { accept });
  let told = '';
  for (let n = 0; n < 40 && !told.includes('not asked'); n++) told = (await ask(n)).text;
  assert.match(
    told,
    /^psbl +192\.0\.2\.\d+ {2}not asked {2}the allowance of the list is used up for now: see docs\/checks\.md#allowances$/m,
  );
  const { readings, unasked } = JSON.parse((await ask(50, 'application/json')).text);
  assert.deepEqual(unasked, [{ list: 'psbl', cause: 'allowance' }]);
  assert.ok(readings.every(({ list }: { list: string }) => list !== 'psbl'));
});

test('the first page leads to the checks, and says which lists answer', async (t) => {
  const exporter = await start(t);
  const { text } = await get(exporter, '/');
  assert.match(text, /<a href="\/checks">/);
  assert.match(text, /<form action="\/checks\/blocklist">[\s\S]*<input name="target"/);
  assert.match(text, /<td>psbl<\/td><td>healthy<\/td><td>\d+ s ago<\/td>/);
  assert.match(text, /<td>spamhaus-zen-dqs<\/td><td>refused key_rejected<\/td>/);
  const without = await startExporter(t);
  assert.doesNotMatch((await get(without, '/')).text, /href="\/checks"/);
});

test('a key is in nothing that is told', async (t) => {
  const exporter = await start(t);
  for (const accept of ['text/plain', 'application/json'])
    for (const target of [LISTED, `${KEY}.example.com`]) {
      const { text, status } = await get(exporter, `/checks/blocklist?target=${target}&debug=true`, { accept });
      assert.equal(status, 200);
      assert.ok(!text.replaceAll(target, '').toLowerCase().includes(KEY), text);
    }
  assert.ok(lists.queries().some(({ name }) => name === `10.2.0.192.${KEY}.zen.dq.spamhaus.net`));
});

test('what cannot be asked is refused with a word on what can', async (t) => {
  const exporter = await start(t);
  const refusals: [path: string, status: number, says: RegExp][] = [
    [
      '/checks/sfp?target=example.com',
      404,
      /^there is no check of this name; the checks are bimi, blocklist, .*tls-rpt\n$/,
    ],
    ['/checks/constructor?target=example.com', 404, /no check of this name/],
    ['/checks/spf', 400, /^say about what: \?target= and one IP address/],
    ['/checks/spf?target=', 400, /^say about what/],
    ['/checks/spf?target=example.com&target=example.org', 400, /^say about what/],
    ['/checks/spf?target=example', 400, /^"example" is no target: name an IP address/],
    ['/checks/spf?target=%0d%0aexample..com', 400, /is no target/],
    [`/checks/spf?target=${'a'.repeat(5000)}`, 400, /is no target/],
    ['/checks/spf?target=192.0.2.10', 400, /^spf is asked about one domain; 192\.0\.2\.10 is an IP address\n$/],
    ['/checks/fcrdns?target=example.com', 400, /^fcrdns is asked about one IP address; example\.com is a domain\n$/],
    ['/checks/blocklist?target=10.1.2.3', 400, /^10\.1\.2\.3 is no public address/],
    ['/checks/blocklist?target=127.0.0.2', 400, /is no public address/],
    ['/checks/blocklist?target=fd00::1', 400, /is no public address/],
    ['/checks/blocklist?target=::ffff:192.168.0.1', 400, /is no public address/],
    ['/checks/mta-sts?target=vault.internal', 400, /^vault\.internal is no public name/],
    ['/checks/mta-sts?target=1.0.0.127.in-addr.arpa', 400, /is no public name/],
  ];
  const before = relay.asked.length;
  for (const [path, status, says] of refusals) {
    const { status: was, text } = await get(exporter, path);
    assert.equal(was, status, path);
    assert.match(text, says, path);
  }
  assert.equal(relay.asked.length, before, 'nothing was asked');
  const index = await get(exporter, '/checks');
  assert.match(index.text, /^\/checks\/blocklist\?target= +ip, domain {2}Whether blocklists hold/m);
  assert.doesNotMatch(index.text, /nothing is looked up/);
});

test('without `checks` in the configuration: how to have them', async (t) => {
  const exporter = await startExporter(t);
  const { status, text } = await get(exporter, `/checks/blocklist?target=${LISTED}`);
  assert.equal(status, 503);
  assert.match(
    text,
    /^nothing is looked up here: the configuration has no `checks`; `checks: \{\}` takes the defaults/,
  );
  const index = await get(exporter, '/checks');
  assert.deepEqual([index.status, /\n\nnothing is looked up here/.test(index.text)], [200, true]);
});

test('they are behind the gate, as the metrics are', async (t) => {
  const file = join(folder(t), 'web.yml');
  writeFileSync(file, `basic_auth_users: { sre: '${bcrypt.hashSync('open sesame', 4)}' }`);
  const exporter = await start(t, [`--web.config.file=${file}`]);
  for (const path of [
    '/checks',
    '/checks/',
    '/checks/spf?target=example.com',
    '/checks/none',
    '/Checks/spf?target=example.com',
  ])
    assert.equal((await get(exporter, path)).status, 401, path);
  const authorization = `Basic ${Buffer.from('sre:open sesame').toString('base64')}`;
  assert.equal((await get(exporter, '/checks/spf?target=example.com', { authorization })).status, 200);
});

/** A request that is left to itself; `hangUp` ends it. */
function leave({ url }: Exporter, path: string): { hangUp(): void; answered: Promise<string> } {
  const asking = request(url + path);
  const { promise: answered, resolve } = Promise.withResolvers<string>();
  asking.on('error', () => resolve('hung up'));
  asking.on('response', (response) => {
    response.resume();
    resolve(String(response.statusCode));
  });
  asking.end();
  return { hangUp: () => asking.destroy(), answered };
}

test('one at a time for each target, and few at once', async (t) => {
  const exporter = await start(t);
  relay.keeps = (name) => /^t\d\.example\.com$/.test(name);
  t.after(() => relay.forget());
  const under = (name: string) => eventually(`${name} is under way`, () => relay.asked.includes(name));
  const first = leave(exporter, '/checks/spf?target=t1.example.com');
  await under('t1.example.com');
  const again = await get(exporter, '/checks/mx?target=t1.example.com');
  assert.deepEqual([again.status, again.headers.get('retry-after')], [429, '5']);
  assert.match(again.text, /^t1\.example\.com is being asked about already/);
  assert.equal((await get(exporter, '/checks/spf?target=example.org')).status, 200);
  const others = [2, 3, 4].map((n) => leave(exporter, `/checks/spf?target=t${n}.example.com`));
  for (const n of [2, 3, 4]) await under(`t${n}.example.com`);
  const fifth = await get(exporter, '/checks/spf?target=t5.example.com');
  assert.deepEqual([fifth.status, fifth.headers.get('retry-after')], [429, '5']);
  assert.match(fifth.text, /^4 targets are being asked about already/);
  relay.release();
  assert.deepEqual(await Promise.all([first, ...others].map(({ answered }) => answered)), ['200', '200', '200', '200']);
  assert.equal((await get(exporter, '/checks/spf?target=t1.example.com')).status, 200);
});

test('when a client hangs up, nothing more is asked', async (t) => {
  const exporter = await start(t);
  const before = relay.asked.length;
  relay.keeps = (name) => name === 'example.com';
  t.after(() => relay.forget());
  const asking = leave(exporter, '/checks/spf?target=example.com');
  await eventually('the first question comes', () => relay.asked.length > before);
  asking.hangUp();
  assert.equal(await asking.answered, 'hung up');
  // Long before the name server says anything, or anybody's patience ends.
  await eventually(
    'the target is free',
    async () => (await get(exporter, '/checks/mx-certificate?target=example.com')).status !== 429,
    5,
  );
  relay.release();
  const includes = relay.asked.slice(before).filter((name) => INCLUDES.some((each) => name === `${each}.example.com`));
  assert.deepEqual(includes, []);
  const whole = await get(exporter, '/checks/spf?target=example.com');
  assert.match(whole.text, /passed/);
  assert.ok(relay.asked.includes('d.example.com'));
});

test('a resolver that is silent is unknown after a while, and holds nothing else up', async (t) => {
  const exporter = await start(t);
  relay.keeps = (name) => name.endsWith('example.com');
  t.after(() => relay.forget());
  const asking = get(exporter, '/checks/spf?target=silent.example.com');
  await eventually('the question comes', () => relay.asked.includes('silent.example.com'));
  assert.match(await exporter.metrics(), /^deliverability_exporter_build_info/m);
  const { status, text } = await asking;
  assert.equal(status, 200);
  assert.match(text, /^spf {2}silent\.example\.com {2}unknown {2}no name server answered about TXT: .* timed out/);
});
