/**
 * Saved payloads and logs go through a source and come out as its events and as the changes they make to the metrics, for
 * whoever wonders what became of a post: no server, no storage, and nobody's address in what is printed.
 *
 * Longer than a file should be: a command from its flags to its output, which is for people or for programs. What was saved
 * (saved.ts) and what may be told of it (told.ts) stand apart, being the parts that can be wrong by themselves.
 */
import { existsSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { parseArgs } from 'node:util';
import { ConfigError, type ConfiguredSource, loadConfig, loadSourceType, sourceTypes } from './config.ts';
import type { MailEvent } from './event.ts';
import { Exposition } from './exposition.ts';
import { permitted } from './intake.ts';
import { type Feed, Ledger } from './ledger.ts';
import { headersIn, itemsOf, open, ReplayError, runs, whole } from './saved.ts';
import { Malformed, nothing, type Parsed, type Post, type Source } from './source.ts';
import { millis } from './time.ts';
import { described, peopleIn } from './told.ts';

export const HELP = `deliverability-exporter replay --source NAME [flags] FILE…
  Feeds saved payloads or logs through a source and prints the events and what they change in the metrics. A FILE is one
  post, or for sources that read lines a log; - is standard input; gzip and zstd are read as they are. However old events
  are, they count. Items of a post are numbered from 0, lines from 1.

  --source=NAME
        A source of the configuration, or a type of source with its defaults
  --config.file=FILE
        Configuration; default deliverability-exporter.yml where it exists and is good
  --headers=FILE
        Saved headers of the post, as "Name: value" lines or as JSON: says whether the post is genuine
  --at=TIME
        When the post came, for signatures that age; default: when its newest event or its own timestamp says
  --json
        One line of JSON an event, then one object with all else
  --help
        Print this and end
`;

interface Options {
  source: string;
  configFile: string;
  headers: IncomingHttpHeaders | undefined;
  at: number | undefined;
  json: boolean;
  files: string[];
}

type Chosen = Pick<ConfiguredSource, 'name' | 'sourceType' | 'source' | 'auth' | 'sendingDomain' | 'sendingIp'>;

/** An item of a post or a line of a log; `at` is undefined where nobody can say which. */
interface Place {
  file: string;
  at: number | undefined;
  problem?: string;
}

/** Things of one sort: how many, and where the first of them are. */
class Found {
  count = 0;
  readonly places: Place[] = [];

  add(place: Place, times = 1): void {
    this.count += times;
    for (let i = 0; i < times && this.places.length < PLACES_KEPT; i++) this.places.push({ ...place });
  }
}

const DEFAULT_CONFIG = 'deliverability-exporter.yml';
/** Words of vendors look like this; what does not might be anything, somebody's address among it. */
const WORD = /^[A-Za-z][A-Za-z0-9_. -]{0,39}$/;
const PLACES_SHOWN = 20;
const PLACES_KEPT = 1000;
/** All that was ever sent is remembered and none of it is late. */
const FOR_EVER = Number.MAX_SAFE_INTEGER;

/** Resolves to the exit code. Throws ReplayError, or ConfigError, for a person to read. */
export async function replay(args: string[], write: (text: string) => void): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    write(HELP);
    return 0;
  }
  const chosen = await choose(options);
  const run = new Replay(chosen, await Counter.of(chosen, options.at), options, write);
  for (const file of options.files) {
    if (chosen.sourceType.transport === 'lines' && options.headers === undefined) await run.log(file);
    else await run.post(file, (await choose(options)).source);
  }
  await run.end();
  return run.failed ? 1 : 0;
}

