/**
 * `npm run bench:exact`: kills the program again and again under full load, while the sender repeats what was not acknowledged,
 * and then compares its counters with what was sent. A kill of the process, not of the machine: fsync is not put to the test.
 */
import { configuration, flags, folder, machine, pause, round, startExporter } from './exporter.ts';
import { type About, Connection, Factory, newKeys, type Prepared, random } from './load.ts';

export interface ExactOptions {
  /** A main.js or main.ts. */
  program: string;
  kills: number;
  /** Of load in all, without the time that restarts take. */
  seconds: number;
  seed: number;
}

export interface ExactResult {
  kills: number;
  /** Events in posts that were answered 200, each once however often it was sent. */
  acknowledged: number;
  /** What the program says it counted. */
  counted: number;
  lost: number;
  duplicated: number;
  /** Posts sent again although they had been acknowledged. */
  repeated: number;
  /** Posts sent again because no answer, or another one, had come. */
  retried: number;
  /** Samples that were lower than at an earlier scrape. */
  backwards: number;
  /** Longest time from a start to the first answer, s. */
  slowest_start_s: number;
}

const SIZES = [1, 10, 100, 400, 1000];
const LANES = 12;
/** Share of posts that are sent once more at once, and the number of those kept to be sent again some kills later. */
const REPEATS = 0.05;
const KEPT = 50;
const RETRY = 20;
/** With `scrape_interval: 1s`, new series show their count after 2 s of scrapes. */
const SHOWN_AFTER = 2500;

const FAMILIES: Record<string, string> = {
  processed: 'email_accepted_total',
  delivered: 'email_delivered_total',
  deferred: 'email_deferred_total',
  bounce: 'email_bounced_total',
  dropped: 'email_suppressed_total',
  spamreport: 'email_complaints_total',
  open: 'email_opens_total',
  click: 'email_clicks_total',
  unsubscribe: 'email_unsubscribes_total',
};

/** What was sent and acknowledged, as counters would have it: by family and sending domain. */
class Sender {
  readonly expected = new Map<string, number>();
  acknowledged = 0;
  repeated = 0;
  retried = 0;
  stopping = false;
  private readonly kept: Prepared[] = [];
  private readonly factory: Factory;
  private readonly draw: () => number;

  constructor(key: string, seed: number) {
    this.factory = new Factory(key, seed, 'X0');
    this.draw = random(seed + 1);
  }

  async lane(port: number): Promise<void> {
    const connection = new Connection(port);
    while (!this.stopping) {
      const post = this.factory.post(SIZES[Math.floor(this.draw() * SIZES.length)]!);
      await this.deliver(connection, post);
      this.acknowledged += post.abouts.length;
      for (const about of post.abouts) this.expect(about);
      const draw = this.draw();
      if (draw < REPEATS) await this.repeat(connection, post);
      else if (draw < REPEATS * 2) this.kept.push(post);
      if (this.kept.length > KEPT) await this.repeat(connection, this.kept.shift()!);
    }
    connection.close();
  }

  private async deliver(connection: Connection, post: Prepared): Promise<void> {
    while ((await connection.post(post.wire)) !== 200) {
      this.retried++;
      await pause(RETRY);
    }
  }

  private async repeat(connection: Connection, post: Prepared): Promise<void> {
    this.repeated++;
    await this.deliver(connection, post);
  }

  private expect({ word, domain }: About): void {
    const key = `${FAMILIES[word]} ${domain}`;
    this.expected.set(key, (this.expected.get(key) ?? 0) + 1);
  }
}

export async function exact({ program, kills, seconds, seed }: ExactOptions): Promise<ExactResult> {
  const keys = newKeys();
  const directory = folder();
  const draw = random(seed);
  const config = configuration(keys.public);
  let exporter = await startExporter({ program, config, directory });
  const { port } = exporter;
  const sender = new Sender(keys.private, seed);
  const lanes = Array.from({ length: LANES }, () => sender.lane(port));
  let samples = new Map<string, number>();
  let backwards = 0;
  let slowest = 0;
  const look = async (): Promise<void> => {
    const now = await exporter.samples();
    for (const [name, value] of samples) if (!((now.get(name) ?? Number.NaN) >= value)) backwards++;
    samples = now;
  };
  for (let kill = 0; kill < kills; kill++) {
    await pause(((0.5 + draw()) * seconds * 1000) / (kills + 1));
    await look();
    await pause(draw() * 50);
    await exporter.stop('SIGKILL');
    const start = performance.now();
    exporter = await startExporter({ program, config, directory, port });
    slowest = Math.max(slowest, performance.now() - start);
    await look();
  }
  await pause((seconds * 1000) / (kills + 1));
  sender.stopping = true;
  await Promise.all(lanes);
  await look();
  await pause(SHOWN_AFTER);
  await look();
  await exporter.stop();
  const { acknowledged, repeated, retried } = sender;
  const counted = sum(samples, 'deliverability_exporter_events_total', 'result="counted"');
  let lost = Math.max(0, acknowledged - counted);
  let duplicated = Math.max(0, counted - acknowledged);
  // Differences by family and domain must not cancel each other out.
  let [missing, surplus] = [0, 0];
  for (const [key, value] of sender.expected) {
    const [family = '', domain = ''] = key.split(' ');
    const difference = sum(samples, family, `sending_domain="${domain}"`) - value;
    if (difference < 0) missing -= difference;
    else surplus += difference;
  }
  lost = Math.max(lost, missing);
  duplicated = Math.max(duplicated, surplus);
  const slowest_start_s = round(slowest / 1000, 2);
  return { kills, acknowledged, counted, lost, duplicated, repeated, retried, backwards, slowest_start_s };
}

function sum(samples: Map<string, number>, family: string, label: string): number {
  let total = 0;
  for (const [name, value] of samples) if (name.startsWith(`${family}{`) && name.includes(label)) total += value;
  return total;
}

if (import.meta.main) {
  const options = flags({ kills: 50, seconds: 50, seed: 1 });
  const result = await exact(options);
  process.stdout.write(`${JSON.stringify({ bench: 'exact', ...result, seed: options.seed, machine: machine() })}\n`);
  process.exit(0);
}
