/** The actuator `postfix` against a real Postfix: what is paused stays in the queue whole, and leaves when it is undone. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Actuator, Order } from '../../src/actuator.ts';
import postfixType from '../../src/actuators/postfix.ts';
import type { Action, Reach } from '../../src/incident.ts';
import { eventually, folder } from '../exporter.ts';
import { Postfix } from '../mta/postfix.ts';
import { Sink } from '../mta/smtp.ts';
import { MAIN_CF, type Prepared, prepare } from './postfix-setup.ts';

const signal = () => AbortSignal.timeout(60_000);
const order = (id: string, action: Action): Order => ({
  id,
  action,
  reason: 'high_bounce_rate',
  until: Date.now() + 3600_000,
});
const pause = (id: string, reach: Reach) => order(id, { verb: 'pause', reach });

/** What tidies up after a suite. */
type Context = TestContext;

interface Message {
  id: string;
  queue: string;
  sender: string;
}

interface Rig {
  postfix: Postfix;
  prepared: Prepared;
  google: Receiver;
  down: Sink;
  actuator: Actuator;
  queue(name?: string): Message[];
  open(config?: Record<string, unknown>): Actuator;
}

/** gmail.com and yahoo.com take mail, down.example puts it off. */
async function rig(t: Context, set: Record<string, string> = {}): Promise<Rig> {
  const directory = folder(t);
  const [google, down] = [await Receiver.start(t), await Sink.start(t, 'defer')];
  const routes = { 'gmail.com': google, 'yahoo.com': google, 'down.example': down };
  const postfix = await Postfix.start(t, directory, routes as never);
  const prepared = await prepare(directory, set);
  const open = (config: Record<string, unknown> = {}) =>
    postfixType.open(
      postfixType.config.parse({
        ...prepared.config,
        sources: ['mta1'],
        sending_ip: '192.0.2.60',
        providers: { google: ['gmail.com'] },
        campaign_header: 'X-Campaign',
        slow: [
          { transport: 'slow-half', share: 0.5 },
          { transport: 'slow-quarter', share: 0.25 },
        ],
        ...config,
      }) as never,
    );
  const queue = (name?: string) =>
    prepared
      .run('postqueue', ['-j'])
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      .map(({ queue_id, sender, queue_name }) => ({ id: queue_id, sender, queue: queue_name }))
      .filter((one) => name === undefined || one.queue === name);
  return { postfix, prepared, google, down, actuator: open(), queue, open };
}

/** Takes mail and keeps what it was given. */
class Receiver {
  readonly messages: string[] = [];
  readonly port: number;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(t: Context): Promise<Receiver> {
    let receiver: Receiver | undefined;
    const server = createServer((socket) => {
      let data: string[] | undefined;
      socket.write('220 sink\r\n');
      const lines = createInterface({ input: socket }).on('error', () => {});
      lines.on('line', (line) => {
        if (data === undefined) {
          if (line === 'DATA') data = [];
          socket.write(data ? '354 go on\r\n' : '250 ok\r\n');
        } else if (line !== '.') data.push(line);
        else {
          receiver?.messages.push(data.join('\n'));
          data = undefined;
          socket.write('250 ok\r\n');
        }
      });
      socket.on('error', () => {});
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    receiver = new Receiver((server.address() as { port: number }).port);
    return receiver;
  }
}

/** One SMTP session. */
async function session(port: number) {
  const socket = connect(port, '127.0.0.1');
  // A server that hangs up is told by the reply that is missing.
  socket.on('error', () => {});
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const reply = async () => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error('the session ended');
      if (value[3] === ' ') return value as string;
    }
  };
  const say = async (text: string, expected = '250') => {
    socket.write(`${text}\r\n`);
    const said = await reply();
    assert.ok(said.startsWith(expected), `${text}: ${said}`);
  };
  await reply();
  await say('EHLO app.example.com');
  return {
    async send(from: string, to: string, { campaign = '', body = 'Hello.' } = {}) {
      await say(`MAIL FROM:<${from}>`);
      await say(`RCPT TO:<${to}>`);
      await say('DATA', '354');
      await say(`Subject: hello\r\n${campaign && `X-Campaign: ${campaign}\r\n`}\r\n${body}\r\n.`);
    },
    end: () => socket.end('QUIT\r\n'),
  };
}

