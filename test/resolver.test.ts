/** The resolver against a real rbldnsd, a real unbound, and a name server that lies, stutters and keeps silent. */
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { getEventListeners, once } from 'node:events';
import { createServer, type Socket as Stream } from 'node:net';
import { mock, type TestContext, test } from 'node:test';
import { Packet, type Resource } from 'dns2';
import fc from 'fast-check';
import { type DnsAnswer, type RecordType, Unanswered } from '../src/check.ts';
import { queryFor, read } from '../src/dns-message.ts';
import { Resolver, type ResolverOptions } from '../src/resolver.ts';
import { freePorts } from '../stack/processes.ts';
import { rbldnsd, unbound } from './dns.ts';
import { eventually } from './exporter.ts';

const NAME = '10.2.0.192.bl.example.net';
/** As lists have it; without, a "no" is not to be kept. */
const SOA = '$SOA 60 ns.example.net hostmaster.example.net 0 600 300 86400 60\n';
/** Short enough for a test, long enough for a busy machine to answer in when it is meant to. */
const IMPATIENT = { timeout: 400, deadline: 5000 };
/** Where nothing is meant to be lost. */
const PATIENT = { timeout: 10_000, deadline: 30_000, tcpTimeout: 10_000 };

function resolverFor(t: TestContext, servers: string | readonly string[], options: ResolverOptions = {}): Resolver {
  const resolver = new Resolver({ servers: [servers].flat(), ...PATIENT, ...options });
  t.after(() => resolver.close());
  return resolver;
}

interface Asked {
  query: Packet;
  from: RemoteInfo;
  /** From the address that was asked. */
  send(octets: Buffer): void;
}

interface Handmade {
  address: string;
  /** All that came by UDP. */
  asked: Asked[];
  /** Connections that came. */
  streams: Stream[];
  udp: Socket;
}

interface Manners {
  udp?: (asked: Asked, count: number) => void;
  /** Once a whole query has come. */
  tcp?: (query: Packet, stream: Stream) => void;
  host?: string;
}

/** A name server of a few lines, UDP and TCP on one port, which behaves as a test wants. */
async function handmade(t: TestContext, { udp, tcp, host = '127.0.0.1' }: Manners): Promise<Handmade> {
  const [port = 0] = await freePorts(1);
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.bind(port, host);
  await once(socket, 'listening');
  const made: Handmade = {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    asked: [],
    streams: [],
    udp: socket,
  };
  socket.on('message', (octets, from) => {
    const send = (answer: Buffer) => socket.send(answer, from.port, from.address);
    const asked = { query: Packet.parse(octets), from, send };
    made.asked.push(asked);
    udp?.(asked, made.asked.length);
  });
  const server = createServer((stream) => {
    made.streams.push(stream);
    stream.on('error', () => {});
    void Packet.readStream(stream).then(
      (octets) => tcp?.(Packet.parse(octets), stream),
      () => {},
    );
  });
  server.listen(port, host);
  await once(server, 'listening');
  t.after(() => {
    socket.close();
    server.close();
    for (const stream of made.streams) stream.destroy();
  });
  return made;
}

interface Words {
  rcode?: number;
  answers?: object[];
  authorities?: object[];
  additionals?: object[];
  header?: object;
  question?: Partial<{ name: string; type: number; class: number }>;
}

function answer({ header, questions }: Packet, words: Words = {}): Buffer {
  const packet = new Packet();
  packet.header = new Packet.Header({ id: header.id, qr: 1, rd: 1, ra: 1, ...words.header });
  packet.header.rcode = words.rcode ?? 0;
  packet.questions = [new Packet.Question({ ...questions[0]!, ...words.question })];
  const resources = (list: object[] = []) =>
    list.map((fields) => ({ name: questions[0]!.name, class: 1, ttl: 60, ...fields }) as Resource);
  packet.answers = resources(words.answers);
  packet.authorities = resources(words.authorities);
  packet.additionals = resources(words.additionals);
  return packet.toBuffer();
}

const listed = (address = '127.0.0.2', ttl = 60) => ({ type: 1, address, ttl });
const soa = (minimum: number, ttl = 3600) => ({
  ...{ name: 'bl.example.net', type: 6, ttl, primary: 'ns.example.net', admin: 'hostmaster.example.net' },
  ...{ serial: 1, refresh: 1, retry: 1, expiration: 1, minimum },
});
const framed = (octets: Buffer): Buffer =>
  Buffer.concat([Buffer.from([octets.length >> 8, octets.length & 255]), octets]);
const datas = ({ records }: DnsAnswer): string[] => records.map(({ data }) => data);

