/** Nanoseconds a verdict on replies costs: what was seen before with new ids and addresses in it, and what no rule knows. */

import { classify } from '../src/reply.ts';
import { TABLES } from '../src/reply-rules/order.ts';
import { median, round } from './exporter.ts';

const ROUNDS = 101;
/** Few enough to stay in the processor's cache, as a reply that has just been parsed does. */
const TEXTS = 2000;

/** As replies come: another queue id, address and host in each. */
function dressed(reply: string, n: number): string {
  const id = (n * 2_654_435_761).toString(36);
  return `${reply} <user${n}@example${n % 97}.com> [192.0.${n % 250}.10] ${id}si${n} - mx${n % 31}.example.net`;
}

function nanoseconds(texts: readonly string[], provider: string): number {
  const rounds: number[] = [];
  for (let r = 0; r < ROUNDS; r++) {
    const start = process.cpuUsage();
    for (const text of texts) classify(text, provider);
    rounds.push((process.cpuUsage(start).user * 1000) / texts.length);
  }
  return round(median(rounds));
}

const samples = TABLES.flatMap(({ rows }) => Object.values(rows).map((row) => row.sample));
const known = Array.from({ length: TEXTS }, (_, n) => dressed(samples[n % samples.length]!, n));
const strange = Array.from({ length: TEXTS }, (_, n) => dressed('550 Nothing that any row would know about', n));
const long = Array.from({ length: 500 }, (_, n) => dressed('550-5.7.1 the user unknown mailbox '.repeat(200), n));

process.stdout.write(
  `${JSON.stringify({
    bench: 'reply',
    rules: samples.length,
    characters: round(known.reduce((sum, text) => sum + text.length, 0) / known.length),
    known_ns: nanoseconds(known, 'other'),
    unknown_ns: nanoseconds(strange, 'other'),
    longest_ns: nanoseconds(long, 'other'),
  })}\n`,
);
