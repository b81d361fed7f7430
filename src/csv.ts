/**
 * Runs of lines become records of comma-separated values (RFC 4180): columns by the names in the header line, quoted fields
 * over several lines, and over two runs.
 */
import { fields } from './foreign.ts';
import { jsonItems } from './json-array.ts';
import { kept } from './recent.ts';
import type { Post } from './source.ts';
import { textPieces } from './text-pieces.ts';

/** How one system writes its files. */
export interface Dialect {
  /** Matches what stands before the first column's name in a header line. Other lines that begin with # are passed over. */
  header: RegExp;
  /**
   * How a record begins. A line that begins so ends a record before it whose quote was never closed: a broken line costs
   * itself, not what follows.
   */
  begin: RegExp;
  /** Column lists for records whose header line is not in sight, told apart by their length. */
  columns: readonly (readonly string[])[];
}

/** Characters of a record over several lines, and columns of one: beyond, it is nothing that any mail system writes. */
const LONGEST = 65_536;
const COLUMNS = 250;
const QUOTE = 34;

/** Reads record after record and is itself the current one, so that columns nobody asks for cost no allocation. */
export class Records {
  /** Records that cannot be read: lines that are none, quotes that never closed, a number of fields that no header had. */
  invalid = 0;
  /** The record as it was written; line breaks inside it are \n. */
  text = '';

  #dialect: Dialect;
  /**
   * By the number of columns, the last header that had so many: files and senders with different columns can take turns.
   * Where no header is in sight, in a post of lines alone, the dialect's own lists stand in.
   */
  #headers = new Map<number, Map<string, number>>();
  #columns = new Map<string, number>();
  /** Of each field where it begins and ends, inside its quotes. */
  #from: number[] = [];
  #to: number[] = [];
  #count = 0;
  /** Lines of a record whose quote is still open. */
  #open: string[] = [];
  #openLength = 0;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    for (const names of dialect.columns) this.#know(names);
  }

  /**
   * Calls `take` while this is the record. Lines may also come inside JSON, as shippers wrap them ("message", "log"), when
   * the post says so; then Malformed is thrown for what is no JSON.
   */
  read({ body, headers }: Post, take: () => void): void {
    this.invalid = 0;
    if (/json/.test(headers['content-type'] ?? '')) {
      for (const item of jsonItems(body)) {
        const record = fields(item);
        const line = record?.message ?? record?.log ?? item;
        if (typeof line === 'string') this.#lines(line, take);
        else this.invalid++;
      }
      return;
    }
    for (const piece of textPieces(body)) this.#lines(piece, take);
  }

  /** '' when there is no such column, or nothing in it. */
  field(name: string): string {
    const column = this.#columns.get(name);
    if (column === undefined) return '';
    const value = this.text.slice(this.#from[column], this.#to[column]);
    return value.includes('""') && this.text.charCodeAt(this.#from[column]! - 1) === QUOTE
      ? value.replaceAll('""', '"')
      : value;
  }

  has(name: string): boolean {
    return this.#columns.has(name);
  }

  #lines(text: string, take: () => void): void {
    for (let from = 0; from < text.length; ) {
      let to = text.indexOf('\n', from);
      if (to < 0) to = text.length;
      const end = text.charCodeAt(to - 1) === 13 ? to - 1 : to;
      if (text.charCodeAt(from) === 0xfeff) from++;
      this.#line(text.slice(from, Math.max(from, end)), take);
      from = to + 1;
    }
  }

  #line(line: string, take: () => void): void {
    const { header, begin } = this.#dialect;
    if (this.#open.length > 0) {
      if (!begin.test(line) && !header.test(line)) {
        this.#continue(line, take);
        return;
      }
      this.#open = [];
      this.invalid++;
    }
    if (line === '') return;
    const opening = header.exec(line);
    if (opening) this.#learn(line.slice(opening[0].length));
    else if (line.charCodeAt(0) !== 35 /* # */) {
      if (this.#scan(line)) this.#record(take);
      else if (this.#count > COLUMNS) this.invalid++;
      else {
        this.#open = [line];
        this.#openLength = line.length;
      }
    }
  }

  /** One more line of a quoted field. */
  #continue(line: string, take: () => void): void {
    this.#open.push(line);
    this.#openLength += line.length + 1;
    if (this.#openLength > LONGEST) {
      this.#open = [];
      this.invalid++;
    } else if (closes(line)) {
      const whole = this.#open.join('\n');
      this.#open = [];
      if (this.#scan(whole)) this.#record(take);
      else this.invalid++;
    }
  }

  #record(take: () => void): void {
    const columns = this.#headers.get(this.#count);
    if (columns === undefined) {
      this.invalid++;
      return;
    }
    this.#columns = columns;
    take();
  }

  #learn(line: string): void {
    if (!this.#scan(line)) return;
    const names: string[] = [];
    for (let i = 0; i < this.#count; i++) names.push(kept(line.slice(this.#from[i], this.#to[i]).trim()));
    this.#know(names);
  }

  #know(names: readonly string[]): void {
    // of two columns with one name the first is meant
    this.#headers.set(names.length, new Map(names.map((name, i) => [name, i] as const).toReversed()));
  }

  /** Finds the fields of `text`; false when it ends inside quotes, or has too many. */
  #scan(text: string): boolean {
    this.text = text;
    this.#count = 0;
    for (let at = 0; this.#count < COLUMNS; ) {
      let end: number;
      if (text.charCodeAt(at) === QUOTE) {
        end = closingQuote(text, at + 1);
        if (end < 0) return false;
        this.#from[this.#count] = at + 1;
        this.#to[this.#count] = end;
        end = text.indexOf(',', end);
      } else {
        end = text.indexOf(',', at);
        this.#from[this.#count] = at;
        this.#to[this.#count] = end < 0 ? text.length : end;
      }
      this.#count++;
      if (end < 0) return true;
      at = end + 1;
    }
    this.#count++;
    return false;
  }
}

/** Index of the quote that ends a field which began before `at`, -1 when there is none; two quotes are one of its characters. */
function closingQuote(text: string, at: number): number {
  for (let quote = text.indexOf('"', at); quote >= 0; quote = text.indexOf('"', quote + 2)) {
    if (text.charCodeAt(quote + 1) !== QUOTE) return quote;
  }
  return -1;
}

/** A line that begins inside quotes ends outside of them. */
function closes(line: string): boolean {
  for (let quote = closingQuote(line, 0); quote >= 0; ) {
    let comma = line.indexOf(',', quote);
    while (comma >= 0 && line.charCodeAt(comma + 1) !== QUOTE) comma = line.indexOf(',', comma + 1);
    if (comma < 0) return true;
    quote = closingQuote(line, comma + 2);
  }
  return false;
}
