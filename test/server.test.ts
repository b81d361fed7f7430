/** The whole program over HTTP: every answer it gives, what it counts for it, and what it never shows. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { tool } from '../stack/tools.ts';
import { eventually, folder, samples, startExporter } from './exporter.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const PUBLIC = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
const CONFIG = `
scrape_interval: 1s
limits: { body_bytes: 1000000, batch_events: 5000 }
sources:
  sendgrid: { public_keys: ["${PUBLIC}"], sending_domain: news.example.com }
  kumo: { type: kumomta, auth: { bearer: [ { env: KUMO_TOKEN } ] } }
  mta1: { type: postfix, auth: { basic: [ { username: shipper, password: { env: MTA_PASSWORD } } ] } }
  push: { auth: { bearer: [ { env: PUSH_TOKEN } ] } }
`;
const ENV = { KUMO_TOKEN: 'kumo-secret-1', MTA_PASSWORD: 'mta-secret-2', PUSH_TOKEN: 'push-secret-3' };
const BEARER = { authorization: 'Bearer push-secret-3' };

function signed(body: string, now = Date.now()): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000));
  const signature = sign('sha256', Buffer.from(timestamp + body), privateKey).toString('base64');
  return { 'x-twilio-email-event-webhook-signature': signature, 'x-twilio-email-event-webhook-timestamp': timestamp };
}

let serial = 0;
function sendgridEvent(more: object = {}): Record<string, unknown> {
  serial++;
  return {
    email: `reader${serial}@gmail.com`,
    timestamp: Math.floor(Date.now() / 1000),
    event: 'delivered',
    ip: '192.0.2.7',
    sg_message_id: `m${serial}.filter0`,
    sg_event_id: `e${serial}`,
    response: '250 OK',
    ...more,
  };
}

function pushed(more: object = {}): Record<string, unknown> {
  serial++;
  return {
    id: `p${serial}`,
    kind: 'delivered',
    at: new Date().toISOString(),
    sending_domain: 'a.example.com',
    sending_ip: '192.0.2.1',
    recipient: `r${serial}@example.net`,
    ...more,
  };
}

test('a request for everything that can be wrong with it', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  const good = JSON.stringify([sendgridEvent()]);
  const flipped = Buffer.from(good);
  flipped[5]! ^= 1;
  const bomb = gzipSync(Buffer.alloc(50_000_000, 32));
  const hook = '/hooks/sendgrid';
  const push = '/api/v1/events';
  const rows: [
    title: string,
    path: string,
    body: string | Buffer,
    headers: Record<string, string>,
    status: number,
    counted: [source: string, outcome: string],
    says?: RegExp,
  ][] = [
    ['signed', hook, good, signed(good), 200, ['sendgrid', 'accepted']],
    ['one byte changed', hook, flipped, signed(good), 401, ['sendgrid', 'unauthenticated']],
    ['unsigned', hook, good, {}, 401, ['sendgrid', 'unauthenticated']],
    ['signed long ago', hook, good, signed(good, Date.now() - 26 * 3600_000), 401, ['sendgrid', 'unauthenticated']],
    ['signed JSON that is none', hook, '[{"event":', signed('[{"event":'), 400, ['sendgrid', 'malformed'], /JSON/],
    ['signed and empty', hook, '', signed(''), 400, ['sendgrid', 'malformed'], /empty/],
    ['no such source', '/hooks/pigeon', good, {}, 404, ['unknown', 'malformed'], /sources/],
    ['no token', push, '[]', {}, 401, ['push', 'unauthenticated']],
    ['a wrong token', push, '[]', { authorization: 'Bearer push-secret-4' }, 401, ['push', 'unauthenticated']],
    [
      'the token of another source',
      push,
      '[]',
      { authorization: 'Bearer kumo-secret-1' },
      401,
      ['push', 'unauthenticated'],
    ],
    ['a picture', push, '[]', { ...BEARER, 'content-type': 'image/png' }, 415, ['push', 'unsupported_media_type']],
    ['a page', push, '[]', { ...BEARER, 'content-type': 'text/html' }, 415, ['push', 'unsupported_media_type']],
    ['too large', push, `["${'x'.repeat(1_000_001)}"]`, BEARER, 413, ['push', 'too_large'], /1000000 bytes/],
    ['a gzip bomb', push, bomb, { ...BEARER, 'content-encoding': 'gzip' }, 413, ['push', 'too_large'], /inflated/],
    [
      'gzip that is none',
      push,
      'not gzip',
      { ...BEARER, 'content-encoding': 'gzip' },
      400,
      ['push', 'malformed'],
      /inflated/,
    ],
    [
      'an encoding of its own',
      push,
      '[]',
      { ...BEARER, 'content-encoding': 'squeeze' },
      415,
      ['push', 'unsupported_media_type'],
    ],
    [
      'too many at once',
      push,
      JSON.stringify(Array.from({ length: 5001 }, () => ({ kind: 'clicked', id: 'x', at: 1e9 }))),
      BEARER,
      413,
      ['push', 'too_large'],
      /5000 events/,
    ],
    [
      'gzip',
      push,
      gzipSync(JSON.stringify([pushed()])),
      { ...BEARER, 'content-encoding': 'gzip' },
      200,
      ['push', 'accepted'],
    ],
    [
      'lines without credentials',
      '/hooks/mta1',
      'x\n',
      { 'content-type': 'text/plain' },
      401,
      ['mta1', 'unauthenticated'],
    ],
    [
      'lines',
      '/hooks/mta1',
      'nothing to see\n',
      { 'content-type': 'text/plain', authorization: `Basic ${btoa('shipper:mta-secret-2')}` },
      200,
      ['mta1', 'accepted'],
    ],
  ];
  for (const [title, path, body, headers, status, [source, outcome], says] of rows) {
    const before = await exporter.metric('deliverability_exporter_posts_total', { source, outcome });
    const response = await exporter.post(path, body, headers);
    const text = await response.text();
    assert.equal(response.status, status, `${title}: ${text}`);
    assert.match(text, says ?? /^/, title);
    const after = await exporter.metric('deliverability_exporter_posts_total', { source, outcome });
    assert.equal((after ?? 0) - (before ?? 0), 1, `${title} is counted as ${outcome} of ${source}`);
  }
  assert.equal(
    await exporter.metric('deliverability_exporter_events_total', { result: 'counted' }),
    2,
    'the two good ones and nothing else',
  );
  assert.equal(
    (await exporter.post(hook, good, { ...signed(good), 'content-type': 'text/plain' })).status,
    200,
    'SendGrid signs bytes, not types',
  );
  assert.equal(
    await exporter.metric('deliverability_exporter_events_total', { source: 'sendgrid', result: 'duplicate' }),
    1,
  );
  assert.equal((await fetch(exporter.url + hook)).status, 200, 'some senders look first');
  assert.equal((await fetch(`${exporter.url}/nothing`)).status, 404);
});

test('a webhook is answered with an empty 200, the push API with what was wrong where', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  const body = JSON.stringify([
    sendgridEvent(),
    7,
    { event: 'levitate', timestamp: 1 },
    sendgridEvent({ timestamp: 1e9 }),
    sendgridEvent({ timestamp: 4e9 }),
    sendgridEvent({ timestamp: 'soon' }),
    sendgridEvent(),
  ]);
  const hook = await exporter.post('/hooks/sendgrid', body, signed(body));
  assert.deepEqual([hook.status, await hook.text()], [200, '']);
  const expected = { counted: 2, invalid: 2, unknown: 1, late: 1, future: 1, duplicate: 0, ignored: 0 };
  for (const [result, count] of Object.entries(expected))
    assert.equal(
      await exporter.metric('deliverability_exporter_events_total', { source: 'sendgrid', result }),
      count,
      result,
    );
  const push = await exporter.post(
    '/api/v1/events',
    `${JSON.stringify(pushed())}\n{"kind":"delivered"\n${JSON.stringify(pushed({ kind: 'sang' }))}\n${JSON.stringify(pushed())}\n`,
    { ...BEARER, 'content-type': 'application/x-ndjson' },
  );
  const { problems } = (await push.json()) as { problems: { index: number; problem: string }[] };
  assert.deepEqual(
    problems.map((p) => p.index),
    [1, 2],
  );
  assert.equal(await exporter.metric('deliverability_exporter_events_total', { source: 'push', result: 'counted' }), 2);
});

test('measurements become gauges, the newest wins, and they outlive a restart', async (t) => {
  const storage = folder(t);
  const first = await startExporter(t, { config: CONFIG, env: ENV, storage });
  const now = Date.now();
  const measured = (value: number, ago: number, more: object = {}) => ({
    id: `m${serial++}`,
    at: now - ago * 1000,
    source_kind: 'polling',
    type: 'inbox_rate',
    value,
    sample_size: 200,
    sending_domain: 'a.example.com',
    ...more,
  });
  const response = await first.post(
    '/api/v1/measurements',
    JSON.stringify([
      measured(0.91, 60),
      measured(0.5, 3600),
      measured(7, 0),
      measured(0.3, 0, { type: 'karma' }),
      measured(0.9, 200_000),
      measured(62, 0, { type: 'reputation_score', service: 'senderscore', sending_ip: '192.0.2.1' }),
    ]),
    BEARER,
  );
  const { problems } = (await response.json()) as { problems: { index: number }[] };
  assert.deepEqual(problems.map((p) => p.index).sort(), [2, 3, 4]);
  await first.stop();
  const exporter = await startExporter(t, { config: CONFIG, env: ENV, storage });
  const labels = { source: 'push', sending_domain: 'a.example.com' };
  assert.equal(await exporter.metric('email_measurement_inbox_ratio', labels), 0.91);
  assert.equal(await exporter.metric('email_measurement_samples', { ...labels, measurement: 'inbox_rate' }), 200);
  assert.equal(await exporter.metric('email_reputation_score', { service: 'senderscore', target: '192.0.2.1' }), 62);
});

test('no address, message id or reply is in /metrics, in the log or on the page, wherever it was put', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  const person = 'jane.doe+canary';
  const address = `${person}@canary-mail.example`;
  // The domain alone may be shown: it is a sending domain where somebody says so.
  const SHY = /CANARY7f3a|jane|doe\+|@/i;
  const canary = 'CANARY7f3a';
  const everywhere = (keys: string[]) => Object.fromEntries(keys.map((key) => [key, `${canary} <${address}>`]));
  const sendgrid = [
    'smtp-id',
    'sg_event_id',
    'sg_message_id',
    'response',
    'reason',
    'status',
    'category',
    'singlesend_name',
    'url',
    'useragent',
    'ip',
    'type',
  ];
  for (const word of [
    'processed',
    'delivered',
    'deferred',
    'bounce',
    'dropped',
    'open',
    'click',
    'spamreport',
    'unsubscribe',
    address,
  ]) {
    const body = JSON.stringify([
      { ...everywhere(sendgrid), email: address, event: word, timestamp: Math.floor(Date.now() / 1000) },
    ]);
    assert.equal((await exporter.post('/hooks/sendgrid', body, signed(body))).status, 200);
  }
  const pushKeys = [
    'id',
    'sending_domain',
    'sending_ip',
    'recipient_domain',
    'recipient',
    'campaign',
    'reply',
    'class',
    'reason',
    'by',
    'seconds',
    'service',
    'message_id',
  ];
  for (const kind of ['delivered', 'bounced', address]) {
    for (const without of ['', ...pushKeys]) {
      const event = { ...pushed(), ...everywhere(pushKeys.filter((k) => k !== without)), kind };
      await exporter.post('/api/v1/events', JSON.stringify([event]), BEARER);
      const text = await (
        await exporter.post(
          '/api/v1/measurements',
          JSON.stringify([{ ...event, type: 'inbox_rate', value: 0.5 }]),
          BEARER,
        )
      ).text();
      assert.doesNotMatch(text, SHY);
    }
  }
  const kumo = {
    type: 'Bounce',
    id: canary,
    sender: `x@${address}`,
    recipient: address,
    queue: `${canary} ${address}:t@gmail.com`,
    response: { code: 550, content: `${canary} ${address}` },
    timestamp: Date.now() / 1000,
    headers: { From: address },
    meta: { tenant: address },
  };
  assert.equal(
    (await exporter.post('/hooks/kumo', JSON.stringify(kumo), { authorization: 'Bearer kumo-secret-1' })).status,
    200,
  );
  const stamp = new Date().toISOString();
  const lines = `${stamp} mx1 postfix/smtp[1]: 4F1A2B3C4D: to=<${address}>, orig_to=<${address}>, relay=mx.example.net[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx said: 550 5.1.1 <${address}> ${canary})\n`;
  assert.equal(
    (
      await exporter.post('/hooks/mta1', lines, {
        'content-type': 'text/plain',
        authorization: `Basic ${btoa('shipper:mta-secret-2')}`,
      })
    ).status,
    200,
  );
  await exporter.post('/hooks/kumo', `{"${address}`, { authorization: 'Bearer kumo-secret-1' });
  await eventually(
    'something was counted',
    async () => ((await exporter.metric('deliverability_exporter_events_total', { result: 'counted' })) ?? 0) > 10,
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const shown =
    (await exporter.metrics()) +
    (await exporter.metrics({ accept: 'application/openmetrics-text' })) +
    (await (await fetch(exporter.url)).text());
  assert.doesNotMatch(shown, SHY);
  const log = JSON.stringify(exporter.log);
  assert.doesNotMatch(log, SHY);
  assert.doesNotMatch(shown + log, /secret-\d/);
});

test('what is shown passes promtool, in both formats, zipped and plain', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  const events = [
    'delivered',
    'deferred',
    'bounced',
    'suppressed',
    'opened',
    'clicked',
    'complained',
    'unsubscribed',
    'accepted',
  ].map((kind) => pushed({ kind, campaign: 'spring', seconds: 3 }));
  await exporter.post('/api/v1/events', JSON.stringify(events), BEARER);
  await exporter.metrics();
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const text = await exporter.metrics({ 'accept-encoding': 'identity' });
  execFileSync(await tool('promtool'), ['check', 'metrics'], { input: text });
  assert.equal(samples(text).filter((s) => s.name === 'email_delivered_total')[0]!.value, 1);
  const zipped = await fetch(`${exporter.url}/metrics`, {
    headers: { 'accept-encoding': 'gzip', accept: 'application/openmetrics-text;version=1.0.0,*/*;q=0.1' },
  });
  assert.equal(zipped.headers.get('content-encoding'), 'gzip');
  assert.match(zipped.headers.get('content-type')!, /^application\/openmetrics-text; version=1\.0\.0/);
  const open = await zipped.text();
  assert.match(open, /# TYPE email_delivered counter\n/);
  assert.ok(open.endsWith('# EOF\n'));
  // What Node tells of its collections comes with the first one.
  const names = (page: string) => new Set(samples(page).flatMap((s) => (s.name.startsWith('nodejs_') ? [] : s.name)));
  assert.deepEqual(names(open), names(text));
});

