/** Files that are rotated, truncated, copied and read by a program that dies: every line is committed once (src/tail.ts). */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { type Position, type Tail, type TailOptions, tail } from '../src/tail.ts';

const INTERVAL = 4;
let folder = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tail-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A program that writes the log and the tools that rotate it, as a person would call them. */
class Log {
  file: string;
  written: string[] = [];
  #descriptor: number;
  #next = 0;

  constructor(name = 'mail.log') {
    this.file = path.join(folder, name);
    this.#descriptor = fs.openSync(this.file, 'a');
  }

  line(length = 20): string {
    return `line ${String(this.#next++).padStart(6, '0')} ${'x'.repeat(length)}`;
  }

  write(count = 1, length = 20): void {
    const lines = Array.from({ length: count }, () => this.line(length));
    this.written.push(...lines);
    fs.writeSync(this.#descriptor, lines.map((line) => `${line}\n`).join(''));
  }

  raw(text: string): void {
    fs.writeSync(this.#descriptor, text);
  }

  /** .1 becomes .2 and so on, .1.gz becomes .2.gz: logrotate's way of naming. */
  #shift(): string {
    const ends = ['', '.gz'];
    const at = (number: number, end: string): string => `${this.file}.${number}${end}`;
    let last = 1;
    while (ends.some((end) => fs.existsSync(at(last, end)))) last++;
    for (; last > 1; last--)
      for (const end of ends) if (fs.existsSync(at(last - 1, end))) fs.renameSync(at(last - 1, end), at(last, end));
    return at(1, '');
  }

  rename(to = this.#shift()): void {
    fs.renameSync(this.file, to);
  }

  /** The writer is told to open the path again. */
  reopen(): void {
    fs.closeSync(this.#descriptor);
    this.#descriptor = fs.openSync(this.file, 'a');
  }

  copy(to = this.#shift()): void {
    fs.copyFileSync(this.file, to);
  }

  copytruncate(to = this.#shift()): void {
    this.copy(to);
    this.truncate();
  }

  truncate(): void {
    fs.truncateSync(this.file);
  }

  gzip(file = `${this.file}.1`): void {
    execFileSync('gzip', [file]);
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

/** What takes the lines: commits each run some time later together with its position, may refuse, may die. */
class Ledger {
  committed: string[] = [];
  position: Position | undefined;
  learned: string[] = [];
  reports: string[] = [];
  refuse = 0;
  slow = false;
  most = 0;
  #running: Tail | undefined;
  #life = 0;
  #outstanding = 0;
  #options: Partial<TailOptions>;
  #path: string;

  constructor(file: string, options: Partial<TailOptions> = {}) {
    this.#path = file;
    this.#options = options;
  }

  start(options: Partial<TailOptions> = {}): void {
    const life = this.#life;
    let last: Promise<void> = Promise.resolve();
    let refusing = false;
    this.#running = tail({
      path: this.#path,
      interval: INTERVAL,
      start: this.position && (JSON.parse(JSON.stringify(this.position)) as Position),
      learn: (chunk) => this.learned.push(...linesOf(chunk)),
      report: (message) => this.reports.push(message),
      deliver: (chunk, position) => {
        if (this.#outstanding === 0) refusing = false;
        this.most = Math.max(this.most, ++this.#outstanding);
        const before = last;
        const run = (async () => {
          await before;
          if (this.slow) await pause(1);
          this.#outstanding--;
          if (life !== this.#life) return; // killed: nobody hears of it
          if (this.refuse > 0) {
            this.refuse--;
            refusing = true; // and all that is already on its way
            throw new Error('the disk is full');
          }
          if (refusing) throw new Error('the disk is still full');
          this.committed.push(...linesOf(chunk));
          this.position = position;
        })();
        last = run.catch(() => {});
        return run;
      },
      ...this.#options,
      ...options,
    });
  }

  async kill(): Promise<void> {
    this.#life++;
    await this.#running?.stop();
    this.#outstanding = 0;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  /** Until it has committed as many lines as were written, and a little longer, so that one too many is seen. */
  async settle(count: number): Promise<void> {
    let last = -1;
    for (let idle = 0; idle < 250 && this.committed.length < count; idle++) {
      if (this.committed.length !== last) idle = 0;
      last = this.committed.length;
      await pause(INTERVAL);
    }
    await pause(INTERVAL * 6);
  }
}

function linesOf(chunk: Buffer): string[] {
  assert.ok(chunk.length === 0 || chunk.at(-1) === 10, 'a run ends with a newline');
  return chunk.toString().split('\n').slice(0, -1);
}

interface Scene {
  log: Log;
  ledger: Ledger;
  /** Waits until all that was written is committed. */
  read(): Promise<void>;
  restart(meanwhile: () => void): Promise<void>;
}

const scenes: [string, (scene: Scene) => Promise<void>][] = [
  [
    'a growing file',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.write(5);
    },
  ],
  [
    'a line that comes in two parts is delivered once, whole',
    async ({ log, ledger, read }) => {
      log.write(1);
      await read();
      const line = log.line();
      log.raw(line.slice(0, 7));
      await pause(INTERVAL * 5);
      assert.equal(ledger.committed.length, 1);
      log.raw(`${line.slice(7)}\n`);
      log.written.push(line);
    },
  ],
  [
    'renamed and created again',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.write(2);
      log.rename();
      log.reopen();
      log.write(4);
    },
  ],
  [
    'renamed, and the writer goes on in the old file for a while',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.rename();
      fs.writeFileSync(log.file, '');
      await pause(INTERVAL * 5);
      log.write(4);
      await pause(INTERVAL * 5);
      log.reopen();
      log.write(2);
    },
  ],
  [
    'renamed to a name with a date',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.write(2);
      log.rename(`${log.file}-20261124`);
      log.reopen();
      log.write(4);
    },
  ],
  [
    'renamed to a name of its own while nobody reads',
    async ({ log, read, restart }) => {
      log.write(3);
      await read();
      await restart(() => {
        log.write(2);
        log.rename(path.join(folder, 'kept'));
        log.reopen();
        log.write(4);
      });
    },
  ],
  [
    'renamed three times while nobody reads',
    async ({ log, read, restart }) => {
      log.write(3);
      await read();
      await restart(() => {
        for (let i = 0; i < 3; i++) {
          log.write(2);
          log.rename();
          log.reopen();
        }
        log.write(1);
      });
    },
  ],
  [
    'renamed three times at once',
    async ({ log, read }) => {
      log.write(3);
      await read();
      for (let i = 0; i < 3; i++) {
        log.write(2);
        log.rename();
        log.reopen();
      }
      log.write(1);
    },
  ],
  [
    'renamed, the new one stays empty, renamed again',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.rename();
      log.reopen();
      await pause(INTERVAL * 5);
      log.rename();
      log.reopen();
      log.write(2);
    },
  ],
  [
    'truncated after all was read',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.truncate();
      log.write(1);
    },
  ],
  [
    'truncated and at once longer than before',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.truncate();
      log.write(10);
    },
  ],
  [
    'truncated and at once as long as before',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.truncate();
      log.write(3);
    },
  ],
  [
    'truncated and longer than before while nobody reads',
    async ({ log, read, restart }) => {
      log.write(3);
      await read();
      await restart(() => {
        log.truncate();
        log.write(10);
      });
    },
  ],
  [
    'copied and truncated with unread lines',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.write(4);
      log.copytruncate();
      log.write(2);
    },
  ],
  [
    'copied and truncated, at once longer than before',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.write(4);
      log.copytruncate();
      log.write(20);
    },
  ],
  [
    'copied and truncated to a name with a date, while nobody reads',
    async ({ log, read, restart }) => {
      log.write(3);
      await read();
      await restart(() => {
        log.write(4);
        log.copytruncate(`${log.file}-20261124`);
        log.write(20);
      });
    },
  ],
  [
    'copied, read on, then truncated',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.copy();
      log.write(2);
      await read();
      log.truncate();
      log.write(1);
    },
  ],
  [
    'truncated, then filled, copied and truncated before it was looked at again',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.truncate();
      await pause(INTERVAL * 8);
      log.write(4);
      log.copytruncate();
      log.write(2);
    },
  ],
  [
    'copied and truncated twice',
    async ({ log, read }) => {
      log.write(3);
      await read();
      log.write(4);
      log.copytruncate();
      log.write(5);
      log.copytruncate();
      log.write(2);
    },
  ],
  [
    'copied and truncated, then renamed',
    async ({ log, read, restart }) => {
      log.write(3);
      await read();
      await restart(() => {
        log.write(4);
        log.copytruncate();
        log.write(5);
        log.rename();
        log.reopen();
        log.write(2);
      });
    },
  ],
  [
    'killed after a rotation and before the new file has a line',
    async ({ log, read, restart }) => {
      log.write(3);
      await read();
      log.rename();
      log.reopen();
      await pause(INTERVAL * 6);
      await restart(() => log.write(2));
    },
  ],
  [
    'renamed and compressed at once, twice, while nobody reads',
    async ({ log, read, restart }) => {
      log.write(3);
      await read();
      await restart(() => {
        for (let i = 0; i < 2; i++) {
          log.write(300, 900);
          log.rename(`${log.file}-2026112${i}`);
          log.gzip(`${log.file}-2026112${i}`);
          log.reopen();
        }
        log.write(2);
      });
    },
  ],
  [
    'compressed while it is read, with older ones compressed beside it',
    async ({ log, read, restart }) => {
      for (let i = 0; i < 2; i++) {
        log.write(40);
        await read();
        log.rename();
        log.gzip();
        log.reopen();
        await pause(INTERVAL * 5);
      }
      log.write(500, 900);
      await restart(() => {
        log.rename();
        log.gzip();
        log.reopen();
        log.write(2);
      });
      await read();
      await restart(() => log.write(1));
    },
  ],
  [
    'renamed, compressed after it was read to its end, and the new file unread',
    async ({ log, read }) => {
      log.write(30);
      await read();
      log.rename();
      log.reopen();
      log.write(2);
      log.gzip();
      await read();
      log.rename(`${log.file}.0`);
      log.gzip(`${log.file}.0`);
      log.reopen();
      log.write(2);
    },
  ],
  [
    'copied, truncated and compressed with unread lines, while nobody reads',
    async ({ log, read, restart }) => {
      log.write(3);
      await read();
      await restart(() => {
        log.write(4);
        log.copytruncate();
        log.gzip();
        log.write(20);
      });
    },
  ],
  [
    'copied, read on, truncated and compressed',
    async ({ log, read, restart }) => {
      log.write(30);
      await read();
      log.copy();
      log.write(2);
      await read();
      await restart(() => {
        log.truncate();
        log.gzip();
        log.write(1);
      });
    },
  ],
  [
    'many lines, several runs',
    async ({ log }) => {
      log.write(5000, 100);
    },
  ],
];

