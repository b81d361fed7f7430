/**
 * A question becomes the octets of a query, and octets become an answer or nothing; RFC 1035, 2308, 3597, 6891.
 *
 * The codec is dns2's, record by record. Of dns2 3.1.1 this works around:
 * - `Packet.parse` leaves out a record that it cannot read and returns the rest: an unreadable listing would be a clear answer.
 *   Here such an answer is none.
 * - It knows no TLSA, hence numbers of our own; it gives rdata of types it does not know as they came.
 * - Strings of a TXT are turned into text one by one, which breaks a character across two of them.
 * - Encoding leaves out empty labels and the upper octet of what is not ASCII, and so asks about another name than it was given:
 *   names are checked before. It also goes bit by bit, a fifth of what a question costs: it writes a query once, and the name is
 *   put in.
 * - A dot inside a label comes out like a dot between labels: questions are compared as octets. In names that are an answer it
 *   stays, for they are compared with names or asked for, where nothing can be gained by it.
 * - Rcodes 16 to 23 have other meanings by context, and 11 has a name that name servers do not use.
 */
import { isIPv6, SocketAddress } from 'node:net';
import { Packet, type Resource } from 'dns2';
import type { DnsRecord, RecordType } from './check.ts';

export interface Query {
  /** Checked, see `canonicalName`. */
  name: string;
  type: RecordType;
  /** With the id 0. */
  octets: Buffer;
  /** Where its question ends. */
  end: number;
}

export interface Message {
  /** REFERRAL is none on the wire: NOERROR, yet nothing but where else to ask. Taken for "no data" it would clear whoever is listed. */
  rcode: string;
  /** The rest is to be had by TCP, and what is here is worth nothing. */
  truncated: boolean;
  records: readonly DnsRecord[];
  /** Seconds that it may be kept, 0: not at all. */
  ttl: number;
}

const TYPES: Readonly<Record<RecordType, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  TLSA: 52,
};
const TYPE_NAMES = new Map(Object.entries(TYPES).map(([name, code]) => [code, name as RecordType]));
const INTERNET = 1;
const OPT = 41;
/** RFC 9715: fits every path without fragments, which are easily forged. */
const UDP_PAYLOAD = 1232;
const HEADER = 12;

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

/**
 * Lower case, no dot at the end. Throws with what is wrong and without the name: keys of blocklists are labels. What is not
 * ASCII has to come as A-labels; space and backslash are in no name that anybody means.
 */
