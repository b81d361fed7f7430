/**
 * A made-up past becomes OpenMetrics text on standard output, for `promtool tsdb create-blocks-from openmetrics`: what
 * Prometheus would hold had it scraped an exporter that heard the same world for that long.
 *
 *     node demo/history.ts --hours=24 --step=30 --seed=1 > om.txt
 *     promtool tsdb create-blocks-from openmetrics om.txt DATA
 *
 * Samples come in order of time, all series of one moment together, so that any length needs little memory. promtool reads
 * that; OpenMetrics itself wants each metric's samples in one piece. Recorded series are not in it: they come from
 * `promtool tsdb create-blocks-from rules`. A day at 30 s is 4 million lines, 0.8 GB; at 60 s half of that.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type { MailEvent } from '../src/event.ts';
import { providerOf } from '../src/mailbox-provider.ts';
import {
  CHECK_GAUGES,
  COUNTERS,
  campaignVariant,
  durationVariant,
  eventFamilies,
  GAUGES,
  INCIDENT_COUNTERS,
  INCIDENT_GAUGES,
  INCIDENT_HISTOGRAMS,
  MEASUREMENTS,
  resourceVariant,
  resultVariant,
  SCOPES,
  type Scope,
  variants,
  zeroVariants,
} from '../src/metrics.ts';
import kumomta from '../src/sources/kumomta.ts';
import postfix from '../src/sources/postfix.ts';
import push from '../src/sources/push.ts';
import sendgrid from '../src/sources/sendgrid.ts';
import { lookedUp } from './looked-up.ts';
import { Plan } from './plan.ts';
import { type Fact, Traffic } from './traffic.ts';
import { measurements, type PushedMeasurement } from './voices/push.ts';
import { FAULTS, INCIDENTS, type Incident, STREAMS, type Voice } from './world.ts';

const USAGE = `node demo/history.ts [--hours=24] [--step=30] [--seed=1] [--rate=60] [--end=UNIX_SECONDS]
                      [--job=deliverability-exporter] [--instance=127.0.0.1:9871] > om.txt`;

const GIVES: Record<Voice, readonly MailEvent['kind'][]> = {
  sendgrid: sendgrid.gives,
  kumomta: kumomta.gives,
  postfix: postfix.gives,
  push: push.gives,
};

/** Which events of a feed tell the sending address. */
export const TELLS_ADDRESS: Record<Voice, (kind: MailEvent['kind']) => boolean> = {
  sendgrid: (kind) => kind === 'delivered' || kind === 'deferred' || kind === 'bounced',
  kumomta: (kind) => kind !== 'accepted',
  postfix: () => true,
  push: () => true,
};
/** SendGrid does not tell how long a delivery took. */
export const TELLS_SECONDS: Record<Voice, boolean> = { sendgrid: false, kumomta: true, postfix: true, push: true };

const MEASURE_EVERY = 300;
/** A sample that repeats the one before is left out for so long: queries look back 5 min, and rates see two in that time. */
const REPEAT_AFTER = 120;

/** Counters of one set of labels, by variant of the catalogue; a histogram has its buckets, +Inf and its sum. */
interface Member {
  labels: string;
  series: Map<number, { numbers: number[]; shown: boolean }>;
}

type Line = (name: string, labels: string, value: number) => void;

class History {
  private readonly common: string;
  private readonly members = new Map<string, Member>();
  private readonly posts = new Map<string, number>();
  private readonly lastEvent = new Map<string, number>();
  private measured: PushedMeasurement[] = [];
  private measuredAt = 0;
  private told = 0;
  private readonly written = new Map<string, { value: number; at: number }>();

  private readonly start: number;
  private readonly seconds: number;

  /** `start`: Unix seconds of its beginning, of which `seconds` follow. */
  constructor(common: string, start: number, seconds: number) {
    this.common = common;
    this.start = start;
    this.seconds = seconds;
    for (const { feed, voice } of STREAMS) {
      this.member('feed', [feed], []);
      if (voice !== 'postfix') this.posts.set(feed, 0);
    }
  }