test('stopped gently it commits what it has, and a restart goes on from there', async (t) => {
  const storage = folder(t);
  const first = await startExporter(t, { config: CONFIG, env: ENV, storage });
  const body = JSON.stringify(Array.from({ length: 500 }, () => pushed()));
  const posts = Array.from({ length: 20 }, () =>
    first.post('/api/v1/events', body, BEARER).then(
      (r) => r.status,
      () => 0,
    ),
  );
  await Promise.any(posts);
  await first.stop();
  const answered = (await Promise.all(posts)).filter((status) => status === 200).length;
  assert.ok(answered > 0);
  assert.equal(first.process.exitCode, 0);
  const second = await startExporter(t, { config: CONFIG, env: ENV, storage });
  assert.equal(await second.metric('deliverability_exporter_events_total', { source: 'push', result: 'counted' }), 500);
  assert.equal((await second.post('/api/v1/events', body, BEARER)).status, 200);
  assert.equal(await second.metric('deliverability_exporter_events_total', { source: 'push', result: 'counted' }), 500);
  const third = startExporter(t, { config: CONFIG, env: ENV, storage });
  await assert.rejects(third, /in use by another process/);
});

test('a reload takes a good file, and keeps what is in force when it is bad', async (t) => {
  const file = join(folder(t), 'exporter.yml');
  writeFileSync(file, 'sources: { one: { type: push, auth: none } }');
  const exporter = await startExporter(t, { flags: [`--config.file=${file}`] });
  const status = async (name: string) => (await exporter.post(`/hooks/${name}`, '[]')).status;
  assert.deepEqual([await status('one'), await status('two')], [200, 404]);
  writeFileSync(file, 'sources: { two: { type: push, auth: none } }');
  assert.equal((await exporter.post('/-/reload', '')).status, 200);
  assert.deepEqual([await status('one'), await status('two')], [404, 200]);
  writeFileSync(file, 'sources: { three: { type: pigeon } }');
  const refused = await exporter.post('/-/reload', '');
  assert.equal(refused.status, 500);
  assert.match(await refused.text(), /exporter\.yml:1: sources\.three\.type: there is no source type "pigeon"/);
  assert.equal(await exporter.metric('deliverability_exporter_config_last_reload_successful'), 0);
  assert.equal(await status('two'), 200);
  writeFileSync(file, 'sources: { four: { type: push, auth: none } }');
  exporter.process.kill('SIGHUP');
  await eventually('the reload by signal', async () => (await status('four')) === 200);
  assert.equal(await exporter.metric('deliverability_exporter_config_last_reload_successful'), 1);
});

