/** CPU microseconds an event of each stage of ingest, by running the program's own functions one after the other on the same posts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import createHasher from 'xxhash-wasm';
import type { MailEvent } from '../src/event.ts';
import { jsonItems } from '../src/json-array.ts';
import { type Feed, Ledger } from '../src/ledger.ts';
import { providerOf } from '../src/mailbox-provider.ts';
import { classify } from '../src/reply.ts';
import { Seen } from '../src/seen.ts';
import type { Parsed, Post } from '../src/source.ts';
import sendgrid from '../src/sources/sendgrid.ts';
import { median, pause, round, sourceConfiguration } from './exporter.ts';
import { Factory, type Keys, type Prepared } from './load.ts';

export const STAGES = ['verify', 'parse', 'map', 'dedupe', 'classify', 'count', 'commit'] as const;
export type Stages = Record<(typeof STAGES)[number], number>;

const ROUNDS = 5;
const EVENTS = 60_000;
/** Of one run of events through a ledger with a file: about what arrives between two commits. */
const TICK_EVENTS = 2500;

/** All threads: garbage is collected on others. */
async function cpu(events: number, work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / events;
}

export async function stages(keys: Keys, batch: number): Promise<Stages> {
  const source = sendgrid.open(sendgrid.config.parse(sourceConfiguration(keys.public)));
  const factory = new Factory(keys.private, batch, 'S0');
  // Verifying single posts is dear enough to be measured on few.
  const count = Math.max(20, Math.floor(Math.min(EVENTS, batch * 3000) / batch));
  const events = count * batch;
  const feed: Feed = { name: 'sendgrid', gives: sendgrid.gives, sendingDomain: '', sendingIp: '' };
  const hasher = await createHasher();
  const seen = new Seen();
  const ledger = await Ledger.open({ path: '' });
  const prepared = Array.from({ length: count }, () => factory.post(batch));
  const costs = new Map<string, number[]>();

  // The first round is the compiler's.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const post of prepared) factory.renew(post);
    const posts = prepared.map(asPost);
    const now = Date.now();
    const note = async (stage: string, work: () => unknown): Promise<void> => {
      const cost = await cpu(events, work);
      if (round > 0) costs.set(stage, [...(costs.get(stage) ?? []), cost]);
    };
    const parsed = (): Parsed[] => posts.map((post) => source.parse(post, now));
    await note('verify', () => posts.forEach((post) => void source.authenticate!(post, now)));
    await note('parse', () => posts.forEach((post) => void jsonItems(post.body)));
    await note('parse and map', () => posts.forEach((post) => void source.parse(post, now)));
    const judged = parsed().flatMap((p) => p.events);
    await note('classify', () => judged.forEach(judge));
    await note('dedupe', () => {
      const hashes = new Int32Array(judged.length * 2);
      judged.forEach(({ id }, i) => {
        const hash = hasher.h64(id, 1n);
        hashes[i * 2] = Number(BigInt.asIntN(32, hash >> 32n));
        hashes[i * 2 + 1] = Number(BigInt.asIntN(32, hash));
      });
      seen.add(hashes, judged.length, now, new Uint8Array(judged.length));
    });
    // Parsed anew: an identity that has been hashed is a cheaper string to hash again.
    const all = parsed();
    await note('record', () => Promise.all(all.map((p) => ledger.record(feed, p))));
  }
  await ledger.close();
  const cost = (stage: string): number => median(costs.get(stage) ?? []);
  const [verify, parse, dedupe, classified] = [cost('verify'), cost('parse'), cost('dedupe'), cost('classify')];
  const map = cost('parse and map') - parse;
  const counted = cost('record') - dedupe - classified;
  const commit = await commits(factory, source.parse, feed);
  const all: Stages = { verify, parse, map, dedupe, classify: classified, count: counted, commit };
  return Object.fromEntries(STAGES.map((stage) => [stage, round(all[stage], 3)])) as Stages;
}

function judge(event: MailEvent): void {
  if (event.kind === 'bounced' || event.kind === 'deferred') classify(event.reply, providerOf(event.recipientDomain));
}

function asPost({ wire, bodyAt }: Prepared): Post {
  const header = (name: string) => new RegExp(`${name}: (\\S*)`).exec(wire.toString('latin1', 0, bodyAt))?.[1] ?? '';
  const names = ['x-twilio-email-event-webhook-timestamp', 'x-twilio-email-event-webhook-signature'];
  const headers = Object.fromEntries(names.map((n) => [n, header(n.replace(/(^|-)./g, (c) => c.toUpperCase()))]));
  return { headers, body: wire.subarray(bodyAt) };
}

/** What a file costs over none: batching, the thread, SQLite and fsync, at about the number of events a tick of the target rate. */
async function commits(factory: Factory, parse: (post: Post, now: number) => Parsed, feed: Feed): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'deliverability-bench-'));
  const difference: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const ticks = Array.from({ length: 40 }, () => parse(asPost(factory.post(TICK_EVENTS)), Date.now()));
    const cost = async (path: string): Promise<number> => {
      const ledger = await Ledger.open({ path });
      await ledger.record(feed, ticks[0]!);
      const spent = await cpu(TICK_EVENTS * (ticks.length - 1), async () => {
        for (const tick of ticks.slice(1)) await Promise.all([ledger.record(feed, tick), pause(5)]);
      });
      await ledger.close();
      return spent;
    };
    const memory = await cost('');
    difference.push((await cost(join(directory, `${i}.sqlite`))) - memory);
  }
  rmSync(directory, { recursive: true });
  return median(difference);
}
