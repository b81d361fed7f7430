/**
 * Seeded draws become signed SendGrid posts, ready to be written to a socket, and loops that send them and time the answers.
 * Run as a process of its own (see Generator) so that what sending costs is not charged to what is measured.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createPrivateKey, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Measured, pause, quantile, track } from './exporter.ts';

/** Uniform in [0, 1), from a seed (xorshift32). */
export function random(seed: number): () => number {
  let x = (seed | 0) === 0 ? 1 : seed | 0;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

export interface Keys {
  /** PKCS #8, PEM. */
  private: string;
  /** As SendGrid shows it: base64 of the SubjectPublicKeyInfo. */
  public: string;
}

export function newKeys(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    private: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    public: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  };
}

/** Share of events by word, of a sender whose mail mostly arrives; deferred and bounce are 12 % together. */
const WORDS: readonly [word: string, share: number][] = [
  ['processed', 0.33],
  ['delivered', 0.34],
  ['deferred', 0.07],
  ['bounce', 0.05],
  ['open', 0.15],
  ['click', 0.04],
  ['dropped', 0.01],
  ['spamreport', 0.005],
  ['unsubscribe', 0.005],
];

interface Mailbox {
  domain: string;
  share: number;
  taken: string;
  failures: readonly string[];
}

const MAILBOXES: readonly Mailbox[] = [
  {
    domain: 'gmail.com',
    share: 0.4,
    taken: '250 2.0.0 OK  1764000000 d75a77b69052e-4b1si42. - gsmtp',
    failures: [
      '550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking the address. d75a77b69052e-4b1si42 - gsmtp',
      '421 4.7.28 Gmail has detected an unusual rate of email originating from your IP address. d75a77b69052e-4b1si42 - gsmtp',
      '452 4.2.2 The recipient inbox is out of storage space. d75a77b69052e-4b1si42 - gsmtp',
    ],
  },
  {
    domain: 'outlook.com',
    share: 0.15,
    taken: '250 2.6.0 <x@y> [InternalId=91, Hostname=mx.example] Queued mail for delivery',
    failures: [
      '550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).',
      '550 5.7.1 Unfortunately, messages from [192.0.2.1] were not sent, since part of their network is on our block list (S3150).',
      '451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)',
    ],
  },
  {
    domain: 'yahoo.com',
    share: 0.1,
    taken: '250 ok dirdel',
    failures: [
      '554 delivery error: dd This user does not have a yahoo.com account [-5] - mta1.example',
      '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints',
    ],
  },
  {
    domain: 'icloud.com',
    share: 0.05,
    taken: '250 2.0.0 Ok: queued as 4B1F2C',
    failures: ['552 5.2.2 user is over quota', '550 5.7.1 [CS01] Message rejected due to local policy.'],
  },
  {
    domain: '',
    share: 0.3,
    taken: '250 2.0.0 Ok: queued as 4B1F2C',
    failures: [
      '550 5.1.1 Recipient address rejected: User unknown in virtual mailbox table',
      '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org',
      '450 4.2.0 Recipient address rejected: Greylisted, try again in 300 seconds',
      'read error: generic::failed_precondition: connection timed out',
    ],
  },
];

function pick<T extends { share: number } | readonly [unknown, number]>(rows: readonly T[], draw: number): T {
  let left = draw;
  for (const row of rows) {
    left -= 'share' in row ? row.share : row[1];
    if (left < 0) return row;
  }
  return rows.at(-1)!;
}

/** Where an event's own digits go; the identity of an event is its `sg_message_id` beside what else it says. */
const SERIAL = 'SERIAL_HERE_';

/** What an event is about, to check counters against. */
export interface About {
  word: string;
  domain: string;
}

/** An event as bytes, and where its serial number stands in them. */
interface Template {
  bytes: Buffer;
  serial: number;
  about: About;
}

export interface Resource {
  domain: string;
  ip: string;
  campaign: string;
}

/** The senders of the load: few domains carry most of it. */
function resource(draw: () => number): Resource {
  const n = Math.floor(draw() ** 2 * 20);
  return {
    domain: `news${n}.example.com`,
    ip: `192.0.2.${n * 4 + Math.floor(draw() * 4)}`,
    campaign: `campaign-${n}-${Math.floor(draw() * 5)}`,
  };
}

