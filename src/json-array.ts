/**
 * A posted body becomes a list of JSON values: an array, one object, or one object a line (NDJSON).
 *
 * Long arrays are parsed in slices. V8 puts a string of more than 128 KiB into its large-object space, freshly mapped and
 * page-faulted for every post, which makes JSON.parse two to three times dearer an event.
 */
import { Malformed, nothing, type Parsed, type Post } from './source.ts';

/** Two-byte strings (any character above U+00FF) take twice this, still under 128 KiB. */
const SLICE = 60 * 1024;

const LF = 0x0a;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;

/**
 * The items of `body`; an NDJSON line that cannot be read is `undefined` in its place. Throws Malformed when the body is
 * none of the three shapes.
 */
export function jsonItems(body: Buffer): unknown[] {
  const start = firstByte(body);
  const first = body[start];
  if (first === OPEN_BRACKET) return (body.length > SLICE && slicedArray(body, start)) || wholeArray(body, start);
  if (first === OPEN_BRACE) return objectOrLines(body, start);
  throw new Malformed(
    body.length === 0
      ? 'the body is empty; a JSON array, object or NDJSON is expected'
      : 'the body is not JSON: it must start with [ or {',
  );
}

/** The `parse` of a webhook whose items each say all that there is to say. */
export function eachItem(read: (item: unknown, parsed: Parsed) => void): (post: Post) => Parsed {
  return ({ body }) => {
    const parsed = nothing();
    for (const item of jsonItems(body)) read(item, parsed);
    return parsed;
  };
}

function firstByte(body: Buffer): number {
  let i = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  while (isSpace(body[i])) i++;
  return i;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09;
}

/**
 * Cuts at commas that look as if they stood between two objects of the outer array, and parses each slice as an array of
 * its own. A guess may be wrong (the same bytes inside a string, or inside a nested array), and that shows itself: the text up to
 * a cut inside a string ends in an open string, the text up to a cut inside a nested value ends with more than one
 * bracket open, and neither parses with a single `]` put behind it. So when the first slice parses, its cut was at the
 * top level; then the second slice begins at the top level, and so on. If any slice fails, the answer is undefined and
 * the caller parses the whole.
 *
 * The comma is overwritten with `]` for the slice before it and with `[` for the slice behind it, then put back: the
 * brackets cost no copy. Cuts are ASCII bytes, which never lie inside a multi-byte character.
 */
function slicedArray(body: Buffer, start: number): unknown[] | undefined {
  const items: unknown[] = [];
  let from = start;
  while (from < body.length) {
    const cut = cutAfter(body, from + SLICE);
    if (from !== start) body[from] = OPEN_BRACKET;
    if (cut !== -1) body[cut] = CLOSE_BRACKET;
    try {
      const slice: unknown[] = JSON.parse(body.toString('utf8', from, cut === -1 ? body.length : cut + 1));
      for (let i = 0; i < slice.length; i++) items.push(slice[i]);
    } catch {
      return undefined;
    } finally {
      if (from !== start) body[from] = COMMA;
      if (cut !== -1) body[cut] = COMMA;
    }
    if (cut === -1) break;
    from = cut;
  }
  return items;
}

/** Index of the next comma between a `}` and a `{`, or -1. */
function cutAfter(body: Buffer, from: number): number {
  for (let at = body.indexOf('},', from, 'latin1'); at !== -1; at = body.indexOf('},', at + 2, 'latin1')) {
    let next = at + 2;
    while (isSpace(body[next])) next++;
    if (body[next] === OPEN_BRACE) return at + 1;
  }
  return -1;
}

function wholeArray(body: Buffer, start: number): unknown[] {
  try {
    return JSON.parse(body.toString('utf8', start));
  } catch (error) {
    throw new Malformed(`the body is not a JSON array: ${where(error)}`);
  }
}

function objectOrLines(body: Buffer, start: number): unknown[] {
  const end = body.indexOf(LF, start);
  const first = parsed(body, start, end === -1 ? body.length : end);
  if (end === -1 && first === undefined) throw new Malformed('the body is not a JSON object');
  if (first === undefined) {
    const whole = parsed(body, start, body.length);
    if (whole !== undefined) return [whole];
  }
  const items: unknown[] = [];
  let usable = false;
  for (let from = start; from < body.length; ) {
    const lf = body.indexOf(LF, from);
    const to = lf === -1 ? body.length : lf;
    let text = from;
    while (text < to && isSpace(body[text])) text++;
    if (text < to) {
      const item = parsed(body, text, to);
      usable ||= typeof item === 'object';
      items.push(item);
    }
    from = to + 1;
  }
  if (!usable) throw new Malformed('the body is neither a JSON object nor one JSON object a line');
  return items;
}

function parsed(body: Buffer, from: number, to: number): unknown {
  try {
    return JSON.parse(body.toString('utf8', from, to));
  } catch {
    return undefined;
  }
}

/** V8's message may quote the text around the fault, which may be an address; only the position is kept. */
function where(error: unknown): string {
  const message = String(error);
  const position = /position \d+/.exec(message);
  if (position) return `unreadable at ${position[0]}`;
  return message.includes('end of JSON input') ? 'it ends too early' : 'it breaks off into something else';
}
