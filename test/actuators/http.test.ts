/** The actuators that speak HTTP against servers that do as the documents of each system say, and against sick ones. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import type { Actuator, ActuatorType, Order } from '../../src/actuator.ts';
import amazonSes from '../../src/actuators/amazon-ses.ts';
import kumomta from '../../src/actuators/kumomta.ts';
import webhook from '../../src/actuators/webhook.ts';
import type { Action } from '../../src/incident.ts';
import { eventually, folder } from '../exporter.ts';
import { freePort, reachable } from '../mta/smtp.ts';
import { ILLS, type Ill, type Reply, type Request, Server } from './server.ts';

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
process.env.ACTUATOR_SECRET = SECRET;
process.env.ACTUATOR_KEY = 'AKIDEXAMPLE';

const soon = () => AbortSignal.timeout(5000);
const order = (id: string, action: Action, until = Date.now() + 3600_000): Order => ({
  id,
  action,
  reason: 'high_bounce_rate: sending_domain example.com',
  until,
});
const open = (type: ActuatorType, config: object): Actuator => type.open(type.config.parse(config) as never);

/** What each ill is said to be; what is not here is whatever the status is told as. */
const SAID: Partial<Record<Ill, RegExp>> = {
  hangs: /no whole answer in time/,
  half: /no whole answer \(/,
  'hangs up': /no whole answer \(/,
  huge: /longer than \d+ bytes/,
  redirects: /answered 302, and redirects are not followed/,
  401: /answered 401; .*correct/,
  403: /answered 403; .*(?:rights|trusted_hosts)/,
  404: /answered 404; .*address/,
  429: /answered 429; it is asked too often/,
  500: /answered 500; the system has a problem/,
  503: /answered 503; the system has a problem/,
};

/** Whatever is wrong, each call ends in time, says so, and says nothing that it must not. */
function survives(set: (t: TestContext) => Promise<{ server: Server; actuator: Actuator; it: Order }>, except: Ill[]) {
  for (const ill of ILLS.filter((ill) => !except.includes(ill)))
    test(`a server that is ill: ${ill}`, { timeout: 30_000 }, async (t) => {
      const { server, actuator, it } = await set(t);
      const before = await actuator.prepare(it, soon());
      server.ill = ill;
      for (const call of ['apply', 'undo'] as const) {
        const began = Date.now();
        await assert.rejects(actuator[call](it, before, AbortSignal.timeout(ill === 'hangs' ? 300 : 5000)), (error) => {
          assert.ok(error instanceof Error);
          assert.match(error.message, SAID[ill] ?? /is it KumoMTA|is the endpoint/);
          assert.match(error.message, /127\.0\.0\.1/);
          for (const word of [SECRET, 'reader@', 'elsewhere']) assert.ok(!error.message.includes(word), error.message);
          return true;
        });
        assert.ok(Date.now() - began < 5000);
      }
      assert.ok(server.requests.every(({ path }) => path !== '/elsewhere'));
      server.ill = undefined;
      await actuator.apply(it, before, soon());
      await actuator.undo(it, before, soon());
    });
}

describe('webhook', () => {
  const config = (url: string) => ({
    url: `${url}/orders`,
    secret: { env: 'ACTUATOR_SECRET' },
    verbs: ['pause', 'throttle'],
  });
  const throttle = order('inc-1.0', {
    verb: 'throttle',
    reach: { sending_domain: 'example.com', provider: 'google' },
    share: 0.5,
  });

  test('posts the order, signed', async (t) => {
    const server = await Server.start(t, () => ({ status: 202 }));
    const actuator = open(webhook, config(server.url));
    assert.deepEqual(await actuator.prepare(throttle, soon()), {});
    assert.equal(server.requests.length, 0, 'prepare asks nobody');
    await actuator.apply(throttle, {}, soon());
    await actuator.undo(throttle, {}, soon());
    const [apply, undo] = server.requests;
    assert.equal(apply!.method, 'POST');
    assert.equal(apply!.path, '/orders');
    assert.deepEqual(JSON.parse(apply!.body), {
      id: 'inc-1.0',
      do: 'apply',
      action: { verb: 'throttle', reach: { sending_domain: 'example.com', provider: 'google' }, share: 0.5 },
      reason: throttle.reason,
      until: new Date(throttle.until).toISOString(),
    });
    assert.equal(JSON.parse(undo!.body).do, 'undo');
    assert.equal(apply!.headers['content-type'], 'application/json');
    assert.equal(apply!.headers['idempotency-key'], 'inc-1.0:apply');
    assert.equal(undo!.headers['idempotency-key'], 'inc-1.0:undo');
    for (const { headers, body } of server.requests) {
      const at = String(headers['x-deliverability-timestamp']);
      assert.ok(Math.abs(Number(at) - Date.now() / 1000) < 10);
      const mac = createHmac('sha256', SECRET).update(`${at}.${body}`).digest('hex');
      assert.equal(headers['x-deliverability-signature'], `sha256=${mac}`);
    }
  });

  for (const status of [409, 422])
    test(`${status} says that it is refused for good`, async (t) => {
      const server = await Server.start(t, () => ({ status, body: 'not with me' }));
      await assert.rejects(
        open(webhook, config(server.url)).apply(throttle, {}, soon()),
        new RegExp(`answered ${status}; it refuses for good.*not with me`),
      );
    });

  survives(
    async (t) => {
      const server = await Server.start(t, () => ({ status: 204 }));
      return { server, actuator: open(webhook, config(server.url)), it: throttle };
    },
    // Any 2xx will do, whatever is said beside it.
    ['page'],
  );

  test('nobody there', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    await assert.rejects(open(webhook, config(url)).apply(throttle, {}, soon()), /ECONNREFUSED\); is it running/);
  });

  test('the receiver of the page does as the page says', async (t) => {
    const [, code = ''] = /```js\n(.*?)```/s.exec(readFileSync('docs/actuators.md', 'utf8')) ?? [];
    assert.ok(code.trim().split('\n').length <= 40);
    const file = join(folder(t), 'receiver.mjs');
    // Asked from outside whether a campaign is paused.
    writeFileSync(file, `${code}\nprocess.stdin.on('data', (name) => console.log(paused(String(name).trim())));\n`);
    const port = await freePort();
    const env = { ...process.env, ORDER_SECRET: SECRET, PORT: String(port) };
    const child = spawn(process.execPath, [file], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    await eventually('it listens', () => reachable(port));
    const paused = async (campaign: string) => {
      const said = new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(String(text).trim())));
      child.stdin.write(`${campaign}\n`);
      return (await said) === 'true';
    };
    const actuator = open(webhook, config(`http://127.0.0.1:${port}`));
    const it = order('o1', { verb: 'pause', reach: { campaign: 'spring' } });
    await actuator.apply(it, {}, soon());
    await actuator.apply(it, {}, soon());
    assert.equal(await paused('spring'), true);
    assert.equal(await paused('winter'), false);
    await actuator.undo(it, {}, soon());
    await actuator.undo(it, {}, soon());
    await actuator.apply(it, {}, soon());
    assert.equal(await paused('spring'), false, 'what was undone is not begun by a late post');
    await actuator.apply(order('o2', { verb: 'pause', reach: { campaign: 'winter' } }, Date.now() - 1000), {}, soon());
    assert.equal(await paused('winter'), false, 'it ends by itself');
    await assert.rejects(actuator.apply(throttle, {}, soon()), /answered 422.*only campaigns/);
    await actuator.undo(throttle, {}, soon());
    const forger = open(webhook, { ...config(`http://127.0.0.1:${port}`), secret: { env: 'ACTUATOR_KEY' } });
    await assert.rejects(forger.apply(it, {}, soon()), /answered 401/);
  });
});

