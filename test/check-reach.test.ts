/** Where nothing is connected to, whatever the DNS says: each kind of address that is none of the Internet's, and how it is told. */
import assert from 'node:assert/strict';
import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type Ask, Unanswered, type World } from '../src/check.ts';
import { notOfTheInternet } from '../src/check-addresses.ts';
import { reach } from '../src/check-reach.ts';
import { mtaSts } from '../src/checks/mta-sts.ts';
import { mxCertificate } from '../src/checks/mx-certificate.ts';
import { certificate } from './checks/certificate.ts';

const REFUSED: Record<string, readonly string[]> = {
  loopback: ['127.0.0.1', '127.255.255.255', '::1', '0:0:0:0:0:0:0:1'],
  private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fc00::1', 'fdff:ffff::1'],
  'link-local': ['169.254.0.1', '169.254.169.254', 'fe80::1', 'febf::1', 'fe80::1%eth0'],
  CGNAT: ['100.64.0.1', '100.127.255.255'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  reserved: ['0.0.0.0', '0.1.2.3', '192.0.0.1', '192.88.99.1', '198.18.0.1', '198.19.255.255', '240.0.0.1'],
  broadcast: ['255.255.255.255'],
  'reserved of IPv6': ['::', '::2', '::7f00:1', '100::1', '4000::1', '5f00::1', 'fec0::1', '2001::1', '2002:7f00:1::'],
  examples: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
  'IPv4-mapped': [
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '::FFFF:169.254.169.254',
    '0:0:0:0:0:ffff:7f00:1',
  ],
  NAT64: [
    '64:ff9b::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::a00:1',
    '64:ff9b:0:0:0:0:c0a8:1',
    '64:ff9b::',
    '64:ff9b:1::1',
  ],
  'no address': ['', 'localhost', '127.1', '0x7f.0.0.1', '1.2.3.4.5'],
};
const TAKEN = [
  ...['9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0', '169.253.255.255'],
  ...[
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
  ],
  ...['8.8.8.8', '2606:4700::1', '2a00:1450::1', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '64:ff9b::808:808'],
];

for (const [kind, addresses] of Object.entries(REFUSED))
  test(`refused: ${kind}`, () => {
    for (const address of addresses) assert.equal(typeof notOfTheInternet(address), 'string', address);
  });

test('all others are taken, up to the edges', () => {
  for (const address of TAKEN) assert.equal(notOfTheInternet(address), undefined, address);
});

const NAME = 'mta-sts.example.com';
const POLICY = 'version: STSv1\nmode: enforce\nmx: *.example.com\nmax_age: 604800\n';
const { key, cert } = certificate(
  ['*.example.com'],
  new Date(Date.now() - 86_400_000),
  new Date(Date.now() + 90 * 86_400_000),
  1,
);
let https: HttpsServer;
let smtp: Server;
let connections = 0;
const portOf = (server: Server | HttpsServer) => (server.address() as AddressInfo).port;

before(async () => {
  setDefaultCACertificates([...getCACertificates(), cert]);
  https = createHttps({ key, cert }, ({ url }, response) => {
    if (url === '/moved') response.writeHead(301, { location: '/' }).end();
    else if (url === '/empty') response.writeHead(204).end();
    else if (url === '/silent') response.flushHeaders();
    else response.writeHead(200, { 'content-type': 'text/plain' }).end(POLICY);
  });
  smtp = createServer((socket) => socket.on('error', () => {}).end('554 no\r\n'));
  for (const server of [https, smtp]) {
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
});
after(() => {
  https.closeAllConnections();
  for (const server of [https, smtp]) server.close();
});

/** A zone in which everything is at these addresses, and who asked. */
function zone(...addresses: string[]): { ask: Ask; asked: string[] } {
  const asked: string[] = [];
  const ask: Ask = async (name, type) => {
    asked.push(`${type} ${name}`);
    const data = {
      A: addresses.filter((address) => !address.includes(':')),
      AAAA: addresses.filter((address) => address.includes(':')),
      MX: ['mx.example.com'],
      TXT: name.startsWith('_mta-sts.') ? ['v=STSv1; id=1'] : [],
    }[type as 'A'];
    const records = (data ?? []).map((data) => ({ name, type, ttl: 60, data, preference: 10 }));
    return { rcode: 'NOERROR', records, server: '192.0.2.53:53', took: 1 };
  };
  return { ask, asked };
}

const SIGNAL = AbortSignal.timeout(60_000);
const world = (ask: Ask, inner: 'refuse' | 'allow' = 'refuse'): World => ({
  ...reach(ask, inner),
  ...{ ask, signal: SIGNAL, now: Date.now, tell: () => {} },
});
const refused = (says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Unanswered, String(error));
  assert.equal(error.reason, 'inner_address');
  assert.match(error.message, says);
  assert.match(
    error.message,
    /so nothing is connected to it; where that is meant, say checks\.private_addresses: allow/,
  );
  return true;
};
const target = { kind: 'domain', name: 'example.com' } as const;

test('a policy at an inner address is unknown, with the reason, and nothing is connected to', async () => {
  const before = connections;
  for (const address of ['127.0.0.1', '::1', '10.1.2.3', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '169.254.169.254'])
    await assert.rejects(mtaSts().run(target, world(zone(address).ask)), refused(/^\S+ is (?:the machine itself|a )/));
  // One among others spoils them all: whoever made up the one may have made up the order.
  await assert.rejects(
    mtaSts().run(target, world(zone('8.8.8.8', '10.0.0.1').ask)),
    refused(/^10\.0\.0\.1 is a private address/),
  );
  assert.equal(connections, before);
});

test('an exchanger at an inner address is unknown, with the reason, and nothing is connected to', async () => {
  const before = connections;
  for (const address of ['127.0.0.1', '::1', '192.168.7.7', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '100.64.0.9'])
    await assert.rejects(
      mxCertificate(portOf(smtp)).run(target, world(zone(address).ask)),
      refused(/^mx\.example\.com \(\S+\), port \d+: \S+ is /),
    );
  assert.equal(connections, before);
  // Where it is meant, it is asked, and says no.
  const allowed = mxCertificate(portOf(smtp)).run(target, world(zone('127.0.0.1').ask, 'allow'));
  await assert.rejects(allowed, (error) => error instanceof Unanswered && error.reason === 'unreachable');
  assert.equal(connections, before + 1);
});

test('what is fetched is fetched from the address that was judged, which the resolver of the program told', async () => {
  const { ask, asked } = zone('127.0.0.1');
  const { fetch } = reach(ask, 'allow');
  const at = (path: string, host = NAME) => `https://${host}:${portOf(https)}${path}`;
  const response = await fetch(at('/'), { headers: { accept: 'text/plain' }, redirect: 'manual' });
  assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'text/plain']);
  assert.equal(await response.text(), POLICY);
  assert.deepEqual(asked, [`A ${NAME}`, `AAAA ${NAME}`]);
  assert.deepEqual([(await fetch(at('/moved'))).status, (await fetch(at('/empty'))).status], [301, 204]);
  const codeOf = (error: unknown) => ((error as Error).cause as NodeJS.ErrnoException).code;
  const codes: (string | undefined)[] = [];
  for (const [url, ways] of [
    [at('/', 'other.example.net'), fetch],
    [at('/'), reach(zone().ask, 'allow').fetch],
    [at('/', '127.0.0.1'), fetch],
  ] as const)
    await ways(url).catch((error) => codes.push(codeOf(error)));
  assert.deepEqual(codes, ['ERR_TLS_CERT_ALTNAME_INVALID', 'ENOTFOUND', 'ERR_TLS_CERT_ALTNAME_INVALID']);
  await assert.rejects(
    reach(ask, 'refuse').fetch(at('/', '127.0.0.1')),
    refused(/^127\.0\.0\.1 is the machine itself/),
  );
  await assert.rejects(reach(ask, 'refuse').fetch(at('/', '[::1]')), refused(/^::1 is the machine itself/));
});

test('what is given up is given up, before the answer and within it', async () => {
  const { fetch } = reach(zone('127.0.0.1').ask, 'allow');
  const url = `https://${NAME}:${portOf(https)}/silent`;
  const leaving = new AbortController();
  const response = await fetch(url, { signal: leaving.signal });
  const text = response.text();
  leaving.abort();
  await assert.rejects(text);
  await assert.rejects(fetch(url, { signal: AbortSignal.abort(new Error('enough')) }), /enough/);
});
