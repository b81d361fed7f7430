/**
 * A definition with its closed list of findings becomes a Check, and a question a definite answer: records, or the certainty
 * that there are none. What is neither (SERVFAIL, REFUSED, silence) is Unanswered, on which no check builds a judgement.
 */
import { isIP } from 'node:net';
import { type Check, type DnsRecord, type RecordType, type Target, Unanswered, type World } from './check.ts';
import type { Reading } from './reading.ts';

/** Takes what was found; a name that is not of the closed list does not compile. */
export interface Judge<Problem extends string, Warning extends string> {
  /** Receivers refuse, distrust or ignore because of it. */
  problem(name: Problem, why: string): void;
  /** Worth telling: no receiver acts on it today. */
  warning(name: Warning, why: string): void;
}

export interface DnsCheck<Problem extends string, Warning extends string> {
  /** The file's name. */
  name: string;
  summary: string;
  targets: readonly Target['kind'][];
  problems: Readonly<Record<Problem, string>>;
  warnings: Readonly<Record<Warning, string>>;
  /** Returns further readings, or undefined when there is nothing to judge about this target. */
  examine(target: Target, world: World, judge: Judge<Problem, Warning>): Promise<readonly Reading[] | undefined>;
}

export function dnsCheck<Problem extends string, Warning extends string>(it: DnsCheck<Problem, Warning>): Check {
  return {
    summary: it.summary,
    targets: it.targets,
    problems: { ...it.problems, ...it.warnings },
    async run(target, world) {
      const problems = new Set<string>();
      const warnings = new Set<string>();
      const note = (into: Set<string>, word: string) => (name: string, why: string) => {
        world.tell(`${word} ${name}: ${why}`);
        into.add(name);
      };
      const further = await it.examine(target, world, {
        problem: note(problems, 'problem'),
        warning: note(warnings, 'warning'),
      });
      if (further === undefined) return [];
      const reading = { kind: 'dns_check', check: it.name, target: target.name } as const;
      return [{ ...reading, problems: [...problems], warnings: [...warnings] }, ...further];
    },
  };
}

export interface Found {
  /** Of the type that was asked for, at the end of the aliases. */
  records: readonly DnsRecord[];
  /** False when the name, or the one that it is an alias of, is not there at all (NXDOMAIN). */
  exists: boolean;
  /** The name is an alias (CNAME). */
  alias: boolean;
}

/** RFC 1034 sets no bound; resolvers follow about as many. */
const ALIASES = 8;

/** What a question takes. */
export type Asking = Pick<World, 'ask' | 'signal' | 'tell'>;

export async function find(world: Asking, name: string, type: RecordType): Promise<Found> {
  const asked = name.toLowerCase();
  let owner = asked;
  for (let hops = 0; hops <= ALIASES; hops++) {
    // What cannot be written in a question cannot be in the DNS either.
    if (!isName(owner)) return { records: [], exists: false, alias: owner !== asked };
    const { rcode, records, server } = await world.ask(owner, type, { signal: world.signal });
    world.tell(`${type} ${owner}: ${rcode} from ${server}${records.map(({ data }) => ` ${shown(data)}`).join(',')}`);
    if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN')
      throw new Unanswered(
        'unreachable',
        `${type} ${owner}: ${server} answered ${rcode}, which says nothing of the name`,
      );
    const end = type === 'CNAME' ? owner : endOfAliases(records, owner);
    const wanted = records.filter((record) => record.type === type);
    if (wanted.length > 0 || end === owner || rcode === 'NXDOMAIN')
      return { records: wanted, exists: rcode === 'NOERROR', alias: end !== asked };
    // Few resolvers leave the rest of the chain to the asker; those that serve local data do.
    owner = end;
  }
  world.tell(`${type} ${name}: more than ${ALIASES} aliases one behind the other`);
  return { records: [], exists: false, alias: true };
}

function endOfAliases(records: readonly DnsRecord[], from: string): string {
  let owner = from;
  for (let hops = 0; hops <= ALIASES; hops++) {
    const alias = records.find(({ name, type }) => type === 'CNAME' && name === owner);
    if (alias === undefined) break;
    owner = alias.data;
  }
  return owner;
}

/** What the resolver takes: records of others may hold anything. */
export function isName(name: string): boolean {
  return /^[!-[\]-~]{1,253}$/.test(name) && name.split('.').every((label) => label.length > 0 && label.length <= 63);
}

/** Foreign text in one line of bounded length. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}

export async function texts(world: World, name: string): Promise<readonly string[]> {
  return (await find(world, name, 'TXT')).records.map(({ data }) => data);
}

export async function hasAddress(world: World, name: string): Promise<boolean> {
  if ((await find(world, name, 'A')).records.length > 0) return true;
  return (await find(world, name, 'AAAA')).records.length > 0;
}

/** More than anybody has; a hostile answer may name thousands. */
const EXCHANGERS = 30;

/** In the order in which they are tried; a null MX (RFC 7505) is the exchanger ''. */
export async function exchangers(world: World, domain: string): Promise<readonly string[]> {
  const { records } = await find(world, domain, 'MX');
  // By name where the preference is the same: servers shuffle those, and which are looked at must not change with each answer.
  const inOrder = records.toSorted((a, b) => (a.preference ?? 0) - (b.preference ?? 0) || (a.data < b.data ? -1 : 1));
  return inOrder.map(({ data }) => data).slice(0, EXCHANGERS);
}

/** By RFC 5321 5.1: where there is no MX, the name's own address takes mail. */
export async function receivesMail(world: World, domain: string): Promise<boolean> {
  const hosts = await exchangers(world, domain);
  if (hosts.length === 0) return await hasAddress(world, domain);
  for (const host of hosts) if (host !== '' && (await hasAddress(world, host))) return true;
  return false;
}

/** The domain of a `mailto:` URI, '' when it is none that could take mail. */
export function mailtoDomain(uri: string): string {
  const [, domain = ''] = /^mailto:[^@\s]+@([^@\s?!/]+)(?:\?\S*)?$/i.exec(uri) ?? [];
  const name = domain.toLowerCase();
  return name.includes('.') && isName(name) && isIP(name) === 0 ? name : '';
}

export function isHttps(uri: string): boolean {
  return URL.canParse(uri) && new URL(uri).protocol === 'https:';
}
