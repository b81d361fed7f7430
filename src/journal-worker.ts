/** The thread that owns the SQLite file: recovers it, then turns each batch into one transaction and says when it is on disk. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Batch, Recovered, Request } from './journal.ts';
import type { Scope } from './metrics.ts';

const { path: PATH, foldAfter: FOLD_AFTER } = workerData as { path: string; foldAfter: number };
/** 'DLVX': marks a file as ours (PRAGMA application_id). */
const APPLICATION = 0x444c5658;
/** Each entry lifts a file by one version (PRAGMA user_version); entries are never changed once released. */
const MIGRATIONS = [
  `CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
   CREATE TABLE series (slot INTEGER PRIMARY KEY, family TEXT NOT NULL, scope TEXT NOT NULL, labels TEXT NOT NULL, closed TEXT NOT NULL, born INTEGER NOT NULL);
   CREATE TABLE sample (slot INTEGER PRIMARY KEY, value BLOB NOT NULL);
   CREATE TABLE seen (tick INTEGER PRIMARY KEY, ids BLOB NOT NULL);
   CREATE TABLE position (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`,
  `CREATE TABLE reading (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`,
  `CREATE TABLE change (tick INTEGER PRIMARY KEY, slots BLOB NOT NULL, widths BLOB NOT NULL, numbers BLOB NOT NULL);`,
];
/** While `change` is folded into `sample`, rows a tick. */
const FOLD_ROWS = Math.max(1, FOLD_AFTER >> 10);
/** Ticks are Unix ms times this, so that several within a millisecond stay apart. */
const TICKS_PER_MS = 1000;

const port = parentPort!;
const say = (answer: Answer, transfer: ArrayBuffer[] = []): void => port.postMessage(answer, transfer);

