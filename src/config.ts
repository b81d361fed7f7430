/**
 * A YAML file becomes a typed configuration: unknown keys are errors, and every problem is told at once, with its line.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { basename, extname } from 'node:path';
import { type Document, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import type { ActuatorType } from './actuator.ts';
import {
  type ChecksSettings,
  checksSchema,
  checksSettings,
  type ResolverSettings,
  resolverSchema,
} from './checks-config.ts';
import {
  type RemediationSettings,
  remediationSchema,
  remediationSettings,
  strategySchema,
} from './remediation-config.ts';
import type { Remedy } from './remedy.ts';
import { secret } from './secret.ts';
import type { Source, SourceType } from './source.ts';

/** Everything wrong with a configuration, one line each, fit to be shown to whoever wrote it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** `15s`, `5m`, `1h30m`, as Prometheus writes them; milliseconds. */
export function duration(): z.ZodType<number> {
  return z.string().transform((text, context) => {
    const parts = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
    const [d, h, m, s, ms] = (parts ?? []).slice(1).map((n) => Number(n ?? 0));
    if (text !== '' && ms !== undefined) return (((d! * 24 + h!) * 60 + m!) * 60 + s!) * 1000 + ms;
    context.addIssue({ code: 'custom', message: 'must be a duration like 15s, 5m or 1h30m' });
    return z.NEVER;
  });
}

const credentials = z.strictObject(
  {
    basic: z
      .array(z.strictObject({ username: z.string().min(1), password: secret() }))
      .default([])
      .describe('User names and passwords (HTTP basic); any one of them will do'),
    bearer: z.array(secret()).default([]).describe('Bearer tokens; any one of them will do'),
    headers: z
      .array(z.strictObject({ name: z.string().min(1).toLowerCase(), value: secret() }))
      .default([])
      .describe('Headers with a secret value; any one of them will do'),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'must be any of basic, bearer, headers' : undefined) },
);

const auth = z
  .union([z.literal('none'), credentials], {
    error: (issue) =>
      issue.code === 'invalid_union' && typeof issue.input === 'object'
        ? undefined
        : 'must be `none` or any of basic, bearer, headers',
  })
  .describe(
    'Who may post. Without it only what the sender itself signs is let in; `none` lets everybody in, in so many words',
  );
export type Auth = z.infer<typeof auth>;

/** Keys that every source has beside its own. */
const common = z.object({
  type: z.string().describe('Kind of source; default: the name it is configured under'),
  auth: auth.optional(),
  sending_domain: z.string().toLowerCase().default('').describe('Sending domain of events that do not say'),
  sending_ip: z
    .string()
    .refine((ip) => isIP(ip) > 0, 'must be an IP address')
    .optional()
    .describe('Sending address of events that do not say'),
  files: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Logs to follow. A name with `*` in it stands for a folder of segments, files that are begun and finished one after the other as KumoMTA writes them: `/var/log/kumomta/*` reads all of them. `-` is standard input. Only for sources that read lines',
    ),
  from: z
    .enum(['beginning', 'end'])
    .default('beginning')
    .describe('Where to begin in a log that was never read before; afterwards reading goes on where it stopped'),
});
const COMMON = Object.keys(common.shape);

const limits = z.strictObject({
  sending_domains: z
    .int()
    .positive()
    .default(2000)
    .describe('Distinct `sending_domain` values; further ones count as `__other__`'),
  sending_ips: z
    .int()
    .positive()
    .default(2000)
    .describe('Distinct `sending_ip` values; further ones count as `__other__`'),
  campaigns: z.int().positive().default(2000).describe('Distinct `campaign` values; further ones count as `__other__`'),
  members: z
    .int()
    .positive()
    .default(50_000)
    .describe('Distinct combinations of resource labels, and of campaign labels; beyond it the finest label is folded'),
  measurements: z.int().positive().default(10_000).describe('Pushed measurements shown at a time'),
  identities: z
    .int()
    .positive()
    .default(1 << 24)
    .describe('Event identities remembered to recognise repeats (12 bytes each)'),
  identity_age: duration()
    .default(26 * 3600_000)
    .describe('How long they are remembered; older events count as `late`, default 26h'),
  body_bytes: z
    .int()
    .positive()
    .default(20 * 1024 * 1024)
    .describe('Largest body of a post, after inflation'),
  batch_events: z.int().positive().default(100_000).describe('Largest number of events in one post'),
  bytes_in_flight: z
    .int()
    .positive()
    .default(256 * 1024 * 1024)
    .describe('Bodies held at a time; beyond it senders are asked to come back'),
  posts_per_second: z
    .int()
    .positive()
    .default(20_000)
    .describe('Posts taken in a second over all sources; beyond it senders are asked to come back'),
});

