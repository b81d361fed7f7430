/**
 * A query's octets become what one name server answers: from changing ports of a few shared UDP sockets, and by TCP; RFC 1035
 * (4.2), RFC 5452, RFC 7766.
 *
 * Instead of dns2's clients, of which version 3.1.1 opens a socket a query, asks all servers at once and each of them once,
 * takes the answer to another question and what is no answer at all, waits for ever for TCP, does not look at ids there, and
 * takes an IPv6 address for a host and a port.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { connect, isIP, isIPv6, type Socket as Stream } from 'node:net';
import { Packet } from 'dns2';
import type { Unanswered } from './check.ts';
import { isAnswerTo, type Message, type Query, read } from './dns-message.ts';

export type Silence = Exclude<Unanswered['reason'], 'allowance' | 'inner_address'>;
/** An answer, or why there is none. */
export type Said = Message | Silence;

/** Who waits for it; `cancel` belongs to whatever is under way for it at the moment. */
export interface Job {
  cancelled: boolean;
  cancel: () => void;
}

/** Datagrams that were not taken, while the waiting went on. */
export interface Dropped {
  /** Not to be read. */
  malformed: number;
  /** The id of a question that waits, yet no answer, another question or another sender. Mostly the system drops the latter. */
  forged: number;
  /** Nobody waits for this id (any more): late, twice, or a guess. */
  unexpected: number;
}

interface Waiting {
  query: Query;
  malformed: boolean;
  settle(said: Said): void;
}

const PORTS = 4;
/** A port that is long in use can be found out. */
const PORT_SECONDS = 60;
const IDS = 0x10000;
export const nothing = (): void => {};

export class NameServer {
  /** `192.0.2.53:53`, `[2001:db8::53]:53`. */
  readonly name: string;
  /** Times in a row that it said nothing. */
  failures = 0;
  /** Milliseconds by `performance.now()`, until which others are asked first. */
  downUntil = 0;
  /** It does not understand EDNS. */
  plain = false;
  readonly #host: string;
  readonly #port: number;
  readonly #dropped: Dropped;
  readonly #queriesPerPort: number;
  readonly #ports: (Port | undefined)[] = new Array(PORTS).fill(undefined);
  readonly #open = new Set<Port>();
  readonly #streams = new Set<Stream>();

  constructor(address: string, dropped: Dropped, queriesPerPort: number) {
    const [, inBrackets, plain, port = '53'] = /^(?:\[(.+)\]|([^:]+|.*:.*:.*))(?::(\d+))?$/.exec(address) ?? [];
    const host = inBrackets ?? plain ?? '';
    if (isIP(host) === 0 || Number(port) < 1 || Number(port) > 65_535) {
      throw new Error(
        `${address} is no name server: expected an address and a port, like 192.0.2.53:53 or [2001:db8::53]:53`,
      );
    }
    this.#host = host;
    this.#port = Number(port);
    this.name = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
    this.#dropped = dropped;
    this.#queriesPerPort = queriesPerPort;
  }

  get sockets(): number {
    return this.#open.size + this.#streams.size;
  }

  udp(query: Query, milliseconds: number, job: Job): Promise<Said> {
    return job.cancelled ? Promise.resolve('aborted') : this.#choose().ask(query, milliseconds, job);
  }

