/**
 * The Haraka plugin (plugins/haraka) against the real exporter. It runs in a context like the one that Haraka 3.3.4 gives its
 * plugins, and is told what that Haraka was seen to tell: the shapes below are from a run of it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { type Exporter, eventually, folder, startExporter } from './exporter.ts';

const CODE = readFileSync('plugins/haraka/deliverability_exporter.js', 'utf8');
/** Milliseconds from which a timer is there to not come: it does not hold up the end of the tests. */
const LONG = 100_000;
const TOKEN = 'token-of-the-test';

interface Plugin {
  /** Runs what is registered for the hook as Haraka does, and fails unless it goes on at once, once and without an answer. */
  hook(name: string, ...told: unknown[]): void;
  shutdown(): void;
  /** What process.on('exit') would run. */
  exit(): void;
  log: string[];
  /** Milliseconds of every timer that was set. */
  timers: number[];
}

/** `hurry` divides the pauses, not the plugin's own idea of them. It rests when the test is over. */
function load(t: TestContext, ini: Record<string, string | number>, hurry = 1): Plugin {
  const hooks = new Map<string, string>();
  const log: string[] = [];
  const timers: number[] = [];
  const exits: (() => void)[] = [];
  let over = false;
  t.after(() => {
    over = true;
  });
  const say = (level: string) => (message: string) => log.push(`${level} ${message}`);
  const plugin: Record<string, unknown> = {
    name: 'deliverability_exporter',
    config: { get: (file: string) => ({ main: file === 'deliverability_exporter.ini' ? ini : {} }) },
    register_hook: (hook: string, method: string) => hooks.set(hook, method),
  };
  for (const level of ['debug', 'info', 'notice', 'warn', 'error', 'crit']) plugin[`log${level}`] = say(level);
  const after = (work: () => void, ms: number): NodeJS.Timeout => {
    timers.push(ms);
    const timer = setTimeout(() => over || work(), ms / hurry);
    return ms > LONG ? timer.unref() : timer;
  };
  const call = (method: string, ...args: unknown[]): void => {
    (plugin[method] as (...args: unknown[]) => void).call(plugin, ...args);
  };
  runInNewContext(`"use strict";${CODE}`, {
    require: createRequire(import.meta.url),
    exports: plugin,
    process: { pid: 4711, on: (_: 'exit', work: () => void) => exits.push(work) },
    setTimeout: after,
    clearTimeout,
    setInterval,
    clearInterval,
    setImmediate,
    fetch,
    Buffer,
    Math,
    server: {},
  });
  call('register');
  return {
    log,
    timers,
    shutdown: () => call('shutdown'),
    exit: () => exits.forEach((work) => void work()),
    hook(name, ...told) {
      const answers: unknown[][] = [];
      call(hooks.get(name)!, (...answer: unknown[]) => answers.push(answer), ...told);
      assert.deepEqual(answers, [[]], `${name} goes on at once`);
    },
  };
}

// ---- what Haraka hands to its hooks

interface Address {
  user: string | null;
  host: string | null;
  original: string;
  reason?: string;
}

const address = (text: string, reason?: string): Address => {
  const at = text.lastIndexOf('@');
  return {
    user: at < 0 ? null : text.slice(0, at),
    host: at < 0 ? null : text.slice(at + 1),
    original: `<${text}>`,
    ...(reason === undefined ? {} : { reason }),
  };
};

interface Queued {
  filename: string;
  num_failures: number;
  todo: { queue_time: number; rcpt_to: Address[]; mail_from: Address; notes: Record<string, unknown>; uuid: string };
  try_deliver_host_on_socket?(mx: object, host: string, port: number, socket: object): void;
}

