/** A step of an incident becomes a call to a foreign system, written down before and after, bounded, and one at a time for each system. */
import type { Actuator, Order } from './actuator.ts';
import { HALTED, isHalted, touched } from './course.ts';
import type { Incident, IncidentShelf, Step } from './incident.ts';
import type { RemediationSettings } from './remediation-config.ts';
import { partsOf, resourceOf, wordsOf } from './resource.ts';

export type Call = 'prepare' | 'apply' | 'undo';
export type CallOutcome = 'done' | 'failed' | 'timeout';

/** Which step of which incident. */
export interface Place {
  id: string;
  remedy: number;
  step: number;
}

export interface OrderParts {
  shelf: IncidentShelf;
  now: () => number;
  settings: () => RemediationSettings;
  /** Counts calls. */
  called(actuator: string, call: Call, outcome: CallOutcome): void;
  log(place: Place, facts: object, words: string, level?: 'info' | 'warn' | 'error'): void;
}

/** Undoing is given up when it failed for so long (ms) and so often: a machine that was off all day has not tried. */
const UNDO_WITHIN = 24 * 3600_000;
const UNDO_TRIES = 20;

export const orderId = (id: string, remedy: number, step: number): string => `${id}-${remedy}-${step}`;

/** What is said of a step in logs: which order, never whose mail. The incident has the rest. */
export const described = ({ order, actuator, action }: Step) => ({
  order,
  actuator,
  verb: action.verb,
  ...(action.verb === 'throttle' && { share: action.share }),
  reach: partsOf(action.reach),
});

export class Orders {
  private readonly parts: OrderParts;
  /** The end of what is under way, by actuator. */
  private readonly lanes = new Map<string, Promise<unknown>>();

  constructor(parts: OrderParts) {
    this.parts = parts;
  }

  /** After whatever is under way in this lane. */
  inLane<T>(name: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.lanes.get(name) ?? Promise.resolve()).then(work);
    this.lanes.set(
      name,
      mine.catch(() => {}),
    );
    return mine;
  }

  stepAt({ id, remedy, step }: Place): Step {
    const found = this.incident(id).remedies[remedy]?.steps[step];
    if (!found) throw new Error(`incident ${id} has no step ${step} of remedy ${remedy}`);
    return found;
  }

  /** Rejects when it failed: the row says so then, and how often. */
  async apply(place: Place): Promise<void> {
    if (!('before' in this.stepAt(place))) {
      const before = await this.counted(place, 'prepare', (actuator, order, signal) => actuator.prepare(order, signal));
      await this.change(place, (step) => {
        step.before = before ?? null;
        step.tries = 0;
      });
    }
    const { before } = this.stepAt(place);
    await this.counted(place, 'apply', (actuator, order, signal) => actuator.apply(order, before, signal));
    const { now, shelf } = this.parts;
    await shelf.change(place.id, (incident) => {
      const step = incident.remedies[place.remedy]!.steps[place.step]!;
      settle(step, 'done', now());
      step.done = now();
      delete step.problem;
      incident.acted ??= now();
    });
    this.parts.log(place, described(this.stepAt(place)), 'order done');
  }

  async undo(place: Place): Promise<void> {
    const { now, log } = this.parts;
    if (this.stepAt(place).state !== 'undoing') await this.change(place, (step) => settle(step, 'undoing', now()));
    const { before, at = 0 } = this.stepAt(place);
    try {
      await this.counted(place, 'undo', (actuator, order, signal) => actuator.undo(order, before, signal));
    } catch (error) {
      if (now() - at < UNDO_WITHIN || this.stepAt(place).tries < UNDO_TRIES) throw error;
      await this.change(place, (step) => settle(step, 'undo_failed', now()));
      const facts = { ...described(this.stepAt(place)), problem: (error as Error).message };
      log(place, facts, 'order could not be undone for 24 hours: undo it by hand, see docs/remediation.md', 'error');
      return;
    }
    await this.change(place, (step) => settle(step, 'undone', now()));
    log(place, described(this.stepAt(place)), 'order undone');
  }

  /** It is not done after all: undone where a foreign system may have done it. */
  async drop(place: Place, halted: boolean): Promise<void> {
    const { now, log } = this.parts;
    await this.change(place, (step) => {
      if (halted) step.problem ??= HALTED;
      settle(step, touched(step) ? 'undoing' : 'failed', now());
    });
    const step = this.stepAt(place);
    log(place, { ...described(step), problem: step.problem, state: step.state }, 'order given up');
  }

  /** Written before it is called, so that what was tried is known after a crash. */
  private async counted<T>(
    place: Place,
    call: Call,
    work: (actuator: Actuator, order: Order, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    await this.change(place, (step) => {
      step.tries++;
    });
    const settings = this.parts.settings();
    const { actuator: name } = this.stepAt(place);
    const order = this.orderAt(place, settings);
    try {
      if (call !== 'undo' && isHalted(settings)) throw new Error(HALTED);
      const actuator = settings.actuators.get(name);
      if (!actuator)
        throw new Error(`there is no ${name} in remediation.actuators any more: put it back, or undo it by hand`);
      return await this.bounded(name, call, settings.callTimeout, (signal) => work(actuator, order, signal));
    } catch (error) {
      const { message } = error as Error;
      await this.change(place, (step) => {
        step.problem = message;
      });
      throw error;
    }
  }

  /** Even where the actuator does not mind the signal. */
  private async bounded<T>(
    name: string,
    call: Call,
    within: number,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { called } = this.parts;
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new Error(`${name} did not end ${call} within ${within} ms (remediation.call_timeout)`);
        // First, so that this is what is told, and not what the actuator makes of the signal.
        reject(error);
        controller.abort(error);
      }, within);
    });
    try {
      const result = await Promise.race([work(controller.signal), late]);
      called(name, call, 'done');
      return result;
    } catch (error) {
      called(name, call, controller.signal.aborted ? 'timeout' : 'failed');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private orderAt({ id, remedy, step }: Place, { atLongest }: RemediationSettings): Order {
    const incident = this.incident(id);
    const remedied = incident.remedies[remedy]!;
    const { order, action } = remedied.steps[step]!;
    const { issue_type = 'alert' } = incident.labels;
    const reason = `${issue_type}: ${wordsOf(resourceOf(incident.labels))}`;
    return { id: order, action, reason, until: remedied.at + atLongest };
  }

  private incident(id: string): Incident {
    const incident = this.parts.shelf.get(id);
    if (!incident) throw new Error(`incident ${id} is not remembered any more`);
    return incident;
  }

  private change({ id, remedy, step }: Place, change: (step: Step) => void): Promise<void> {
    return this.parts.shelf.change(id, (incident) => change(incident.remedies[remedy]!.steps[step]!));
  }
}

function settle(step: Step, state: Step['state'], at: number): void {
  step.state = state;
  step.at = at;
  if (state === 'undoing') step.tries = 0;
}
