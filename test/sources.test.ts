/**
 * Every source against its fixture, every signing source against the same attacks, every parser against random input.
 *
 * `test/sources/<name>.yml` is the fixture of `src/sources/<name>.ts`; one without the other fails. Its keys:
 *
 *     config: { … }            # own keys of the source, as in the configuration file; optional, each case may replace it
 *     now: 2026-11-24T10:00:00Z  # the clock given to parse; optional, this is the default
 *     cases:
 *       - title: what is special here
 *         seen: where the shape comes from (name of the vendor document or program, its version or date)
 *         config: { … }        # optional, replaces the one above for this case
 *         headers: { … }       # optional, lower-case names
 *         json: [ … ]          # the body as a value, posted as compact JSON; `stringify: [Key, …]` first turns the values of
 *                              # these top-level keys into JSON text (SNS); or
 *         form: { key: … }     # posted as a form; values that are no text become JSON text first (Mandrill); or
 *         body: |              # the body as it is; or
 *           …
 *         file: real.log       # the body from test/sources/real.log; or
 *         posts: [ {json|form|body|file, headers}, … ]   # several posts to one opened source, for what keeps state
 *         events:              # exactly these, in this order; a key that is '' or undefined in the event may be left out,
 *                              # and so may `id`, which then only has to be there
 *           - { kind: delivered, at: 2026-11-24T09:59:58Z, recipientDomain: example.com }
 *         counts: { delivered: 10 }   # instead of events, for long logs: how many of each kind
 *         distinct: 2          # how many different ids the events have; default: as many as events
 *         ignored: 0           # these three as in Parsed; default 0, [] and 0
 *         unknown: []
 *         invalid: 0
 *         problems: [0]        # indexes of the items that a problem is told of (push API)
 *         malformed: expected  # parse throws Malformed and its message contains this text (then no events)
 *         alone: true          # the items of this case say something together (a queue id, a header line): not mixed with
 *                              # random neighbours by the property tests
 *
 * The source's module exports its SourceType as default and `words`: every event word it maps or ignores. Each must occur
 * as a whole word in the body of some case; an entry that is a list, all of them in one and the same body. And each row of
 * the source's tables (constants in capitals) must decide something: without it, some case fails.
 *
 * `test/sources/<name>.sign.ts`, for a source that authenticates by itself, exports `signer: Signer`
 * (test/sources/signer.ts).
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { registerHooks } from 'node:module';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import { BOUNCE_CLASSES, KINDS, type MailEvent, REPLY_REASONS, SUPPRESSION_REASONS } from '../src/event.ts';
import { Malformed, type Parsed, type Post, type Source, type SourceType } from '../src/source.ts';
import type { Signed, Signer } from './sources/signer.ts';

interface Body {
  json?: unknown;
  stringify?: string[];
  form?: Record<string, unknown>;
  body?: string;
  file?: string;
  headers?: IncomingHttpHeaders;
}

interface Case extends Body {
  title: string;
  seen: string;
  config?: Record<string, unknown>;
  posts?: Body[];
  events?: (Partial<Record<string, unknown>> & { kind: string; at: string | number })[];
  counts?: Partial<Record<string, number>>;
  distinct?: number;
  ignored?: number;
  unknown?: string[];
  invalid?: number;
  problems?: number[];
  malformed?: string;
  alone?: boolean;
}

interface Fixture {
  config?: Record<string, unknown>;
  now?: string;
  cases: Case[];
}

interface Module {
  default: SourceType;
  words: readonly (string | readonly string[])[];
}

const SOURCES = new URL('../src/sources/', import.meta.url);
const FIXTURES = new URL('./sources/', import.meta.url);
const baseNames = (folder: URL, ending: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length))
    .sort();

/** Beside the common keys, each kind has these and no others. */
const KEYS: Record<string, readonly string[]> = {
  delivered: ['seconds'],
  deferred: ['reply'],
  bounced: ['reply', 'class', 'reason'],
  suppressed: ['reason'],
  opened: ['by'],
};
const COMMON = ['kind', 'id', 'at', 'sendingDomain', 'sendingIp', 'recipientDomain', 'campaign'];
/** Each kind may have it, and what stands in it. */
const CONTENT: Record<string, (value: unknown) => boolean> = {
  spamScore: Number.isFinite,
  spam: (value) => typeof value === 'boolean',
  authentication: (value) => Array.isArray(value),
};

