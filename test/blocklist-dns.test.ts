/** Every way in which checkers of blocklists have lied, against a real rbldnsd behind a real unbound: each a test by its name. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import { BLOCKLISTS, type Choice, ChosenList, choose } from '../src/blocklist.ts';
import { type Ask, type Target, Unanswered, type World } from '../src/check.ts';
import { reach } from '../src/check-reach.ts';
import blocklistCheck from '../src/checks/blocklist.ts';
import type { BlocklistReading, Reading } from '../src/reading.ts';
import { Resolver, type ResolverOptions } from '../src/resolver.ts';
import { probe } from '../src/zone-health.ts';
import { type Rbldnsd, rbldnsd, type Unbound, type UnboundOptions, unbound, type Zone } from './dns.ts';

const KEY = 's3cr3tkey';
const LISTED = '192.0.2.10';
const CLEAN = '192.0.2.99';
const V6 = '2001:db8::a1';

const ip4 = (zone: string, text: string): Zone => ({ zone, type: 'ip4set', text });
/** As RFC 5782 wants a list to be: its test entry, and one address. */
const proper = (zone: string, code = '127.0.0.2', address = LISTED) =>
  ip4(zone, `:${code}:why $ is listed\n127.0.0.2\n${address}`);
const domains = (zone: string, text: string): Zone => ({ zone, type: 'dnset', text });
const everything = (zone: string, code: string): Zone => ({
  zone,
  type: 'ip4trie',
  text: `0.0.0.0/0 :${code}:resolver 198.51.100.7 is refused`,
});

const ZONES: readonly Zone[] = [
  // Two data sets on one zone: two A records in one answer.
  proper('zen.spamhaus.org', '127.0.0.2'),
  ip4(
    'zen.spamhaus.org',
    `127.0.0.2 :127.0.0.4:\n${LISTED} :127.0.0.9:\n192.0.2.11 :127.0.0.11:policy\n192.0.2.12 :127.0.0.77:`,
  ),
  { zone: 'zen.spamhaus.org', type: 'ip6trie', text: `${V6}/128 :127.0.0.3:snowshoe $` },
  proper(`${KEY}.combined.mail.abusix.zone`),
  {
    zone: `${KEY}.combined.mail.abusix.zone`,
    type: 'ip6trie',
    text: '::ffff:7f00:2/128 :127.0.0.2:\n2001:db8::a1/128 :127.0.0.3:',
  },
  domains(
    'dbl.spamhaus.org',
    '.dbltest.com :127.0.1.2:test\n.bad.example :127.0.1.4:phish\n127.0.0.2 :127.0.1.255:no IPs\n10.2.0.192 :127.0.1.255:no IPs',
  ),
  domains(
    'multi.surbl.org',
    'test.surbl.org :127.0.0.254:test\nbad.example :127.0.0.80:sum\nxn--bcher-kva.example :127.0.0.64:idn',
  ),
  domains('multi.uribl.com', '.com :127.0.0.1:198.51.100.7 is refused\n.example :127.0.0.1:198.51.100.7 is refused'),
  ip4('dnsbl.dronebl.org', ''),
  everything(`${KEY}.zen.dq.spamhaus.net`, '127.255.255.254'),
  everything('bl.spamcop.net', '203.0.113.9'),
  everything('dnsbl-1.uceprotect.net', '127.0.0.2'),
  ip4('dnsbl-2.uceprotect.net', ''),
  proper('psbl.surriel.com'),
  proper('bl.mailspike.net', '127.0.0.10'),
  proper('rep.mailspike.net', '127.0.0.20'),
  ip4('list.dnswl.org', '127.0.0.2 :127.0.10.0:\n192.0.2.10 :127.0.9.3:'),
  everything('score.senderscore.com', '127.255.255.255'),
  ip4('bl.score.senderscore.com', `192.0.2.10 :127.0.0.20:\n192.0.2.11 :127.0.0.1:`),
  ip4('hostkarma.junkemailfilter.com', `127.0.0.1 :127.0.0.1:\n127.0.0.2 :127.0.0.2:\n192.0.2.10 :127.0.0.1:`),
  proper('all.s5h.net'),
  proper('bl.blocklist.de', '127.0.0.14'),
];
/** Served elsewhere, or nowhere. */
const MISSING = { servfail: 'b.barracudacentral.org', silent: 'rbl.interserver.net', refused: 'bl.0spam.org' };