export function canonicalName(name: string): string {
  const plain = (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
  if (plain.length <= LONGEST && FIT.test(plain)) return plain;
  if (plain === '') throw new Error('a name has at least one label');
  if (plain.length > LONGEST) throw new Error(`a name has at most ${LONGEST} characters, this one has ${plain.length}`);
  const labels = plain.split('.').map(({ length }) => length);
  if (labels.includes(0)) throw new Error('a label of the name is empty');
  const longest = Math.max(...labels);
  if (longest > 63) throw new Error(`a label has at most 63 characters, one has ${longest}`);
  throw new Error('a name is of ASCII characters without spaces and backslashes');
}

/** As text; with the length of its first label and the root it is 255 octets. */
const LONGEST = 253;
/** Labels of what is printable, but for dot and backslash. */
const FIT = /^(?:[!--/-[\]-~]{1,63}\.)*[!--/-[\]-~]{1,63}$/;

export function queryFor(name: string, type: RecordType, edns = true): Query {
  const [before, after] = templates(type, edns);
  const octets = Buffer.allocUnsafe(before.length + name.length + 2 + after.length);
  before.copy(octets);
  let length = octets.write(`.${name}`, HEADER, 'latin1');
  // What are dots in the text are the lengths of labels on the wire.
  for (let at = HEADER + length, label = 0; at > HEADER; at--, label++) {
    if (octets[at - 1] !== DOT) continue;
    octets[at - 1] = label;
    label = -1;
  }
  length += HEADER;
  octets[length] = 0;
  after.copy(octets, length + 1);
  return { name, type, octets, end: length + 1 + 4 };
}

const DOT = 46;
const made = new Map<string, readonly [before: Buffer, after: Buffer]>();

/** A query but for its name, from dns2, which writes bit by bit. */
function templates(type: RecordType, edns: boolean): readonly [before: Buffer, after: Buffer] {
  const key = `${type} ${edns}`;
  let parts = made.get(key);
  if (!parts) {
    const packet = new Packet();
    packet.header.rd = 1;
    packet.questions.push(new Packet.Question('', TYPES[type], INTERNET));
    if (edns) packet.additionals.push(Packet.Resource.EDNS([], { udpPayloadSize: UDP_PAYLOAD }));
    const octets = packet.toBuffer();
    parts = [octets.subarray(0, HEADER), octets.subarray(HEADER + 1)];
    made.set(key, parts);
  }
  return parts;
}

/**
 * Whether octets with the query's id are an answer to its question. Letters count alike: servers may write the name as they
 * know it. Random case in the question (0x20) would forbid that, and a server that does not keep to it would be deaf to us;
 * against guessing there are 16 bits of id and some 15 of port, on connected sockets.
 */
export function isAnswerTo({ octets, end }: Query, data: Buffer): boolean {
  const flags = data[2]!;
  // QR is set and the opcode is QUERY.
  if ((flags & 0xf8) !== 0x80) return false;
  const questions = data.readUInt16BE(4);
  // Who cannot read a query does not repeat it either.
  if (questions === 0 && data.length === HEADER) return (data[3]! & 0xf) === RCODES.indexOf('FORMERR');
  if (questions !== 1 || data.length < end) return false;
  for (let at = HEADER; at < end; at++) {
    const octet = data[at]!;
    if ((octet >= 65 && octet <= 90 ? octet + 32 : octet) !== octets[at]) return false;
  }
  return true;
}

/** Undefined when any of it cannot be read: half an answer would be taken for a whole one. */
export function read(data: Buffer, query: Query): Message | undefined {
  if ((data[2]! & 2) !== 0) return { rcode: 'NOERROR', truncated: true, records: [], ttl: 0 };
  try {
    return parse(data, query);
  } catch {
    return undefined;
  }
}

function parse(data: Buffer, query: Query): Message {
  const reader = new Packet.Reader(data);
  const { qdcount, ancount, nscount, arcount, rcode } = Packet.Header.parse(reader);
  // It is the query's, octet by octet.
  if (qdcount === 1) reader.offset = query.end * 8;
  const answers: DnsRecord[] = [];
  for (let n = 0; n < ancount; n++) {
    const start = reader.offset;
    const record = recordOf(Packet.Resource.parse(reader), data, start, reader.offset);
    if (record) answers.push(record);
  }
  let negative: number | undefined;
  let elsewhere = false;
  for (let n = 0; n < nscount; n++) {
    const { type, ttl, minimum = 0 } = Packet.Resource.parse(reader);
    if (type === TYPES.SOA) negative = Math.min(ttl, minimum);
    else if (type === TYPES.NS) elsewhere = true;
  }
  let code = rcode;
  for (let n = 0; n < arcount; n++) {
    const { type, extendedRcode = 0 } = Packet.Resource.parse(reader);
    if (type === OPT) code |= extendedRcode << 4;
  }
  // RFC 2308, 2.2: what tells "no data" from a referral.
  if (code === 0 && ancount === 0 && elsewhere && negative === undefined) {
    return { rcode: 'REFERRAL', truncated: false, records: [], ttl: 0 };
  }
  const records = answers.length === 0 ? answers : chain(query.name, answers);
  const whole = records.some(({ type }) => type === query.type) ? Number.MAX_SAFE_INTEGER : (negative ?? 0);
  const ttl = records.reduce((least, record) => Math.min(least, record.ttl), whole);
  return { rcode: RCODES[code] ?? `RCODE${code}`, truncated: false, records, ttl };
}

/** What belongs to the name or to one that it is an alias of; a server may say more than it was asked. */
function chain(name: string, records: readonly DnsRecord[]): DnsRecord[] {
  const names = new Set([name]);
  for (let size = 0; size < names.size; ) {
    size = names.size;
    for (const record of records) if (record.type === 'CNAME' && names.has(record.name)) names.add(record.data);
  }
  return records.filter((record) => names.has(record.name));
}

function recordOf(resource: Resource, data: Buffer, start: number, end: number): DnsRecord | undefined {
  const type = TYPE_NAMES.get(resource.type);
  if (type === undefined || resource.class !== INTERNET) return undefined;
  const record = { name: resource.name.toLowerCase(), type, ttl: resource.ttl };
  if (type === 'MX') return { ...record, data: wordsOf[type](resource), preference: resource.priority! };
  return { ...record, data: type === 'TXT' ? text(data, start, end / 8) : wordsOf[type](resource) };
}

const wordsOf: Record<Exclude<RecordType, 'TXT'>, (resource: Resource) => string> = {
  A: ({ address }) => address!,
  AAAA: ({ address }) => asNodeWritesIt(address!),
  CNAME: ({ domain }) => domain!.toLowerCase(),
  PTR: ({ domain }) => domain!.toLowerCase(),
  NS: ({ ns }) => ns!.toLowerCase(),
  MX: ({ exchange }) => exchange!.toLowerCase(),
  SOA: ({ primary, admin, serial, refresh, retry, expiration, minimum }) =>
    [primary, admin, serial, refresh, retry, expiration, minimum].join(' '),
  TLSA: ({ data }) => {
    if (!Buffer.isBuffer(data) || data.length < 4) throw new Error('a TLSA record is too short');
    return `${data[0]} ${data[1]} ${data[2]} ${data.toString('hex', 3)}`;
  },
};

/** The two differ where an IPv4 address is inside. */
function asNodeWritesIt(address: string): string {
  return address.startsWith('::') && isIPv6(address) ? new SocketAddress({ family: 'ipv6', address }).address : address;
}

/** All strings of a TXT record that lies from bit `start` to octet `end`, whose lengths the codec has checked. */
function text(data: Buffer, start: number, end: number): string {
  const reader = new Packet.Reader(data, start);
  Packet.Name.decode(reader);
  const strings: Buffer[] = [];
  // Type, class, TTL and length come first.
  for (let at = reader.offset / 8 + 10; at < end; ) {
    const next = at + 1 + data[at]!;
    strings.push(data.subarray(at + 1, next));
    at = next;
  }
  return Buffer.concat(strings).toString();
}
