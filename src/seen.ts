/**
 * Identities become a yes or no: seen before within the window? Only 64-bit hashes are kept, in open-addressing tables
 * that grow by doubling and are dropped oldest first. At the default bound of 16 777 216 identities it takes about 200 MB.
 */

/** Identities of one stretch of time. A slot is two 32-bit halves; both zero means free. */
interface Segment {
  table: Int32Array;
  slots: number;
  /**
   * Four bits a slot, one of them set for each identity: says "not here" for five new identities in six without the
   * cache misses of a look-up in the table itself, which are what this file's time goes into.
   */
  filter: Uint32Array;
  count: number;
  /** Unix ms of the newest identity in it. */
  newest: number;
}

const SMALLEST = 1 << 16;
const LARGEST = 1 << 24;
const LOAD = 0.75;

export class Seen {
  private segments: Segment[] = [segment(SMALLEST)];
  /** Everything that arrived up to this time may have been forgotten (Unix ms). */
  forgottenUntil = 0;
  size = 0;
  readonly maxIds: number;
  readonly maxAge: number;

  /** `maxIds`: identities kept at least, if they come within `maxAge` (ms); up to half as many again may be kept. */
  constructor(maxIds = 1 << 24, maxAge = 26 * 3600_000) {
    this.maxIds = maxIds;
    this.maxAge = maxAge;
  }

  /** True the first time. A false "seen" for a new one has the odds of size / 2^64. */
  add(high: number, low: number, now: number): boolean {
    if ((high | low) === 0) low = 1;
    for (let i = this.segments.length - 2; i >= 0; i--) {
      const older = this.segments[i]!;
      if (maybe(older, high) && find(older, high, low) < 0) return false;
    }
    let newest = this.segments[this.segments.length - 1]!;
    let at = find(newest, high, low);
    if (at < 0) return false;
    if (newest.count >= newest.slots * LOAD) {
      newest = this.extend(newest, now);
      at = find(newest, high, low);
    }
    newest.table[at] = high;
    newest.table[at + 1] = low;
    newest.filter[(high >>> 5) & (newest.filter.length - 1)]! |= 1 << (high & 31);
    newest.count++;
    newest.newest = now;
    this.size++;
    return true;
  }

  /** Drops what the bounds no longer cover; called before each commit, cheap. Returns true when something went. */
  expire(now: number): boolean {
    let dropped = false;
    while (this.segments.length > 1) {
      const oldest = this.segments[0]!;
      if (this.size - oldest.count < this.maxIds && oldest.newest > now - this.maxAge) break;
      this.segments.shift();
      this.size -= oldest.count;
      this.forgottenUntil = Math.max(this.forgottenUntil, oldest.newest);
      dropped = true;
    }
    return dropped;
  }

  /** Events that happened before this cannot be told from a repeat of forgotten ones (Unix ms). */
  horizon(now: number): number {
    return Math.max(this.forgottenUntil, now - this.maxAge);
  }

  private extend(full: Segment, now: number): Segment {
    const largest = Math.min(LARGEST, Math.max(SMALLEST, 2 ** Math.floor(Math.log2(this.maxIds / 2 / LOAD))));
    const next = segment(Math.min(full.slots * 2, largest));
    this.segments.push(next);
    this.expire(now);
    return next;
  }
}

function segment(slots: number): Segment {
  return { table: new Int32Array(slots * 2), slots, filter: new Uint32Array(slots / 8), count: 0, newest: 0 };
}

function maybe({ filter }: Segment, high: number): boolean {
  return (filter[(high >>> 5) & (filter.length - 1)]! & (1 << (high & 31))) !== 0;
}

/** Index of the free slot where it belongs, or -1 when it is there. */
function find({ table, slots }: Segment, high: number, low: number): number {
  const mask = slots * 2 - 1;
  let at = (low << 1) & mask;
  for (;;) {
    const h = table[at]!;
    const l = table[at + 1]!;
    if (h === high && l === low) return -1;
    if ((h | l) === 0) return at;
    at = (at + 2) & mask;
  }
}