function template(word: string, { domain, ip, campaign }: Resource, draw: () => number, now: number): Template {
  const mailbox = pick(MAILBOXES, draw());
  const failure = mailbox.failures[Math.floor(draw() * mailbox.failures.length)]!;
  const rcptDomain = mailbox.domain || `mail${Math.floor(draw() * 2000)}.example.net`;
  const out = { ip, tls: 1 };
  const fields: Record<string, object> = {
    delivered: { ...out, response: mailbox.taken },
    deferred: { ...out, response: failure, attempt: '1' },
    bounce: { ...out, type: 'bounce', status: '5.0.0', reason: failure },
    open: { ip: '198.51.100.7', useragent: 'Mozilla/5.0', sg_machine_open: draw() < 0.4 },
    click: { ip: '198.51.100.7', useragent: 'Mozilla/5.0', url: `https://links.${domain}/a/${Math.floor(draw() * 9)}` },
    dropped: { reason: 'Bounced Address', status: '5.0.0' },
  };
  const text = JSON.stringify({
    email: `recipient${Math.floor(draw() * 1e6)}@${rcptDomain}`,
    timestamp: Math.floor(now / 1000) - Math.floor(draw() * 30),
    event: word,
    category: [campaign],
    domain,
    sg_event_id: Buffer.from(`${word}-0-10042-${Math.floor(draw() * 1e9)}`).toString('base64url'),
    sg_message_id: `${SERIAL}.recvd-5f54b5d587-1-64.0`,
    ...fields[word],
  });
  const bytes = Buffer.from(text);
  return { bytes, serial: bytes.indexOf(SERIAL), about: { word, domain } };
}

/** One post as it goes over the wire, kept to be sent again with new serial numbers and so a new signature. */
export interface Prepared {
  wire: Buffer;
  bodyAt: number;
  serials: number[];
  abouts: About[];
  busy: boolean;
  fresh: boolean;
}

/** Room for a DER signature in base64 and the timestamp: header values may end in blanks. */
const SIGNATURE_ROOM = 100;
const TEMPLATES = 4096;

/** Makes posts. No two events of one factory, or of two with different `name`, are the same. */
export class Factory {
  private readonly key: KeyObject;
  private readonly draw: () => number;
  private readonly templates: Template[];
  private readonly name: string;
  private serial = 0;

  /** `name`: two characters. */
  constructor(key: string, seed: number, name: string) {
    this.key = createPrivateKey(key);
    this.draw = random(seed);
    this.name = name;
    const now = Date.now();
    this.templates = Array.from({ length: TEMPLATES }, () =>
      template(pick(WORDS, this.draw())[0], resource(this.draw), this.draw, now),
    );
  }

  /** A post of `size` events drawn from the mix. */
  post(size: number): Prepared {
    return this.pack(
      Array.from({ length: size }, () => this.templates[Math.floor(this.draw() * this.templates.length)]!),
    );
  }

  /** A post that makes the series of these resources. */
  opening(resources: readonly Resource[]): Prepared {
    return this.pack(resources.map((r) => template('delivered', r, this.draw, Date.now())));
  }

  private pack(templates: readonly Template[]): Prepared {
    const length = templates.reduce((sum, { bytes }) => sum + bytes.length + 3, 0) + 1;
    const head = [
      'POST /hooks/sendgrid HTTP/1.1',
      'Host: 127.0.0.1',
      'Content-Type: application/json',
      `Content-Length: ${length}`,
      `X-Twilio-Email-Event-Webhook-Timestamp: ${Math.floor(Date.now() / 1000)}`,
      `X-Twilio-Email-Event-Webhook-Signature: ${' '.repeat(SIGNATURE_ROOM)}`,
      '\r\n',
    ].join('\r\n');
    // Slow: a slice of Node's shared pool would be moved about by nobody, but kept alive by everybody.
    const wire = Buffer.allocUnsafeSlow(head.length + length);
    wire.write(head, 'latin1');
    let at = head.length;
    wire[at++] = 0x5b;
    const serials: number[] = [];
    templates.forEach(({ bytes, serial }, i) => {
      serials.push(at + serial);
      bytes.copy(wire, at);
      at += bytes.length;
      at += wire.write(i === templates.length - 1 ? ']\r\n' : ',\r\n', at, 'latin1');
    });
    const prepared = {
      wire,
      bodyAt: head.length,
      serials,
      abouts: templates.map(({ about }) => about),
      busy: false,
      fresh: true,
    };
    this.renew(prepared);
    return prepared;
  }

