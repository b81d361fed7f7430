/**
 * Readings become what is known of each target: the latest, the last definite one, and what is still to be confirmed. Kept in the
 * ledger's file, so that a restart neither forgets a listing nor believes a new one too soon.
 */
import { type BlocklistReading, DEFINITE, type ListVerdict, type Reading } from './reading.ts';
import type { ZoneHealth } from './zone-health.ts';

/** Of one list and one target. */
export interface ListState {
  list: string;
  target: string;
  /** The latest, definite or not, and when (Unix ms). */
  verdict: ListVerdict;
  cause: string;
  reason: string;
  at: number;
  /** The last that was definite, and for a change between listed and not: confirmed. */
  definite?: { verdict: ListVerdict; codes: readonly string[]; at: number };
  /**
   * A definite verdict that says the contrary of `definite`, or the first listing of all, and since when: believed when it comes
   * again. Until `until` the same answer may come out of a cache on the way, and would prove nothing.
   */
  pending?: { listed: boolean; at: number; until?: number };
}

export interface CheckState {
  check: string;
  target: string;
  /** Of the last definite result, Unix ms; 0: there was none, be it that there was nothing to judge. */
  definiteAt: number;
  problems: readonly string[];
  warnings: readonly string[];
  /** Why the latest attempt came to nothing; '' when it did not. */
  unknown: string;
  /** Of the latest attempt. */
  at: number;
  /** When there was last nothing to judge, where that was the last that could be said. */
  nothingAt?: number;
}

export interface Score {
  service: string;
  target: string;
  score: number;
  at: number;
}

export interface Certificate {
  target: string;
  host: string;
  expires: number;
  at: number;
}

type Kept =
  | ({ of: 'list' } & ListState)
  | ({ of: 'check' } & CheckState)
  | ({ of: 'score' } & Score)
  | ({ of: 'certificate' } & Certificate)
  | { of: 'since'; what: string; at: number };

/** Where the ledger keeps readings, by key. */
export interface Shelf {
  readonly readings: ReadonlyMap<string, string>;
  keep(readings: Iterable<[key: string, value: string | null]>): Promise<void>;
}

const KEY = 'checked:';

export class CheckStates {
  readonly lists = new Map<string, ListState>();
  readonly checks = new Map<string, CheckState>();
  readonly scores = new Map<string, Score>();
  readonly certificates = new Map<string, Certificate>();
  /** Since when a target, list or check is one: `target 192.0.2.10`, `list psbl`, `check spf`. */
  private readonly beginnings = new Map<string, { at: number }>();
  /** Of lists asked since the start; not kept, since only what their test entries say now counts. */
  readonly health = new Map<string, ZoneHealth & { at: number }>();
  private readonly shelf: Shelf;
  private changed = new Map<string, string | null>();

  constructor(shelf: Shelf) {
    this.shelf = shelf;
    for (const [key, text] of shelf.readings) if (key.startsWith(KEY)) this.place(JSON.parse(text) as Kept);
  }

  /** True when a verdict was not believed yet and is to be asked for again. `until`: how long a cache on the way may repeat it. */
  take(reading: Reading, at: number, until = at): boolean {
    switch (reading.kind) {
      case 'blocklist':
        return this.takeList(reading, at, until);
      case 'dns_check': {
        const { check, target, problems, warnings } = reading;
        this.put('check', { check, target, problems, warnings, definiteAt: at, unknown: '', at });
        return false;
      }
      case 'reputation':
        this.put('score', { service: reading.service, target: reading.target, score: reading.score, at });
        return false;
      case 'certificate':
        this.put('certificate', { target: reading.target, host: reading.host, expires: reading.expires, at });
        return false;
    }
  }

  /** A check to which the world said nothing. What was known before stays, with its age. */
  unanswered(check: string, target: string, why: string, at: number): void {
    const before = this.checks.get(`${check} ${target}`);
    const nothing = { check, target, problems: [], warnings: [], definiteAt: 0 };
    this.put('check', { ...(before ?? nothing), unknown: why, at });
  }

  /** A check that found nothing to judge: what was known before is no longer true. */
  nothing(check: string, target: string, at: number): void {
    this.put('check', { check, target, problems: [], warnings: [], definiteAt: 0, unknown: '', at, nothingAt: at });
  }

