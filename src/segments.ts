/**
 * A folder of segments, files that are begun, written to and finished one after the other, becomes runs of whole lines, each exactly
 * once, whatever is finished, renamed, deleted or killed. Made for the local logs of KumoMTA ("Configuring Logging" in its user guide):
 * JSON lines in zstd, one file from its begin until it is full or old enough, then without its write permission. Plain lines do as well.
 *
 * A segment that is being written can be read as far as its writer flushed it. Compressed data has no way back in: after a restart a
 * segment is decompressed from its begin, and what was committed of it is passed over.
 *
 * Longer than a file should be: what is listed, read, renamed and committed is one state, and each step has to hold when the folder
 * changes, the receiver rejects or the program is killed in the middle of it.
 */
import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createZstdDecompress, type ZstdDecompress } from 'node:zlib';
import {
  BEGIN,
  codeOf,
  fingerprintOf,
  fits,
  HEAD,
  INTERVAL,
  Input,
  idOf,
  inWords,
  LINE,
  NEWLINE,
  readAt,
  show,
} from './tail.ts';

/** How far a segment was read; plain JSON. Opaque to everybody but this file. */
export interface Place {
  /** Device and inode, `dev:ino`: finds a segment again that was renamed. */
  file: string;
  /** Hashes of its first bytes as they are on the disk: tell it from another of that name, or in that inode. */
  fingerprint: string;
  /** Bytes on the disk that hold nothing but what was delivered, and at most the begin of a line. */
  size: number;
  /** Bytes of its text that were delivered, always whole lines; -1: whatever `size` holds is the past (`from: end`). */
  text: number;
  /** When it was read, Unix ms. */
  at: number;
}

export interface SegmentsOptions {
  /** A folder and a name with `*` in it, `/var/log/kumomta/*`. As everywhere, `*` leaves out names that begin with a dot. */
  path: string;
  /** What was committed: the place in each segment by its name, and under '' that this path was looked at before. */
  known: ReadonlyMap<string, Place>;
  /** Whether segments that are there at the very first look are read (the default) or passed over. */
  from?: 'beginning' | 'end' | undefined;
  /**
   * Takes one run of whole lines, or an empty one for the sake of its place. The promise resolves when the lines AND the place are
   * committed. Several calls may be outstanding, in order. When it rejects, reading goes on from what is committed: the receiver
   * must not commit a run after one that it rejected. `past`: it was there at the very first look.
   */
  deliver(chunk: Buffer, name: string, place: Place, past: boolean): Promise<void>;
  /**
   * The first lines of a plain segment that this process goes on with in the middle, so that the columns of its header line are
   * known. Nothing in them is to be counted.
   */
  learn?: ((chunk: Buffer) => void) | undefined;
  /** Drops the place of a segment that is no more. */
  forget(name: string): void;
  /** How long the place of a deleted segment is kept, ms: it may come back (a disk that was not mounted). Default 1 day. */
  keep?: number | undefined;
  /** What went wrong or was skipped, in words for a person; once a cause, not once a try. */
  report(message: string): void;
  /** Milliseconds between looks into the folder. Default 250; a folder that takes long to look through is looked at less often. */
  interval?: number | undefined;
  /** Runs delivered and not yet committed. Default 8. */
  outstanding?: number | undefined;
}

/** Bytes read at once; KumoMTA's compressed records grow to twenty times of it. */
const RAW = 32_768;
/** Segments held open, each with the window of its decoder (some MB): as many as KumoMTA writes at a time, with room to spare. */
const OPEN = 8;
/** Listings of a folder in which something is renamed just now. */
const TRIES = 20;
const KEEP = 24 * 3600_000;
/** Compressed afterwards, by somebody else: whatever it holds was there before under another name. */
const FOREIGN = /\.(gz|xz|bz2|lz4)$/;

/** `path` names segments, and no log that is followed under one name. */
export function namesSegments(path: string): boolean {
  return basename(path).includes('*');
}

interface Segment {
  name: string;
  /** Up to where it was delivered, and committed. */
  place: Place | undefined;
  committed: Place | undefined;
  /** What the last look showed, to see whether there is anything new. */
  looked: string;
  /** What its writer will not touch again, and was read to its end, is not looked at again. */
  finished: BigIntStats | undefined;
  /** Its size at the very first look. */
  past: number;
  /** Where bytes begin that could not be decoded at once. */
  torn: number;
  reading: Reading | undefined;
  /** Its first lines were seen, by whoever takes them. */
  begun: boolean;
}