let server: Rbldnsd;
let resolving: Unbound;
let silence: Socket;
const resolvers: Resolver[] = [];
const unbounds: Unbound[] = [];

before(async () => {
  server = await rbldnsd(ZONES);
  silence = createSocket('udp4').bind(0, '127.0.0.1');
  await once(silence, 'listening');
  resolving = await startUnbound();
});

after(async () => {
  await Promise.all(resolvers.map((resolver) => resolver.close()));
  await Promise.all(unbounds.map((each) => each.stop()));
  await server?.stop();
  silence?.close();
  for (const close of ways) close();
});

async function startUnbound(options: UnboundOptions = {}): Promise<Unbound> {
  const zones = [...new Set(ZONES.map(({ zone }) => zone)), MISSING.servfail];
  const started = await unbound({
    ...options,
    stubs: {
      ...Object.fromEntries(zones.map((zone) => [zone, server.address])),
      [MISSING.silent]: `127.0.0.1:${(silence.address() as AddressInfo).port}`,
    },
  });
  unbounds.push(started);
  return started;
}

function askThrough(address: string, options: ResolverOptions = {}): Ask {
  const resolver = new Resolver({ servers: [address], ...options });
  resolvers.push(resolver);
  return resolver.ask;
}

const registered = (domain: string) => domain.split('.').slice(-2).join('.');
const CHOICE: Choice = { names: undefined, keys: { spamhaus_dqs: KEY, abusix: KEY }, registered };

function list(name: string): ChosenList {
  const facts = BLOCKLISTS.get(name);
  assert.ok(facts !== undefined && !('retired' in facts), name);
  return new ChosenList(name, facts, CHOICE);
}

function world(ask: Ask, told: string[] = []): World {
  const ways = reach(ask, 'refuse');
  return { ...ways, ask, signal: new AbortController().signal, now: Date.now, tell: (step) => told.push(step) };
}

const ip = (name: string): Target => ({ kind: 'ip', name });
const domain = (name: string): Target => ({ kind: 'domain', name });

async function readings(
  names: readonly string[],
  target: Target,
  ask = askThrough(resolving.address),
): Promise<Reading[]> {
  return await blocklistCheck(names.map(list)).run(target, world(ask));
}

/** What one list says of one target, its health probed before. */
async function reading(name: string, target: Target, ask?: Ask): Promise<BlocklistReading> {
  const [first] = await readings([name], target, ask);
  assert.ok(first?.kind === 'blocklist', name);
  return first;
}

const state = async (name: string, ask = askThrough(resolving.address)) => await probe(list(name), ask);
const healthy = { state: 'healthy', cause: '' };

test('a listing is one by a documented code, with its reason; a "no such name" of a healthy list is clear', async () => {
  assert.deepEqual(await state('psbl'), healthy);
  assert.deepEqual(await reading('psbl', ip(LISTED)), {
    kind: 'blocklist',
    list: 'psbl',
    target: LISTED,
    verdict: 'listed',
    codes: ['127.0.0.2'],
    meaning: 'spam trap',
    reason: `why ${LISTED} is listed`,
    cause: '',
  });
  const clear = await reading('psbl', ip(CLEAN));
  assert.deepEqual([clear.verdict, clear.codes, clear.cause], ['clear', [], '']);
});

test('any-A: an answer that the list does not document is no listing', async () => {
  const { verdict, codes } = await reading('spamhaus-zen', ip('192.0.2.12'));
  assert.deepEqual([verdict, codes], ['unknown_code', ['127.0.0.77']]);
});

