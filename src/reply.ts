/**
 * A remote SMTP reply becomes a verdict { class, reason, scope, action }: RFC 5321 reply codes, RFC 3463 enhanced status
 * codes, and the words that providers write beside them (`reply-rules/`).
 *
 * One pass reads codes and phrases together, with the folds of multi-line replies ("550-5.7.1 … 550 5.7.1 …") and the
 * addresses of people left out. It keeps nothing of the text, so there is no cache that ids and addresses could defeat.
 */

import { FAMILIES } from './reply-rules/order.ts';
import { APOSTROPHE, AT, DIGIT, LETTER, SPACE, SYMBOLS, WIDTH } from './reply-rules/phrases.ts';
import type { Verdict } from './reply-rules/row.ts';
import { type Rule, rulebook, statusNumber, UNKNOWN } from './reply-rules/rulebook.ts';

export type { Verdict } from './reply-rules/row.ts';

/** A reply is read so far. RFC 5321 allows 512 octets a line, and what a reply means stands in its first lines. */
const LIMIT = 2048;
/** Phrases kept from one reply; real ones hold a dozen. */
const MOST_HITS = 64;

const { rules, automaton, byPhrase, byStatus, byNothing } = rulebook();
const { next, ends: ENDS, found, shorter } = automaton;
const OPENING = next[SPACE]!;

/** What the last scan read: valid until the next one, which is what keeps a reply from costing an allocation. */
const read = { code: 0, doubtful: 0, status: 0, hits: 0 };
const hits = new Uint16Array(MOST_HITS);
const ends = new Uint16Array(MOST_HITS);
const present = new Uint8Array(byPhrase.length);

/** `provider` is the mailbox provider's label ('' or 'other' when unknown). Never throws; '' gives undetermined, unknown. */
export function classify(reply: string, provider: string): Verdict {
  const rule = choose(reply, provider);
  if (rule === undefined) return UNKNOWN;
  return temporary() ? rule.temporary : rule.permanent;
}

/** The rule behind a verdict, for people and tests: '' when none fits. */
export function ruleOf(reply: string, provider: string): string {
  return choose(reply, provider)?.id ?? '';
}

/** A reply without any number is taken for final: temporary trouble comes with a code. */
function temporary(): boolean {
  return read.code === 0 ? read.status < 5_000_000 && read.status > 0 : read.code < 500;
}

function choose(reply: string, provider: string): Rule | undefined {
  scan(reply);
  const family = FAMILIES.get(provider) ?? provider;
  let best = rules.length;
  for (let h = 0; h < read.hits; h++) best = better(byPhrase[hits[h]!]!, family, best);
  if (read.status !== 0) best = better(byStatus.get(read.status) ?? [], family, best);
  if (read.code !== 0 || read.status !== 0) best = better(byNothing, family, best);
  for (let h = 0; h < read.hits; h++) present[hits[h]!] = 0;
  return best < 0 ? rules[best + rules.length] : rules[best];
}

/** Rank of the best rule: its place in the order, minus the number of rules when it is the provider's own. */
function better(candidates: readonly number[], family: string, best: number): number {
  for (const index of candidates) {
    const rule = rules[index]!;
    const own = rule.provider !== '' && rule.provider === family;
    const rank = own ? index - rules.length : index;
    if (rank < best && (own || !rule.only) && fits(rule)) best = rank;
  }
  return best;
}

function fits(rule: Rule): boolean {
  if (rule.statuses.size > 0 && !rule.statuses.has(read.status)) return false;
  for (const phrase of rule.others) if (present[phrase] === 0) return false;
  if (rule.codes.length === 0) return true;
  const first = temporary() ? 4 : 5;
  return rule.codes.some((code) => code === first || code === read.code);
}

/** Every phrase begins with a space, so a word that leads nowhere (state 0) is passed over to its end. */
function scan(text: string): void {
  read.code = read.doubtful = read.status = read.hits = 0;
  const end = Math.min(text.length, LIMIT);
  let state = OPENING;
  for (let i = 0; i < end; i++) {
    let symbol = SYMBOLS[text.charCodeAt(i)]!;
    if (symbol === SPACE) continue;
    if (symbol >= DIGIT && symbol < LETTER) {
      const after = numeral(text, i);
      if (after > i) {
        i = after - 1;
        continue;
      }
    }
    for (; symbol !== SPACE && symbol !== AT; symbol = SYMBOLS[text.charCodeAt(i)]!) {
      if (state !== 0 && symbol !== APOSTROPHE) {
        state = next[state * WIDTH + symbol]!;
        if (state >= ENDS) note(state, i);
      }
      if (++i >= end) break;
    }
    if (symbol === AT && i < end) {
      forget(startOfWord(text, i));
      i = endOfWord(text, i, end) - 1;
      state = OPENING;
      continue;
    }
    state = next[state * WIDTH + SPACE]!;
    if (state >= ENDS) note(state, i);
  }
  if (read.code === 0) read.code = read.doubtful;
}