interface Reading {
  handle: FileHandle;
  /** Undefined for plain lines. */
  decoder: Decoder | undefined;
  /** Bytes read from the disk, and the text that they gave. */
  raw: number;
  text: number;
  /** The begin of a line whose end is not there yet. */
  rest: Buffer;
  /** Bytes of a line that grew too long, which is passed over. */
  skipped: number;
}

interface Run {
  segment: Segment;
  place: Place;
  committed: boolean;
}

export class Segments extends Input<SegmentsOptions> {
  readonly ended: Promise<void>;
  #segments = new Map<string, Segment>();
  /** In the order of delivery, from the first that is not committed. */
  #pending: Run[] = [];
  #rejected: unknown;
  /** Has a place once the path was looked at. */
  #mark: Segment;
  /** Those being read, the one that was visited last at the end. */
  #open = new Set<Segment>();
  /** How long it takes to look through the folder, ms. */
  #listing = 0;
  /** Names at the last look: one that is missing since may have been renamed. */
  #wasThere = new Set<string>();
  #folder: string;
  #wanted: RegExp;

  constructor(options: SegmentsOptions) {
    super(options);
    this.#folder = dirname(options.path);
    const literally = (text: string): string => text.replace(/[\\^$.|?+()[\]{}]/g, '\\$&');
    this.#wanted = new RegExp(`^(?!\\.)${basename(options.path).split('*').map(literally).join('.*')}$`, 's');
    this.#mark = newSegment('', options.known.get(''));
    for (const [name, place] of options.known) if (name !== '') this.#add(name, place);
    this.ended = this.#run();
  }

  override stop(): Promise<void> {
    super.stop();
    return this.ended;
  }