test('a reload that changes the resolver begins its counts anew, and nobody who scrapes is hindered', async (t) => {
  const file = join(folder(t), 'exporter.yml');
  const config = (port: number) =>
    `{ resolver: { servers: ['127.0.0.1:${port}'] }, checks: { domains: [example.com], blocklists: { enabled: false } } }`;
  // Nobody listens there.
  writeFileSync(file, config(1));
  const exporter = await startExporter(t, { flags: [`--config.file=${file}`] });
  const asked = () => exporter.metric('deliverability_exporter_dns_queries_total', { outcome: 'unreachable' });
  await eventually('a question came to nothing', async () => ((await asked()) ?? 0) > 0);
  const before = (await asked())!;
  writeFileSync(file, config(2));
  assert.equal((await exporter.post('/-/reload', '')).status, 200);
  assert.ok((await asked())! >= before);
});

test('a reload that changes a followed source goes on where its log was left, without a line counted twice', async (t) => {
  const directory = folder(t);
  const [file, log] = [join(directory, 'exporter.yml'), join(directory, 'mail.log')];
  const line = (id: string) =>
    `${new Date().toISOString()} mx1 postfix/smtp[2]: 4F1A2B3C${id}: to=<b@gmail.com>, relay=mx[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n`;
  const configure = (ip: string) =>
    writeFileSync(
      file,
      `scrape_interval: 1s\nsources: { mta1: { type: postfix, files: [${log}], sending_ip: ${ip} } }`,
    );
  configure('192.0.2.1');
  writeFileSync(log, line('40') + line('41'));
  const exporter = await startExporter(t, { flags: [`--config.file=${file}`] });
  const counted = () => exporter.metric('deliverability_exporter_events_total', { result: 'counted' });
  await eventually('two lines are counted', async () => (await counted()) === 2);
  configure('192.0.2.2');
  assert.equal((await exporter.post('/-/reload', '')).status, 200);
  writeFileSync(log, line('42'), { flag: 'a' });
  await eventually('the third is counted', async () => ((await counted()) ?? 0) >= 3);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assert.equal(await counted(), 3);
});