const checks = checksSchema(duration);
const remediation = remediationSchema(duration);

/** When the next address is to be trusted with how much mail; R21. */
const warmup = z.strictObject({
  ip: z.string().refine((ip) => isIP(ip) > 0, 'must be an IP address'),
  start: z.iso.date('must be a day: 2026-11-24').describe('First day (UTC)'),
  daily: z.array(z.int().nonnegative()).min(1).describe('Messages of the first day, the second, and so on'),
});

const incidents = z.strictObject({
  auth: credentials
    .refine(({ basic, bearer, headers }) => basic.length + bearer.length + headers.length > 0, {
      error: 'name at least one of basic, bearer, headers: nobody is let in without',
    })
    .optional()
    .describe(
      'Who may see incidents, acknowledge and judge them, beside the users of `--web.config.file`: any of `basic`, `bearer`, `headers` as for a source, but never `none`',
    ),
  link_expiry: duration()
    .default(24 * 3600_000)
    .describe('How long a signed link works without credentials, default 24h'),
  keep: duration()
    .default(30 * 24 * 3600_000)
    .describe('How long an incident is remembered after it was resolved, default 30d'),
  verdict_within: duration()
    .default(7 * 24 * 3600_000)
    .describe(
      'How long after its resolution an incident can be judged; then it counts, once, with the verdict that stands. Default 7d',
    ),
});
export type IncidentSettings = z.infer<typeof incidents>;

const top = z.strictObject({
  scrape_interval: duration()
    .default(10_000)
    .describe('How often Prometheus scrapes, default 10s: a new series is shown at 0 a little longer than that'),
  limits: limits.prefault({}).describe('What memory and senders are held to, see below'),
  alerts: z
    .strictObject({ auth })
    .optional()
    .describe("Alertmanager's webhook to /alerts, and with which credentials it comes"),
  incidents: incidents
    .prefault({})
    .describe('Who may see, acknowledge and judge what Alertmanager told of, and how long it is remembered, see below'),
  remediation: remediation
    .optional()
    .describe('What may be done about alerts by itself, see below; without this key nothing is ever asked or called'),
  resolver: resolverSchema.prefault({}).describe('Name servers for checks and MX look-ups, see below'),
  checks: checks
    .optional()
    .describe(
      'What is looked up about our addresses and domains, see below; without this key nothing is. `{}` takes the defaults',
    ),
  providers_by_mx: z
    .boolean()
    .default(false)
    .describe(
      "Whether the mail exchangers of recipients' domains are looked up, so that domains hosted at Google or Microsoft count as that provider",
    ),
  warmup: z
    .array(warmup)
    .default([])
    .describe('Plans of addresses that are warmed up: `ip`, `start` and `daily`, the messages of each day'),
  sources: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('What is listened to, by name; the name is the label `source` and the path /hooks/NAME'),
});

/** For docs/configuration.md. */
export const schemas = {
  top,
  limits,
  common,
  auth,
  incidents,
  remediation,
  strategy: strategySchema(duration),
  checks,
  blocklists: checks.shape.blocklists,
  resolver: resolverSchema,
};

export interface ConfiguredSource {
  name: string;
  type: string;
  sourceType: SourceType;
  source: Source;
  auth: Auth | undefined;
  sendingDomain: string;
  sendingIp: string;
  files: readonly string[];
  from: 'beginning' | 'end';
  /** What was written, to see at a reload whether anything changed. */
  written: string;
}

