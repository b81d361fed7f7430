/**
 * `GET /checks/:check?target=…` becomes an answer now: readings in words, a line each, or as JSON, and with `debug=true` every step
 * that led to them. Whoever asks draws on the same allowances as the plan does.
 */
import express, { type Request, type Response, type Router } from 'express';
import { BLOCKLISTS, REFUSALS, type Refusal } from './blocklist.ts';
import { type Check, type Target, Unanswered } from './check.ts';
import blocklistCheck from './checks/blocklist.ts';
import { checkNames } from './config.ts';
import type { BlocklistReading, DnsCheckReading, ListVerdict, Reading } from './reading.ts';
import type { Parts } from './server.ts';
import { isPublic, type TargetSettings, targetOf } from './targets.ts';
import { loadChecks, type Watch } from './watch.ts';

/** Targets that are asked about for people at a time. */
const AT_ONCE = 4;
const RETRY_AFTER = '5';

/** Each check by name, `blocklist` among them, for what it says of itself. */
export async function everyCheck(): Promise<Map<string, Check>> {
  const others = await loadChecks();
  return new Map(checkNames().map((name) => [name, others.get(name) ?? blocklistCheck([])]));
}

/** The target, or why it is none that others could know something of. */
export function publicTarget(text: string, selectors?: readonly string[]): Target | string {
  const target = targetOf(text.trim(), selectors);
  if (target === undefined)
    return `${JSON.stringify(text.slice(0, 80))} is no target: name an IP address (192.0.2.10, 2001:db8::1) or a domain (example.com)`;
  if (isPublic(target)) return target;
  const { kind, name } = target;
  return kind === 'ip'
    ? `${name} is no public address, so nobody outside can list it: name the one that mail leaves from`
    : `${name} is no public name: nobody can register it, so no mail comes from it`;
}

/** What the configuration says of a domain's DKIM selectors. */
export function selectorsOf({ domains, selectors }: TargetSettings, text: string): readonly string[] {
  const name = targetOf(text.trim())?.name;
  const own = domains.find((domain) => targetOf(domain.name)?.name === name)?.selectors ?? [];
  return own.length > 0 ? own : selectors;
}

/** `bad`: listed or failed. `nothing`: says neither good nor bad. */
export type Grade = 'bad' | 'unknown' | 'remark' | 'nothing' | 'good';

/** A reading in words. */
export interface Told {
  /** The list, check or service. */
  what: string;
  target: string;
  verdict: string;
  grade: Grade;
  /** What it means, each a sentence or less. */
  says: readonly string[];
  /** What to do, by what it is about. */
  advice: Readonly<Record<string, string>>;
  /** Of a check of DNS: what was found for each of its problems and warnings. */
  why: Readonly<Record<string, string>>;
}

const GRADES: Record<ListVerdict, Grade> = {
  listed: 'bad',
  policy: 'bad',
  info: 'nothing',
  allow: 'good',
  score: 'nothing',
  clear: 'good',
  refused: 'unknown',
  error: 'unknown',
  unsupported: 'nothing',
  unknown_code: 'unknown',
};

/** What `cause` of an error is in words; others are rcodes. */
const CAUSES: Readonly<Record<string, string>> = {
  timeout: 'no answer in time',
  unreachable: 'no name server can be reached',
  malformed: 'the answer cannot be read',
  aborted: 'given up: no time left',
  servfail: 'the name server failed at it (SERVFAIL)',
  parked: 'answered with an address that is no code of a list: its domain is parked, or the resolver rewrites answers',
  cname: 'answered with an alias that leads nowhere',
  zone_unknown: 'its test entries were not asked yet, or answered in no known way',
};

/** Strangers may have written parts of it, and a terminal obeys control characters. */
export const plain = (text: string): string => text.replace(/\p{C}/gu, ' ');

/** `check`: the one that was run. `steps`: what it told. */
export function inWords(reading: Reading, check: Check | undefined, steps: readonly string[], now: number): Told {
  const nothing = { target: reading.target, says: [], advice: {}, why: {} };
  switch (reading.kind) {
    case 'blocklist':
      return { ...nothing, what: reading.list, ...ofList(reading) };
    case 'dns_check':
      return { ...nothing, what: reading.check, ...ofCheck(reading, check, steps) };
    case 'reputation':
      return {
        ...nothing,
        what: reading.service,
        verdict: 'score',
        grade: 'nothing',
        says: [`${reading.score} of 100`],
      };
    case 'certificate': {
      const days = Math.floor((reading.expires * 1000 - now) / 86_400_000);
      const until = new Date(reading.expires * 1000).toISOString().slice(0, 10);
      const says = [`${plain(reading.host)}: until ${until}, ${days} days`];
      return { ...nothing, what: 'mx-certificate', verdict: 'expiry', grade: 'nothing', says };
    }
  }
}

