/**
 * Amazon SES: a pause becomes configuration sets, or the account, that may not send (SES API v2: GetConfigurationSet,
 * PutConfigurationSetSendingOptions, GetAccount, PutAccountSendingAttributes). SES refuses mail then; it keeps none.
 */
import { z } from 'zod';
import type { Actuator, ActuatorType, Order } from '../actuator.ts';
import { address, allowHttp, ask, insecure, refused } from '../actuator-call.ts';
import type { Action, Reach } from '../incident.ts';
import { secret } from '../secret.ts';
import { signed } from '../sigv4.ts';

const of = z.string().min(1).optional();
const config = z
  .strictObject({
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/)
      .describe('Region of the account, such as `eu-central-1`'),
    access_key_id: secret().describe('Of a user with the rights below and no others: `{ file: … }` or `{ env: … }`'),
    secret_access_key: secret().describe('As above'),
    session_token: secret().optional().describe('Of temporary credentials; read again at a reload'),
    sources: z
      .array(z.string().min(1))
      .default([])
      .describe('Sources whose mail leaves through this account; an action on the mail of another source is refused'),
    configuration_sets: z
      .array(
        z.strictObject({
          name: z.string().regex(/^[\w-]{1,64}$/),
          sending_domain: of,
          campaign: of,
          sending_ip: of,
        }),
      )
      .default([])
      .describe(
        'Configuration sets and the mail that is sent with each: `{ name, sending_domain, campaign, sending_ip }`',
      ),
    account: z
      .boolean()
      .default(false)
      .describe('Whether the whole account of the region may be stopped, by an action on all mail of a source'),
    endpoint: address('Instead of `https://email.REGION.amazonaws.com`, such as an endpoint of a VPC').optional(),
    allow_http: allowHttp,
  })
  .superRefine(({ endpoint, allow_http }, context) => {
    const problem = endpoint ? insecure(endpoint, allow_http) : '';
    if (problem !== '') context.addIssue({ code: 'custom', path: ['endpoint'], message: problem });
  });
type Config = z.infer<typeof config>;

/** A configuration set by its name; '' is the account. */
type Switch = string;

/** Whether each may send, as it was before. */
const before = z.strictObject({ enabled: z.record(z.string(), z.boolean()) });
type Before = z.infer<typeof before>;

const PARTS = ['sending_domain', 'sending_ip', 'campaign'] as const satisfies (keyof Reach)[];
const HINTS = {
  403: 'correct region and keys, and the clock of this machine; or give the user the rights that docs/actuators.md lists',
};

class AmazonSes implements Actuator {
  private readonly config: Config;
  /** Orders of this process that hold a switch, with what was before the first of them. */
  private readonly held = new Map<Switch, { orders: Set<string>; enabled: boolean }>();

  constructor(config: Config) {
    this.config = config;
  }

  refuses(action: Action): string {
    const switches = this.switchesOf(action);
    return typeof switches === 'string' ? switches : '';
  }

  async prepare(order: Order, signal: AbortSignal): Promise<Before> {
    const enabled: Record<Switch, boolean> = {};
    for (const name of this.understood(order)) {
      const now = await this.enabled(name, signal);
      // What another order of ours has stopped is no administrator's doing.
      enabled[name] = now || (this.held.get(name)?.enabled ?? false);
    }
    return { enabled };
  }

  async apply(order: Order, prepared: unknown, signal: AbortSignal): Promise<void> {
    for (const [name, enabled] of Object.entries(before.parse(prepared).enabled)) {
      const held = this.held.get(name) ?? { orders: new Set(), enabled };
      this.held.set(name, held);
      held.orders.add(order.id);
      await this.set(name, false, signal);
    }
  }

  async undo(order: Order, prepared: unknown, signal: AbortSignal): Promise<void> {
    const failed: Error[] = [];
    // One that cannot be reached must not keep the others stopped.
    for (const [name, enabled] of Object.entries(before.parse(prepared).enabled))
      await this.release(name, enabled, order, signal).catch((error: Error) => failed.push(error));
    if (failed[0]) throw failed[0];
  }