/** As the reference of its HTTP API has it. */
function kumo(password = SECRET) {
  const suspended = new Map<string, Record<string, unknown>>();
  let count = 0;
  const answer = ({ method, path, headers, body }: Request): Reply => {
    if (headers.authorization !== `Basic ${Buffer.from(`exporter:${password}`).toString('base64')}`)
      return { status: 401 };
    if (path !== '/api/admin/suspend/v1') return { status: 404 };
    const json = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
    if (method !== 'GET' && headers['content-type'] !== 'application/json') return { status: 415 };
    if (method === 'GET') return { status: 200, json: [...suspended].map(([id, entry]) => ({ id, ...entry })) };
    if (method === 'DELETE')
      return suspended.delete(String(json.id)) ? { status: 200 } : { status: 404, body: 'not found' };
    const known = ['campaign', 'tenant', 'domain', 'reason', 'duration'];
    if (typeof json.reason !== 'string' || Object.keys(json).some((key) => !known.includes(key)))
      return { status: 422 };
    if (!/^\d+s$/.test(String(json.duration))) return { status: 422 };
    const id = `9511a32e-66f8-42aa-b151-${String(++count).padStart(12, '0')}`;
    suspended.set(id, { campaign: null, tenant: null, domain: null, ...json });
    return { status: 200, json: { id } };
  };
  return { suspended, answer };
}

