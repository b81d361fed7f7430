/**
 * What is due (course.ts) is done, and what came of it is written into the incident: written first, then done, so that a crash at any
 * moment leaves nothing applied that nobody remembers. See docs/decisions/0008-remediation.md.
 */
import type { Logger } from 'pino';
import { caseOf, mailLabels } from './case.ts';
import { dueTasks, isHalted, keyOf, patienceOf, type Task } from './course.ts';
import type { Action, Incident, IncidentShelf, Measured, Remedied, RemedyOutcome, Step } from './incident.ts';
import { type Judgement, judge, worked } from './judgement.ts';
import { measureOf, take } from './measure.ts';
import { onsetOf } from './onset.ts';
import { type Call, type CallOutcome, described, Orders, orderId } from './orders.ts';
import { Unanswered } from './prometheus.ts';
import { inForce } from './reach.ts';
import type { RemediationSettings } from './remediation-config.ts';
import { type Candidate, type Chosen, type Refused, type Selection, select } from './selection.ts';

export interface RemediationParts {
  shelf: IncidentShelf;
  log: Logger;
  now: () => number;
  /** Counts calls. */
  called(actuator: string, call: Call, outcome: CallOutcome): void;
}

/** Milliseconds. */
const TICK = 1000;
const LONGEST_PAUSE = 600_000;
/** What fits now may not have fitted a minute ago. */
const CHOOSE_EVERY = 60_000;
/** A look is tried so often, with growing pauses some 17 minutes, until it counts as one that saw nothing. */
const LOOK_TRIES = 9;
/** The lane of decisions, each of which minds what the one before began. No actuator is called so. */
const DECISIONS = ' decisions';

interface Wait {
  until: number;
  fails: number;
}

export class Remediation {
  private readonly parts: RemediationParts;
  private readonly orders: Orders;
  private settings: RemediationSettings | undefined;
  /** By task: when it may be tried again. Lost in a crash, and then it is tried at once. */
  private readonly waits = new Map<string, Wait>();
  private readonly busy = new Map<string, Promise<void>>();
  /** Why nothing was chosen, as last logged, by incident. */
  private readonly unchosen = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(parts: RemediationParts) {
    this.parts = parts;
    const { shelf, now, called } = parts;
    this.orders = new Orders({
      shelf,
      now,
      called,
      settings: () => this.configured,
      log: ({ id, remedy }, facts, words, level) => this.say(id, remedy, facts, words, level),
    });
  }

  /** Without settings nothing is ever asked or called. */
  apply(settings: RemediationSettings | undefined): void {
    this.settings = settings;
    this.waits.clear();
    if (settings) return;
    const left = [...this.parts.shelf.all()].filter(({ remedies }) =>
      remedies.some((one) => one.mode === 'enforce' && inForce(one)),
    );
    if (left.length > 0)
      this.parts.log.error(
        { incidents: left.map(({ id }) => id) },
        'remedies are in force, and the configuration has no `remediation` to undo them with: put it back with its actuators, or undo them by hand',
      );
  }

  start(): void {
    this.timer = setInterval(() => void this.tick(), TICK);
  }

  /** What is under way is waited for: it ends within its time-out. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await Promise.all(this.busy.values());
  }

  /** Resolves when nothing more is due. */
  async tick(): Promise<void> {
    if (!this.settings) return;
    const open = [...this.parts.shelf.open()].map(({ id }) => id);
    this.forget(new Set(open));
    await Promise.all(open.map((id) => this.wake(id)));
  }

  /** As soon as something about the incident has changed. */
  wake(id: string): Promise<void> {
    if (!this.settings || this.stopped) return Promise.resolve();
    const under = this.busy.get(id);
    if (under) return under;
    const mine = this.drive(id).finally(() => this.busy.delete(id));
    this.busy.set(id, mine);
    return mine;
  }

