/** The demo feed against a server that records what it is told: every post genuine, well-formed, and of the same world. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createPublicKey, createVerify } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { TELLS_ADDRESS, TELLS_SECONDS } from '../demo/history.ts';
import { writeKeys } from '../demo/keys.ts';
import { Outbox } from '../demo/outbox.ts';
import { Plan } from '../demo/plan.ts';
import { joined } from '../demo/replies.ts';
import { dayCurve, eventsPerMessage, type Fact, Traffic } from '../demo/traffic.ts';
import { replyTo, told } from '../demo/voice.ts';
import { kumoRecord } from '../demo/voices/kumomta.ts';
import { postfixLines } from '../demo/voices/postfix.ts';
import { pushEvent } from '../demo/voices/push.ts';
import { sendgridBody, sendgridEvent } from '../demo/voices/sendgrid.ts';
import { FAULTS, type Fault, INCIDENTS, type IncidentName, MAILBOXES, STREAMS } from '../demo/world.ts';
import { parseConfig } from '../src/config.ts';
import { providerOf } from '../src/mailbox-provider.ts';
import { catalogue } from '../src/metrics.ts';
import { classify } from '../src/reply.ts';
import type { Post, Source } from '../src/source.ts';
import kumomta from '../src/sources/kumomta.ts';
import postfix from '../src/sources/postfix.ts';
import push, { parseMeasurements } from '../src/sources/push.ts';
import sendgrid from '../src/sources/sendgrid.ts';
import { tool } from '../stack/tools.ts';

const ROOT = join(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'demo-'));
writeKeys(dir);
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(dir, { recursive: true });
});

interface Recorded {
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Records every post and answers with what `answer` says. */
async function recorder(answer: (nth: number) => number = () => 200) {
  const posts: Recorded[] = [];
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    posts.push({ path: request.url!, headers: request.headers, body: Buffer.concat(chunks) });
    server.emit('recorded');
    response.writeHead(answer(posts.length)).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const until = async (enough: () => boolean): Promise<void> => {
    while (!enough()) await once(server, 'recorded');
  };
  return { posts, url, until, close: () => server.close().closeAllConnections() };
}

interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

function demo(...args: string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'demo/main.ts'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  const ended = once(child, 'close').then(([status, signal]): Ended => ({ status, signal, ...said }));
  return { child, said, ended };
}

const bodies = (posts: readonly Recorded[], path: string): Recorded[] => posts.filter((p) => p.path === path);
const items = (posts: readonly Recorded[], path: string): Record<string, unknown>[] =>
  bodies(posts, path).flatMap((p) => JSON.parse(p.body.toString()) as Record<string, unknown>[]);
const asPost = ({ headers, body }: Recorded): Post => ({ headers, body });

/** The real ones, by where they are posted to. */
const sources = (): Record<string, Source> => {
  const signed = sendgrid.open(
    sendgrid.config.parse({ public_keys: [readFileSync(join(dir, 'sendgrid.pub'), 'utf8')] }),
  );
  return {
    '/hooks/sendgrid': signed,
    '/hooks/sendgrid-shop': signed,
    '/hooks/kumo': kumomta.open(kumomta.config.parse({})),
    '/api/v1/events': push.open(),
  };
};

/** One run, told of by every test that follows: rate high, so that everything that can happen does so soon. */
const log = join(dir, 'mail.log');
const record = async () => {
  const server = await recorder();
  const feed = demo(
    ...[`--target=${server.url}`, `--keys=${dir}`, `--postfix-log=${log}`, '--seed=7', '--rate=600'],
    ...['--incident=bounce_storm', '--incident-after=1', '--speed=2'],
  );
  await server.until(() => {
    const words = new Set(items(server.posts, '/hooks/sendgrid').map((e) => e.event));
    return words.size >= 7 && server.posts.length > 20 && /status=(deferred|bounced)/.test(readFileSync(log, 'utf8'));
  });
  feed.child.kill('SIGTERM');
  const ended = await feed.ended;
  server.close();
  return { posts: server.posts, ended, lines: readFileSync(log, 'utf8').trimEnd().split('\n') };
};
let recorded: ReturnType<typeof record> | undefined;
const run = (): ReturnType<typeof record> => {
  recorded ??= record();
  return recorded;
};