let files = 0;
/** A queue item as Haraka makes it, also of recipients that it splits off: same uuid, other file. */
function queued(uuid: string, from: string, to: string[], notes: Record<string, unknown> = {}): Queued {
  const now = Date.now();
  return Object.assign(Object.create({ try_deliver_host_on_socket() {} }) as object, {
    filename: `${now}_${now}_0_24980_IDnVvz_${++files}_mta1`,
    num_failures: 0,
    todo: {
      queue_time: now - 5000,
      domain: address(to[0]!).host,
      rcpt_to: to.map((one) => address(one)),
      mail_from: address(from),
      notes,
      uuid,
      force_tls: false,
    },
  }) as Queued;
}

const SOCKET = { targetsocket: { localAddress: '::ffff:192.0.2.10' } };
const connect = (mail: Queued, mx: object = {}, socket: object = SOCKET) =>
  mail.try_deliver_host_on_socket!(mx, '198.51.100.25', 25, socket);
const delivered = (plugin: Plugin, mail: Queued, to = mail.todo.rcpt_to, mode = 'SMTP') =>
  plugin.hook('delivered', mail, ['mx.example.com', '198.51.100.25', 'Ok: queued', 0.28, 25, mode, to, false, false]);

/** Queues `count` mails and lets each arrive: two events a mail. */
function mails(plugin: Plugin, count: number, name = 'MAIL'): void {
  for (let i = 0; i < count; i++) {
    const mail = queued(`${name}-${i}.1.1`, 'bounce@news.example.org', ['ana@example.com']);
    plugin.hook('send_email', mail);
    connect(mail);
    delivered(plugin, mail);
  }
}

// ---- those that it posts to

const SOURCES = 'scrape_interval: 1s\nsources:\n  haraka: { auth: { bearer: [ { env: HARAKA_TOKEN } ] } }\n';

const exporter = (t: TestContext): Promise<Exporter> =>
  startExporter(t, { config: SOURCES, env: { HARAKA_TOKEN: TOKEN } });

function tokenFile(t: TestContext, token = TOKEN): string {
  const file = join(folder(t), 'token');
  writeFileSync(file, `${token}\n`);
  return file;
}

interface Event {
  id: string;
  event: string;
  [key: string]: unknown;
}

interface Listener {
  url: string;
  posts: { headers: IncomingHttpHeaders; body: string; events: Event[] }[];
}

