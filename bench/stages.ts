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
import { Factory, type Keys } from './load.ts';

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

interface Sample {
  posts: Post[];
  parsed: Parsed[];
  events: MailEvent[];
}

export async function stages(keys: Keys, batch: number): Promise<Stages> {
  const source = sendgrid.open(sendgrid.config.parse(sourceConfiguration(keys.public)));
  const factory = new Factory(keys.private, batch, 'S0');
  // Verifying single posts is dear enough to be measured on few.
  const count = Math.max(20, Math.floor(Math.min(EVENTS, batch * 5000) / batch));
  const events = count * batch;
  const feed: Feed = { name: 'sendgrid', gives: sendgrid.gives, sendingDomain: '', sendingIp: '' };
  const hasher = await createHasher();
  const results: Record<string, number[]> = {};
  const note = (stage: string, value: number): void => {
    results[stage] = [...(results[stage] ?? []), value];
  };

  for (let round = 0; round <= ROUNDS; round++) {
    const sample: Sample = { posts: [], parsed: [], events: [] };
    for (let i = 0; i < count; i++) sample.posts.push(asPost(factory, batch));
    const now = Date.now();
    const verify = await cpu(events, () => sample.posts.forEach((p) => void source.authenticate!(p, now)));
    const parse = await cpu(events, () => sample.posts.forEach((p) => void jsonItems(p.body)));
    const parseAndMap = await cpu(events, () => sample.posts.forEach((p) => void source.parse(p, now)));
    sample.parsed = sample.posts.map((p) => source.parse(p, now));
    sample.events = sample.parsed.flatMap((p) => p.events);
    const seen = new Seen();
    const dedupe = await cpu(events, () => {
      for (const { id } of sample.events) {
        const hash = hasher.h64(id, 1n);
        seen.add(Number(BigInt.asIntN(32, hash >> 32n)), Number(BigInt.asIntN(32, hash)), now);
      }
    });
    const judged = await cpu(events, () => {
      for (const e of sample.events)
        if (e.kind === 'bounced' || e.kind === 'deferred') classify(e.reply, providerOf(e.recipientDomain));
    });
    const memory = await Ledger.open({ path: '' });
    await memory.record(feed, sample.parsed[0]!);
    const record = await cpu(events, () => Promise.all(sample.parsed.map((p) => memory.record(feed, p))));
    await memory.close();
    // The first round is the compiler's.
    if (round === 0) continue;
    note('verify', verify);
    note('parse', parse);
    note('map', parseAndMap - parse);
    note('dedupe', dedupe);
    note('classify', judged);
    note('count', record - dedupe - judged);
  }
  const commit = await commits(factory, source.parse, feed);
  return { ...Object.fromEntries(STAGES.map((s) => [s, round(median(results[s] ?? []), 3)])), commit } as Stages;
}

function asPost(factory: Factory, batch: number): Post {
  const { wire, bodyAt } = factory.post(batch);
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
    const ticks = Array.from({ length: 40 }, () => parse(asPost(factory, TICK_EVENTS), Date.now()));
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
  return round(median(difference), 3);
}