describe('what is posted', () => {
  it('by SendGrid is signed over timestamp and body, and an altered body is not', async () => {
    const { posts } = await run();
    const key = createPublicKey({
      key: Buffer.from(readFileSync(join(dir, 'sendgrid.pub'), 'utf8').trim(), 'base64'),
      format: 'der',
      type: 'spki',
    });
    const signed = [...bodies(posts, '/hooks/sendgrid'), ...bodies(posts, '/hooks/sendgrid-shop')];
    assert.ok(signed.length > 2);
    for (const { headers, body } of signed) {
      const timestamp = String(headers['x-twilio-email-event-webhook-timestamp']);
      const signature = String(headers['x-twilio-email-event-webhook-signature']);
      const genuine = (bytes: Buffer): boolean =>
        createVerify('sha256').update(timestamp).update(bytes).verify(key, signature, 'base64');
      assert.match(timestamp, /^\d{10}$/);
      assert.ok(genuine(body));
      const altered = Buffer.from(body);
      altered[5]! ^= 1;
      assert.ok(!genuine(altered));
      assert.ok(body.toString().endsWith('}]\r\n'));
    }
  });

  it('by SendGrid has the fields that its events have, and no others tell a sending address', async () => {
    const { posts } = await run();
    const fields: Record<string, string[]> = {
      processed: ['smtp-id', 'send_at'],
      delivered: ['smtp-id', 'ip', 'tls', 'response'],
      deferred: ['smtp-id', 'ip', 'tls', 'response', 'attempt'],
      bounce: ['smtp-id', 'ip', 'tls', 'type', 'status', 'reason', 'bounce_classification'],
      dropped: ['smtp-id', 'reason', 'status'],
      open: ['ip', 'useragent', 'sg_machine_open'],
      click: ['ip', 'useragent', 'url', 'url_offset'],
      spamreport: [],
      group_unsubscribe: ['ip', 'useragent', 'url', 'asm_group_id'],
    };
    const common = ['email', 'timestamp', 'sg_message_id', 'sg_event_id', 'category', 'event'];
    for (const event of [...items(posts, '/hooks/sendgrid'), ...items(posts, '/hooks/sendgrid-shop')]) {
      const own = fields[String(event.event)];
      assert.ok(own, `event ${event.event}`);
      assert.deepEqual(Object.keys(event).sort(), [...common, ...own].sort());
      assert.ok(Number.isInteger(event.timestamp) && Math.abs(Number(event.timestamp) * 1000 - Date.now()) < 3e5);
      if (event.event === 'bounce') assert.match(String(event.status), /^[45]\.\d+\.\d+$/);
    }
    const ids = items(posts, '/hooks/sendgrid').map((e) => e.sg_event_id);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('is let in and understood by the sources', async () => {
    const { posts } = await run();
    for (const [path, source] of Object.entries(sources())) {
      for (const post of bodies(posts, path)) {
        assert.notEqual(source.authenticate?.(asPost(post), Date.now()), false);
        const { events, ignored, unknown, invalid } = source.parse(asPost(post), Date.now());
        assert.deepEqual([ignored, unknown, invalid], [0, [], 0]);
        assert.equal(events.length, (JSON.parse(post.body.toString()) as unknown[]).length);
      }
    }
    for (const { body } of bodies(posts, '/api/v1/measurements')) {
      const { measurements, invalid } = parseMeasurements(body);
      assert.deepEqual(invalid, []);
      assert.ok(measurements.length > 0);
    }
  });

  it('by Postfix is a log: stamp, host, service, queue id, and every status known to its queue manager before', async () => {
    const { lines } = await run();
    const active = new Set<string>();
    for (const line of lines) {
      const parts =
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d mta1 postfix\/(\w+)\[\d+\]: ([0-9A-F]{10}): (.+)$/.exec(
          line,
        );
      assert.ok(parts, line);
      const [, service, id, text] = parts;
      if (service === 'qmgr' && text!.endsWith('(queue active)')) active.add(id!);
      if (service !== 'smtp') continue;
      assert.match(
        text!,
        /^to=<[^>]+>, relay=(none|[^,]+\]:25), delay=[\d.]+, delays=[\d.]+(\/[\d.]+){3}, dsn=[245]\.\d+\.\d+, status=(sent|deferred|bounced) \(.+\)$/,
      );
      assert.ok(active.has(id!), line);
    }
    assert.ok(active.size > 10);
  });

  it('names no sender but those of example domains and documentation addresses, and no recipient that is anybody', async () => {
    const { posts, lines } = await run();
    const all = `${posts.map((p) => p.body.toString()).join('\n')}\n${lines.join('\n')}`;
    const documentation = /^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$/;
    for (const [address] of all.matchAll(/(?<![\d.])\d{1,3}(\.\d{1,3}){3}(?![\d.])/g))
      assert.match(address, documentation);
    const domains = new Set<string>(MAILBOXES.map(({ domain }) => domain));
    for (const [, local, domain] of all.matchAll(/([\w.+-]+)@([\w.-]+\w)/g)) {
      if (domains.has(domain!)) assert.match(local!, /^(recipient-\d{7}|main|[0-9a-f]{11})$/);
      else assert.match(domain!, /(^|\.)example(\.com|\.net|\.org)?$|^geopod-ismtpd-\d$/);
    }
    for (const { domain } of STREAMS) assert.match(domain, /\.example\.(com|net|org)$/);
  });

  it('goes with the credentials of its feed', async () => {
    const { posts } = await run();
    const secret = (name: string): string => readFileSync(join(dir, name), 'utf8').trim();
    const expected: Record<string, string> = {
      '/hooks/kumo': `Bearer ${secret('kumo.token')}`,
      '/api/v1/events': `Bearer ${secret('push.token')}`,
      '/api/v1/measurements': `Bearer ${secret('push.token')}`,
    };
    for (const [path, authorization] of Object.entries(expected)) {
      assert.ok(bodies(posts, path).length > 0, path);
      for (const { headers } of bodies(posts, path)) assert.equal(headers.authorization, authorization);
    }
  });
});

describe('a run', () => {
  it('stops on SIGTERM, says what it did, and told of the incident once, at its first bad event', async () => {
    const { ended, posts } = await run();
    assert.deepEqual([ended.status, ended.signal], [0, null]);
    assert.match(ended.err, /\d+ delivered.*0 items given up/);
    const said = ended.out.trim().split('\n');
    assert.equal(said.length, 1);
    const incident = JSON.parse(said[0]!) as Record<string, unknown>;
    const { first_bad_event_at: at, ...rest } = incident;
    assert.deepEqual(rest, {
      issue_type: 'high_bounce_rate',
      incident: 'bounce_storm',
      sending_domain: 'news.example.com',
    });
    const storm = items(posts, '/hooks/sendgrid').filter(
      (e) => e.event === 'bounce' && String(e.category) === 'win-back',
    );
    const first = Math.min(...storm.map((e) => Number(e.timestamp)));
    assert.equal(Math.floor(Number(at) / 1000), first);
  });

  it('posts the Postfix lines when there is no file to append them to', async () => {
    const server = await recorder();
    const feed = demo(`--target=${server.url}`, `--keys=${dir}`, '--rate=200', '--incident=none');
    await server.until(() => bodies(server.posts, '/hooks/mta1').length > 0);
    feed.child.kill('SIGINT');
    assert.equal((await feed.ended).status, 0);
    server.close();
    const [post] = bodies(server.posts, '/hooks/mta1');
    assert.match(post!.body.toString(), /postfix\/\w+\[\d+\]: [0-9A-F]{10}: .+\n$/);
    const password = readFileSync(join(dir, 'vector.password'), 'utf8').trim();
    assert.equal(post!.headers.authorization, `Basic ${btoa(`vector:${password}`)}`);
  });

  it('with the same seed tells the same, apart from clock and ids', async () => {
    const told = async (seed: number): Promise<string[]> => {
      const server = await recorder();
      const feed = demo(`--target=${server.url}`, `--keys=${dir}`, `--seed=${seed}`, '--rate=400', '--incident=none');
      await server.until(() => items(server.posts, '/hooks/sendgrid').length > 200);
      feed.child.kill('SIGTERM');
      await feed.ended;
      server.close();
      return items(server.posts, '/hooks/sendgrid')
        .slice(0, 200)
        .map((e) => [e.event, e.email, e.category, e.url, e.status, e.sg_machine_open].join(' '));
    };
    const [one, same, other] = [await told(1), await told(1), await told(2)];
    assert.deepEqual(one, same);
    assert.notDeepEqual(one, other);
  });

  it('of a given length ends by itself, and with status 1 when something could not be told', async () => {
    const server = await recorder(() => 401);
    const feed = demo(`--target=${server.url}`, `--keys=${dir}`, '--incident=none', '--duration=1', '--rate=200');
    const { status, err } = await feed.ended;
    server.close();
    assert.equal(status, 1);
    assert.match(err, /hooks\/sendgrid: \d+ items given up: answered 401/);
  });

  it('refuses options it does not know, and says which there are', async () => {
    for (const wrong of ['--incident=earthquake', '--rate=many', '--tempo=2']) {
      const { status, err } = await demo('--target=http://127.0.0.1:1', `--keys=${dir}`, wrong).ended;
      assert.equal(status, 2);
      assert.match(err, /--incident=NAME/);
    }
    const { status, out } = await demo('--help').ended;
    assert.equal(status, 0);
    assert.match(out, /--incident=NAME/);
  });
});

describe('a post that is not taken', () => {
  const letter = { body: 'the same', headers: { 'x-signature': 'one' }, items: 3 };

  it('is sent again as it was, in order, until it is', async () => {
    const server = await recorder((nth) => (nth <= 2 ? 503 : 200));
    const outbox = new Outbox({ url: server.url, report: assert.fail, pauses: [1, 1, 1] });
    outbox.post(letter);
    outbox.post({ ...letter, body: 'another' });
    await outbox.drained();
    server.close();
    assert.deepEqual(
      server.posts.map(({ body, headers }) => [body.toString(), headers['x-signature']]),
      [...['the same', 'the same', 'the same'], 'another'].map((body) => [body, 'one']),
    );
    assert.deepEqual([outbox.accepted, outbox.retries, outbox.lost], [6, 2, 0]);
  });

  it('is given up after a bound, or at once where a repetition cannot help, and that is said', async () => {
    for (const [status, posts] of [
      [503, 3],
      [401, 1],
      [429, 3],
    ] as const) {
      const server = await recorder(() => status);
      const said: string[] = [];
      const outbox = new Outbox({ url: server.url, report: (message) => said.push(message), pauses: [1, 1] });
      outbox.post(letter);
      await outbox.drained();
      server.close();
      assert.equal(server.posts.length, posts);
      assert.equal(outbox.lost, 3);
      assert.match(said.join(), new RegExp(`3 items given up: answered ${status}`));
    }
  });

  it('does not pile up without bound', async () => {
    const said: string[] = [];
    const outbox = new Outbox({ url: 'http://127.0.0.1:1', report: (message) => said.push(message), pauses: [] });
    for (let i = 0; i < 250; i++) outbox.post(letter);
    assert.equal(said.length, 50);
    await outbox.drained();
    assert.equal(outbox.lost, 750);
    assert.equal(said.length, 250);
  });
});

describe('the world', () => {
  const HOUR = 3600;
  const facts = (plan: Plan, seconds = HOUR, seed = 1): Fact[] =>
    new Traffic({ seed, rate: 60, plan, startHour: 9 }).until(seconds);
  const rates = (all: readonly Fact[], of: (fact: Fact) => boolean = () => true) => {
    const n = (kind: Fact['kind']): number => all.filter((f) => f.kind === kind && of(f)).length;
    const [delivered, bounced] = [n('delivered'), n('bounced')];
    return {
      accepted: n('accepted'),
      delivered: delivered / n('accepted'),
      bounce: bounced / (bounced + delivered),
      deferred: n('deferred') / n('accepted'),
      complaint: n('complained') / delivered,
    };
  };
  const quiet = facts(Plan.quiet());

  it('is the same for the same seed and another for another', () => {
    const one = facts(Plan.quiet(), 120);
    assert.deepEqual(facts(Plan.quiet(), 120), one);
    assert.notDeepEqual(facts(Plan.quiet(), 120, 2).slice(0, 50), one.slice(0, 50));
  });

  it('does not depend on how often it is asked', () => {
    const traffic = new Traffic({ seed: 1, rate: 60, plan: Plan.quiet(), startHour: 9 });
    const pieces: Fact[] = [];
    for (let t = 7; t < 100; t += 7) pieces.push(...traffic.until(t));
    assert.deepEqual(pieces, quiet.slice(0, pieces.length));
    assert.ok(pieces.length > 4000);
  });

  it('is in order, of the asked rate, and as healthy as mail is', () => {
    for (const [i, fact] of quiet.entries()) assert.ok(i === 0 || fact.at >= quiet[i - 1]!.at);
    assert.ok(quiet.length / HOUR > 48 && quiet.length / HOUR < 66, `${quiet.length / HOUR} events/s`);
    const { delivered, bounce, deferred, complaint } = rates(quiet);
    assert.ok(delivered > 0.97, `delivered ${delivered}`);
    assert.ok(bounce > 0.007 && bounce < 0.013, `bounce ${bounce}`);
    assert.ok(deferred > 0.012 && deferred < 0.025, `deferred ${deferred}`);
    assert.ok(complaint < 0.0005, `complaint ${complaint}`);
    const machines = quiet.filter((f) => f.kind === 'opened' && f.by === 'machine').length;
    assert.ok(machines > 1000);
    for (const { domain } of STREAMS) assert.ok(rates(quiet, (f) => f.message.stream.domain === domain).bounce < 0.03);
  });

  it('follows the day', () => {
    assert.ok(dayCurve(3) < 0.2 && dayCurve(9.5) === 1 && dayCurve(27) === dayCurve(3));
    const night = new Traffic({ seed: 1, rate: 60, plan: Plan.quiet(), startHour: 2 }).until(HOUR);
    assert.ok(night.length < quiet.length / 4);
  });

  it('has incidents that change the mix of whom they concern, and of nobody else, until they are over', () => {
    const expected: Record<IncidentName, (of: (fact: Fact) => boolean, all: readonly Fact[]) => boolean> = {
      bounce_storm: (of, all) => Math.abs(rates(all, of).bounce - 0.6) < 0.03,
      complaint_storm: (of, all) => rates(all, of).complaint > 0.01,
      provider_block: (of, all) => rates(all, of).bounce > 0.9,
      slow_delivery: (of, all) => rates(all, of).deferred > 1,
    };
    for (const name of Object.keys(INCIDENTS) as IncidentName[]) {
      const { domain, ip, family }: { domain: string; ip?: string; family?: string } = INCIDENTS[name];
      const all = facts(Plan.one(name, 300, 600), 1800);
      const concerned = ({ message: m }: Fact): boolean =>
        m.stream.domain === domain && (ip ?? m.ip) === m.ip && (family ?? m.mailbox.family) === m.mailbox.family;
      const during = (f: Fact): boolean => concerned(f) && f.message.at >= 300 && f.message.at < 900;
      assert.ok(expected[name](during, all), `${name}: ${JSON.stringify(rates(all, during))}`);
      assert.ok(!expected[name]((f) => concerned(f) && !during(f), all), `${name} outside its time`);
      const others = (f: Fact): boolean => f.message.stream.domain !== domain;
      assert.ok(!expected[name](others, all), `${name} elsewhere`);
      assert.ok(all.every((f) => !f.incident || (during(f) && f.incident.name === name)));
      assert.ok(all.length / 1800 < 100, 'the load stays bounded');
    }
  });

  it('delivers late in slow_delivery, and in time otherwise', () => {
    const late = (all: readonly Fact[]): number =>
      all.filter((f) => f.kind === 'delivered' && f.at - f.message.at > 300 && f.message.stream.feed === 'mta1').length;
    assert.ok(late(facts(Plan.one('slow_delivery', 300, 600), 1800)) > 300);
    assert.ok(late(quiet) < 60);
  });

  it('keeps its tables in order', () => {
    const total = STREAMS.reduce((sum, { share }) => sum + share, 0);
    assert.ok(Math.abs(total - 1) < 1e-9);
    assert.ok(eventsPerMessage() > 2 && eventsPerMessage() < 3);
  });

  it('says of every fault what classification makes of it', () => {
    const message = quiet.find(({ kind }) => kind === 'delivered')!.message;
    for (const mailbox of MAILBOXES) {
      for (const answer of Object.keys(FAULTS) as Fault[]) {
        if (answer === 'expired') continue;
        const fact = told(
          { at: 1, kind: 'bounced', message: { ...message, mailbox }, answer, attempt: 0 },
          1000,
          'run',
        );
        const reply = joined(replyTo(fact));
        const found = classify(reply, providerOf(mailbox.domain));
        assert.deepEqual({ class: found.class, reason: found.reason }, FAULTS[answer], reply);
      }
    }
  });

  it('survives the voices: each fact comes out of the real source as the event that it is', () => {
    const storms = (['bounce_storm', 'complaint_storm', 'slow_delivery'] as const).map((name, i) => ({
      ...{ name, from: 60 + 300 * i, to: 300 + 300 * i },
    }));
    const { '/hooks/sendgrid': mail, '/hooks/kumo': kumo, '/api/v1/events': app } = sources();
    const mta = postfix.open(postfix.config.parse({}));
    const seen = new Set<string>();
    for (const fact of facts(new Plan(storms), 1500)) {
      const { message, kind } = fact;
      const { voice, domain } = message.stream;
      const said = told(fact, 1_795_500_000_000 + Math.round(fact.at * 1000), 'run');
      const [source, text]: [Source, string] = {
        sendgrid: (): [Source, string] => [mail!, sendgridBody([sendgridEvent(said)])],
        kumomta: (): [Source, string] => [kumo!, JSON.stringify(kumoRecord(said))],
        push: (): [Source, string] => [app!, JSON.stringify(pushEvent(said))],
        postfix: (): [Source, string] => [
          mta,
          postfixLines(said)
            .map((line) => `${line}\n`)
            .join(''),
        ],
      }[voice]();
      const parsed = source.parse({ headers: {}, body: Buffer.from(text) }, said.wall);
      assert.deepEqual([parsed.unknown, parsed.invalid], [[], 0]);
      if (voice === 'postfix' && kind === 'accepted') {
        assert.deepEqual(parsed.events, []);
        continue;
      }
      assert.equal(parsed.events.length, 1, text);
      const event = parsed.events[0]!;
      assert.deepEqual([event.kind, event.recipientDomain], [kind, message.mailbox.domain]);
      assert.equal(event.sendingDomain, voice === 'sendgrid' ? '' : domain);
      // Postfix logs no address; the feed's configuration has it.
      assert.equal(event.sendingIp, TELLS_ADDRESS[voice](kind) && voice !== 'postfix' ? message.ip : '', text);
      assert.equal(event.campaign, voice === 'postfix' ? '' : message.campaign);
      assert.ok(Math.abs(event.at - said.wall) < 1000);
      if (event.kind === 'delivered') {
        assert.equal(event.seconds !== undefined, TELLS_SECONDS[voice], text);
        const seconds = fact.at - message.at;
        if (event.seconds !== undefined) assert.ok(Math.abs(event.seconds - seconds) <= 0.06 * seconds + 0.01, text);
      }
      if (event.kind === 'opened') assert.equal(event.by, fact.by);
      if (event.kind === 'suppressed') assert.equal(event.reason, fact.reason);
      seen.add(`${voice} ${kind}`);
    }
    for (const [voice, { gives }] of Object.entries({ sendgrid, kumomta, postfix, push })) {
      const never = voice === 'kumomta' ? ['suppressed', 'unsubscribed'] : voice === 'push' ? ['complained'] : [];
      for (const kind of gives) assert.ok(seen.has(`${voice} ${kind}`) || never.includes(kind), `${voice} ${kind}`);
    }
  });

  it('has a timeline that recurs and can be jumped along', () => {
    const plan = Plan.timeline();
    assert.equal(plan.at(0), undefined);
    const first = plan.at(301);
    assert.equal(first?.name, 'bounce_storm');
    assert.equal(plan.at(400), first);
    plan.skip(401);
    assert.equal(plan.at(402), undefined);
    plan.skip(403);
    assert.equal(plan.at(404)?.name, 'complaint_storm');
    const again = Plan.timeline();
    assert.equal(again.at(6000 + 301)?.name, 'bounce_storm');
    assert.equal(again.at(6000 + 301)?.from, 6300);
  });
});

describe('keys and configurations', () => {
  it('key material is made for the run, in a directory that is its owner’s alone, and kept when it is there', () => {
    assert.equal(statSync(dir).mode & 0o077, 0);
    assert.equal(statSync(join(dir, 'sendgrid.key')).mode & 0o077, 0);
    const open = join(dir, 'open');
    mkdirSync(open);
    chmodSync(open, 0o755);
    assert.throws(() => writeKeys(open), /chmod 700/);
    assert.deepEqual(readdirSync(open), []);
    const before = readFileSync(join(dir, 'sendgrid.key'), 'utf8');
    writeKeys(dir);
    assert.equal(readFileSync(join(dir, 'sendgrid.key'), 'utf8'), before);
    const other = join(dir, 'other');
    writeKeys(other);
    assert.notEqual(readFileSync(join(other, 'sendgrid.key'), 'utf8'), before);
  });

  it('demo/exporter.yml is valid and has every feed of the world', async () => {
    const text = readFileSync(join(ROOT, 'demo/exporter.yml'), 'utf8');
    const config = await parseConfig(
      text.replace(/\$\{DIR\}/g, dir).replace(/\$\{POSTFIX_LOG\}/g, log),
      'exporter.yml',
    );
    assert.deepEqual(
      config.sources.map(({ name }) => name).sort(),
      [...new Set(STREAMS.map(({ feed }) => feed))].sort(),
    );
    assert.equal(config.sources.find(({ name }) => name === 'mta1')?.sendingIp, '192.0.2.60');
    for (const { feed, domain, voice } of STREAMS.filter((s) => s.voice === 'sendgrid')) {
      const source = config.sources.find(({ name }) => name === feed);
      assert.deepEqual([source?.sendingDomain, source?.type], [domain, voice]);
    }
  });

  it('config/deliverability-exporter.yml is valid once its secrets are there', async () => {
    const text = readFileSync(join(ROOT, 'config/deliverability-exporter.yml'), 'utf8');
    const config = await parseConfig(text.replaceAll('/run/secrets/', `${dir}/`), 'deliverability-exporter.yml');
    assert.deepEqual(
      config.sources.map(({ type }) => type),
      ['sendgrid', 'kumomta', 'postfix', 'push'],
    );
  });
});

describe('the made-up past', () => {
  const history = async (...args: string[]): Promise<string> => {
    const child = spawn(process.execPath, [join(ROOT, 'demo/history.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const [status] = await once(child, 'close');
    assert.equal(status, 0);
    return text;
  };
  const args = ['--hours=3', '--step=60', '--rate=30', '--end=1795500000'];
  let first: Promise<string> | undefined;
  const text = (): Promise<string> => {
    first ??= history(...args);
    return first;
  };

  it('is the same for the same seed', async () => {
    assert.equal(await history(...args), await text());
    assert.notEqual(await history(...args, '--seed=2'), await text());
  });

  it('has the catalogue’s names and labels, counters that never fall, and begins each at 0', async () => {
    const labelsOf = new Map<string, string>();
    for (const { name, type, labels } of catalogue) {
      if (type === 'histogram') {
        labelsOf.set(`${name}_bucket`, [...labels, 'le'].sort().join());
        for (const end of ['_sum', '_count']) labelsOf.set(name + end, [...labels].sort().join());
      } else labelsOf.set(name, [...labels].sort().join());
    }
    const last = new Map<string, [value: number, at: number]>();
    for (const line of (await text()).split('\n').filter((l) => l !== '' && !l.startsWith('#'))) {
      const [, name, labels, value, at] = /^(\w+)\{(.*)\} (\S+) (\d+)$/.exec(line) ?? [];
      assert.ok(name, line);
      const series = `${name}{${labels}}`;
      const before = last.get(series);
      // Those of Prometheus and of Node's client are in no catalogue of ours.
      if (!/^(up|scrape_|process_|nodejs_|email_incident_escalated)/.test(name!)) {
        const own = [...labels!.matchAll(/(\w+)="/g)].map((m) => m[1]!).filter((l) => l !== 'job' && l !== 'instance');
        assert.equal(own.sort().join(), labelsOf.get(name), line);
      }
      if (/_(total|bucket|count|sum)$/.test(name) && !name.startsWith('process_')) {
        assert.ok(before || value === '0', `${line} is not born at 0`);
        assert.ok(Number(value) >= (before?.[0] ?? 0), line);
      }
      // What is looked up, and what is open, comes and goes.
      const steady = !/^email_(blocklist|dns|tls|reputation|incident|remediation)/.test(name!);
      assert.ok(!before || (Number(at) > before[1] && (!steady || Number(at) - before[1] <= 120)), line);
      last.set(series, [Number(value), Number(at)]);
    }
    assert.ok(last.size > 500);
    for (const campaign of ['win-back', 'flash-sale']) assert.match(await text(), new RegExp(`campaign="${campaign}"`));
  });

  it('is taken by both promtools', async () => {
    const file = join(dir, 'om.txt');
    writeFileSync(file, await text());
    for (const name of ['promtool', 'promtool-next'] as const) {
      const data = join(dir, `data-${name}`);
      const child = spawn(await tool(name), ['tsdb', 'create-blocks-from', 'openmetrics', file, data]);
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          said += chunk;
        });
      }
      const [status] = await once(child, 'close');
      assert.equal(status, 0, said);
      assert.ok(existsSync(data) && /BLOCK ULID/.test(said), said);
    }
  });
});
