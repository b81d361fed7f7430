/** The thread that owns the SQLite file: recovers it, then turns each batch into one transaction and says when it is on disk. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Batch, Recovered, Request } from './journal.ts';
import type { Scope } from './metrics.ts';

const PATH = workerData as string;
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
];
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

function recover(db: DatabaseSync): void {
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
      values: new Float64Array((row.value as Uint8Array).slice().buffer),
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
    const ids = new Int32Array(row.ids.slice().buffer);
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
    'series' | 'sample' | 'seen' | 'forget' | 'position' | 'reading' | 'unread' | 'meta',
    StatementSync
  >;
  private lastTick: number;

  constructor(db: DatabaseSync) {
    this.db = db;
    this.sql = {
      series: db.prepare('INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?)'),
      sample: db.prepare('INSERT OR REPLACE INTO sample VALUES (?, ?)'),
      seen: db.prepare('INSERT INTO seen VALUES (?, ?)'),
      forget: db.prepare('DELETE FROM seen WHERE tick <= ?'),
      position: db.prepare('INSERT OR REPLACE INTO position VALUES (?, ?)'),
      reading: db.prepare('INSERT OR REPLACE INTO reading VALUES (?, ?)'),
      unread: db.prepare('DELETE FROM reading WHERE key = ?'),
      meta: db.prepare("INSERT OR REPLACE INTO meta VALUES ('committed_at', ?)"),
    };
    this.lastTick = (db.prepare('SELECT max(tick) AS last FROM seen').get()?.last as number) ?? 0;
  }

  commit(batch: Batch): void {
    const tick = Math.max(this.lastTick + 1, batch.at * TICKS_PER_MS);
    this.db.exec('BEGIN IMMEDIATE');
    try {
      this.write(batch, tick);
      this.db.exec('COMMIT');
      this.lastTick = tick;
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
    const bytes = new Uint8Array(batch.values.buffer, batch.values.byteOffset, batch.values.byteLength);
    let from = 0;
    for (let i = 0; i < batch.slots.length; i++) {
      const to = from + batch.widths[i]! * 8;
      sql.sample.run(batch.slots[i]!, bytes.subarray(from, to));
      from = to;
    }
    if (batch.ids.length > 0)
      sql.seen.run(tick, new Uint8Array(batch.ids.buffer, batch.ids.byteOffset, batch.ids.byteLength));
    if (batch.forget > 0) sql.forget.run(batch.forget * TICKS_PER_MS + TICKS_PER_MS - 1);
    for (const [key, value] of batch.positions) sql.position.run(key, value);
    for (const [key, value] of batch.readings) value === null ? sql.unread.run(key) : sql.reading.run(key, value);
    sql.meta.run(batch.at);
  }
}

try {
  const db = open();
  recover(db);
  const writer = new Writer(db);
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
