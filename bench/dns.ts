/** A thousand addresses asked of thirty lists: seconds and processor time a question, ours beside dns2's own client. */

import { readdirSync, readlinkSync } from 'node:fs';
import dns2 from 'dns2';
import { Resolver } from '../src/resolver.ts';
import { rbldnsd, type Zone } from '../test/dns.ts';
import { round } from './exporter.ts';

const ADDRESSES = 1000;
const LISTS = 30;
/** What dns2 is fastest with; it opens a socket each. */
const DNS2_IN_FLIGHT = 50;

const lists = Array.from({ length: LISTS }, (_, n) => `bl${n}.test`);
/** Every tenth is listed, elsewhere in each list. */
const zones = lists.map(
  (zone, n): Zone => ({ zone, type: 'ip4set', text: `:127.0.0.2:listed $\n${addresses((i) => (i + n) % 10 === 0)}` }),
);

function addresses(which: (n: number) => boolean): string {
  const all = Array.from({ length: ADDRESSES }, (_, n) => n).filter(which);
  return all.map((n) => `198.18.${n >> 8}.${n & 255}`).join('\n');
}

/** Address by address, as a schedule would not: the lists in turn. */
function* questions(): Generator<[name: string, listed: boolean]> {
  for (let n = 0; n < ADDRESSES; n++) {
    for (let list = 0; list < LISTS; list++) {
      yield [`${n & 255}.${n >> 8}.18.198.${lists[list]}`, (n + list) % 10 === 0];
    }
  }
}

interface Run {
  seconds: number;
  /** User and system. */
  cpu: number;
  /** Not answered, or not as the list has it. */
  failed: number;
}

/** Puts every question, `lanes` at a time. */
async function run(lanes: number, ask: (name: string) => Promise<boolean>): Promise<Run> {
  const all = questions();
  const start = performance.now();
  const cpu = process.cpuUsage();
  let failed = 0;
  const lane = async () => {
    for (const [name, listed] of all) {
      if ((await ask(name).catch(() => undefined)) !== listed) failed++;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - start) / 1000, cpu: user + system, failed };
}

function sockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

/** All questions at once: how many are under way is the resolver's own business. */
async function ours(address: string) {
  const before = sockets();
  const resolver = new Resolver({ servers: [address] });
  const { seconds, cpu, failed } = await run(ADDRESSES * LISTS, async (name) => {
    const { rcode, records } = await resolver.ask(name, 'A');
    return rcode === 'NOERROR' && records[0]?.data === '127.0.0.2';
  });
  const { outcomes } = resolver.stats;
  await resolver.close();
  return {
    seconds: round(seconds, 2),
    cpu_us_per_question: round(cpu / (ADDRESSES * LISTS)),
    rss_mb: round(process.resourceUsage().maxRSS / 1024),
    failed,
    asked_again: outcomes.timeout,
    sockets_left: sockets() - before,
  };
}

async function theirs(address: string) {
  const [host = '', port] = address.split(':');
  const client = new dns2({ nameServers: [host], port: Number(port) });
  const { seconds, cpu, failed } = await run(DNS2_IN_FLIGHT, async (name) => {
    const { header, answers } = await client.resolveA(name);
    return header.rcode === 0 && answers[0]?.address === '127.0.0.2';
  });
  return {
    dns2_seconds: round(seconds, 2),
    dns2_cpu_us_per_question: round(cpu / (ADDRESSES * LISTS)),
    dns2_failed: failed,
  };
}

const server = await rbldnsd(zones, { log: false });
try {
  const result = { questions: ADDRESSES * LISTS, ...(await ours(server.address)), ...(await theirs(server.address)) };
  process.stdout.write(`${JSON.stringify({ bench: 'dns', ...result })}\n`);
} finally {
  await server.stop();
}
