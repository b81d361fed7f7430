/**
 * A growing file becomes runs of whole lines, each exactly once, whatever is renamed, truncated or killed: the positions
 * are kept by whoever takes the lines, in the same transaction as what the lines said.
 *
 * What a reader cannot know, and this one loses or takes for something else:
 * - Lines that were truncated away unread and copied nowhere; with copytruncate, those written between the copy and the truncation.
 * - A file truncated and filled again with the same first bytes (all that were read, up to 1024) and at least as far: it looks as
 *   if it had grown. Stamps at the begin of the lines keep that from happening.
 * - The order of two files changed in the same tick of the file system's clock (4 ms on many), when their names do not tell it.
 * - A file no line of which was read yet, copied, truncated and the copy compressed, all between two looks: the compressed copy
 *   cannot be told from that of an older log, which was read.
 * - What was compressed otherwise than with gzip before it was read to its end.
 *
 * Longer than a file should be: renaming, copying, truncating, compressing and a receiver that rejects all meet in one state
 * (which file is read, how far, and what was there when it was begun), and rules about it that stood apart would contradict.
 */

import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';

/** Where reading goes on; plain JSON. Opaque to everybody but this file. */
export interface Position {
  /** Device and inode, `dev:ino` in decimal: finds the file again after it was renamed. */
  file: string;
  /**
   * Hashes of the file's first bytes, several lengths up to `min(offset, 1024)`: tell it from another file in the same
   * inode, and find its copy, even one that was made when the file was shorter.
   */
  fingerprint: string;
  /** First byte that was not delivered; always the begin of a line. */
  offset: number;
  /** The file's own time of change (Unix ms) when it was read: what is younger has not been read. */
  changed: number;
}

export interface TailOptions {
  /** File to follow, or `-` for standard input. */
  path: string;
  /** The position that was committed last; undefined when none is known. */
  start?: Position | undefined;
  /**
   * Where to begin when no position is known. Default `beginning`. With `end` the first run delivered is empty: its
   * position says where reading began.
   */
  from?: 'beginning' | 'end' | undefined;
  /**
   * Takes one run of whole lines, each ended by a newline, at most `chunkBytes` long (a longer line comes alone). The
   * buffer is the receiver's to keep. The promise resolves when the lines AND the position are committed; `position` is
   * undefined on standard input. Several calls may be outstanding, in order. When it rejects, the tailer waits, goes back to
   * the position before the first rejected run and delivers from there again: the receiver must not commit a run after one
   * that it rejected, or must recognise the repetition (event ids do).
   */
  deliver(chunk: Buffer, position: Position | undefined): Promise<void>;
  /**
   * Lines before `start`, read again after a restart so that state (queue ids, the columns of a header line) is known: the
   * file's first ones, then the last ones. Nothing in them is to be counted.
   */
  learn?: ((chunk: Buffer) => void) | undefined;
  /** What went wrong or was skipped, in words for a person; once a cause, not once a try. */
  report(message: string): void;
  /** Milliseconds between looks at an idle file. Default 250. */
  interval?: number | undefined;
  /** Default 65 536: a longer string costs V8 a large-object page each. */
  chunkBytes?: number | undefined;
  /** A line longer than this is skipped and reported. Default 1 MiB. */
  lineBytes?: number | undefined;
  /** How far back `learn` reads from `start`. Default 4 MiB. */
  learnBytes?: number | undefined;
  /** Runs delivered and not yet committed. Default 8. */
  outstanding?: number | undefined;
}

export interface Tail {
  /** Stops reading, waits for what is outstanding, closes the file. */
  stop(): Promise<void>;
  /** Resolves when the input has ended and all of it is committed (standard input), or after stop(). Never rejects. */
  ended: Promise<void>;
}

export function tail(options: TailOptions): Tail {
  const input = options.path === '-' ? new Stream(options) : new Follower(options);
  const ended = input.run();
  return {
    ended,
    stop: () => {
      input.stop();
      return ended;
    },
  };
}

