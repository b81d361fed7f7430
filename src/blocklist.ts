/**
 * The contract of `blocklists/`: a list's facts as data; and which of the lists are asked. What they are asked is in blocklist-name.ts,
 * what their answers say in blocklist-verdict.ts. After RFC 5782 (test entries) and RFC 6471 (how lists end).
 */
import { readdirSync } from 'node:fs';
import { extname } from 'node:path';
import { label, questionName } from './blocklist-name.ts';
import { type Ask, type DnsAnswer, type RecordType, type Target, Unanswered } from './check.ts';

/** Found out of the world, which rots: some list ends, or changes its codes, one to three times a year. */
export interface Blocklist {
  title: string;
  operator: string;
  /** `{key}` where the customer's key goes. */
  zone: string;
  targets: readonly TargetKind[];
  /** Of a list of domains: whether it is asked for the name as it is (it has wildcards below what it lists) or for the domain that was registered. */
  domains?: 'as_given' | 'registered';
  answers: Answers;
  /** Codes that say something of the question or the asker, never of the target: before all others, and never a listing. */
  refusals: Readonly<Record<string, Refusal>>;
  /** By kind, where the operator has such entries. Without a listed one, an emptied zone cannot be told from a quiet one. */
  test: Partial<Readonly<Record<TargetKind, TestPoints>>>;
  /** Being in it is the exception that says something; what being absent means, where it is not "clear": `no_data`. */
  absent?: string;
  /** What is to happen on a listing: somebody is woken, somebody works on it, or a dashboard shows it and no alert ever does. */
  tier: 'page' | 'ticket' | 'info';
  quota: Quota;
  /** Between two questions for the same target. */
  everyMinutes: number;
  /** What has to be had first: a key of this name in the configuration, or the asking resolver's address made known there. */
  needs?: { key: KeyName } | { registration: string };
  /** What public and shared resolvers get. */
  publicResolver: 'answered' | 'refused' | 'limited' | 'unknown';
  /** The list that holds all of this one: the two are never asked side by side. */
  includedIn?: string;
  /** Where witnesses disagree whether it still works: asked only when named. */
  doubtful?: string;
  delisting: {
    page: string;
    /** How to get off, in order. */
    steps: readonly string[];
    /** What makes it worse. */
    never?: string;
  };
  /** Day of the last look at the operator's own words: YYYY-MM-DD. */
  reviewed: string;
}

/** Known from old configurations and defaults, and not to be asked: gone, or never a list that could be. */
export interface RetiredList {
  title: string;
  operator: string;
  zone: string;
  /** `since`: as exactly as it is known; absent where it never was a list to be asked. */
  retired: { since?: string; reason: string };
  reviewed: string;
}

/** What a file of `blocklists/` exports: short name, the label `list`, to facts. A rename is a breaking change. */
export type Lists = Readonly<Record<string, Blocklist | RetiredList>>;

export type TargetKind = 'ipv4' | 'ipv6' | 'domain';
export type KeyName = 'spamhaus_dqs' | 'abusix';

export interface Meaning {
  verdict: 'listed' | 'policy' | 'info' | 'allow' | 'score';
  /** The operator's own term; a value of the label `meaning`. */
  meaning: string;
  /** 0 to 100, our judgement: how much mail it costs a sender. */
  severity: number;
  /** Where the answer is a degree: 0 (worst) to 100, with 70 and 50 as the usual lines to high and critical, and neutral above both. */
  score?: number;
}

/**
 * How an answer is read. A pattern is an address whose octets may be ranges or `*`: `127.0.2.2-24`. `bits`: the last octet of
 * 127.0.0.x is a sum. `score`: it is the score, behind the three octets of `prefix`.
 */
export type Answers =
  | { model: 'codes'; codes: Readonly<Record<string, Meaning>> }
  | { model: 'bits'; bits: Readonly<Record<number, Meaning>>; refusals?: Readonly<Record<number, Refusal>> }
  | { model: 'score'; prefix: string; meaning: string };

export interface TestPoints {
  listed?: TestPoint;
  unlisted: TestPoint;
}

