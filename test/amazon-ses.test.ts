/**
 * Amazon SES against the whole program: certificates and confirmations go out over HTTPS, through a proxy on loopback that
 * leads to an SNS of the test's own.
 */
import assert from 'node:assert/strict';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createProxy } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { certificate } from './certificate.ts';
import { type Exporter, eventually, folder, startExporter } from './exporter.ts';

const HOST = 'sns.eu-west-1.amazonaws.com';
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:mail';
const CERTIFICATE = '/SimpleNotificationService-0a1b2c.pem';
const DAY = 24 * 3600_000;
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = certificate(pair, new Date(Date.now() - DAY), new Date(Date.now() + DAY), HOST);

interface Amazon {
  exporter: Exporter;
  /** What was asked of it. */
  asked: string[];
  /** Whether the way to it is open, and what it says to a confirmation. */
  state: { reachable: boolean; confirmation: number };
}

async function listening(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function amazon(t: TestContext): Promise<Amazon> {
  const state = { reachable: true, confirmation: 200 };
  const asked: string[] = [];
  const key = pair.privateKey.export({ format: 'pem', type: 'pkcs8' });
  const sns = createServer({ key, cert: pem }, (request, response) => {
    asked.push(request.url!);
    const status = request.url === CERTIFICATE ? 200 : state.confirmation;
    response.writeHead(status).end(request.url === CERTIFICATE ? pem : '');
  });
  const port = await listening(t, sns);
  const proxy = createProxy();
  proxy.on('connect', (request, client: Socket) => {
    assert.equal(request.url, `${HOST}:443`);
    if (!state.reachable) return client.destroy();
    const server = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    server.on('error', () => client.destroy());
    client.on('error', () => server.destroy());
    client.pipe(server).pipe(client);
  });
  const trusted = join(folder(t), 'sns.pem');
  writeFileSync(trusted, pem);
  const exporter = await startExporter(t, {
    config: `sources:\n  ses: { type: amazon-ses, topics: ["${TOPIC}"] }\n`,
    env: {
      NODE_OPTIONS: '--use-env-proxy',
      HTTPS_PROXY: `http://127.0.0.1:${await listening(t, proxy)}`,
      NO_PROXY: '',
      NODE_EXTRA_CA_CERTS: trusted,
    },
  });
  return { exporter, asked, state };
}

const SIGNED = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];

function message(more: Record<string, string>): string {
  const body: Record<string, string> = {
    MessageId: 'id',
    TopicArn: TOPIC,
    Timestamp: new Date().toISOString(),
    SignatureVersion: '2',
    SigningCertURL: `https://${HOST}${CERTIFICATE}`,
    ...more,
  };
  const text = SIGNED.filter((name) => name in body).map((name) => `${name}\n${body[name]}\n`);
  body.Signature = createSign('sha256').update(text.join('')).sign(pair.privateKey, 'base64');
  return JSON.stringify(body);
}

const delivery = () => {
  const timestamp = new Date().toISOString();
  const mail = { timestamp, messageId: 'm1', source: 's@example.org' };
  const event = { eventType: 'Delivery', mail, delivery: { timestamp, recipients: ['ana@example.com'] } };
  return message({ Type: 'Notification', Message: JSON.stringify(event) });
};

const SUBSCRIBE = `/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=t`;
const subscription = () =>
  message({ Type: 'SubscriptionConfirmation', Message: 'm', Token: 't', SubscribeURL: `https://${HOST}${SUBSCRIBE}` });

/** SNS posts JSON as plain text. */
const post = ({ exporter }: Amazon, body: string) =>
  exporter.post('/hooks/ses', body, { 'content-type': 'text/plain; charset=UTF-8' });

/** Once a forgery is refused, and not put off, the certificate is there: on a busy machine its fetching may take several tries. */
async function acquainted(sns: Amazon): Promise<void> {
  const forged = subscription().replace('"Message":"m"', '"Message":"n"');
  await eventually('the certificate', async () => (await post(sns, forged)).status === 401);
  assert.ok(sns.asked.length > 0 && sns.asked.every((url) => url === CERTIFICATE));
  sns.asked.length = 0;
}

test('while the certificate cannot be fetched SNS is asked to come back, and then the event counts once', async (t) => {
  const sns = await amazon(t);
  const { exporter, state, asked } = sns;
  const body = delivery();
  state.reachable = false;
  const refused = await post(sns, body);
  assert.equal(refused.status, 503);
  assert.ok(refused.headers.get('retry-after'));
  const outcome = (outcome: string) =>
    exporter.metric('deliverability_exporter_posts_total', { source: 'ses', outcome });
  assert.equal(await outcome('backpressure'), 1);
  const results = (result: string) =>
    exporter.metric('deliverability_exporter_events_total', { source: 'ses', result });
  assert.equal(await results('counted'), 0);
  state.reachable = true;
  await acquainted(sns);
  for (let i = 0; i < 2; i++) assert.equal((await post(sns, body)).status, 200);
  assert.deepEqual(asked, [], 'one certificate will do');
  assert.equal(await results('counted'), 1);
  assert.equal(await results('duplicate'), 1);
  assert.equal(await outcome('accepted'), 2);
});

test('a forged subscription is refused, and nothing is asked for it', async (t) => {
  const sns = await amazon(t);
  await acquainted(sns);
  const forged = subscription().replace('"Message":"m"', '"Message":"n"');
  assert.equal((await post(sns, forged)).status, 401);
  assert.deepEqual(sns.asked, []);
});

test('a subscription is confirmed before it is answered', async (t) => {
  const sns = await amazon(t);
  await acquainted(sns);
  assert.equal((await post(sns, subscription())).status, 200);
  assert.deepEqual(sns.asked, [SUBSCRIBE]);
});

test('a subscription that cannot be confirmed is asked for again', async (t) => {
  const sns = await amazon(t);
  await acquainted(sns);
  sns.state.confirmation = 500;
  assert.equal((await post(sns, subscription())).status, 503);
  assert.deepEqual(sns.asked, [SUBSCRIBE]);
  sns.state.confirmation = 200;
  assert.equal((await post(sns, subscription())).status, 200);
});