export const INTERVAL = 250;
const CHUNK = 65_536;
export const LINE = 1024 * 1024;
const LEARN = 4 * 1024 * 1024;
/** At the begin of a file, where a header line stands. */
export const BEGIN = 65_536;
const OUTSTANDING = 8;
/** Bytes that tell one file from another; the first line of a log has a stamp, which alone would do. */
export const HEAD = 1024;
export const NEWLINE = 10;
/** Looks at a folder that changes all the time, before giving up for now. */
const LOOKS = 20;
/** Rotated files as logrotate (`.1`, `-20261124`), newsyslog, `postfix logrotate` and exicyclog name them. */
const ROTATED = /^[.\-_]?\d[\d.\-_T:]*$/;
const COMPRESSED = /\.(gz|xz|bz2|zst|lz4)$/;
const isGzip = (path: string): boolean => path.endsWith('.gz');
/** Of a compressed file, until it was read to its end. */
const UNKNOWN_SIZE = 2n ** 52n;

/** What all kinds of input share: the receiver's promises, and a sleep that stop() ends. */
export class Input<Options extends Pick<TailOptions, 'report' | 'interval' | 'outstanding'> = TailOptions> {
  protected options: Options;
  protected stopped = false;
  protected outstanding = new Set<Promise<void>>();
  #wake: () => void = () => {};
  #reported = '';

  constructor(options: Options) {
    this.options = options;
  }

  stop(): void {
    this.stopped = true;
    this.#wake();
  }