test('senders that dawdle are cut off, others go on', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  const slow = connect(Number(new URL(exporter.url).port), '127.0.0.1');
  slow.on('error', () => {});
  slow.write('POST /api/v1/events HTTP/1.1\r\nHost: x\r\n');
  const drip = setInterval(() => slow.writable && slow.write('X-A: b\r\n'), 500);
  t.after(() => clearInterval(drip));
  assert.equal((await exporter.post('/api/v1/events', JSON.stringify([pushed()]), BEARER)).status, 200);
  await new Promise((resolve) => slow.once('close', resolve));
});

test('a sender that hangs up in the middle is counted, and nobody else is given its bytes', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  for (let n = 0; n < 3; n++) {
    const socket = connect(Number(new URL(exporter.url).port), '127.0.0.1');
    const half = JSON.stringify([pushed()]).slice(0, -5);
    socket.write(
      `POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer push-secret-3\r\nContent-Length: ${half.length + 5}\r\n\r\n${half}`,
    );
    setTimeout(() => socket.destroy(), 100);
    await new Promise((resolve) => socket.once('close', resolve));
  }
  await eventually(
    'they are counted',
    async () =>
      (await exporter.metric('deliverability_exporter_posts_total', { source: 'push', outcome: 'aborted' })) === 3,
  );
  assert.equal((await exporter.post('/api/v1/events', JSON.stringify([pushed()]), BEARER)).status, 200);
  assert.equal((await exporter.post('/api/v1/events', '[]', BEARER)).status, 200);
  assert.equal(await exporter.metric('deliverability_exporter_events_total', { source: 'push', result: 'counted' }), 1);
});

