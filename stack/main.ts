/**
 * `npm run stack` becomes a deployment to look at, until Ctrl-C; with --check it becomes one line of JSON: how long it took
 * from the first bad event to the notification, through the real Prometheus and Alertmanager with the shipped intervals.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { check } from './check.ts';
import { prepareDashboards, startDashboards } from './dashboards.ts';
import { stopAll } from './processes.ts';
import { legible, type Notification } from './receiver.ts';
import { type Stack, startStack } from './stack.ts';

const USAGE = `npm run stack -- [options]

  --check                    unattended: ordinary traffic, then an incident; prints one line of JSON when the alert has
                             arrived, and ends with 0; ends with 1 and the reason when it does not arrive
  --dashboards               the dashboards too, for want of a Grafana; the first time this installs what draws them (500 MB)
  --next                     Prometheus and Alertmanager of Debian sid instead of this machine's
  --incident=NAME            which one, see: node demo/main.ts --help (default: one after another; bounce_storm in a check)
  --incident-after=SECONDS   ordinary traffic before it (default: 60; 180 in a check, at least 150)
  --seed=N, --rate=N         see: node demo/main.ts --help
`;

/** Less ordinary traffic would let start-up have a part in what is measured. */
const LEAST_ORDINARY_S = 150;

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;

async function main(): Promise<void> {
  stopWithNpm();
  const { values } = parseArgs({
    options: {
      check: flag,
      next: flag,
      dashboards: flag,
      help: flag,
      incident: text,
      'incident-after': text,
      seed: text,
      rate: text,
    },
  });
  const { check: unattended, next, dashboards: drawn, help, ...demo } = values;
  if (help) return void console.log(USAGE);
  if (unattended) {
    if (Number(demo['incident-after'] ?? LEAST_ORDINARY_S) < LEAST_ORDINARY_S) {
      throw new Error(`--incident-after is at least ${LEAST_ORDINARY_S} in a check`);
    }
    const result = await check({ next, demo });
    await stopAll();
    console.log(JSON.stringify(result));
    process.exit(0);
  }
  if (drawn) await prepareDashboards();
  const stack = await startStack({
    next,
    demo: Object.entries(demo).map(([name, value]) => `--${name}=${value}`),
    onNotification: show,
    onIncident: ({ issue_type, sending_domain }) =>
      console.log(`\n⚠ An incident begins: ${issue_type} of ${sending_domain}\n`),
  });
  const dashboards = drawn ? await startDashboards(stack.urls.prometheus) : undefined;
  console.log(introduction(stack, await pages(stack), dashboards?.url));
  const ends = [...stack.children, ...(dashboards ? [dashboards.child] : [])].map(async (child) => {
    const how = await child.ended;
    if (child.stopped) return;
    throw new Error(`${child.name} ${how}. It said:\n${child.log()}`);
  });
  await Promise.all(ends);
}

/** Alertmanager repeats the dead man's switch every minute: once is enough here. */
let alive = false;

function show(notification: Notification): void {
  if (notification.path === '/alive') {
    if (alive) return;
    alive = true;
  }
  console.log(legible(notification));
}

/** Debian's Prometheus 2 has the old pages only. */
async function pages({ urls }: Stack): Promise<string> {
  const old = `${urls.prometheus}/classic`;
  return (await fetch(`${old}/alerts`)).ok ? old : urls.prometheus;
}

function introduction({ urls, demo, directory }: Stack, ui: string, dashboards: string | undefined): string {
  return `
  exporter      ${urls.exporter}            what it hears: ${urls.exporter}/metrics
  Prometheus    ${urls.prometheus}
  Alertmanager  ${urls.alertmanager}${dashboards === undefined ? '' : `\n  dashboards    ${dashboards}            their menu leads to the others`}
  files         ${directory}

A made-up sender's mail is coming in: signed SendGrid posts, KumoMTA records, a growing Postfix log, pushed measurements.
Look at
  the ratios    ${ui}/graph?g0.expr=domain%3Aemail_bounced%3Aratio_rate15m&g0.tab=0&g0.range_input=15m
  the alerts    ${ui}/alerts
Notifications that people would get are printed here as they arrive. The first is the Watchdog, a
sign of life. To bring the next incident on at once, in another terminal: kill -USR2 ${demo.process.pid}
Ctrl-C stops everything.
`;
}

/** npm passes Ctrl-C and SIGTERM on; killed outright it cannot, and would leave all this running. */
function stopWithNpm(): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  // npm starts a shell, which stays between the two of us or not.
  const shell = readFileSync(`/proc/${process.ppid}/comm`, 'utf8').trim() === 'sh' ? process.ppid : undefined;
  const npm = () => (shell === undefined || process.ppid !== shell ? process.ppid : parentOf(shell));
  const first = npm();
  setInterval(() => {
    if (npm() !== first) process.kill(process.pid, 'SIGTERM');
  }, 500).unref();
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

main().catch(async (error: Error) => {
  console.error(error.message);
  await stopAll();
  process.exit(1);
});
