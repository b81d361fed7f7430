/**
 * A domain becomes a judgement of its SPF record as a reader meets it who has to go through all of it (RFC 7208): form, limits,
 * and what is behind every include. Which addresses pass is not asked: the limits hold for the worst case.
 */
import type { World } from '../check.ts';
import { dnsCheck, exchangers, find, type Judge, shown, texts } from '../dns-check.ts';
import { isSpf, type SpfRecord, type SpfTerm, spfRecord } from '../spf-record.ts';

/** RFC 7208 4.6.4: terms that cost a question, those that may come to nothing, and exchangers of one mx. */
const LOOKUPS = 10;
const VOID = 2;
const EXCHANGERS = 10;
/** Networks that hold more than any sender has. */
const WIDE = { ip4: 12, ip6: 20 } as const;

const PROBLEMS = {
  missing: 'Publish one TXT record that begins with "v=spf1" and names the servers that send for the domain.',
  several_records: 'Merge the records that begin with "v=spf1" into one: several are an error to every reader.',
  syntax_error: 'Correct the term: one that cannot be read makes the whole record an error.',
  too_many_lookups:
    'Replace include, a, mx, ptr, exists or redirect by ip4 and ip6 until at most 10 questions are left, those within includes counted.',
  too_many_void_lookups: 'Remove terms whose names do not exist: at most 2 may come to nothing.',
  too_many_exchangers:
    'Name the servers by ip4 and ip6: an mx term whose domain has more than 10 exchangers is an error.',
  include_without_record:
    'Remove the include or redirect, or have its domain publish one readable SPF record: it is an error as it is.',
  loop: 'Remove the include or redirect that leads back to a record which is being read.',
  pass_all: 'End the record with -all or ~all: as it is, every address in the world may send for the domain.',
} as const;
const WARNINGS = {
  neutral_all: 'End the record with -all or ~all: ?all says nothing of the addresses that are not listed.',
  no_all:
    'End the record with -all, ~all or a redirect: without it, it says nothing of the addresses that are not listed.',
  terms_after_all: 'Remove what stands behind all, and redirect beside it: it is never read.',
  ptr_mechanism: 'Replace ptr by ip4, ip6 or a: it is slow, unsafe, and skipped by some receivers.',
  wide_network: 'Narrow the network to the addresses that send.',
  unknown_modifier: 'Write mechanisms with a colon (ip4:…): with an equals sign they are ignored.',
} as const;
type SpfJudge = Judge<keyof typeof PROBLEMS, keyof typeof WARNINGS>;

export default dnsCheck({
  name: 'spf',
  summary: 'which servers may send for the domain, and whether readers can find out within their limits (SPF)',
  targets: ['domain'],
  problems: PROBLEMS,
  warnings: WARNINGS,
  async examine({ name: domain }, world, judge) {
    const reading = new Reader(world, judge);
    await reading.read(domain, []);
    world.tell(`${reading.lookups} of ${LOOKUPS} look-ups, ${reading.voids} of ${VOID} that may come to nothing`);
    return [];
  },
});

class Reader {
  lookups = 0;
  voids = 0;
  private readonly world: World;
  private readonly judge: SpfJudge;

  constructor(world: World, judge: SpfJudge) {
    this.world = world;
    this.judge = judge;
  }

  /** False once a reader would give up. `trail`: the domains whose records led here; `passes`: a match there is a pass here. */
  async read(domain: string, trail: readonly string[], passes = true, redirected = false): Promise<boolean> {
    const { judge } = this;
    if (trail.includes(domain)) return this.giveUp('loop', [...trail, domain].join(' → '));
    const found = (await texts(this.world, domain)).filter(isSpf);
    const [text] = found;
    if (text === undefined)
      return this.giveUp(trail.length === 0 ? 'missing' : 'include_without_record', `${domain} has no SPF record`);
    if (found.length > 1) return this.giveUp('several_records', `${domain} has ${found.length}`);
    const record = spfRecord(text);
    const [fault] = record.faults;
    if (fault !== undefined) return this.giveUp('syntax_error', `${domain}: ${fault}`);

    const all = record.terms.findIndex(({ mechanism }) => mechanism === 'all');
    const read = all < 0 ? record.terms : record.terms.slice(0, all + 1);
    this.judgeTerms({ ...record, terms: read }, domain, trail.length === 0 || redirected, passes);
    if (all >= 0 && (all < record.terms.length - 1 || record.redirect !== undefined))
      judge.warning('terms_after_all', domain);
    for (const term of read) if (!(await this.follow(term, domain, [...trail, domain], passes))) return false;
    if (all >= 0 || record.redirect === undefined) return true;
    if (!this.spend(`redirect=${record.redirect} of ${domain}`)) return false;
    const target = expand(record.redirect, domain, trail[0]);
    if (target === undefined) return this.unforeseeable(record.redirect);
    return await this.read(target, [...trail, domain], passes, trail.length === 0 || redirected);
  }

