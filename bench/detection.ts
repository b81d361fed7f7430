/**
 * `npm run bench:detection`: the shipped rules on made-up weeks of mail with labelled incidents, in a real Prometheus with
 * simulated time. Prints what was found, missed and cried out for nothing; the last line is JSON. `-- --seed=N` is another world.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Found, Order, Outcome } from './detection/shard.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    shards: { type: 'string', default: '2' },
    senders: { type: 'string', default: '60' },
    days: { type: 'string', default: '20' },
    step: { type: 'string', default: '60' },
    first: { type: 'string', default: '0' },
    only: { type: 'string', default: '' },
    next: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
  },
});
const [seed, shards, count, days, jobs] = [values.seed, values.shards, values.senders, values.days, values.jobs].map(
  Number,
) as [number, number, number, number, number];

function shard(order: Order): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'detection', 'shard.ts'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    let outcome: Outcome | undefined;
    child.on('message', (message: Outcome) => {
      outcome = message;
      console.error(`${order.kind} ${order.shard}: ${JSON.stringify(message.seconds)}`);
    });
    child.on('exit', () =>
      outcome ? resolve(outcome) : reject(new Error(`shard ${order.shard} ended without a result`)),
    );
    child.send(order);
  });
}

const common = { seed, days, step: Number(values.step), next: values.next, keep: values.keep ? 'yes' : '' };
const orders: Order[] = [
  { ...common, kind: 'minutes', shard: 0, senders: 48 } satisfies Order,
  ...Array.from(
    { length: shards },
    (_, i): Order => ({ ...common, kind: 'weeks', shard: Number(values.first) + i, senders: count }),
  ),
].filter(({ kind }) => values.only === '' || kind === values.only);
const outcomes: Outcome[] = [];
const waiting = [...orders];
await Promise.all(
  Array.from({ length: jobs }, async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) outcomes.push(await shard(next));
  }),
);

const all = outcomes.flatMap(({ incidents }) => incidents);
const quantile = (numbers: readonly number[], q: number): number =>
  numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * q))] ?? Number.NaN;
const delays = (some: readonly Found[]): number[] => some.flatMap(({ after }) => after ?? []);
const share = (part: number, whole: number): number => (whole === 0 ? 1 : Number((part / whole).toFixed(5)));

const issues = [...new Set(all.map(({ issue }) => issue))].sort();
const row = (name: string, cells: (string | number)[]): string =>
  name.padEnd(26) + cells.map((cell) => String(cell).padStart(11)).join('');
console.log(row('issue type', ['incidents', 'recall', 'alerts', 'precision', 'median s', 'worst s']));
for (const issue of issues) {
  const some = all.filter((one) => one.issue === issue);
  const counts = outcomes.map(({ alerts }) => alerts[issue] ?? { all: 0, right: 0 });
  const [alerts, right] = [counts.reduce((n, c) => n + c.all, 0), counts.reduce((n, c) => n + c.right, 0)];
  const found = delays(some);
  console.log(
    row(issue, [
      some.length,
      share(found.length, some.length),
      alerts,
      share(right, alerts),
      quantile(found, 0.5),
      Math.max(...found),
    ]),
  );
}
for (const one of all.filter(({ after }) => after === undefined)) {
  console.log(`missed: ${one.name} of ${one.who} (${one.perDay} a day), day ${(one.from / 86_400).toFixed(2)}`);
}
for (const one of all.filter((some) => some.quick && some.critical && (some.heard ?? Infinity) > 60)) {
  console.log(`late: ${one.name} of ${one.who} (${one.perDay} a day), critical after ${one.heard ?? '?'} s`);
}
const cries = Map.groupBy(
  outcomes.flatMap((outcome) => outcome.false),
  ({ alert, severity, issue, who, from, during }) =>
    `${alert} ${severity} ${issue} ${who} day ${(from / 86_400).toFixed(2)} ${during}`,
);
for (const key of cries.keys()) console.log(`for nothing: ${key}`);

const quietDays = outcomes.reduce((n, o) => n + o.quietDays, 0);
const noisyDays = outcomes.reduce((n, o) => n + o.noisyDays, 0);
const right = outcomes.flatMap(({ alerts }) => Object.values(alerts)).reduce((n, a) => n + a.right, 0);
const raised = outcomes.flatMap(({ alerts }) => Object.values(alerts)).reduce((n, a) => n + a.all, 0);
const critical = all.filter((one) => one.quick && one.critical).map(({ heard }) => heard);
const quickMissed = critical.includes(undefined);
console.log(
  `false alerts per domain and week: ${((cries.size / quietDays) * 7).toFixed(4)}; worst detection ${Math.max(...delays(all))} s`,
);
console.log(
  JSON.stringify({
    ...{
      bench: 'detection',
      seed,
      incidents: all.length,
      recall: share(delays(all).length, all.length),
      precision: share(right, raised),
    },
    ...{
      quiet_days: quietDays,
      quiet_ratio: share(quietDays - noisyDays, quietDays),
      detection_median_s: quantile(delays(all), 0.5),
    },
    critical_worst_s: quickMissed ? null : Math.max(...critical.map(Number)),
  }),
);
