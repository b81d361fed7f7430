/**
 * A run of log lines becomes stamp, host, program and message of each: RFC 3164, RFC 5424, RFC 3339 stamps (rsyslog's and
 * systemd's files), and the JSON records in which Vector, Fluent Bit, rsyslog and journald ship the same lines.
 */
import { z } from 'zod';
import { kept, Recent } from './recent.ts';
import { Malformed, type Post } from './source.ts';
import { textPieces } from './text-pieces.ts';
import { millis } from './time.ts';

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const DAY = 86_400_000;
/** As milliseconds the year 5138, as microseconds March 1973; journald counts in these. */
const MICROSECONDS_FROM = 1e14;
/** Key of every source that reads logs. */
export const timeZone = z
  .string()
  .refine(isTimeZone, 'not the name of a time zone, such as Europe/Berlin')
  .optional()
  .describe('IANA time zone of stamps that do not say theirs. Default: the time zone of this process');

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

/** Wall clock readings of one time zone become Unix milliseconds. */
export class Clock {
  #zone: Intl.DateTimeFormat | undefined;

  /** `zone` is an IANA name; undefined stands for the time zone of this process. */
  constructor(zone?: string) {
    if (zone === undefined) return;
    this.#zone = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  #offset(at: number): number {
    if (!this.#zone) return -new Date(at).getTimezoneOffset() * 60_000;
    const part: Record<string, number> = {};
    for (const { type, value } of this.#zone.formatToParts(at)) part[type] = Number(value);
    const wall = Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute, part.second);
    return wall - Math.floor(at / 1000) * 1000;
  }

  /** `wall` is what Date.UTC makes of the reading. Of the two readings of an autumn night the one nearer to `now` is meant. NaN stays NaN. */
  at(wall: number, now: number): number {
    if (Number.isNaN(wall)) return wall;
    const before = this.#offset(wall - DAY);
    const after = this.#offset(wall + DAY);
    if (before === after) return wall - before;
    const possible = [wall - before, wall - after].filter((at) => wall - at === this.#offset(at));
    possible.sort((a, b) => Math.abs(now - a) - Math.abs(now - b));
    return possible[0] ?? wall - before;
  }

  /** `Nov 24 03:42:41`: the last year in which that was not in the future, with a day's grace for wrong clocks. */
  withoutYear(stamp: string, now: number): number {
    const month = MONTHS.indexOf(stamp.slice(0, 3)) / 3;
    const [day, h, m, s] = [stamp.slice(4, 6), stamp.slice(7, 9), stamp.slice(10, 12), stamp.slice(13, 15)].map(Number);
    if (!Number.isInteger(month) || month < 0 || !(day! >= 1 && h! < 24 && m! < 60 && s! <= 60)) return Number.NaN;
    const year = new Date(now).getUTCFullYear() + 1;
    for (let back = 0; back <= 9; back++) {
      const wall = Date.UTC(year - back, month, day, h, m, s);
      if (new Date(wall).getUTCMonth() !== month) continue; // 29 February
      const at = this.at(wall, now);
      if (at <= now + DAY) return at;
    }
    return Number.NaN;
  }

  /** `2026-11-24T03:42:41.5+01:00`, a space for the T, a zone without colon or none at all. */
  iso(stamp: string, now: number): number {
    if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d/.test(stamp)) return Number.NaN;
    const zone = /(Z|[+-]\d\d(:?\d\d)?)$/.exec(stamp.slice(19));
    if (!zone) return this.at(Date.parse(`${stamp.slice(0, 10)}T${stamp.slice(11)}Z`), now);
    const offset = zone[1] === 'Z' ? 'Z' : zone[1]!.replace(/^(...):?(..)?$/, (_, h, m = '00') => `${h}:${m}`);
    return Date.parse(`${stamp.slice(0, 10)}T${stamp.slice(11, 19 + zone.index).trimEnd()}${offset}`);
  }

  /** Whatever a shipper writes: seconds, milliseconds or microseconds since 1970 as a number or its digits, or a stamp. */
  any(value: unknown, now: number): number {
    const number = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
    if (typeof number === 'number') return millis(number < MICROSECONDS_FROM ? number : Math.floor(number / 1000));
    if (typeof value !== 'string') return Number.NaN;
    return value.charCodeAt(0) < 58 ? this.iso(value, now) : this.withoutYear(value, now);
  }
}

/** Messages in one host's queue at once; a big one has some 100 000. */
const MESSAGES = 150_000;
const HOSTS = 500;
const DOMAINS = 50_000;
/** Lines of a message can overtake its last one when a shipper sends several batches at once. */
const ENDED = 4096;

/** What earlier lines said of a message, by its queue id; bounded. */
export class Messages<Known> {
  #known = new Recent<Known>(MESSAGES);
  #ended: string[] = [];
  #next = 0;

