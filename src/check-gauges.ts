/** What is known of each target becomes samples of the families of CHECK_GAUGES, as long as it is not too old to be true. */
import { isIP } from 'node:net';
import { BLOCKLISTS, type Blocklist, ZONE_STATES } from './blocklist.ts';
import { meaningsOf } from './blocklist-verdict.ts';
import type { CheckState, CheckStates, ListState } from './check-states.ts';
import type { CHECK_GAUGES } from './metrics.ts';

/** One sample: values of the family's labels in order, and the number. */
export type Sample = readonly [labels: readonly string[], value: number];

/** After so many intervals without a definite word nothing is known any more. */
const INTERVALS = 3;

/** What of the plan is shown, or needed to tell what is too old. */
export interface Planned {
  /** Milliseconds between two questions of a list for one target, and of a check. */
  listInterval(list: string): number;
  checkInterval: number;
  now: number;
  /** Lists and checks that are asked. */
  lists: readonly string[];
  checks: readonly string[];
  /** Of a list: those whose turn has come, and that its allowance does not let it be asked about now. */
  waiting(list: string): number;
  /** About whom each list and check is to be asked. */
  wanted(kind: 'list' | 'check'): Iterable<readonly [name: string, target: string]>;
  /** Whether a list has entries of such a kind. */
  holds(list: string, target: string): boolean;
}

type Family = keyof typeof CHECK_GAUGES;

/** Samples of one family. `scores` of measurements that were pushed are added by the caller. */
export function* checkSamples(family: Family, states: CheckStates, ages: Planned): Generator<Sample> {
  switch (family) {
    case 'listed':
      for (const state of states.lists.values())
        if (known(state, ages)) yield [[state.list, state.target, kind(state.target)], Number(isListed(state))];
      return;
    case 'verdict':
      for (const { list, target, verdict } of states.lists.values()) yield [[list, target, verdict], 1];
      return;
    case 'listing':
      for (const state of states.lists.values()) if (known(state, ages) && isListed(state)) yield* listings(state);
      return;
    case 'definite':
      for (const { list, target, definite } of states.lists.values())
        if (definite) yield [[list, target], definite.at / 1000];
      return;
    case 'unanswered':
      for (const [list, target] of ages.wanted('list'))
        if (!states.listState(list, target)?.definite && ages.holds(list, target))
          yield [[list, target], states.since('list', list, target) / 1000];
      return;
    case 'listInterval':
      for (const list of ages.lists) yield [[list], ages.listInterval(list) / 1000];
      return;
    case 'waiting':
      for (const list of ages.lists) yield [[list], ages.waiting(list)];
      return;
    case 'health':
      for (const list of ages.lists) {
        const state = states.health.get(list)?.state ?? 'unknown';
        for (const each of ZONE_STATES) yield [[list, each], Number(each === state)];
      }
      return;
    case 'passed':
      for (const state of recent(states, ages))
        yield [[state.check, state.target], Number(state.problems.length === 0)];
      return;
    case 'problem':
      for (const { check, target, problems } of recent(states, ages))
        for (const problem of problems) yield [[check, target, problem], 1];
      return;
    case 'warning':
      for (const { check, target, warnings } of recent(states, ages))
        for (const warning of warnings) yield [[check, target, warning], 1];
      return;
    case 'checked':
      for (const { check, target, definiteAt } of states.checks.values())
        if (definiteAt > 0) yield [[check, target], definiteAt / 1000];
      return;
    case 'unchecked':
      for (const [check, target] of ages.wanted('check')) {
        const { definiteAt = 0, unknown = '', nothingAt = 0 } = states.checkState(check, target) ?? {};
        // Where there was nothing to judge there is nothing to wait for.
        if (definiteAt === 0 && (nothingAt === 0 || unknown !== ''))
          yield [[check, target], Math.max(states.since('check', check, target), nothingAt) / 1000];
      }
      return;
    case 'checkInterval':
      for (const check of ages.checks) yield [[check], ages.checkInterval / 1000];
      return;
    case 'certificate':
      for (const { target, host, expires, at } of states.certificates.values())
        if (at >= ages.now - INTERVALS * ages.checkInterval) yield [[target, host], expires];
      return;
    case 'reputation':
      for (const { service, target, score, at } of states.scores.values())
        if (at >= ages.now - INTERVALS * ages.listInterval(service)) yield [[service, target], score];
      return;
    case 'reputationTold':
      for (const { service, target, at } of states.scores.values()) yield [[service, target], at / 1000];
      return;
  }
}

function* recent(states: CheckStates, { now, checkInterval }: Planned): Generator<CheckState> {
  for (const state of states.checks.values())
    if (state.definiteAt > 0 && state.definiteAt >= now - INTERVALS * checkInterval) yield state;
}

export function known({ list, definite }: ListState, { now, listInterval }: Planned): boolean {
  return definite !== undefined && definite.at >= now - INTERVALS * listInterval(list);
}

export const isListed = ({ definite }: ListState): boolean => definite?.verdict === 'listed';

const kind = (target: string) => (isIP(target) === 0 ? 'domain' : 'ip');

/** One a code that says "listed". */
function* listings({ list, target, definite }: ListState): Generator<Sample> {
  const facts = BLOCKLISTS.get(list) as Blocklist;
  for (const code of definite?.codes ?? [])
    for (const { verdict, meaning } of meaningsOf(facts, code))
      if (verdict === 'listed') yield [[list, target, code, meaning, facts.tier, facts.delisting.page], 1];
}
