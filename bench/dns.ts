/**
 * A thousand addresses asked of thirty lists: seconds and processor time a question, ours beside dns2's own client, in turns on
 * the same server; medians. And the plan of checks with the shipped allowances on: whether the server counts more than any allows.
 */

import { readdirSync, readlinkSync } from 'node:fs';
import dns2 from 'dns2';
import { BLOCKLISTS, choose } from '../src/blocklist.ts';
import { Resolver } from '../src/resolver.ts';
import { SeriesStore } from '../src/series.ts';
import { Watch } from '../src/watch.ts';
import { rbldnsd, type Zone } from '../test/dns.ts';
import { median, round } from './exporter.ts';

const ADDRESSES = 1000;
const LISTS = 30;
const ROUNDS = 3;
/** New targets are asked about within a minute. */
const QUOTA_SECONDS = 70;
const DAY = 24 * 3600_000;
/** What dns2 is fastest with; it opens a socket each. */
const DNS2_IN_FLIGHT = 50;

const lists = Array.from({ length: LISTS }, (_, n) => `bl${n}.test`);
/** Every tenth is listed, elsewhere in each list. */
const zones = lists.map(
  (zone, n): Zone => ({ zone, type: 'ip4set', text: `:127.0.0.2:listed $\n${addresses((i) => (i + n) % 10 === 0)}` }),
);

export function addresses(which: (n: number) => boolean): string {
  const all = Array.from({ length: ADDRESSES }, (_, n) => n).filter(which);
  return all.map((n) => `198.18.${n >> 8}.${n & 255}`).join('\n');
}

/** Address by address, each on one list after the other. */
function* questions(): Generator<[name: string, listed: boolean]> {
  for (let n = 0; n < ADDRESSES; n++) {
    for (let list = 0; list < LISTS; list++) {
      yield [`${n & 255}.${n >> 8}.18.198.${lists[list]}`, (n + list) % 10 === 0];
    }
  }
}

interface Run {
  seconds: number;
  /** Microseconds a question, user and system. */
  cpu: number;
  /** Not answered, or not as the list has it. */
  failed: number;
}

/** Puts every question, `lanes` at a time. */
async function run(lanes: number, ask: (name: string) => Promise<boolean>): Promise<Run> {
  const all = questions();
  const start = performance.now();
  const before = process.cpuUsage();
  let failed = 0;
  const lane = async () => {
    for (const [name, listed] of all) {
      if ((await ask(name).catch(() => undefined)) !== listed) failed++;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, cpu: (user + system) / (ADDRESSES * LISTS), failed };
}

function sockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      // The one that reads the folder.
      return false;
    }
  }).length;
}

/** All addresses at once, each asked of one list after the other: how much is under way is the resolver's own business. */
async function ours(address: string): Promise<Run & { again: number; left: number; rss: number }> {
  const before = sockets();
  const resolver = new Resolver({ servers: [address] });
  const result = await run(ADDRESSES, async (name) => {
    const { rcode, records } = await resolver.ask(name, 'A');
    return rcode === 'NOERROR' && records[0]?.data === '127.0.0.2';
  });
  const again = resolver.stats.outcomes.timeout;
  await resolver.close();
  return { ...result, again, left: sockets() - before, rss: process.memoryUsage().rss / 2 ** 20 };
}

async function theirs(address: string): Promise<Run> {
  const [host = '', port] = address.split(':');
  const client = new dns2({ nameServers: [host], port: Number(port) });
  return await run(DNS2_IN_FLIGHT, async (name) => {
    const { header, answers } = await client.resolveA(name);
    return header.rcode === 0 && answers[0]?.address === '127.0.0.2';
  });
}