  /** The same events of other messages: new serial numbers, new signature. */
  renew(post: Prepared): void {
    const { wire, bodyAt } = post;
    for (const at of post.serials) {
      let n = this.serial++;
      wire[at] = this.name.charCodeAt(0);
      wire[at + 1] = this.name.charCodeAt(1);
      for (let i = SERIAL.length - 1; i >= 2; i--) {
        wire[at + i] = 48 + (n % 10);
        n = Math.floor(n / 10);
      }
    }
    const name = 'X-Twilio-Email-Event-Webhook-Timestamp: ';
    const from = wire.indexOf(name, 0, 'latin1') + name.length;
    const timestamp = wire.subarray(from, wire.indexOf('\r\n', from, 'latin1'));
    const signature = createSign('sha256').update(timestamp).update(wire.subarray(bodyAt)).sign(this.key, 'base64');
    wire.write(signature.padEnd(SIGNATURE_ROOM), bodyAt - 4 - SIGNATURE_ROOM, 'latin1');
    post.fresh = true;
  }
}

/** Posts made before the measurement begins; past their number they are made anew from the oldest one. */
class Pool {
  private readonly factory: Factory;
  private readonly posts: Prepared[] = [];
  private at = 0;
  renewed = 0;

  constructor(factory: Factory, size: number, bytes: number) {
    this.factory = factory;
    for (let sum = 0; sum < bytes && this.posts.length < 100_000; sum += this.posts.at(-1)!.wire.length)
      this.posts.push(factory.post(size));
  }

  next(): Prepared {
    for (;;) {
      const post = this.posts[this.at]!;
      this.at = (this.at + 1) % this.posts.length;
      if (post.busy) continue;
      if (!post.fresh) {
        this.factory.renew(post);
        this.renewed++;
      }
      post.busy = true;
      post.fresh = false;
      return post;
    }
  }

  refresh(): void {
    for (const post of this.posts) if (!post.fresh) this.factory.renew(post);
    this.renewed = 0;
  }
}

/** HTTP/1.1 by hand, one request at a time on one connection: node:http's client would cost more than the server measured. */
export class Connection {
  private readonly port: number;
  private socket: Socket | undefined;
  private waiting: ((status: number) => void) | undefined;
  private rest = '';

  constructor(port: number) {
    this.port = port;
  }

  /** Status of the answer; 0 when the connection ended without one. */
  post(wire: Buffer): Promise<number> {
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.socket ??= this.open();
      this.socket.write(wire);
    });
  }

  close(): void {
    this.socket?.destroy();
  }

  private open(): Socket {
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    this.rest = '';
    const ended = (): void => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.answer(0);
    };
    socket.on('data', (chunk) => this.read(chunk.toString('latin1')));
    socket.on('error', ended);
    socket.on('close', ended);
    return socket;
  }

  private read(text: string): void {
    this.rest += text;
    const end = this.rest.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.rest)?.[1] ?? 0);
    if (this.rest.length < end + 4 + length) return;
    const status = Number(this.rest.slice(9, 12));
    this.rest = this.rest.slice(end + 4 + length);
    this.answer(status);
  }

  private answer(status: number): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.(status);
  }
}

/** An event that opens a resource and a campaign makes about as many samples. */
const SAMPLES_OPENED = 36;

/** Samples until `/metrics` has `wanted` of them: a long tail of senders beside those of the load. Returns how many there are. */
export async function makeSeries(exporter: Measured, keys: Keys, wanted: number): Promise<number> {
  const factory = new Factory(keys.private, 7, 'P0');
  const connection = new Connection(exporter.port);
  for (let made = 0; ; ) {
    const text = (await exporter.scrape({})).body.toString();
    const samples = text.split('\n').filter((line) => line !== '' && line[0] !== '#').length;
    const opened = Math.min(2000, Math.ceil((wanted - samples) / SAMPLES_OPENED));
    if (opened <= 0) {
      connection.close();
      return samples;
    }
    const resources = Array.from({ length: opened }, (_, i) => {
      const n = made + i;
      return {
        domain: `tail${n % 500}.example.org`,
        ip: `198.51.${Math.floor(n / 500)}.${n % 250}`,
        campaign: `tail-${n % 1000}`,
      };
    });
    made += opened;
    if ((await connection.post(factory.opening(resources).wire)) !== 200) throw new Error('a post was not accepted');
  }
}

