/** The keys `checks` and `resolver` of the configuration: what is looked up, how often, and of whom it is asked. */
import { isIP } from 'node:net';
import { getDomain } from 'tldts';
import { z } from 'zod';
import { BLOCKLISTS, type ChosenList, choose } from './blocklist.ts';
import type { InnerAddresses } from './check-reach.ts';
import { secret } from './secret.ts';
import { type TargetSettings, targetOf } from './targets.ts';

/** Beneath it nothing changes and others' servers are asked for nothing, ms. */
const LEAST = 60_000;
/** Questions a day. */
const LEAST_A_DAY = 50;

const domain = z.string().refine((text) => targetOf(text)?.kind === 'domain', 'must be a domain name');
const selector = z.string().regex(/^[a-z0-9._-]{1,63}$/i, 'must be a DKIM selector: letters, digits, . _ -');
const server = z
  .string()
  .refine(isServer, 'must be ADDRESS or ADDRESS:PORT, such as 127.0.0.1, ::1, 127.0.0.1:5353 or [::1]:5353')
  .transform((text) => (isIP(text) === 6 ? `[${text}]:53` : isIP(text) === 4 ? `${text}:53` : text));

function isServer(text: string): boolean {
  if (isIP(text) > 0) return true;
  const [, v6 = '', v4 = '', port] = /^(?:\[(.+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  return (isIP(v6) === 6 || isIP(v4) === 4) && Number(port) > 0 && Number(port) < 65_536;
}

export const resolverSchema = z.strictObject({
  servers: z
    .array(server)
    .min(1)
    .optional()
    .describe(
      'Name servers, asked in this order; default: those of /etc/resolv.conf. Blocklists refuse public ones: run one of your own. With two or more, a list that seems to have ended is looked for through the last of them, too: it may be the first that hides it',
    ),
  in_flight: z.int().positive().max(1000).default(100).describe('Questions under way at once'),
  cache_entries: z.int().positive().default(10_000).describe('Answers remembered for as long as they say'),
});

const blocklistsSchema = (duration: () => z.ZodType<number>) =>
  z.strictObject({
    enabled: z.boolean().default(true).describe('Whether blocklists and reputation services are asked'),
    lists: z
      .array(z.string())
      .optional()
      .describe(
        'Short names, see docs/blocklists.md; default: all that may be asked without leave, and those that a key is there for',
      ),
    keys: z
      .strictObject({
        spamhaus_dqs: secret().optional().describe('Key of the Spamhaus Data Query Service'),
        abusix: secret().optional().describe('Key of Abusix Mail Intelligence'),
      })
      .default({})
      .describe('Keys of lists that want one, see below'),
    per_day: z
      .record(z.string(), z.int().positive())
      .default({})
      .describe(
        "Questions a day by pool, where your contract differs from what docs/blocklists.md says of the list's pool",
      ),
    interval: duration()
      .optional()
      .describe(
        'How often a list is asked of one target, where that is longer than the list allows; default: as often as it allows',
      ),
    confirm_after: duration()
      .default(120_000)
      .describe(
        'A change between listed and not listed counts when it is still so after this long, and after as long as the answer may be kept on the way; at the latest after the interval. Default 2m',
      ),
  });

export const checksSchema = (duration: () => z.ZodType<number>) =>
  z.strictObject({
    interval: duration().default(3600_000).describe('How often the DNS of a target is checked, default 1h'),
    ips: z
      .array(z.string().refine((text) => targetOf(text)?.kind === 'ip', 'must be an IP address'))
      .default([])
      .describe('Sending addresses to check, beside those seen in events'),
    domains: z
      .array(
        z.union(
          [
            domain.transform((name) => ({ name, selectors: [] as string[] })),
            z.strictObject({ name: domain, selectors: z.array(selector).default([]) }),
          ],
          'must be a domain name, or `name` with its `selectors`',
        ),
      )
      .default([])
      .describe('Sending domains to check, beside those seen in events: a name, or `name` with its DKIM `selectors`'),
    selectors: z.array(selector).default([]).describe('DKIM selectors of domains that name none of their own'),
    from_events: z
      .boolean()
      .default(true)
      .describe('Whether addresses and domains that sent mail in the last 24 hours are checked, too'),
    targets: z.int().positive().default(1000).describe('Most addresses and domains checked in all'),
    private_addresses: z
      .enum(['refuse', 'allow'])
      .default('refuse')
      .describe(
        'Whether the checks that connect to somebody (`mta-sts`, `mx-certificate`) do so where the DNS names an address of an inner network. Whoever writes a zone that is checked could else reach into yours',
      ),
    skip: z.array(z.string()).default([]).describe('Checks of DNS that are left out, such as `bimi`'),
    blocklists: blocklistsSchema(duration).prefault({}).describe('Blocklists and reputation services, see below'),
  });

export type ChecksWritten = z.infer<ReturnType<typeof checksSchema>>;
export type ResolverSettings = z.infer<typeof resolverSchema>;

export interface ChecksSettings {
  targets: TargetSettings;
  /** Milliseconds. */
  interval: number;
  skip: readonly string[];
  /** Absent: refuse. */
  innerAddresses?: InnerAddresses;
  lists: readonly ChosenList[];
  perDay: Readonly<Record<string, number>>;
  listInterval: number;
  confirmAfter: number;
}

/** The registered domain, by the Public Suffix List as tldts carries it. */
export const registered = (name: string): string => getDomain(name, { allowPrivateDomains: true }) ?? name;

/** `tell`: a problem, and the keys below `checks` that lead to it. */
export function checksSettings(
  written: ChecksWritten,
  checkNames: readonly string[],
  tell: (path: PropertyKey[], problem: string) => void,
): ChecksSettings {
  const { blocklists, domains, ips, selectors } = written;
  for (const [i, name] of written.skip.entries())
    if (name === 'blocklist') tell(['skip', i], 'lists are left out with `blocklists: { enabled: false }`');
    else if (!checkNames.includes(name))
      tell(['skip', i], `there is no check ${JSON.stringify(name)}; known: ${checkNames.join(', ')}`);
  for (const key of [['interval'], ['blocklists', 'interval']] as const) {
    const value = key.length === 1 ? written.interval : blocklists.interval;
    if (value !== undefined && value < LEAST)
      tell([...key], 'must be 1m or more: the answers are kept that long on the way anyway');
  }
  const pools = new Set([...BLOCKLISTS.values()].flatMap((list) => ('retired' in list ? [] : [list.quota.pool])));
  for (const [pool, perDay] of Object.entries(blocklists.per_day))
    if (perDay < LEAST_A_DAY)
      tell(['blocklists', 'per_day', pool], `must be ${LEAST_A_DAY} or more: the test entries of a list take some`);
    else if (!pools.has(pool))
      tell(['blocklists', 'per_day', pool], `there is no pool of this name; known: ${[...pools].sort().join(', ')}`);
  const keys = Object.fromEntries(Object.entries(blocklists.keys).filter(([, value]) => value)) as Record<
    string,
    string
  >;
  const { chosen, left } = blocklists.enabled
    ? choose({ names: blocklists.lists, keys, registered })
    : { chosen: [], left: [] };
  for (const { list, why, says } of left) {
    const at = blocklists.lists?.indexOf(list) ?? -1;
    if (why !== 'subsumed') tell(['blocklists', ...(at < 0 ? ['keys'] : ['lists', at])], says);
  }
  return {
    targets: { ips, domains, selectors, fromEvents: written.from_events, most: written.targets },
    interval: written.interval,
    skip: written.skip,
    innerAddresses: written.private_addresses,
    lists: chosen,
    perDay: blocklists.per_day,
    listInterval: blocklists.interval ?? 0,
    confirmAfter: blocklists.confirm_after,
  };
}