/** Values that tend to break readers of JSON. */
const nasty = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1e21, '', ' ', [], {}, [[]], '\u0000', '},{', '@', 'a@b@c', '__proto__'),
  fc.constantFrom<unknown>('constructor', 'toString', 'NaN', '9'.repeat(400), '\ud800', 'x'.repeat(5000), '1e999'),
  fc.jsonValue({ maxDepth: 2 }),
);

const names = baseNames(SOURCES, '.ts');
const signers = baseNames(FIXTURES, '.sign.ts');

// All of them before the first test is declared, because node:test starts running at the first await behind one.
const modules: Module[] = await Promise.all(names.map((name) => import(new URL(`${name}.ts`, SOURCES).href)));

it('each source has its fixture and each fixture its source', () => {
  assert.deepEqual(baseNames(FIXTURES, '.yml'), names);
  for (const name of signers) assert.ok(names.includes(name), `${name}.sign.ts signs for no source`);
});

for (const [i, name] of names.entries()) {
  const module = modules[i]!;
  const fixture: Fixture = parseYaml(readIfThere(`${name}.yml`) ?? 'cases: []');
  const now = Date.parse(fixture.now ?? '2026-11-24T10:00:00Z');
  describe(name, () => {
    for (const one of fixture.cases)
      it(`${one.title} (${one.seen})`, () => checkCase(module.default, fixture, one, now));
    it('says every word it knows in a case', () => checkWords(module, fixture));
    it('has a case for every row of its tables', () => checkRows(name, fixture, now));
    properties(module.default, fixture, now);
    if (signers.includes(name)) attacks(name, module.default, fixture, now);
    else
      it('authenticates by itself only if it has a signer here', () => {
        const source = module.default.open(configOf(module.default, fixture, fixture.cases[0]));
        assert.equal(source.authenticate, undefined);
      });
  });
}

function readIfThere(name: string): string | undefined {
  const url = new URL(name, FIXTURES);
  return readdirSync(FIXTURES).includes(name) ? readFileSync(url, 'utf8') : undefined;
}

function configOf(type: SourceType, fixture: Fixture, one: Case | undefined): unknown {
  return type.config.parse(one?.config ?? fixture.config ?? {});
}

function postOf(given: Body): Post {
  return { headers: given.headers ?? {}, body: bodyOf(given) };
}

function bodyOf(given: Body): Buffer {
  if (given.json !== undefined) return Buffer.from(JSON.stringify(stringified(given.json, given.stringify ?? [])));
  if (given.form !== undefined) return Buffer.from(new URLSearchParams(texts(given.form)).toString());
  if (given.file !== undefined) return readFileSync(new URL(given.file, FIXTURES));
  return Buffer.from(given.body ?? '');
}

