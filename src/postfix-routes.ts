/**
 * Mail that is to be slowed becomes entries of transport(5) that send it to where it goes now, by a slow transport. What main.cf says
 * of the way now is asked in the order in which trivial-rewrite(8) does.
 */
import type { PostfixCommands } from './postfix-commands.ts';
import type { Scope } from './postfix-tables.ts';

/** A transport with limits of its own, that stands in for another. */
export interface Slow {
  transport: string;
  share: number;
  of: string;
}

/** Transports that are slow enough for a share, fastest first. */
export const slowEnough = (slow: readonly Slow[], share: number): Slow[] =>
  slow.filter((one) => one.share <= share).sort((a, b) => b.share - a.share);

export async function slowRoutes(
  commands: PostfixCommands,
  scope: Exclude<Scope, { of: 'campaign' }>,
  slow: readonly Slow[],
  ours: string,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const names = [
    ...['transport_maps', 'sender_dependent_default_transport_maps', 'default_transport', 'relayhost'],
    'sender_dependent_relayhost_maps',
  ];
  const [byRecipient = '', bySender = '', usual = '', relay = '', relays = ''] = await commands.values(names, signal);
  const there = await commands.transports(signal);
  const theirs = (list: string) => tablesOf(list).filter((table) => !table.includes(ours));

  const found = async (tables: string[], keys: string[]): Promise<string> => {
    for (const table of tables) {
      const route = await commands.lookUp(table, keys, signal);
      if (route !== undefined) return route;
    }
    return '';
  };
  const slowed = (route: string, relay: string): string => {
    const [usually, hop] = parted(usual);
    const [transport, next] = parted(route);
    const now = transport || usually;
    const stand = slow.find(({ of }) => of === now);
    if (!stand)
      throw new Error(
        `this mail goes by the transport ${now}; prepare a slow one and name it under slow, with of: ${now}`,
      );
    if (!there.has(stand.transport))
      throw new Error(`master.cf has no transport ${stand.transport}; add it, or correct slow`);
    return `${stand.transport}:${next || (transport === '' ? hop || relay : '')}`;
  };

  if (scope.of === 'sender') {
    const key = `@${scope.domain}`;
    // Without a next hop the relay host stays in force.
    return { [key]: slowed(await found(theirs(bySender), [key]), '') };
  }
  if (theirs(bySender).length > 0 || relays !== '')
    throw new Error(
      'the way of mail depends on its sender here (sender_dependent_… in main.cf), and an entry for all senders would overrule it; ' +
        'throttle by sending domain instead',
    );
  if (scope.of === 'all') return { all: slowed('', '') };
  // An entry of transport_maps without a next hop leads past the relay host.
  const routes: Record<string, string> = {};
  for (const domain of scope.domains) routes[domain] = slowed(await found(theirs(byRecipient), keysOf(domain)), relay);
  return routes;
}

function parted(route: string): [transport: string, hop: string] {
  const colon = route.indexOf(':');
  return colon < 0 ? [route, ''] : [route.slice(0, colon), route.slice(colon + 1)];
}

/** What transport(5) looks a recipient's domain up by. */
function keysOf(domain: string): string[] {
  const parents = domain.split('.').map((_, at, labels) => `.${labels.slice(at).join('.')}`);
  return [domain, ...parents.slice(1), '*'];
}

/** A list of lookup tables, some of which hold lists in braces themselves. */
export function tablesOf(list: string): string[] {
  const tables: string[] = [];
  let depth = 0;
  let table = '';
  for (const c of `${list} `) {
    if (c === '{') depth++;
    if (c === '}') depth--;
    if (depth > 0 || !/[\s,]/.test(c)) table += c;
    else {
      if (table !== '') tables.push(table);
      table = '';
    }
  }
  return tables;
}
