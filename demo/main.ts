/**
 * The demo feed: a made-up sender's mail, told to an exporter the way the outside tells it: signed SendGrid posts, a
 * growing Postfix log, KumoMTA log records and the push API. Nothing is sent to anybody but --target.
 */
import { parseArgs } from 'node:util';
import { providerOf } from '../src/mailbox-provider.ts';
import { Feed, type FeedOptions } from './feed.ts';
import { type Occurrence, Plan } from './plan.ts';
import { INCIDENTS, type Incident, type IncidentName, MAILBOXES } from './world.ts';

const NAMES = Object.keys(INCIDENTS).join(', ');
const HELP = `node demo/main.ts --target=http://127.0.0.1:9871 --keys=DIR [options]

  --target=URL               where the exporter listens
  --keys=DIR                 key material, as written by: node demo/keys.ts DIR
  --postfix-log=FILE         the Postfix lines are appended to it; without it they are posted, as a log shipper does
  --seed=N                   same seed, same mail; only the clock differs (default 1)
  --rate=N                   events a second at the busiest hour, incidents apart (default 60)
  --speed=N                  how fast the day, delays and incidents of that world pass (default 1); not the rate
  --incident=NAME            ${NAMES},
                             none, or timeline (default): one after another
  --incident-after=SECONDS   until it starts (default 60)
  --incident-for=SECONDS     until things are well again (default 600)
  --duration=SECONDS         stop by itself (default: never); then the status is 1 when something could not be told

SIGUSR2 jumps to the next start or end of an incident. Each start is told on standard output as one line of JSON.
`;

const TICK_MS = 100;

/** Name and default of every number among the options. */
const NUMBERS = {
  seed: '1',
  rate: '60',
  speed: '1',
  'incident-after': '60',
  'incident-for': '600',
  duration: 'Infinity',
} as const;

function read(argv: string[]): FeedOptions & { duration: number } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: argv,
    options: {
      ...{ target: text, keys: text, 'postfix-log': text, incident: text },
      ...{ seed: text, rate: text, speed: text, 'incident-after': text, 'incident-for': text, duration: text },
    },
  });
  const number = (name: keyof typeof NUMBERS): number => {
    const value = Number(values[name] ?? NUMBERS[name]);
    if (!(value >= 0)) throw new Error(`--${name} must be a number, 0 or more`);
    return value;
  };
  const { target, keys, incident = 'timeline' } = values;
  if (target === undefined || !URL.canParse(target)) throw new Error('--target must be the URL of an exporter');
  if (keys === undefined) throw new Error('--keys must be a directory written by demo/keys.ts');
  const [rate, speed] = [number('rate'), number('speed')];
  if (rate === 0 || rate > 10_000) throw new Error('--rate must be above 0 and at most 10000');
  if (speed === 0) throw new Error('--speed must be above 0');
  const plan = planOf(incident, number('incident-after') * speed, number('incident-for') * speed);
  const [seed, duration] = [number('seed'), number('duration')];
  return { target, keys, postfixLog: values['postfix-log'], seed, rate, speed, plan, duration, started, ended, report };
}

function planOf(incident: string, after: number, lasts: number): Plan {
  if (incident === 'none') return Plan.quiet();
  if (incident === 'timeline') return Plan.timeline();
  if (!Object.hasOwn(INCIDENTS, incident)) throw new Error(`--incident must be one of ${NAMES}, none, timeline`);
  return Plan.one(incident as IncidentName, after, lasts);
}

function started({ name }: Occurrence, wall: number): void {
  const { issue_type, domain, ip, family }: Incident = INCIDENTS[name];
  const line = { first_bad_event_at: wall, issue_type, incident: name, sending_domain: domain };
  const mailbox = MAILBOXES.find((m) => m.family === family);
  const provider = mailbox && providerOf(mailbox.domain);
  console.log(JSON.stringify({ ...line, ...(ip && { sending_ip: ip }), ...(provider && { provider }) }));
}

function ended({ name }: Occurrence, wall: number): void {
  report(`${name} is over since ${new Date(wall).toISOString()}`);
}

function report(message: string): void {
  console.error(`demo: ${message}`);
}

async function main(argv: string[]): Promise<void> {
  if (argv.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  const options = read(argv);
  const feed = new Feed(options, Date.now());
  const timer = setInterval(() => feed.tick(Date.now()), TICK_MS);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      report(feed.summary().text);
      process.exit(0);
    });
  }
  process.on('SIGUSR2', () => feed.skip(Date.now()));
  if (!Number.isFinite(options.duration)) return;
  await new Promise((resolve) => setTimeout(resolve, options.duration * 1000));
  clearInterval(timer);
  feed.tick(Date.now());
  await feed.finish(Date.now());
  const { text, whole } = feed.summary();
  report(text);
  process.exit(whole ? 0 : 1);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
  process.exit(2);
});