const fixture = (name: string) =>
  (parse(readFileSync(`test/actuators/${name}.yml`, 'utf8')) as { config: Record<string, unknown> }).config;

describe('kumomta', () => {
  const pause = order('o1', {
    verb: 'pause',
    reach: { source: 'kumo', sending_domain: 'example.com', provider: 'google', campaign: 'spring' },
  });

  async function nodes(t: TestContext) {
    const [one, two] = [kumo(), kumo()];
    const servers = [await Server.start(t, one.answer), await Server.start(t, two.answer)] as const;
    const actuator = open(kumomta, { ...fixture('kumomta'), urls: servers.map(({ url }) => url) });
    return { one, two, servers, actuator };
  }

  test('suspends each tenant to each domain on each node, for as long as the order says, and once', async (t) => {
    const { one, two, servers, actuator } = await nodes(t);
    one.suspended.set('admins', { tenant: 'example', reason: 'by hand', duration: '1h' });
    const before = await actuator.prepare(pause, soon());
    assert.ok(servers.every(({ requests }) => requests.every(({ method }) => method === 'GET')));
    await actuator.apply(pause, before, soon());
    await actuator.apply(pause, before, soon());
    for (const { suspended } of [one, two]) {
      const ours = [...suspended.values()].filter(({ reason }) => reason !== 'by hand');
      const queues = ours.map(({ campaign, tenant, domain }) => `${campaign}:${tenant}@${domain}`).sort();
      assert.deepEqual(queues, [
        'spring:example-bulk@gmail.com',
        'spring:example-bulk@googlemail.com',
        'spring:example@gmail.com',
        'spring:example@googlemail.com',
      ]);
      for (const { duration, reason } of ours) {
        assert.ok(Math.abs(Number.parseInt(String(duration), 10) - 3600) < 10, String(duration));
        assert.equal(reason, 'high_bounce_rate: sending_domain example.com [deliverability-exporter o1]');
      }
    }
    const other = order('o10', { verb: 'pause', reach: { campaign: 'winter' } });
    await actuator.apply(other, {}, soon());
    await actuator.undo(pause, before, soon());
    await actuator.undo(pause, before, soon());
    assert.deepEqual(
      [...one.suspended.values()].map(({ reason }) => String(reason).slice(-5)),
      [' hand', ' o10]'],
    );
    await actuator.undo(other, {}, soon());
    assert.deepEqual([...two.suspended.keys()], []);
  });

  test('half done: what is missing is added, and undone although a node is down', async (t) => {
    const { one, two, servers, actuator } = await nodes(t);
    servers[1].ill = 500;
    await assert.rejects(actuator.prepare(pause, soon()), /answered 500/);
    await assert.rejects(actuator.apply(pause, {}, soon()), /answered 500/);
    assert.equal(one.suspended.size, 4);
    servers[1].ill = undefined;
    for (const [id, { domain }] of one.suspended) if (domain === 'gmail.com') one.suspended.delete(id);
    await actuator.apply(pause, {}, soon());
    assert.equal(one.suspended.size, 4);
    assert.equal(two.suspended.size, 4);
    servers[0].ill = 'hangs up';
    await assert.rejects(actuator.undo(pause, {}, soon()), /no whole answer/);
    assert.equal(two.suspended.size, 0);
    servers[0].ill = undefined;
    await actuator.undo(pause, {}, soon());
    assert.equal(one.suspended.size, 0);
  });

  test('a node that says yes and does nothing is found out', async (t) => {
    const server = await Server.start(t, ({ method }) => ({ status: 200, json: method === 'GET' ? [] : { id: 'x' } }));
    const actuator = open(kumomta, { ...fixture('kumomta'), urls: [server.url] });
    await assert.rejects(actuator.apply(pause, {}, soon()), /took the suspension and does not list it/);
    const { suspended, answer } = kumo();
    const stubborn = await Server.start(t, (request) =>
      request.method === 'DELETE' ? { status: 200 } : answer(request),
    );
    const there = open(kumomta, { ...fixture('kumomta'), urls: [stubborn.url] });
    await there.apply(pause, {}, soon());
    await assert.rejects(there.undo(pause, {}, soon()), /lists the suspension still/);
    assert.equal(suspended.size, 4);
  });

  test('an order whose time is over suspends nothing', async (t) => {
    const { one, actuator } = await nodes(t);
    await assert.rejects(actuator.apply({ ...pause, until: Date.now() - 1 }, {}, soon()), /is over already/);
    assert.equal(one.suspended.size, 0);
  });

  survives(async (t) => {
    const server = await Server.start(t, kumo().answer);
    return { server, actuator: open(kumomta, { ...fixture('kumomta'), urls: [server.url] }), it: pause };
  }, []);
});