  get(id: string): Known | undefined {
    return this.#known.get(id);
  }

  set(id: string, known: Known): void {
    this.#known.set(id, known);
  }

  /** It left the queue; forgotten after as many others. */
  end(id: string): void {
    const old = this.#ended[this.#next];
    if (old !== undefined) this.#known.delete(old);
    this.#ended[this.#next] = kept(id);
    this.#next = (this.#next + 1) % ENDED;
  }
}

/** Queue ids are a host's own. */
export class Hosts<Known> {
  #hosts = new Recent<Messages<Known>>(HOSTS);
  #host: string | undefined;
  #messages = new Messages<Known>();

  of(host: string): Messages<Known> {
    if (host === this.#host) return this.#messages;
    let messages = this.#hosts.get(host);
    if (!messages) {
      messages = new Messages();
      this.#hosts.set(host, messages);
    }
    this.#host = host;
    this.#messages = messages;
    return messages;
  }
}

/** Domains as logs write them become domains: lower case, free of the chunk they came in, '' for what is none. */
export class Domains {
  #known = new Map<string, string>();

  /** Of the address between `from` and `to`. */
  of(text: string, from: number, to: number): string {
    let at = to;
    while (at > from && text.charCodeAt(at - 1) !== 64 /* @ */) at--;
    if (at === from) return '';
    const written = text.slice(at, to);
    const known = this.#known.get(written);
    if (known !== undefined) return known;
    if (this.#known.size >= DOMAINS) this.#known.clear();
    const domain = /^[^\s<>@]{1,255}$/.test(written) ? kept(written).toLowerCase().replace(/\.$/, '') : '';
    this.#known.set(kept(written), domain);
    return domain;
  }
}

/**
 * Reads line after line and is itself the current line, so that the many lines nobody wants cost no allocation.
 * `Role` is what the owner makes of a program's name (`postfix/smtp`); lines of programs without one are passed over.
 */
export class Lines<Role> {
  /** The message is `text.slice(message, end)`. */
  text = '';
  message = 0;
  end = 0;
  host = '';
  now = 0;
  /** Lines that are no log lines at all, and records without a message. */
  invalid = 0;

  #clock: Clock;
  #roleOf: (program: string) => Role | undefined;
  #roles = new Map<string, Role | undefined>();
  #take: (role: Role) => void = () => {};
  /** At least one line was in the form of a log line. */
  #understood = false;
  #start = 0;
  #stampEnd = 0;
  #stamp = '';
  #stampAt = Number.NaN;
  #stampNow = 0;
  #record: { at: unknown; id: string } | undefined;

  constructor(zone: string | undefined, roleOf: (program: string) => Role | undefined) {
    this.#clock = new Clock(zone);
    this.#roleOf = roleOf;
  }

  /** Calls `take` while this is the line. Throws Malformed when the post claims to be JSON and has nothing to read in it. */
  read({ body, headers }: Post, now: number, take: (role: Role) => void): void {
    this.#read(body, now, take);
    if (!this.#understood && this.invalid > 0 && /json/.test(headers['content-type'] ?? '')) {
      throw new Malformed(
        'expected a JSON array, or one JSON object a line, each with a log line in "message", "MESSAGE" or "log"',
      );
    }
  }

  #read(body: Buffer, now: number, take: (role: Role) => void): void {
    this.now = now;
    this.invalid = 0;
    this.#understood = false;
    this.#take = take;
    const records = wholeJson(body);
    if (records) {
      for (const record of records) this.#json(record);
      return;
    }
    for (const piece of textPieces(body)) this.#lines(piece);
  }

