/** A log's octets become text in pieces of whole lines. */

/** A string over 128 KiB goes to V8's large-object space, which costs more than reading it. */
const PIECE = 65_536;

/** A longer line comes alone. */
export function* textPieces(body: Buffer): Generator<string> {
  for (let from = 0; from < body.length; ) {
    let to = body.length;
    if (to > from + PIECE) {
      to = body.lastIndexOf(10, from + PIECE) + 1;
      if (to <= from) to = body.indexOf(10, from + PIECE) + 1 || body.length;
    }
    yield body.toString('utf8', from, to);
    from = to;
  }
}