function readOptions(args: string[]): Options | undefined {
  const text = { type: 'string', default: '' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const flags = { source: text, 'config.file': text, headers: text, at: text, json: flag, help: flag } as const;
  const { values, positionals: files } = understood(() =>
    parseArgs({ args, options: flags, strict: true, allowPositionals: true }),
  );
  if (values.help) return undefined;
  if (values.source === '') throw new ReplayError('say which source is to read it: --source NAME; --help tells more');
  if (files.length === 0) throw new ReplayError('name at least one FILE to replay, or - for standard input');
  if (values.headers !== '' && files.length > 1)
    throw new ReplayError('--headers belongs to one post: replay the files one at a time with it');
  const at = values.at === '' ? undefined : millis(values.at);
  if (Number.isNaN(at)) throw new ReplayError('--at is a time: ISO 8601, or Unix seconds or milliseconds');
  const headers = values.headers === '' ? undefined : headersIn(values.headers);
  return { source: values.source, configFile: values['config.file'], headers, at, json: values.json, files };
}

function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ReplayError(`${(error as Error).message}; --help lists the flags`);
  }
}

/** Opened anew each time, since a source may keep state. */
async function choose({ source: name, configFile }: Options): Promise<Chosen> {
  const isType = sourceTypes().includes(name);
  const file = configFile || (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : '');
  let known: string[] = [];
  try {
    const { sources } = await loadConfig(file);
    const found = sources.find((source) => source.name === name);
    if (found) return found;
    known = sources.map((source) => source.name);
  } catch (error) {
    // A type needs no configuration, and the one that merely lies about may belong to another machine, with its secrets.
    if (!(error instanceof ConfigError) || configFile !== '' || !isType) throw error;
  }
  if (!isType)
    throw new ReplayError(
      `there is no source ${JSON.stringify(name)}: ${file ? `${file} has ${known.join(', ') || 'none'}; ` : ''}types are ${sourceTypes().join(', ')}`,
    );
  const sourceType = await loadSourceType(name);
  const config = sourceType.config.safeParse({});
  if (!config.success)
    throw new ReplayError(`${name} needs keys of its own: configure it, and name the configuration with --config.file`);
  return {
    ...{ name, sourceType, source: sourceType.open(config.data) },
    ...{ auth: undefined, sendingDomain: '', sendingIp: '' },
  };
}

/** The ledger, with a clock that stands where the newest event does. */
class Counter {
  private readonly ledger: Ledger;
  private readonly feed: Feed;
  private readonly clock: { at: number };

  private constructor(ledger: Ledger, chosen: Chosen, clock: { at: number }) {
    const { name, sourceType, sendingDomain, sendingIp } = chosen;
    this.ledger = ledger;
    this.feed = { name, gives: sourceType.gives, sendingDomain, sendingIp };
    this.clock = clock;
  }

  static async of(chosen: Chosen, at = 0): Promise<Counter> {
    const clock = { at };
    return new Counter(
      await Ledger.open({ path: '', now: () => clock.at, zeroFirst: 0, maxAge: FOR_EVER }),
      chosen,
      clock,
    );
  }

  /** `followed`: lines of a log are told apart by their place, as when it is followed, not by their identity. */
  async count(parsed: Parsed, followed: boolean): Promise<void> {
    for (const { at } of parsed.events) if (at > this.clock.at) this.clock.at = at;
    await this.ledger.record(this.feed, parsed, followed ? { position: { key: 'replay', value: '' } } : {});
  }

  /** Series that moved, without the buckets. */
  async changes(): Promise<Record<string, number>> {
    const changes: Record<string, number> = {};
    const pieces = new Exposition(this.ledger).pieces('text', this.clock.at);
    const text = Array.from(pieces, (piece) => piece.toString()).join('');
    for (const line of text.split('\n')) {
      const space = line.lastIndexOf(' ');
      const value = Number(line.slice(space + 1));
      if (value > 0 && !line.startsWith('#') && !line.includes('_bucket{')) changes[line.slice(0, space)] = value;
    }
    await this.ledger.close();
    return changes;
  }
}

class Replay {
  failed = false;
  private readonly chosen: Chosen;
  private readonly counter: Counter;
  private readonly options: Options;
  private readonly write: (text: string) => void;
  private readonly unit: 'line' | 'item';
  private readonly ids = new Set<string>();
  private readonly notes: string[] = [];
  private readonly ignored = new Found();
  private readonly invalid = new Found();
  private readonly unknown = new Map<string, Found>();
  private genuine: boolean | undefined;
  private events = 0;