  /** One task after the other, each decided anew: of what was so before a call nothing may be so after it. */
  private async drive(id: string): Promise<void> {
    const { now, log } = this.parts;
    while (!this.stopped) {
      const task = this.due(id).find((one) => now() >= (this.waits.get(keyOf(id, one))?.until ?? 0));
      if (!task) return;
      const key = keyOf(id, task);
      try {
        const pause = await this.run(id, task);
        if (pause === 0) this.waits.delete(key);
        else this.waits.set(key, { until: now() + pause, fails: 0 });
      } catch (error) {
        const fails = (this.waits.get(key)?.fails ?? 0) + 1;
        const pause = Math.min(LONGEST_PAUSE, TICK * 2 ** fails);
        this.waits.set(key, { until: now() + pause, fails });
        const about = { ...this.about(id, 'remedy' in task ? task.remedy : undefined), ...this.ordered(id, task) };
        const problem = (error as Error).message;
        log.warn({ ...about, task: task.do, problem, again_in_seconds: pause / 1000 }, 'remediation: failed for now');
      }
    }
  }

  private due(id: string): Task[] {
    const incident = this.parts.shelf.get(id);
    const { settings } = this;
    return incident && settings ? dueTasks(incident, settings, isHalted(settings), this.parts.now()) : [];
  }

  private stillDue(id: string, task: Task): boolean {
    return this.due(id).some((one) => keyOf(id, one) === keyOf(id, task));
  }

  /** Resolves to ms until it may be done again; 0: whenever it is due. */
  private async run(id: string, task: Task): Promise<number> {
    switch (task.do) {
      case 'onset':
        return await this.findOnset(id);
      case 'select':
        await this.choose(id, task);
        return CHOOSE_EVERY;
      case 'apply':
      case 'undo':
        await this.order(id, task);
        return 0;
      case 'drop':
        await this.orders.drop({ id, remedy: task.remedy, step: task.step }, isHalted(this.configured));
        return 0;
      case 'look':
        await this.look(id, task);
        return 0;
      case 'conclude':
        await this.conclude(id, task.remedy, task.outcome);
        return 0;
      case 'escalate':
        await this.escalate(id, task.severity);
        return 0;
    }
  }

  private async findOnset(id: string): Promise<number> {
    const { startsAt, labels } = this.incident(id);
    const onset = await onsetOf(this.configured.prometheus, mailLabels(labels), startsAt);
    // Nobody can tell, and nobody will.
    if (onset === undefined) return Number.POSITIVE_INFINITY;
    await this.parts.shelf.change(id, (incident) => {
      incident.onset ??= Math.min(onset, incident.startsAt);
    });
    this.say(id, undefined, { seconds_before_alert: Math.round((startsAt - onset) / 1000) }, 'onset found');
    return 0;
  }

  private async order(id: string, task: Extract<Task, { do: 'apply' | 'undo' | 'drop' }>): Promise<void> {
    const place = { id, remedy: task.remedy, step: task.step };
    await this.orders.inLane(this.orders.stepAt(place).actuator, async () => {
      // Others were served meanwhile.
      if (!this.stillDue(id, task)) return;
      if (task.do === 'apply') await this.orders.apply(place);
      else await this.orders.undo(place);
    });
  }

  /** Measured side by side, decided one after the other. */
  private async choose(id: string, task: Task): Promise<void> {
    const { now, shelf } = this.parts;
    const { prometheus, window } = this.configured;
    const it = await caseOf(prometheus, this.incident(id), window, now());
    await this.orders.inLane(DECISIONS, async () => {
      if (!this.stillDue(id, task)) return;
      const settings = this.configured;
      const incident = this.incident(id);
      const selection = select({ ...it, incident }, candidates(settings), [...shelf.all()], settings, now());
      const told = new Set(incident.remedies.map(({ strategy }) => strategy));
      const rows = [
        ...selection.chosen.map((one) => planned(one, it.now, now(), settings)),
        ...selection.refused
          .filter(({ candidate }) => !told.has(candidate.name))
          .map((one) => ({ ...row(one, it.now, now()), outcome: 'refused' as const })),
      ].map((one, i) => withOrders(one, id, incident.remedies.length + i));
      if (rows.length > 0)
        await shelf.change(id, ({ remedies }) => {
          for (const one of rows) remedies.push(one);
        });
      this.tellSelection(id, selection, rows);
    });
  }