async function unanswered(asking: Promise<DnsAnswer>): Promise<Unanswered> {
  const error = await asking.then(
    (said) => assert.fail(`answered: ${JSON.stringify(said)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Unanswered, String(error));
  return error;
}

/** Sockets and timers of this process, but for the streams of servers, which hear of an end a little later. */
function resources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /UDP|TCPConnect|Timeout/.test(name));
}

test('a real list behind a real resolver: listed, several values, reasons, not listed, no data, refused', async (t) => {
  const list = await rbldnsd([
    { zone: 'bl.example.net', type: 'ip4set', text: ':127.0.0.2:Listed by SBL $\n192.0.2.10' },
    { zone: 'bl.example.net', type: 'ip4set', text: ':127.0.0.10:Policy of $\n192.0.2.0/24' },
    { zone: 'bl.example.net', type: 'ip6trie', text: ':127.0.0.3:$\n2001:db8::/64' },
  ]);
  t.after(list.stop);
  const front = await unbound({ stubs: { 'bl.example.net': list.address } });
  t.after(front.stop);
  const nibbles = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2';
  for (const address of [list.address, front.address]) {
    const resolver = resolverFor(t, address);
    const two = await resolver.ask('10.2.0.192.BL.example.net.', 'A');
    assert.deepEqual([two.rcode, datas(two).sort(), two.server], ['NOERROR', ['127.0.0.10', '127.0.0.2'], address]);
    assert.deepEqual(two.records[0]?.name, NAME);
    assert.deepEqual(datas(await resolver.ask(NAME, 'TXT')).sort(), [
      'Listed by SBL 192.0.2.10',
      'Policy of 192.0.2.10',
    ]);
    assert.deepEqual(datas(await resolver.ask(`${nibbles}.bl.example.net`, 'A')), ['127.0.0.3']);
    const none = await resolver.ask('1.0.0.127.bl.example.net', 'A');
    assert.deepEqual([none.rcode, none.records], ['NXDOMAIN', []]);
    const noData = await resolver.ask(NAME, 'AAAA');
    assert.deepEqual([noData.rcode, noData.records], ['NOERROR', []]);
    const foreign = await resolver.ask('10.2.0.192.other.example.org', 'A');
    assert.deepEqual([foreign.rcode, foreign.records], ['REFUSED', []]);
    const { outcomes, sockets, dropped } = resolver.stats;
    assert.deepEqual([outcomes.answered, outcomes.refused, outcomes.timeout], [5, 1, 0]);
    assert.deepEqual(dropped, { malformed: 0, forged: 0, unexpected: 0 });
    assert.ok(sockets > 0 && sockets <= 6, `${sockets} sockets`);
  }
});

test('a real list is asked once for what was answered, "no" among it, and again for what was refused', async (t) => {
  const list = await rbldnsd([{ zone: 'bl.example.net', type: 'ip4set', text: `${SOA}:127.0.0.2:$\n192.0.2.10` }]);
  t.after(list.stop);
  const resolver = resolverFor(t, list.address);
  const first = await resolver.ask(NAME, 'A');
  for (const name of [NAME, NAME, '11.2.0.192.bl.example.net', '11.2.0.192.bl.example.net'])
    await resolver.ask(name, 'A');
  for (let n = 0; n < 2; n++) await resolver.ask('10.2.0.192.other.example.org', 'A');
  assert.deepEqual(
    list.queries().map(({ name, rcode }) => `${name.split('.')[0]} ${rcode}`),
    ['10 NOERROR', '11 NXDOMAIN', '10 REFUSED', '10 REFUSED'],
  );
  assert.equal(resolver.stats.outcomes.cached, 3);
  assert.ok(first.took > 0);
  assert.equal((await resolver.ask(NAME, 'A')).took, 0);
  await list.replace(0, `${SOA}:127.0.0.9:$\n192.0.2.10`);
  assert.deepEqual(datas(await resolver.ask(NAME, 'A')), ['127.0.0.2']);
  assert.deepEqual(datas(await resolver.ask(NAME, 'A', { fresh: true })), ['127.0.0.9']);
  assert.deepEqual(datas(await resolver.ask(NAME, 'A')), ['127.0.0.9'], 'the fresh one is kept');
});

test('a real resolver: aliases, long texts by TCP, strings joined, MX, PTR, NS, SOA, TLSA', async (t) => {
  const long = Array.from({ length: 30 }, (_, n) => `"${String(n).padStart(2, '0')}${'x'.repeat(98)}"`);
  const front = await unbound({
    local: [
      'alias.example.com. 300 IN CNAME Target.example.com.',
      'target.example.com. 200 IN A 192.0.2.1',
      'target.example.com. 200 IN AAAA 2001:db8::1',
      `long.example.com. 60 IN TXT ${long.join(' ')}`,
      'example.com. 60 IN TXT "v=spf1 " "-all"',
      'example.com. 60 IN MX 10 MX1.example.com.',
      'example.com. 60 IN NS ns.example.com.',
      'example.com. 60 IN SOA ns.example.com. hostmaster.example.com. 7 3600 600 86400 60',
      'example.org. 60 IN MX 0 .',
      '_25._tcp.mx1.example.com. 60 IN TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff',
      '4.2.0.192.in-addr.arpa. 60 IN PTR Mail.example.com.',
    ],
  });
  t.after(front.stop);
  const resolver = resolverFor(t, front.address);
  const ask = async (name: string, type: RecordType) => datas(await resolver.ask(name, type));
  assert.deepEqual((await resolver.ask('alias.example.com', 'CNAME')).records, [
    { name: 'alias.example.com', type: 'CNAME', ttl: 300, data: 'target.example.com' },
  ]);
  assert.deepEqual(await ask('target.example.com', 'AAAA'), ['2001:db8::1']);
  assert.deepEqual(await ask('example.com', 'TXT'), ['v=spf1 -all']);
  assert.deepEqual((await resolver.ask('example.com', 'MX')).records, [
    { name: 'example.com', type: 'MX', ttl: 60, data: 'mx1.example.com', preference: 10 },
  ]);
  assert.deepEqual(await ask('example.org', 'MX'), ['']);
  assert.deepEqual(await ask('example.com', 'NS'), ['ns.example.com']);
  assert.deepEqual(await ask('example.com', 'SOA'), ['ns.example.com hostmaster.example.com 7 3600 600 86400 60']);
  assert.deepEqual(await ask('_25._tcp.mx1.example.com', 'TLSA'), [
    `3 1 1 ${'00112233445566778899aabbccddeeff'.repeat(2)}`,
  ]);
  assert.deepEqual(await ask('4.2.0.192.in-addr.arpa', 'PTR'), ['mail.example.com']);
  assert.equal(resolver.stats.tcp, 0);
  const [text = ''] = await ask('long.example.com', 'TXT');
  assert.equal(text.length, 3000);
  assert.ok(text.startsWith('00xxx') && text.includes('x29x'));
  assert.equal(resolver.stats.tcp, 1);
});

test('a real list and a real resolver over IPv6', async (t) => {
  const list = await rbldnsd([{ zone: 'bl.example.net', type: 'ip4set', text: ':127.0.0.2:$\n192.0.2.10' }], {
    host: '::1',
  });
  t.after(list.stop);
  const front = await unbound({
    host: '::1',
    local: [`long.example.com. 60 IN TXT "${'a'.repeat(255)}" ${`"${'b'.repeat(250)}" `.repeat(8)}`],
  });
  t.after(front.stop);
  const answers = await resolverFor(t, list.address).ask(NAME, 'A');
  assert.deepEqual([datas(answers), answers.server], [['127.0.0.2'], list.address]);
  const resolver = resolverFor(t, front.address);
  assert.equal(datas(await resolver.ask('long.example.com', 'TXT'))[0]?.length, 2255);
  assert.equal(resolver.stats.tcp, 1);
});

test('what a resolver cannot find out is SERVFAIL, and what it keeps to itself a time-out', async (t) => {
  const elsewhere = await rbldnsd([{ zone: 'bl.example.net', type: 'ip4set', text: ':127.0.0.2:$' }]);
  t.after(elsewhere.stop);
  const front = await unbound({
    stubs: { 'lame.example.net': elsewhere.address },
    server: ['local-zone: "dropped.example.net" always_deny'],
  });
  t.after(front.stop);
  const { rcode, records } = await resolverFor(t, front.address).ask('10.2.0.192.lame.example.net', 'A');
  assert.deepEqual([rcode, records], ['SERVFAIL', []]);
  const impatient = resolverFor(t, front.address, { ...IMPATIENT, timeout: 50 });
  assert.equal((await unanswered(impatient.ask('10.2.0.192.dropped.example.net', 'A'))).reason, 'timeout');
});

test('a lost packet is asked for again, on the same server when there is one', async (t) => {
  const server = await handmade(t, {
    udp: ({ query, send }, count) => {
      if (count > 2) send(answer(query, { answers: [listed()] }));
    },
  });
  const resolver = resolverFor(t, server.address, { ...IMPATIENT, deadline: 30_000, tries: 9 });
  assert.deepEqual(datas(await resolver.ask(NAME, 'A')), ['127.0.0.2']);
  assert.ok(resolver.stats.outcomes.timeout >= 2);
  const [one, two] = server.asked;
  assert.notEqual(one?.query.header.id, two?.query.header.id, 'each try has its own id');
});

test('silence has an end: tries, then a deadline; what was asked for stands in no error', async (t) => {
  const server = await handmade(t, {});
  const few = await unanswered(resolverFor(t, server.address, { ...IMPATIENT, timeout: 20 }).ask(NAME, 'A'));
  assert.equal(few.reason, 'timeout');
  assert.match(few.message, new RegExp(`${server.address} timed out`));
  assert.ok(!/192|example|bl/.test(few.message.replaceAll(server.address, '')), few.message);
  assert.equal(server.asked.length, 3);
  const late = resolverFor(t, server.address, { timeout: 20, tries: 1000, deadline: 100 });
  assert.equal((await unanswered(late.ask(NAME, 'A'))).reason, 'timeout');
  assert.ok(server.asked.length <= 3 + 3, 'each try waits twice as long as the one before');
});

test('forged, foreign and unreadable answers are dropped and counted, and the waiting goes on', async (t) => {
  const stranger = createSocket('udp4');
  t.after(() => stranger.close());
  const whole = (query: Packet) => answer(query, { answers: [listed('127.0.0.66')] });
  const lies: [name: string, count: string, octets: (query: Packet) => Buffer][] = [
    [
      'another id',
      'unexpected',
      (query) => answer(query, { header: { id: query.header.id ^ 1 }, answers: [listed('127.0.0.66')] }),
    ],
    [
      'another name',
      'forged',
      (query) =>
        answer(query, { question: { name: `x${NAME}`.slice(1).replace('10', '11') }, answers: [listed('127.0.0.66')] }),
    ],
    [
      'a name with a dot inside a label',
      'forged',
      (query) => {
        const octets = whole(query);
        octets[12] = 4;
        octets[15] = 46;
        return octets;
      },
    ],
    ['another type', 'forged', (query) => answer(query, { question: { type: 16 }, answers: [listed('127.0.0.66')] })],
    ['another class', 'forged', (query) => answer(query, { question: { class: 3 }, answers: [listed('127.0.0.66')] })],
    ['a question back', 'forged', (query) => answer(query, { header: { qr: 0 }, answers: [listed('127.0.0.66')] })],
    ['another opcode', 'forged', (query) => answer(query, { header: { opcode: 5 }, answers: [listed('127.0.0.66')] })],
    ['no question', 'forged', (query) => answer(query).subarray(0, 12).fill(0, 4, 6)],
    ['two octets', 'malformed', (query) => answer(query).subarray(0, 2)],
    ['nothing', 'malformed', () => Buffer.alloc(0)],
    ['cut within a record', 'malformed', (query) => whole(query).subarray(0, -2)],
    [
      'more records said than there are',
      'malformed',
      (query) => {
        const octets = answer(query);
        octets[7] = 1;
        return octets;
      },
    ],
    [
      'an address of three octets',
      'malformed',
      (query) => {
        const octets = whole(query);
        octets[octets.length - 5] = 3;
        return octets.subarray(0, -1);
      },
    ],
    [
      'a name that points at itself',
      'malformed',
      (query) => {
        const octets = whole(query);
        octets.writeUInt16BE(0xc000 | (octets.length - 16), octets.length - 16);
        return octets;
      },
    ],
  ];
  for (const [name, count, octets] of lies) {
    const server = await handmade(t, {
      udp: ({ query, send, from }) => {
        stranger.send(whole(query), from.port, from.address);
        send(octets(query));
        send(answer(query, { answers: [listed()] }));
      },
    });
    const resolver = resolverFor(t, server.address);
    assert.deepEqual(datas(await resolver.ask(NAME, 'A')), ['127.0.0.2'], name);
    assert.deepEqual(resolver.stats.dropped, { malformed: 0, forged: 0, unexpected: 0, [count]: 1 }, name);
    assert.equal(server.asked.length, 1, name);
  }
});

test('a server that only sends what cannot be read has not answered', async (t) => {
  const server = await handmade(t, {
    udp: ({ query, send }) => send(answer(query, { answers: [listed()] }).subarray(0, -1)),
  });
  const resolver = resolverFor(t, server.address, { ...IMPATIENT, tries: 2 });
  const error = await unanswered(resolver.ask(NAME, 'A'));
  assert.equal(error.reason, 'malformed');
  assert.deepEqual([resolver.stats.outcomes.malformed, resolver.stats.dropped.malformed], [2, 2]);
});

test("an answer that comes twice or late is nobody else's answer", async (t) => {
  const server = await handmade(t, {
    udp: ({ query, send }) => {
      const first = query.questions[0]!.name === NAME;
      for (let n = 0; n < 3; n++) send(answer(query, { answers: [listed(first ? '127.0.0.2' : '127.0.0.3')] }));
    },
  });
  const resolver = resolverFor(t, server.address);
  assert.deepEqual(datas(await resolver.ask(NAME, 'A')), ['127.0.0.2']);
  assert.deepEqual(datas(await resolver.ask('11.2.0.192.bl.example.net', 'A')), ['127.0.0.3']);
  await eventually('both are dropped', () => resolver.stats.dropped.unexpected === 4);
});

test('half an answer is fetched whole by TCP, however it is cut', async (t) => {
  const addresses = Array.from({ length: 200 }, (_, n) => `127.0.1.${n}`);
  const server = await handmade(t, {
    udp: ({ query, send }) => send(answer(query, { header: { tc: 1 }, answers: [listed('127.0.0.66')] })),
    tcp: (query, stream) => {
      stream.setNoDelay();
      const octets = framed(answer(query, { answers: addresses.map((address) => listed(address)) }));
      void (async () => {
        for (const [from, to] of [
          [0, 1],
          [1, 2],
          [2, 40],
          [40, undefined],
        ]) {
          stream.write(octets.subarray(from, to));
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
    },
  });
  const resolver = resolverFor(t, server.address);
  assert.deepEqual(datas(await resolver.ask(NAME, 'A')), addresses);
  assert.deepEqual([resolver.stats.tcp, server.asked.length, server.streams.length], [1, 1, 1]);
  await eventually('the connection is closed', () =>
    server.streams.every((stream) => stream.readableEnded || stream.destroyed),
  );
});

test('TCP that hangs, breaks off or answers something else is no answer, and half of one neither', async (t) => {
  const ways: [reason: string, tcp: (query: Packet, stream: Stream) => void][] = [
    ['timeout', () => {}],
    ['timeout', (query, stream) => stream.write(framed(answer(query)).subarray(0, 20))],
    ['malformed', (query, stream) => stream.end(framed(answer(query)).subarray(0, 20))],
    ['malformed', (_, stream) => stream.end()],
    ['unreachable', (_, stream) => stream.resetAndDestroy()],
    ['malformed', (query, stream) => stream.end(framed(answer(query, { header: { id: query.header.id ^ 1 } })))],
    ['malformed', (query, stream) => stream.end(framed(answer(query, { question: { name: 'other.example.net' } })))],
    ['malformed', (query, stream) => stream.end(framed(answer(query, { header: { tc: 1 } })))],
    ['malformed', (_, stream) => stream.end(Buffer.from([0, 0]))],
  ];
  for (const [n, [reason, tcp]] of ways.entries()) {
    const server = await handmade(t, {
      udp: ({ query, send }) => send(answer(query, { header: { tc: 1 }, answers: [listed()] })),
      tcp,
    });
    const resolver = resolverFor(t, server.address, {
      ...PATIENT,
      tcpTimeout: reason === 'timeout' ? 250 : 10_000,
      tries: 2,
    });
    assert.equal((await unanswered(resolver.ask(NAME, 'A'))).reason, reason, `way ${n}`);
    assert.deepEqual([resolver.stats.tcp, server.streams.length], [2, 2], `way ${n}`);
  }
});

test('what one server refuses is asked of the others, once each; when all do, that is the answer', async (t) => {
  for (const [rcode, name] of [
    [2, 'SERVFAIL'],
    [5, 'REFUSED'],
    [4, 'NOTIMP'],
    [11, 'RCODE11'],
  ] as const) {
    const refusing = await handmade(t, { udp: ({ query, send }) => send(answer(query, { rcode })) });
    const also = await handmade(t, { udp: ({ query, send }) => send(answer(query, { rcode: 5 })) });
    const willing = await handmade(t, { udp: ({ query, send }) => send(answer(query, { answers: [listed()] })) });
    const both = resolverFor(t, [refusing.address, willing.address]);
    const said = await both.ask(NAME, 'A');
    assert.deepEqual([said.rcode, said.server], ['NOERROR', willing.address]);
    assert.deepEqual([both.stats.outcomes.refused, both.stats.outcomes.answered], [1, 1]);
    const neither = await resolverFor(t, [refusing.address, also.address]).ask(NAME, 'A');
    assert.deepEqual([neither.rcode, neither.server, neither.records], [name, refusing.address, []]);
    assert.deepEqual([refusing.asked.length, also.asked.length, willing.asked.length], [2, 1, 1]);
  }
});

test('a referral is no "no data"', async (t) => {
  const referring = await handmade(t, {
    udp: ({ query, send }) =>
      send(answer(query, { authorities: [{ name: 'example.net', type: 2, ns: 'ns.example.net' }] })),
  });
  const resolver = resolverFor(t, referring.address);
  assert.equal((await resolver.ask(NAME, 'A')).rcode, 'REFERRAL');
  assert.equal(resolver.stats.outcomes.refused, 1);
});

test('servers are asked in turn and never together; a silent one is asked last for a while', async (t) => {
  const silent = await handmade(t, {});
  const speaking = await handmade(t, { udp: ({ query, send }) => send(answer(query, { answers: [listed()] })) });
  const willing = resolverFor(t, [speaking.address, silent.address]);
  for (let n = 0; n < 20; n++) await willing.ask(NAME, 'A', { fresh: true });
  assert.deepEqual([speaking.asked.length, silent.asked.length], [20, 0]);
  const resolver = resolverFor(t, [silent.address, speaking.address], { ...PATIENT, timeout: 200, tries: 4 });
  for (let n = 0; n < 20; n++) {
    assert.equal((await resolver.ask(NAME, 'A', { fresh: true })).server, speaking.address);
  }
  assert.equal(silent.asked.length, 5);
});

test('a second opinion is that of the last of several servers alone, whatever is known of the first', async (t) => {
  const first = await handmade(t, { udp: ({ query, send }) => send(answer(query, { answers: [listed()] })) });
  const last = await handmade(t, { udp: ({ query, send }) => send(answer(query, { answers: [listed('127.0.0.9')] })) });
  const resolver = resolverFor(t, [first.address, last.address]);
  assert.equal((await resolver.ask(NAME, 'A')).server, first.address);
  const { server, records } = await resolver.second!(NAME, 'A');
  assert.deepEqual([server, records[0]?.data], [last.address, '127.0.0.9']);
  assert.equal((await resolver.ask(NAME, 'A')).server, first.address, 'and is not taken for the first one');
  assert.equal(first.asked.length, 1);
  const silent = await handmade(t, {});
  const hopeless = resolverFor(t, [first.address, silent.address], { ...PATIENT, timeout: 50, tries: 2 });
  assert.equal((await unanswered(hopeless.second!(NAME, 'A'))).reason, 'timeout');
  assert.equal(first.asked.length, 1);
  assert.equal(resolverFor(t, [first.address]).second, undefined);
});

test('a port where nobody listens is known at once; the others are asked, and all again after a pause', async (t) => {
  const ports = await freePorts(2);
  const [one = '', two = ''] = ports.map((port) => `127.0.0.1:${port}`);
  const speaking = await handmade(t, { udp: ({ query, send }) => send(answer(query, { answers: [listed()] })) });
  assert.equal((await resolverFor(t, [one, two, speaking.address]).ask(NAME, 'A')).server, speaking.address);
  const resolver = resolverFor(t, [one, two], { ...PATIENT, tries: 4 });
  const error = await unanswered(resolver.ask(NAME, 'A'));
  assert.equal(error.reason, 'unreachable');
  assert.equal(resolver.stats.outcomes.unreachable, 4);
});

test('answers are kept as long as they say, within bounds, and "no" as long as the zone says', async (t) => {
  let now = Math.ceil(performance.now());
  mock.method(performance, 'now', () => now);
  t.after(() => mock.restoreAll());
  const answers: Record<string, Words> = {
    short: { answers: [listed('127.0.0.2', 10), listed('127.0.0.3', 20)] },
    never: { answers: [listed('127.0.0.2', 0)] },
    long: { answers: [listed('127.0.0.2', 1_000_000)] },
    alias: {
      answers: [
        { type: 5, domain: 'a.example.net', ttl: 5 },
        { ...listed('127.0.0.2', 60), name: 'a.example.net' },
      ],
    },
    no: { rcode: 3, authorities: [soa(30)] },
    ttl: { rcode: 3, authorities: [soa(300, 15)] },
    empty: { authorities: [soa(30)] },
    unsaid: { rcode: 3 },
    failed: { rcode: 2, authorities: [soa(30)] },
    huge: { answers: [{ type: 16, data: Array.from({ length: 17 }, () => 'x'.repeat(250)) }] },
  };
  const server = await handmade(t, {
    udp: ({ query, send }) => send(answer(query, answers[query.questions[0]!.name.split('.')[0]!])),
  });
  const resolver = resolverFor(t, server.address, { maxTtl: 100 });
  const kept: Record<string, number> = {};
  for (const name of Object.keys(answers)) {
    const start = now;
    const type = name === 'huge' ? 'TXT' : 'A';
    const count = () => server.asked.filter(({ query }) => query.questions[0]!.name.startsWith(`${name}.`)).length;
    await resolver.ask(`${name}.example.net`, type);
    while (count() === 1) {
      now += 1000;
      const { records } = await resolver.ask(`${name}.example.net`, type);
      if (count() === 1 && name === 'short') assert.equal(records[0]?.ttl, 10 - (now - start) / 1000);
    }
    kept[name] = (now - start) / 1000;
    now = start;
  }
  // A second is the least that is found out here.
  assert.deepEqual(kept, {
    short: 10,
    never: 1,
    long: 100,
    alias: 5,
    no: 30,
    ttl: 15,
    empty: 30,
    unsaid: 1,
    failed: 1,
    huge: 1,
  });
  const patient = resolverFor(t, server.address, { minTtl: 50 });
  await patient.ask('short.example.net', 'A');
  now += 49_000;
  assert.equal((await patient.ask('short.example.net', 'A')).took, 0);
  const before = server.asked.length;
  await patient.ask('unsaid.example.net', 'A');
  await patient.ask('unsaid.example.net', 'A');
  assert.equal(server.asked.length, before + 2, 'what is not to be kept is not');
});

test('no more answers are kept than there is room for', async (t) => {
  const server = await handmade(t, { udp: ({ query, send }) => send(answer(query, { answers: [listed()] })) });
  const resolver = resolverFor(t, server.address, { cacheEntries: 100 });
  for (let n = 0; n < 500; n++) {
    await resolver.ask(`${n}.example.net`, 'A');
    assert.ok(resolver.stats.cacheEntries <= 100);
  }
  assert.ok(resolver.stats.cacheEntries >= 50);
  await resolver.ask('499.example.net', 'A');
  await resolver.ask('0.example.net', 'A');
  assert.equal(server.asked.length, 501);
});

test('who asks the same at once is told the same, by one query', async (t) => {
  const server = await handmade(t, {
    udp: ({ query, send }) => setImmediate(() => send(answer(query, { answers: [listed()] }))),
  });
  const resolver = resolverFor(t, server.address);
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, n) => resolver.ask(n % 2 ? NAME : NAME.toUpperCase(), 'A')),
  );
  assert.ok(all.every((said) => datas(said)[0] === '127.0.0.2'));
  await resolver.ask(NAME, 'TXT');
  assert.deepEqual([server.asked.length, resolver.stats.shared], [2, 49]);
});

test('who gives up is told at once; the last one takes the question along', async (t) => {
  const server = await handmade(t, {});
  const resolver = resolverFor(t, server.address, { inFlight: 1, perDomain: 1 });
  assert.equal((await unanswered(resolver.ask(NAME, 'A', { signal: AbortSignal.abort() }))).reason, 'aborted');
  assert.equal(resolver.stats.inFlight, 0);
  const [one, two, waits] = [new AbortController(), new AbortController(), new AbortController()];
  const first = resolver.ask(NAME, 'A', { signal: one.signal });
  const second = resolver.ask(NAME, 'A', { signal: two.signal });
  const third = resolver.ask('11.2.0.192.bl.example.net', 'A', { signal: waits.signal });
  await eventually('it is asked', () => server.asked.length === 1);
  one.abort();
  assert.equal((await unanswered(first)).reason, 'aborted');
  assert.equal(resolver.stats.inFlight, 1);
  const [{ query, send }] = server.asked as [Asked];
  send(answer(query, { answers: [listed()] }));
  assert.deepEqual(datas(await second), ['127.0.0.2'], 'another still waited');
  await eventually('the next is asked', () => server.asked.length === 2);
  const fourth = resolver.ask('12.2.0.192.bl.example.net', 'A', { signal: waits.signal });
  waits.abort();
  for (const asking of [third, fourth]) assert.equal((await unanswered(asking)).reason, 'aborted');
  await eventually('nothing is under way', () => resolver.stats.inFlight === 0 && resolver.stats.waiting === 0);
  assert.equal(server.asked.length, 2, 'what nobody waits for is not asked');
  const again = resolver.ask('11.2.0.192.bl.example.net', 'A');
  await eventually('it can be asked again', () => server.asked.length === 3);
  const last = server.asked[2]!;
  last.send(answer(last.query, { answers: [listed('127.0.0.4')] }));
  assert.deepEqual(datas(await again), ['127.0.0.4']);
});

test('a signal that outlives many questions keeps nothing of them', async (t) => {
  const server = await handmade(t, { udp: ({ query, send }) => send(answer(query, { answers: [listed()] })) });
  const resolver = resolverFor(t, server.address);
  const { signal } = new AbortController();
  for (let n = 0; n < 20; n++) await resolver.ask(`${n}.example.net`, 'A', { signal });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a thousand may wait for one signal', async (t) => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on('warning', warned);
  t.after(() => process.off('warning', warned));
  const server = await handmade(t, {});
  const resolver = resolverFor(t, server.address);
  const { signal } = new AbortController();
  const stop = new AbortController();
  const all = Array.from({ length: 1000 }, (_, n) =>
    unanswered(resolver.ask(`${n}.example.net`, 'A', { signal: AbortSignal.any([signal, stop.signal]) })),
  );
  const same = Array.from({ length: 1000 }, (_, n) =>
    unanswered(resolver.ask(`${n}.example.org`, 'A', { signal: stop.signal })),
  );
  stop.abort();
  for (const { reason } of await Promise.all([...all, ...same])) assert.equal(reason, 'aborted');
  assert.deepEqual(warnings, []);
});

test('so many at once and so many of a domain; one that is silent holds up no other', async (t) => {
  const server = await handmade(t, {
    udp: ({ query, send }) => {
      if (!query.questions[0]!.name.endsWith('.dead.example')) send(answer(query, { answers: [listed()] }));
    },
  });
  const resolver = resolverFor(t, server.address, { inFlight: 6, perDomain: 4 });
  const stop = new AbortController();
  const silent = Array.from({ length: 50 }, (_, n) =>
    unanswered(resolver.ask(`${n}.dead.example`, 'A', { signal: stop.signal })),
  );
  const other = Array.from({ length: 50 }, (_, n) => resolver.ask(`${n}.bl.example.org`, 'A'));
  for (const said of await Promise.all(other)) assert.deepEqual(datas(said), ['127.0.0.2']);
  await eventually(
    'the silent one has its share',
    () => resolver.stats.inFlight === 4 && resolver.stats.waiting === 46,
  );
  const dead = server.asked.filter(({ query }) => query.questions[0]!.name.endsWith('.dead.example'));
  assert.equal(dead.length, 4);
  stop.abort();
  await Promise.all(silent);
});

test('no more than the limit is under way, and domains have their turns', async (t) => {
  const held: Asked[] = [];
  const server = await handmade(t, { udp: (asked) => held.push(asked) });
  const resolver = resolverFor(t, server.address, { inFlight: 10, perDomain: 8 });
  const names = ['a.example', 'b.example', 'c.example'].flatMap((zone) =>
    Array.from({ length: 12 }, (_, n) => `${n}.${zone}`),
  );
  const all = names.map((name) => resolver.ask(name, 'A'));
  const seen: string[] = [];
  while (seen.length < names.length) {
    await eventually('the limit is reached', () => held.length === Math.min(10, names.length - seen.length));
    assert.ok(resolver.stats.inFlight <= 10);
    const { query, send } = held.shift()!;
    seen.push(query.questions[0]!.name.split('.')[1]!);
    send(answer(query, { answers: [listed()] }));
  }
  await Promise.all(all);
  // c comes last into the queue, yet long before a and b are through.
  assert.ok(seen.indexOf('c') < 15, seen.join(''));
});

test('what cannot be a name is not asked for, and not repeated', async (t) => {
  const server = await handmade(t, { udp: ({ query, send }) => send(answer(query, { rcode: 3 })) });
  const resolver = resolverFor(t, server.address);
  const bad = [
    '',
    '.',
    'secretkey..example.net',
    '.secretkey',
    'secretkey..',
    `secretkey.${'x'.repeat(64)}.net`,
    `secretkey.${'xxxxxxx.'.repeat(31)}net`,
    'secretkey.exämple.net',
    'secret key.net',
    'secretkey\\.net',
    'secretkey\n.net',
    'secretkey\0.net',
  ];
  for (const name of bad) {
    const error = await unanswered(resolver.ask(name, 'A'));
    assert.equal(error.reason, 'malformed', name);
    assert.ok(!error.message.includes('secret'), error.message);
  }
  assert.equal(server.asked.length, 0);
  const longest = `${'x'.repeat(63)}.${'y'.repeat(63)}.${'z'.repeat(63)}.${'w'.repeat(61)}`;
  for (const name of ['a', '_dmarc.example.com.', '*.example.com', '0/25.2.0.192.in-addr.arpa', longest]) {
    assert.equal((await resolver.ask(name, 'A')).rcode, 'NXDOMAIN', name);
    assert.equal(server.asked.at(-1)?.query.questions[0]?.name, name.replace(/\.$/, ''));
  }
});

test('ports change and ids cannot be guessed', async (t) => {
  const server = await handmade(t, { udp: ({ query, send }) => send(answer(query, { answers: [listed()] })) });
  const resolver = resolverFor(t, server.address, { queriesPerPort: 5 });
  for (let n = 0; n < 200; n++) await resolver.ask(`${n}.example.net`, 'A');
  const ports = server.asked.map(({ from }) => from.port);
  // The system may give a port out again that was given back.
  assert.ok(new Set(ports).size >= 200 / 5 - 4, `${new Set(ports).size} ports`);
  for (const port of new Set(ports)) assert.ok(ports.filter((other) => other === port).length <= 2 * 5);
  assert.ok(resolver.stats.sockets <= 5, `${resolver.stats.sockets} sockets`);
  const ids = server.asked.map(({ query }) => query.header.id);
  assert.ok(new Set(ids).size > 180);
  const steps = new Set(ids.map((id, n) => id - (ids[n - 1] ?? 0)));
  assert.ok(steps.size > 180, 'the next id does not follow from the last');
});

test('a port that has had its time is replaced, after whoever waits at it has the answer', async (t) => {
  let now = Math.ceil(performance.now());
  mock.method(performance, 'now', () => now);
  t.after(() => mock.restoreAll());
  const server = await handmade(t, {});
  const resolver = resolverFor(t, server.address);
  const early = Array.from({ length: 20 }, (_, n) => resolver.ask(`${n}.example.net`, 'A'));
  await eventually('all are asked', () => server.asked.length === 20);
  const old = new Set(server.asked.map(({ from }) => from.port));
  now += 61_000;
  const late = Array.from({ length: 20 }, (_, n) => resolver.ask(`${n}.example.org`, 'A'));
  await eventually('all are asked', () => server.asked.length === 40);
  assert.ok(server.asked.slice(20).every(({ from }) => !old.has(from.port)));
  for (const { query, send } of server.asked) send(answer(query, { answers: [listed()] }));
  await Promise.all([...early, ...late]);
  await eventually('the old are closed', () => resolver.stats.sockets <= 4);
});

test('closing tells who waits and leaves no socket and no timer', async (t) => {
  const server = await handmade(t, {
    udp: ({ query, send }) => {
      if (query.questions[0]!.name.startsWith('tcp')) send(answer(query, { header: { tc: 1 } }));
    },
  });
  const [nobody] = await freePorts(1);
  await eventually('what tests before this one used is gone', () => resources().length === 1);
  const resolver = new Resolver({
    servers: [server.address, `127.0.0.1:${nobody}`],
    ...PATIENT,
    inFlight: 5,
    perDomain: 5,
  });
  t.after(() => resolver.close());
  const lost = new Resolver({ servers: [`127.0.0.1:${nobody}`], ...PATIENT, tries: 100 });
  t.after(() => lost.close());
  const all = ['tcp.example.org', ...Array.from({ length: 20 }, (_, n) => `${n}.example.net`)].map((name) =>
    unanswered(resolver.ask(name, 'A')),
  );
  all.push(unanswered(lost.ask(NAME, 'A')));
  await eventually('one is fetched by TCP', () => server.streams.length === 1 && lost.stats.outcomes.unreachable > 1);
  await Promise.all([resolver.close(), lost.close()]);
  for (const { reason } of await Promise.all(all)) assert.equal(reason, 'aborted');
  assert.deepEqual([resolver.stats.sockets, lost.stats.sockets], [0, 0]);
  assert.equal((await unanswered(resolver.ask(NAME, 'A'))).reason, 'aborted');
  assert.deepEqual(resources(), ['UDPWrap'], 'the name server');
  await resolver.close();
  const quick = new Resolver({ servers: [server.address], ...PATIENT });
  const asking = unanswered(quick.ask(NAME, 'A'));
  await quick.close();
  assert.equal((await asking).reason, 'aborted');
  assert.equal(quick.stats.sockets, 0);
});

test('EDNS is offered, and left out for a server that does not know it', async (t) => {
  const server = await handmade(t, {
    udp: ({ query, send }) => {
      if (query.additionals.length > 0) send(answer(query, { rcode: 1 }).subarray(0, 12).fill(0, 4, 6));
      else send(answer(query, { answers: [listed()] }));
    },
  });
  const resolver = resolverFor(t, server.address);
  assert.deepEqual(datas(await resolver.ask(NAME, 'A')), ['127.0.0.2']);
  assert.deepEqual(datas(await resolver.ask(NAME, 'A', { fresh: true })), ['127.0.0.2']);
  assert.deepEqual(
    server.asked.map(({ query }) => query.additionals.map((record) => `${record.type} ${record.class}`)),
    [['41 1232'], [], []],
  );
  assert.ok(server.asked.every(({ query }) => query.header.rd === 1));
});

test('what an answer holds beside the answer is left out, and rcodes of EDNS are not overlooked', async (t) => {
  const server = await handmade(t, {
    udp: ({ query, send }) => {
      const { name } = query.questions[0]!;
      if (name.startsWith('badvers')) {
        send(answer(query, { additionals: [{ name: '', type: 41, class: 1232, ttl: 1 << 24, rdata: [] }] }));
        return;
      }
      const octets = answer(query, {
        question: { name: name.toUpperCase() },
        answers: [
          { name: 'c.example.org', type: 1, address: '127.0.0.2' },
          { name: 'B.example.org', type: 5, domain: 'C.example.org' },
          { type: 5, domain: 'b.example.org' },
          { name: 'victim.example.com', type: 1, address: '127.0.0.66' },
          { name: 'c.example.org', type: 46, data: Buffer.alloc(30) },
          { name: 'c.example.org', type: 39, data: Buffer.from([0]) },
          { name: 'c.example.org', type: 1, class: 3, address: '127.0.0.67' },
        ].filter(({ type }) => type !== 46),
      });
      send(octets);
    },
  });
  const resolver = resolverFor(t, server.address);
  const { records } = await resolver.ask(NAME, 'A');
  assert.deepEqual(
    records.map(({ name, type, data }) => `${name} ${type} ${data}`),
    ['c.example.org A 127.0.0.2', 'b.example.org CNAME c.example.org', `${NAME} CNAME b.example.org`],
  );
  assert.equal((await resolver.ask('badvers.example.net', 'A')).rcode, 'RCODE16');
});

test('texts: characters across strings, octets that are no text, the empty string; addresses as Node writes them', async (t) => {
  const split = Buffer.from('Grüße');
  const server = await handmade(t, {
    udp: ({ query, send }) => {
      const answers =
        query.questions[0]!.type === 28
          ? [
              { type: 28, address: '::ffff:c000:20a' },
              { type: 28, address: '2001:DB8:0:0::1' },
            ]
          : [
              { type: 16, data: [split.subarray(0, 3), split.subarray(3)] },
              { type: 16, data: [Buffer.from([0xff, 0x41])] },
              { type: 16, data: [Buffer.alloc(0)] },
            ];
      send(answer(query, { answers }));
    },
  });
  const resolver = resolverFor(t, server.address);
  assert.deepEqual(datas(await resolver.ask(NAME, 'TXT')), ['Grüße', '\ufffdA', '']);
  assert.deepEqual(datas(await resolver.ask(NAME, 'AAAA')), ['::ffff:192.0.2.10', '2001:db8::1']);
});

test('no octets bring the reader down, and no part of an answer is taken for the whole', () => {
  const query = queryFor(NAME, 'TXT');
  const request = Packet.parse(query.octets);
  const whole = answer(request, {
    answers: [{ type: 16, data: ['v=spf1', '-all'] }, listed()],
    authorities: [soa(60)],
    additionals: [{ name: '', type: 41, class: 1232, ttl: 0, rdata: [] }],
  });
  assert.equal(read(whole, query)?.records.length, 2);
  for (let length = query.end; length < whole.length; length++) {
    assert.equal(read(whole.subarray(0, length), query), undefined, `${length} octets`);
  }
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
      const octets = Buffer.from(whole);
      for (const [at, value] of changes) octets[at] = value;
      const message = read(octets, query);
      assert.ok(message === undefined || Array.isArray(message.records));
    }),
    { numRuns: 2000 },
  );
});

test('servers are addresses with ports; the system has its own', (t) => {
  for (const bad of [
    '',
    'localhost:53',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1:x',
    '[::1',
    '256.0.0.1:53',
    '[127.0.0.1:53',
  ]) {
    assert.throws(() => new Resolver({ servers: [bad] }), /is no name server/, bad);
  }
  for (const good of ['127.0.0.1', '127.0.0.1:5353', '::1', '[::1]', '[2001:db8::53]:53']) resolverFor(t, good);
  assert.throws(() => new Resolver({ servers: [] }), /no name server/);
  resolverFor(t, ['127.0.0.1', '::1']);
  assert.equal(new Resolver().stats.sockets, 0);
});