  /** When the line was written, NaN when its stamp cannot be read. */
  at(): number {
    if (this.#record) return this.#clock.any(this.#record.at, this.now);
    const { text } = this;
    if (this.#stamp !== '' && this.#stampNow === this.now && text.startsWith(this.#stamp, this.#start))
      return this.#stampAt;
    const stamp = text.slice(this.#start, this.#stampEnd);
    this.#stamp = `${kept(stamp)} `;
    this.#stampNow = this.now;
    this.#stampAt = this.#clock.any(stamp, this.now);
    return this.#stampAt;
  }

  /** The same for the same line however often it is shipped. */
  id(): string {
    return this.#record ? this.#record.id : this.text.slice(this.#start, this.end);
  }

  #lines(text: string): void {
    this.#record = undefined;
    this.text = text;
    for (let from = 0; from < text.length; ) {
      let to = text.indexOf('\n', from);
      if (to < 0) to = text.length;
      if (to > from) this.#line(from, text.charCodeAt(to - 1) === 13 ? to - 1 : to);
      from = to + 1;
      if (this.text !== text) this.text = text; // a JSON record among the lines took the place
      this.#record = undefined;
    }
  }

  #line(from: number, end: number): void {
    const { text } = this;
    let at = from;
    if (text.charCodeAt(at) === 60 /* < */) at = text.indexOf('>', at) + 1; // priority
    const structured = text.charCodeAt(at) === 49 && text.charCodeAt(at + 1) === 32; // RFC 5424: "1 "
    if (structured) at += 2;
    const first = text.charCodeAt(at);
    if (first === 123 /* { */ || first === 91 /* [ */) {
      this.#jsonLine(text.slice(from, end));
      return;
    }
    let stampEnd: number;
    if (first >= 65 && first <= 83 && text.charCodeAt(at + 3) === 32 && text.charCodeAt(at + 9) === 58 /* : */) {
      stampEnd = text.indexOf(' ', at + 15);
    } else if (first >= 48 && first <= 57 && text.charCodeAt(at + 4) === 45 /* - */) {
      if (text.charCodeAt(at + 10) === 32 && this.#role('') !== undefined) {
        this.#ownLine(at, end);
        return;
      }
      stampEnd = text.indexOf(' ', at);
    } else {
      if (end > from && text.slice(from, end).trim() !== '') this.invalid++;
      return;
    }
    const hostEnd = text.indexOf(' ', stampEnd + 1);
    if (stampEnd < 0 || hostEnd < 0 || hostEnd >= end) {
      this.invalid++;
      return;
    }
    this.#understood = true;
    const program = hostEnd + 1;
    let programEnd = program;
    for (; programEnd < end; programEnd++) {
      const c = text.charCodeAt(programEnd);
      if (c === 91 /* [ */ || c === 58 /* : */ || c === 32) break;
    }
    const role = this.#role(text.slice(program, programEnd));
    if (role === undefined) return;
    this.#start = at;
    this.#stampEnd = stampEnd;
    this.end = end;
    this.message = structured ? afterHeader(text, programEnd, end) : afterTag(text, programEnd);
    const { host } = this;
    if (hostEnd - stampEnd - 1 !== host.length || !text.startsWith(host, stampEnd + 1)) {
      this.host = kept(text.slice(stampEnd + 1, hostEnd));
    }
    this.#take(role);
  }

  /** A log of the program's own: `2026-11-24 10:00:00.123 +0100 message`, without host or name. */
  #ownLine(at: number, end: number): void {
    const { text } = this;
    let stampEnd = text.indexOf(' ', at + 11);
    const sign = text.charCodeAt(stampEnd + 1);
    if ((sign === 43 || sign === 45) && text.charCodeAt(stampEnd + 6) === 32) stampEnd += 6;
    if (stampEnd < 0 || stampEnd >= end) {
      this.invalid++;
      return;
    }
    this.#understood = true;
    this.#start = at;
    this.#stampEnd = stampEnd;
    this.end = end;
    this.message = stampEnd + 1;
    this.host = '';
    this.#take(this.#role('')!);
  }

  #role(program: string): Role | undefined {
    const known = this.#roles.get(program);
    if (known !== undefined || this.#roles.has(program)) return known;
    if (this.#roles.size >= 1000) this.#roles.clear();
    const role = this.#roleOf(program);
    this.#roles.set(kept(program), role);
    return role;
  }

  #jsonLine(line: string): void {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.invalid++;
      return;
    }
    for (const record of Array.isArray(value) ? value : [value]) this.#json(record);
  }