  async #run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.#look();
        if (this.#rejected !== undefined) await this.#rewind();
      } catch (error) {
        this.report(inWords(error, this.options.path));
      }
      const { interval = INTERVAL } = this.options;
      await this.sleep(Math.max(interval, 20 * this.#listing));
    }
    await Promise.all(this.outstanding);
    for (const segment of this.#open) await this.#close(segment);
  }

  /** Everything that is new in the folder. */
  async #look(): Promise<void> {
    const found = await this.#list();
    if (!found) return;
    this.#wasThere = new Set(found.keys());
    await this.#follow(found);
    if (this.#rejected !== undefined) return;
    for (const name of found.keys()) if (!this.#segments.has(name)) this.#add(name, undefined);
    if (!this.#mark.place) await this.#begin(found);
    for (const segment of this.#segments.values()) {
      if (this.stopped || this.#rejected !== undefined) return;
      const stats = found.get(segment.name);
      if (stats) await this.#visit(segment, stats);
      else await this.#gone(segment);
    }
  }

  /**
   * By name, which KumoMTA makes of the time: the older ones first. Names and what stands under them are asked for one after the
   * other, so a renaming in between shows a file twice, or not at all: where anything is other than it was, two listings in a
   * row must agree. Undefined when they do not: the next look tells.
   */
  async #list(): Promise<Map<string, BigIntStats> | undefined> {
    const began = performance.now();
    try {
      let found = await this.#stats(true);
      if (this.#isAsBefore(found)) return found;
      for (let tries = 0; tries < TRIES && !this.stopped; tries++) {
        const again = await this.#stats(false);
        if (filesOf(found) === filesOf(again)) return again;
        found = again;
      }
      return undefined;
    } finally {
      this.#listing = performance.now() - began;
    }
  }

  /** `trusting`: what is finished is taken for what it was. */
  async #stats(trusting: boolean): Promise<Map<string, BigIntStats>> {
    const found = new Map<string, BigIntStats>();
    let entries: string[] = [];
    try {
      entries = await readdir(this.#folder);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      this.report(inWords(error, this.options.path));
    }
    for (const name of entries.filter((entry) => this.#wanted.test(entry) && !FOREIGN.test(entry)).sort()) {
      const known = trusting ? this.#segments.get(name)?.finished : undefined;
      const stats = known ?? (await stat(join(this.#folder, name), { bigint: true }).catch(() => undefined));
      if (stats?.isFile()) found.set(name, stats);
    }
    return found;
  }

  /** The same files under the same names as were read there, none twice. */
  #isAsBefore(found: Map<string, BigIntStats>): boolean {
    if (new Set([...found.values()].map(idOf)).size < found.size) return false;
    for (const name of found.keys()) if (!this.#segments.has(name)) return false;
    for (const { name, place } of this.#segments.values()) {
      const stats = found.get(name);
      if (place && (stats ? idOf(stats) !== place.file : this.#wasThere.has(name))) return false;
    }
    return true;
  }

  #add(name: string, place: Place | undefined): Segment {
    const segment = newSegment(name, place);
    this.#segments.set(name, segment);
    return segment;
  }

  /** Segments under new names take their places with them, before anything is read under the old ones. */
  async #follow(found: Map<string, BigIntStats>): Promise<void> {
    const known = new Map<string, Segment>();
    for (const segment of this.#segments.values()) {
      const stats = found.get(segment.name);
      if (segment.place && (!stats || idOf(stats) !== segment.place.file)) known.set(segment.place.file, segment);
    }
    const moved: [Segment, string][] = [];
    for (const [name, stats] of known.size > 0 ? found : []) {
      const segment = known.get(idOf(stats));
      if (!segment?.place || this.#segments.get(name)?.place?.file === segment.place.file) continue;
      const head = await this.#head(name, HEAD);
      if (head && fits(head, segment.place.fingerprint)) moved.push([segment, name]);
    }
    if (moved.length === 0) return;
    for (const [{ name }, to] of moved) {
      for (const segment of [this.#segments.get(name), this.#segments.get(to)]) if (segment) await this.#close(segment);
      this.#segments.delete(name);
    }
    for (const [{ place, past }, to] of moved) {
      const segment = this.#add(to, undefined);
      segment.past = past;
      await this.room();
      this.#deliver(segment, Buffer.alloc(0), place!);
    }
    await Promise.all(this.outstanding);
    if (this.#rejected !== undefined) return;
    for (const [{ name }] of moved) if (!this.#segments.has(name)) this.options.forget(name);
  }

  async #head(name: string, length: number): Promise<Buffer | undefined> {
    const handle = await open(join(this.#folder, name), 'r').catch(() => undefined);
    const head = handle && (await readAt(handle, 0, length));
    await handle?.close();
    return head;
  }

  /** The very first look: what is there was written before anybody asked for it. */
  async #begin(found: Map<string, BigIntStats>): Promise<void> {
    for (const [name, stats] of found) {
      const segment = this.#segments.get(name)!;
      segment.past = Number(stats.size);
      if (this.options.from !== 'end' || segment.past === 0) continue;
      const head = await this.#head(name, Math.min(segment.past, HEAD));
      const fingerprint = head ? fingerprintOf(head) : '';
      await this.room();
      const place = { file: idOf(stats), fingerprint, size: segment.past, text: -1, at: Date.now() };
      this.#deliver(segment, Buffer.alloc(0), place);
    }
    // Behind all of them, so that it is not known without them.
    this.#deliver(this.#mark, Buffer.alloc(0), { file: '', fingerprint: '', size: 0, text: 0, at: Date.now() });
  }

  async #visit(segment: Segment, stats: BigIntStats): Promise<void> {
    // a change of its permissions is one, too
    const looks = `${idOf(stats)} ${stats.size} ${stats.ctimeNs}`;
    // four bytes tell whether it is compressed
    if (looks === segment.looked || stats.size < 4n) return;
    const path = join(this.#folder, segment.name);
    const torn = segment.torn;
    try {
      if (segment.looked !== '' && !segment.looked.startsWith(`${idOf(stats)} `)) await this.#close(segment);
      const reading = segment.reading ?? (await this.#start(segment, path, stats));
      if (reading) await this.#read(segment, reading, Number(stats.size));
      segment.looked = looks;
    } catch (error) {
      await this.#close(segment);
      // It has vanished: the next look tells.
      if (codeOf(error) === 'ENOENT') return;
      if (torn !== segment.torn) return await this.#visit(segment, stats);
      this.report(inWords(error, path));
      if (error instanceof Undecodable || codeOf(error) === 'EACCES') segment.looked = looks;
      return;
    }
    const finished = (stats.mode & 0o222n) === 0n && segment.place?.size === Number(stats.size);
    if (finished) segment.finished = stats;
    if (finished || !segment.reading?.decoder) await this.#close(segment);
    for (const oldest of this.#open) if (this.#open.size > OPEN) await this.#close(oldest);
  }

  /** Undefined when there is nothing to be read of it. */
  async #start(segment: Segment, path: string, stats: BigIntStats): Promise<Reading | undefined> {
    const known = segment.place;
    const size = Number(stats.size);
    if (known && known.file === idOf(stats) && known.size === size) return undefined;
    const handle = await open(path, 'r');
    const reading: Reading = { handle, decoder: undefined, raw: 0, text: 0, rest: Buffer.alloc(0), skipped: 0 };
    segment.reading = reading;
    this.#open.add(segment);
    // Renamed since it was listed: another file has its name now.
    if (idOf(await handle.stat({ bigint: true })) !== idOf(stats)) throw Object.assign(new Error(), { code: 'ENOENT' });
    const head = await readAt(handle, 0, Math.min(size, HEAD));
    if (known && !fits(head, known.fingerprint)) segment.place = undefined;
    else if (known && known.size > size)
      throw new Undecodable(`is shorter than what was read of it (${known.size} bytes)`);
    if (isZstd(head)) reading.decoder = new Decoder();
    else if (segment.place) await this.#goOn(segment, reading, segment.place);
    segment.begun = true;
    return reading;
  }

  /** Plain lines have a way back in. */
  async #goOn({ begun }: Segment, reading: Reading, { text, size }: Place): Promise<void> {
    const { learn } = this.options;
    if (learn && !begun) await show(reading.handle, Math.min(text < 0 ? size : text, BEGIN), BEGIN, learn);
    if (text > 0) reading.raw = reading.text = text;
  }

  /** Up to `size`, as far as it was flushed. */
  async #read(segment: Segment, reading: Reading, size: number): Promise<void> {
    const { handle, decoder } = reading;
    this.#open.delete(segment);
    this.#open.add(segment);
    while (reading.raw < size) {
      const past = segment.place?.text === -1 ? segment.place.size : 0;
      const to = Math.min(...[past, segment.torn, size].filter((end) => end > reading.raw));
      // a decoder that fails keeps what the same bytes had given before the fault
      const step = reading.raw < segment.torn ? RAW : 1;
      const raw = await readAt(handle, reading.raw, Math.min(step, to - reading.raw));
      if (raw.length === 0) break;
      const { pieces, problem } = decoder ? await decoder.decode(raw) : { pieces: [raw] };
      reading.raw += raw.length;
      for (const piece of pieces) {
        await this.room();
        if (this.stopped || this.#rejected !== undefined) return;
        const chunk = this.#lines(segment, reading, piece);
        if (chunk.length > 0) await this.#commit(segment, reading, chunk, segment.place?.size ?? 0);
      }
      if (problem && step > 1) segment.torn = reading.raw - raw.length;
      if (problem) throw new Undecodable(`cannot be read as zstd from byte ${reading.raw} on: ${problem}`);
      if (reading.raw === past) await this.#commit(segment, reading, Buffer.alloc(0), past);
    }
    if (reading.raw !== (segment.place?.size ?? 0)) await this.#commit(segment, reading, Buffer.alloc(0), reading.raw);
  }

  /** The whole lines that `piece` ends, apart from those that were delivered before. */
  #lines(segment: Segment, reading: Reading, piece: Buffer): Buffer {
    const delivered = segment.place?.text ?? 0;
    const before = reading.text;
    reading.text += piece.length;
    const fresh = delivered < 0 ? piece : piece.subarray(Math.max(0, delivered - before));
    const newline = fresh.lastIndexOf(NEWLINE);
    if (newline < 0) {
      reading.rest = Buffer.concat([reading.rest, fresh]);
      if (reading.rest.length <= LINE && reading.skipped === 0) return reading.rest.subarray(0, 0);
      reading.skipped += reading.rest.length;
      reading.rest = Buffer.alloc(0);
      return reading.rest;
    }
    let lines = Buffer.concat([reading.rest, fresh.subarray(0, newline + 1)]);
    reading.rest = Buffer.from(fresh.subarray(newline + 1));
    if (reading.skipped > 0) {
      const end = lines.indexOf(NEWLINE) + 1;
      this.report(`${join(this.#folder, segment.name)}: skipped a line of ${reading.skipped + end} bytes`);
      reading.skipped = 0;
      lines = lines.subarray(end);
    }
    return delivered < 0 ? lines.subarray(0, 0) : lines;
  }

  async #commit(segment: Segment, reading: Reading, chunk: Buffer, size: number): Promise<void> {
    const { handle, raw, text, rest, skipped } = reading;
    const head = await readAt(handle, 0, Math.min(raw, HEAD));
    const place = {
      file: idOf(await handle.stat({ bigint: true })),
      fingerprint: fingerprintOf(head),
      size,
      text: text - rest.length - skipped,
      at: Date.now(),
    };
    this.#deliver(segment, chunk, place, raw <= segment.past);
  }

  #deliver(segment: Segment, chunk: Buffer, place: Place, past = false): void {
    if (this.#rejected !== undefined) return; // all goes back to what is committed
    segment.place = place;
    const run = { segment, place, committed: false };
    this.#pending.push(run);
    this.track(this.#until(run, chunk, past));
  }

  async #until(run: Run, chunk: Buffer, past: boolean): Promise<void> {
    try {
      await this.options.deliver(chunk, run.segment.name, run.place, past);
      run.committed = true;
      this.recovered();
    } catch (error) {
      this.#rejected ??= error ?? new Error('rejected');
    }
    for (let first = this.#pending[0]; first?.committed; first = this.#pending[0]) {
      first.segment.committed = first.place;
      this.#pending.shift();
    }
  }

  async #rewind(): Promise<void> {
    await Promise.all(this.outstanding);
    this.report(`${this.options.path}: what was read cannot be stored, trying again: ${String(this.#rejected)}`);
    for (const segment of this.#segments.values()) {
      await this.#close(segment);
      segment.place = segment.committed;
      segment.looked = '';
      segment.finished = undefined;
      if (!segment.committed) this.#segments.delete(segment.name); // as if it had never been seen, under that name
    }
    this.#mark.place = this.#mark.committed;
    this.#pending = [];
    this.#rejected = undefined;
    await this.patience();
  }

  /** No longer in the folder. One that is still open is read to its end; its place goes when no event in it could count any more. */
  async #gone(segment: Segment): Promise<void> {
    const { reading } = segment;
    if (reading) {
      const { size } = await reading.handle.stat();
      try {
        if (reading.raw < size) await this.#read(segment, reading, size);
      } catch (error) {
        this.report(inWords(error, join(this.#folder, segment.name)));
      }
      if (this.stopped || this.#rejected !== undefined) return;
      await this.#close(segment);
    }
    segment.looked = '';
    segment.finished = undefined;
    if (!segment.place || segment.place.at + (this.options.keep ?? KEEP) <= Date.now()) await this.#forget(segment);
  }

  /** Its place goes after all that was delivered is committed. */
  async #forget(segment: Segment): Promise<void> {
    await Promise.all(this.outstanding);
    if (this.#rejected !== undefined) return;
    if (segment.place) this.options.forget(segment.name);
    this.#segments.delete(segment.name);
  }

  async #close(segment: Segment): Promise<void> {
    const { reading } = segment;
    segment.reading = undefined;
    this.#open.delete(segment);
    reading?.decoder?.end();
    await reading?.handle.close().catch(() => {});
  }
}

const filesOf = (found: Map<string, BigIntStats>): string =>
  [...found].map(([name, stats]) => `${idOf(stats)} ${name}`).join('\n');

function newSegment(name: string, place: Place | undefined): Segment {
  return {
    name,
    place,
    committed: place,
    looked: '',
    finished: undefined,
    past: 0,
    torn: Infinity,
    reading: undefined,
    begun: false,
  };
}

/** It will be no different at the next look, unless it is written to. */
class Undecodable extends Error {}

function isZstd(head: Buffer): boolean {
  if (head.length < 4) return false;
  const magic = head.readUInt32LE(0);
  return magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5; // RFC 8878: a frame, or one to skip
}

/** Feeds what is there of one or more frames and takes what comes out of it so far; Node's decoder ends with its first frame. */
class Decoder {
  #stream: ZstdDecompress | undefined;
  #pieces: Buffer[] = [];
  #failed: (error: Error) => void = () => {};

  async decode(raw: Buffer): Promise<{ pieces: Buffer[]; problem?: string }> {
    this.#pieces = [];
    try {
      for (let left = raw; left.length > 0; ) {
        const stream = this.#stream ?? this.#begin();
        const before = stream.bytesWritten;
        await new Promise<void>((resolve, reject) => {
          this.#failed = reject;
          stream.write(left, (error) => (error ? reject(error) : resolve()));
        });
        left = left.subarray(stream.bytesWritten - before);
        if (left.length > 0) this.end();
      }
    } catch (error) {
      return { pieces: this.#pieces, problem: (error as Error).message };
    }
    return { pieces: this.#pieces };
  }

  #begin(): ZstdDecompress {
    const stream = createZstdDecompress({ chunkSize: 65_536 });
    stream.on('data', (piece: Buffer) => this.#pieces.push(piece));
    stream.on('error', (error) => this.#failed(error));
    this.#stream = stream;
    return stream;
  }

  end(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
  }
}