function note(state: number, at: number): void {
  for (let s = state; s !== 0; s = shorter[s]!) {
    const phrase = found[s]! - 1;
    if (phrase < 0 || present[phrase] === 1 || read.hits === MOST_HITS) continue;
    present[phrase] = 1;
    hits[read.hits] = phrase;
    ends[read.hits++] = at;
  }
}

/** The words of an address say nothing about the reply: takes back the phrases that end inside it. */
function forget(from: number): void {
  while (read.hits > 0 && ends[read.hits - 1]! > from) present[hits[--read.hits]!] = 0;
}

/** Letters, digits and what else an address is made of: all printable characters but the ones that enclose or part it. */
function inWord(c: number): boolean {
  return c > 32 && c !== 60 && c !== 62 && c !== 40 && c !== 41 && c !== 34 && c !== 44 && c !== 58 && c !== 59;
}

function startOfWord(text: string, i: number): number {
  while (i > 0 && inWord(text.charCodeAt(i - 1))) i--;
  return i;
}

function endOfWord(text: string, i: number, end: number): number {
  while (i < end && inWord(text.charCodeAt(i)) && !text.startsWith('..', i)) i++;
  return i;
}

/** Value of the digit at i, -1 when there is none. */
function digit(text: string, i: number): number {
  const value = text.charCodeAt(i) - 48;
  return value >= 0 && value <= 9 ? value : -1;
}

/** True when the number before i goes on: 550.1, 5500, 550th. */
function goesOn(text: string, i: number): boolean {
  const c = text.charCodeAt(i);
  if (c === 46 /* . */) return digit(text, i + 1) >= 0;
  const symbol = SYMBOLS[c] ?? SPACE;
  return symbol >= DIGIT && symbol < AT;
}

/**
 * Reads a reply code or an enhanced status at i, where a word begins. Returns where the text goes on, or i when the number
 * is to be read as words: an address, a version, a size.
 */
function numeral(text: string, i: number): number {
  const before = i === 0 ? 32 : text.charCodeAt(i - 1);
  if (before === 46) return i;
  if (text.charCodeAt(i + 1) === 46) return status(text, i);
  const first = digit(text, i);
  if (first !== 4 && first !== 5) return i;
  const tens = digit(text, i + 1);
  const ones = digit(text, i + 2);
  if (tens < 0 || ones < 0 || goesOn(text, i + 3)) return i;
  const code = first * 100 + tens * 10 + ones;
  if (read.code === 0 && (tens <= 5 || tens === 7)) {
    const after = status(text, i + 4);
    if (after === i + 4 && i > 0 && text.charCodeAt(i + 3) !== 45 /* - */ && !opens(text, i)) {
      if (read.doubtful === 0) read.doubtful = code;
      return i;
    }
    read.code = code;
    // What stood before is our own MTA's, and names a host that may be called anything.
    if (text.startsWith(' said: ', i - 7)) forget(0);
    return after;
  }
  if (code !== read.code) return i;
  return status(text, i + 4);
}

/** True when the number at i begins the text, a quotation or what somebody said: "said: 550", "smtp;550", "(550". */
function opens(text: string, i: number): boolean {
  let c = 0;
  for (i--; i >= 0; i--) {
    c = text.charCodeAt(i);
    if (c > 32 && c !== 35) break;
  }
  return i < 0 || c === 58 || c === 59 || c === 40 || c === 91 || c === 60 || c === 34 || c === 39 || c === 61;
}

/** Reads "5.7.1" at i into `read.status`, unless one was read before that says as much. Returns its end, or i. */
function status(text: string, i: number): number {
  const kind = digit(text, i);
  const subject = digit(text, i + 2);
  let at = i + 4;
  let detail = digit(text, at);
  if ((kind !== 2 && kind !== 4 && kind !== 5) || text.charCodeAt(i + 1) !== 46) return i;
  if (subject < 0 || subject > 7 || text.charCodeAt(i + 3) !== 46 || detail < 0) return i;
  for (at++; digit(text, at) >= 0 && detail < 100; at++) detail = detail * 10 + digit(text, at);
  if (goesOn(text, at)) return i;
  // x.7.0 says no more than that there is something: a later x.7.1 is the better one, and any is better than x.0.0.
  if (kind !== 2 && ((read.status % 1000 === 0 && detail > 0) || read.status % 1_000_000 === 0)) {
    read.status = statusNumber(kind, subject, detail);
  }
  return at;
}
