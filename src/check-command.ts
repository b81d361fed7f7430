/**
 * `check 192.0.2.10 example.com` becomes a table in the terminal: what blocklists, reputation services and the DNS say of addresses
 * and domains now, and what to do about it. No server, no storage, so no allowances but that few targets are taken at a time.
 */
import { existsSync } from 'node:fs';
import { parseArgs, styleText } from 'node:util';
import { BLOCKLISTS, type ChosenList } from './blocklist.ts';
import { type Check, type Target, Unanswered, type World } from './check.ts';
import { reach } from './check-reach.ts';
import blocklistCheck, { concerned } from './checks/blocklist.ts';
import { type ChecksSettings, resolverSchema } from './checks-config.ts';
import {
  adviceOf,
  everyCheck,
  filled,
  type Grade,
  inWords,
  plain,
  publicTarget,
  selectorsOf,
  type Told,
  withoutReading,
} from './checks-route.ts';
import { type Config, ConfigError, loadConfig, parseConfig } from './config.ts';
import type { Reading } from './reading.ts';
import { Resolver } from './resolver.ts';
import { probe, type ZoneHealth } from './zone-health.ts';

export const HELP = `deliverability-exporter check [flags] TARGET…
  Asks now what blocklists, reputation services and the DNS say of IP addresses
  and domains that mail is sent from, and says what to do about it. Needs no
  server and keeps nothing. Lists refuse public resolvers: ask one of your own.

  --config.file=FILE
        Configuration, for its resolver, lists, keys and DKIM selectors; default
        deliverability-exporter.yml where it exists and is good
  --resolver=ADDRESS:PORT
        Name server to ask; may be repeated, they are asked in this order;
        default: the configuration's, else the system's
  --selector=NAME
        DKIM selector to look for; may be repeated; default: the configuration's
  --only=CHECK
        Only this check; may be repeated:
        CHECKS
  --json
        One line of JSON a reading, and nothing else
  --help
        Print this and end

  Ends with 0 when all is well, 1 when something is listed or failed, 2 when
  something could not be found out.
`;

const DEFAULT_CONFIG = 'deliverability-exporter.yml';
/** More are for the exporter, which spreads them over the day. */
const MOST = 50;
/** For all of it, ms: a port 25 that is shut takes half of that. */
const PATIENCE = 45_000;
const EXIT = { good: 0, bad: 1, unknown: 2 } as const;

/** What is needed of standard output and standard error. */
export interface Terminal {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** A mistake of whoever gave the command. */
class Usage extends Error {}

interface Options {
  targets: readonly string[];
  configFile: string;
  servers: readonly string[];
  selectors: readonly string[];
  only: readonly string[];
  json: boolean;
}

/** One check of one target, or one list's word on it. */
interface Job {
  check: string;
  /** The list, of `blocklist`. */
  what: string;
  target: Target;
  run: Check;
}

/** Resolves to the exit code. */
export async function checkNow(args: string[], out: Terminal, err: Terminal): Promise<number> {
  try {
    const checks = await everyCheck();
    const options = readOptions(args, checks);
    if (options === undefined) {
      out.write(HELP.replace('CHECKS', wrapped([...checks.keys()].join(', '), 72).join('\n        ')));
      return EXIT.good;
    }
    const { resolver, checks: settings } = await configured(options, err);
    const { in_flight: inFlight, cache_entries: cacheEntries } = resolver;
    const servers = options.servers.length > 0 ? options.servers : resolver.servers;
    const asking = new Resolver({ ...(servers && { servers }), inFlight, cacheEntries });
    const ways = reach(asking.ask, settings.innerAddresses ?? 'refuse');
    try {
      return await run(jobsOf(options, checks, settings, asking), { ...ways, ask: asking.ask }, options.json, out, err);
    } finally {
      await asking.close();
    }
  } catch (error) {
    if (!(error instanceof Usage || error instanceof ConfigError)) throw error;
    err.write(`${error.message}\n`);
    return EXIT.unknown;
  }
}

function readOptions(args: string[], checks: ReadonlyMap<string, Check>): Options | undefined {
  const several = { type: 'string', multiple: true, default: [] as string[] } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    'config.file': { type: 'string', default: '' },
    resolver: several,
    selector: several,
    only: several,
    json: flag,
    help: flag,
  } as const;
  const { values, positionals: targets } = understood(() =>
    parseArgs({ args, options, strict: true, allowPositionals: true }),
  );
  if (values.help) return undefined;
  if (targets.length === 0) throw new Usage('name at least one TARGET, an IP address or a domain; --help tells more');
  if (targets.length > MOST)
    throw new Usage(
      `${targets.length} targets are too many for lists that count questions: name ${MOST} at most, or configure the exporter, which spreads them`,
    );
  for (const text of targets) {
    const target = publicTarget(text);
    if (typeof target === 'string') throw new Usage(target);
  }
  for (const name of values.only)
    if (!checks.has(name))
      throw new Usage(
        `--only: there is no check ${JSON.stringify(name)}; the checks are ${[...checks.keys()].join(', ')}`,
      );
  const servers = resolverSchema.safeParse(values.resolver.length > 0 ? { servers: values.resolver } : {});
  if (!servers.success)
    throw new Usage(
      `--resolver ${servers.error.issues[0]!.message}: 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353`,
    );
  for (const selector of values.selector)
    if (!/^[a-z0-9._-]{1,63}$/i.test(selector))
      throw new Usage(`--selector is a DKIM selector: letters, digits, . _ -`);
  return {
    targets,
    ...{ configFile: values['config.file'], servers: servers.data.servers ?? [] },
    ...{ selectors: values.selector, only: values.only, json: values.json },
  };
}