  private async release(name: Switch, enabled: boolean, { id }: Order, signal: AbortSignal): Promise<void> {
    const held = this.held.get(name);
    const others = [...(held?.orders ?? [])].filter((other) => other !== id);
    if (others.length === 0 && enabled) await this.set(name, true, signal);
    held?.orders.delete(id);
    if (others.length === 0) this.held.delete(name);
  }

  private async set(name: Switch, enabled: boolean, signal: AbortSignal): Promise<void> {
    await this.ask('PUT', name === '' ? '/v2/email/account/sending' : `${set(name)}/sending`, signal, {
      SendingEnabled: enabled,
    });
    if ((await this.enabled(name, signal)) !== enabled)
      throw new Error(`Amazon SES took the change of ${told(name)} and did not make it; look at it in the console`);
  }

  private async enabled(name: Switch, signal: AbortSignal): Promise<boolean> {
    const said = (await this.ask('GET', name === '' ? '/v2/email/account' : set(name), signal)) as {
      SendingEnabled?: unknown;
      SendingOptions?: { SendingEnabled?: unknown };
    } | null;
    const enabled = name === '' ? said?.SendingEnabled : said?.SendingOptions?.SendingEnabled;
    if (typeof enabled !== 'boolean')
      throw new Error(`Amazon SES does not say whether ${told(name)} may send; is the endpoint that of SES (API v2)?`);
    return enabled;
  }

  private async ask(method: 'GET' | 'PUT', path: string, signal: AbortSignal, json?: unknown): Promise<unknown> {
    const { config } = this;
    const url = new URL(path, config.endpoint ?? `https://email.${config.region}.amazonaws.com`);
    const body = json === undefined ? '' : JSON.stringify(json);
    const key = { id: config.access_key_id, secret: config.secret_access_key, session: config.session_token };
    const request = { method, url, headers: body ? { 'content-type': 'application/json' } : {}, body };
    const headers = signed(request, key, config.region, 'ses', Date.now());
    const answer = await ask(url, { method, headers, signal, ...(body && { body }) });
    if (answer.status !== 200) throw refused(`${method} ${url.origin}${path}`, answer, HINTS);
    try {
      return answer.body === '' ? null : JSON.parse(answer.body);
    } catch {
      throw new Error(`${method} ${url.origin}${path}: the answer is no JSON; is the endpoint that of SES (API v2)?`);
    }
  }

  private understood({ action }: Order): Switch[] {
    const switches = this.switchesOf(action);
    if (typeof switches === 'string') throw new Error(switches);
    return switches;
  }

  /** Text: why this mail cannot be stopped by itself. */
  private switchesOf({ verb, reach }: Action): Switch[] | string {
    const { config } = this;
    if (verb !== 'pause') return `Amazon SES has nothing that could ${verb}`;
    if (reach.source !== undefined && !config.sources.includes(reach.source))
      return `it is about mail of the source ${reach.source}, which is not among the sources of this actuator`;
    if (reach.provider !== undefined) return 'Amazon SES cannot hold mail by its recipients';
    if (PARTS.every((part) => reach[part] === undefined))
      return config.account ? [''] : 'it is about all mail, and stopping the account is not allowed (account: true)';
    // One that is used for less than the order is about is stopped with it; one that is used for more is not.
    const sets = config.configuration_sets.filter((set) =>
      PARTS.every((part) => reach[part] === undefined || set[part] === reach[part]),
    );
    return sets.length > 0
      ? sets.map(({ name }) => name)
      : 'no configuration set is used for this mail alone; name one under configuration_sets';
  }
}

const set = (name: string): string => `/v2/email/configuration-sets/${name}`;
const told = (name: Switch): string => (name === '' ? 'the account' : `the configuration set ${name}`);

const type: ActuatorType = {
  config,
  verbs: ['pause'],
  docs:
    'Amazon SES, by its API v2: it stops configuration sets, or the account where that is allowed. It needs an IAM user that may read ' +
    'and switch these and nothing else. [The policy](actuators.md#amazon-ses).',
  open: (config: Config): Actuator => new AmazonSes(config),
};
export default type;
