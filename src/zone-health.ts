/**
 * A list's test entries become the state of the list: whether its "no" can be believed, and its "yes". After RFC 5782 section 5
 * (test entries) and RFC 6471 (lists that end by listing everything, nothing, or by letting their domain lapse).
 */
import type { ChosenList, TargetKind, TestPoint, ZoneState } from './blocklist.ts';
import { read } from './blocklist-verdict.ts';
import { type Ask, type DnsAnswer, Unanswered } from './check.ts';

export interface ZoneHealth {
  state: ZoneState;
  /** In a word: the refusal, what went wrong in asking, or what was found. '' of a healthy one. */
  cause: string;
}

const HEALTHY: ZoneHealth = { state: 'healthy', cause: '' };

/** Of several probes that fail, the one that explains the others: a list that refuses us may well look dead, too. */
const TELLING: readonly ZoneState[] = [
  'refused',
  'unreachable',
  'interfered',
  'parked',
  'wildcard',
  'dead',
  'unknown',
  'healthy',
];
/** States in which a list answered, so that a second way to it should have met the same. */
const ANSWERED: readonly ZoneState[] = ['healthy', 'dead', 'wildcard', 'parked'];

/**
 * `second`: another resolver. Where the list answers but not as it should, and answers otherwise there, the resolver is at
 * fault: it rewrites "no such name", or hides the list.
 */
export async function probe(
  chosen: ChosenList,
  ask: Ask,
  options: { signal?: AbortSignal; second?: Ask } = {},
): Promise<ZoneHealth> {
  const { second, ...rest } = options;
  const here = await probeBy(chosen, ask, rest);
  if (second === undefined || here.state === 'healthy' || !ANSWERED.includes(here.state)) return here;
  const there = await probeBy(chosen, second, rest);
  if (there.state === here.state || !ANSWERED.includes(there.state)) return here;
  return { state: 'interfered', cause: `${here.state}_here_${there.state}_there` };
}

async function probeBy(chosen: ChosenList, ask: Ask, options: { signal?: AbortSignal }): Promise<ZoneHealth> {
  const { test, zone } = chosen.list;
  const kinds = Object.keys(test) as TargetKind[];
  const question = (kind: TargetKind, point: TestPoint) =>
    chosen.ask(ask, chosen.testQuestion(kind, point), 'A', { ...options, fresh: true });
  const found = await Promise.all(
    kinds.map(async (kind) => {
      const { listed, unlisted } = test[kind]!;
      const [yes, no] = await Promise.all([
        listed === undefined ? undefined : question(kind, listed),
        question(kind, unlisted),
      ]);
      const health = [judgeUnlisted(chosen, unlisted, no)];
      if (listed !== undefined && yes !== undefined) health.push(judgeListed(chosen, listed, yes));
      return rewritten(health) ?? worst(health);
    }),
  );
  // Nothing is sure to be listed there, so that a list that was taken down would look like one that is quiet. Whether a name of
  // its own stands at the top of a zone with a key in it, operators do not say.
  if (kinds.every((kind) => test[kind]?.listed === undefined) && !zone.includes('{key}')) {
    const top = await chosen.ask(ask, zone, 'A', { ...options, fresh: true });
    if (!(top instanceof Unanswered) && top.rcode === 'NXDOMAIN') found.push({ state: 'dead', cause: 'zone_gone' });
  }
  return worst(found);
}

function judgeListed({ list }: ChosenList, { answers }: TestPoint, answer: DnsAnswer | Unanswered): ZoneHealth {
  const said = read(list, answer);
  if (said === 'absent') return { state: 'dead', cause: 'test_entry_gone' };
  if (answers !== undefined && said.codes.length > 0)
    return said.codes.some((code) => answers.includes(code)) ? HEALTHY : otherwise(said.verdict, said.cause, 'unknown');
  // A test entry may well have a code of its own, which says nothing of a target.
  return otherwise(said.verdict, said.cause, 'healthy');
}

function judgeUnlisted({ list }: ChosenList, { answers }: TestPoint, answer: DnsAnswer | Unanswered): ZoneHealth {
  const said = read(list, answer);
  if (said === 'absent') return HEALTHY;
  if (answers !== undefined && said.codes.length > 0 && said.codes.every((code) => answers.includes(code)))
    return HEALTHY;
  return otherwise(said.verdict, said.cause, 'wildcard');
}

/** `fine`: what an answer within 127.0.0.0/8 means that is no refusal. */
function otherwise(verdict: string, cause: string, fine: ZoneState): ZoneHealth {
  if (verdict === 'refused') return { state: 'refused', cause };
  if (verdict !== 'error')
    return fine === 'healthy' ? HEALTHY : { state: fine, cause: fine === 'wildcard' ? 'lists_all' : 'test_entry_odd' };
  if (cause === 'parked') return { state: 'parked', cause: 'foreign_address' };
  if (cause === 'cname') return { state: 'unknown', cause };
  return { state: 'unreachable', cause };
}

/** The list knows its test entry, yet "no such name" comes back as an address of somebody else's: that was done on the way. */
function rewritten(health: readonly ZoneHealth[]): ZoneHealth | undefined {
  const [no, yes] = health;
  return yes?.state === 'healthy' && no?.state === 'parked'
    ? { state: 'interfered', cause: 'nxdomain_rewritten' }
    : undefined;
}

function worst(found: readonly ZoneHealth[]): ZoneHealth {
  return found.reduce((a, b) => (TELLING.indexOf(b.state) < TELLING.indexOf(a.state) ? b : a), HEALTHY);
}