function stringified(value: unknown, keys: string[]): unknown {
  if (keys.length === 0 || typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = { ...value };
  for (const key of keys) if (key in copy && typeof copy[key] !== 'string') copy[key] = JSON.stringify(copy[key]);
  return copy;
}

function texts(form: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(form).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

// ---- fixtures

function checkCase(type: SourceType, fixture: Fixture, one: Case, now: number): void {
  const posts = (one.posts ?? [one]).map(postOf);
  const source = type.open(configOf(type, fixture, one));
  if (one.malformed !== undefined) {
    assert.throws(
      () => posts.map((post) => source.parse(post, now)),
      (error: unknown) => error instanceof Malformed && error.message.includes(one.malformed!),
    );
    return;
  }
  const parsed = together(posts.map((post) => source.parse(post, now)));
  for (const event of parsed.events) checkEvent(event, type);
  if (one.counts !== undefined) {
    const counts: Record<string, number> = {};
    for (const event of parsed.events) counts[event.kind] = (counts[event.kind] ?? 0) + 1;
    assert.deepEqual(counts, one.counts);
  } else {
    const wanted = one.events ?? [];
    assert.deepEqual(
      parsed.events.map((event, i) => comparable({ ...event }, wanted[i]?.id !== undefined)),
      wanted.map((event) => comparable({ ...event, at: millis(event.at) }, true)),
    );
  }
  assert.deepEqual(
    {
      distinct: new Set(parsed.events.map((event) => event.id)).size,
      ignored: parsed.ignored,
      unknown: parsed.unknown,
      invalid: parsed.invalid,
      problems: (parsed.problems ?? []).map((problem) => problem.index),
    },
    {
      distinct: one.distinct ?? parsed.events.length,
      ignored: one.ignored ?? 0,
      unknown: one.unknown ?? [],
      invalid: one.invalid ?? 0,
      problems: one.problems ?? [],
    },
  );
  const again = type.open(configOf(type, fixture, one));
  assert.deepEqual(
    together(posts.map((post) => again.parse(post, now + 3600_000))).events.map((event) => event.id),
    parsed.events.map((event) => event.id),
    'the same posts an hour later have the same ids',
  );
}

function together(all: Parsed[]): Parsed {
  return {
    events: all.flatMap((parsed) => parsed.events),
    ignored: all.reduce((sum, parsed) => sum + parsed.ignored, 0),
    unknown: all.flatMap((parsed) => parsed.unknown),
    invalid: all.reduce((sum, parsed) => sum + parsed.invalid, 0),
    problems: all.flatMap((parsed) => parsed.problems ?? []),
  };
}

function millis(at: string | number): number {
  return typeof at === 'number' ? at : Date.parse(at);
}

function comparable(event: Record<string, unknown>, withId: boolean): Record<string, unknown> {
  const kept = Object.entries(event).filter(
    ([key, value]) => value !== '' && value !== undefined && (key !== 'id' || withId),
  );
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function checkWords({ words }: Module, fixture: Fixture): void {
  const bodies = fixture.cases.flatMap((one) => (one.posts ?? [one]).map((given) => readable(given)));
  for (const entry of words) {
    const all = typeof entry === 'string' ? [entry] : entry;
    const patterns = all.map((word) => new RegExp(`(?<![\\w.-])${RegExp.escape(word)}(?![\\w-])`));
    assert.ok(
      bodies.some((body) => patterns.every((pattern) => pattern.test(body))),
      `no case says ${all.join(' and ')}`,
    );
  }
}

function readable(given: Body): string {
  return given.form !== undefined ? JSON.stringify(given.form) : bodyOf(given).toString('utf8');
}

/** `?without=7` is the module without its line 7, counted from 0. */
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const without = Number(/\?without=(\d+)$/.exec(url)?.[1] ?? Number.NaN);
    if (Number.isNaN(without)) return loaded;
    const lines = String(loaded.source).split('\n');
    return { ...loaded, source: lines.toSpliced(without, 1).join('\n') };
  },
});