  /** What can be said of a record by itself. `last`: its all decides, not the one of who includes it. */
  private judgeTerms(record: SpfRecord, domain: string, last: boolean, passes: boolean): void {
    const { judge } = this;
    for (const { mechanism, qualifier, prefix, text } of record.terms) {
      const where = `${shown(text)} of ${domain}`;
      const network = mechanism === 'ip4' || mechanism === 'ip6';
      if (passes && qualifier === '+' && (mechanism === 'all' || (network && prefix === 0)))
        judge.problem('pass_all', where);
      else if (last && mechanism === 'all' && qualifier === '?') judge.warning('neutral_all', where);
      else if (mechanism === 'ptr') judge.warning('ptr_mechanism', where);
      else if (network && qualifier === '+' && prefix < WIDE[mechanism]) judge.warning('wide_network', where);
    }
    if (last && record.redirect === undefined && !record.terms.some(({ mechanism }) => mechanism === 'all'))
      judge.warning('no_all', domain);
    for (const name of record.unknown) judge.warning('unknown_modifier', `${name}= of ${domain}`);
  }

  private async follow(term: SpfTerm, domain: string, trail: readonly string[], passes: boolean): Promise<boolean> {
    const { mechanism, value } = term;
    if (mechanism === 'all' || mechanism === 'ip4' || mechanism === 'ip6') return true;
    if (!this.spend(`${term.text} of ${domain}`)) return false;
    // The names of an address are not known before one sends.
    if (mechanism === 'ptr') return true;
    const name = value === '' ? domain : expand(value, domain, trail[0]);
    if (name === undefined) return this.unforeseeable(term.text);
    if (mechanism === 'include') return await this.read(name, trail, passes && term.qualifier === '+');
    if (mechanism !== 'mx') return (await this.answers(name, mechanism)) || this.spendVoid(`${term.text} of ${domain}`);
    const hosts = await exchangers(this.world, name);
    if (hosts.length > EXCHANGERS) return this.giveUp('too_many_exchangers', `${name} has ${hosts.length}`);
    return hosts.length > 0 || this.spendVoid(`${term.text} of ${domain}`);
  }

  /** An address of either family: which of them is asked for depends on the sender, exists asks for IPv4 alone. */
  private async answers(name: string, mechanism: 'a' | 'exists'): Promise<boolean> {
    if ((await find(this.world, name, 'A')).records.length > 0) return true;
    return mechanism === 'a' && (await find(this.world, name, 'AAAA')).records.length > 0;
  }

  private spend(what: string): boolean {
    return ++this.lookups <= LOOKUPS || this.giveUp('too_many_lookups', `${shown(what)} is look-up ${this.lookups}`);
  }

  private spendVoid(what: string): boolean {
    this.world.tell(`${shown(what)} comes to nothing`);
    return ++this.voids <= VOID || this.giveUp('too_many_void_lookups', `${shown(what)} is number ${this.voids}`);
  }

  private giveUp(problem: keyof typeof PROBLEMS, why: string): false {
    this.judge.problem(problem, why);
    return false;
  }

  private unforeseeable(name: string): true {
    this.world.tell(`${shown(name)} depends on the message: counted, not followed`);
    return true;
  }
}

/** The name with the macros filled in that domains alone decide; undefined when it depends on the mailbox or the address. */
function expand(name: string, domain: string, sender = domain): string | undefined {
  const filled = name
    .replace(/%\{d\}/gi, domain)
    .replace(/%\{o\}/gi, sender)
    .toLowerCase()
    .replace(/\.$/, '');
  return filled.includes('%') ? undefined : filled;
}
