/**
 * A deployment under ordinary traffic, then an incident, become one measurement: seconds from the first bad event to the
 * notification. What should not happen meanwhile fails it.
 */
import type { Alert } from './receiver.ts';
import { type Incident, type Stack, startStack } from './stack.ts';

export interface CheckOptions {
  next: boolean;
  demo: { incident?: string; 'incident-after'?: string; seed?: string; rate?: string };
}

export interface Measured {
  alert: string;
  issue_type: string;
  severity: string;
  event_to_webhook_s: number;
}

interface Arrival {
  alert: Alert;
  at: number;
}

/** The mission allows 60; later than this nothing is waited for. */
const PATIENCE_S = 300;

export async function check({ next, demo }: CheckOptions): Promise<Measured> {
  const given = { incident: 'bounce_storm', 'incident-after': '180', ...demo };
  const ordinary = Number(given['incident-after']);
  const arrivals: Arrival[] = [];
  let incident: Incident | undefined;
  const stack = await startStack({
    next,
    demo: Object.entries(given).map(([name, value]) => `--${name}=${value}`),
    onNotification: ({ alerts, receivedAt, path }) => {
      for (const alert of alerts.filter(({ status }) => status === 'firing')) {
        arrivals.push({ alert, at: receivedAt });
        if (path !== '/alive') console.error(`${path}: ${alert.labels.severity} ${alert.annotations.summary}`);
      }
    },
    onIncident: (begun) => {
      incident = begun;
      console.error(`The incident begins: ${begun.issue_type}`);
    },
  });
  console.error(`Ordinary traffic for ${ordinary} s, then ${given.incident}. Prometheus: ${stack.urls.prometheus}`);
  await until(stack, ordinary + 60, `the demo feed has not begun its incident`, () => incident);
  const begun = incident!;
  await refuseDefects(
    stack,
    arrivals.filter(({ at }) => at < begun.first_bad_event_at),
  );
  const severity = await worstSeverity(stack, begun.issue_type);
  const wanted = ({ alert: { labels } }: Arrival) =>
    labels.issue_type === begun.issue_type &&
    labels.severity === severity &&
    (labels.sending_domain ?? begun.sending_domain) === begun.sending_domain;
  const reason = `no ${severity} alert on ${begun.issue_type} of ${begun.sending_domain} arrived`;
  const { alert, at } = await until(stack, PATIENCE_S, reason, () => arrivals.find(wanted));
  stack.receiver.close();
  return {
    alert: alert.labels.alertname ?? '',
    issue_type: begun.issue_type,
    severity,
    event_to_webhook_s: (at - begun.first_bad_event_at) / 1000,
  };
}

/** What `look` finds; fails when the time is over or a part of the stack ends. */
async function until<T>(stack: Stack, seconds: number, reason: string, look: () => T | undefined): Promise<T> {
  const end = Date.now() + seconds * 1000;
  let ended: string | undefined;
  for (const child of stack.children) {
    void child.ended.then((how) => {
      ended ??= `${child.name} ${how}. It said:\n${child.log()}`;
    });
  }
  while (Date.now() < end) {
    const found = look();
    if (found !== undefined) return found;
    if (ended !== undefined) throw new Error(ended);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const said = stack.children.map(
    (child) => `${child.name} said last:\n${child.log().split('\n').slice(-5).join('\n')}`,
  );
  throw new Error(`${reason} within ${seconds} s.\n${said.join('\n')}`);
}

/** A measurement means something only if all that was ordinary looked ordinary, and everything worked. */
async function refuseDefects(stack: Stack, before: readonly Arrival[]): Promise<void> {
  const false_alarms = before.filter(({ alert }) => alert.labels.alertname !== 'Watchdog').map(({ alert }) => alert);
  if (false_alarms.length > 0) {
    throw new Error(`alerts arrived during ordinary traffic:\n${JSON.stringify(false_alarms, null, 1)}`);
  }
  const down = (await query(stack, 'up == 0')).map(({ metric }) => metric.job);
  if (down.length > 0) throw new Error(`Prometheus cannot scrape: ${down.join(', ')}`);
  const broken = (await rules(stack)).filter(({ lastError }) => lastError);
  if (broken.length > 0)
    throw new Error(`rules fail: ${broken.map((rule) => `${rule.name}: ${rule.lastError}`).join('; ')}`);
}

interface Rule {
  type: 'alerting' | 'recording';
  name: string;
  labels?: Record<string, string>;
  lastError?: string;
}

async function rules(stack: Stack): Promise<Rule[]> {
  const data = await api<{ groups: { rules: Rule[] }[] }>(stack, 'rules');
  return data.groups.flatMap((group) => group.rules);
}

/** `critical` where a rule of the issue has it. */
async function worstSeverity(stack: Stack, issueType: string): Promise<string> {
  const severities = (await rules(stack))
    .filter(({ labels }) => labels?.issue_type === issueType)
    .map(({ labels }) => labels?.severity);
  const worst = ['critical', 'high', 'medium', 'low', 'info'].find((severity) => severities.includes(severity));
  if (worst === undefined) throw new Error(`no alert rule has the issue_type ${issueType}`);
  return worst;
}

async function query(stack: Stack, expr: string): Promise<{ metric: Record<string, string> }[]> {
  return (await api<{ result: { metric: Record<string, string> }[] }>(stack, `query?query=${encodeURIComponent(expr)}`))
    .result;
}

async function api<T>(stack: Stack, path: string): Promise<T> {
  const response = await fetch(`${stack.urls.prometheus}/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`Prometheus answered ${response.status} to ${path}: ${await response.text()}`);
  return ((await response.json()) as { data: T }).data;
}
