/**
 * A system of the operator's own: orders become signed posts of JSON. The contract is ours (docs/actuators.md#webhook); the idempotency
 * key follows draft-ietf-httpapi-idempotency-key-header.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Actuator, ActuatorType, Order } from '../actuator.ts';
import { address, allowHttp, ask, insecure, refused } from '../actuator-call.ts';
import type { Action, Verb } from '../incident.ts';
import { secret } from '../secret.ts';

const VERBS = ['pause', 'throttle', 'reroute', 'validate', 'clean', 'review'] as const satisfies readonly Verb[];

const config = z
  .strictObject({
    url: address('Where orders are posted to: https, or http on this machine'),
    secret: secret().describe('What posts are signed with, known to the receiver, too: `{ file: … }` or `{ env: … }`'),
    verbs: z
      .array(z.enum(VERBS))
      .min(1)
      .describe('What the receiver can do; anything else is refused without asking it'),
    allow_http: allowHttp,
  })
  .superRefine(({ url, allow_http }, context) => {
    const problem = insecure(url, allow_http);
    if (problem !== '') context.addIssue({ code: 'custom', path: ['url'], message: problem });
  });
type Config = z.infer<typeof config>;

/** Those that it gives when it will never do it, however often it is asked. */
const FOR_GOOD: Readonly<Record<number, string>> = {
  409: 'it refuses for good, because something else is in force there; asking again will not help',
  422: 'it refuses for good, because it cannot do this; take the verb or the strategy away from it',
};

class Webhook implements Actuator {
  private readonly config: Config;

  constructor(config: Config) {
    this.config = config;
  }

  refuses({ verb }: Action): string {
    return this.config.verbs.some((known) => known === verb) ? '' : `${verb} is not among its verbs`;
  }

  /** The receiver remembers itself what was before. */
  async prepare(): Promise<unknown> {
    return {};
  }

  async apply(order: Order, _before: unknown, signal: AbortSignal): Promise<void> {
    const refusal = this.refuses(order.action);
    if (refusal !== '') throw new Error(refusal);
    await this.post('apply', order, signal);
  }

  /** Not held against the verbs: what was done must be undone, even if the configuration has changed since. */
  async undo(order: Order, _before: unknown, signal: AbortSignal): Promise<void> {
    await this.post('undo', order, signal);
  }

  private async post(what: 'apply' | 'undo', { id, action, reason, until }: Order, signal: AbortSignal): Promise<void> {
    const { url, secret } = this.config;
    const body = JSON.stringify({ id, do: what, action, reason, until: new Date(until).toISOString() });
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
    const answer = await ask(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': `${id}:${what}`,
        'x-deliverability-timestamp': timestamp,
        'x-deliverability-signature': `sha256=${signature}`,
      },
      body,
      signal,
    });
    if (answer.status < 200 || answer.status > 299)
      throw refused(`POST ${url.origin}${url.pathname}`, answer, FOR_GOOD);
  }
}

const type: ActuatorType = {
  config,
  verbs: VERBS,
  docs:
    'A system of your own, or a sending service behind a small program of yours: it is posted signed orders and does what it can. ' +
    'It needs no rights here. [The contract, with an example](actuators.md#webhook).',
  open: (config: Config): Actuator => new Webhook(config),
};
export default type;