/** Keeps what is posted, and answers with what `answer` says of the post (counted from 0); undefined never answers. */
async function listen(t: TestContext, answer: (post: number) => number | undefined, port = 0): Promise<Listener> {
  const posts: Listener['posts'] = [];
  const handle: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const status = answer(posts.length);
    posts.push({ headers: request.headers, body, events: JSON.parse(body) as Event[] });
    if (status !== undefined) response.writeHead(status).end();
  };
  const server = createServer(handle).listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/haraka`, posts };
}

const events = (listener: Listener): Event[] => listener.posts.flatMap((post) => post.events);

// ---- tests

test('a mail of which one recipient took it, two said later and one is gone, is counted by the exporter', async (t) => {
  const { url, metric } = await exporter(t);
  const ini = { url: `${url}/hooks/haraka`, token_file: tokenFile(t), campaign_header: 'X-Campaign', wait: 0.1 };
  const plugin = load(t, ini);
  const header = { 'X-Campaign': 'spring\n', From: '"News, daily" <hello@News.Example.org>\n' };
  const notes: Record<string, unknown> = { skip_plugins: [] };
  plugin.hook('pre_send_trans_email', {
    transaction: { header: { get: (name: keyof typeof header) => header[name] ?? '' }, notes },
  });
  const uuid = '2505E9F5-094F-48D5-A29D-CD3EAF435FC7.1.1';
  const envelope = 'bounce@mail.example.org';
  // Notes come back from the queue file as JSON.
  const kept = JSON.parse(JSON.stringify(notes)) as typeof notes;
  const mail = queued(uuid, envelope, ['ok@a.example', 'ana@a.example', 'gone@a.example', 'ben@a.example'], kept);
  plugin.hook('send_email', mail);
  const mx = { exchange: '127.0.0.1', priority: 0, port: 25 };
  connect(mail, mx);
  delivered(plugin, mail, [mail.todo.rcpt_to[0]!]);
  const later = queued(uuid, envelope, ['ana@a.example', 'ben@a.example'], kept);
  later.num_failures = 1;
  plugin.hook('deferred', later, {
    delay: 64,
    err: 'Some recipients temp failed: <ana@a.example>, <ben@a.example>',
    fail_recips: ['ana', 'ben'].map((who) => address(`${who}@a.example`, `451 4.7.1 <${who}@a.example>: greylisted`)),
    mx,
  });
  const refused = address('gone@a.example', '550 5.1.1 The account gone@a.example does not exist');
  plugin.hook(
    'bounce',
    queued(uuid, envelope, ['gone@a.example'], kept),
    Object.assign(new Error('Some recipients failed: <gone@a.example>'), { mx, bounced_rcpt: [refused] }),
  );

  await eventually('the events are counted', async () => {
    return (await metric('deliverability_exporter_events_total', { source: 'haraka', result: 'counted' })) === 8;
  });
  const resource = { source: 'haraka', sending_domain: 'news.example.org' };
  const from = { ...resource, sending_ip: '192.0.2.10' };
  await eventually('they are shown', async () => (await metric('email_bounced_total', from)) === 1);
  assert.equal(await metric('email_accepted_total', resource), 4);
  assert.equal(await metric('email_delivered_total', from), 1);
  assert.equal(await metric('email_deferred_total', { ...from, reason: 'greylist' }), 2);
  assert.equal(await metric('email_bounced_total', { ...from, class: 'hard', reason: 'invalid_recipient' }), 1);
  assert.equal(await metric('email_campaign_delivered_total', { campaign: 'spring' }), 1);
  const seconds = await metric('email_delivery_duration_seconds_sum', from);
  assert.ok(seconds !== undefined && seconds >= 5 && seconds < 60, `${seconds} s`);
  assert.deepEqual(plugin.log, []);
});

test('an answer that gets lost makes the same batch come again, and the exporter counts it once', async (t) => {
  const { url, metric } = await exporter(t);
  let lost = 0;
  const between = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = { authorization: request.headers.authorization!, 'content-type': 'application/json' };
    const answer = await fetch(`${url}/hooks/haraka`, { method: 'POST', headers, body: Buffer.concat(chunks) });
    if (lost++ < 2) request.socket.destroy();
    else response.writeHead(answer.status).end();
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  t.after(() => between.close());
  const { port } = between.address() as AddressInfo;
  const plugin = load(t, { url: `http://127.0.0.1:${port}/`, token_file: tokenFile(t), timeout: 600 }, 20);
  mails(plugin, 3);
  const of = (result: string) => metric('deliverability_exporter_events_total', { source: 'haraka', result });
  await eventually('all have come three times', async () => (await of('duplicate')) === 12);
  assert.equal(await of('counted'), 6);
});

test('it comes back after 1, 2, 4 … 60 seconds while the exporter is busy or away, with the same ids', async (t) => {
  const { url, posts } = await listen(t, (post) => (post < 8 ? 503 : 200));
  const plugin = load(t, { url, timeout: 600 }, 200);
  mails(plugin, 2);
  await eventually('the ninth post', () => posts.length === 9);
  await eventually('it says so', () => plugin.log.some((line) => line.startsWith('notice')));
  for (const post of posts) assert.equal(post.body, posts[0]!.body);
  const pauses = plugin.timers.filter((ms) => ms !== 600_000).slice(1);
  const steps = [1, 2, 4, 8, 16, 32, 60, 60];
  assert.equal(pauses.length, steps.length);
  for (const [i, step] of steps.entries())
    assert.ok(pauses[i]! >= step * 800 && pauses[i]! <= step * 1200, `${pauses[i]} ms are ${step} s`);
  assert.equal(plugin.log.filter((line) => line.startsWith('warn')).length, 1, 'one line, not one for each failure');
});

