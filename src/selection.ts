/**
 * A case becomes the strategies that are tried on it (R34): 0.4 × given effectiveness + 0.3 × what history measured + 0.3 × what is
 * predicted for the case, best first, within a budget, never two that conflict. Each choice comes with its sentence.
 */
import type { Action, Incident, Mode } from './incident.ts';
import { limited, type Shares, type Standing, standing } from './reach.ts';
import { type Case, percent, type Remedy } from './remedy.ts';
import { overlaps, resourceOf } from './resource.ts';

const WEIGHTS = { given: 0.4, history: 0.3, prediction: 0.3 };
/** What the given effectiveness is worth beside measured cases: as if it had been seen in so many. */
export const PRIOR_CASES = 5;
export const COSTS = { low: 1, medium: 3, high: 5 } as const satisfies Record<Remedy['cost'], number>;

/** A strategy as it is configured. */
export interface Candidate {
  name: string;
  remedy: Remedy;
  mode: Exclude<Mode, 'off'>;
  /** Why none of its actuators can do this; '' when one can. */
  cannot(action: Action): string;
}

export interface Limits {
  budget: number;
  atMost: number;
  /** Milliseconds between two tries of a strategy on a resource. */
  coolDown: number;
  reach: Shares;
}

export interface Chosen {
  candidate: Candidate;
  score: number;
  because: string;
  actions: Action[];
}

/** Was fit and is not tried: forbidden by what else was done to the resource, or merely not needed beside better ones. */
export interface Refused {
  candidate: Candidate;
  score: number;
  because: string;
}

export interface Selection {
  chosen: Chosen[];
  refused: Refused[];
  passedOver: Refused[];
  /** For the log: those that are not for this case, and why. */
  unfit: { name: string; why: string }[];
}

export interface History {
  mean: number;
  helped: number;
  judged: number;
}

/** The mean of a Beta posterior. Whatever was not decided by a measurement in earnest teaches nothing, nor does a false alarm. */
export function historyOf(name: string, issueType: string, effectiveness: number, all: Iterable<Incident>): History {
  let helped = 0;
  let judged = 0;
  for (const { labels, remedies, verdict } of all) {
    if (labels.issue_type !== issueType || verdict?.verdict === 'false_positive') continue;
    for (const { strategy, mode, outcome } of remedies) {
      if (strategy !== name || mode !== 'enforce') continue;
      if (outcome === 'effective') helped++;
      if (outcome === 'effective' || outcome === 'ineffective') judged++;
    }
  }
  return { mean: (effectiveness * PRIOR_CASES + helped) / (PRIOR_CASES + judged), helped, judged };
}

export function scored({ name, remedy }: Candidate, it: Case, all: Iterable<Incident>) {
  const { effectiveness } = remedy;
  const history = historyOf(name, it.issueType, effectiveness, all);
  const prediction = remedy.predict(it);
  const chance = Math.min(1, Math.max(0, prediction.chance));
  const score = WEIGHTS.given * effectiveness + WEIGHTS.history * history.mean + WEIGHTS.prediction * chance;
  const seen = history.judged === 0 ? 'never judged before' : `helped in ${history.helped} of ${history.judged} cases`;
  const because = `given ${percent(effectiveness)}, history ${percent(history.mean)} (${seen}), predicted ${percent(chance)} (${prediction.because}): ${percent(score)}`;
  return { score, because };
}

/** Severities that something is done about. The others tell of what may come, or are work for the day. */
const ACTED_ON = new Set(['critical', 'high']);
export const actedOn = (severity: string | undefined): boolean => ACTED_ON.has(severity ?? '');

const NOTHING = 'there is no mail of ours that it could be done to';