  /** What there is to be asked about, and whom, from now on where it was not before. */
  begin(all: ReadonlySet<string>, now: number): void {
    for (const what of this.beginnings.keys()) if (!all.has(what)) this.drop('since', what);
    for (const what of all) if (!this.beginnings.has(what)) this.put('since', { what, at: now });
  }

  /** Since when a list or check is to be asked about a target. */
  since(kind: 'list' | 'check', name: string, target: string): number {
    return Math.max(this.beginnings.get(`${kind} ${name}`)?.at ?? 0, this.beginnings.get(`target ${target}`)?.at ?? 0);
  }

  listState(list: string, target: string): ListState | undefined {
    return this.lists.get(`${list} ${target}`);
  }

  checkState(check: string, target: string): CheckState | undefined {
    return this.checks.get(`${check} ${target}`);
  }

  /** Targets of which something is known. */
  targets(): Set<string> {
    return new Set([...this.lists.values(), ...this.checks.values()].map(({ target }) => target));
  }

  /** Forgets what belongs to nothing that is wanted any more, and certificates not seen since `since` (Unix ms). */
  keepOnly(wanted: (kind: 'list' | 'check', name: string, target: string) => boolean, since: number): void {
    for (const [key, { list, target }] of this.lists) if (!wanted('list', list, target)) this.drop('list', key);
    for (const [key, { check, target }] of this.checks) if (!wanted('check', check, target)) this.drop('check', key);
    for (const [key, { service, target }] of this.scores) if (!wanted('list', service, target)) this.drop('score', key);
    for (const [key, { target, at }] of this.certificates)
      if (at < since || !wanted('check', 'mx-certificate', target)) this.drop('certificate', key);
  }

  /** Hands what changed to the ledger; what it does not take now is handed over the next time. */
  async save(): Promise<void> {
    const { changed } = this;
    if (changed.size === 0) return;
    this.changed = new Map();
    try {
      await this.shelf.keep(changed);
    } catch {
      this.changed = new Map([...changed, ...this.changed]);
    }
  }

  private takeList(reading: BlocklistReading, at: number, until: number): boolean {
    const { list, target, verdict, codes, cause, reason } = reading;
    const before = this.lists.get(`${list} ${target}`);
    const state: ListState = { list, target, verdict, cause, reason, at };
    if (before?.definite) state.definite = before.definite;
    if (before?.pending) state.pending = before.pending;
    if (!DEFINITE.includes(verdict)) {
      this.put('list', state);
      return false;
    }
    const listed = verdict === 'listed';
    const believed = listed === (before?.definite?.verdict === 'listed') || before?.pending?.listed === listed;
    if (believed) {
      state.definite = { verdict, codes, at };
      delete state.pending;
    } else state.pending = { listed, at, until };
    this.put('list', state);
    return !believed;
  }

  private put<K extends Kept['of']>(of: K, state: Omit<Extract<Kept, { of: K }>, 'of'>): void {
    const kept = { of, ...state } as unknown as Kept;
    const name = this.place(kept);
    this.changed.set(`${KEY}${of}:${name}`, JSON.stringify(kept));
  }

  private place(kept: Kept): string {
    const { of, ...state } = kept;
    const name = nameOf(kept);
    (this.mapOf(of) as Map<string, unknown>).set(name, state);
    return name;
  }

  private drop(of: Kept['of'], name: string): void {
    if (this.mapOf(of).delete(name)) this.changed.set(`${KEY}${of}:${name}`, null);
  }

  private mapOf(of: Kept['of']) {
    return {
      ...{ list: this.lists, check: this.checks, score: this.scores },
      ...{ certificate: this.certificates, since: this.beginnings },
    }[of];
  }
}

function nameOf(kept: Kept): string {
  switch (kept.of) {
    case 'list':
      return `${kept.list} ${kept.target}`;
    case 'check':
      return `${kept.check} ${kept.target}`;
    case 'score':
      return `${kept.service} ${kept.target}`;
    case 'certificate':
      return `${kept.target} ${kept.host}`;
    case 'since':
      return kept.what;
  }
}
