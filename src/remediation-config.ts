/** The key `remediation` of the configuration: what may be done about which issue, by whom, and how far it may go. */
import { z } from 'zod';
import type { Actuator, ActuatorType } from './actuator.ts';
import { MODES, type Mode } from './incident.ts';
import { type Asked, Prometheus } from './prometheus.ts';
import type { Remedy } from './remedy.ts';
import { secret } from './secret.ts';
import type { Limits } from './selection.ts';

const share = z.number().min(0).max(1);

export const strategySchema = (duration: () => z.ZodType<number>) =>
  z.strictObject({
    mode: z
      .enum(MODES)
      .default('off')
      .describe('`off`, `dry-run` (all but the calls) or `enforce`; never more than `remediation.mode`'),
    actuators: z
      .array(z.string())
      .default([])
      .describe('Which of `remediation.actuators` it is done by: all of them that can do it'),
    effect_in: duration()
      .optional()
      .describe('How long it takes to show, where that is not what docs/remediation.md says'),
  });

export const remediationSchema = (duration: () => z.ZodType<number>) =>
  z.strictObject({
    mode: z
      .enum(MODES)
      .default('dry-run')
      .describe('Ceiling over the modes of all strategies. `off`: nothing is asked and nothing is done'),
    kill_switch: z
      .string()
      .default('')
      .describe(
        'While this file exists nothing new is done; what was done is still undone. It is looked at before each call',
      ),
    prometheus: z
      .strictObject({
        url: z.url({ protocol: /^https?$/, error: 'must be an address like http://prometheus:9090' }),
        auth: z
          .union([
            z.strictObject({ bearer: secret() }),
            z.strictObject({ basic: z.strictObject({ username: z.string().min(1), password: secret() }) }),
          ])
          .optional(),
      })
      .describe(
        'Where the numbers come from: `url`, and `auth` with `bearer: secret` or `basic: { username, password }` where it asks for one. It is only read from',
      ),
    look_after: duration()
      .default(30 * 60_000)
      .describe('When it is looked at whether a remedy helped, default 30m'),
    escalate_after: duration()
      .default(60 * 60_000)
      .describe('When the incident is escalated by one severity because nothing helped, default 60m'),
    window: duration()
      .default(15 * 60_000)
      .describe('What is measured is measured over this, before and after, default 15m'),
    min_samples: z.int().positive().default(10).describe('Messages in the window beneath which nothing is concluded'),
    cool_down: duration()
      .default(3600_000)
      .describe('A strategy is not tried again on the same resource for so long, default 1h'),
    at_longest: duration()
      .default(24 * 3600_000)
      .describe(
        'Whatever was done is undone after this, default 24h; systems that can end it by themselves are told so',
      ),
    call_timeout: duration()
      .default(10_000)
      .describe('How long one call to a system may take, default 10s; each is tried three times'),
    budget: z.int().positive().default(10).describe('Sum of costs per alert: low 1, medium 3, high 5'),
    at_most: z.int().positive().default(3).describe('Strategies per alert'),
    reach: z
      .strictObject({ ips: share.default(0.34), campaigns: share.default(0.5) })
      .prefault({})
      .describe(
        'Share of the sending addresses (`ips`, default 0.34) and of the `campaigns` (0.5) of a domain that may be held back, slowed or moved at once; one always may',
      ),
    reverse: z
      .boolean()
      .default(true)
      .describe('Whether what was done is undone when the alert is resolved; else after `at_longest`'),
    strategies: z
      .record(z.string(), strategySchema(duration))
      .default({})
      .describe('By name (docs/remediation.md): `mode` and `actuators`. Those that are not named are off'),
    actuators: z
      .record(z.string(), z.unknown())
      .default({})
      .describe(
        'Systems that remedies act on, by a name of your own; `type` (default: the name) and keys of their own',
      ),
  });

export type RemediationWritten = z.infer<ReturnType<typeof remediationSchema>>;

export interface Strategy {
  remedy: Remedy;
  /** As far as `remediation.mode` lets it. */
  mode: Mode;
  actuators: readonly string[];
  /** Milliseconds. */
  effectIn: number;
}

export interface RemediationSettings extends Limits {
  mode: Mode;
  killSwitch: string;
  prometheus: Asked;
  /** All in ms. */
  lookAfter: number;
  escalateAfter: number;
  window: number;
  atLongest: number;
  callTimeout: number;
  minSamples: number;
  reverse: boolean;
  strategies: ReadonlyMap<string, Strategy>;
  actuators: ReadonlyMap<string, Actuator>;
}

