/**
 * Phrases become one automaton that meets all of them in a single pass over a text (Aho and Corasick, CACM 18.6, 1975):
 * the cost does not grow with the number of phrases, and no text can make it worse than linear.
 */

/** Every character as one of few symbols: a letter of any case and accent, a digit, and nearly all else a space. */
export const SPACE = 1;
export const DIGIT = 2;
export const LETTER = 12;
export const AT = 38;
/** Left out, so that "doesn't" and "doesnt" are one word. */
export const APOSTROPHE = 39;
/** A letter that no phrase has. */
export const OTHER = 0;
export const WIDTH = 38;

export const SYMBOLS = symbols();

function symbols(): Uint8Array {
  const table = new Uint8Array(0x10000).fill(OTHER);
  table.fill(SPACE, 0, 0xc0);
  for (let c = 0; c < 10; c++) table[48 + c] = DIGIT + c;
  for (let c = 0; c < 26; c++) table[65 + c] = table[97 + c] = LETTER + c;
  for (let c = 0xc0; c < 0x180; c++) {
    const plain = String.fromCharCode(c).normalize('NFD').charCodeAt(0);
    if (plain < 0x80) table[c] = table[plain]!;
  }
  table[64] = AT;
  for (const c of "'`\u00b4\u2018\u2019") table[c.charCodeAt(0)] = APOSTROPHE;
  for (const c of '\u2013\u2014\u201c\u201d\u2026\u3000\u3001\u3002\uff0c\uff1a') table[c.charCodeAt(0)] = SPACE;
  return table;
}

/** A phrase as the scanner meets it: whole words between spaces, unless a `*` leaves the last word open. */
export function spell(phrase: string): number[] {
  const open = phrase.endsWith('*');
  const out = [SPACE];
  for (const c of phrase) {
    const symbol = SYMBOLS[c.charCodeAt(0)]!;
    if (symbol === OTHER || symbol === AT) throw new Error(`"${phrase}": "${c}" cannot be part of a phrase`);
    if (symbol === APOSTROPHE || (symbol === SPACE && out.at(-1) === SPACE)) continue;
    out.push(symbol);
  }
  if (out.at(-1) === SPACE) out.pop();
  if (!open) out.push(SPACE);
  return out;
}

/**
 * The automaton as tables. From state s, symbol k leads to `next[s * WIDTH + k]`. States stand breadth first, so that the
 * few which most text goes through lie together, and those in which a phrase ends come last, from `ends` on: the scan
 * needs no look-up to know that nothing was met.
 */
export class Automaton {
  readonly next: Uint16Array;
  readonly ends: number;
  /** By state: the longest phrase that ends there, plus one; 0 for none. */
  readonly found: Uint16Array;
  /** By state: that of the next shorter phrase that ends there too; 0 for none. */
  readonly shorter: Uint16Array;

  constructor(phrases: readonly string[]) {
    const trie = new Trie(phrases);
    const ending = trie.order.filter((state) => trie.meets(state));
    const order = [...trie.order.filter((state) => !trie.meets(state)), ...ending];
    const place = new Uint16Array(order.length);
    for (const [at, state] of order.entries()) place[state] = at;
    this.ends = order.length - ending.length;
    this.next = new Uint16Array(order.length * WIDTH);
    for (const [at, state] of order.entries())
      for (let k = 0; k < WIDTH; k++) this.next[at * WIDTH + k] = place[trie.next[state * WIDTH + k]!]!;
    this.found = Uint16Array.from(order, (state) => trie.found[state]!);
    this.shorter = Uint16Array.from(order, (state) => place[trie.shorter[state]!]!);
  }
}

class Trie {
  readonly next: Uint16Array;
  readonly found: Uint16Array;
  readonly shorter: Uint16Array;
  /** All states, breadth first. */
  readonly order = [0];

  constructor(phrases: readonly string[]) {
    const spelled = phrases.map(spell);
    const most = 1 + spelled.reduce((sum, symbols) => sum + symbols.length, 0);
    if (most > 0xffff) throw new Error(`${phrases.length} phrases need ${most} states; 65535 is the most`);
    this.next = new Uint16Array(most * WIDTH);
    this.found = new Uint16Array(most);
    this.shorter = new Uint16Array(most);
    let states = 1;
    for (const [id, symbols] of spelled.entries()) {
      let state = 0;
      for (const symbol of symbols) {
        const at = state * WIDTH + symbol;
        if (this.next[at] === 0) this.next[at] = states++;
        state = this.next[at]!;
      }
      this.found[state] = id + 1;
    }
    this.#close();
  }

  meets(state: number): boolean {
    return this.found[state] !== 0 || this.shorter[state] !== 0;
  }

  /** Where a state has no way on, it goes where its longest proper suffix goes. */
  #close(): void {
    const fail = new Uint16Array(this.found.length);
    for (const state of this.order) {
      for (let symbol = 0; symbol < WIDTH; symbol++) {
        const at = state * WIDTH + symbol;
        const fallback = state === 0 ? 0 : this.next[fail[state]! * WIDTH + symbol]!;
        const to = this.next[at]!;
        if (to === 0) {
          this.next[at] = fallback;
        } else {
          fail[to] = fallback;
          this.shorter[to] = this.found[fallback] === 0 ? this.shorter[fallback]! : fallback;
          this.order.push(to);
        }
      }
    }
  }
}