export interface TestPoint {
  /** An address, taken as it stands (`::ffff:7f00:2` in nibbles), or a domain. */
  name: string;
  /** The only codes that prove something here, where others than the usual do. */
  answers?: readonly string[];
}

export interface Quota {
  /** Lists with the same pool draw on one allowance. */
  pool: string;
  /** Questions. The operator's figure, or ours where `terms` names none. */
  perDay: number;
  /** What the operator asks for, shortened. */
  terms: string;
}

/** What a list says when it does not answer, with what to do: the closed list behind `cause` of a refusal. */
export const REFUSALS = {
  public_resolver:
    'The list sees a public or shared resolver, or one whose reverse name says nothing (most clouds). Ask through a resolver of your own with a reverse name of your own, or with a key.',
  quota: 'Too many questions. Ask less often, for fewer targets, or take out a subscription.',
  unregistered:
    'The resolver is not registered with the operator, or its allowance is used up. Register its public address.',
  zone_name: 'The name of the zone is not one that the operator knows.',
  key_disabled: 'The key is switched off. See the account with the operator.',
  key_rejected: 'The key is not valid, or is in use by another account. See the account with the operator.',
  ip_question: 'A list of domains was asked for an address.',
  access_blocked: 'The operator blocks the resolver, mostly because it is public or asks too much.',
  invalid: 'The list took the question for malformed.',
  special: 'A code that the operator keeps for itself.',
  rcode:
    'The name server said REFUSED: the resolver does not serve this machine, or the list does not serve the resolver.',
} as const;
export type Refusal = keyof typeof REFUSALS;

/** What the test entries of a list said, see zone-health.ts. `unknown`: not asked yet, or the answer fits nothing. */
export const ZONE_STATES = [
  'healthy',
  'dead',
  'wildcard',
  'parked',
  'refused',
  'unreachable',
  'interfered',
  'unknown',
] as const;
export type ZoneState = (typeof ZONE_STATES)[number];

const extension = extname(import.meta.filename);

/** Every list of `blocklists/`, by short name. */
export const BLOCKLISTS: ReadonlyMap<string, Blocklist | RetiredList> = await gather();

async function gather(): Promise<Map<string, Blocklist | RetiredList>> {
  const folder = new URL('./blocklists/', import.meta.url);
  const found = new Map<string, Blocklist | RetiredList>();
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .sort()) {
    const { default: lists } = (await import(new URL(file, folder).href)) as { default: Lists };
    for (const [name, list] of Object.entries(lists)) {
      if (found.has(name))
        throw new Error(`blocklists/${file}: there is another list named ${name}; give it a name of its own`);
      found.set(name, list);
    }
  }
  return found;
}

export interface Choice {
  /** Short names; undefined: all that work without asking anybody for leave, and those that a key is there for. */
  names: readonly string[] | undefined;
  keys: Readonly<Partial<Record<KeyName, string>>>;
  /** The domain that was registered, of one below it: example.co.uk of news.example.co.uk. */
  registered: (domain: string) => string;
}

/** What keeps a list that was named from being asked; all but `subsumed` is a mistake of the configuration. */
export interface Unchosen {
  list: string;
  why: 'no_such_list' | 'retired' | 'key_missing' | 'key_malformed' | 'subsumed';
  /** For a person: what is wrong and what to do. */
  says: string;
}

/** Which lists are to be asked. */
export function choose(choice: Choice, lists = BLOCKLISTS): { chosen: ChosenList[]; left: Unchosen[] } {
  const left: Unchosen[] = [];
  const wanted = new Map<string, Blocklist>();
  for (const name of new Set(choice.names ?? unasked(choice, lists))) {
    const list = lists.get(name);
    const problem = hindrance(name, list, choice, lists);
    if (problem !== undefined) left.push({ list: name, ...problem });
    else wanted.set(name, list as Blocklist);
  }
  const chosen: ChosenList[] = [];
  for (const [name, list] of wanted) {
    const parent = parents(name, lists).find((each) => wanted.has(each));
    if (parent === undefined) chosen.push(new ChosenList(name, list, choice));
    else
      left.push({
        list: name,
        why: 'subsumed',
        says: `${parent} holds all that ${name} does, so only ${parent} is asked`,
      });
  }
  return { chosen, left };
}