/** What lies in `remedies/` and `actuators/`, by name. */
export interface Plugins {
  remedies: ReadonlyMap<string, Remedy>;
  actuatorTypes: readonly string[];
  load(type: string): Promise<ActuatorType>;
}

type Tell = (path: PropertyKey[], problem: string) => void;

/** `check` tells what a schema finds and gives undefined then; `tell` anything else. */
export async function remediationSettings(
  written: RemediationWritten,
  plugins: Plugins,
  tell: Tell,
  check: <T>(schema: z.ZodType<T>, value: unknown, path: PropertyKey[]) => T | undefined,
): Promise<RemediationSettings> {
  const actuators = new Map<string, Actuator>();
  for (const [name, raw] of Object.entries(written.actuators)) {
    const actuator = await opened(name, raw, plugins, tell, check);
    if (actuator) actuators.set(name, actuator);
  }
  if (written.window < 1000) tell(['window'], 'must be 1s or more: PromQL has no shorter range here');
  if (written.escalate_after < written.look_after)
    tell(['escalate_after'], 'must not be before look_after: it is what a look shows that is escalated');
  const { url, auth } = written.prometheus;
  return {
    mode: written.mode,
    killSwitch: written.kill_switch,
    prometheus: new Prometheus({ url, authorization: authorization(auth), timeout: 10_000 }),
    lookAfter: written.look_after,
    escalateAfter: written.escalate_after,
    window: written.window,
    atLongest: written.at_longest,
    callTimeout: written.call_timeout,
    minSamples: written.min_samples,
    coolDown: written.cool_down,
    budget: written.budget,
    atMost: written.at_most,
    reach: written.reach,
    reverse: written.reverse,
    strategies: strategiesOf(written, plugins, tell),
    actuators,
  };
}

function strategiesOf(written: RemediationWritten, { remedies }: Plugins, tell: Tell): Map<string, Strategy> {
  const strategies = new Map<string, Strategy>();
  for (const [name, { mode, actuators, effect_in }] of Object.entries(written.strategies)) {
    const remedy = remedies.get(name);
    if (!remedy) {
      tell(['strategies', name], `there is no strategy of this name; known: ${[...remedies.keys()].join(', ')}`);
      continue;
    }
    for (const [i, actuator] of actuators.entries())
      if (!Object.hasOwn(written.actuators, actuator))
        tell(['strategies', name, 'actuators', i], `there is no ${actuator} in remediation.actuators`);
    if (mode !== 'off' && actuators.length === 0)
      tell(['strategies', name], 'it has no actuators: name those of remediation.actuators that it is done by');
    strategies.set(name, {
      remedy,
      mode: lower(mode, written.mode),
      actuators,
      effectIn: effect_in ?? remedy.effectIn * 1000,
    });
  }
  return strategies;
}

async function opened(
  name: string,
  raw: unknown,
  { actuatorTypes, load }: Plugins,
  tell: Tell,
  check: <T>(schema: z.ZodType<T>, value: unknown, path: PropertyKey[]) => T | undefined,
): Promise<Actuator | undefined> {
  const path = ['actuators', name];
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name))
    tell(path, 'an actuator is named with up to 63 letters, digits, _ . or -: the name is a label');
  if (raw !== null && (typeof raw !== 'object' || Array.isArray(raw))) {
    tell(path, 'must be a mapping of keys');
    return undefined;
  }
  const { type = name, ...own } = (raw ?? {}) as { type?: unknown };
  if (typeof type !== 'string' || !actuatorTypes.includes(type)) {
    tell(path, `there is no actuator type ${JSON.stringify(type)}; known: ${actuatorTypes.join(', ')}`);
    return undefined;
  }
  const { config, open } = await load(type);
  const checked = check(config, own, path);
  return checked === undefined ? undefined : open(checked as never);
}

export const lower = (a: Mode, b: Mode): Mode => MODES[Math.min(MODES.indexOf(a), MODES.indexOf(b))]!;

function authorization(auth: RemediationWritten['prometheus']['auth']): string {
  if (!auth) return '';
  if ('bearer' in auth) return `Bearer ${auth.bearer}`;
  return `Basic ${Buffer.from(`${auth.basic.username}:${auth.basic.password}`).toString('base64')}`;
}
