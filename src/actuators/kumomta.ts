/**
 * KumoMTA: a pause becomes suspensions of its scheduled queues, which end by themselves (its HTTP API, `/api/admin/suspend/v1`: POST,
 * GET, DELETE). Queues are told apart by campaign, tenant and recipient domain. There is nothing in the API that sets a rate.
 */
import { z } from 'zod';
import type { Actuator, ActuatorType, Order } from '../actuator.ts';
import { type Answer, address, allowHttp, ask, insecure, refused } from '../actuator-call.ts';
import type { Action } from '../incident.ts';
import { secret } from '../secret.ts';

const names = z.array(z.string().min(1)).min(1);
const config = z
  .strictObject({
    urls: z
      .array(address('Its HTTP listener'))
      .min(1)
      .describe('HTTP listeners of all nodes, such as `http://127.0.0.1:8000`: each node suspends for itself'),
    username: z.string().min(1).optional().describe('With `password`, where its policy asks for credentials'),
    password: secret().optional().describe('`{ file: … }` or `{ env: … }`'),
    sources: z
      .array(z.string().min(1))
      .default([])
      .describe('Sources whose mail leaves through it; an action on the mail of another source is refused'),
    sending_ip: z
      .string()
      .optional()
      .describe('The one address that all of its mail leaves from; without it, actions on an address are refused'),
    tenants: z
      .record(z.string(), names)
      .default({})
      .describe('Sending domains and the tenants that are theirs alone, such as `{ example.com: [example] }`'),
    providers: z
      .record(z.string(), names)
      .default({})
      .describe('Mailbox providers and their recipient domains, such as `{ google: [gmail.com, googlemail.com] }`'),
    allow_http: allowHttp,
  })
  .superRefine(({ urls, username, password, allow_http }, context) => {
    for (const [i, url] of urls.entries()) {
      const problem = insecure(url, allow_http);
      if (problem !== '') context.addIssue({ code: 'custom', path: ['urls', i], message: problem });
    }
    if ((username === undefined) !== (password === undefined))
      context.addIssue({ code: 'custom', path: ['username'], message: 'username and password belong together' });
  });
type Config = z.infer<typeof config>;

/** Which queues; what is missing does not narrow it. */
interface Match {
  campaign?: string;
  tenant?: string;
  domain?: string;
}

const suspension = z.object({
  id: z.string().regex(/^[\w-]{1,64}$/),
  reason: z.string(),
  campaign: z.string().nullish(),
  tenant: z.string().nullish(),
  domain: z.string().nullish(),
});
type Suspension = z.infer<typeof suspension>;

const PATH = '/api/admin/suspend/v1';
const HINTS = {
  401: 'correct username and password, as http_server_validate_auth_basic of its policy knows them',
  403: 'add this machine to trusted_hosts of its HTTP listener',
} as const;

class KumoMta implements Actuator {
  private readonly config: Config;

  constructor(config: Config) {
    this.config = config;
  }

  refuses(action: Action): string {
    const matches = this.matchesOf(action);
    return typeof matches === 'string' ? matches : '';
  }

  /** Whether all nodes answer: what is undone is known by the order's id. */
  async prepare(order: Order, signal: AbortSignal): Promise<unknown> {
    this.understood(order);
    for (const url of this.config.urls) await this.ours(url, order, signal);
    return {};
  }

  async apply(order: Order, _before: unknown, signal: AbortSignal): Promise<void> {
    const matches = this.understood(order);
    const left = Math.floor((order.until - Date.now()) / 1000);
    if (left < 1) throw new Error('the time of the order is over already; nothing was suspended');
    for (const url of this.config.urls) {
      const there = await this.ours(url, order, signal);
      for (const match of matches) {
        if (there.some((one) => same(one, match))) continue;
        const body = { ...match, reason: `${order.reason} ${mark(order)}`, duration: `${left}s` };
        const answer = await this.ask(url, 'POST', signal, body);
        if (answer.status !== 200) throw refused(`POST ${url.origin}${PATH}`, answer, HINTS);
      }
      const done = await this.ours(url, order, signal);
      if (!matches.every((match) => done.some((one) => same(one, match))))
        throw new Error(`${url.origin} took the suspension and does not list it; is it KumoMTA that answers there?`);
    }
  }