export interface Outcome {
  events: number;
  seconds: number;
  p50: number;
  p99: number;
  max: number;
  /** Answers other than 200; each such post is sent again. */
  refused: number;
  /** Posts made during the run since those prepared had run out. */
  renewed: number;
  generator_cpu_s: number;
}

export interface Run {
  mode: 'closed' | 'open';
  connections: number;
  seconds: number;
  /** Posts a second, for `open`. */
  rate: number;
}

const RETRY = 100;

class Sender {
  private readonly pool: Pool;
  private readonly size: number;
  private readonly latencies: number[] = [];
  private refused = 0;
  private readonly connections: Connection[];

  constructor(pool: Pool, size: number, port: number, connections: number) {
    this.pool = pool;
    this.size = size;
    this.connections = Array.from({ length: connections }, () => new Connection(port));
  }

  async run({ mode, seconds, rate }: Run): Promise<Outcome> {
    const cpu = process.cpuUsage();
    const start = performance.now();
    await (mode === 'closed' ? this.closed(start + seconds * 1000) : this.open(start, rate, seconds));
    const took = (performance.now() - start) / 1000;
    for (const connection of this.connections) connection.close();
    const { user, system } = process.cpuUsage(cpu);
    const { latencies, refused, pool } = this;
    return {
      events: latencies.length * this.size,
      seconds: took,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      max: quantile(latencies, 1),
      refused,
      renewed: pool.renewed,
      generator_cpu_s: (user + system) / 1e6,
    };
  }

  /** Each connection sends its next post when the last one is acknowledged. */
  private async closed(end: number): Promise<void> {
    await Promise.all(
      this.connections.map(async (connection) => {
        while (performance.now() < end) await this.deliver(connection, performance.now());
      }),
    );
  }

  /** Posts are due at their time whatever became of the others; their wait for a connection is part of their latency. */
  private async open(start: number, rate: number, seconds: number): Promise<void> {
    const idle = [...this.connections];
    const due: number[] = [];
    const under = new Set<Promise<void>>();
    const next = (): void => {
      while (due.length > 0 && idle.length > 0) {
        const connection = idle.pop()!;
        const sent = this.deliver(connection, due.shift()!).then(() => {
          under.delete(sent);
          idle.push(connection);
          next();
        });
        under.add(sent);
      }
    };
    for (let i = 0, total = Math.floor(rate * seconds); i < total; ) {
      for (const now = performance.now(); i < total && start + (i * 1000) / rate <= now; i++)
        due.push(start + (i * 1000) / rate);
      next();
      await pause(1);
    }
    while (due.length > 0 || under.size > 0) await Promise.race([...under, pause(10)]);
  }

  private async deliver(connection: Connection, since: number): Promise<void> {
    const post = this.pool.next();
    for (;;) {
      if ((await connection.post(post.wire)) === 200) break;
      this.refused++;
      await pause(RETRY);
    }
    this.latencies.push(performance.now() - since);
    post.busy = false;
  }
}

export interface Setup {
  port: number;
  key: string;
  seed: number;
  name: string;
  batch: number;
  /** What is prepared beforehand. */
  bytes: number;
}

/** The sending process, seen from the benchmark. */
export class Generator {
  private readonly child: ChildProcess;

  constructor() {
    this.child = track(fork(import.meta.filename, { stdio: 'inherit' }));
  }

  async prepare(setup: Setup): Promise<void> {
    await this.ask({ setup });
  }

  /** Sends to `port` instead of that of the set-up, where one is given. */
  async run(run: Run, port?: number): Promise<Outcome> {
    return (await this.ask({ run, port })) as Outcome;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  private async ask(message: object): Promise<unknown> {
    this.child.send(message);
    const [answer] = await once(this.child, 'message');
    return answer;
  }
}

function serve(): void {
  let pool: Pool;
  let setup: Setup;
  process.on('message', async (message: { setup?: Setup; run?: Run; port?: number }) => {
    if (message.setup) {
      setup = message.setup;
      pool = new Pool(new Factory(setup.key, setup.seed, setup.name), setup.batch, setup.bytes);
      process.send!({});
    } else if (message.run) {
      pool.refresh();
      const sender = new Sender(pool, setup.batch, message.port ?? setup.port, message.run.connections);
      process.send!(await sender.run(message.run));
    }
  });
  process.on('disconnect', () => process.exit(0));
}

if (import.meta.main && process.send) serve();
