/**
 * What a list answered becomes a verdict: every A record read, by the list's own table, and believed as far as the list's health
 * allows. After RFC 5782 section 2.3 and the operators' own words on refusals.
 */
import type { Blocklist, ChosenList, Meaning, Refusal, ZoneState } from './blocklist.ts';
import { type Ask, type DnsAnswer, type Target, Unanswered } from './check.ts';
import type { BlocklistReading, ListVerdict, Reading } from './reading.ts';

/**
 * Which answers are believed of a list in which state. A "no" is worth something from a healthy one alone. A "yes" in a documented
 * code is an answer even from a list that just refused or lost its test entry, but not from one that says yes to everything.
 */
const BELIEVED: Record<ZoneState, { yes: boolean; no: boolean }> = {
  healthy: { yes: true, no: true },
  dead: { yes: true, no: false },
  refused: { yes: true, no: false },
  unreachable: { yes: true, no: false },
  wildcard: { yes: false, no: false },
  parked: { yes: false, no: false },
  interfered: { yes: false, no: false },
  unknown: { yes: false, no: false },
};

/** Whether any answer of a list in this state would be believed. */
export const worthAsking = (state: ZoneState): boolean => BELIEVED[state].yes || BELIEVED[state].no;

/** Of several answers the most telling one is the verdict. */
const RANK: Record<Meaning['verdict'], number> = { listed: 4, policy: 3, info: 2, allow: 1, score: 0 };

const SHORT_ANSWER = 300;
/** A reading without what names it: list, target, and the text. */
export interface Judgement {
  verdict: ListVerdict;
  codes: readonly string[];
  meaning: string;
  cause: string;
  severity: number;
  score?: number;
}

const silent = { codes: [], meaning: '', cause: '', severity: 0 };

/** What the answer to the A question says, by itself. `absent`: a definite "no such name", whatever that is worth. */
export function read(list: Blocklist, answer: DnsAnswer | Unanswered): Judgement | 'absent' {
  if (answer instanceof Unanswered) return { ...silent, verdict: 'error', cause: answer.reason };
  if (answer.rcode === 'REFUSED') return { ...silent, verdict: 'refused', cause: 'rcode' };
  if (answer.rcode !== 'NOERROR' && answer.rcode !== 'NXDOMAIN')
    return { ...silent, verdict: 'error', cause: answer.rcode.toLowerCase() };
  const codes = [...new Set(answer.records.filter(({ type }) => type === 'A').map(({ data }) => data))].sort(byNumber);
  if (codes.length > 0 && answer.rcode === 'NXDOMAIN')
    return { ...silent, codes, verdict: 'error', cause: 'malformed' };
  if (codes.length > 0) return readCodes(list, codes);
  // A chain whose end nobody looked up: neither a yes nor a no. NXDOMAIN, though, is said of the end (RFC 2308 2.1, RFC 6604).
  if (answer.rcode === 'NOERROR' && answer.records.some(({ type }) => type === 'CNAME'))
    return { ...silent, verdict: 'error', cause: 'cname' };
  return 'absent';
}

function readCodes(list: Blocklist, codes: readonly string[]): Judgement {
  if (!codes.every((code) => code.startsWith('127.'))) return { ...silent, codes, verdict: 'error', cause: 'parked' };
  // One refusal among the codes spoils them all. The operators say that such an answer is not to be read as one about the target;
  // and a listing believed in error wakes somebody, while one overlooked for now shows as a list gone blind.
  const refusal = codes.map((code) => refusalOf(list, code)).find((cause) => cause !== undefined);
  if (refusal !== undefined) return { ...silent, codes, verdict: 'refused', cause: refusal };
  const [first, ...others] = codes.flatMap((code) => meaningsOf(list, code));
  if (first === undefined) return { ...silent, codes, verdict: 'unknown_code' };
  // Of equals the highest code, which is the newer and narrower one with those who have such (DROP stands beside SBL).
  const worst = others.reduce(
    (a, b) => ((RANK[b.verdict] - RANK[a.verdict] || b.severity - a.severity) >= 0 ? b : a),
    first,
  );
  const { verdict, meaning, severity, score } = worst;
  return { verdict, codes, meaning, cause: '', severity, ...(score !== undefined && { score }) };
}

/** `read`, as far as the state of the list lets it be believed. */
export function judge(list: Blocklist, answer: DnsAnswer | Unanswered, state: ZoneState): Judgement {
  const said = read(list, answer);
  if (said === 'absent') {
    if (!BELIEVED[state].no) return { ...silent, verdict: 'error', cause: `zone_${state}` };
    return list.absent === undefined
      ? { ...silent, verdict: 'clear' }
      : { ...silent, verdict: 'info', meaning: list.absent };
  }
  const aboutTarget = said.verdict !== 'error' && said.verdict !== 'refused';
  return aboutTarget && !BELIEVED[state].yes
    ? { ...silent, codes: said.codes, verdict: 'error', cause: `zone_${state}` }
    : said;
}