  private tellSelection(id: string, { chosen, passedOver, unfit }: Selection, rows: readonly Remedied[]): void {
    for (const { strategy, mode, outcome, because, steps } of rows) {
      const words = mode === 'dry-run' ? 'remedy would be tried' : 'remedy chosen';
      const facts = { strategy, mode, because, outcome, orders: steps.length };
      this.say(id, undefined, facts, outcome === 'refused' ? 'remedy refused' : words);
      for (const step of steps)
        if (step.state === 'dry')
          this.say(id, undefined, { strategy, ...described(step) }, 'dry run: this is what would be ordered');
    }
    for (const { candidate, because } of passedOver)
      this.say(id, undefined, { strategy: candidate.name, because }, 'remedy passed over');
    if (chosen.length > 0) return;
    const why = unfit.map((one) => `${one.name}: ${one.why}`).join('; ');
    if (this.unchosen.get(id) !== why) this.say(id, undefined, { because: why }, 'no remedy can be tried for now');
    this.unchosen.set(id, why);
  }

  private async look(id: string, task: Extract<Task, { do: 'look' }>): Promise<void> {
    const incident = this.incident(id);
    const remedied = incident.remedies[task.remedy]!;
    const measured = await this.measure(incident, remedied, task.at, (this.waits.get(keyOf(id, task))?.fails ?? 0) + 1);
    const paused = remedied.steps.some((step) => step.action.verb === 'pause' && (step.done || step.state === 'dry'));
    const { minSamples } = this.configured;
    const judgement = judge(remedied.before, measured, measureOf(mailLabels(incident.labels)), minSamples, paused);
    const outcome = outcomeOf(judgement, task);
    const more = outcome === 'pending' && judgement === 'not yet' ? this.further(remedied) : [];
    await this.parts.shelf.change(id, ({ remedies }) => {
      const one = remedies[task.remedy]!;
      one.looks.push(measured);
      one.outcome = outcome;
      for (const step of more) one.steps.push({ ...step, order: orderId(id, task.remedy, one.steps.length) });
    });
    const { level: before, samples: samplesBefore } = remedied.before ?? {};
    const facts = { before, samples_before: samplesBefore, now: measured.level, samples: measured.samples, judgement };
    const next = more.length > 0 ? { more_orders: more.length } : {};
    this.say(
      id,
      task.remedy,
      { ...facts, outcome, ...next },
      outcome === 'pending' ? 'remedy looked at' : 'remedy judged',
    );
  }

  private async measure({ labels }: Incident, remedied: Remedied, at: number, tries: number): Promise<Measured> {
    const mail = mailLabels(labels);
    const measure = measureOf(mail);
    if (!measure) return { at };
    const { effectIn, window } = patienceOf(remedied, this.configured);
    const after = (worked(remedied)?.last ?? remedied.at) + effectIn;
    try {
      return await take(this.configured.prometheus, measure, { labels: mail, window, after }, at);
    } catch (error) {
      if (!(error instanceof Unanswered) || tries < LOOK_TRIES) throw error;
      return { at };
    }
  }

  /** More of the same, where the remedy knows more. */
  private further(remedied: Remedied): Step[] {
    const settings = this.configured;
    const candidate = candidates(settings).find(({ name }) => name === remedied.strategy);
    const done = remedied.steps.filter(({ state }) => state === 'done' || state === 'dry').map(({ action }) => action);
    const actions = candidate?.remedy.next?.(done) ?? [];
    return actions.flatMap((action) => stepsFor(action, remedied.strategy, remedied.mode, this.parts.now(), settings));
  }

  private async conclude(id: string, remedy: number, outcome: RemedyOutcome): Promise<void> {
    await this.parts.shelf.change(id, ({ remedies }) => {
      remedies[remedy]!.outcome = outcome;
    });
    this.say(id, remedy, { outcome }, 'remedy judged by how it ended');
  }