describe('every line once', () => {
  for (const [title, play] of scenes) {
    test(title, async () => {
      const log = new Log();
      const ledger = new Ledger(log.file, { chunkBytes: 4096 });
      ledger.slow = true;
      ledger.start();
      const read = () => ledger.settle(log.written.length);
      await play({
        log,
        ledger,
        read,
        restart: async (meanwhile) => {
          await ledger.kill();
          meanwhile();
          ledger.start();
        },
      });
      await read();
      await ledger.stop();
      log.close();
      assert.deepEqual(ledger.committed, log.written);
    });
  }
});

test('any order of writing, rotating, refusing and dying', async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('write' as const),
        count: fc.integer({ min: 1, max: 60 }),
        length: fc.integer({ min: 0, max: 300 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('half' as const), count: fc.integer({ min: 0, max: 3 }) }) },
    { weight: 2, arbitrary: fc.constant({ do: 'rename' as const }) },
    { weight: 2, arbitrary: fc.constant({ do: 'copytruncate' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'gzip' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'truncate' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'refuse' as const }) },
    { weight: 2, arbitrary: fc.constant({ do: 'kill' as const }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 15 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      fs.rmSync(folder, { recursive: true, force: true });
      fs.mkdirSync(folder);
      const log = new Log();
      const ledger = new Ledger(log.file, { chunkBytes: 1024 });
      ledger.slow = true;
      log.write();
      ledger.start();
      await ledger.settle(1);
      let half = '';
      for (const one of steps) {
        if (half !== '' && one.do !== 'wait') {
          log.raw(`${half}\n`);
          half = '';
        }
        if (one.do === 'write') log.write(one.count, one.length);
        else if (one.do === 'half') {
          const line = log.line();
          log.written.push(line);
          log.raw(line.slice(0, 5));
          half = line.slice(5);
        } else if (one.do === 'rename') {
          log.rename();
          log.reopen();
        } else if (one.do === 'copytruncate') log.copytruncate();
        else if (one.do === 'gzip') {
          if (fs.existsSync(`${log.file}.1`)) log.gzip();
        } else if (one.do === 'truncate') {
          // whoever truncates without a copy loses what was not read
          await ledger.settle(log.written.length);
          log.truncate();
        } else if (one.do === 'refuse') ledger.refuse = 1;
        else if (one.do === 'kill') {
          await ledger.kill();
          ledger.start();
        } else await pause(one.ms);
      }
      if (half !== '') log.raw(`${half}\n`);
      await ledger.settle(log.written.length);
      await ledger.kill();
      log.close();
      assert.deepEqual(ledger.committed, log.written);
    }),
    // Other orders: TAIL_SEED=2 TAIL_RUNS=1000.
    { numRuns: Number(process.env.TAIL_RUNS ?? 60), seed: Number(process.env.TAIL_SEED ?? 1) },
  );
});