test('an exporter that never answers is given up after the timeout, and asked again', async (t) => {
  const { url, posts } = await listen(t, (post) => (post === 0 ? undefined : 200));
  const plugin = load(t, { url, wait: 0.01, timeout: 0.2 });
  mails(plugin, 1);
  await eventually('it came again', () => posts.length === 2);
  assert.equal(posts[1]!.body, posts[0]!.body);
  assert.match(plugin.log[0]!, /no answer in 0\.2 s/);
});

test('beyond the bound events are dropped, and the log says so at once', async (t) => {
  const { url, posts } = await listen(t, () => 503);
  const plugin = load(t, { url, max_queue: 10, timeout: 600 }, 20);
  mails(plugin, 14);
  assert.deepEqual(plugin.log, ['error 1 events dropped and not counted: 10 (max_queue) were waiting']);
  await eventually('it posts', () => posts.length > 0);
  assert.equal(posts[0]!.events.length, 10);
});

test('after the exporter came back, the log says what was dropped in between', async (t) => {
  const { url, posts } = await listen(t, (post) => (post === 0 ? 503 : 200));
  const plugin = load(t, { url, max_queue: 10, timeout: 600 }, 20);
  mails(plugin, 14);
  await eventually('the second post', () => posts.length === 2);
  await eventually('both lines', () => plugin.log.filter((line) => line.includes('dropped')).length === 2);
  const dropped = plugin.log.map((line) => Number(/^error (\d+) events dropped/.exec(line)?.[1] ?? 0));
  assert.equal(
    dropped.reduce((sum, n) => sum + n, 0),
    18,
  );
});

test('a token that was changed is read anew, and a wrong one is told', async (t) => {
  const { url, metric } = await exporter(t);
  const token_file = tokenFile(t, 'token-of-old');
  const plugin = load(t, { url: `${url}/hooks/haraka`, token_file, timeout: 600 }, 20);
  mails(plugin, 1);
  await eventually('it is told', () => plugin.log.length === 1);
  assert.match(plugin.log[0]!, /^warn .*401, the token is not the one/);
  writeFileSync(token_file, TOKEN);
  const counted = { source: 'haraka', result: 'counted' };
  await eventually('counted', async () => (await metric('deliverability_exporter_events_total', counted)) === 2);
  assert.doesNotMatch(plugin.log.join(), /token-of/);
});

test('a token file that is not there holds the mail up as little as anything', async (t) => {
  const { url, posts } = await listen(t, () => 200);
  const token_file = join(folder(t), 'none');
  const plugin = load(t, { url, token_file, timeout: 600 }, 20);
  mails(plugin, 1);
  await eventually('it is told', () => plugin.log.some((line) => line.includes('token_file cannot be read (ENOENT)')));
  writeFileSync(token_file, TOKEN);
  await eventually('it is posted', () => posts.length === 1);
  assert.equal(posts[0]!.headers.authorization, `Bearer ${TOKEN}`);
});

test('only domains leave the machine', async (t) => {
  const listener = await listen(t, () => 200);
  const plugin = load(t, { url: listener.url, wait: 0.01, campaign_header: 'X-Campaign' });
  const header = {
    get: (name: string) => (name === 'From' ? 'Zoe <zoe.writer@example.org>\n' : 'for ben.reader@example.com\n'),
  };
  const notes: Record<string, unknown> = {};
  plugin.hook('pre_send_trans_email', { transaction: { header, notes } });
  const mail = queued('U.1.1', 'bounce+ben.reader=example.com@news.example.org', ['ben.reader+tag@example.com'], notes);
  plugin.hook('send_email', mail);
  connect(mail);
  delivered(plugin, mail);
  const replies = [
    'Upstream error: 450 4.2.1 <ben.reader+tag@example.com>: mailbox Ben.Reader is over quota',
    "550 5.1.1 user 'ben.reader+tag' unknown, see https://example.com/?rcpt=ben.reader%2Btag%40example.com&x=1",
    'Too many failures (Upstream error: 451 4.7.1 ben.reader: later)',
  ];
  for (const reply of replies) plugin.hook('bounce', mail, new Error(reply));
  plugin.hook('deferred', mail, {
    delay: 64,
    err: 'Some recipients temp failed: <ben.reader+tag@example.com>',
    fail_recips: [],
  });
  await eventually('all are posted', () => events(listener).length === 6);
  const posted = listener.posts.map((post) => post.body).join('\n');
  assert.doesNotMatch(posted, /ben|reader|zoe|writer|tag|bounce\+/i);
  assert.doesNotMatch(posted.replaceAll('*@', ''), /@/);
  assert.deepEqual(
    events(listener).flatMap(({ reply }) => (reply === undefined ? [] : [reply])),
    [
      'Upstream error: 450 4.2.1 <*@example.com>: mailbox * is over quota',
      "550 5.1.1 user '*' unknown, see https://example.com/?rcpt=*%40example.com&x=1",
      'Too many failures (Upstream error: 451 4.7.1 *: later)',
      '',
    ],
  );
});