function ofList({ list, target, verdict, codes, meaning, reason, cause }: BlocklistReading) {
  const facts = BLOCKLISTS.get(list);
  const grade = GRADES[verdict];
  const told = { verdict, grade, advice: {} as Record<string, string>, says: [] as string[] };
  if (verdict === 'refused') {
    told.says.push([cause, ...codes].join(' '));
    const advice = (REFUSALS as Partial<Record<string, string>>)[cause as Refusal];
    if (advice !== undefined) told.advice[`${list} ${cause}`] = advice;
  } else if (verdict === 'error')
    told.says.push(
      cause.startsWith('zone_') && !(cause in CAUSES)
        ? `not believed: by its own test entries the list is ${cause.slice('zone_'.length)}`
        : (CAUSES[cause] ?? `the name server answered ${cause.toUpperCase()}`),
    );
  else if (verdict === 'unknown_code')
    told.says.push(`${codes.join(' ')}: a code that is not documented, and no listing`);
  else if (verdict === 'unsupported')
    told.says.push(`holds no ${target.includes(':') ? 'IPv6 addresses' : 'such targets'}`);
  else if (meaning !== '' || codes.length > 0) told.says.push(`${meaning} (${codes.join(' ')})`.replace(' ()', ''));
  if (reason !== '') told.says.push(`it says: ${plain(reason)}`);
  if (grade === 'bad' && facts !== undefined && !('retired' in facts))
    told.advice[list] =
      `Find and end the cause first, then ask for removal, once: ${facts.delisting.page} (step by step in docs/blocklists.md#${list}).`;
  return told;
}

function ofCheck(
  { check: name, problems, warnings }: DnsCheckReading,
  check: Check | undefined,
  steps: readonly string[],
) {
  const why: Record<string, string> = {};
  for (const step of steps) {
    const [, finding, text] = /^(?:problem|warning) (\w+): (.*)$/s.exec(step) ?? [];
    if (finding !== undefined && text !== undefined) why[finding] ??= plain(text);
  }
  const said = (finding: string) => (why[finding] === undefined ? finding : `${finding}: ${why[finding]}`);
  const findings = [...problems, ...warnings];
  return {
    verdict: problems.length > 0 ? 'failed' : 'passed',
    grade: (problems.length > 0 ? 'bad' : warnings.length > 0 ? 'remark' : 'good') as Grade,
    says: [...problems.map(said), ...warnings.map((warning) => `warning ${said(warning)}`)],
    advice: Object.fromEntries(findings.map((each) => [`${name} ${each}`, check?.problems[each] ?? ''])),
    why,
  };
}

/** A check that came to no reading: the world did not say, or there was nothing to judge. */
export function withoutReading(what: string, target: string, steps: readonly string[], error?: Unanswered): Told {
  const why = plain(error?.message ?? steps.at(-1) ?? 'nothing to judge');
  const [verdict, grade] = error ? (['unknown', 'unknown'] as const) : (['skipped', 'nothing'] as const);
  return { what, target, verdict, grade, says: [why], advice: {}, why: {} };
}

/** A list that may not be asked now, which says nothing of it. */
function notAsked(list: string, target: string): Told {
  const says = ['the allowance of the list is used up for now: see docs/checks.md#allowances'];
  return { what: list, target, verdict: 'not asked', grade: 'unknown', says, advice: {}, why: {} };
}

export function checksRoute(parts: Pick<Parts, 'config' | 'watch' | 'now'>): Router {
  const checks = everyCheck();
  const asking = new Set<string>();
  const router = express.Router();
  router.get('/', async (request, response) =>
    index(request, response, await checks, parts.config().checks !== undefined),
  );
  router.get('/:check', async (request, response) => {
    const wanted = understand(request, await checks, parts.config().checks?.targets);
    if ('why' in wanted) return refuse(response, wanted.status, wanted.why);
    const { name } = wanted.target;
    if (asking.has(name) || asking.size >= AT_ONCE) {
      response.set('Retry-After', RETRY_AFTER);
      const busy = asking.has(name) ? `${name} is being asked about` : `${asking.size} targets are being asked about`;
      return refuse(response, 429, `${busy} already; come back in ${RETRY_AFTER} s`);
    }
    asking.add(name);
    try {
      const answer = await ask(wanted, parts.watch, response);
      if (!response.closed) send(request, response, answer, parts);
    } finally {
      asking.delete(name);
    }
  });
  return router;
}

interface Wanted {
  name: string;
  check: Check;
  target: Target;
}

interface Answer extends Wanted {
  readings: readonly Reading[];
  /** Lists whose allowance is used up. */
  unasked: readonly string[];
  steps: readonly string[];
  error?: Unanswered;
}

function refuse(response: Response, status: number, why: string): void {
  response.status(status).type('text').send(`${why}\n`);
}

function index(request: Request, response: Response, checks: ReadonlyMap<string, Check>, configured: boolean): void {
  const all = [...checks].map(([name, { summary, targets }]) => ({ name, targets, summary }));
  if (wantsJson(request, response)) return void response.json({ configured, checks: all });
  const lines = all.map(({ name, targets, summary }) => [`/checks/${name}?target=`, targets.join(', '), summary]);
  response.type('text').send(`${aligned(lines)}\n${configured ? '' : `\n${UNCONFIGURED}\n`}`);
}