describe('beginning, learning, waiting', () => {
  /** One run of the tailer over what is there, and what it said. */
  async function readOnce(ledger: Ledger, count: number, options: Partial<TailOptions> = {}): Promise<Ledger> {
    ledger.start(options);
    await ledger.settle(count);
    await ledger.stop();
    return ledger;
  }

  test('from the end: what was there is not read, and a restart keeps to that', async () => {
    const log = new Log();
    log.write(3);
    log.raw('line 00');
    const ledger = await readOnce(new Ledger(log.file, { from: 'end' }), 0);
    assert.ok(ledger.position, 'where reading began is committed before any line');
    log.raw('half\n');
    log.write(2);
    await readOnce(ledger, 3);
    log.close();
    assert.deepEqual(ledger.committed, ['line 00half', ...log.written.slice(3)]);
  });

  test('from the end of a file that appears later: all of it', async () => {
    const file = path.join(folder, 'mail.log');
    const ledger = new Ledger(file, { from: 'end' });
    ledger.start();
    await pause(INTERVAL * 5);
    const log = new Log();
    log.write(2);
    await ledger.settle(2);
    await ledger.stop();
    log.close();
    assert.deepEqual(ledger.committed, log.written);
    assert.deepEqual(ledger.reports, [`${file}: does not exist yet; waiting for it`]);
  });

  test('after a restart the lines before the position are shown again, those of the rotated file too', async () => {
    const log = new Log();
    log.write(4, 40);
    log.rename();
    log.reopen();
    log.write(3, 40);
    const ledger = await readOnce(new Ledger(log.file), 3);
    const bytes = 4 * (log.written[0]!.length + 1) + 10;
    log.write(1);
    await readOnce(ledger, 4, { learnBytes: bytes });
    log.close();
    assert.deepEqual(ledger.committed, log.written.slice(4));
    // the first run had nothing but the older file to learn from; the second has a line of it, and some bytes of another
    assert.deepEqual(ledger.learned, [...log.written.slice(0, 4), ...log.written.slice(3, 7)]);
  });

  test('after a restart far into a file its first lines are shown too, where a header stands', async () => {
    const log = new Log();
    log.write(1500, 87);
    const ledger = await readOnce(new Ledger(log.file), 1500);
    log.write(1);
    await readOnce(ledger, 1501, { learnBytes: 5 * 100 });
    log.close();
    assert.deepEqual(ledger.committed, log.written);
    const begin = Math.floor(65_536 / (log.written[0]!.length + 1));
    const last = Math.floor((5 * 100 - 1) / (log.written[0]!.length + 1));
    assert.deepEqual(ledger.learned, [...log.written.slice(0, begin), ...log.written.slice(1500 - last, 1500)]);
  });

  test('a line without end is skipped and told of, its neighbours are not', async () => {
    const log = new Log();
    log.write(1);
    log.raw(`${'y'.repeat(300_000)}\n`);
    log.write(1);
    log.raw(`${'z'.repeat(150_000)}\n`);
    log.written.push('z'.repeat(150_000));
    log.write(1);
    const ledger = await readOnce(new Ledger(log.file, { chunkBytes: 4096, lineBytes: 200_000 }), 4);
    log.close();
    assert.deepEqual(ledger.committed, log.written);
    assert.deepEqual(ledger.reports, [`${log.file}: skipped a line of 300001 bytes at byte 33`]);
  });

  test('a rotated file that ends in the middle of a line', async () => {
    const log = new Log();
    log.write(2);
    const ledger = new Ledger(log.file);
    ledger.start();
    await ledger.settle(2);
    log.raw('cut');
    log.rename();
    log.reopen();
    log.write(1);
    await ledger.settle(3);
    await ledger.stop();
    log.close();
    assert.deepEqual(ledger.committed, log.written);
    assert.deepEqual(ledger.reports, [`${log.file}: ended in the middle of a line, whose 3 bytes were skipped`]);
  });

  test('a file that was damaged while nobody read is said to be lost; what came after it is read', async () => {
    const log = new Log();
    log.write(2);
    const ledger = await readOnce(new Ledger(log.file), 2);
    log.write(1);
    log.rename();
    fs.renameSync(`${log.file}.1`, `${log.file}.2.gz`);
    fs.writeFileSync(`${log.file}.2.gz`, 'no longer lines');
    log.reopen();
    log.write(2);
    log.rename();
    log.reopen();
    log.write(2);
    await readOnce(ledger, 6);
    log.close();
    assert.deepEqual(ledger.committed, [...log.written.slice(0, 2), ...log.written.slice(3)]);
    assert.match(ledger.reports.join('\n'), /cannot be decompressed further: .*\n.*; its lines from byte 66 on/);
  });

  test('never more runs outstanding than allowed, however slow the receiver', async () => {
    const log = new Log();
    log.write(3000, 100);
    const ledger = new Ledger(log.file, { chunkBytes: 2048, outstanding: 3 });
    ledger.slow = true;
    await readOnce(ledger, 3000);
    log.close();
    assert.deepEqual(ledger.committed, log.written);
    assert.equal(ledger.most, 3);
  });

  test('a run that was refused comes again, even when a later one was taken', async () => {
    const log = new Log();
    log.write(60, 100);
    const runs: string[][] = [];
    const reports: string[] = [];
    const followed = tail({
      path: log.file,
      interval: INTERVAL,
      chunkBytes: 2048,
      report: (message) => reports.push(message),
      deliver: async (chunk) => {
        runs.push(linesOf(chunk));
        if (runs.length === 1) await pause(INTERVAL * 5);
        if (reports.length === 0 && chunk.toString().startsWith(log.written[0]!)) throw new Error('the disk is full');
      },
    });
    for (let i = 0; i < 500 && runs.filter((lines) => lines.at(-1) === log.written.at(-1)).length < 2; i++)
      await pause(INTERVAL);
    await followed.stop();
    log.close();
    const again = runs.findLastIndex((lines) => lines[0] === log.written[0]);
    assert.ok(again > 0, 'the first run came once more');
    assert.deepEqual(runs.slice(again).flat(), log.written);
    assert.deepEqual(reports, [`${log.file}: what was read cannot be stored, trying again: Error: the disk is full`]);
  });

  test('a file that appears and is rotated before it is looked at', async () => {
    const old = new Log('mail.log.1');
    old.write(2);
    old.close();
    const ledger = new Ledger(path.join(folder, 'mail.log'), { interval: 100 });
    ledger.start();
    for (let i = 0; ledger.reports.length === 0 && i < 500; i++) await pause(INTERVAL);
    await pause(30);
    const log = new Log();
    log.write(3);
    log.rename();
    log.reopen();
    log.write(2);
    await ledger.settle(5);
    await ledger.stop();
    log.close();
    assert.deepEqual(ledger.committed, log.written);
  });

  test('rotated while the folder, a large one, is looked through', async () => {
    // names that come before that of the path, which is looked at last, when it may be another file already
    const name = (day: number): string => path.join(folder, `mail-${20_000_000 + day}.log`);
    for (let day = 0; day < 300; day++) {
      fs.writeFileSync(name(day), `old ${day}\n`);
      fs.utimesSync(name(day), 1e9 + day, 1e9 + day);
    }
    const log = new Log();
    const ledger = new Ledger(log.file);
    log.write();
    ledger.start();
    await ledger.settle(1);
    for (let round = 0; round < 20; round++) {
      // the first makes it look, the second comes while it does
      for (let rotation = 0; rotation < 2; rotation++) {
        log.rename(name(1000 + 2 * round + rotation));
        log.reopen();
        log.write(3);
        await pause(10 + 2 * round);
      }
      await ledger.settle(log.written.length);
    }
    await ledger.stop();
    log.close();
    assert.deepEqual(ledger.committed, log.written);
  });

  test('what cannot be read is said once, in words, and tried again', async () => {
    const file = path.join(folder, 'mail.log');
    fs.mkdirSync(file);
    const ledger = new Ledger(file);
    ledger.start();
    await pause(INTERVAL * 10);
    assert.deepEqual(ledger.reports, [`${file}: is not a regular file; give a file, or - for standard input`]);
    fs.rmdirSync(file);
    const log = new Log();
    log.write(2);
    await ledger.settle(2);
    await ledger.stop();
    log.close();
    assert.deepEqual(ledger.committed, log.written);
  });

  test('a folder that comes later', async () => {
    const file = path.join(folder, 'mail', 'mail.log');
    const ledger = new Ledger(file);
    ledger.start();
    await pause(INTERVAL * 5);
    fs.mkdirSync(path.dirname(file));
    fs.writeFileSync(file, 'one\n');
    await ledger.settle(1);
    await ledger.stop();
    assert.deepEqual(ledger.committed, ['one']);
  });
});