test("Haraka's own bounce messages and deliveries into a mailbox of ours are not told", async (t) => {
  const listener = await listen(t, () => 200);
  const plugin = load(t, { url: listener.url, wait: 0.01 });
  const notice = queued('N.1', '', ['ana@example.org']);
  plugin.hook('send_email', notice);
  connect(notice);
  delivered(plugin, notice);
  const local = queued('L.1', 'bounce@example.net', ['ana@example.org']);
  local.num_failures = 1;
  plugin.hook('send_email', local);
  connect(local, { using_lmtp: true });
  delivered(plugin, local, undefined, 'LMTP');
  mails(plugin, 1, 'TOLD');
  await eventually('the mail that goes out', () => listener.posts.length === 1);
  assert.deepEqual(
    events(listener).map(({ id }) => id.slice(0, 4)),
    ['TOLD', 'TOLD'],
  );
});

test('every attempt of every recipient has an id of its own, and accepted has one however often it is told', async (t) => {
  const listener = await listen(t, () => 200);
  const plugin = load(t, { url: listener.url, wait: 0.01 });
  const mail = queued('U.1.1', 'bounce@example.org', ['ana@example.com', 'ben@example.com']);
  for (let attempt = 0; attempt < 3; attempt++) {
    plugin.hook('send_email', mail);
    // Haraka started again before the first attempt came to an end: the file has another name, the failures are still none.
    if (attempt === 0) plugin.hook('send_email', Object.assign(Object.create(mail) as Queued, { filename: 'renamed' }));
    mail.num_failures++;
    plugin.hook('deferred', mail, { delay: 64, err: 'Tried all MXs' });
    mail.filename = queued('', 'a@b', ['a@b']).filename;
  }
  delivered(plugin, mail);
  await eventually('all are posted', () => events(listener).length === 12);
  const ids = (word: string) =>
    events(listener)
      .filter(({ event }) => event === word)
      .map(({ id }) => id);
  assert.equal(new Set(ids('accepted')).size, 2);
  assert.equal(ids('accepted').length, 4);
  assert.equal(new Set(ids('deferred')).size, 6);
  assert.equal(new Set(events(listener).map(({ id }) => id)).size, 10);
});

test('no event has an address where Haraka does not show its connections, and none has that of an earlier attempt', async (t) => {
  const listener = await listen(t, () => 200);
  const plugin = load(t, { url: listener.url, wait: 0.01 });
  const mail = queued('U.1.1', 'bounce@example.org', ['ana@example.com']);
  plugin.hook('send_email', mail);
  connect(mail, {}, { localAddress: '2001:db8::19' });
  mail.num_failures++;
  plugin.hook('deferred', mail, { delay: 64, err: 'Upstream error: 421 4.7.0 later' });
  plugin.hook('send_email', mail);
  plugin.hook('deferred', mail, { delay: 64, err: 'Tried all MXs' });
  const hidden = Object.setPrototypeOf(queued('V.1.1', 'bounce@example.org', ['ana@example.com']), null) as Queued;
  plugin.hook('send_email', hidden);
  plugin.hook('bounce', hidden, Object.assign(new Error('550 no'), { mx: { bind: '192.0.2.99' } }));
  await eventually('all are posted', () => events(listener).length === 5);
  assert.deepEqual(
    events(listener).map(({ event, local_ip }) => [event, local_ip]),
    [
      ['accepted', undefined],
      ['deferred', '2001:db8::19'],
      ['deferred', undefined],
      ['accepted', undefined],
      ['bounced', undefined],
    ],
  );
  assert.deepEqual(plugin.log, ['warn this Haraka does not show its connections: events have no sending address']);
});

