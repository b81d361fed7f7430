/**
 * Batches of the ledger become transactions in one SQLite file, written by a thread of its own (journal-worker.ts) so
 * that fsync never holds up ingest. See docs/decisions/0002-commit-then-acknowledge.md.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Scope } from './metrics.ts';

/** What one tick changed. Values are absolute, so that writing a batch twice does no harm. */
export interface Batch {
  /** Unix ms. */
  at: number;
  series: NewSeries[];
  /** Series that changed: slot and width of each, and all their numbers in a row. */
  slots: Int32Array;
  widths: Int32Array;
  values: Float64Array;
  /** Hashes of identities, two halves each. */
  ids: Int32Array;
  positions: [key: string, value: string | null][];
  readings: [key: string, value: string | null][];
  /** Identities that arrived up to then (Unix ms) can go; 0: none. */
  forget: number;
}

/** A series by names, not numbers, so that a later catalogue can still read it. */
export interface NewSeries {
  slot: number;
  family: string;
  scope: Scope;
  labels: readonly string[];
  closed: readonly string[];
  born: number;
}

export type Recovered =
  | { type: 'series'; rows: (NewSeries & { values: Float64Array })[] }
  | { type: 'ids'; at: number; ids: Int32Array }
  | { type: 'rest'; committedAt: number; positions: [string, string][]; readings: [string, string][] };

export type Request = { type: 'commit'; batch: Batch } | { type: 'close' };
export type Answer =
  | { type: 'recovered'; part: Recovered }
  | { type: 'ready' }
  | { type: 'refused'; problem: string }
  | { type: 'committed' }
  | { type: 'failed'; problem: string }
  | { type: 'closed' };

/** The storage cannot be used as it is; the message says what to do. */
export class Refused extends Error {
  override name = 'Refused';
}

/**
 * What a tick changed is appended to the file's table `change`; once that holds this many numbers it is folded into `sample`, some
 * rows a tick. A row of `sample` for each of thousands of series a tick would be most of what a commit costs.
 */
const FOLD_AFTER = 1_000_000;

export class Journal {
  private readonly path: string;
  private readonly foldAfter: number;
  private worker: Worker | undefined;
  private waiting: ((answer: Answer) => void) | undefined;

  private constructor(path: string, foldAfter: number) {
    this.path = path;
    this.foldAfter = foldAfter;
  }

  /** Opens or makes the file, and hands over what it holds. Throws Refused. */
  static async open(path: string, recover: (part: Recovered) => void, foldAfter = FOLD_AFTER): Promise<Journal> {
    const journal = new Journal(path, foldAfter);
    await journal.start(recover);
    return journal;
  }

  /** Resolves once the batch is on disk. Rejects when it is not; the caller keeps what is in it and tries again. */
  async commit(batch: Batch): Promise<void> {
    if (!this.worker) await this.start(() => {});
    const answer = await this.ask({ type: 'commit', batch });
    if (answer.type !== 'committed') throw new Error(answer.type === 'failed' ? answer.problem : 'the journal stopped');
  }

  async close(): Promise<void> {
    if (!this.worker) return;
    await this.ask({ type: 'close' });
    await this.worker?.terminate();
    this.worker = undefined;
  }

  /** A worker that died is started again here: memory knows everything it needs, so what it recovers is passed over. */
  private start(recover: (part: Recovered) => void): Promise<void> {
    const file = new URL(`./journal-worker${extname(import.meta.filename)}`, import.meta.url);
    const worker = new Worker(file, { workerData: { path: this.path, foldAfter: this.foldAfter } });
    this.worker = worker;
    return new Promise((resolve, reject) => {
      this.waiting = (answer) => {
        if (answer.type === 'recovered') recover(answer.part);
        else if (answer.type === 'ready') resolve();
        else {
          void worker.terminate();
          this.worker = undefined;
          reject(
            new Refused(answer.type === 'refused' || answer.type === 'failed' ? answer.problem : 'the journal stopped'),
          );
        }
      };
      worker.on('message', (answer: Answer) => this.waiting?.(answer));
      worker.on('error', (error) => this.lost(worker, error.message));
      worker.on('exit', () => this.lost(worker, 'the journal thread ended'));
    });
  }

  private lost(worker: Worker, problem: string): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    this.waiting?.({ type: 'failed', problem });
  }

  private ask(request: Request): Promise<Answer> {
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.worker!.postMessage(request);
    });
  }
}