  count(fact: Fact, start: number): void {
    const { stream, mailbox, campaign, ip } = fact.message;
    if (!GIVES[stream.voice].includes(fact.kind)) return;
    const event = eventOf(fact);
    const verdict = FAULTS[fact.answer === undefined || fact.answer === 'taken' ? 'busy' : fact.answer];
    const address = TELLS_ADDRESS[stream.voice](fact.kind) ? ip : 'unknown';
    const resource = [stream.feed, stream.domain, address, providerOf(mailbox.domain)];
    this.add(this.member('resource', resource, GIVES[stream.voice]), resourceVariant(event, verdict), 1);
    if (event.kind === 'delivered' && event.seconds !== undefined) {
      this.observe(this.member('resource', resource, GIVES[stream.voice]), event.seconds);
    }
    const variant = campaign === '' ? -1 : campaignVariant(event, verdict);
    if (variant >= 0) {
      this.add(this.member('campaign', [stream.feed, stream.domain, campaign], GIVES[stream.voice]), variant, 1);
    }
    this.add(this.member('feed', [stream.feed], []), resultVariant('counted'), 1);
    // A sender that did not hear the answer tells it once more.
    if (stream.voice === 'kumomta' && ++this.told % 300 === 0)
      this.add(this.member('feed', [stream.feed], []), resultVariant('duplicate'), 1);
    this.lastEvent.set(stream.feed, start + fact.at);
  }

  measure(round: number, at: number, seed: number, on: Incident | undefined): void {
    this.measured = measurements(seed, round, at * 1000, 'history', on);
    this.measuredAt = at;
  }

  /** Each feed's posts, one every other second; the log of the Postfix feed is a file. */
  posted(stepSeconds: number): void {
    for (const [feed, posts] of this.posts) this.posts.set(feed, posts + Math.ceil(stepSeconds / 2));
  }

  /** Every series at this moment. */
  write(at: number): string {
    const lines: string[] = [];
    const line: Line = (name, labels, value) => {
      const series = `${name}{${this.common}${labels === '' ? '' : `,${labels}`}}`;
      const before = this.written.get(series);
      if (before && before.value === value && at - before.at < REPEAT_AFTER) return;
      this.written.set(series, { value, at });
      lines.push(`${series} ${value} ${at}`);
    };
    for (const { labels, series } of this.members.values()) {
      for (const [variant, one] of series) {
        // A counter born above 0 would be invisible to increase(): its first sample is 0, as the exporter shows it.
        const numbers = one.shown ? one.numbers : one.numbers.map(() => 0);
        one.shown = true;
        writeSeries(line, variant, labels, numbers);
      }
    }
    this.writeMeasured(line);
    this.writeProgram(line, at);
    for (const [name, labels, value] of lookedUp(this.start, this.seconds, at)) line(name, text(labels), value);
    return `${lines.join('\n')}\n`;
  }

  private member(scope: Scope, values: string[], gives: readonly MailEvent['kind'][]): Member {
    const key = `${scope} ${values.join(' ')}`;
    let member = this.members.get(key);
    if (member) return member;
    const labels = text(Object.fromEntries(SCOPES[scope].map((label, i) => [label, values[i]!])));
    member = { labels, series: new Map() };
    for (const variant of zeroVariants(scope, gives)) this.add(member, variant, 0);
    this.members.set(key, member);
    return member;
  }

  private numbers(member: Member, variant: number): number[] {
    let series = member.series.get(variant);
    if (!series) {
      const { type, buckets } = variants[variant]!.family;
      const size = type === 'histogram' ? buckets.length + 2 : 1;
      series = { numbers: new Array<number>(size).fill(0), shown: false };
      member.series.set(variant, series);
    }
    return series.numbers;
  }

  private add(member: Member, variant: number, amount: number): void {
    this.numbers(member, variant)[0]! += amount;
  }

  private observe(member: Member, seconds: number): void {
    const { buckets } = variants[durationVariant]!.family;
    const numbers = this.numbers(member, durationVariant);
    const bucket = buckets.findIndex((bound) => seconds <= bound);
    numbers[bucket < 0 ? buckets.length : bucket]! += 1;
    numbers[buckets.length + 1]! += seconds;
  }

  private writeMeasured(line: Line): void {
    for (const m of this.measured) {
      const { type: measurement, sending_domain = '', sending_ip = '', campaign = 'unknown' } = m;
      if (measurement === 'reputation_score') {
        line(
          CHECK_GAUGES.reputation.name,
          text({ service: m.service!, target: sending_ip || sending_domain }),
          m.value,
        );
        continue;
      }
      const domain = sending_domain || 'unknown';
      const where = { source: 'push', sending_domain: domain, sending_ip: sending_ip || 'unknown', campaign };
      line(MEASUREMENTS[measurement as keyof typeof MEASUREMENTS].name, text(where), m.value);
      line(GAUGES.measurementSamples.name, text({ ...where, measurement }), m.sample_size ?? 0);
      line(GAUGES.measurementTimestamp.name, text({ ...where, measurement }), this.measuredAt);
    }
  }