/** The names where the configuration has none. */
function unasked({ keys }: Choice, lists: typeof BLOCKLISTS): string[] {
  return [...lists]
    .filter(([, list]) => {
      if ('retired' in list || list.doubtful !== undefined) return false;
      return list.needs === undefined || ('key' in list.needs && Boolean(keys[list.needs.key]));
    })
    .map(([name]) => name);
}

function hindrance(
  name: string,
  list: Blocklist | RetiredList | undefined,
  { keys }: Choice,
  lists: typeof BLOCKLISTS,
): Omit<Unchosen, 'list'> | undefined {
  if (list === undefined) {
    const byZone = [...lists].find(([, { zone }]) => name === zone || name.endsWith(`.${zone}`));
    if (byZone !== undefined && 'retired' in byZone[1]) return retired(name, byZone[1]);
    const hint =
      byZone === undefined ? 'docs/blocklists.md has the names of all' : `it goes by the name ${byZone[0]} here`;
    return { why: 'no_such_list', says: `no list is named ${name}; ${hint}` };
  }
  if ('retired' in list) return retired(name, list);
  if (list.needs === undefined || !('key' in list.needs)) return undefined;
  const key = keys[list.needs.key];
  if (!key)
    return {
      why: 'key_missing',
      says: `${name} answers holders of a key only; set the key ${list.needs.key}, or leave the list out`,
    };
  if (!/^[a-z0-9-]{1,63}$/i.test(key))
    return {
      why: 'key_malformed',
      says: `the key ${list.needs.key} is not letters, digits and hyphens alone, so no name for ${name} can be made with it`,
    };
  return undefined;
}

function retired(name: string, { title, retired: { since, reason } }: RetiredList): Omit<Unchosen, 'list'> {
  return {
    why: 'retired',
    says: `${name} (${title}) ${since === undefined ? 'is no list to be asked' : `retired ${since}`}: ${reason}; leave it out`,
  };
}

/** The lists that hold all of this one, the nearest first. */
function parents(name: string, lists: typeof BLOCKLISTS): string[] {
  const list = lists.get(name);
  if (list === undefined || 'retired' in list || list.includedIn === undefined) return [];
  return [list.includedIn, ...parents(list.includedIn, lists)];
}

/** A list that is to be asked, with its key, which no caller ever sees. */
export class ChosenList {
  readonly name: string;
  readonly list: Blocklist;
  // Neither JSON nor util.inspect shows what is private in this way.
  readonly #key: string;
  readonly #registered: Choice['registered'];

  constructor(name: string, list: Blocklist, { keys, registered }: Pick<Choice, 'keys' | 'registered'>) {
    this.name = name;
    this.list = list;
    this.#key = (list.needs !== undefined && 'key' in list.needs && keys[list.needs.key]) || '';
    this.#registered = registered;
  }

  /** undefined: nothing that this list could be asked for. */
  question(target: Target): string | undefined {
    return questionName(this.list, target, this.#key, this.#registered);
  }

  testQuestion(kind: TargetKind, point: TestPoint): string {
    return `${label(kind, point.name)}.${this.list.zone.replace('{key}', this.#key)}`;
  }

  /** The text with `{key}` where the key was, in whatever case. */
  mask(text: string): string {
    if (this.#key === '') return text;
    return text.replace(new RegExp(RegExp.escape(this.#key), 'gi'), '{key}');
  }

  /** One question. What was not answered is returned, not thrown; an error of another kind never carries the key out. */
  async ask(
    ask: Ask,
    name: string,
    type: RecordType,
    options: { signal?: AbortSignal; fresh?: boolean },
  ): Promise<DnsAnswer | Unanswered> {
    try {
      return await ask(name, type, options);
    } catch (error) {
      if (error instanceof Unanswered) return new Unanswered(error.reason, this.mask(error.message));
      throw new Error(`${this.name}: ${this.mask(String(error))}`);
    }
  }
}

/** A list of domains has nothing to say of an address, nor the other way round. One that lacks IPv6 should say so. */
export const concerns = ({ list }: ChosenList, kind: Target['kind']): boolean =>
  list.targets.some((each) => (each === 'domain') === (kind === 'domain'));
