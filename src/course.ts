/**
 * An incident becomes what is to be done about it now: pure, from its row, the settings and the time. Whatever is under way is
 * written in the row, so that after a crash the same comes out.
 */
import { existsSync } from 'node:fs';
import type { Incident, Remedied, RemedyOutcome, Step } from './incident.ts';
import { atTheEnd, escalation, nextLook, type Patience, worked } from './judgement.ts';
import { lower, type RemediationSettings } from './remediation-config.ts';
import { actedOn } from './selection.ts';

export type Task =
  | { do: 'onset' }
  | { do: 'select' }
  /** `drop`: it is not done after all; undone where it may have been. */
  | { do: 'apply' | 'undo' | 'drop'; remedy: number; step: number }
  /** `ended`: the alert is resolved, and `at` is when. */
  | { do: 'look'; remedy: number; at: number; last: boolean; ended: boolean }
  | { do: 'conclude'; remedy: number; outcome: RemedyOutcome }
  | { do: 'escalate'; severity: string };

/** What is tried again after a failure, and what is not done twice at a time. */
export const keyOf = (id: string, task: Task): string =>
  [id, task.do, 'remedy' in task ? task.remedy : '', 'step' in task ? task.step : ''].join(' ');

export const TRIES = 3;
/** After this nobody knows any more what the data were, ms. */
const ONSET_WITHIN = 3600_000;
/** What a step says that was not done because the kill switch was there. */
export const HALTED = 'the kill switch is there';
/** It comes from an incident that is being acted on already. */
const OWN_ALERT = 'EmailRemediationIneffective';

/** Before every call; a file that cannot be looked at counts as there. */
export function isHalted({ killSwitch }: Pick<RemediationSettings, 'killSwitch'>): boolean {
  return killSwitch !== '' && existsSync(killSwitch);
}

/** Most urgent first: what was done and must not stay is undone before anything else is. */
export function dueTasks(incident: Incident, settings: RemediationSettings, halted: boolean, now: number): Task[] {
  const tasks: Task[] = [];
  const asked = settings.mode !== 'off';
  for (const [i, remedied] of incident.remedies.entries()) {
    const outcome = outcomeTask(incident, remedied, i, settings, now);
    // A look takes Prometheus, and what is to be undone does not wait for it.
    if (outcome?.do === 'conclude') tasks.unshift(outcome);
    const step = stepTask(incident, remedied, i, { settings, halted, now });
    if (step) tasks.push(step);
    if (outcome?.do === 'look') tasks.push(outcome);
  }
  if (!asked) return tasks;
  if (incident.onset === undefined && now - incident.heard < ONSET_WITHIN) tasks.push({ do: 'onset' });
  if (!halted && isOpen(incident) && toBeChosenFor(incident, settings)) tasks.push({ do: 'select' });
  const severity = escalation(incident, settings.escalateAfter, now);
  if (severity !== '') tasks.push({ do: 'escalate', severity });
  return tasks;
}

export const isOpen = ({ resolved, verdict }: Incident): boolean =>
  resolved === undefined && verdict?.verdict !== 'false_positive';

function toBeChosenFor({ labels, remedies }: Incident, { strategies }: RemediationSettings): boolean {
  return (
    remedies.every(({ outcome }) => outcome === 'refused') &&
    actedOn(labels.severity) &&
    labels.alertname !== OWN_ALERT &&
    [...strategies.values()].some(({ mode }) => mode !== 'off')
  );
}

/** Why what was done does not stay; '' when it does. */
export function endOf(incident: Incident, remedied: Remedied, settings: RemediationSettings, now: number): string {
  if (incident.verdict?.verdict === 'false_positive') return 'the alert was judged false';
  if (incident.resolved !== undefined && settings.reverse) return 'the alert is resolved';
  if (remedied.outcome === 'ineffective') return 'it did not help';
  if (now >= remedied.at + settings.atLongest) return 'it stays no longer than at_longest';
  const mode = settings.strategies.get(remedied.strategy)?.mode ?? 'off';
  return lower(mode, remedied.mode) === remedied.mode ? '' : `the strategy is ${mode} now`;
}

/** Whether a foreign system was asked to do it, so that it may have. */
export const touched = (step: Step): boolean => 'before' in step && step.tries > 0;

interface Moment {
  settings: RemediationSettings;
  halted: boolean;
  now: number;
}

function stepTask(incident: Incident, remedied: Remedied, remedy: number, moment: Moment): Task | undefined {
  const { settings, halted, now } = moment;
  const end = endOf(incident, remedied, settings, now) !== '';
  const cancelled = end || halted || !isOpen(incident);
  // The last first: what was before a step is what the step before it made.
  for (let step = remedied.steps.length - 1; step >= 0; step--) {
    const { state } = remedied.steps[step]!;
    if (state === 'undoing' || (state === 'done' && end)) return { do: 'undo', remedy, step };
    if (state === 'doing' && cancelled) return { do: 'drop', remedy, step };
  }
  const step = remedied.steps.findIndex(({ state }) => state === 'doing');
  if (step < 0) return undefined;
  return { do: remedied.steps[step]!.tries >= TRIES ? 'drop' : 'apply', remedy, step };
}

function outcomeTask(
  incident: Incident,
  remedied: Remedied,
  remedy: number,
  settings: RemediationSettings,
  now: number,
): Task | undefined {
  const { outcome, steps } = remedied;
  if (outcome !== 'pending' || steps.some(({ state }) => state === 'doing')) return undefined;
  const patience = patienceOf(remedied, settings);
  if (!worked(remedied)) return { do: 'conclude', remedy, outcome: undone(steps) };
  if (!isOpen(incident)) {
    const said = atTheEnd(incident, remedied, patience);
    // Nobody is asked when all is off; then the end itself says it.
    if (said !== 'look') return { do: 'conclude', remedy, outcome: said };
    if (settings.mode === 'off') return { do: 'conclude', remedy, outcome: 'effective' };
    return { do: 'look', remedy, at: incident.resolved!, last: true, ended: true };
  }
  if (endOf(incident, remedied, settings, now) !== '') return { do: 'conclude', remedy, outcome: 'undecided' };
  const look = nextLook(remedied, patience);
  if (!look || now < look.at) return undefined;
  return { do: 'look', remedy, at: now, last: now >= worked(remedied)!.first + settings.escalateAfter, ended: false };
}

/** None of it was done: because systems failed, because it was forbidden, or because there was no more need. */
function undone(steps: readonly Step[]): RemedyOutcome {
  if (steps.some(({ problem }) => problem !== undefined && problem !== HALTED)) return 'failed';
  return steps.some(({ problem }) => problem === HALTED) ? 'refused' : 'undecided';
}

export function patienceOf({ strategy }: Remedied, settings: RemediationSettings): Patience {
  const { lookAfter, escalateAfter, window } = settings;
  return { lookAfter, escalateAfter, window, effectIn: settings.strategies.get(strategy)?.effectIn ?? 0 };
}