  async undo(order: Order, _before: unknown, signal: AbortSignal): Promise<void> {
    const failed: Error[] = [];
    // A node that is down must not keep the others suspended.
    for (const url of this.config.urls) await this.lift(url, order, signal).catch((error: Error) => failed.push(error));
    if (failed[0]) throw failed[0];
  }

  private async lift(url: URL, order: Order, signal: AbortSignal): Promise<void> {
    for (const { id } of await this.ours(url, order, signal)) {
      const answer = await this.ask(url, 'DELETE', signal, { id });
      // 404: it has ended meanwhile.
      if (answer.status !== 200 && answer.status !== 404) throw refused(`DELETE ${url.origin}${PATH}`, answer, HINTS);
    }
    if ((await this.ours(url, order, signal)).length > 0)
      throw new Error(`${url.origin} lists the suspension still after it was lifted; lift it by kcli suspend-cancel`);
  }

  /** Suspensions that an order made, known by their reason: it gives them ids of its own. */
  private async ours(url: URL, order: Order, signal: AbortSignal): Promise<Suspension[]> {
    const answer = await this.ask(url, 'GET', signal);
    if (answer.status !== 200) throw refused(`GET ${url.origin}${PATH}`, answer, HINTS);
    let listed: Suspension[];
    try {
      listed = z.array(suspension).parse(JSON.parse(answer.body));
    } catch {
      throw new Error(
        `GET ${url.origin}${PATH}: it answered no list of suspensions; is it KumoMTA that answers there?`,
      );
    }
    return listed.filter(({ reason }) => reason.endsWith(mark(order)));
  }

  private ask(url: URL, method: 'GET' | 'POST' | 'DELETE', signal: AbortSignal, body?: unknown): Promise<Answer> {
    const { username, password } = this.config;
    return ask(new URL(PATH, url), {
      method,
      signal,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(username !== undefined && {
          authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
        }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  private understood({ action }: Order): Match[] {
    const matches = this.matchesOf(action);
    if (typeof matches === 'string') throw new Error(matches);
    return matches;
  }

  /** Text: why KumoMTA cannot tell this mail apart. */
  private matchesOf({ verb, reach }: Action): Match[] | string {
    const { config } = this;
    const { source, sending_ip: ip, sending_domain: domain, provider, campaign } = reach;
    if (verb === 'throttle') return 'its HTTP API sets no rates: they are its own policy’s (traffic shaping)';
    if (verb !== 'pause') return `KumoMTA has nothing that could ${verb}`;
    if (source !== undefined && !config.sources.includes(source))
      return `it is about mail of the source ${source}, which is not among the sources of this actuator`;
    if (ip !== undefined && ip !== config.sending_ip)
      return `it is about mail from ${ip}, and KumoMTA suspends by campaign, tenant and recipient domain`;
    const tenants = domain === undefined ? [undefined] : own(config.tenants, domain);
    if (!tenants) return `no tenant is given for ${domain}; name those that send for it alone under tenants`;
    const domains = provider === undefined ? [undefined] : own(config.providers, provider);
    if (!domains) return `no recipient domains are given for ${provider}; name them under providers`;
    return tenants.flatMap((tenant) =>
      domains.map((domain) => ({
        ...(campaign !== undefined && { campaign }),
        ...(tenant !== undefined && { tenant }),
        ...(domain !== undefined && { domain }),
      })),
    );
  }
}

const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

const mark = ({ id }: Order): string => `[deliverability-exporter ${id}]`;

const same = (one: Suspension, match: Match): boolean =>
  (['campaign', 'tenant', 'domain'] as const).every((part) => (one[part] ?? undefined) === match[part]);

const type: ActuatorType = {
  config,
  verbs: ['pause'],
  docs:
    'KumoMTA, by the HTTP API of each node. It needs to be among `trusted_hosts` of a listener, or credentials that its policy takes. ' +
    '[How to set it up](actuators.md#kumomta).',
  open: (config: Config): Actuator => new KumoMta(config),
};
export default type;