  private writeProgram(line: Line, at: number): void {
    line('up', '', 1);
    line(GAUGES.buildInfo.name, text({ version: 'history', node: process.version }), 1);
    line(GAUGES.reloadSuccessful.name, '', 1);
    line(GAUGES.ledgerHealthy.name, '', 1);
    for (const [source, last] of this.lastEvent) line(GAUGES.lastEvent.name, text({ source }), Math.min(last, at));
    for (const [source, posts] of this.posts) line(COUNTERS.posts.name, text({ source, outcome: 'accepted' }), posts);
  }
}

function writeSeries(line: Line, variant: number, labels: string, numbers: readonly number[]): void {
  const { family, values } = variants[variant]!;
  const closed = family.closed.map(([label], i) => `,${label}="${values[i]}"`).join('');
  if (family.type === 'counter') {
    line(family.name, labels + closed, numbers[0]!);
    return;
  }
  let below = 0;
  [...family.buckets, '+Inf'].forEach((bound, i) => {
    below += numbers[i]!;
    line(`${family.name}_bucket`, `${labels},le="${bound}"`, below);
  });
  line(`${family.name}_sum`, labels, numbers.at(-1)!);
  line(`${family.name}_count`, labels, below);
}

/** Only what counting looks at. */
function eventOf(fact: Fact): MailEvent {
  const { kind, message } = fact;
  const base = { id: '', at: 0, sendingDomain: '', sendingIp: '', recipientDomain: '', campaign: '' };
  switch (kind) {
    case 'delivered':
      return { kind, ...base, seconds: TELLS_SECONDS[message.stream.voice] ? fact.at - message.at : undefined };
    case 'deferred':
    case 'bounced':
      return { kind, ...base, reply: '' };
    case 'suppressed':
      return { kind, ...base, reason: fact.reason ?? 'other' };
    case 'opened':
      return { kind, ...base, by: fact.by ?? 'person' };
    default:
      return { kind, ...base };
  }
}

function text(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');
}

/** OpenMetrics names a counter's family without the `_total` of its samples. */
function types(): string {
  const gauges = [
    ...Object.values(MEASUREMENTS),
    ...Object.values(CHECK_GAUGES),
    ...Object.values(GAUGES),
    ...Object.values(INCIDENT_GAUGES),
    ...[
      'up',
      'process_start_time_seconds',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
      'scrape_duration_seconds',
      'scrape_samples_scraped',
    ].map((name) => ({ name })),
  ];
  const lines = [
    ...eventFamilies.map(({ name, type }) => [name, type] as const),
    ...gauges.map(({ name }) => [name, 'gauge'] as const),
    ...[...Object.values(COUNTERS), ...Object.values(INCIDENT_COUNTERS), { name: 'process_cpu_seconds_total' }].map(
      ({ name }) => [name, 'counter'] as const,
    ),
    ...Object.values(INCIDENT_HISTOGRAMS).map(({ name }) => [name, 'histogram'] as const),
  ].map(([name, type]) => `# TYPE ${type === 'counter' ? name.replace(/_total$/, '') : name} ${type}`);
  return `${lines.join('\n')}\n`;
}

async function main(argv: string[]): Promise<void> {
  const option = (fallback: string) => ({ type: 'string', default: fallback }) as const;
  const { values } = parseArgs({
    args: argv,
    options: {
      ...{ hours: option('24'), step: option('30'), seed: option('1'), rate: option('60') },
      ...{ end: option(String(Math.floor(Date.now() / 1000))), job: option('deliverability-exporter') },
      ...{ instance: option('127.0.0.1:9871') },
    },
  });
  const [hours, step, seed, rate, end] = [values.hours, values.step, values.seed, values.rate, values.end].map(Number);
  if (!(hours! > 0 && step! > 0 && seed! >= 0 && rate! > 0 && end! > 0))
    throw new Error('every number must be above 0');
  const seconds = hours! * 3600;
  const start = Math.floor((end! - seconds) / step!) * step!;
  const plan = Plan.past(seconds);
  const traffic = new Traffic({ seed: seed!, rate: rate!, plan, startHour: (start % 86400) / 3600 });
  const history = new History(text({ job: values.job, instance: values.instance }), start, seconds);
  const out = process.stdout;
  out.write(types());
  let round = 0;
  for (let t = 0; t <= seconds; t += step!) {
    for (const fact of traffic.until(t)) history.count(fact, start);
    const on = plan.at(t);
    if (t >= round * MEASURE_EVERY) history.measure(round++, start + t, seed!, on && INCIDENTS[on.name]);
    if (!out.write(history.write(start + t))) await once(out, 'drain');
    history.posted(step!);
  }
  out.end('# EOF\n');
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  });
}
