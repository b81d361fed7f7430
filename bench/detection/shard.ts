/** One world becomes what its alerts found, missed and cried out for nothing. A process of its own, so that two use two cores and memory is given back. */
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { History, levels, shippedRules, type TimedRule } from '../../test/history.ts';
import { seconds } from '../../test/rule-files.ts';
import { type Fired, firing } from './firing.ts';
import { SenderState, writeSender } from './traffic.ts';
import { DAY, EPOCH, type Happening, HOUR, minutes, type Sender, type World, weeks } from './world.ts';

export interface Order {
  kind: 'weeks' | 'minutes';
  seed: number;
  shard: number;
  senders: number;
  days: number;
  step: number;
  next: boolean;
  keep: string;
}

export interface Found {
  name: string;
  issue: string;
  critical: boolean;
  quick: boolean;
  /** Seconds; undefined: missed. */
  after: number | undefined;
  /** Seconds to the first alert of its issue type, critical where it is so; `after` waits for any severity, or for the alert that is named. */
  heard: number | undefined;
  who: string;
  perDay: number;
  from: number;
}

export interface Outcome {
  incidents: Found[];
  quietDays: number;
  noisyDays: number;
  /** Alerts by issue type: how many there were, and how many of them on something labelled. */
  alerts: Record<string, { all: number; right: number }>;
  false: { alert: string; severity: string; issue: string; who: string; from: number; to: number; during: string }[];
  seconds: Record<string, number>;
}

type Alarm = Fired & { alert: string; severity: string; issue: string; hit: readonly number[] };

/** An incident's marks stay for a while: windows of hours hold it, and alerts are kept firing. */
const AFTERMATH = 4 * HOUR;
/** Found late is missed. */
const GRACE = 30 * 60;

async function work(order: Order): Promise<Outcome> {
  const world =
    order.kind === 'weeks'
      ? weeks(order.seed, order.shard, order.senders, order.days, order.step)
      : minutes(order.seed, order.shard, order.senders);
  // Thousands of small blocks, each flushed to disk: in memory where there is such a folder.
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'deliverability-detection-'));
  const took: Record<string, number> = {};
  const history = new History(directory, order.next);
  try {
    const rules = shippedRules();
    const [constant, made] = partition(rules);
    await timed(took, 'import', () => importWorld(world, history, directory, constant));
    await timed(took, 'record', async () => {
      for (const level of levels(made)) {
        const start = performance.now();
        for (const { from, to, step } of world.stretches)
          await history.record(level, EPOCH + from, EPOCH + to - step, step);
        if (process.env.VERBOSE)
          process.stderr.write(`level of ${level.length}: ${Math.round(performance.now() - start)} ms\n`);
      }
    });
    let alarms: Alarm[] = [];
    await timed(took, 'alert', async () => {
      alarms = await raise(world, history, rules);
    });
    if (order.keep !== '') process.stderr.write(`kept: ${directory}\n`);
    return { ...judge(world, alarms, order.kind === 'minutes'), seconds: took };
  } finally {
    await history.stop();
    if (order.keep === '') rmSync(directory, { recursive: true, force: true });
  }
}

async function timed(into: Record<string, number>, name: string, task: () => Promise<void>): Promise<void> {
  const start = performance.now();
  await task();
  into[name] = Math.round((performance.now() - start) / 1000);
}

const constantOf = (expr: string): string | undefined => /^vector\((.*)\)$/.exec(expr)?.[1];

/** Thresholds, which are numbers, need no evaluation of their own. */
function partition(rules: readonly TimedRule[]): [constant: TimedRule[], made: TimedRule[]] {
  const isConstant = (rule: TimedRule): boolean => rule.record !== undefined && constantOf(rule.expr) !== undefined;
  return [rules.filter(isConstant), rules.filter((rule) => !isConstant(rule))];
}

/** In pieces of a block each: promtool reads a file once for every block that it spans. */
async function importWorld(
  world: World,
  history: History,
  directory: string,
  constant: readonly TimedRule[],
): Promise<void> {
  const end = world.stretches.at(-1)!.to;
  const states = new Map(world.senders.map((sender) => [sender, new SenderState(world, sender)]));
  const piece = 162 * HOUR;
  for (let from = 0; from < end; ) {
    const to = Math.min(end, (Math.floor((EPOCH + from) / piece) + 1) * piece - EPOCH);
    const path = join(directory, 'om.txt');
    const file = openSync(path, 'w');
    let waiting: string[] = [];
    let size = 0;
    const flush = (): void => {
      writeSync(file, waiting.join(''));
      waiting = [];
      size = 0;
    };
    const write = (text: string): void => {
      waiting.push(text);
      size += text.length;
      if (size > 4_000_000) flush();
    };
    for (const [sender, state] of states) writeSender(world, sender, from, to, state, write);
    for (let at = from; at < to; at += 60) {
      const target = 'job="deliverability-exporter",instance="a"';
      write(
        `up{${target}} 1 ${at + EPOCH}\ndeliverability_exporter_build_info{${target},version="1"} 1 ${at + EPOCH}\n`,
      );
      for (const { record, labels = {}, expr } of constant) {
        const inBraces = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
        write(`${record}{${inBraces.join(',')}} ${constantOf(expr)} ${at + EPOCH}\n`);
      }
    }
    flush();
    writeSync(file, '# EOF\n');
    closeSync(file);
    await history.import(path);
    from = to;
  }
}