  #json(record: unknown): void {
    const fields = fieldsOf(record);
    if (!fields) {
      this.invalid++;
      return;
    }
    const { message, host, program, at } = fields;
    if (/^(<\d{1,3}>)?(1 )?([A-Z][a-z][a-z] [ \d]\d \d\d:|\d{4}-\d\d-\d\d[T ])/.test(message)) {
      this.#lines(message);
      return;
    }
    this.#understood = true;
    const tagged = program === '' ? /^(\S+?)(\[\d+\])?: /.exec(message) : null;
    const role = this.#role(program || (tagged?.[1] ?? '\0'));
    if (role === undefined) return;
    this.text = message;
    this.message = tagged?.[0].length ?? 0;
    this.end = message.trimEnd().length;
    this.host = host;
    this.#record = { at, id: `${host} ${JSON.stringify(at)} ${program} ${message}` };
    this.#take(role);
  }
}

/** Start of the message behind `program[pid]: `. */
function afterTag(text: string, programEnd: number): number {
  let at = programEnd;
  if (text.charCodeAt(at) === 91) at = text.indexOf(']', at) + 1;
  if (text.charCodeAt(at) === 58) at++;
  if (text.charCodeAt(at) === 32) at++;
  return at;
}

/** Start of the message behind `PROCID MSGID STRUCTURED-DATA ` (RFC 5424 6.3), without the byte order mark it may have. */
function afterHeader(text: string, programEnd: number, end: number): number {
  let at = text.indexOf(' ', text.indexOf(' ', programEnd + 1) + 1) + 1;
  if (text.charCodeAt(at) === 91) {
    let quoted = false;
    for (; at < end; at++) {
      const c = text.charCodeAt(at);
      if (c === 92 /* \ */) at++;
      else if (c === 34) quoted = !quoted;
      else if (c === 93 && !quoted && text.charCodeAt(at + 1) !== 91) break;
    }
  }
  at += 2;
  return text.charCodeAt(at) === 0xfeff ? at + 1 : at;
}

/** The records of a body that is one JSON value; undefined when it is lines. */
function wholeJson(body: Buffer): unknown[] | undefined {
  let at = 0;
  while (at < body.length && body[at]! <= 32) at++;
  const array = body[at] === 91;
  if (!array && body[at] !== 123) return undefined;
  const newline = body.indexOf(10, at);
  if (!array && newline >= 0 && newline < body.length - 1 && body[at + 1] !== 10) return undefined; // one record a line
  try {
    const value: unknown = JSON.parse(body.toString());
    return Array.isArray(value) ? value : [value];
  } catch {
    return undefined;
  }
}

/** Where the shippers put what a syslog line holds, first one wins. Vector, Fluent Bit, rsyslog, journald, Docker, Elastic. */
const MESSAGE = ['message', 'MESSAGE', 'msg', 'log'];
const HOST = ['hostname', '_HOSTNAME', 'host', 'HOSTNAME', 'fromhost'];
/** rsyslog's `programname` ends before a slash; its `syslogtag` does not. */
const PROGRAM = ['appname', 'SYSLOG_IDENTIFIER', 'ident', 'syslogtag', 'programname', 'program'];
const TIME = [
  '__REALTIME_TIMESTAMP',
  'timestamp',
  '@timestamp',
  'timereported',
  'time',
  'date',
  '_SOURCE_REALTIME_TIMESTAMP',
];

function fieldsOf(record: unknown): { message: string; host: string; program: string; at: unknown } | undefined {
  if (typeof record !== 'object' || record === null) return undefined;
  const r = record as Record<string, unknown>;
  const first = (names: string[]): unknown => r[names.find((name) => r[name] !== undefined && r[name] !== null) ?? ''];
  let message = first(MESSAGE);
  if (Array.isArray(message)) message = Buffer.from(message).toString(); // journald: what is not UTF-8
  if (typeof message !== 'string') return undefined;
  let host = first(HOST);
  if (typeof host === 'object' && host !== null && 'name' in host) host = host.name;
  const program = first(PROGRAM);
  return {
    message,
    host: typeof host === 'string' ? host : '',
    program: typeof program === 'string' ? program.replace(/(\[\d+\])?:?\s*$/, '') : '',
    at: first(TIME),
  };
}
