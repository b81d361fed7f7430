/** An event becomes what a person may know of it: everything but who it was sent to. */
import type { MailEvent } from './event.ts';
import { type Feed, judge } from './ledger.ts';
import { providerOf } from './mailbox-provider.ts';
import { ruleOf } from './reply.ts';

/** What a person may know of an event. */
export function described(
  event: MailEvent,
  feed: Pick<Feed, 'sendingDomain' | 'sendingIp'>,
  people: ReadonlySet<string>,
) {
  const provider = providerOf(event.recipientDomain);
  const reply = 'reply' in event ? event.reply : undefined;
  const verdict = event.kind === 'bounced' || event.kind === 'deferred' ? judge(event, provider) : undefined;
  const { spamScore, spam, authentication } = event.content ?? {};
  const told = {
    sending_domain: event.sendingDomain || feed.sendingDomain,
    sending_ip: event.sendingIp || feed.sendingIp,
    recipient_domain: event.recipientDomain,
    provider: event.recipientDomain && provider,
    campaign: event.campaign,
    seconds: 'seconds' in event ? event.seconds : undefined,
    class: event.kind === 'bounced' ? verdict?.class : undefined,
    reason: event.kind === 'suppressed' ? event.reason : verdict?.reason,
    by: 'by' in event ? event.by : undefined,
    rule: reply === undefined ? undefined : ruleOf(reply, provider),
    reply: reply === undefined ? undefined : withoutPeople(reply, people),
    spam_score: spamScore,
    spam,
    authentication: authentication && Object.fromEntries(authentication.map(({ method, result }) => [method, result])),
  };
  const known = Object.entries(told).filter(([, value]) => value !== undefined && value !== '');
  return { kind: event.kind, at: new Date(event.at).toISOString(), ...Object.fromEntries(known) };
}

/** An address in any of the spellings that stand in logs and links. */
const ADDRESS = /(?:"(?:[^"\\]|\\.)*"|[^\s<>"(),;[\]]*)(?:@|%40|=40)[^\s<>"(),;[\]]*/gi;
const LOCAL_PART = /([^\s<>"(),;:[\]\\]+)(?:@|%40)/gi;

/** What stands before an @ in a body: a remote's reply may name a person without the domain. */
export function peopleIn(text: string): Set<string> {
  return new Set(text.matchAll(LOCAL_PART).map(([, local]) => local!.toLowerCase()));
}

function withoutPeople(reply: string, people: ReadonlySet<string>): string {
  const all = peopleIn(reply).union(people);
  return reply.replace(ADDRESS, '(address)').replace(/[^\s<>"'(),;:[\]]+/g, (word) => {
    const name = word.toLowerCase();
    return all.has(name) || all.has(name.replace(/[.!?]+$/, '')) ? '(name)' : word;
  });
}