  constructor(chosen: Chosen, counter: Counter, options: Options, write: (text: string) => void) {
    this.chosen = chosen;
    this.counter = counter;
    this.options = options;
    this.write = write;
    this.unit = chosen.sourceType.transport === 'lines' && options.headers === undefined ? 'line' : 'item';
  }

  async log(file: string): Promise<void> {
    let line = 0;
    let before = new Set<string>();
    for await (const lines of runs(open(file), file)) {
      const together = nothing();
      // A record over several lines names its recipient in another one than the reply.
      const now = peopleIn(Buffer.concat(lines).toString('utf8'));
      const people = now.union(before);
      before = now;
      for (const body of lines) {
        const parsed = this.parse(this.chosen.source, { headers: {}, body });
        this.take(parsed, parsed.events, { file, at: ++line }, people);
        add(together, parsed);
      }
      await this.counter.count(together, true);
    }
    this.notes.push(`${file}: ${line} lines`);
  }

  /** `other` is a source like the chosen one, to look at items one by one without disturbing it. */
  async post(file: string, other: Source): Promise<void> {
    const post = { headers: this.options.headers ?? {}, body: await whole(file) };
    let parsed: Parsed;
    try {
      parsed = this.chosen.source.parse(post, this.now());
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.failed = true;
      this.notes.push(`${file}: malformed, and would be answered 400: ${error.message}`);
      return this.check(post, []);
    }
    this.locate(file, post, parsed, other);
    if (parsed.after) this.notes.push(`${file}: the sender would be called back to confirm; a replay calls nobody`);
    await this.check(post, parsed.events);
    await this.counter.count(parsed, false);
  }

  async end(): Promise<void> {
    const metrics = await this.counter.changes();
    const { events, ignored, unknown, invalid, genuine, notes } = this;
    if (this.options.json) {
      const shown = ({ count, places }: Found) => ({
        count,
        places: places.map(({ at, ...more }) => ({ ...more, [this.unit]: at })),
      });
      const words = [...unknown].map(([word, found]) => ({ word, ...shown(found) }));
      const all = { events, ignored: shown(ignored), unknown: words, invalid: shown(invalid), genuine, notes, metrics };
      this.write(`${JSON.stringify(all)}\n`);
      return;
    }
    const strange = [...unknown.values()].reduce((sum, { count }) => sum + count, 0);
    this.write(`\n${events} events, ${ignored.count} ignored, ${strange} unknown, ${invalid.count} invalid\n`);
    if (ignored.count > 0) this.write(`  ignored: ${this.places(ignored)}\n`);
    for (const [word, found] of unknown) this.write(`  unknown: ${word}: ${this.places(found)}\n`);
    if (invalid.count > 0) this.write(`  invalid: ${this.places(invalid)}\n`);
    for (const note of notes) this.write(`${note}\n`);
    this.write('\nmetric changes\n');
    for (const [series, value] of Object.entries(metrics)) this.write(`  ${series} +${value}\n`);
  }

  private now(): number {
    return this.options.at ?? Date.now();
  }

  private parse(source: Source, post: Post): Parsed {
    try {
      return source.parse(post, this.now());
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return { ...nothing(), invalid: 1 };
    }
  }

  /** Items may say together what they do not say alone; then nobody can say which of them it was. */
  private locate(file: string, post: Post, parsed: Parsed, other: Source): void {
    const items = itemsOf(post).map((item) => this.parse(other, item));
    const people = peopleIn(post.body.toString('utf8'));
    const together = nothing();
    for (const item of items) add(together, item);
    if (tally(together) !== tally(parsed)) {
      this.take(parsed, parsed.events, { file, at: undefined }, people);
      return;
    }
    let next = 0;
    for (const [at, item] of items.entries()) {
      const events = parsed.events.slice(next, next + item.events.length);
      next += events.length;
      this.take(item, events, { file, at }, people);
    }
    for (const { index, problem } of parsed.problems ?? []) {
      const place = this.invalid.places.find((one) => one.file === file && one.at === index);
      if (place) place.problem = problem;
    }
  }