test('any-A: praise by an allowlist or reputation service is no listing, and becomes a score', async () => {
  const [praise, score] = await readings(['mailspike-reputation'], ip(LISTED));
  assert.deepEqual(praise?.kind === 'blocklist' && praise.verdict, 'score');
  assert.deepEqual(score, { kind: 'reputation', service: 'mailspike-reputation', target: LISTED, score: 100 });
  const [known, trust] = await readings(['dnswl'], ip(LISTED));
  assert.deepEqual(known?.kind === 'blocklist' && [known.verdict, known.meaning], ['allow', 'trust high']);
  assert.deepEqual(trust, { kind: 'reputation', service: 'dnswl', target: LISTED, score: 100 });
  assert.deepEqual(await state('dnswl'), healthy);
  assert.equal((await reading('dnswl', ip(CLEAN))).verdict, 'info');
});

test('a policy entry (PBL) is told apart from a listing', async () => {
  const { verdict, meaning } = await reading('spamhaus-zen', ip('192.0.2.11'));
  assert.deepEqual([verdict, meaning], ['policy', 'PBL by Spamhaus']);
});

test('several A records: DROP is not hidden behind SBL', async () => {
  const { codes, meaning } = await reading('spamhaus-zen', ip(LISTED));
  assert.deepEqual([codes, meaning], [['127.0.0.2', '127.0.0.9'], 'DROP']);
});

test('127.255.255.254: a refusal of the resolver is no listing, and the list is refused, not dead', async () => {
  assert.deepEqual(await state('spamhaus-zen-dqs'), { state: 'refused', cause: 'public_resolver' });
  const { verdict, cause, reason } = await reading('spamhaus-zen-dqs', ip(LISTED));
  assert.deepEqual([verdict, cause, reason], ['refused', 'public_resolver', 'resolver 198.51.100.7 is refused']);
});

test('SERVFAIL is not clear', async () => {
  assert.deepEqual(await state('barracuda'), { state: 'unreachable', cause: 'servfail' });
  const { verdict, cause } = await reading('barracuda', ip(CLEAN));
  assert.deepEqual([verdict, cause], ['error', 'servfail']);
});

test('REFUSED is not clear', async () => {
  assert.deepEqual(await state('0spam'), { state: 'refused', cause: 'rcode' });
  const { verdict, cause } = await reading('0spam', ip(CLEAN));
  assert.deepEqual([verdict, cause], ['refused', 'rcode']);
});

test('a time-out (a lost, forged or endlessly late answer) is neither clear nor a listing', async () => {
  const impatient = { timeout: 50, tries: 2 };
  const direct = askThrough(`127.0.0.1:${(silence.address() as AddressInfo).port}`, impatient);
  for (const ask of [direct, askThrough(resolving.address, impatient)]) {
    assert.deepEqual(await state('interserver', ask), { state: 'unreachable', cause: 'timeout' });
    const { verdict, cause } = await reading('interserver', ip(CLEAN), ask);
    assert.deepEqual([verdict, cause], ['error', 'timeout']);
  }
});

test('a time-out of the question itself is an error, though the list was healthy a moment ago', async () => {
  const ask = askThrough(resolving.address);
  const late: Ask = (name, type, options) =>
    name.startsWith('99.') ? Promise.reject(new Unanswered('timeout', 'no answer')) : ask(name, type, options);
  const { verdict, cause } = await reading('psbl', ip(CLEAN), late);
  assert.deepEqual([verdict, cause], ['error', 'timeout']);
});

/**
 * A way to the real resolver on which datagrams are tampered with; `tamper` says what arrives, and `stranger` sends from an address
 * that was not asked. TCP goes through untouched, or not at all.
 */