const FLAGS: [title: string, args: string[], code: number, says: RegExp][] = [
  ['--version', ['--version'], 0, /^deliverability-exporter \d+\.\d+\.\d+ \(node 2\d/],
  ['--help', ['--help'], 0, /--config\.file[\s\S]*--storage\.path/],
  ['a flag that is none', ['--colour=red'], 1, /--colour[\s\S]*--help lists the flags/],
  ['a level that is none', ['--log.level=loud'], 1, /^--log\.level is debug, info, warn or error/],
  [
    'an address that is none',
    ['--storage.path=', '--web.listen-address=here'],
    1,
    /^--web\.listen-address is HOST:PORT or :PORT/,
  ],
  [
    'a configuration that is not there',
    ['--config.file=/nowhere.yml', '--check-config'],
    1,
    /^\/nowhere\.yml: cannot be read/,
  ],
  ['no configuration', ['--check-config'], 0, /good, 0 sources/],
];
for (const [title, args, code, says] of FLAGS) {
  test(`command line: ${title}`, () => {
    const { status, stdout, stderr } = run(args);
    assert.match(stdout + stderr, says);
    assert.equal(status, code);
    assert.doesNotMatch(stderr, /\n {4}at /, 'no stack for a mistake of the caller');
  });
}

function run(args: string[]): { status: number; stdout: string; stderr: string } {
  try {
    return {
      status: 0,
      stderr: '',
      stdout: execFileSync(process.execPath, ['src/main.ts', ...args], {
        encoding: 'utf8',
        stdio: 'pipe',
        timeout: 20_000,
      }),
    };
  } catch (error) {
    return error as { status: number; stdout: string; stderr: string };
  }
}

test('what a log holds when it is first read is the past; what comes after starts at 0', async (t) => {
  const log = join(folder(t), 'mail.log');
  let id = 0x4f1a2b3c40;
  const line = (domain: string) => {
    const [queue, stamp] = [(id++).toString(16).toUpperCase(), new Date().toISOString()];
    return `${stamp} mx1 postfix/qmgr[1]: ${queue}: from=<a@${domain}>, size=1, nrcpt=1 (queue active)\n${stamp} mx1 postfix/smtp[2]: ${queue}: to=<b@gmail.com>, relay=mx[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n`;
  };
  writeFileSync(log, line('old.example') + line('old.example'));
  const exporter = await startExporter(t, {
    config: `scrape_interval: 3s\nsources: { mta1: { type: postfix, files: [${log}] } }`,
  });
  const shown = (domain: string) => exporter.metric('email_delivered_total', { sending_domain: domain });
  await eventually('the past is shown at once', async () => (await shown('old.example')) === 2, 3);
  writeFileSync(log, line('new.example'), { flag: 'a' });
  await eventually('the new series is there', async () => (await shown('new.example')) !== undefined);
  assert.equal(await shown('new.example'), 0);
  await eventually('and then its count', async () => (await shown('new.example')) === 1);
});