function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Usage(`${(error as Error).message}; --help lists the flags`);
  }
}

/** What is not said about checks takes the defaults, as with `checks: {}`. */
async function configured(
  { configFile }: Options,
  err: Terminal,
): Promise<Pick<Config, 'resolver'> & { checks: ChecksSettings }> {
  const defaults = await parseConfig('checks: {}', '');
  const { resolver, checks = defaults.checks! } = await written(configFile, err);
  return { resolver, checks };
}

async function written(file: string, err: Terminal): Promise<Config> {
  if (file !== '' || !existsSync(DEFAULT_CONFIG)) return await loadConfig(file);
  try {
    return await loadConfig(DEFAULT_CONFIG);
  } catch (error) {
    // The one that merely lies about may belong to another machine, with its secrets.
    if (!(error instanceof ConfigError)) throw error;
    err.write(`${DEFAULT_CONFIG} is not used: ${error.problems.join('; ')}\n`);
    return await loadConfig('');
  }
}

function jobsOf(
  { targets, selectors, only }: Options,
  checks: ReadonlyMap<string, Check>,
  settings: ChecksSettings,
  { second }: Resolver,
): Job[] {
  const tested = new Map<string, Promise<ZoneHealth>>();
  const health = (list: ChosenList, { ask, signal }: World): Promise<ZoneHealth> => {
    const known = tested.get(list.name) ?? probe(list, ask, { signal, ...(second && { second }) });
    tested.set(list.name, known);
    return known;
  };
  const wanted = (check: string) => (only.length > 0 ? only.includes(check) : !settings.skip.includes(check));
  const jobs: Job[] = [];
  const seen = new Set<string>();
  for (const text of targets) {
    const target = publicTarget(text, selectors.length > 0 ? selectors : selectorsOf(settings.targets, text));
    if (typeof target === 'string' || seen.has(target.name)) continue;
    seen.add(target.name);
    if (wanted('blocklist'))
      for (const list of concerned(settings.lists, target))
        jobs.push({ check: 'blocklist', what: list.name, target, run: blocklistCheck([list], health) });
    for (const [check, run] of checks)
      if (check !== 'blocklist' && wanted(check) && run.targets.includes(target.kind))
        jobs.push({ check, what: check, target, run });
  }
  if (jobs.length === 0)
    throw new Usage(
      'of these targets nothing is to be asked: see --only, and checks.skip and checks.blocklists of the configuration',
    );
  return jobs;
}

async function run(
  jobs: readonly Job[],
  ways: Pick<World, 'ask' | 'connect' | 'fetch'>,
  json: boolean,
  out: Terminal,
  err: Terminal,
): Promise<number> {
  const signal = AbortSignal.timeout(PATIENCE);
  const world = { ...ways, signal, now: Date.now };
  const progress = new Progress(jobs, err);
  const told = await Promise.all(
    jobs.map(async (job) => {
      const { readings, words } = await answerTo(job, world);
      progress.done(job);
      if (json) for (const line of jsonOf(job, readings, words)) out.write(`${JSON.stringify(line)}\n`);
      return words;
    }),
  );
  progress.end();
  const all = told.flat();
  if (!json) out.write(table(all, new Paper(out)));
  const has = (grade: Grade) => all.some((each) => each.grade === grade);
  return has('bad') ? EXIT.bad : has('unknown') ? EXIT.unknown : EXIT.good;
}

async function answerTo(
  { what, target, run }: Job,
  world: Omit<World, 'tell'>,
): Promise<{ readings: Reading[]; words: Told[] }> {
  const steps: string[] = [];
  try {
    const readings = await run.run(target, { ...world, tell: (step) => void steps.push(step) });
    const words = readings.map((reading) => inWords(reading, run, steps, world.now()));
    return { readings, words: words.length > 0 ? words : [withoutReading(what, target.name, steps)] };
  } catch (error) {
    // One that fails by a mistake of its own hides nothing of what the others found.
    const unanswered =
      error instanceof Unanswered
        ? error
        : new Unanswered('malformed', `the check itself failed: ${(error as Error).message}`);
    return { readings: [], words: [withoutReading(what, target.name, steps, unanswered)] };
  }
}

function* jsonOf({ check, target }: Job, readings: readonly Reading[], words: readonly Told[]): Generator<object> {
  for (const [i, reading] of readings.entries()) {
    const { why, advice } = words[i]!;
    yield { ...reading, ...filled({ why, advice }) };
  }
  for (const { verdict, says } of readings.length === 0 ? words : [])
    yield { kind: verdict, check, target: target.name, why: says.join('; ') };
}