/** SES API v2, with signatures checked from what was received. */
function ses(sets: Record<string, boolean>) {
  const state = { sets, account: true };
  const answer = (request: Request): Reply => {
    const refusal = forged(request);
    if (refusal) return { status: 403, json: { message: refusal } };
    const { method, path, body } = request;
    const [, name, rest] = /^\/v2\/email\/configuration-sets\/([^/]+)(\/sending)?$/.exec(path) ?? [];
    const on = body === '' ? undefined : (JSON.parse(body) as { SendingEnabled?: boolean }).SendingEnabled;
    if (path === '/v2/email/account' && method === 'GET')
      return { status: 200, json: { SendingEnabled: state.account, EnforcementStatus: 'HEALTHY' } };
    if (path === '/v2/email/account/sending' && method === 'PUT') {
      state.account = on!;
      return { status: 200, json: {} };
    }
    if (name === undefined) return { status: 400, json: { message: 'no such operation' } };
    if (!Object.hasOwn(sets, name))
      return { status: 404, json: { message: `Configuration set <${name}> does not exist.` } };
    if (method === 'GET' && rest === undefined)
      return { status: 200, json: { ConfigurationSetName: name, SendingOptions: { SendingEnabled: sets[name] } } };
    if (method !== 'PUT' || rest === undefined) return { status: 405 };
    sets[name] = on!;
    return { status: 200 };
  };
  return { state, answer };
}

