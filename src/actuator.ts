/** Contract: what a foreign system that sends mail must offer for a remedy to act on it. One file each in `actuators/`. */
import type { z } from 'zod';
import type { Action, Verb } from './incident.ts';

/** One action to be done, or undone, once. */
export interface Order {
  /** The same at every try: what is done twice by it is done once. */
  id: string;
  action: Action;
  /** For the foreign system's own log: issue and resource, no addresses of people. */
  reason: string;
  /** Unix ms: when a system that can should end it by itself, were the exporter never to come back. */
  until: number;
}

/**
 * All three may be called again with the same order, whatever became of the call before; all throw an Error that says what happened
 * and what to do, and end when `signal` aborts.
 */
export interface Actuator {
  /** Why this one cannot do it; '' when it can. Asks nobody. */
  refuses(action: Action): string;
  /** Reads what `undo` will need (JSON), and changes nothing. */
  prepare(order: Order, signal: AbortSignal): Promise<unknown>;
  apply(order: Order, before: unknown, signal: AbortSignal): Promise<void>;
  /** Also where `apply` never got through, or only half of it did. */
  undo(order: Order, before: unknown, signal: AbortSignal): Promise<void>;
}

export interface ActuatorType {
  /** Own keys of the configuration, each with a description. */
  config: z.ZodType;
  verbs: readonly Verb[];
  /** One sentence for docs/remediation.md: which system, by which interface, and the least rights it needs. */
  docs: string;
  open(config: never): Actuator;
}