/** A line on a terminal's standard error that says how far it is; on anything else nothing. */
class Progress {
  private readonly left: Set<Job>;
  private readonly all: number;
  private readonly err: Terminal;

  constructor(jobs: readonly Job[], err: Terminal) {
    this.left = new Set(jobs);
    this.all = jobs.length;
    this.err = err;
    this.show();
  }

  done(job: Job): void {
    this.left.delete(job);
    this.show();
  }

  end(): void {
    if (this.err.isTTY) this.err.write('\r\x1b[K');
  }

  private show(): void {
    const [next] = this.left;
    if (!this.err.isTTY || next === undefined) return;
    const line = `${this.all - this.left.size} of ${this.all} answered, waiting for ${next.what} ${next.target.name}`;
    this.err.write(`\r${line.slice(0, (this.err.columns ?? 80) - 1)}\x1b[K`);
  }
}

const GRADES: Record<Grade, { rank: number; style: Parameters<typeof styleText>[0] }> = {
  bad: { rank: 0, style: ['red', 'bold'] },
  unknown: { rank: 1, style: 'yellow' },
  remark: { rank: 2, style: 'yellow' },
  good: { rank: 3, style: 'green' },
  nothing: { rank: 4, style: 'dim' },
};

/** How wide it is, and whether it takes colours. */
class Paper {
  private readonly width: number;
  private readonly colours: boolean;

  constructor({ isTTY = false, columns = 80 }: Terminal) {
    // What is read by a program is easier to search with a reading on one line.
    this.width = isTTY ? Math.max(40, columns) : Number.POSITIVE_INFINITY;
    this.colours = isTTY && !process.env.NO_COLOR;
  }

  style(style: Parameters<typeof styleText>[0], text: string): string {
    return this.colours ? styleText(style, text, { validateStream: false }) : text;
  }

  /** The last of the cells is wrapped and hangs below itself. */
  row(before: string, indent: number, cell: readonly string[]): string {
    const lines = cell.flatMap((text) => wrapped(text, this.width - indent));
    return `${[before, ...lines.slice(1).map(() => ' '.repeat(indent))].map((start, i) => `${start}${lines[i] ?? ''}`.trimEnd()).join('\n')}\n`;
  }
}

function table(all: readonly Told[], paper: Paper): string {
  const verdicts = Math.max(...all.map(({ verdict }) => verdict.length));
  const whats = Math.max(...all.map(({ what }) => what.length));
  let text = '';
  for (const [target, told] of Map.groupBy(all, (each) => each.target)) {
    text += `${paper.style('bold', target)}\n`;
    for (const { verdict, what, grade, says } of together(told)) {
      const first = paper.style(GRADES[grade].style, verdict.padEnd(verdicts));
      text += paper.row(`  ${first}  ${what.padEnd(whats)}  `, verdicts + whats + 6, says);
    }
    text += '\n';
  }
  const advice = Object.entries(adviceOf(all));
  if (advice.length > 0) text += `${paper.style('bold', 'What to do')}\n`;
  for (const [about, what] of advice) text += `  ${about}\n${paper.row('    ', 4, [what])}`;
  if (advice.length > 0) text += '\n';
  return `${text}${summary(all)}\n`;
}

/** Lists that wake somebody stand before those that are merely shown, and what is no list before either. */
function weight({ what }: Told): number {
  const list = BLOCKLISTS.get(what);
  return list === undefined || 'retired' in list ? -1 : ['page', 'ticket', 'info'].indexOf(list.tier);
}

/** The gravest first; lists that have nothing of the kind on one line. */
function together(told: readonly Told[]): Told[] {
  const [unsupported, rest] = [true, false].map((is) =>
    told.filter(({ verdict }) => (verdict === 'unsupported') === is),
  ) as [Told[], Told[]];
  const rows = rest.toSorted((a, b) => GRADES[a.grade].rank - GRADES[b.grade].rank || weight(a) - weight(b));
  const [one] = unsupported;
  if (one)
    rows.push({
      ...one,
      what: `${unsupported.length} lists`,
      says: [`${one.says.join('; ').replace('holds', 'hold')}: ${unsupported.map(({ what }) => what).join(', ')}`],
    });
  return rows;
}

function summary(all: readonly Told[]): string {
  const count = (fits: (told: Told) => boolean) => all.filter(fits).length;
  const parts = {
    listed: count(({ verdict }) => verdict === 'listed' || verdict === 'policy'),
    failed: count(({ verdict }) => verdict === 'failed'),
    unknown: count(({ grade }) => grade === 'unknown'),
    'passed with warnings': count(({ grade }) => grade === 'remark'),
    well: count(({ grade }) => grade === 'good'),
  };
  return plain(
    Object.entries(parts)
      .filter(([, n]) => n > 0)
      .map(([word, n]) => `${n} ${word}`)
      .join(', ') || 'nothing to tell',
  );
}

/** A word that is longer than a line, such as an address, is left whole to be copied. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
