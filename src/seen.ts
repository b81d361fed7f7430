/**
 * Identities become a yes or no: seen before within the window? Only 64-bit hashes are kept, in open-addressing tables
 * that grow by doubling and are dropped oldest first. At the default bound of 16 777 216 identities it takes about 200 MB.
 */

/** Identities of one stretch of time. A slot is two 32-bit halves; both zero means free. */
interface Segment {
  table: Int32Array;
  slots: number;
  /**
   * A Bloom filter of eight bits a slot, two set for each identity in one word: says "not here" for 24 new identities in 25
   * without the cache misses of a look-up in the table itself, which are what this file's time goes into.
   */
  filter: Uint32Array;
  count: number;
  /** Unix ms of the newest identity in it. */
  newest: number;
}

const SMALLEST = 1 << 16;
const LARGEST = 1 << 24;
const GROWTH = 8;
const LOAD = 0.75;
/** Identities looked up together: few enough that a segment has room for them, enough that their cache misses overlap. */
const TOGETHER = 1024;

export class Seen {
  private segments: Segment[] = [segment(SMALLEST)];
  private readonly suspect = new Uint8Array(TOGETHER);
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

  /**
   * `hashes`: `count` identities, high and low half by turns. `fresh[i]` becomes 1 where identity i came the first time, else 0. A false
   * "seen" for a new one has the odds of size / 2^64. Many at a time, in passes: a processor overlaps the cache misses of a
   * short loop, and does not where hashing stands between them.
   */
  add(hashes: Int32Array, count: number, now: number, fresh: Uint8Array): void {
    for (let from = 0; from < count; from += TOGETHER)
      this.some(hashes, from, Math.min(count, from + TOGETHER), now, fresh);
  }

  private some(hashes: Int32Array, from: number, to: number, now: number, fresh: Uint8Array): void {
    const { suspect } = this;
    const last = this.segments[this.segments.length - 1]!;
    const newest = last.count + TOGETHER > last.slots * LOAD ? this.extend(last, now) : last;
    fresh.fill(1, from, to);
    for (let s = this.segments.length - 2; s >= 0; s--) {
      const older = this.segments[s]!;
      if (!suspects(older.filter, hashes, from, to, suspect)) continue;
      for (let i = from; i < to; i++)
        if (suspect[i - from] === 1 && find(older, hashes[i * 2]!, hashes[i * 2 + 1]! || 1) < 0) fresh[i] = 0;
    }
    for (let i = from; i < to; i++) {
      if (fresh[i] === 0) continue;
      const high = hashes[i * 2]!;
      // Both halves zero would be a free slot; that one identity in 2^32 shares another's low half matters to nobody.
      const low = hashes[i * 2 + 1]! || 1;
      const at = find(newest, high, low);
      if (at < 0) {
        fresh[i] = 0;
        continue;
      }
      newest.table[at] = high;
      newest.table[at + 1] = low;
      newest.filter[(high >>> 5) & (newest.filter.length - 1)]! |= bits(high);
      newest.count++;
      newest.newest = now;
      this.size++;
    }
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
    const next = segment(Math.min(full.slots * GROWTH, largest));
    this.segments.push(next);
    this.expire(now);
    return next;
  }
}

function segment(slots: number): Segment {
  return { table: new Int32Array(slots * 2), slots, filter: new Uint32Array(slots / 4), count: 0, newest: 0 };
}

/** The two bits of an identity in its word. */
function bits(high: number): number {
  return (1 << (high & 31)) | (1 << (high >>> 27));
}

/** Marks those that may be in a filter's segment; false when none may. */
function suspects(filter: Uint32Array, hashes: Int32Array, from: number, to: number, suspect: Uint8Array): boolean {
  const mask = filter.length - 1;
  let any = 0;
  for (let i = from; i < to; i++) {
    const high = hashes[i * 2]!;
    const wanted = bits(high);
    const hit = (filter[(high >>> 5) & mask]! & wanted) === wanted ? 1 : 0;
    suspect[i - from] = hit;
    any |= hit;
  }
  return any === 1;
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