  /** A connection of its own: truncated answers are few. */
  async tcp(query: Query, milliseconds: number, job: Job): Promise<Said> {
    if (job.cancelled) return 'aborted';
    const framed = Buffer.alloc(2 + query.octets.length);
    framed.writeUInt16BE(query.octets.length);
    query.octets.copy(framed, 2);
    const id = Packet.uuid();
    framed.writeUInt16BE(id, 2);
    const stream = connect({ host: this.#host, port: this.#port });
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    return await new Promise((resolve) => {
      const settle = (said: Said) => {
        clearTimeout(timer);
        job.cancel = nothing;
        stream.destroy();
        resolve(said);
      };
      const timer = setTimeout(() => settle('timeout'), milliseconds);
      job.cancel = () => settle('aborted');
      stream.on('error', () => settle('unreachable'));
      stream.write(framed);
      Packet.readStream(stream).then(
        (data) => settle(this.#whole(data, query, id) ?? 'malformed'),
        () => settle('malformed'),
      );
    });
  }

  #whole(data: Buffer, query: Query, id: number): Message | undefined {
    if (data.length < Packet.HEADER_SIZE || data.readUInt16BE() !== id || !isAnswerTo(query, data)) return undefined;
    const message = read(data, query);
    return message?.truncated ? undefined : message;
  }

  /** One of a few at random. A used one is replaced, and closed when the last that waits at it has its answer. */
  #choose(): Port {
    const slot = Math.floor(Math.random() * PORTS);
    const old = this.#ports[slot];
    if (old?.usable(this.#queriesPerPort)) return old;
    old?.retire();
    const port = new Port(this.#host, this.#port, this.#dropped, () => this.#open.delete(port));
    this.#open.add(port);
    this.#ports[slot] = port;
    return port;
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    const closed = [...this.#streams].map((stream) => new Promise((resolve) => stream.once('close', resolve)));
    await Promise.all([...closed, ...[...this.#open].map((port) => port.close())]);
  }
}

/** A UDP socket at a port that the system chose, connected: it takes from one address only, and learns when nobody is there. */
class Port {
  /** Connected, or closed because there is no way or no descriptor left. */
  readonly #ready: Promise<void>;
  readonly #socket: Socket;
  readonly #closed: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #born = performance.now();
  readonly #dropped: Dropped;
  #server: { address: string; port: number } | undefined;
  #asked = 0;
  /** Who will wait as soon as it is ready. */
  #coming = 0;
  #state: 'open' | 'retired' | 'closed' = 'open';

  constructor(host: string, port: number, dropped: Dropped, onClose: () => void) {
    this.#dropped = dropped;
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
    void this.#closed.then(onClose);
    socket.on('error', () => this.#fail());
    socket.on('message', (data, from) => this.#receive(data, from));
    this.#ready = new Promise((resolve) => {
      socket.once('connect', () => {
        this.#server = socket.remoteAddress();
        resolve();
      });
      void this.#closed.then(() => resolve());
    });
    socket.connect(port, host);
  }

  usable(queries: number): boolean {
    const old = performance.now() - this.#born > PORT_SECONDS * 1000;
    return this.#state === 'open' && this.#asked < queries && !old;
  }

  ask(query: Query, milliseconds: number, job: Job): Promise<Said> {
    this.#asked++;
    return this.#server && this.#state !== 'closed'
      ? this.#send(query, milliseconds, job)
      : this.#later(query, milliseconds, job);
  }

  async #later(query: Query, milliseconds: number, job: Job): Promise<Said> {
    this.#coming++;
    await this.#ready;
    this.#coming--;
    if (this.#state === 'closed') return 'unreachable';
    if (!job.cancelled) return await this.#send(query, milliseconds, job);
    if (this.#state === 'retired') this.retire();
    return 'aborted';
  }

  #send(query: Query, milliseconds: number, job: Job): Promise<Said> {
    let id = Packet.uuid();
    while (this.#waiting.has(id)) id = (id + 1) % IDS;
    const octets = Buffer.from(query.octets);
    octets.writeUInt16BE(id);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        query,
        malformed: false,
        settle: (said) => {
          if (this.#waiting.get(id) !== waiting) return;
          this.#waiting.delete(id);
          clearTimeout(timer);
          job.cancel = nothing;
          if (this.#state === 'retired') this.retire();
          resolve(said);
        },
      };
      const timer = setTimeout(() => waiting.settle(waiting.malformed ? 'malformed' : 'timeout'), milliseconds);
      job.cancel = () => waiting.settle('aborted');
      this.#waiting.set(id, waiting);
      this.#socket.send(octets, (error) => {
        if (error) waiting.settle('unreachable');
      });
    });
  }

  #receive(data: Buffer, from: RemoteInfo): void {
    // Between bind and connect the system lets anybody in.
    if (from.address !== this.#server?.address || from.port !== this.#server.port) {
      this.#dropped.forged++;
    } else if (data.length < Packet.HEADER_SIZE) {
      this.#dropped.malformed++;
    } else {
      const waiting = this.#waiting.get(data.readUInt16BE());
      if (waiting) this.#judge(waiting, data);
      else this.#dropped.unexpected++;
    }
  }

  #judge(waiting: Waiting, data: Buffer): void {
    if (!isAnswerTo(waiting.query, data)) {
      this.#dropped.forged++;
      return;
    }
    const message = read(data, waiting.query);
    if (message) {
      waiting.settle(message);
      return;
    }
    this.#dropped.malformed++;
    waiting.malformed = true;
  }

  /** The system says that nobody listens there, or that there is no way. */
  #fail(): void {
    void this.close();
    for (const waiting of [...this.#waiting.values()]) waiting.settle('unreachable');
  }

  retire(): void {
    if (this.#state === 'open') this.#state = 'retired';
    if (this.#waiting.size + this.#coming === 0) void this.close();
  }

  close(): Promise<void> {
    if (this.#state !== 'closed') {
      this.#state = 'closed';
      this.#socket.close();
    }
    return this.#closed;
  }
}