/** Why a code is none about the target; undefined: it may be. */
export function refusalOf(list: Blocklist, code: string): Refusal | undefined {
  const byCode = lookUp(list.refusals, code);
  if (byCode !== undefined || list.answers.model !== 'bits' || !code.startsWith('127.0.0.')) return byCode;
  return bitsOf(list.answers.refusals ?? {}, code)[0];
}

/** What a code says: several things where it is a sum of bits, nothing where the list does not document it. */
export function meaningsOf({ answers }: Blocklist, code: string): Meaning[] {
  switch (answers.model) {
    case 'codes':
      return [lookUp(answers.codes, code)].filter((meaning) => meaning !== undefined);
    case 'bits':
      return code.startsWith('127.0.0.') ? bitsOf(answers.bits, code) : [];
    case 'score': {
      const score = code.startsWith(`${answers.prefix}.`) ? lastOctet(code) : Number.NaN;
      return score <= 100 ? [{ verdict: 'score', meaning: answers.meaning, severity: 0, score }] : [];
    }
  }
}

function bitsOf<T>(bits: Readonly<Record<number, T>>, code: string): T[] {
  return Object.entries(bits)
    .filter(([bit]) => (lastOctet(code) & Number(bit)) !== 0)
    .map(([, value]) => value);
}

const lastOctet = (code: string) => Number(code.slice(code.lastIndexOf('.') + 1));

function byNumber(a: string, b: string): number {
  const [left, right] = [a, b].map((code) => code.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0));
  return left! - right!;
}

function lookUp<T>(table: Readonly<Record<string, T>>, code: string): T | undefined {
  if (Object.hasOwn(table, code)) return table[code];
  return Object.entries(table).find(([pattern]) => /[-*]/.test(pattern) && fits(pattern, code))?.[1];
}

function fits(pattern: string, code: string): boolean {
  const octets = code.split('.').map(Number);
  return pattern.split('.').every((part, n) => {
    if (part === '*') return true;
    const [least, most = least] = part.split('-').map(Number);
    return octets[n]! >= least! && octets[n]! <= most!;
  });
}

/** Verdicts that an operator explains in TXT at the same name; a refusal there names the resolver that is refused. */
const EXPLAINED: readonly ListVerdict[] = ['listed', 'policy', 'refused', 'unknown_code'];

/**
 * One list's word on one target: up to two questions, A and, for its reason, TXT. Where the answer is a degree, a second reading
 * holds it as a score. None at all where the allowance is used up: the list was not asked, and that is no fault of it.
 */
export async function inquire(
  chosen: ChosenList,
  target: Target,
  state: ZoneState,
  world: { ask: Ask; signal: AbortSignal; tell(step: string): void },
): Promise<Reading[]> {
  const { list, name } = chosen;
  const question = chosen.question(target);
  const shown = question === undefined ? '' : chosen.mask(question);
  const base = { kind: 'blocklist', list: name, target: target.name } as const;
  if (question === undefined) {
    world.tell(`${name}: has no entries for such a target; not asked`);
    return [{ ...base, verdict: 'unsupported', codes: [], meaning: '', reason: '', cause: '' }];
  }
  const answer = await chosen.ask(world.ask, question, 'A', { signal: world.signal });
  if (answer instanceof Unanswered && answer.reason === 'allowance') {
    world.tell(`${name}: not asked: ${answer.message}`);
    return [];
  }
  const { verdict, codes, meaning, cause, score } = judge(list, answer, state);
  const came = answer instanceof Unanswered ? answer.reason : `${answer.rcode} ${codes.join(' ')}`.trim();
  world.tell(`${name}: ${shown} A? ${came}; list is ${state}: ${[verdict, meaning, cause].filter(Boolean).join(' ')}`);
  let reason = '';
  if (codes.length > 0 && EXPLAINED.includes(verdict)) {
    const text = await chosen.ask(world.ask, question, 'TXT', { signal: world.signal });
    if (!(text instanceof Unanswered)) reason = chosen.mask(readable(text));
    world.tell(`${name}: ${shown} TXT? ${reason || 'nothing'}`);
  }
  const reading: BlocklistReading = { ...base, verdict, codes, meaning, reason, cause };
  if (score === undefined) return [reading];
  return [reading, { kind: 'reputation', service: name, target: target.name, score }];
}

/** Strangers wrote it and people will see it: no control characters, and no more than they will read. */
function readable({ records }: DnsAnswer): string {
  return [...new Set(records.filter(({ type }) => type === 'TXT').map(({ data }) => data))]
    .join(' ')
    .replace(/\p{C}/gu, ' ')
    .slice(0, SHORT_ANSWER);
}