async function send(port: number, from: string, to: string, more: { campaign?: string; body?: string } = {}) {
  const one = await session(port);
  await one.send(from, to, more);
  one.end();
}

const NEWS = 'news@example.com';
const READER = 'reader@gmail.com';

describe('a real Postfix', { concurrency: false }, () => {
  let it: Rig;
  const tidy: (() => unknown)[] = [];
  before(async () => {
    it = await rig({ after: (task: () => unknown) => tidy.push(task) } as never);
  });
  after(async () => {
    for (const task of tidy.reverse()) await task();
  });
  const onHold = () => it.queue('hold').map(({ sender }) => sender);
  const empty = async () => {
    const onItsWay = () => it.queue().some(({ queue }) => queue === 'active' || queue === 'incoming');
    await eventually('nothing is on its way', () => !onItsWay());
    it.prepared.run('postsuper', ['-d', 'ALL']);
    await eventually('the queue is empty', () => it.queue().length === 0);
    it.google.messages.length = 0;
  };

  test('a domain paused: new mail and mail in the queue wait, and leave whole; what others hold stays', async () => {
    const { prepared, google, actuator, queue, postfix } = it;
    for (let i = 0; i < 3; i++) await send(postfix.port, NEWS, 'reader@down.example');
    await send(postfix.port, 'news@sub.example.com', 'reader@down.example');
    await eventually('mail waits in the queue', () => queue('deferred').length === 4);
    const [admins] = queue('deferred').filter(({ sender }) => sender === NEWS);
    prepared.run('postsuper', ['-h', admins!.id]);

    const order = pause('o1', { source: 'mta1', sending_domain: 'example.com' });
    const before = await actuator.prepare(order, signal());
    assert.deepEqual(before, { held: [admins!.id], routes: {} });
    assert.equal(queue('hold').length, 1, 'prepare changes nothing');
    assert.equal(readFileSync(join(prepared.config.directory, 'hold'), 'utf8'), '');
    await actuator.apply(order, before, signal());
    await actuator.apply(order, before, signal());
    const body = Array.from({ length: 400 }, (_, i) => `line ${i} of grüße, and = signs at its end =`).join('\r\n');
    await send(postfix.port, NEWS, READER, { body, campaign: 'spring' });
    await send(postfix.port, 'news@sub.example.com', READER);
    await send(postfix.port, 'news@example.net', READER);
    await eventually('mail of others leaves', () => google.messages.length === 2);
    assert.deepEqual(onHold(), [NEWS, NEWS, NEWS, NEWS]);

    await actuator.undo(order, before, signal());
    await actuator.undo(order, before, signal());
    assert.deepEqual(
      queue('hold').map(({ id }) => id),
      [admins!.id],
    );
    await eventually('what was paused leaves', () => google.messages.length === 3, 40);
    const [, given = ''] = /\n(Subject: hello\n.*)$/s.exec(google.messages[2]!) ?? [];
    const [top = '', text] = given.split('\n\n');
    assert.equal(text, body.replaceAll('\r\n', '\n'));
    assert.ok(!/hold|order|deliverab/i.test(top), top);
    assert.equal(queue().length, 4, 'what cannot be delivered yet is still there');
    await send(postfix.port, NEWS, READER);
    await eventually('new mail leaves again', () => google.messages.length === 4);
    assert.equal(readFileSync(join(prepared.config.directory, 'orders.json'), 'utf8'), '{}\n');
    await empty();
  });

  test('two orders for the same mail: what the other holds stays until that is undone, too', async () => {
    const { postfix, actuator, queue, open, prepared } = it;
    const domain = pause('domain', { sending_domain: 'example.com' });
    const all = pause('all', { sending_ip: '192.0.2.60' });
    const first = await actuator.prepare(domain, signal());
    await actuator.apply(domain, first, signal());
    await send(postfix.port, NEWS, READER);
    const second = await actuator.prepare(all, signal());
    assert.deepEqual(
      second,
      { held: [], routes: {} },
      'what the first order holds is not taken for an administrator’s',
    );
    await actuator.apply(all, second, signal());
    await send(postfix.port, 'news@example.net', 'reader@yahoo.com');
    assert.equal(queue('hold').length, 2);
    // Another process, which knows only what stands in the file.
    await open().undo(domain, first, signal());
    assert.equal(queue('hold').length, 2);
    // Whoever took the file away is answered by what the order says itself.
    rmSync(join(prepared.config.directory, 'orders.json'));
    await open({ campaign_header: undefined }).undo(all, second, signal());
    assert.equal(queue('hold').length, 0);
    await empty();
  });

  test('a campaign: by its header, in sessions that were open, whatever is in its name', async () => {
    const { postfix, actuator, google, queue } = it;
    const campaign = "Spring & Summer 50% $off 'now'";
    await send(postfix.port, NEWS, 'reader@down.example', { campaign });
    await send(postfix.port, NEWS, 'reader@down.example', { campaign: 'winter' });
    await eventually('mail waits in the queue', () => queue('deferred').length === 2);
    const injector = await session(postfix.port);
    await injector.send(NEWS, READER, { campaign: 'winter' });
    const order = pause('c1', { source: 'mta1', sending_domain: 'example.com', campaign });
    const before = await actuator.prepare(order, signal());
    await actuator.apply(order, before, signal());
    await injector.send(NEWS, READER, { campaign });
    await injector.send(NEWS, READER, { campaign: campaign.toLowerCase() });
    injector.end();
    assert.equal(queue('hold').length, 2);
    await eventually('other campaigns leave', () => google.messages.length === 2);
    await actuator.undo(order, before, signal());
    assert.equal(queue('hold').length, 0);
    await eventually('it leaves', () => google.messages.length === 3, 40);
    await empty();
  });

  test('a provider: mail to its domains waits, mail to others leaves', async () => {
    const { postfix, actuator, google, queue } = it;
    const order = pause('p1', { provider: 'google' });
    const before = await actuator.prepare(order, signal());
    await actuator.apply(order, before, signal());
    await send(postfix.port, NEWS, READER);
    await send(postfix.port, NEWS, 'reader@yahoo.com');
    await eventually('others leave', () => google.messages.length === 1);
    assert.equal(queue('hold').length, 1);
    await actuator.undo(order, before, signal());
    await eventually('it leaves', () => google.messages.length === 2, 40);
    await eventually('nothing is left', () => queue().length === 0);
    await empty();
  });

  test('throttle: mail leaves by the slow transport to where it went before, and by the usual one after undo', async () => {
    const { postfix, actuator, google, prepared } = it;
    const half = order('t1', { verb: 'throttle', reach: { provider: 'google' }, share: 0.5 });
    const quarter = order('t2', { verb: 'throttle', reach: { provider: 'google' }, share: 0.3 });
    const [first, second] = [await actuator.prepare(half, signal()), await actuator.prepare(quarter, signal())];
    assert.deepEqual(first, { held: [], routes: { 'gmail.com': `slow-half:[127.0.0.1]:${google.port}` } });
    assert.deepEqual(second, { held: [], routes: { 'gmail.com': `slow-quarter:[127.0.0.1]:${google.port}` } });
    await actuator.apply(half, first, signal());
    await actuator.apply(quarter, second, signal());
    const domain = order('t3', { verb: 'throttle', reach: { sending_domain: 'example.net' }, share: 0.5 });
    const third = await actuator.prepare(domain, signal());
    prepared.run('postconf', ['-e', `relayhost = [127.0.0.1]:${google.port}`]);
    await actuator.apply(domain, third, signal());
    const by = (key: string) => prepared.run('postmap', ['-q', key, `hash:${prepared.config.directory}/routes`]).trim();
    assert.match(by('gmail.com'), /^slow-quarter:/);
    // trivial-rewrite(8) looks every ten seconds whether a table has changed.
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    const start = Date.now();
    for (let i = 0; i < 4; i++) await send(postfix.port, NEWS, `reader${i}@gmail.com`);
    await eventually('they leave', () => google.messages.length === 4, 60);
    assert.ok(Date.now() - start >= 3000, `4 messages a second apart took ${Date.now() - start} ms`);
    await send(postfix.port, 'news@example.net', 'reader@elsewhere.example');
    await eventually('the relay host has it', () => google.messages.length === 5);
    const log = () => readFileSync(postfix.log, 'utf8');
    await eventually('by the slow transport', () => /slow-half\/smtp\[.*elsewhere/.test(log()));
    assert.equal(log().match(/slow-quarter\/smtp\[.*status=sent/g)?.length, 4);
    await actuator.undo(domain, third, signal());
    prepared.run('postconf', ['-e', 'relayhost =']);
    await actuator.undo(quarter, second, signal());
    assert.match(by('gmail.com'), /^slow-half:/);
    await actuator.undo(half, first, signal());
    assert.throws(() => by('gmail.com'));
    await empty();
  });

  test('throttle of a domain or of everything keeps the relay host; what goes by another transport is refused', async () => {
    const { actuator, prepared } = it;
    const set = (line: string) => prepared.run('postconf', ['-e', line]);
    const routes = async (reach: Reach) => {
      const { routes } = (await actuator.prepare(order('t', { verb: 'throttle', reach, share: 0.5 }), signal())) as {
        routes: unknown;
      };
      return routes;
    };
    const usual = prepared.run('postconf', ['-h', 'transport_maps']).trim();
    const bySender = prepared.run('postconf', ['-h', 'sender_dependent_default_transport_maps']).trim();
    set('relayhost = [relay.example.net]:587');
    assert.deepEqual(await routes({ sending_domain: 'example.com' }), { '@example.com': 'slow-half:' });
    assert.deepEqual(await routes({ sending_ip: '192.0.2.60' }), { all: 'slow-half:' });
    set(`transport_maps = hash:${prepared.config.directory}/routes`);
    assert.deepEqual(await routes({ provider: 'google' }), { 'gmail.com': 'slow-half:[relay.example.net]:587' });
    set(`transport_maps = inline:{{.com=pool2:}}, hash:${prepared.config.directory}/routes`);
    await assert.rejects(routes({ provider: 'google' }), /goes by the transport pool2; prepare a slow one/);
    set(`transport_maps = hash:${prepared.config.directory}/routes`);
    set(`sender_dependent_default_transport_maps = ${bySender}, inline:{{@example.com=pool2:}}`);
    await assert.rejects(routes({ sending_domain: 'example.com' }), /goes by the transport pool2/);
    await assert.rejects(routes({ sending_ip: '192.0.2.60' }), /depends on its sender/);
    await assert.rejects(routes({ provider: 'google' }), /depends on its sender/);
    set('transport_maps =');
    await assert.rejects(routes({ provider: 'google' }), /main\.cf does not ask .*routes by transport_maps/);
    for (const line of [
      'relayhost =',
      `transport_maps = ${usual}`,
      `sender_dependent_default_transport_maps = ${bySender}`,
    ])
      set(line);
  });

  test('what is not set up says what to do', async () => {
    const { open, prepared } = it;
    const domain = pause('e1', { sending_domain: 'example.com' });
    const nothing = { held: [], routes: {} };
    const usual = prepared.run('postconf', ['-h', 'smtpd_sender_restrictions']).trim();
    prepared.run('postconf', ['-e', 'smtpd_sender_restrictions =']);
    await assert.rejects(open().prepare(domain, signal()), /main\.cf does not ask .*hold by sender:; add the line/);
    prepared.run('postconf', ['-e', `smtpd_sender_restrictions = ${usual}`]);
    const missing = open({ directory: join(prepared.config.directory, 'missing') });
    await assert.rejects(
      missing.apply(domain, nothing, signal()),
      /orders\.json cannot be written \(ENOENT\); make a folder/,
    );
    await assert.rejects(
      open({ programs: '/nowhere', command: [] }).prepare(domain, signal()),
      /cannot be run \(ENOENT\)/,
    );
    await assert.rejects(open({ privileged: ['false'] }).undo(domain, { held: 'no' }, signal()), /held/);
    const orders = join(prepared.config.directory, 'orders.json');
    writeFileSync(orders, '{"half": ');
    await assert.rejects(open().prepare(domain, signal()), /says which orders are in force, and cannot be read/);
    rmSync(orders);
    await assert.rejects(
      open().undo(pause('../x y', { sending_domain: 'example.com' }), nothing, signal()),
      /cannot stand/,
    );
  });

  test('without the right to hold, nothing is said to be done, and undo makes it whole', async () => {
    const { open, queue, postfix, prepared } = it;
    await send(postfix.port, NEWS, 'reader@down.example');
    await eventually('mail waits', () => queue('deferred').length === 1);
    const order = pause('half', { sending_domain: 'example.com' });
    const before = await open().prepare(order, signal());
    const powerless = open({ privileged: ['false'] });
    await assert.rejects(powerless.apply(order, before, signal()), /^Error: .*postsuper.* ended with status 1/);
    await send(postfix.port, NEWS, READER);
    assert.equal(queue('hold').length, 1, 'new mail is held all the same');
    await assert.rejects(powerless.undo(order, before, signal()), /postsuper/);
    await open().undo(order, before, signal());
    assert.equal(queue('hold').length, 0);
    assert.equal(readFileSync(join(prepared.config.directory, 'orders.json'), 'utf8'), '{}\n');
    await empty();
  });
});

test('a command that hangs ends with the call, and with all that it started', async (t) => {
  const directory = folder(t);
  const program = join(directory, 'postconf');
  const pid = join(directory, 'pid');
  writeFileSync(program, `#!/bin/sh\ntrap '' TERM\nsleep 300 & echo $! > ${pid}\nwait\nwait\n`);
  chmodSync(program, 0o755);
  const actuator = postfixType.open(postfixType.config.parse({ directory, programs: directory }) as never);
  const began = Date.now();
  const limit = new AbortController();
  const asked = actuator.prepare(pause('h1', { sending_domain: 'example.com' }), limit.signal);
  await eventually('it hangs', () => existsSync(pid) && readFileSync(pid, 'utf8') !== '');
  limit.abort();
  await assert.rejects(asked, /did not end in time, and was ended/);
  assert.ok(Date.now() - began < 15_000);
  const sleeper = Number(readFileSync(pid, 'utf8'));
  await eventually('what it started is gone', () => !existsSync(`/proc/${sleeper}`));
  await assert.rejects(actuator.prepare(pause('h2', { sending_domain: 'example.com' }), limit.signal), /was not begun/);
});

test('two changes of a table are never in one second, for daemons would miss the second', async (t) => {
  const directory = folder(t);
  const made = join(directory, 'made');
  const says = { postconf: `echo 'header_checks = campaign: hash:${directory}/hold'`, postmap: `date +%s >> ${made}` };
  for (const program of ['postconf', 'postmap', 'postqueue', 'postcat', 'postsuper']) {
    const script = says[program as keyof typeof says] ?? '';
    writeFileSync(join(directory, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const config = { directory, programs: directory, campaign_header: 'X-Campaign' };
  const actuator = postfixType.open(postfixType.config.parse(config) as never);
  for (const campaign of ['spring', 'summer', 'winter']) {
    const it = pause(campaign, { campaign });
    await actuator.apply(it, await actuator.prepare(it, signal()), signal());
  }
  const seconds = readFileSync(made, 'utf8').trim().split('\n');
  assert.equal(new Set(seconds).size, 3, seconds.join(' '));
});

test('what is tested here is what the page tells to set up', () => {
  const page = readFileSync('docs/actuators.md', 'utf8');
  for (const [key, value] of Object.entries(MAIN_CF)) {
    const line = `${key} = ${value.replaceAll('hash:DIRECTORY', 'lmdb:/etc/postfix/deliverability')}\n`;
    assert.ok(page.includes(line), line);
  }
});