export interface Config {
  scrapeInterval: number;
  limits: z.infer<typeof limits>;
  /** Who may post to /alerts; undefined closes it. */
  alerts: Auth | undefined;
  incidents: IncidentSettings;
  remediation: RemediationSettings | undefined;
  resolver: ResolverSettings;
  checks: ChecksSettings | undefined;
  providersByMx: boolean;
  warmup: readonly z.infer<typeof warmup>[];
  sources: ConfiguredSource[];
}

/** The names of the files in `sources/`: what `type` may be. */
export const sourceTypes = (): string[] => namesIn('./sources/');

/** Of those in `checks/`. */
export const checkNames = (): string[] => namesIn('./checks/');

/** Of those in `actuators/`. */
export const actuatorTypes = (): string[] => namesIn('./actuators/');

/** What lies in `remedies/`, by name. */
export async function loadRemedies(): Promise<Map<string, Remedy>> {
  const remedies = new Map<string, Remedy>();
  for (const name of namesIn('./remedies/')) remedies.set(name, await plugin<Remedy>('remedies', name));
  return remedies;
}

export const loadActuatorType = (type: string): Promise<ActuatorType> => plugin<ActuatorType>('actuators', type);

async function plugin<T>(folder: string, name: string): Promise<T> {
  const module = await import(new URL(`./${folder}/${name}${extname(import.meta.filename)}`, import.meta.url).href);
  return module.default as T;
}

function namesIn(folder: string): string[] {
  const extension = extname(import.meta.filename);
  return readdirSync(new URL(folder, import.meta.url))
    .filter((file) => file.endsWith(extension))
    .map((file) => basename(file, extension))
    .sort();
}

export const loadSourceType = (type: string): Promise<SourceType> => plugin<SourceType>('sources', type);

/** `path` '' gives the defaults. Throws ConfigError. */
export async function loadConfig(path: string): Promise<Config> {
  if (path === '') return parseConfig('', '');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`${path}: cannot be read: ${(error as Error).message}`]);
  }
  return parseConfig(text, path);
}

export async function parseConfig(text: string, file: string): Promise<Config> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map((e) => `${file}:${lines.linePos(e.pos[0]).line}: not YAML: ${e.message}`),
    );
  }
  const problems = new Problems(document, lines, file);
  const parsed = problems.check(top, document.toJS() ?? {}, []);
  const sources: ConfiguredSource[] = [];
  for (const [name, raw] of Object.entries((parsed ?? rawTop(document.toJS())).sources)) {
    const source = await configure(name, raw, problems);
    if (source) sources.push(source);
  }
  const checked = parsed?.checks
    ? checksSettings(parsed.checks, checkNames(), (path, problem) => problems.add(['checks', ...path], problem))
    : undefined;
  const acting = parsed?.remediation
    ? await remediationSettings(
        parsed.remediation,
        { remedies: await loadRemedies(), actuatorTypes: actuatorTypes(), load: loadActuatorType },
        (path, problem) => problems.add(['remediation', ...path], problem),
        (schema, value, path) => problems.check(schema, value, ['remediation', ...path]),
      )
    : undefined;
  if (parsed?.remediation && !parsed.alerts)
    problems.add(['remediation'], 'there is nothing to be done without alerts: set `alerts`, too');
  if (parsed?.incidents.auth && !parsed.alerts)
    problems.add(['incidents'], 'there are no incidents without alerts: set `alerts`, too');
  if (problems.found.length > 0 || !parsed) throw new ConfigError(problems.found);
  const { scrape_interval: scrapeInterval, alerts, providers_by_mx: providersByMx } = parsed;
  const { limits, incidents, resolver, warmup } = parsed;
  return {
    scrapeInterval,
    limits,
    alerts: alerts?.auth,
    incidents,
    remediation: acting,
    resolver,
    checks: checked,
    providersByMx,
    warmup,
    sources,
  };
}