async function raise(world: World, history: History, rules: readonly TimedRule[]): Promise<Alarm[]> {
  const alarms: Alarm[] = [];
  for (const rule of rules.filter(({ alert }) => alert?.startsWith('Email'))) {
    const before = alarms.length;
    for (const { from, to, step: close } of world.stretches) {
      const step = Math.max(rule.interval, close);
      for (const series of await history.query(rule.expr, EPOCH + from, EPOCH + to, step)) {
        const labels = { ...series.metric, ...rule.labels };
        for (const one of firing(series, step, seconds(rule.for ?? '0s'), seconds(rule.keep_firing_for ?? '0s'))) {
          alarms.push({
            ...{ labels, from: one.from - EPOCH, to: one.to - EPOCH },
            ...{
              alert: rule.alert!,
              severity: labels.severity ?? '',
              issue: labels.issue_type ?? '',
              hit: hit(world, labels),
            },
          });
        }
      }
    }
    if (process.env.VERBOSE)
      process.stderr.write(`${rule.alert} ${rule.labels?.severity}: ${alarms.length - before}\n`);
  }
  return alarms;
}

/** Whose mail an alert is about. One that names no sender is about all who use what it names. */
function hit(world: World, labels: Record<string, string>): number[] {
  const { sending_domain, sending_ip, target, provider } = labels;
  const is = (s: Sender): boolean => {
    if (sending_domain !== undefined) return s.domain === sending_domain;
    if (sending_ip !== undefined) return s.ips.includes(sending_ip);
    if (target !== undefined) return s.domain === target || s.ips.includes(target);
    return provider === undefined || s.providers.includes(provider);
  };
  return world.senders.filter(is).map(({ index }) => index);
}

function judge(world: World, alarms: readonly Alarm[], quick: boolean): Omit<Outcome, 'seconds'> {
  const incidents = world.happenings.filter(({ issue }) => issue !== '');
  const about = (alarm: Alarm, one: Happening): boolean => alarm.hit.some((i) => one.senders.includes(i));
  const overlaps = (alarm: Alarm, one: Happening): boolean => alarm.from <= one.to + AFTERMATH && alarm.to > one.from;
  const found = incidents.map((one): Found => {
    const soonest = (of: (alarm: Alarm) => boolean): number | undefined => {
      const delays = alarms
        .filter((alarm) => of(alarm) && about(alarm, one) && alarm.from >= one.from && alarm.from <= one.to + GRACE)
        .map((alarm) => alarm.from - one.from);
      return delays.length === 0 ? undefined : Math.min(...delays);
    };
    const is =
      one.alert === '' ? (alarm: Alarm) => alarm.issue === one.issue : (alarm: Alarm) => alarm.alert === one.alert;
    const after = soonest(is);
    // What is critical is not told by a lower severity.
    const heard = soonest(({ issue, severity }) => issue === one.issue && (!one.critical || severity === 'critical'));
    const { name, issue, critical, senders, from } = one;
    const sender = world.senders[senders[0]!]!;
    return {
      name,
      issue,
      critical,
      quick,
      after,
      heard,
      who: sender.domain,
      perDay: Math.round(sender.perDay),
      from,
    };
  });
  const outcome: Omit<Outcome, 'seconds'> = { incidents: found, quietDays: 0, noisyDays: 0, alerts: {}, false: [] };
  for (const alarm of alarms) {
    const count = outcome.alerts[alarm.issue] ?? { all: 0, right: 0 };
    outcome.alerts[alarm.issue] = count;
    count.all++;
    if (incidents.some((one) => about(alarm, one) && overlaps(alarm, one))) count.right++;
  }
  const days = Math.floor(world.stretches.at(-1)!.to / DAY);
  for (const sender of world.senders) {
    // One that is right about another is not wrong about those who share what it names.
    const mine = alarms.filter(
      (alarm) =>
        alarm.hit.includes(sender.index) &&
        (alarm.hit.length === 1 || !incidents.some((one) => about(alarm, one) && overlaps(alarm, one))),
    );
    const troubled = incidents.filter(({ senders }) => senders.includes(sender.index));
    for (let day = sender.born; day < days; day++) {
      const [from, to] = [day * DAY, (day + 1) * DAY];
      if (troubled.some((one) => one.from < to && one.to + AFTERMATH > from)) continue;
      outcome.quietDays++;
      const noise = mine.filter((alarm) => alarm.from < to && alarm.to > from);
      if (noise.length > 0) outcome.noisyDays++;
      for (const { alert, severity, issue, from: since, to: until } of noise) {
        const like = world.happenings.find(
          (h) => h.senders.includes(sender.index) && h.from - HOUR < until && h.to + 3 * HOUR > since,
        );
        outcome.false.push({
          alert,
          severity,
          issue,
          who: `${sender.domain} ${Math.round(sender.perDay)}/d`,
          from: since,
          to: until,
          during: like?.name ?? '',
        });
      }
    }
  }
  return outcome;
}

process.once('message', (order: Order) => {
  work(order).then(
    (outcome) => process.send!(outcome, () => process.exit(0)),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