function open(): DatabaseSync {
  const db = new DatabaseSync(PATH);
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0;');
    const one = (pragma: string) => Object.values(db.prepare(`PRAGMA ${pragma}`).get()!)[0];
    const tables = db.prepare('SELECT count(*) AS n FROM sqlite_master').get() as { n: number };
    if (tables.n > 0 && one('application_id') !== APPLICATION) throw new Error('it is a database of another program');
    const version = Number(one('user_version'));
    if (version > MIGRATIONS.length)
      throw new Error(
        `it was written by a newer version of this program (schema ${version}, known up to ${MIGRATIONS.length}); start that version`,
      );
    const damage = one('quick_check');
    if (damage !== 'ok') throw new Error(`it is damaged (${damage})`);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000;');
    // In exclusive mode the lock is taken by the first write and kept until the process ends, however it ends.
    db.exec(`BEGIN IMMEDIATE; PRAGMA application_id = ${APPLICATION};`);
    for (const migration of MIGRATIONS.slice(version)) db.exec(migration);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length}; COMMIT;`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function refusal(error: unknown): string {
  const problem = error instanceof Error ? error.message : String(error);
  if (/locked|busy/i.test(problem))
    return `storage ${PATH} is in use by another process; stop it, or give this one a --storage.path of its own`;
  if (/newer version/.test(problem)) return `storage ${PATH} cannot be used: ${problem}`;
  return `storage ${PATH} cannot be used: ${problem}. Mend it, or move the file away to start with new counters (Prometheus sees that as a counter reset)`;
}

/** What stands in `change`, by slot: the numbers that are newer than those in `sample`. */
class Changed {
  /** Numbers appended since the last fold began. */
  count = 0;
  private numbers = new Float64Array(1024);
  private widths = new Uint8Array(1024);
  private noted = new Uint8Array(1024);
  private slots: number[] = [];

  note(slots: Int32Array, widths: Int32Array, numbers: Float64Array): void {
    for (let i = 0, from = 0; i < slots.length; i++) {
      const [slot, width] = [slots[i]!, widths[i]!];
      if (slot + width > this.numbers.length) this.grow((slot + width) * 2);
      for (let n = 0; n < width; n++) this.numbers[slot + n] = numbers[from++]!;
      this.widths[slot] = width;
      if (this.noted[slot] === 0) this.slots.push(slot);
      this.noted[slot] = 1;
    }
    this.count += numbers.length;
  }

  /** The numbers of a slot that was noted; undefined of others. */
  of(slot: number): Float64Array | undefined {
    const width = this.widths[slot] ?? 0;
    return width === 0 ? undefined : this.numbers.slice(slot, slot + width);
  }

  /** Slots noted since the last call. */
  take(): number[] {
    const { slots } = this;
    for (const slot of slots) this.noted[slot] = 0;
    this.slots = [];
    this.count = 0;
    return slots;
  }

  private grow(size: number): void {
    const { numbers, widths, noted } = this;
    this.numbers = new Float64Array(size);
    this.numbers.set(numbers);
    this.widths = new Uint8Array(size);
    this.widths.set(widths);
    this.noted = new Uint8Array(size);
    this.noted.set(noted);
  }
}

/** A blob as a typed array of its own; SQLite's may start anywhere. */
const ints = (blob: unknown) => new Int32Array((blob as Uint8Array).slice().buffer);
const floats = (blob: unknown) => new Float64Array((blob as Uint8Array).slice().buffer);
const bytes = (array: Int32Array | Float64Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function recover(db: DatabaseSync, changed: Changed): void {
  for (const row of db.prepare('SELECT slots, widths, numbers FROM change ORDER BY tick').iterate() as Iterable<
    Record<string, unknown>
  >)
    changed.note(ints(row.slots), ints(row.widths), floats(row.numbers));
  const part = (part: Recovered, transfer: ArrayBuffer[] = []): void => say({ type: 'recovered', part }, transfer);
  let rows: Extract<Recovered, { type: 'series' }>['rows'] = [];
  const all = db.prepare(
    'SELECT s.slot, family, scope, labels, closed, born, value FROM series s JOIN sample USING (slot) ORDER BY s.slot',
  );
  for (const row of all.iterate() as Iterable<Record<string, unknown>>) {
    rows.push({
      slot: row.slot as number,
      family: row.family as string,
      scope: row.scope as Scope,
      labels: JSON.parse(row.labels as string),
      closed: JSON.parse(row.closed as string),
      born: row.born as number,
      values: changed.of(row.slot as number) ?? floats(row.value),
    });
    if (rows.length === 1000) {
      part({ type: 'series', rows });
      rows = [];
    }
  }
  part({ type: 'series', rows });
  for (const row of db.prepare('SELECT tick, ids FROM seen ORDER BY tick').iterate() as Iterable<{
    tick: number;
    ids: Uint8Array;
  }>) {
    const ids = ints(row.ids);
    part({ type: 'ids', at: Math.floor(row.tick / TICKS_PER_MS), ids }, [ids.buffer]);
  }
  const pairs = (table: string) =>
    (db.prepare(`SELECT key, value FROM ${table}`).all() as { key: string; value: string }[]).map(
      (r): [string, string] => [r.key, r.value],
    );
  const committedAt = (db.prepare("SELECT value FROM meta WHERE key = 'committed_at'").get()?.value as number) ?? 0;
  part({ type: 'rest', committedAt, positions: pairs('position'), readings: pairs('reading') });
}

class Writer {
  private readonly db: DatabaseSync;
  private readonly sql: Record<
    'series' | 'sample' | 'change' | 'folded' | 'seen' | 'forget' | 'position' | 'left' | 'reading' | 'unread' | 'meta',
    StatementSync
  >;
  private lastTick: number;
  private readonly changed: Changed;
  /** Slots that a fold under way has still to write, and the last tick whose `change` it makes superfluous. */
  private folding: number[] = [];
  private foldedUntil = 0;

  constructor(db: DatabaseSync, changed: Changed) {
    this.db = db;
    this.changed = changed;
    this.sql = {
      series: db.prepare('INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?)'),
      sample: db.prepare('INSERT OR REPLACE INTO sample VALUES (?, ?)'),
      change: db.prepare('INSERT INTO change VALUES (?, ?, ?, ?)'),
      folded: db.prepare('DELETE FROM change WHERE tick <= ?'),
      seen: db.prepare('INSERT INTO seen VALUES (?, ?)'),
      forget: db.prepare('DELETE FROM seen WHERE tick <= ?'),
      position: db.prepare('INSERT OR REPLACE INTO position VALUES (?, ?)'),
      left: db.prepare('DELETE FROM position WHERE key = ?'),
      reading: db.prepare('INSERT OR REPLACE INTO reading VALUES (?, ?)'),
      unread: db.prepare('DELETE FROM reading WHERE key = ?'),
      meta: db.prepare("INSERT OR REPLACE INTO meta VALUES ('committed_at', ?)"),
    };
    const last = db.prepare(
      'SELECT max(tick) AS last FROM (SELECT max(tick) AS tick FROM seen UNION ALL SELECT max(tick) FROM change)',
    );
    this.lastTick = (last.get()?.last as number) ?? 0;
  }

  commit(batch: Batch): void {
    const tick = Math.max(this.lastTick + 1, batch.at * TICKS_PER_MS);
    this.db.exec('BEGIN IMMEDIATE');
    try {
      this.write(batch, tick);
      const folded = this.fold();
      this.db.exec('COMMIT');
      this.lastTick = tick;
      this.folding.length -= folded;
      if (this.folding.length === 0 && this.changed.count >= FOLD_AFTER) {
        this.folding = this.changed.take();
        this.foldedUntil = tick;
      }
    } catch (error) {
      // A full disk may have rolled back by itself; then there is nothing left to roll back.
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      throw error;
    }
  }

  private write(batch: Batch, tick: number): void {
    const { sql } = this;
    for (const s of batch.series)
      sql.series.run(s.slot, s.family, s.scope, JSON.stringify(s.labels), JSON.stringify(s.closed), s.born);
    const { slots, widths, values } = batch;
    // A series' first numbers go where recovery looks for what there is.
    if (slots.length > 0) sql.change.run(tick, bytes(slots), bytes(widths), bytes(values));
    this.changed.note(slots, widths, values);
    for (const { slot } of batch.series) sql.sample.run(slot, bytes(this.changed.of(slot)!));
    if (batch.ids.length > 0) sql.seen.run(tick, bytes(batch.ids));
    if (batch.forget > 0) sql.forget.run(batch.forget * TICKS_PER_MS + TICKS_PER_MS - 1);
    for (const [key, value] of batch.positions) value === null ? sql.left.run(key) : sql.position.run(key, value);
    for (const [key, value] of batch.readings) value === null ? sql.unread.run(key) : sql.reading.run(key, value);
    sql.meta.run(batch.at);
  }

  /** Writes some rows of a fold under way, with the newest numbers; returns how many. What a rollback undoes is written again. */
  private fold(): number {
    const rows = this.folding.slice(-FOLD_ROWS);
    for (const slot of rows) this.sql.sample.run(slot, bytes(this.changed.of(slot)!));
    if (rows.length > 0 && rows.length === this.folding.length) this.sql.folded.run(this.foldedUntil);
    return rows.length;
  }
}

try {
  const db = open();
  const changed = new Changed();
  recover(db, changed);
  const writer = new Writer(db, changed);
  port.on('message', (request: Request) => {
    if (request.type === 'close') {
      db.close();
      say({ type: 'closed' });
      return;
    }
    try {
      writer.commit(request.batch);
      say({ type: 'committed' });
    } catch (error) {
      say({ type: 'failed', problem: error instanceof Error ? error.message : String(error) });
    }
  });
  say({ type: 'ready' });
} catch (error) {
  say({ type: 'refused', problem: refusal(error) });
}