/** So that mistakes in sources are told in the same breath as mistakes above them. */
function rawTop(value: unknown): { sources: Record<string, unknown> } {
  const sources = (value as { sources?: unknown } | null)?.sources;
  return { sources: typeof sources === 'object' && sources !== null ? (sources as Record<string, unknown>) : {} };
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

async function configure(name: string, raw: unknown, problems: Problems): Promise<ConfiguredSource | undefined> {
  const path = ['sources', name];
  if (!NAME.test(name) || name === 'unknown') {
    problems.add(
      path,
      'a source is named with up to 63 letters, digits, _ . or -, and not `unknown`: the name is a label and a path',
    );
  }
  if (raw !== null && (typeof raw !== 'object' || Array.isArray(raw))) {
    problems.add(path, 'must be a mapping of keys');
    return undefined;
  }
  const keys = Object.entries(raw ?? {});
  const shared = problems.check(
    common,
    { type: name, ...Object.fromEntries(keys.filter(([key]) => COMMON.includes(key))) },
    path,
  );
  const written = (raw as { type?: unknown } | null)?.type;
  const type = typeof written === 'string' ? written : name;
  if (!sourceTypes().includes(type)) {
    problems.add(
      shared?.type === name ? path : [...path, 'type'],
      `there is no source type ${JSON.stringify(type)}; known: ${sourceTypes().join(', ')}`,
    );
    return undefined;
  }
  const sourceType = await loadSourceType(type);
  const own = problems.check(
    sourceType.config,
    Object.fromEntries(keys.filter(([key]) => !COMMON.includes(key))),
    path,
  );
  if (!shared || own === undefined) return undefined;
  if (shared.files.length > 0 && sourceType.transport !== 'lines') {
    problems.add([...path, 'files'], `a source of type ${type} is posted by its sender and reads no files`);
  }
  const source = sourceType.open(own);
  if (!source.authenticate && shared.auth === undefined && shared.files.length === 0) {
    problems.add(
      path,
      `nobody could post to it: ${type} has no signature set up here, so say who may post with \`auth\` (or \`auth: none\` for everybody)`,
    );
  }
  const { auth, files, from, sending_domain: sendingDomain, sending_ip: sendingIp = '' } = shared;
  return { name, type, sourceType, source, auth, sendingDomain, sendingIp, files, from, written: JSON.stringify(raw) };
}

class Problems {
  readonly found: string[] = [];
  private readonly document: Document.Parsed;
  private readonly lines: LineCounter;
  private readonly file: string;

  constructor(document: Document.Parsed, lines: LineCounter, file: string) {
    this.document = document;
    this.lines = lines;
    this.file = file;
  }

  add(path: readonly PropertyKey[], problem: string): void {
    const where = path.map(String).join('.');
    this.found.push(`${this.file}:${this.line(path)}: ${where ? `${where}: ` : ''}${problem}`);
  }

  check<T>(schema: z.ZodType<T>, value: unknown, path: readonly PropertyKey[]): T | undefined {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.tell(issue, path);
    return undefined;
  }

  private tell(issue: z.core.$ZodIssue, path: readonly PropertyKey[]): void {
    const where = [...path, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) this.add([...where, key], 'there is no such key');
    } else if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      // Of the forms a value may have, the one that fits best has the most to say and goes deepest.
      const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(...issues.map((i) => i.path.length));
      const best = issue.errors.reduce((a, b) => (depth(b) > depth(a) ? b : a));
      if (depth(best) === 0 && best.every((i) => i.code !== 'unrecognized_keys')) this.add(where, issue.message);
      else for (const inner of best) this.tell(inner, where);
    } else {
      this.add(where, issue.message);
    }
  }

  /** Line of the key at `path`, or of the nearest key above it. */
  private line(path: readonly PropertyKey[]): number {
    for (let length = path.length; length > 0; length--) {
      const parent = this.document.getIn(path.slice(0, length - 1), true) as { items?: unknown[] } | undefined;
      const last = path[length - 1]!;
      for (const [i, item] of (parent?.items ?? []).entries()) {
        const node = item as {
          key?: { value?: unknown; range?: [number, number, number] };
          range?: [number, number, number];
        };
        const start = node.key
          ? String(node.key.value) === String(last)
            ? node.key.range
            : undefined
          : i === Number(last)
            ? node.range
            : undefined;
        if (start) return this.lines.linePos(start[0]).line;
      }
    }
    return 1;
  }
}