/** Checked step by step after the documents of AWS, apart from the code under test. */
function forged({ method, path, headers, body }: Request): string {
  const [, key, day, region, service, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? [];
  if (key !== 'AKIDEXAMPLE' || service !== 'ses' || region !== 'eu-central-1')
    return 'The security token included in the request is invalid.';
  const stamp = String(headers['x-amz-date']);
  const at = Date.parse(stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!stamp.startsWith(day!) || !(Math.abs(at - Date.now()) < 300_000)) return 'Signature expired.';
  const lines = names!.split(';').map((name) => `${name}:${headers[name]}\n`);
  if (!names!.split(';').includes('host')) return 'host must be signed';
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  const canonical = `${method}\n${path}\n\n${lines.join('')}\n${names}\n${digest(body)}`;
  let secret: Buffer | string = `AWS4${SECRET}`;
  for (const part of [day!, region!, service!, 'aws4_request'])
    secret = createHmac('sha256', secret).update(part).digest();
  const text = `AWS4-HMAC-SHA256\n${stamp}\n${day}/${region}/${service}/aws4_request\n${digest(canonical)}`;
  const expected = createHmac('sha256', secret).update(text).digest('hex');
  return expected === signature ? '' : 'The request signature we calculated does not match the signature you provided.';
}

describe('amazon-ses', () => {
  const domain = order('o1', { verb: 'pause', reach: { source: 'ses', sending_domain: 'example.com' } });
  const campaign = order('o2', { verb: 'pause', reach: { sending_domain: 'example.com', campaign: 'spring' } });

  async function region(t: TestContext, sets = { news: true, spring: true, pool: true }, config = {}) {
    const { state, answer } = ses(sets);
    const server = await Server.start(t, answer);
    const reopen = (more = {}) =>
      open(amazonSes, { ...fixture('amazon-ses'), endpoint: server.url, ...config, ...more });
    return { state, server, reopen, actuator: reopen() };
  }

  test('stops the sets of the mail, and starts those again that were not off before', async (t) => {
    const { state, server, actuator, reopen } = await region(t, { news: true, spring: false, pool: true });
    const before = await actuator.prepare(domain, soon());
    assert.deepEqual(before, { enabled: { news: true, spring: false } });
    assert.ok(server.requests.every(({ method }) => method === 'GET'));
    await actuator.apply(domain, before, soon());
    await actuator.apply(domain, before, soon());
    assert.deepEqual(state, { sets: { news: false, spring: false, pool: true }, account: true });
    await reopen().undo(domain, before, soon());
    await reopen().undo(domain, before, soon());
    assert.deepEqual(state.sets, { news: true, spring: false, pool: true });
  });

  test('two orders hold one set: it starts after the last, whichever that is', async (t) => {
    for (const [first, last] of [
      [domain, campaign],
      [campaign, domain],
    ] as const) {
      const { state, actuator } = await region(t);
      const one = await actuator.prepare(domain, soon());
      await actuator.apply(domain, one, soon());
      const two = await actuator.prepare(campaign, soon());
      assert.deepEqual(two, { enabled: { spring: true } }, 'what we stopped is no administrator’s doing');
      await actuator.apply(campaign, two, soon());
      const before = (order: Order) => (order === domain ? one : two);
      await actuator.undo(first, before(first), soon());
      assert.equal(state.sets.spring, false);
      await actuator.undo(last, before(last), soon());
      assert.deepEqual(state.sets, { news: true, spring: true, pool: true });
    }
  });

  test('the account, where that is allowed', async (t) => {
    const { state, actuator } = await region(t, undefined, { account: true });
    const all = order('o3', { verb: 'pause', reach: { source: 'ses' } });
    const before = await actuator.prepare(all, soon());
    await actuator.apply(all, before, soon());
    assert.equal(state.account, false);
    await actuator.undo(all, before, soon());
    assert.equal(state.account, true);
  });

  test('one set that is gone does not keep the others stopped', async (t) => {
    const { state, actuator } = await region(t);
    const before = await actuator.prepare(domain, soon());
    await actuator.apply(domain, before, soon());
    delete (state.sets as Record<string, boolean>).news;
    await assert.rejects(actuator.undo(domain, before, soon()), /configuration-sets\/news\/sending: answered 404/);
    assert.equal(state.sets.spring, true);
  });

  test('wrong keys, and a service that says yes and does nothing', async (t) => {
    const { reopen } = await region(t);
    const stranger = reopen({ secret_access_key: { env: 'ACTUATOR_KEY' } });
    await assert.rejects(stranger.prepare(domain, soon()), /answered 403; correct region and keys.*does not match/);
    const liar = ses({ news: true, spring: true, pool: true });
    const server = await Server.start(t, (request) =>
      request.method === 'PUT' ? { status: 200 } : liar.answer(request),
    );
    const actuator = open(amazonSes, { ...fixture('amazon-ses'), endpoint: server.url });
    await assert.rejects(
      actuator.apply(domain, await actuator.prepare(domain, soon()), soon()),
      /took the change of the configuration set news and did not make it/,
    );
  });

  survives(async (t) => {
    const { server, actuator } = await region(t);
    return { server, actuator, it: domain };
  }, []);
});
