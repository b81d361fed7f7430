/**
 * Contract: what is known of one occurrence of an alert, from the first bad minute in the data to a person's verdict. Incidents are
 * kept in the ledger's file, one row each, so that whatever is killed goes on where it was.
 */

/** `duplicate`: true, and told already by another alert. */
export const VERDICTS = ['true_positive', 'false_positive', 'duplicate'] as const;
export type IncidentVerdict = (typeof VERDICTS)[number];

export const MODES = ['off', 'dry-run', 'enforce'] as const;
export type Mode = (typeof MODES)[number];

/** What a remedy came to. `undecided`: too few messages, or Prometheus did not answer. `refused`: limits or the actuator forbade it. */
export const OUTCOMES = ['pending', 'effective', 'ineffective', 'undecided', 'failed', 'refused'] as const;
export type RemedyOutcome = (typeof OUTCOMES)[number];

export interface Incident {
  /** Fingerprint and start (base 36 of Unix ms), joined by `-`: fit for a URL. */
  id: string;
  fingerprint: string;
  /** Unix ms, all of them; undefined: not yet, or nobody knows. */
  startsAt: number;
  /** The first bad minute in the data, as far as Prometheus can tell; never after startsAt. */
  onset?: number;
  /** When the exporter heard of it. */
  heard: number;
  acknowledged?: number;
  /** When the first remedy was applied in earnest. */
  acted?: number;
  resolved?: number;
  verdict?: { verdict: IncidentVerdict; at: number };
  labels: Readonly<Record<string, string>>;
  summary: string;
  remedies: Remedied[];
  /** The severity it was escalated to because no remedy helped. */
  escalated?: { severity: string; at: number };
}

/** One strategy tried on an incident. */
export interface Remedied {
  strategy: string;
  mode: Exclude<Mode, 'off'>;
  /** Unix ms. */
  at: number;
  /** 0 to 1, and the sentence that says what it was made of. */
  score: number;
  because: string;
  steps: Step[];
  /** What was measured: before anything was done, and each time somebody looked. */
  before?: Measured;
  looks: Measured[];
  outcome: RemedyOutcome;
}

export interface Measured {
  at: number;
  /** In the unit of what is measured; undefined where there was nothing to measure. */
  level?: number;
  samples?: number;
}

/** `doing` and `undoing` are written before the foreign system is asked: after a crash the same order is given again. */
export const STEP_STATES = ['dry', 'doing', 'done', 'failed', 'undoing', 'undone', 'undo_failed'] as const;
export type StepState = (typeof STEP_STATES)[number];

/** One action on one foreign system. */
export interface Step {
  /** Identity of the order, for systems that take an idempotency key. */
  order: string;
  actuator: string;
  action: Action;
  state: StepState;
  /** Unix ms: since when it is in this state, and when it was done, whatever became of it afterwards. */
  at?: number;
  done?: number;
  /** What the actuator needs to undo it; known before anything is changed. */
  before?: unknown;
  tries: number;
  problem?: string;
}

/** Whose mail. A part that is missing does not narrow it; an action always has one at least. */
export interface Reach {
  source?: string;
  sending_domain?: string;
  sending_ip?: string;
  provider?: string;
  campaign?: string;
}

/**
 * What can be asked of a foreign system. `pause` holds mail back and loses none. `throttle` slows it to a share of the usual rate.
 * `reroute` lets it leave from the back-up addresses. `validate`, `clean` and `review` ask the sender's own system to check addresses
 * before sending, to drop dead ones, or to have content looked at.
 */
export type Action =
  | { verb: 'pause' | 'reroute' | 'validate' | 'clean' | 'review'; reach: Reach }
  | { verb: 'throttle'; reach: Reach; share: number };
export type Verb = Action['verb'];

/** What the keeper of incidents offers to those who act on them. */
export interface IncidentShelf {
  /** Those that are not resolved, and those that still have something to be judged or undone. */
  open(): Iterable<Incident>;
  get(id: string): Incident | undefined;
  /** All that are remembered, newest first: history to learn from. */
  all(): Iterable<Incident>;
  /** Changes a remembered incident and resolves once that is on disk; rejects when it is not. Nothing is done abroad before. */
  change(id: string, change: (incident: Incident) => void): Promise<void>;
}