/** Where the rows of tables stand that fit on a line, as Biome formats them: a key and its value, a pair, a word. */
function rowsOf(text: string): number[] {
  let inside = false;
  const rows: number[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (/^(?:export )?const [A-Z_]+\b.*[{[]$/.test(line)) inside = true;
    else if (!line.startsWith(' ')) inside = false;
    else if (inside && /^ {2}(?:[\w-]+:|'[^']+':?|\[).*,(?: \/\/.*)?$/.test(line)) rows.push(i);
  }
  return rows;
}

async function checkRows(name: string, fixture: Fixture, now: number): Promise<void> {
  const url = new URL(`${name}.ts`, SOURCES);
  const text = readFileSync(url, 'utf8');
  const unproven: string[] = [];
  for (const row of rowsOf(text)) {
    const module: Module = await import(`${url.href}?without=${row}`);
    try {
      for (const one of fixture.cases) checkCase(module.default, fixture, one, now);
      unproven.push(`${row + 1}: ${text.split('\n')[row]!.trim()}`);
    } catch (error) {
      if (!(error instanceof assert.AssertionError)) throw error;
    }
  }
  assert.deepEqual(unproven, [], 'no case misses these lines');
}

// ---- what holds of every event, whatever was sent

function checkEvent(event: MailEvent, type: SourceType): void {
  const shown = JSON.stringify(event);
  assert.ok(KINDS.includes(event.kind) && type.gives.includes(event.kind), `kind: ${shown}`);
  assert.ok(typeof event.id === 'string' && event.id !== '', `id: ${shown}`);
  // How old is too old is decided once, by the ledger.
  assert.ok(Number.isFinite(event.at), `at: ${shown}`);
  for (const key of Object.keys(event))
    assert.ok(COMMON.includes(key) || key === 'content' || KEYS[event.kind]?.includes(key), `${key}: ${shown}`);
  for (const [key, value] of Object.entries(event.content ?? {})) assert.ok(CONTENT[key]?.(value), `${key}: ${shown}`);
  for (const key of COMMON.slice(3)) assert.equal(typeof event[key as 'campaign'], 'string', `${key}: ${shown}`);
  for (const key of ['sendingDomain', 'recipientDomain', 'campaign', 'sendingIp'] as const)
    assert.ok(!event[key].includes('@'), `an address in ${key}: ${shown}`);
  assert.equal(event.sendingDomain, event.sendingDomain.toLowerCase());
  assert.equal(event.recipientDomain, event.recipientDomain.toLowerCase());
  assert.ok(event.sendingDomain.length <= 255 && !/[\s<>]/.test(event.sendingDomain), `sendingDomain: ${shown}`);
  assert.match(event.sendingIp, /^$|^[0-9A-Fa-f.:]{3,45}$/);
  assert.ok(event.campaign.length <= 200, `campaign: ${shown}`);
  if (event.kind === 'bounced') {
    assert.ok(event.class === undefined || BOUNCE_CLASSES.includes(event.class), `class: ${shown}`);
    assert.ok(event.reason === undefined || REPLY_REASONS.includes(event.reason), `reason: ${shown}`);
  }
  if (event.kind === 'bounced' || event.kind === 'deferred') assert.equal(typeof event.reply, 'string');
  if (event.kind === 'suppressed') assert.ok(SUPPRESSION_REASONS.includes(event.reason), `reason: ${shown}`);
  if (event.kind === 'opened') assert.ok(event.by === 'person' || event.by === 'machine', `by: ${shown}`);
  if (event.kind === 'delivered' && event.seconds !== undefined)
    assert.ok(Number.isFinite(event.seconds) && event.seconds >= 0, `seconds: ${shown}`);
}

// ---- random input

function properties(type: SourceType, fixture: Fixture, now: number): void {
  const good = fixture.cases.filter((one) => one.malformed === undefined && one.posts === undefined);
  if (good.length === 0) return;
  const parseBody = (source: Source, one: Case, body: Buffer): Parsed | undefined => {
    try {
      const parsed = source.parse({ headers: one.headers ?? {}, body }, now);
      for (const event of parsed.events) checkEvent(event, type);
      return parsed;
    } catch (error) {
      if (error instanceof Malformed) return undefined;
      throw error;
    }
  };
  const opened = (one: Case) => type.open(configOf(type, fixture, one));
  const someCase = fc.constantFrom(...good);

  it('answers any bytes with events or Malformed', () => {
    fc.assert(
      fc.property(
        someCase,
        fc.oneof(
          fc.uint8Array(),
          fc.string().map((s) => Buffer.from(s)),
        ),
        (one, bytes) => {
          parseBody(opened(one), one, Buffer.from(bytes));
        },
      ),
    );
  });

  it('answers its own bodies, cut or with bytes changed, with events or Malformed', () => {
    const edit = fc.tuple(fc.double({ min: 0, max: 0.9999, noNaN: true }), fc.nat(255));
    fc.assert(
      fc.property(someCase, fc.array(edit, { maxLength: 4 }), fc.boolean(), (one, edits, cut) => {
        const body = bodyOf(one);
        for (const [where, byte] of edits) if (body.length > 0) body[Math.floor(where * body.length)] = byte;
        parseBody(opened(one), one, cut ? body.subarray(0, Math.floor((edits[0]?.[0] ?? 0.5) * body.length)) : body);
      }),
      { numRuns: 300 },
    );
  });

  const values = good.filter((one) => one.json !== undefined || one.form !== undefined);
  if (values.length > 0)
    it('answers its own values, any of them replaced, with events or Malformed', () => {
      fc.assert(
        fc.property(fc.constantFrom(...values), fc.array(fc.tuple(fc.nat(), nasty), { maxLength: 3 }), (one, edits) => {
          const changed: Case = structuredClone(one);
          for (const [pick, value] of edits) replace((changed.json ?? changed.form) as object, pick, value);
          parseBody(opened(one), one, bodyOf(changed));
        }),
        { numRuns: 500 },
      );
    });

  const batches = values.filter((one) => Array.isArray(one.json) && one.json.length > 0 && one.alone !== true);
  if (batches.length > 0)
    it('loses no good item beside a bad one', () => {
      fc.assert(
        fc.property(fc.constantFrom(...batches), fc.array(nasty, { maxLength: 3 }), fc.nat(), (one, bad, pick) => {
          const items = one.json as unknown[];
          const twisted = structuredClone(items);
          replace({ twisted }, pick, bad[0] ?? null);
          const expected = parseBody(opened(one), one, bodyOf(one))!;
          const mixed = parseBody(opened(one), one, bodyOf({ json: [...bad, ...items, ...twisted] }));
          containsAll(mixed, expected);
        }),
        { numRuns: 300 },
      );
    });

  const logs = good.filter((one) => type.transport === 'lines' && one.alone !== true);
  if (logs.length > 0)
    it('loses no good line beside a bad one', () => {
      const noise = fc.string().map((s) => s.replace(/["\r\n]/g, ''));
      fc.assert(
        fc.property(fc.constantFrom(...logs), fc.array(noise, { minLength: 1, maxLength: 5 }), (one, bad) => {
          const lines = bodyOf(one).toString('utf8').split('\n').slice(0, 200);
          const whole = Buffer.from(`${lines.join('\n')}\n`);
          const expected = parseBody(opened(one), one, whole)!;
          const mixed = lines.flatMap((line, i) => [line, bad[i % bad.length]!]);
          containsAll(parseBody(opened(one), one, Buffer.from(`${mixed.join('\n')}\n`)), expected);
        }),
      );
    });
}

/** Each expected event is there, as often as expected, and in its order. */
function containsAll(mixed: Parsed | undefined, expected: Parsed): void {
  assert.ok(mixed !== undefined, 'a bad item made the whole body malformed');
  let next = 0;
  for (const event of mixed.events)
    if (next < expected.events.length && JSON.stringify(event) === JSON.stringify(expected.events[next])) next++;
  assert.equal(next, expected.events.length, 'a good event was lost beside a bad one');
}

/** Puts `value` at one of the places inside `root`, or removes that key when `value` is null every third time. */
function replace(root: object, pick: number, value: unknown): void {
  const places: [Record<string, unknown>, string][] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const key of Object.keys(node)) {
      places.push([node as Record<string, unknown>, key]);
      walk((node as Record<string, unknown>)[key]);
    }
  };
  walk(root);
  const place = places[pick % places.length];
  if (place === undefined) return;
  if (pick % 3 === 0 && value === null) delete place[0][place[1]];
  else place[0][place[1]] = structuredClone(value);
}

// ---- attacks on what is signed

function attacks(name: string, type: SourceType, fixture: Fixture, now: number): void {
  const sample = fixture.cases.find((one) => one.malformed === undefined && (one.events?.length ?? 0) > 0)!;
  const load = async (): Promise<Signer> =>
    ((await import(new URL(`${name}.sign.ts`, FIXTURES).href)) as { signer: Signer }).signer;
  const open = (signer: Signer, keys: readonly ('a' | 'b')[]): Source =>
    type.open(type.config.parse({ ...fixture.config, ...sample.config, ...signer.config(keys) }));
  const sign = (signer: Signer, at: number, key: 'a' | 'b' = 'a'): Signed => signer.sign(postOf(sample), at, key);
  const accepts = async (source: Source, post: Post): Promise<boolean> => {
    await source.prepare?.(post, now);
    return source.authenticate!(post, now);
  };
  const attack = (title: string, run: (signer: Signer) => Promise<void>): void => {
    it(title, async () => run(await load()));
  };

  attack('a post signed with the right key passes and still parses', async (signer) => {
    const source = open(signer, ['a']);
    const post = sign(signer, now);
    assert.equal(await accepts(source, post), true);
    assert.deepEqual(source.parse(post, now).events, open(signer, ['a']).parse(postOf(sample), now).events);
  });

  attack('a post with something changed fails, also after the real one came', async (signer) => {
    const source = open(signer, ['a']);
    const post = sign(signer, now);
    const tampered = signer.tamper ? signer.tamper(post) : oneByteChanged(post);
    assert.ok(tampered.length > 3);
    assert.equal(await accepts(source, post), true);
    for (const changed of tampered)
      assert.equal(await accepts(source, changed), false, changed.body.toString('utf8').slice(0, 2000));
  });

  attack('a post without its proof, or with a garbled one, fails', async (signer) => {
    const post = sign(signer, now);
    assert.ok(signer.proof.length > 0 || signer.tamper !== undefined);
    for (const header of signer.proof) {
      const { [header]: value, ...rest } = post.headers;
      assert.equal(typeof value, 'string', `${name} signs with the header ${header}`);
      assert.equal(await accepts(open(signer, ['a']), { ...post, headers: rest }), false, `without ${header}`);
      const middle = Math.floor(String(value).length / 2);
      const flipped = String(value).slice(0, middle) + (value![middle] === '1' ? '2' : '1') + value!.slice(middle + 1);
      for (const garbled of ['', ' ', 'x', '0', flipped, String(value).slice(0, -4), '\u0000', 'ÿ'.repeat(64)]) {
        const headers = { ...post.headers, [header]: garbled };
        assert.equal(await accepts(open(signer, ['a']), { ...post, headers }), false, `${header}: ${garbled}`);
      }
    }
  });

  attack('a post signed with another key fails, also after that key was removed', async (signer) => {
    assert.equal(await accepts(open(signer, ['b']), sign(signer, now, 'a')), false);
    assert.equal(await accepts(open(signer, ['a']), sign(signer, now, 'b')), false);
  });

  attack('during a rotation both keys pass', async (signer) => {
    const source = open(signer, ['a', 'b']);
    assert.equal(await accepts(source, sign(signer, now, 'a')), true);
    assert.equal(await accepts(source, sign(signer, now, 'b')), true);
  });

  attack('a stale or future timestamp fails, one just inside the window passes', async (signer) => {
    const source = open(signer, ['a']);
    if (signer.window === undefined) {
      // Nothing signed tells when it was sent. Its events keep the time that they have, and become too late to count.
      const post = sign(signer, now);
      const later = source.parse(post, now + 365 * 24 * 3600_000).events.map((event) => event.at);
      assert.deepEqual(
        later,
        source.parse(post, now).events.map((event) => event.at),
      );
      assert.ok(later.every((at) => at <= now));
      return;
    }
    const { past, future } = signer.window;
    assert.equal(await accepts(source, sign(signer, now - past - 2000)), false, 'stale');
    assert.equal(await accepts(source, sign(signer, now + future + 2000)), false, 'future');
    assert.equal(await accepts(source, sign(signer, now - past + 2000)), true, 'old but inside');
    assert.equal(await accepts(source, sign(signer, now + future - 2000)), true, 'ahead but inside');
  });

  attack('a replay gives the same ids, so that it counts nothing', async (signer) => {
    const source = open(signer, ['a']);
    const post = sign(signer, now);
    const ids = () => source.parse(post, now).events.map((event) => event.id);
    assert.deepEqual(ids(), ids());
  });
}

function oneByteChanged(post: Post): Post[] {
  const step = Math.max(1, Math.floor(post.body.length / 64));
  const changed: Post[] = [];
  for (let at = 0; at < post.body.length; at += step) {
    const body = Buffer.from(post.body);
    body[at]! ^= 1;
    changed.push({ headers: post.headers, body });
  }
  changed.push({ headers: post.headers, body: post.body.subarray(0, -1) });
  changed.push({ headers: post.headers, body: Buffer.concat([post.body, Buffer.from('\n')]) });
  return changed;
}