  private async escalate(id: string, severity: string): Promise<void> {
    await this.parts.shelf.change(id, (incident) => {
      incident.escalated ??= { severity, at: this.parts.now() };
    });
    this.say(id, undefined, { escalated_to: severity }, 'no remedy helped: incident escalated');
  }

  private say(
    id: string,
    remedy: number | undefined,
    facts: object,
    words: string,
    level: 'info' | 'warn' | 'error' = 'info',
  ): void {
    this.parts.log[level]({ ...this.about(id, remedy), ...facts }, `remediation: ${words}`);
  }

  private about(id: string, remedy: number | undefined): Record<string, unknown> {
    const incident = this.parts.shelf.get(id);
    const { issue_type, severity } = incident?.labels ?? {};
    const { strategy, mode } = (remedy === undefined ? undefined : incident?.remedies[remedy]) ?? {};
    return { incident: id, issue_type, severity, ...(strategy && { strategy, mode }) };
  }

  private ordered(id: string, task: Task): object {
    return 'step' in task ? described(this.orders.stepAt({ id, remedy: task.remedy, step: task.step })) : {};
  }

  private get configured(): RemediationSettings {
    if (!this.settings) throw new Error('the configuration has no `remediation` any more');
    return this.settings;
  }

  private incident(id: string): Incident {
    const incident = this.parts.shelf.get(id);
    if (!incident) throw new Error(`incident ${id} is not remembered any more`);
    return incident;
  }

  private forget(open: ReadonlySet<string>): void {
    for (const id of this.unchosen.keys()) if (!open.has(id)) this.unchosen.delete(id);
    for (const key of this.waits.keys()) if (!open.has(key.slice(0, key.indexOf(' ')))) this.waits.delete(key);
  }
}

function outcomeOf(judgement: Judgement, { ended, last }: { ended: boolean; last: boolean }): RemedyOutcome {
  if (judgement === 'effective') return 'effective';
  if (judgement === 'not yet') return last ? 'ineffective' : 'pending';
  // Nothing can be measured any more: then it is the end of the alert that says it.
  if (ended) return 'effective';
  return last ? 'undecided' : 'pending';
}

function candidates({ strategies, actuators }: RemediationSettings): Candidate[] {
  const known: Candidate[] = [];
  for (const [name, { remedy, mode, actuators: names }] of strategies) {
    const cannot = (action: Action): string => {
      const why = names.map((one) => `${one}: ${actuators.get(one)?.refuses(action) ?? 'it is not configured'}`);
      return names.some((one) => actuators.get(one)?.refuses(action) === '') ? '' : why.join('; ');
    };
    if (mode !== 'off') known.push({ name, remedy, mode, cannot });
  }
  return known;
}

/** By each of the strategy's actuators that can do it. */
function stepsFor(
  action: Action,
  strategy: string,
  mode: Remedied['mode'],
  now: number,
  { strategies, actuators }: RemediationSettings,
): Step[] {
  return (strategies.get(strategy)?.actuators ?? [])
    .filter((name) => actuators.get(name)?.refuses(action) === '')
    .map((actuator) => ({
      order: '',
      actuator,
      action,
      state: mode === 'dry-run' ? 'dry' : 'doing',
      at: now,
      tries: 0,
    }));
}

function row({ candidate, score, because }: Refused, before: Measured, now: number): Remedied {
  const { name: strategy, mode } = candidate;
  return { strategy, mode, at: now, score, because, steps: [], before, looks: [], outcome: 'pending' };
}

function planned(chosen: Chosen, before: Measured, now: number, settings: RemediationSettings): Remedied {
  const { name, mode } = chosen.candidate;
  const steps = chosen.actions.flatMap((action) => stepsFor(action, name, mode, now, settings));
  return { ...row(chosen, before, now), steps };
}

function withOrders(remedied: Remedied, id: string, remedy: number): Remedied {
  return {
    ...remedied,
    steps: remedied.steps.map((step, i) => ({ ...step, order: orderId(id, remedy, i) })),
  };
}
