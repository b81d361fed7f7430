/** Segments that are written, finished, renamed, deleted and read by a program that dies: every line is committed once (src/segments.ts). */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createZstdCompress, gzipSync, type ZstdCompress, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { type Place, Segments, type SegmentsOptions } from '../src/segments.ts';

/** Without any line that is new, ms: on a busy machine a look at a folder can take seconds. */
const PATIENCE = 30_000;
const INTERVAL = 4;
let folder = '';
const descriptors: number[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'segments-'));
});
afterEach(() => {
  for (const descriptor of descriptors.splice(0)) fs.closeSync(descriptor);
  fs.rmSync(folder, { recursive: true, force: true });
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let next = 0;
/** Its own begin and much that all have in common, as records have. */
const line = (length = 60): string => `{"id":"${String(next++).padStart(8, '0')}","x":"${'x'.repeat(length)}"}`;

async function until(what: string, done: () => boolean): Promise<void> {
  for (let i = 0; i < 3000; i++) {
    if (done()) return;
    await pause(INTERVAL);
  }
  assert.fail(`never happened: ${what}`);
}

/** One segment as KumoMTA writes it: one frame, what is flushed is on the disk. */
class Segment {
  name: string;
  lines: string[] = [];
  #stream: ZstdCompress | undefined;
  #compressed: Buffer[] = [];
  #descriptor: number;

  constructor(name: string, plain = false) {
    this.name = name;
    if (!plain) this.#stream = createZstdCompress();
    this.#stream?.on('data', (data: Buffer) => this.#compressed.push(data));
    this.#descriptor = fs.openSync(this.path, 'a');
    descriptors.push(this.#descriptor);
  }

  get path(): string {
    return path.join(folder, this.name);
  }

  /** `cut`: that many of the compressed bytes are not on the disk yet. */
  async write(lines: string[], cut = 0): Promise<void> {
    this.lines.push(...lines);
    await this.raw(lines.map((one) => `${one}\n`).join(''), cut);
  }

  async raw(text: string, cut = 0): Promise<void> {
    const stream = this.#stream;
    if (!stream) return void fs.writeSync(this.#descriptor, text);
    await new Promise((resolve) => stream.write(text, resolve));
    await new Promise<void>((resolve) => stream.flush(() => resolve()));
    this.#out(cut);
  }

  async finish(): Promise<void> {
    const stream = this.#stream;
    if (stream) await new Promise<void>((resolve) => stream.on('end', resolve).end());
    this.#out(0);
    fs.chmodSync(this.path, 0o444);
  }

  #out(cut: number): void {
    const data = Buffer.concat(this.#compressed);
    const end = Math.max(0, data.length - cut);
    this.#compressed = [data.subarray(end)];
    if (end > 0) fs.writeSync(this.#descriptor, data.subarray(0, end));
  }
}

/** What takes the lines: commits each run some time later together with its place, may refuse, may die. */
class Ledger {
  committed: string[] = [];
  past: string[] = [];
  places = new Map<string, Place>();
  reports: string[] = [];
  refuse = 0;
  #running: Segments | undefined;
  #life = 0;
  #options: Partial<SegmentsOptions>;

  constructor(options: Partial<SegmentsOptions> = {}) {
    this.#options = options;
  }

  start(): void {
    const life = this.#life;
    let last: Promise<void> = Promise.resolve();
    let outstanding = 0;
    let refusing = false;
    this.#running = new Segments({
      path: path.join(folder, '*'),
      interval: INTERVAL,
      known: new Map(JSON.parse(JSON.stringify([...this.places])) as [string, Place][]),
      report: (message) => this.reports.push(message),
      forget: (name) => {
        if (life === this.#life) assert.ok(this.places.delete(name), `${name} was not known`);
      },
      deliver: (chunk, name, place, past) => {
        if (outstanding++ === 0) refusing = false;
        const before = last;
        const run = (async () => {
          await before;
          await pause(1);
          outstanding--;
          if (life !== this.#life) return; // killed: nobody hears of it
          if (this.refuse > 0) {
            this.refuse--;
            refusing = true;
            throw new Error('the disk is full');
          }
          if (refusing) throw new Error('the disk is still full');
          assert.ok(chunk.length === 0 || chunk.at(-1) === 10, 'a run ends with a newline');
          const lines = chunk.toString().split('\n').slice(0, -1);
          this.committed.push(...lines);
          if (past) this.past.push(...lines);
          this.places.set(name, place);
        })();
        last = run.catch(() => {});
        return run;
      },
      ...this.#options,
    });
  }

  async kill(): Promise<void> {
    this.#life++;
    await this.#running?.stop();
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  /** Until that many lines are committed, and a little longer, so that one too many is seen. */
  async settle(count: number): Promise<void> {
    let last = -1;
    let since = performance.now();
    while (this.committed.length < count && performance.now() - since < PATIENCE) {
      if (this.committed.length !== last) since = performance.now();
      last = this.committed.length;
      await pause(INTERVAL);
    }
    await pause(INTERVAL * 6);
  }

  /** Each segment's lines in their order, whatever came between them. */
  holds(...segments: Segment[]): void {
    const wanted = segments.flatMap(({ lines }) => lines);
    const often = (all: string[], one: string): number => all.filter((each) => each === one).length;
    const lost = wanted.filter((one) => !this.committed.includes(one));
    const odd = [...new Set(this.committed)].filter((one) => often(this.committed, one) !== often(wanted, one));
    assert.deepEqual({ lost: lost.slice(0, 3), odd: odd.slice(0, 3) }, { lost: [], odd: [] });
    for (const { lines } of segments) {
      const own = new Set(lines);
      const got = this.committed.filter((one) => own.has(one));
      assert.ok(got.join() === lines.join(), 'out of order');
    }
  }
}

const lines = (count: number, length?: number): string[] => Array.from({ length: count }, () => line(length));

for (const plain of [false, true])
  describe(plain ? 'plain lines' : 'zstd', () => {
    test('finished ones, one that grows, one that begins', async () => {
      const old = new Segment('20261124-100000', plain);
      await old.write(lines(3000));
      await old.finish();
      const growing = new Segment('20261124-100100', plain);
      await growing.write(lines(3));
      const ledger = new Ledger();
      ledger.start();
      await ledger.settle(3003);
      for (let i = 0; i < 3; i++) {
        await growing.write(lines(5));
        await ledger.settle(ledger.committed.length + 5);
      }
      assert.equal(ledger.committed.length, 3018, 'what is flushed is read before the segment ends');
      await growing.finish();
      const late = new Segment('20261124-100200_recv', plain);
      await late.write(lines(4));
      await ledger.settle(3022);
      await ledger.stop();
      ledger.holds(old, growing, late);
      assert.equal(ledger.past.length, 3003, 'what was there at the first look, and no more');
      assert.deepEqual(ledger.reports, []);
    });

    test('a line in two parts, and a restart between them', async () => {
      const one = new Segment('a', plain);
      await one.write(lines(2));
      const half = line();
      await one.raw(half.slice(0, 20));
      const ledger = new Ledger();
      ledger.start();
      await ledger.settle(2);
      await ledger.kill();
      ledger.start();
      await ledger.settle(2);
      await one.raw(`${half.slice(20)}\n`);
      one.lines.push(half);
      await ledger.settle(3);
      await ledger.stop();
      ledger.holds(one);
    });

    test('from the end: what was there is not read, what came while nobody looked is', async () => {
      const old = new Segment('a', plain);
      await old.write(lines(3));
      await old.finish();
      const growing = new Segment('b', plain);
      await growing.write(lines(3));
      const half = line();
      await growing.raw(half.slice(0, 9));
      const ledger = new Ledger({ from: 'end' });
      ledger.start();
      await until('the first look is committed', () => ledger.places.has(''));
      await ledger.kill();
      growing.lines = [];
      await growing.raw(`${half.slice(9)}\n`);
      growing.lines.push(half);
      await growing.write(lines(2));
      const fresh = new Segment('c', plain);
      await fresh.write(lines(2));
      ledger.start();
      await ledger.settle(5);
      await growing.write(lines(1));
      await ledger.settle(6);
      await ledger.stop();
      ledger.holds(growing, fresh);
    });

    test('renamed, while it is read and while nobody reads', async () => {
      const one = new Segment('a', plain);
      await one.write(lines(3));
      const ledger = new Ledger();
      ledger.start();
      await ledger.settle(3);
      fs.renameSync(one.path, path.join(folder, 'b'));
      one.name = 'b';
      await one.write(lines(2));
      await ledger.settle(5);
      assert.deepEqual([...ledger.places.keys()].sort(), ['', 'b'], 'and nothing is kept of its old name');
      await ledger.kill();
      fs.renameSync(one.path, path.join(folder, 'a'));
      one.name = 'a';
      ledger.start();
      await ledger.settle(5);
      await one.write(lines(2));
      await ledger.settle(7);
      await ledger.stop();
      ledger.holds(one);
    });

    test('renamed in a row, the first name taken again, while it is read and while nobody reads', async () => {
      const segments: Segment[] = [];
      const ledger = new Ledger();
      ledger.start();
      for (let i = 0; i < 8; i++) {
        if (i % 3 === 2) await ledger.kill();
        for (let n = 0; n < segments.length; n++) {
          const from = segments[n]!.path;
          segments[n]!.name = `log.${segments.length - n}`;
          fs.renameSync(from, segments[n]!.path);
        }
        const one = new Segment('log', plain);
        segments.push(one);
        await one.write(lines(20 + i));
        if (i % 2 === 0) await one.finish();
        if (i % 3 === 2) ledger.start();
        await ledger.settle(segments.reduce((sum, each) => sum + each.lines.length, 0));
      }
      await ledger.stop();
      ledger.holds(...segments);
      assert.equal(ledger.places.size, 9);
    });

    test('a name, and an inode, that come again are no segment that was read', async () => {
      const first = new Segment('a', plain);
      await first.write(lines(30));
      await first.finish();
      const ledger = new Ledger();
      ledger.start();
      await ledger.settle(30);
      await ledger.kill();
      fs.rmSync(first.path);
      const again = new Segment('a', plain);
      await again.write(lines(50));
      ledger.start();
      await ledger.settle(80);
      await ledger.stop();
      ledger.holds(first, again);
    });

    test('deleted while it is read: what its writer still flushes is read too', { skip: plain }, async () => {
      const one = new Segment('a');
      await one.write(lines(3));
      const ledger = new Ledger({ interval: 100 });
      ledger.start();
      await ledger.settle(3);
      fs.rmSync(one.path);
      await one.write(lines(4));
      await pause(300);
      await ledger.stop();
      ledger.holds(one);
    });
  });

test('several frames in one file, cut anywhere', async () => {
  const one = new Segment('a', true);
  const frames = Array.from({ length: 5 }, () => {
    const some = lines(200);
    one.lines.push(...some);
    return zstdCompressSync(Buffer.from(some.map((each) => `${each}\n`).join('')));
  });
  const data = Buffer.concat([frames[0]!, Buffer.from('502a4d1803000000616263', 'hex'), ...frames.slice(1)]);
  const ledger = new Ledger();
  ledger.start();
  for (let at = 0; at < data.length; at += 97) {
    fs.appendFileSync(one.path, data.subarray(at, at + 97));
    if (at % 5 === 0) await pause(2);
  }
  await ledger.settle(one.lines.length);
  await ledger.stop();
  ledger.holds(one);
});

test('plain: the first lines are shown again where a new process goes on in the middle, so that a header is known', async () => {
  const grown = new Segment('a', true);
  await grown.write(lines(900, 100));
  const finished = new Segment('b', true);
  await finished.write(lines(2));
  await finished.finish();
  const shown: string[] = [];
  const learn = (chunk: Buffer): void => void shown.push(...chunk.toString().split('\n').slice(0, -1));
  const ledger = new Ledger({ learn });
  ledger.start();
  await ledger.settle(902);
  await grown.write(lines(2));
  await ledger.settle(904);
  await ledger.kill();
  assert.deepEqual(shown, [], 'what this process reads anyway is not shown');
  await grown.write(lines(2));
  const fresh = new Segment('c', true);
  await fresh.write(lines(2));
  ledger.start();
  await ledger.settle(908);
  await grown.write(lines(2));
  await ledger.settle(910);
  await ledger.stop();
  ledger.holds(grown, finished, fresh);
  const begin = grown.lines.slice(0, Math.floor(65_536 / (grown.lines[0]!.length + 1)));
  assert.deepEqual(shown, begin, 'once, the first of them, and none of those that have nothing more to say');
});

test('plain, from the end: the first lines are shown, so that a header is known', async () => {
  const one = new Segment('a', true);
  await one.write(lines(3));
  const shown: string[] = [];
  const ledger = new Ledger({ from: 'end', learn: (chunk) => void shown.push(chunk.toString()) });
  ledger.start();
  await until('the first look is committed', () => ledger.places.has(''));
  const past = one.lines.splice(0);
  await one.write(lines(1));
  await ledger.settle(1);
  await ledger.stop();
  ledger.holds(one);
  assert.deepEqual(shown, [past.map((each) => `${each}\n`).join('')]);
});

test('places of deleted segments go, once no event in them could count any more', async () => {
  const ledger = new Ledger({ keep: 60 });
  ledger.start();
  const segments: Segment[] = [];
  for (let i = 0; i < 20; i++) {
    const one = new Segment(`s${i}`);
    segments.push(one);
    await one.write(lines(2));
    await one.finish();
    await ledger.settle((i + 1) * 2);
    fs.rmSync(one.path);
    if (i % 7 === 6) {
      await ledger.kill();
      ledger.start();
    }
  }
  await until('they are forgotten', () => [...ledger.places.keys()].join() === '');
  assert.ok(ledger.places.has(''));
  await ledger.stop();
  ledger.holds(...segments);
});

test('a folder that goes and comes back (a disk that was not mounted) is not read again', async () => {
  const one = new Segment('a');
  await one.write(lines(3));
  await one.finish();
  const ledger = new Ledger();
  ledger.start();
  await ledger.settle(3);
  fs.renameSync(folder, `${folder}.away`);
  await pause(INTERVAL * 6);
  await ledger.kill();
  ledger.start();
  await pause(INTERVAL * 6);
  fs.renameSync(`${folder}.away`, folder);
  await ledger.settle(3);
  await ledger.stop();
  ledger.holds(one);
  assert.deepEqual(new Set(ledger.reports).size, 1);
  assert.match(ledger.reports[0]!, /its folder does not exist yet/);
});

test('what the pattern leaves out, and what is no segment', async () => {
  const one = new Segment('20261124_recv.zst');
  await one.write(lines(2));
  for (const other of ['.hidden_recv.zst', '20261124_recv.zst.gz', '20261124.zst', '20261124_recv_zst'])
    fs.writeFileSync(path.join(folder, other), gzipSync('{"no":1}\n'));
  fs.mkdirSync(path.join(folder, 'sub_recv.zst'));
  const ledger = new Ledger({ path: path.join(folder, '*_recv.zst') });
  ledger.start();
  await ledger.settle(2);
  await ledger.stop();
  ledger.holds(one);
  assert.deepEqual(ledger.reports, []);
});

test('a segment whose end the machine lost: its lines before that count once, and it is told once', async () => {
  const one = new Segment('a');
  await one.write(lines(500));
  fs.appendFileSync(one.path, Buffer.alloc(4096, 0xff));
  const other = new Segment('b');
  await other.write(lines(2));
  const ledger = new Ledger();
  ledger.start();
  await ledger.settle(502);
  await ledger.kill();
  ledger.start();
  await ledger.settle(502);
  await other.write(lines(2));
  await ledger.settle(504);
  await ledger.stop();
  ledger.holds(one, other);
  assert.equal(ledger.reports.length, 2, 'once a start');
  assert.match(ledger.reports[0]!, /\/a: cannot be read as zstd from byte \d+ on: /);
});

test('a line without end is passed over and told of, its neighbours are not, across a restart in its midst', async () => {
  const one = new Segment('a');
  await one.write(lines(2));
  await one.raw('y'.repeat(2_500_000));
  const ledger = new Ledger();
  ledger.start();
  await ledger.settle(2);
  await ledger.kill();
  await one.raw('y'.repeat(10));
  ledger.start();
  await ledger.settle(2);
  await one.raw('\n');
  await one.write(lines(2));
  await ledger.settle(4);
  await ledger.stop();
  ledger.holds(one);
  assert.deepEqual(ledger.reports, [`${one.path}: skipped a line of 2500011 bytes`]);
});

test('more segments at once than may be open', async () => {
  const segments = Array.from({ length: 25 }, (_, i) => new Segment(`s${String(i).padStart(2, '0')}`));
  const ledger = new Ledger();
  ledger.start();
  for (let round = 1; round <= 3; round++) {
    for (const one of segments) await one.write(lines(3));
    await ledger.settle(round * 75);
    const open = fs.readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder}/s`);
      } catch {
        return false;
      }
    });
    assert.ok(open.length <= 8 + segments.length, `${open.length} are open`);
  }
  await ledger.stop();
  ledger.holds(...segments);
});

test('any order of writing, finishing, renaming, deleting, refusing and dying', async () => {
  const pick = fc.nat({ max: 99 });
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.record({ do: fc.constant('begin' as const), plain: fc.boolean() }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('write' as const),
        pick,
        count: fc.integer({ min: 1, max: 80 }),
        length: fc.integer({ min: 0, max: 900 }),
        cut: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 })),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('finish' as const), pick }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('rename' as const), pick }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), pick }) },
    { weight: 1, arbitrary: fc.constant({ do: 'refuse' as const }) },
    { weight: 3, arbitrary: fc.constant({ do: 'kill' as const }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 15 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), fc.boolean(), async (steps, forgetful) => {
      fs.rmSync(folder, { recursive: true, force: true });
      fs.mkdirSync(folder);
      const ledger = new Ledger(forgetful ? { keep: 0 } : {});
      ledger.start();
      const all: Segment[] = [];
      const alive: Segment[] = [];
      const written = () => all.reduce((sum, one) => sum + one.lines.length, 0);
      let names = 0;
      for (const one of steps) {
        const segment = 'pick' in one ? alive[one.pick % alive.length] : undefined;
        if (one.do === 'begin') {
          const fresh = new Segment(`s${names++}`, one.plain);
          all.push(fresh);
          alive.push(fresh);
        } else if (one.do === 'write') await segment?.write(lines(one.count, one.length), one.cut);
        else if (one.do === 'finish' && segment) {
          await segment.finish();
          alive.splice(alive.indexOf(segment), 1);
        } else if (one.do === 'rename' && segment) {
          // with `keep: 0` the old name is forgotten at once, so nobody may be away meanwhile
          if (forgetful) continue;
          const from = segment.path;
          segment.name = `r${names++}`;
          fs.renameSync(from, segment.path);
        } else if (one.do === 'delete' && segment) {
          // whoever deletes what was not read loses it
          await segment.write([]);
          await ledger.settle(written());
          fs.rmSync(segment.path);
          alive.splice(alive.indexOf(segment), 1);
        } else if (one.do === 'refuse') ledger.refuse = 1;
        else if (one.do === 'kill') {
          await ledger.kill();
          ledger.start();
        } else if (one.do === 'wait') await pause(one.ms);
      }
      for (const segment of alive) await segment.write([]);
      await ledger.settle(written());
      const kept = ['', ...fs.readdirSync(folder)];
      if (forgetful)
        await until('what is gone is forgotten', () => [...ledger.places.keys()].every((name) => kept.includes(name)));
      await ledger.kill();
      ledger.holds(...all);
    }),
    // Other orders: SEGMENTS_SEED=2 SEGMENTS_RUNS=1000.
    { numRuns: Number(process.env.SEGMENTS_RUNS ?? 60), seed: Number(process.env.SEGMENTS_SEED ?? 1) },
  );
});