async function way(
  tamper: (answer: Buffer, first: boolean) => { arrives: readonly Buffer[]; stranger?: Buffer },
  tcp = true,
): Promise<string> {
  const [host, port] = [resolving.address.split(':')[0]!, Number(resolving.address.split(':')[1])];
  const relay = createServer((near) => {
    const far = connect({ host, port }).on('error', () => near.destroy());
    near.on('error', () => far.destroy());
    if (tcp) near.pipe(far).pipe(near);
    else near.destroy();
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const socket = createSocket('udp4').bind((relay.address() as AddressInfo).port, '127.0.0.1');
  const stranger = createSocket('udp4').bind(0, '127.0.0.1');
  await Promise.all([once(socket, 'listening'), once(stranger, 'listening')]);
  const met = new Set<string>();
  socket.on('message', (question, from) => {
    const asking = createSocket('udp4');
    asking.once('message', (answer) => {
      asking.close();
      const key = question.toString('latin1', 12);
      const { arrives, stranger: strange } = tamper(answer, !met.has(key));
      met.add(key);
      if (strange) stranger.send(strange, from.port, from.address);
      for (const datagram of arrives) socket.send(datagram, from.port, from.address);
    });
    asking.send(question, port, host);
  });
  ways.push(() => {
    for (const each of [socket, stranger, relay]) each.close();
  });
  return `127.0.0.1:${(relay.address() as AddressInfo).port}`;
}
const ways: (() => void)[] = [];

/** The same datagram with some octets written over. */
const changed = (datagram: Buffer, change: (copy: Buffer) => void) => {
  const copy = Buffer.from(datagram);
  change(copy);
  return copy;
};

test('lost packets: asked again, and the verdict is what the list said', async () => {
  const ask = askThrough(await way((answer, first) => ({ arrives: first ? [] : [answer] })), { timeout: 100 });
  assert.deepEqual(await state('psbl', ask), healthy);
  assert.equal((await reading('psbl', ip(LISTED), ask)).verdict, 'listed');
  assert.equal((await reading('psbl', ip(CLEAN), ask)).verdict, 'clear');
});

test('forged packets: of another id, question or sender; the verdict is what the list said', async () => {
  // What a forger would like to be believed: the listed address is clear, the clear one listed.
  const lie = (answer: Buffer) => changed(answer, (copy) => (copy[3]! ^= 3));
  const address = await way((answer) => ({
    arrives: [
      changed(lie(answer), (copy) => copy.writeUInt16BE(copy.readUInt16BE() ^ 1)),
      // The first letter of the question.
      changed(lie(answer), (copy) => (copy[13]! ^= 1)),
      changed(lie(answer), (copy) => (copy[2]! &= 0x7f)),
      answer.subarray(0, 15),
      answer,
    ],
    stranger: lie(answer),
  }));
  const resolver = new Resolver({ servers: [address] });
  resolvers.push(resolver);
  assert.deepEqual(await state('psbl', resolver.ask), healthy);
  assert.equal((await reading('psbl', ip(LISTED), resolver.ask)).verdict, 'listed');
  assert.equal((await reading('psbl', ip(CLEAN), resolver.ask)).verdict, 'clear');
  assert.ok(resolver.stats.dropped.forged > 0 && resolver.stats.dropped.unexpected > 0);
});

test('truncated answers: fetched whole by TCP; and where that fails neither clear nor a listing', async () => {
  // As a server cuts them: the flag, and nothing of what was to be said.
  const cut = (answer: Buffer) => ({
    arrives: [changed(answer, (copy) => copy.fill(0, 6, 12).writeUInt8(copy[2]! | 2, 2))],
  });
  const whole = askThrough(await way(cut));
  assert.deepEqual(await state('psbl', whole), healthy);
  const { verdict, reason } = await reading('psbl', ip(LISTED), whole);
  assert.deepEqual([verdict, reason], ['listed', `why ${LISTED} is listed`]);
  assert.deepEqual((await reading('spamhaus-zen', ip(LISTED), whole)).codes, ['127.0.0.2', '127.0.0.9']);
  assert.equal((await reading('psbl', ip(CLEAN), whole)).verdict, 'clear');
  const half = askThrough(await way(cut, false), { timeout: 100, tries: 1 });
  for (const target of [LISTED, CLEAN])
    assert.equal((await reading('psbl', ip(target), half)).verdict, 'error', target);
  assert.equal((await state('psbl', half)).state, 'unreachable');
});

test('an alias that the resolver follows, as holders of a key at Spamhaus get it, is read at its end', async () => {
  const aliases = await unbound({
    local: [LISTED, CLEAN].map((address) => {
      const name = address.split('.').reverse().join('.');
      return `${name}.all.s5h.net. 60 IN CNAME ${name}.psbl.surriel.com.`;
    }),
  });
  unbounds.push(aliases);
  const following = await unbound({ stubs: { 'all.s5h.net': aliases.address, 'psbl.surriel.com': server.address } });
  unbounds.push(following);
  const ask = askThrough(following.address);
  const { records } = await ask(`10.2.0.192.all.s5h.net`, 'A');
  assert.deepEqual(
    records.map(({ type }) => type),
    ['CNAME', 'A'],
  );
  const verdicts = [LISTED, CLEAN].map(async (address) => {
    const [is] = await blocklistCheck([list('s5h')], () => healthyNow).run(ip(address), world(ask));
    return is?.kind === 'blocklist' && is.verdict;
  });
  assert.deepEqual(await Promise.all(verdicts), ['listed', 'clear']);
});

test('URIBL .1: the query was refused, whatever it was about', async () => {
  assert.deepEqual(await state('uribl'), { state: 'refused', cause: 'access_blocked' });
  const { verdict, cause, reason } = await reading('uribl', domain('shop.bad.example'));
  assert.deepEqual([verdict, cause, reason], ['refused', 'access_blocked', '198.51.100.7 is refused']);
});

test('SURBL .1: blocked access is no listing; and Hostkarma .1 is praise, RPBL .1 a botnet', async () => {
  await serve('multi.surbl.org', '.com :127.0.0.1:\n.org :127.0.0.1:\n.example :127.0.0.1:', async (ask) => {
    assert.deepEqual(await state('surbl', ask), { state: 'refused', cause: 'access_blocked' });
    assert.equal((await reading('surbl', domain('bad.example'), ask)).verdict, 'refused');
  });
  assert.deepEqual(await state('hostkarma'), healthy);
  assert.equal((await reading('hostkarma', ip(LISTED))).verdict, 'allow');
  const bot = await reading('validity-rpbl', ip('192.0.2.11'));
  assert.deepEqual([bot.verdict, bot.meaning], ['listed', 'botnet']);
});

test('parked: a wildcard outside 127.0.0.0/8 lists nobody', async () => {
  assert.deepEqual(await state('spamcop'), { state: 'parked', cause: 'foreign_address' });
  const { verdict, cause, codes } = await reading('spamcop', ip(LISTED));
  assert.deepEqual([verdict, cause, codes], ['error', 'parked', ['203.0.113.9']]);
});

test('wildcard: a list that ends by listing everybody in its usual code is not believed', async () => {
  assert.deepEqual(await state('uceprotect-1'), { state: 'wildcard', cause: 'lists_all' });
  const { verdict, cause } = await reading('uceprotect-1', ip(LISTED));
  assert.deepEqual([verdict, cause], ['error', 'zone_wildcard']);
});

test('Hostkarma, which answers 127.0.0.1 by design, is a wildcard when it answers all alike', async () => {
  for (const code of ['127.0.0.1', '127.0.0.2'])
    await serve('hostkarma.junkemailfilter.com', `0.0.0.0/1 :${code}:\n128.0.0.0/1 :${code}:`, async (ask) => {
      assert.notEqual((await state('hostkarma', ask)).state, 'healthy', code);
      assert.equal((await reading('hostkarma', ip(CLEAN), ask)).verdict, 'error', code);
    });
});

test('emptied: a list without its test entry is dead, and nobody is clear there', async () => {
  assert.deepEqual(await state('uceprotect-2'), { state: 'dead', cause: 'test_entry_gone' });
  const { verdict, cause } = await reading('uceprotect-2', ip(CLEAN));
  assert.deepEqual([verdict, cause], ['error', 'zone_dead']);
});

test('emptied while it is watched: clear before, unknown after', async () => {
  assert.equal((await reading('psbl', ip(CLEAN))).verdict, 'clear');
  await serve('psbl.surriel.com', '', async (ask) => {
    const { verdict, cause } = await reading('psbl', ip(CLEAN), ask);
    assert.deepEqual([verdict, cause], ['error', 'zone_dead']);
  });
  assert.equal((await reading('psbl', ip(CLEAN))).verdict, 'clear');
});

test('a list without a sure test entry is healthy as long as its zone is there', async () => {
  assert.deepEqual(await state('dronebl'), healthy);
  assert.equal((await reading('dronebl', ip(CLEAN))).verdict, 'clear');
  const gone = await startUnbound({ server: ['local-zone: "dnsbl.dronebl.org" always_nxdomain'] });
  assert.deepEqual(await state('dronebl', askThrough(gone.address)), { state: 'dead', cause: 'zone_gone' });
});

test('bit sums: 80 is malware and abuse, 20 a trap and a score; equality would see neither', async () => {
  const surbl = await reading('surbl', domain('www.bad.example'));
  assert.deepEqual([surbl.verdict, surbl.meaning, surbl.codes], ['listed', 'MW malware', ['127.0.0.80']]);
  const rpbl = await reading('validity-rpbl', ip(LISTED));
  assert.deepEqual([rpbl.verdict, rpbl.meaning], ['listed', 'pristine trap']);
});

test('IPv6 is asked in nibbles; a name of hextets, as others ask, is not there', async () => {
  const ask = askThrough(resolving.address);
  const { verdict, meaning } = await reading('spamhaus-zen', ip(V6), ask);
  assert.deepEqual([verdict, meaning], ['listed', 'CSS']);
  const name = `1.a.${'0.'.repeat(22)}8.b.d.0.1.0.0.2.zen.spamhaus.org`;
  assert.ok(server.queries().some((query) => query.name === name && query.type === 'A'));
  const hextets = await ask('00a1.0000.0000.0000.0000.0000.0db8.2001.zen.spamhaus.org', 'A');
  assert.equal(hextets.rcode, 'NXDOMAIN');
});

test('IPv6 test entries are asked as they are, not as the IPv4 address in them', async () => {
  assert.deepEqual(await state('abusix'), healthy);
  // rbldnsd finds IPv4 entries by such names, too: so what counts is what it was asked.
  const asked = server.queries().map(({ name }) => name);
  for (const nibble of ['2', '1'])
    assert.ok(asked.includes(`${nibble}.0.0.0.0.0.f.7.f.f.f.f.${'0.'.repeat(20)}${KEY}.combined.mail.abusix.zone`));
});

test('an IPv4 address in IPv6 clothes is found, in a list without IPv6, too', async () => {
  assert.equal((await reading('psbl', ip(`::ffff:${LISTED}`))).verdict, 'listed');
});

test('IPv6 at a list of IPv4 alone is unsupported, not clear, and not asked', async () => {
  const asked = server.queries().length;
  assert.equal((await reading('psbl', ip('2001:db8::1'))).verdict, 'unsupported');
  assert.equal(server.queries().length, asked);
});

test('an address is not asked of a list of domains, nor a domain of a list of addresses', async () => {
  const asked = server.queries().length;
  assert.deepEqual(await readings(['spamhaus-dbl', 'surbl'], ip(LISTED)), []);
  assert.deepEqual(await readings(['psbl', 'spamhaus-zen'], domain('bad.example')), []);
  // As a domain, an address is no target at all.
  assert.deepEqual(await readings(['spamhaus-dbl'], domain(LISTED)), []);
  assert.equal(server.queries().length, asked);
});

test('DBL 127.0.1.255, the answer to an address, is no listing', async () => {
  const dbl = list('spamhaus-dbl');
  const ask = askThrough(resolving.address);
  const misled = Object.assign(Object.create(dbl) as ChosenList, {
    question: () => `10.2.0.192.${dbl.list.zone}`,
    list: dbl.list,
  });
  misled.mask = (text) => text;
  misled.ask = (...args) => dbl.ask(...args);
  const [is] = await blocklistCheck([misled], () => healthyNow).run(domain('bad.example'), world(ask));
  assert.deepEqual(is?.kind === 'blocklist' && [is.verdict, is.cause, is.codes], [
    'refused',
    'ip_question',
    ['127.0.1.255'],
  ]);
});

const healthyNow = { state: 'healthy', cause: '' } as const;

test('domains: DBL by the whole name, SURBL by the registered one, in A-labels', async () => {
  assert.deepEqual(await state('spamhaus-dbl'), healthy);
  assert.deepEqual(await state('surbl'), healthy);
  const dbl = await reading('spamhaus-dbl', domain('login.shop.bad.example'));
  assert.deepEqual([dbl.verdict, dbl.meaning], ['listed', 'phish domain']);
  assert.equal((await reading('surbl', domain('news.bücher.example'))).verdict, 'listed');
  assert.equal((await reading('surbl', domain('good.example'))).verdict, 'clear');
});

test('Sender Score 255: the refusal of those who are not registered is no score', async () => {
  assert.deepEqual(await state('sender-score'), { state: 'refused', cause: 'unregistered' });
  const all = await readings(['sender-score'], ip(LISTED));
  assert.deepEqual(
    all.map(({ kind }) => kind),
    ['blocklist'],
  );
  assert.deepEqual(all[0]?.kind === 'blocklist' && [all[0].verdict, all[0].cause], ['refused', 'unregistered']);
  await serve('score.senderscore.com', `192.0.2.10 :127.0.4.97:`, async (ask) => {
    const [verdict, score] = await readings(['sender-score'], ip(LISTED), ask);
    assert.equal(verdict?.kind === 'blocklist' && verdict.verdict, 'score');
    assert.deepEqual(score, { kind: 'reputation', service: 'sender-score', target: LISTED, score: 97 });
    const unknown = await readings(['sender-score'], ip(CLEAN), ask);
    assert.deepEqual(
      unknown.map((each) => each.kind === 'blocklist' && [each.verdict, each.meaning]),
      [['info', 'no_data']],
    );
  });
});

test('a resolver that rewrites "no such name" is found out, and lists nobody', async () => {
  const rewriting = await startUnbound({
    local: ['1.0.0.127.psbl.surriel.com. 60 IN A 198.51.100.7', '99.2.0.192.psbl.surriel.com. 60 IN A 198.51.100.7'],
  });
  const ask = askThrough(rewriting.address);
  assert.deepEqual(await state('psbl', ask), { state: 'interfered', cause: 'nxdomain_rewritten' });
  const { verdict, cause } = await reading('psbl', ip(CLEAN), ask);
  assert.deepEqual([verdict, cause], ['error', 'parked']);
  assert.equal((await reading('psbl', ip(LISTED), ask)).cause, 'zone_interfered');
});

test('a resolver that hides a list is told from a list that ended, by a second one', async () => {
  const hiding = await startUnbound({ server: ['local-zone: "all.s5h.net" always_nxdomain'] });
  const ask = askThrough(hiding.address);
  const second = askThrough(resolving.address);
  assert.deepEqual(await state('s5h', ask), { state: 'dead', cause: 'test_entry_gone' });
  assert.deepEqual(await probe(list('s5h'), ask, { second }), {
    state: 'interfered',
    cause: 'dead_here_healthy_there',
  });
  assert.deepEqual(await probe(list('uceprotect-2'), ask, { second }), { state: 'dead', cause: 'test_entry_gone' });
  // The other resolver's troubles are its own.
  assert.deepEqual(await probe(list('s5h'), second, { second: ask }), healthy);
});

test('a sinkhole that answers 0.0.0.0 or 127.0.0.1 for a whole list lists nobody', async () => {
  for (const address of ['0.0.0.0', '127.0.0.1']) {
    const sinkhole = await startUnbound({
      server: ['local-zone: "bl.mailspike.net" redirect'],
      local: [`bl.mailspike.net. 60 IN A ${address}`],
    });
    const ask = askThrough(sinkhole.address);
    assert.ok(['parked', 'wildcard'].includes((await state('mailspike', ask)).state), address);
    assert.equal((await reading('mailspike', ip(LISTED), ask)).verdict, 'error', address);
  }
});

test('a CNAME that nobody followed is neither clear nor a listing', async () => {
  const stopping = await startUnbound({ local: [`99.2.0.192.psbl.surriel.com. 60 IN CNAME nobody.psbl.surriel.com.`] });
  const { verdict, cause } = await reading('psbl', ip(CLEAN), askThrough(stopping.address));
  assert.deepEqual([verdict, cause], ['error', 'cname']);
});

test('TXT is asked at the name of the A question, for listings alone; its failure leaves the verdict', async () => {
  const ask = askThrough(resolving.address);
  const before = server.queries().length;
  await reading('blocklist-de', ip(LISTED), ask);
  await reading('blocklist-de', ip(CLEAN), ask);
  const texts = server
    .queries()
    .slice(before)
    .filter(({ type }) => type === 'TXT');
  assert.deepEqual(
    texts.map(({ name }) => name),
    [`10.2.0.192.bl.blocklist.de`],
  );
  const mute: Ask = (name, type, options) =>
    type === 'TXT' ? Promise.reject(new Unanswered('timeout', 'no answer')) : ask(name, type, options);
  const { verdict, reason } = await reading('blocklist-de', ip(LISTED), mute);
  assert.deepEqual([verdict, reason], ['listed', '']);
});

test('double counting: of ZEN and its parts, one is asked', async () => {
  const { chosen } = choose({
    ...CHOICE,
    keys: {},
    names: ['cbl', 'spamhaus-zen', 'spamhaus-sbl', 'spamhaus-xbl', 'spamhaus-pbl'],
  });
  const all = await blocklistCheck(chosen).run(ip(LISTED), world(askThrough(resolving.address)));
  assert.deepEqual(
    all.map((each) => each.kind === 'blocklist' && each.list),
    ['spamhaus-zen'],
  );
});

test('a key reaches the list, and no reading, step or error', async () => {
  const told: string[] = [];
  const chosen = [list('abusix'), list('spamhaus-zen-dqs')];
  const all = [];
  for (const ask of [askThrough(resolving.address), askThrough('127.0.0.1:9', { timeout: 50, tries: 1 })])
    all.push(await blocklistCheck(chosen).run(ip(LISTED), world(ask, told)));
  assert.ok(server.queries().some(({ name }) => name.includes(KEY)));
  assert.ok(told.some((step) => step.includes('{key}.combined.mail.abusix.zone')));
  assert.doesNotMatch(inspect([all, told, chosen], { depth: 20, showHidden: true }), new RegExp(KEY));
});

test('what was asked, what came and how it was judged is told in words', async () => {
  const told: string[] = [];
  await blocklistCheck([list('uceprotect-1'), list('psbl')]).run(
    ip(LISTED),
    world(askThrough(resolving.address), told),
  );
  assert.deepEqual(told.sort(), [
    'psbl: 10.2.0.192.psbl.surriel.com A? NOERROR 127.0.0.2; list is healthy: listed spam trap',
    'psbl: 10.2.0.192.psbl.surriel.com TXT? why 192.0.2.10 is listed',
    'uceprotect-1: 10.2.0.192.dnsbl-1.uceprotect.net A? NOERROR 127.0.0.2; list is wildcard: error zone_wildcard',
    'uceprotect-1: test entries say wildcard lists_all',
  ]);
});

/** Other data for a zone while `during` runs, behind a resolver that has not seen the old. */
async function serve(zone: string, text: string, during: (ask: Ask) => Promise<void>): Promise<void> {
  const index = ZONES.findIndex((each) => each.zone === zone);
  await server.replace(index, text);
  await resolving.flush(zone);
  try {
    await during(askThrough(resolving.address));
  } finally {
    await server.replace(index, ZONES[index]!.text);
    await resolving.flush(zone);
  }
}