describe('in a process of its own', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** Each run it commits is one record, `{ lines, position }`, in one write to the journal. */
  function start(file: string, journal: string, options: { uid?: number; interval?: number } = {}): ChildProcess {
    const code = `
      import fs from 'node:fs';
      import { tail } from ${JSON.stringify(new URL('../src/tail.ts', import.meta.url).href)};
      const records = fs.readFileSync(${JSON.stringify(journal)}, 'utf8').split('\\n').filter(Boolean);
      const out = fs.openSync(${JSON.stringify(journal)}, 'a');
      ${options.uid === undefined ? '' : `process.setgroups([]); process.setgid(${options.uid}); process.setuid(${options.uid});`}
      const followed = tail({
        path: ${JSON.stringify(file)},
        interval: ${options.interval ?? INTERVAL},
        chunkBytes: 1024,
        start: records.length ? JSON.parse(records.at(-1)).position : undefined,
        report: (message) => console.log(message),
        deliver: async (chunk, position) => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          fs.writeSync(out, JSON.stringify({ lines: chunk.toString().split('\\n').slice(0, -1), position }) + '\\n');
        },
      });
      await followed.ended;
      console.log('ended');`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    return child;
  }

  function committed(journal: string): string[] {
    const records = fs.readFileSync(journal, 'utf8').split('\n').filter(Boolean);
    return records.flatMap((record) => (JSON.parse(record) as { lines: string[] }).lines);
  }

  async function until(what: string, done: () => boolean): Promise<void> {
    for (let i = 0; i < 1500; i++) {
      if (done()) return;
      await pause(10);
    }
    assert.fail(`never happened: ${what}`);
  }

  test('killed again and again while it reads and the file is rotated', async () => {
    const log = new Log();
    const journal = path.join(folder, 'journal');
    fs.writeFileSync(journal, '');
    log.write();
    for (let kill = 0; kill < 6; kill++) {
      const child = start(log.file, journal);
      const before = committed(journal).length;
      await until('it commits', () => committed(journal).length > before);
      for (let i = 0; i < 10 + kill; i++) {
        log.write(20, 100);
        if (i === 3) [() => log.rename(), () => log.copytruncate()][kill % 2]!();
        if (i === 3) log.reopen();
        await pause(1);
      }
      child.kill('SIGKILL');
      await once(child, 'exit');
      log.write(5);
    }
    start(log.file, journal);
    await until('it has read the rest', () => committed(journal).length >= log.written.length);
    log.close();
    assert.deepEqual(committed(journal), log.written);
  });

  test('standard input: whole lines, a last one without its newline, a line without end, then it ends', async () => {
    const journal = path.join(folder, 'journal');
    fs.writeFileSync(journal, '');
    const child = start('-', journal);
    const said = child.stdout!.setEncoding('utf8').toArray();
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i} ${'x'.repeat(i % 90)}`);
    child.stdin!.write(`${lines.join('\n')}\n`);
    for (let i = 0; i < 20; i++) child.stdin!.write('y'.repeat(100_000));
    child.stdin!.write('\nnext\nla');
    child.stdin!.end('st');
    await once(child, 'exit');
    assert.deepEqual(committed(journal), [...lines, 'next', 'last']);
    assert.deepEqual((await said).join(''), 'standard input: skipped a line of 2000001 bytes\nended\n');
  });

  test('a file it may not read', async () => {
    fs.chmodSync(folder, 0o755);
    const log = new Log();
    log.write(2);
    fs.chmodSync(log.file, 0);
    const journal = path.join(folder, 'journal');
    fs.writeFileSync(journal, '');
    const child = start(log.file, journal, process.getuid?.() === 0 ? { uid: 65534 } : {});
    let said = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until('it says so', () => said.includes('\n'));
    await pause(INTERVAL * 10);
    fs.chmodSync(log.file, 0o644);
    await until('it reads', () => committed(journal).length === 2);
    log.close();
    assert.equal(
      said,
      `${log.file}: permission denied; let the user of this program read it (on Debian: add it to the group adm)\n`,
    );
  });
});