  protected async sleep(ms: number): Promise<void> {
    if (this.stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** The same message again and again is one message. */
  protected report(message: string): void {
    if (message !== this.#reported) this.options.report(message);
    this.#reported = message;
  }

  /** Leaves a receiver that rejected alone for a while. */
  protected async patience(): Promise<void> {
    await this.sleep(4 * (this.options.interval ?? INTERVAL));
  }

  protected recovered(): void {
    this.#reported = '';
  }

  /** Waits until one more run may be outstanding. */
  protected async room(): Promise<void> {
    while (this.outstanding.size >= (this.options.outstanding ?? OUTSTANDING)) await Promise.race(this.outstanding);
  }

  /** `run` never rejects. */
  protected track(run: Promise<void>): void {
    const tracked = run.then(() => {
      this.outstanding.delete(tracked);
    });
    this.outstanding.add(tracked);
  }
}

/** A file that was found: the path itself, or what became of an earlier one. */
interface Member {
  path: string;
  stats: BigIntStats;
}

/** What a file is read through, as it stands on the disk or decompressed. */
type Bytes = Pick<FileHandle, 'close'> & {
  stat(options: { bigint: true }): Promise<BigIntStats>;
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
};

/** The file being read. */
interface Current extends Member {
  handle: Bytes;
  /** The first min(offset, HEAD) bytes, as they were when they were read. */
  head: Buffer;
  fingerprint: string;
  offset: number;
  /** Bytes behind `offset` that are known to hold no newline. */
  searched: number;
  /** Its time of change when reading began. */
  begun: number;
}

/** What was delivered at once. */
interface Run {
  position: Position | undefined;
  /** Ids of the files that were there when this one was begun. */
  seen: Set<string> | undefined;
  committed: boolean;
}

class Follower extends Input {
  #current: Current | undefined;
  /** Where reading goes on when no file is open. */
  #at: Position | undefined;
  /** The last run that is committed: where it goes on when one was rejected. */
  #committed: Run;
  /** Runs in the order of delivery, from the first that is not committed. */
  #pending: Run[] = [];
  #rejected: unknown;
  #fromEnd: boolean;
  /** Files that were there when the current one was begun. */
  #seen: Set<string> | undefined;
  #learned = false;
  /** When a successor with lines was first seen: the file before it may get its last lines until one look later. */
  #successorSince = 0;
  #buffer: Buffer;

  constructor(options: TailOptions) {
    super(options);
    this.#at = options.start;
    this.#committed = { position: options.start, seen: undefined, committed: true };
    this.#fromEnd = options.from === 'end';
    this.#buffer = Buffer.alloc(options.chunkBytes ?? CHUNK);
  }

  async run(): Promise<void> {
    while (!this.stopped) {
      let busy = false;
      try {
        busy = await this.#step();
      } catch (error) {
        this.report(inWords(error, this.options.path));
        await this.#close();
      }
      if (!busy) await this.sleep(this.options.interval ?? INTERVAL);
    }
    await Promise.all(this.outstanding);
    await this.#close();
  }

  /** False when there is nothing to do before the next look. */
  async #step(): Promise<boolean> {
    await this.room();
    if (this.#rejected !== undefined) {
      await this.#rewind();
      return true;
    }
    const current = this.#current ?? (await this.#open());
    return current !== undefined && (await this.#read(current));
  }

  async #rewind(): Promise<void> {
    await Promise.all(this.outstanding);
    this.report(`${this.options.path}: what was read cannot be stored, trying again: ${String(this.#rejected)}`);
    await this.#close();
    this.#at = this.#committed.position;
    this.#seen = this.#committed.seen;
    this.#pending = [];
    this.#rejected = undefined;
    await this.patience();
  }

  async #close(): Promise<void> {
    const current = this.#current;
    if (!current) return;
    this.#at = positionOf(current);
    this.#current = undefined;
    await current.handle.close().catch(() => {});
  }

  /** Reads and delivers one run of lines; false at the end of what is there. */
  async #read(current: Current): Promise<boolean> {
    const { handle, offset, searched } = current;
    const buffer = this.#buffer;
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset + searched);
    if (bytesRead === 0) return await this.#atEnd(current);
    const read = buffer.subarray(0, bytesRead);
    const newline = searched > 0 ? read.indexOf(NEWLINE) : read.lastIndexOf(NEWLINE);
    const length = newline < 0 ? 0 : searched + newline + 1;
    const tooLong = searched > 0 && length > (this.options.lineBytes ?? LINE);
    const wanted = tooLong ? Math.min(length, HEAD) : length;
    const chunk = searched > 0 ? await readAt(handle, offset, wanted) : Buffer.from(read.subarray(0, length));
    // after the reading, so that what was read is known to be of the same file
    if (chunk.length < wanted || !(await unchanged(current))) return await this.#lost(current);
    if (this.#rejected !== undefined) return true; // while this was being read
    if (offset === 0 && (await this.#overlooked(current))) return true;
    if (newline < 0) {
      current.searched += bytesRead;
      return bytesRead === buffer.length || (await this.#atEnd(current));
    }
    if (tooLong) this.report(`${current.path}: skipped a line of ${length} bytes at byte ${offset}`);
    if (current.head.length < HEAD) setHead(current, Buffer.concat([current.head, chunk]).subarray(0, HEAD));
    current.offset += length;
    current.searched = 0;
    if (!tooLong) this.#commit(chunk, positionOf(current));
    return true;
  }

  #commit(chunk: Buffer, position: Position): void {
    const run = { position, seen: this.#seen, committed: false };
    this.#pending.push(run);
    this.track(this.#deliver(chunk, run));
  }

  async #deliver(chunk: Buffer, run: Run): Promise<void> {
    try {
      await this.options.deliver(chunk, run.position);
      run.committed = true;
      this.recovered();
    } catch (error) {
      this.#rejected ??= error ?? new Error('rejected');
    }
    while (this.#pending[0]?.committed) this.#committed = this.#pending.shift()!;
  }

  /** Everything was read: wait for more, or go on with the file that came after. */
  async #atEnd(current: Current): Promise<boolean> {
    const stats = await current.handle.stat({ bigint: true });
    const changed = stats.mtimeNs !== current.stats.mtimeNs;
    if (stats.size < current.offset || (changed && !(await unchanged(current)))) return await this.#lost(current);
    if (changed && current.offset === 0 && (await this.#overlooked(current))) return true;
    current.stats = stats;
    if (stats.size < current.offset + current.searched) current.searched = 0; // the begin of a line was taken back
    const path = await statOf(this.options.path);
    if (path && idOf(path) === idOf(stats)) return false;
    const family = await this.#family();
    const successor = await this.#successor(current, stats, family);
    if (!successor) return false;
    const since = changed ? 0 : this.#successorSince;
    this.#successorSince = since || Date.now();
    if (since === 0 || Date.now() - since < (this.options.interval ?? INTERVAL)) return false;
    const { offset, fingerprint } = successor;
    if (!(await this.#begin(successor, offset, fingerprint, family))) return false;
    const rest = Number(stats.size) - current.offset;
    if (rest > 0) this.report(`${current.path}: ended in the middle of a line, whose ${rest} bytes were skipped`);
    return true;
  }

  /**
   * The first file with lines in it that came after the one being read, which is in `family` unless it was deleted, and where
   * to begin in it.
   */
  async #successor(
    current: Current,
    { mtimeNs }: BigIntStats,
    family: Member[],
  ): Promise<(Member & Pick<Position, 'offset' | 'fingerprint'>) | undefined> {
    const at = family.findIndex(({ stats }) => idOf(stats) === idOf(current.stats));
    const { path } = this.options;
    const isAfter = ({ path: other, stats }: Member): boolean =>
      other === path ||
      stats.mtimeNs > mtimeNs ||
      (stats.mtimeNs === mtimeNs && !isGzip(other) && this.#seen?.has(idOf(stats)) === false);
    for (const one of family.filter((one, i) => (at >= 0 ? i > at : isAfter(one)))) {
      if (one.stats.size === 0n) continue;
      const { offset, fingerprint } = current;
      if (offset === 0 || !fits(await this.#headOf(one), fingerprint)) return { ...one, offset: 0, fingerprint: '' };
      // What is being read was compressed meanwhile, or is a copy of what is yet to be truncated.
      if (!isGzip(one.path)) return { ...one, offset, fingerprint };
    }
    return undefined;
  }

  async #headOf({ path }: Member): Promise<Buffer> {
    const handle = await this.#handle(path).catch(() => undefined);
    try {
      return handle ? await readAt(handle, 0, HEAD) : Buffer.alloc(0);
    } finally {
      await handle?.close();
    }
  }

  async #handle(path: string): Promise<Bytes> {
    // without waiting for the other end of a named pipe
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return isGzip(path) ? new Gunzipped(handle, (problem) => this.report(`${path}: ${problem}`)) : handle;
  }

  /** Truncated or overwritten in place: what had not been read is in its copy, if anybody made one. */
  async #lost(current: Current): Promise<boolean> {
    const position = positionOf(current);
    await this.#close();
    return await this.#find(position);
  }

  async #open(): Promise<Current | undefined> {
    if (this.#at) await this.#find(this.#at);
    else await this.#first();
    if (!this.#current) return undefined;
    this.recovered();
    if (!this.#learned) await this.#learn(this.#current);
    this.#learned = true;
    return this.#current;
  }

  /** No position is known. */
  async #first(): Promise<void> {
    const { path, lineBytes = LINE } = this.options;
    const stats = await statOf(path);
    if (!stats) {
      this.#fromEnd = false; // whatever it holds when it appears came after the start
      this.report(`${path}: does not exist yet; waiting for it`);
      this.#seen ??= new Set((await this.#family()).map((one) => idOf(one.stats)));
      return;
    }
    const family = await this.#family();
    // it may have appeared and been rotated since
    const isNew = (one: Member): boolean =>
      this.#seen?.has(idOf(one.stats)) === false && !isGzip(one.path) && one.stats.size > 0n;
    if (!(await this.#begin(family.find(isNew) ?? { path, stats }, 0, '', family))) return;
    const current = this.#current!;
    if (this.#fromEnd) {
      const size = Number(current.stats.size);
      const from = Math.max(0, size - lineBytes);
      current.offset = from + (await readAt(current.handle, from, size - from)).lastIndexOf(NEWLINE) + 1;
      setHead(current, await readAt(current.handle, 0, Math.min(current.offset, HEAD)));
      this.#commit(Buffer.alloc(0), positionOf(current));
    }
    this.#committed = { position: positionOf(current), seen: this.#seen, committed: true };
  }

  /** Opens the file that `position` is in, wherever it is now: renamed, copied, or else what came after it. */
  async #find(position: Position): Promise<boolean> {
    const { path } = this.options;
    const isSame = ({ stats }: Member): boolean => idOf(stats) === position.file;
    const family = await this.#family();
    const candidates = [...family, ...(position.offset > 0 ? await this.#strangers() : [])].filter((one) =>
      isSame(one) ? one.stats.size >= position.offset : position.offset > 0,
    );
    candidates.sort((a, b) => Number(isSame(b)) - Number(isSame(a)) || Number(b.stats.size - a.stats.size));
    for (const one of candidates) {
      // a copy may have been made before we had read this far
      const offset = Math.min(position.offset, Number(one.stats.size));
      if (await this.#begin(one, offset, position.fingerprint, family)) return true;
    }
    this.#at = position;
    const still = await this.#family();
    if (still.length !== family.length) return true; // a copy was made while we looked
    const next = family.find((one) => one.path === path || isSame(one) || this.#isLater(one, position.changed));
    if (!next) this.report(`${path}: does not exist; waiting for it`);
    if (!next || !(await this.#begin(next, 0, '', family))) return false;
    const what = isSame(next) ? 'was truncated' : 'the file that was read before is gone';
    this.report(
      `${path}: ${what}; its lines from byte ${position.offset} on, if any, were not read (of compressed files, .gz alone can be)`,
    );
    return true;
  }

  /** It holds lines that came after `changed`: a copy that was truncated in its turn, for one. */
  #isLater({ path, stats }: Member, changed: number): boolean {
    if (this.#seen?.has(idOf(stats))) return false;
    // stamps of files are coarse, so a file that was not there before is trusted for an equal one too; not one that is new
    // because it was compressed
    return this.#seen && !isGzip(path) ? changedOf(stats) >= changed : changedOf(stats) > changed;
  }

  /** A file not yet begun was copied and truncated before the first look into it: its copy comes first. */
  async #overlooked(current: Current): Promise<boolean> {
    const family = await this.#family();
    const at = family.findIndex(({ stats }) => idOf(stats) === idOf(current.stats));
    const before = family.slice(0, Math.max(at, 0));
    // a compressed one is as new in the folder, and yet old: most likely it was read before it was compressed
    const copy = before.find((one) => one.stats.size > 0n && !isGzip(one.path) && this.#isLater(one, current.begun));
    if (!copy) return false;
    const head = await this.#headOf(copy);
    if (head.length > 0 && head.equals(await readAt(current.handle, 0, head.length))) return false; // not truncated yet
    return (await this.#begin(copy, 0, '', family)) || !sameFiles(family, await this.#family());
  }

  /**
   * Makes `member` the file being read, unless it became another one since `family` was looked up, or has another
   * fingerprint ('' fits all).
   */
  async #begin(member: Member, offset: number, fingerprint: string, family: Member[]): Promise<boolean> {
    const { path } = member;
    let handle: Bytes;
    try {
      handle = await this.#handle(path);
    } catch (error) {
      if (path === this.options.path || codeOf(error) === 'EMFILE') throw error;
      return false; // a file of somebody else in the same folder
    }
    const stats = await handle.stat({ bigint: true });
    const head = await readAt(handle, 0, stats.isFile() ? Math.min(offset, HEAD) : 0);
    if (!stats.isFile() || idOf(stats) !== idOf(member.stats) || !fits(head, fingerprint)) {
      await handle.close();
      if (!stats.isFile()) throw new Error('is not a regular file; give a file, or - for standard input');
      return false;
    }
    await this.#close();
    const begun = changedOf(member.stats);
    this.#current = { ...member, handle, head, fingerprint: fingerprintOf(head), offset, searched: 0, begun };
    this.#seen = new Set(family.map((one) => idOf(one.stats)));
    this.#successorSince = 0;
    return true;
  }

  /** Shows the receiver the lines that came before, those of the older file too when this one is young. */
  async #learn(current: Current): Promise<void> {
    const { learn, learnBytes = LEARN } = this.options;
    if (!learn) return;
    const missing = learnBytes - current.offset;
    const family = await this.#family();
    const older = family[family.findIndex(({ stats }) => idOf(stats) === idOf(current.stats)) - 1];
    if (older && missing > 0) {
      const handle = await this.#handle(older.path);
      try {
        await show(handle, Number(older.stats.size), missing, learn);
      } finally {
        await handle.close();
      }
    }
    const passedOver = current.offset - learnBytes;
    if (passedOver > 0) await show(current.handle, Math.min(passedOver, BEGIN), BEGIN, learn);
    await show(current.handle, current.offset, learnBytes, learn);
  }

  /** The path and what it was rotated to, oldest first. */
  async #family(): Promise<Member[]> {
    const { path } = this.options;
    const members = await this.#files((entry) => isRotated(entry, basename(path)));
    return members.sort(
      (a, b) =>
        Number(a.path === path) - Number(b.path === path) ||
        Number(a.stats.mtimeNs - b.stats.mtimeNs) ||
        byName(a.path, b.path),
    );
  }

  /** All other files of the folder: somebody may have renamed or copied ours in his own way. */
  async #strangers(): Promise<Member[]> {
    return await this.#files((entry) => !isRotated(entry, basename(this.options.path)));
  }

  /**
   * A look takes its time, and a rotation meanwhile moves a file from a name not yet looked at to one already passed by: it
   * would be missing, and its successor take its place. So nothing is believed before two looks agree.
   */
  async #files(wanted: (entry: string) => boolean): Promise<Member[]> {
    let files = await this.#glance(wanted);
    for (let again = 0; again < LOOKS; again++) {
      const before = files;
      files = await this.#glance(wanted);
      if (sameFiles(before, files)) return files;
    }
    throw new Error('its folder changes faster than it can be looked at; trying again');
  }

  async #glance(wanted: (entry: string) => boolean): Promise<Member[]> {
    const { path } = this.options;
    const files: Member[] = [];
    const entries = (await readdir(dirname(path))).sort();
    for (const entry of entries) {
      const plain = isGzip(entry) ? entry.slice(0, -3) : entry;
      if (!wanted(plain) || COMPRESSED.test(plain)) continue;
      // beside its original, it is not complete yet
      if (plain !== entry && (!isRotated(plain, basename(path)) || entries.includes(plain))) continue;
      const full = entry === basename(path) ? path : join(dirname(path), entry);
      const stats = await statOf(full);
      if (!stats?.isFile()) continue;
      if (plain !== entry && stats.size > 0n) stats.size = UNKNOWN_SIZE;
      files.push({ path: full, stats });
    }
    return files;
  }
}

/**
 * A rotated log that was compressed meanwhile, read as if it were not: forward, and from its begin again when it is asked for
 * what it let go of. What is cut off or damaged ends there.
 */
class Gunzipped implements Bytes {
  #handle: FileHandle;
  #report: (problem: string) => void;
  #stream: Gunzip | undefined;
  #pieces: AsyncIterator<Buffer>;
  #head: Buffer = Buffer.alloc(0);
  /** What was read last and what follows it, from byte `#from` on. */
  #window: Buffer = Buffer.alloc(0);
  #from = 0;
  #size = UNKNOWN_SIZE;

  constructor(handle: FileHandle, report: (problem: string) => void) {
    this.#handle = handle;
    this.#report = report;
    this.#pieces = this.#begin();
  }

  #begin(): AsyncIterator<Buffer> {
    this.#window = Buffer.alloc(0);
    this.#from = 0;
    this.#stream?.destroy();
    this.#stream = pipeline(piecesOf(this.#handle), createGunzip({ chunkSize: CHUNK }), () => {});
    return this.#stream[Symbol.asyncIterator]();
  }

  async read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    if (position + length <= this.#head.length)
      return { bytesRead: this.#head.copy(buffer, offset, position, position + length) };
    if (position < this.#from) this.#pieces = this.#begin();
    while (this.#from + this.#window.length < position + length) {
      const { value: piece, done } = await this.#pieces.next().catch((error: Error) => {
        this.#report(`cannot be decompressed further: ${error.message}`);
        return { value: undefined, done: true };
      });
      const end = this.#from + this.#window.length;
      // it may be a copy that was made before so much was read
      if (done || !piece) this.#size = BigInt(Math.max(end, position));
      if (done || !piece) break;
      if (this.#head.length < HEAD && end === this.#head.length)
        this.#head = Buffer.concat([this.#head, piece]).subarray(0, HEAD);
      const passed = Math.min(position - this.#from, this.#window.length);
      this.#window = Buffer.concat([this.#window.subarray(passed), piece]);
      this.#from += passed;
    }
    const start = position - this.#from;
    return { bytesRead: start < this.#window.length ? this.#window.copy(buffer, offset, start, start + length) : 0 };
  }

  async stat(options: { bigint: true }): Promise<BigIntStats> {
    const stats = await this.#handle.stat(options);
    if (stats.size > 0n) stats.size = this.#size;
    return stats;
  }

  async close(): Promise<void> {
    this.#stream?.destroy();
    await this.#handle.close();
  }
}

/** Standard input: no positions, so nothing is asked again after a restart. */
class Stream extends Input {
  async run(): Promise<void> {
    const { chunkBytes = CHUNK, lineBytes = LINE } = this.options;
    let rest: Buffer = Buffer.alloc(0);
    let skipped = 0;
    try {
      for await (const data of process.stdin as AsyncIterable<Buffer>) {
        const newline = data.indexOf(NEWLINE);
        if (skipped > 0 || (newline < 0 && rest.length + data.length > lineBytes)) {
          skipped += rest.length + (newline < 0 ? data.length : newline + 1);
          rest = Buffer.alloc(0);
          if (newline < 0) continue;
          this.report(`standard input: skipped a line of ${skipped} bytes`);
          rest = data.subarray(newline + 1);
          skipped = 0;
        } else {
          rest = rest.length > 0 ? Buffer.concat([rest, data]) : data;
        }
        for (let end = endOfRun(rest, chunkBytes); end > 0; end = endOfRun(rest, chunkBytes)) {
          await this.#deliver(Buffer.from(rest.subarray(0, end)));
          rest = rest.subarray(end);
        }
        if (this.stopped) break;
      }
      if (rest.length > 0 && !this.stopped) await this.#deliver(Buffer.concat([rest, Buffer.from('\n')]));
    } catch (error) {
      if (!this.stopped) this.report(inWords(error, 'standard input'));
    }
    await Promise.all(this.outstanding);
  }

  override stop(): void {
    super.stop();
    process.stdin.destroy();
  }

  async #deliver(chunk: Buffer): Promise<void> {
    await this.room();
    this.track(this.#until(chunk));
  }

  /** Until it is committed: nobody else has these lines. */
  async #until(chunk: Buffer): Promise<void> {
    while (!this.stopped) {
      try {
        return await this.options.deliver(chunk, undefined);
      } catch (error) {
        this.report(`standard input: what was read cannot be stored, trying again: ${String(error)}`);
        await this.patience();
      }
    }
  }
}

async function* piecesOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let at = 0, piece: Buffer; ; at += piece.length) {
    piece = await readAt(handle, at, CHUNK);
    if (piece.length === 0) return;
    yield piece;
  }
}

/** `entry` is the file `name` or a rotated one: `mail.log.1`, `mail.log-20261124`, or `mail-20261124.log`. */
function isRotated(entry: string, name: string): boolean {
  const extension = extname(name);
  const stem = name.slice(0, name.length - extension.length);
  return (
    entry === name ||
    (entry.startsWith(name) && ROTATED.test(entry.slice(name.length))) ||
    (entry.startsWith(stem) &&
      entry.endsWith(extension) &&
      ROTATED.test(entry.slice(stem.length, entry.length - extension.length)))
  );
}

/** Length of the whole lines at the begin of `data`, at most `bytes` unless the first line alone is longer; 0 for none. */
function endOfRun(data: Buffer, bytes: number): number {
  return data.lastIndexOf(NEWLINE, bytes - 1) + 1 || data.indexOf(NEWLINE) + 1;
}

export async function show(handle: Bytes, to: number, bytes: number, learn: (chunk: Buffer) => void): Promise<void> {
  let at = Math.max(0, to - bytes);
  let rest = Buffer.alloc(0);
  let whole = at === 0; // else it begins somewhere in a line
  while (at < to) {
    const data = await readAt(handle, at, Math.min(CHUNK, to - at));
    if (data.length === 0) return;
    at += data.length;
    rest = Buffer.concat([rest, data]);
    if (!whole) {
      rest = rest.subarray(rest.indexOf(NEWLINE) + 1 || rest.length);
      whole = rest.length > 0;
    }
    const end = rest.lastIndexOf(NEWLINE) + 1;
    if (end > 0) learn(rest.subarray(0, end));
    rest = rest.subarray(end);
    if (rest.length > LINE) [rest, whole] = [Buffer.alloc(0), false];
  }
}

export async function readAt(handle: Bytes, position: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.allocUnsafe(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await handle.read(buffer, read, length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return buffer.subarray(0, read);
}

async function unchanged({ handle, head }: Current): Promise<boolean> {
  return head.length === 0 || head.equals(await readAt(handle, 0, head.length));
}

function setHead(current: Current, head: Buffer): void {
  current.head = head;
  current.fingerprint = fingerprintOf(head);
}

/** `32.hash,64.hash,…` of as many bytes. */
export function fingerprintOf(head: Buffer): string {
  const lengths = [32, 64, 128, 256, 512].filter((length) => length < head.length);
  return [...lengths, head.length].map((length) => `${length}.${hash(head.subarray(0, length))}`).join();
}

/** As far as `head` goes; '' fits all. */
export function fits(head: Buffer, fingerprint: string): boolean {
  if (fingerprint === '') return true;
  const known = fingerprint
    .split(',')
    .map((part) => [Number.parseInt(part, 10), part.slice(part.indexOf('.') + 1)] as const);
  const usable = known.filter(([length]) => length <= head.length);
  return usable.length > 0 && usable.every(([length, expected]) => hash(head.subarray(0, length)) === expected);
}

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 11);
}

function positionOf({ stats, fingerprint, offset }: Current): Position {
  return { file: idOf(stats), fingerprint, offset, changed: changedOf(stats) };
}

/** The same ones under the same names. */
function sameFiles(some: Member[], others: Member[]): boolean {
  const same = ({ path, stats }: Member, i: number): boolean =>
    others[i]?.path === path && idOf(others[i].stats) === idOf(stats);
  return some.length === others.length && some.every(same);
}

export function idOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`;
}

function changedOf(stats: BigIntStats): number {
  return Number(stats.mtimeNs) / 1e6;
}

/** Older first, for files changed in the same instant: `.2` is older than `.1`, `-20261123` older than `-20261124`. */
function byName(a: string, b: string): number {
  const [x = '', y = ''] = [a, b].map((path) => /(\d[\d.\-_T:]*)\D*$/.exec(basename(path))?.[1]);
  if (x.length > 5 && y.length > 5) return x < y ? -1 : 1;
  return x.length > 5 || y.length > 5 ? 0 : Number.parseInt(y, 10) - Number.parseInt(x, 10);
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

export function inWords(error: unknown, path: string): string {
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return `${path}: permission denied; let the user of this program read it (on Debian: add it to the group adm)`;
  }
  if (code === 'ENOENT') return `${path}: its folder does not exist yet; waiting for it`;
  return `${path}: ${error instanceof Error ? error.message : String(error)}`;
}