test('hooks that are told something else go on, and so does Haraka without a url', (t) => {
  const plugin = load(t, { url: 'http://127.0.0.1:9/' });
  for (const hook of ['send_email', 'pre_send_trans_email', 'deferred', 'bounce']) plugin.hook(hook, {}, {});
  plugin.hook('delivered', queued('U', 'a@example.org', ['b@example.com']), undefined);
  const errors = plugin.log.filter((line) => line.startsWith('error'));
  assert.equal(errors.length, 5);
  for (const line of errors) assert.match(line, /^error an event of the hook \w+ was not understood/);
  const unset = load(t, {});
  assert.match(unset.log.join(), /^crit .* has no url/);
});

test('what the exporter will never take is put away, so that it does not stand in the way of the rest', async (t) => {
  const answers = [413, 413, 400];
  const { url, posts } = await listen(t, (post) => answers[post] ?? 200);
  const plugin = load(t, { url, batch: 4, timeout: 600, wait: 0.01 });
  mails(plugin, 2);
  await eventually('all are posted or put away', () => posts.length === 6);
  assert.deepEqual(
    posts.map((post) => post.events.length),
    [4, 2, 1, 1, 1, 1],
  );
  await eventually('it is told', () => plugin.log.length === 1);
  assert.match(plugin.log[0]!, /^error the exporter refused 1 events for good \(400\)/);
});

test('a graceful stop posts at once what waits', async (t) => {
  const { url, posts } = await listen(t, () => 200);
  const plugin = load(t, { url, wait: 3600 });
  mails(plugin, 2);
  plugin.shutdown();
  await eventually('it is posted', () => posts.length === 1);
  assert.equal(posts[0]!.events.length, 4);
});

test('what is unsent when the process ends is posted by the next one, and counted once', async (t) => {
  const { url, metric } = await exporter(t);
  const stuck = await listen(t, () => undefined);
  const directory = folder(t);
  const ini = { token_file: tokenFile(t), pending_file: join(directory, 'events'), timeout: 600 };
  const plugin = load(t, { ...ini, url: stuck.url, wait: 0.01 });
  mails(plugin, 2);
  await eventually('a post is on its way', () => stuck.posts.length === 1);
  mails(plugin, 1, 'LATER');
  plugin.exit();
  const file = join(directory, 'events.4711');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  // The post on its way arrived after all.
  const headers = { authorization: `Bearer ${TOKEN}` };
  assert.equal(
    (await fetch(`${url}/hooks/haraka`, { method: 'POST', headers, body: stuck.posts[0]!.body })).status,
    200,
  );
  writeFileSync(join(directory, 'events.claimed'), 'not one of ours');
  load(t, { ...ini, url: `${url}/hooks/haraka`, wait: 0.01 });
  assert.deepEqual(readdirSync(directory), ['events.claimed']);
  const of = (result: string) => metric('deliverability_exporter_events_total', { source: 'haraka', result });
  await eventually('all are counted', async () => (await of('counted')) === 6);
  await eventually('once', async () => (await of('duplicate')) === 4);
  const idle = load(t, { ...ini, url: `${url}/hooks/haraka` });
  idle.exit();
  assert.ok(!existsSync(file), 'nothing waits, so nothing is written');
});