async function flatOut() {
  const server = await rbldnsd(zones, { log: false });
  const [mine, other]: [Awaited<ReturnType<typeof ours>>[], Run[]] = [[], []];
  try {
    for (let n = 0; n < ROUNDS; n++) {
      mine.push(await ours(server.address));
      other.push(await theirs(server.address));
    }
  } finally {
    await server.stop();
  }
  const middle = <T>(runs: readonly T[], figure: (run: T) => number) => median(runs.map(figure));
  const sum = <T>(runs: readonly T[], figure: (run: T) => number) => runs.reduce((all, run) => all + figure(run), 0);
  return {
    questions: ADDRESSES * LISTS,
    seconds: round(
      middle(mine, ({ seconds }) => seconds),
      2,
    ),
    first_seconds: round(mine[0]!.seconds, 2),
    cpu_us_per_question: round(middle(mine, ({ cpu }) => cpu)),
    dns2_seconds: round(
      middle(other, ({ seconds }) => seconds),
      2,
    ),
    dns2_cpu_us_per_question: round(middle(other, ({ cpu }) => cpu)),
    rss_mb: round(Math.max(...mine.map(({ rss }) => rss))),
    failed: sum(mine, ({ failed }) => failed),
    asked_again: sum(mine, ({ again }) => again),
    dns2_failed: sum(other, ({ failed }) => failed),
    sockets_left: sum(mine, ({ left }) => left),
  };
}

/** All lists of IPv4 addresses that go by no key, as they are shipped, and zones in which they are alive and list nobody. */
export function plainLists() {
  const names = [...BLOCKLISTS].flatMap(([name, list]) => {
    const isPlain = !('retired' in list) && list.targets.includes('ipv4') && !list.zone.includes('{key}');
    return isPlain ? [name] : [];
  });
  const { chosen } = choose({ names, keys: {}, registered: (name) => name });
  // The zone itself has a record, too: some lists have no other sign of life.
  const zones = chosen.map(
    ({ list }): Zone => ({ zone: list.zone, type: 'generic', text: `@ 60 A 127.0.0.1\n2.0.0.127 60 A 127.0.0.2` }),
  );
  return { chosen, zones };
}

/** A thousand addresses that nothing is known of, on these lists. */
async function withQuotas() {
  const { chosen, zones } = plainLists();
  const server = await rbldnsd(zones);
  const resolver = new Resolver({ servers: [server.address] });
  const log = { info() {}, warn() {}, error: console.error };
  const watch = new Watch({
    shelf: { readings: new Map(), keep: async () => {} },
    series: new SeriesStore(),
    ask: resolver.ask,
    checks: new Map(),
    log: log as unknown as ConstructorParameters<typeof Watch>[0]['log'],
    now: Date.now,
  });
  const ips = addresses(() => true).split('\n');
  const start = Date.now();
  watch.apply({
    targets: { ips, domains: [], selectors: [], fromEvents: false, most: ADDRESSES },
    ...{ interval: DAY, skip: [], lists: chosen, perDay: {}, listInterval: 0, confirmAfter: 120_000 },
  });
  watch.start();
  await new Promise((resolve) => setTimeout(resolve, QUOTA_SECONDS * 1000));
  await watch.stop();
  await resolver.close();
  const share = (Date.now() - start) / DAY;
  const asked = server.queries().map(({ name }) => name);
  await server.stop();
  const pools = new Map(chosen.map(({ list }) => [list.quota.pool, list.quota.perDay]));
  const used = [...pools].map(([pool, perDay]) => {
    const its = chosen.filter(({ list }) => list.quota.pool === pool).map(({ list }) => list.zone);
    const count = asked.filter((name) => its.some((zone) => name === zone || name.endsWith(`.${zone}`))).length;
    return count / (Math.max(30, perDay * 0.01) + perDay * share);
  });
  return {
    quota_lists: chosen.length,
    quota_seconds: QUOTA_SECONDS,
    quota_asked: asked.length,
    quota_buckets_exceeded: used.filter((part) => part > 1).length,
    quota_fullest_used: round(Math.max(...used), 2),
  };
}

if (import.meta.main)
  process.stdout.write(`${JSON.stringify({ bench: 'dns', ...(await flatOut()), ...(await withQuotas()) })}\n`);