/** Pure: `all` are the incidents that are remembered, those that stand among them. */
export function select(
  it: Case,
  candidates: readonly Candidate[],
  all: readonly Incident[],
  limits: Limits,
  now: number,
): Selection {
  const selection: Selection = { chosen: [], refused: [], passedOver: [], unfit: [] };
  const fit: { candidate: Candidate; score: number; because: string }[] = [];
  for (const candidate of candidates) {
    const { name } = candidate;
    const why = unfit(candidate, it);
    if (why !== '') selection.unfit.push({ name, why });
    else fit.push({ candidate, ...scored(candidate, it, all) });
  }
  // What is only looked at never takes the place of what is done.
  const rank = ({ candidate }: { candidate: Candidate }) => (candidate.mode === 'enforce' ? 0 : 1);
  const better = (a: (typeof fit)[number], b: (typeof fit)[number]) =>
    rank(a) - rank(b) || b.score - a.score || (a.candidate.name < b.candidate.name ? -1 : 1);
  for (const { candidate, score, because } of fit.sort(better)) {
    const { chosen } = selection;
    const told = (why: string) => ({ candidate, score, because: `${because}; not tried: ${why}` });
    const needless = beside(candidate, chosen, limits);
    if (needless !== '') {
      selection.passedOver.push(told(needless));
      continue;
    }
    const others = [...standing(all, candidate.mode)].filter(({ incident }) => incident.id !== it.incident.id);
    const obstacle =
      standsInTheWay(candidate, it, others, candidates) || cooling(candidate, it, all, limits.coolDown, now);
    const wanted = candidate.remedy.actions(it).filter(({ reach }) => Object.keys(reach).length > 0);
    const able = (actions: readonly Action[]) => actions.filter((action) => candidate.cannot(action) === '');
    const room = limited(able(wanted), it, [...others, ...asStanding(it, chosen)], limits.reach);
    const actions = able(room.actions);
    const [first = room.actions[0]] = wanted;
    const unable = first ? room.left || candidate.cannot(room.actions[0] ?? first) : NOTHING;
    if (obstacle !== '' || actions.length === 0) selection.refused.push(told(obstacle || unable || NOTHING));
    else chosen.push({ candidate, score, because: room.left ? `${because}; ${room.left}` : because, actions });
  }
  return selection;
}

/** Why it is not needed, or too much, beside those that are better. */
function beside(candidate: Candidate, chosen: readonly Chosen[], { atMost, budget }: Limits): string {
  const cost = COSTS[candidate.remedy.cost];
  const left = budget - chosen.reduce((sum, one) => sum + COSTS[one.candidate.remedy.cost], 0);
  const rival = chosen.find((other) => conflict(candidate, other.candidate.name, other.candidate.remedy));
  if (rival) return `it conflicts with ${rival.candidate.name}, which is better`;
  if (chosen.length >= atMost) return `${atMost} strategies are tried at most`;
  return cost > left ? `its cost is ${cost}, and ${left} of the budget is left` : '';
}

function unfit({ remedy }: Candidate, it: Case): string {
  if (!remedy.issues.includes(it.issueType)) return `it is not for ${it.issueType || 'alerts without an issue type'}`;
  return remedy.unfit(it);
}

/** Whoever of the two names the other. A strategy conflicts with itself. */
function conflict({ name, remedy }: Candidate, other: string, otherRemedy: Remedy | undefined): boolean {
  return name === other || remedy.conflicts.includes(other) || (otherRemedy?.conflicts.includes(name) ?? false);
}

function standsInTheWay(
  candidate: Candidate,
  it: Case,
  others: readonly Standing[],
  candidates: readonly Candidate[],
): string {
  const mine = resourceOf(it.incident.labels);
  for (const { incident, remedied } of others) {
    const remedy = candidates.find(({ name }) => name === remedied.strategy)?.remedy;
    if (conflict(candidate, remedied.strategy, remedy) && overlaps(mine, resourceOf(incident.labels)))
      return `${remedied.strategy} is in force for the same resource through another incident`;
  }
  return '';
}

function cooling({ name, mode }: Candidate, it: Case, all: Iterable<Incident>, coolDown: number, now: number): string {
  const mine = resourceOf(it.incident.labels);
  for (const { labels, remedies } of all)
    for (const { strategy, mode: theirs, outcome, steps, at } of remedies) {
      if (strategy !== name || outcome === 'refused' || (mode === 'enforce' && theirs !== 'enforce')) continue;
      const last = Math.max(at, ...steps.map((step) => step.at ?? 0));
      if (now - last < coolDown && overlaps(mine, resourceOf(labels)))
        return `it was tried on the same resource ${Math.round((now - last) / 60_000)} minutes ago, and cools down`;
    }
  return '';
}

/** What was chosen a moment ago counts for the limits, too. */
function asStanding({ incident }: Case, chosen: readonly Chosen[]): Standing[] {
  return chosen.map(({ candidate, actions, score, because }) => ({
    incident,
    remedied: {
      strategy: candidate.name,
      mode: candidate.mode,
      at: 0,
      score,
      because,
      steps: actions.map((action) => ({ order: '', actuator: '', action, state: 'doing' as const, tries: 0 })),
      looks: [],
      outcome: 'pending' as const,
    },
  }));
}
