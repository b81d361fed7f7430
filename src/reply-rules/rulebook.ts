/** The ordered tables become lookups: by phrase, by enhanced status, and the rows that ask for neither. */
import { TABLES } from './order.ts';
import { Automaton } from './phrases.ts';
import { REASONS, type Row, type Verdict } from './row.ts';

export interface Rule {
  /** `provider/row`, for people and tests. */
  id: string;
  /** '' when the rule is about nobody in particular. */
  provider: string;
  only: boolean;
  codes: readonly number[];
  /** Empty when the row does not ask. */
  statuses: ReadonlySet<number>;
  /** Phrases that must be there beside the one that the rule was looked up by. */
  others: readonly number[];
  permanent: Verdict;
  temporary: Verdict;
}

export interface Rulebook {
  rules: readonly Rule[];
  automaton: Automaton;
  /** Rules by the phrase's number in the automaton. */
  byPhrase: readonly (readonly number[])[];
  byStatus: ReadonlyMap<number, readonly number[]>;
  byNothing: readonly number[];
}

/** An enhanced status as one number. */
export function statusNumber(kind: number, subject: number, detail: number): number {
  return (kind * 1000 + subject) * 1000 + detail;
}

/** '5.7.606-649 x.7.25' as numbers. */
function statusNumbers(list: string): number[] {
  return list.split(' ').flatMap((pattern) => {
    const [, kind, subject, from, to] = /^([x245])\.(\d+)\.(\d+)(?:-(\d+))?$/.exec(pattern) ?? [];
    if (kind === undefined) throw new Error(`"${pattern}" is not a status like 5.7.1, x.7.1 or 5.7.606-649`);
    const details = Array.from({ length: Number(to ?? from) - Number(from) + 1 }, (_, n) => Number(from) + n);
    const kinds = kind === 'x' ? [4, 5] : [Number(kind)];
    return kinds.flatMap((k) => details.map((detail) => statusNumber(k, Number(subject), detail)));
  });
}

/** No recipient is given up on a temporary reply. */
function verdict(row: Row, temporary: boolean): Verdict {
  const usual = REASONS[row.reason];
  const kind = row.class ?? usual.class;
  const action = row.action ?? usual.action;
  return Object.freeze({
    class: kind === 'hard' && temporary ? 'soft' : kind,
    reason: row.reason,
    scope: row.scope ?? usual.scope,
    action: action === 'remove_recipient' && temporary ? 'retry_later' : action,
  });
}

export const UNKNOWN = verdict({ reason: 'unknown', sample: '' }, false);

function push(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** How many rows ask for each phrase. */
function usesOfPhrases(): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  for (const { rows } of TABLES)
    for (const { says } of Object.values(rows))
      for (const phrase of says?.split(' + ') ?? []) uses.set(phrase, (uses.get(phrase) ?? 0) + 1);
  return uses;
}

/** A rule is looked up by its rarest phrase: `suspended` brings up fewer rules than `account`. */
function rarestFirst(phrases: readonly string[], uses: ReadonlyMap<string, number>): string[] {
  return phrases.toSorted((a, b) => uses.get(a)! - uses.get(b)! || b.length - a.length);
}

export function rulebook(): Rulebook {
  const rules: Rule[] = [];
  const phrases = new Map<string, number>();
  const byPhrase = new Map<number, number[]>();
  const byStatus = new Map<number, number[]>();
  const byNothing: number[] = [];
  const uses = usesOfPhrases();
  const number = (phrase: string): number => {
    if (!phrases.has(phrase)) phrases.set(phrase, phrases.size);
    return phrases.get(phrase)!;
  };
  for (const { provider = '', rows } of TABLES) {
    for (const [id, row] of Object.entries(rows)) {
      const index = rules.length;
      const parts = rarestFirst(row.says?.split(' + ') ?? [], uses).map(number);
      const statuses = row.status === undefined ? [] : statusNumbers(row.status);
      if (parts[0] !== undefined) push(byPhrase, parts[0], index);
      else if (statuses.length > 0) for (const status of statuses) push(byStatus, status, index);
      else byNothing.push(index);
      rules.push({
        id: `${provider || 'generic'}/${id}`,
        provider,
        only: row.only ?? false,
        codes: row.code?.split(' ').map(Number) ?? [],
        statuses: new Set(statuses),
        others: parts.slice(1),
        permanent: verdict(row, false),
        temporary: verdict(row, true),
      });
    }
  }
  const automaton = new Automaton([...phrases.keys()]);
  return { rules, automaton, byPhrase: [...phrases.values()].map((n) => byPhrase.get(n) ?? []), byStatus, byNothing };
}