  private take(parsed: Parsed, events: readonly MailEvent[], place: Place, people: ReadonlySet<string>): void {
    for (const event of events) this.show(event, place, people);
    this.ignored.add(place, parsed.ignored);
    this.invalid.add(place, parsed.invalid);
    for (const raw of parsed.unknown) {
      const word = WORD.test(raw) ? raw : '(not a word)';
      const found = this.unknown.get(word) ?? new Found();
      this.unknown.set(word, found);
      found.add(place);
    }
  }

  private show(event: MailEvent, { file, at: place }: Place, people: ReadonlySet<string>): void {
    this.events++;
    // Lines of a log are told apart by their place.
    const duplicate = this.unit === 'item' && this.ids.has(event.id);
    if (this.unit === 'item') this.ids.add(event.id);
    const told = { ...described(event, this.chosen, people), ...(duplicate && { duplicate }) };
    if (this.options.json) {
      this.write(`${JSON.stringify({ file, [this.unit]: place, ...told })}\n`);
      return;
    }
    const { kind, at, ...more } = told;
    const words = Object.entries(more).map(
      ([key, value]) => ` ${key}=${/^[\w.:-]+$/.test(String(value)) ? value : JSON.stringify(value)}`,
    );
    const where = place === undefined ? '' : `${this.unit} ${place} `;
    this.write(`${where.padEnd(10)}${kind.padEnd(13)}${at}${words.join('')}\n`);
  }

  private places({ count, places }: Found): string {
    const several = this.options.files.length > 1;
    const shown = places.slice(0, PLACES_SHOWN).map(({ file, at, problem }) => {
      const where = at === undefined ? `${count} somewhere` : `${this.unit} ${at}`;
      return `${several ? `${file} ` : ''}${where}${problem === undefined ? '' : ` (${problem})`}`;
    });
    const more = count - shown.length;
    return `${[...new Set(shown)].join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }

  /** Whether the post would be taken for its sender's, at one of the moments at which it may have come. */
  private async check(post: Post, events: readonly MailEvent[]): Promise<void> {
    const { source, auth, name } = this.chosen;
    if (this.options.headers === undefined) {
      if (source.authenticate)
        this.notes.push('whether it is genuine was not looked at: --headers FILE has its headers');
      return;
    }
    if (!source.authenticate && auth === undefined)
      throw new ReplayError(
        `${name} has no keys and no credentials to check with: configure them, and name the configuration with --config.file`,
      );
    const moments = this.options.at === undefined ? momentsOf(post.headers, events) : [this.options.at];
    for (const moment of moments) {
      try {
        await source.prepare?.(post, moment);
      } catch (error) {
        this.failed = true;
        this.notes.push(`whether it is genuine cannot be said: ${(error as Error).message}`);
        return;
      }
      const signed = source.authenticate?.(post, moment) ?? true;
      this.genuine = signed && (auth === undefined || permitted(auth, post));
      if (!this.genuine) continue;
      this.notes.push(`genuine, when it came at ${new Date(moment).toISOString()}`);
      return;
    }
    this.failed = true;
    const tried = moments.map((at) => new Date(at).toISOString()).join(' and ');
    this.notes.push(
      `not genuine, and would be answered 401: signature or credentials do not fit, or are too old or too new at ${tried} (--at says when it came)`,
    );
  }
}

/** The newest event, and whatever in the headers says a time. */
function momentsOf(headers: IncomingHttpHeaders, events: readonly MailEvent[]): number[] {
  const stamps = Object.entries(headers)
    .filter(([name]) => /timestamp|^date$/.test(name))
    .map(([, value]) => millis(String(value)));
  const moments = [...stamps, Math.max(...events.map(({ at }) => at))].filter((at) => at > 0 && Number.isFinite(at));
  return moments.length > 0 ? [...new Set(moments)] : [Date.now()];
}

function add(to: Parsed, { events, ignored, unknown, invalid }: Parsed): void {
  for (const event of events) to.events.push(event);
  for (const word of unknown) to.unknown.push(word);
  to.ignored += ignored;
  to.invalid += invalid;
}

function tally({ events, ignored, unknown, invalid }: Parsed): string {
  return `${events.length} ${ignored} ${unknown.length} ${invalid}`;
}