/** `settings`: undefined when nothing is looked up. */
function understand(
  request: Request,
  checks: ReadonlyMap<string, Check>,
  settings: TargetSettings | undefined,
): Wanted | { status: number; why: string } {
  const name = String(request.params.check);
  const check = checks.get(name);
  if (check === undefined)
    return { status: 404, why: `there is no check of this name; the checks are ${[...checks.keys()].join(', ')}` };
  if (settings === undefined) return { status: 503, why: UNCONFIGURED };
  const { target: text } = request.query;
  if (typeof text !== 'string' || text === '')
    return {
      status: 400,
      why: 'say about what: ?target= and one IP address (192.0.2.10, 2001:db8::1) or domain (example.com)',
    };
  const target = publicTarget(text, selectorsOf(settings, text));
  if (typeof target === 'string') return { status: 400, why: target };
  if (!check.targets.includes(target.kind)) return { status: 400, why: misfit(name, check, target) };
  return { name, check, target };
}

const KINDS: Record<Target['kind'], string> = { ip: 'IP address', domain: 'domain' };
const misfit = (name: string, { targets }: Check, target: Target) =>
  `${name} is asked about ${targets.map((kind) => `one ${KINDS[kind]}`).join(' or ')}; ${target.name} is a${target.kind === 'ip' ? 'n' : ''} ${KINDS[target.kind]}`;

async function ask(wanted: Wanted, watch: Watch, response: Response): Promise<Answer> {
  const steps: string[] = [];
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const nothing = { readings: [], unasked: [] };
  try {
    const asked = await watch.ask(wanted.name, wanted.target, (step) => void steps.push(plain(step)), gone.signal);
    return { ...wanted, steps, ...(asked ?? nothing) };
  } catch (error) {
    if (error instanceof Unanswered) return { ...wanted, steps, ...nothing, error };
    throw error;
  }
}

function send(
  request: Request,
  response: Response,
  answer: Answer,
  { watch, now }: Pick<Parts, 'watch' | 'now'>,
): void {
  const { name, check, target, readings, unasked, steps, error } = answer;
  const debug = request.query.debug === 'true';
  const found = readings.map((reading) => ({
    reading,
    told: inWords(reading, check, steps, now()),
    health: reading.kind === 'blocklist' ? watch.states.health.get(reading.list) : undefined,
  }));
  response.set('Cache-Control', 'no-store');
  if (wantsJson(request, response)) {
    const shown = found.map(({ reading, told: { why, advice }, health }) => ({
      ...reading,
      ...filled({ why, advice }),
      ...(reading.kind === 'blocklist' && { health: health ? aged(health, now()) : { state: 'unknown' } }),
    }));
    const unknown = error && { unknown: { cause: error.reason, why: plain(error.message) } };
    return void response.json({
      check: name,
      target: target.name,
      readings: shown,
      ...filled({ unasked: unasked.map((list) => ({ list, cause: 'allowance' })) }),
      ...unknown,
      ...(debug && { steps }),
    });
  }
  const lines = found.map(({ reading, told, health }) =>
    row(
      told,
      reading.kind !== 'blocklist'
        ? ''
        : health
          ? `list ${health.state}, tested ${ago(now() - health.at)}`
          : 'list not tested yet',
    ),
  );
  for (const list of unasked) lines.push(row(notAsked(list, target.name), ''));
  // Whether a list was asked, its steps do not say.
  const why = name === 'blocklist' && steps.length === 0 ? [NO_LISTS] : steps;
  if (lines.length === 0) lines.push(row(withoutReading(name, target.name, why, error), ''));
  const advice = Object.entries(adviceOf(found.map(({ told }) => told)));
  const sections = [
    aligned(lines),
    ...(advice.length > 0 ? [`what to do\n${aligned(advice)}`] : []),
    ...(debug ? [['steps', ...steps].join('\n')] : []),
  ];
  response.type('text').send(`${sections.join('\n\n')}\n`);
}

/** What is to be done about several things, each once. */
export function adviceOf(told: readonly Told[]): Record<string, string> {
  return Object.assign({}, ...told.map(({ advice }) => advice));
}

const NO_LISTS = 'no list is asked about such a target: see checks.blocklists of the configuration';
const UNCONFIGURED =
  'nothing is looked up here: the configuration has no `checks`; `checks: {}` takes the defaults, docs/configuration.md has the keys';

const row = ({ what, target, verdict, says }: Told, health: string) => [
  what,
  target,
  verdict,
  says.join('; ') || '-',
  health,
];

function wantsJson(request: Request, response: Response): boolean {
  response.vary('Accept');
  return request.accepts(['text', 'json']) === 'json';
}

/** Without what is empty. */
export function filled(parts: Readonly<Record<string, object>>): Record<string, object> {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => Object.keys(part).length > 0));
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const aged = ({ at, ...health }: { at: number }, now: number) => ({
  ...health,
  age_seconds: Math.round((now - at) / 1000),
});

function ago(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}
