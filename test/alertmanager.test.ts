/**
 * The shipped Alertmanager configuration on the oldest and the newest Alertmanager we claim: valid, routes to whom it should,
 * lets the worst severity of an issue speak alone, says so in words. Real Alertmanagers, with addresses and secrets of the test.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { PARTS } from '../stack/parts.ts';
import { freePorts, ready, start } from '../stack/processes.ts';
import { type Notification, receive } from '../stack/receiver.ts';
import { tool } from '../stack/tools.ts';

const FILE = join(import.meta.dirname, '../alertmanager/alertmanager.yml');
const TEMPLATES = join(import.meta.dirname, '../alertmanager/templates');

interface Route {
  receiver?: string;
  matchers?: string[];
  group_by?: string[];
  group_wait?: string;
  group_interval?: string;
  repeat_interval?: string;
  routes?: Route[];
}
interface Webhook {
  url: string;
  http_config: { authorization: { credentials_file: string } };
}
interface Config {
  templates: string[];
  route: Route;
  receivers: { name: string; webhook_configs: Webhook[]; [kind: string]: unknown }[];
}
const shipped = (): Config => parse(readFileSync(FILE, 'utf8')) as Config;

async function amtool(name: 'amtool' | 'amtool-next', ...args: string[]): Promise<string> {
  return (await promisify(execFile)(await tool(name), args)).stdout;
}

/** A folder that goes when the test has ended. */
function folder(t: { after(done: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), 'alertmanager-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

// --- The file ----------------------------------------------------------------------------------------------------------

test('no secret stands in the file, and none would be accepted there', () => {
  const secret = /password|token|secret|credentials|api_key|routing_key|service_key|slack_api_url/;
  const inline = (node: unknown): string[] =>
    typeof node === 'object' && node !== null
      ? Object.entries(node).flatMap(([key, value]) => [
          ...(secret.test(key) && !key.endsWith('_file') ? [key] : []),
          ...inline(value),
        ])
      : [];
  assert.deepEqual(inline(shipped()), []);
  assert.deepEqual(inline({ a: [{ http_config: { authorization: { credentials: 'x' } } }] }), ['credentials']);
  for (const { name, webhook_configs } of shipped().receivers) {
    for (const { http_config } of webhook_configs)
      assert.match(http_config.authorization.credentials_file, /^\/run\/secrets\//, name);
  }
});

const seconds = (duration: string): number => {
  const [, count, unit] = /^(\d+)([smh])$/.exec(duration)!;
  return Number(count) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h'];
};

test('nobody is told the same within the hour, and bad news waits five seconds', () => {
  const { route } = shipped();
  const all = [route, ...route.routes!];
  for (const { receiver, repeat_interval } of all.filter((one) => one.receiver !== 'deadman')) {
    if (repeat_interval !== undefined) assert.ok(seconds(repeat_interval) >= 3600, receiver);
  }
  assert.ok(seconds(route.repeat_interval!) >= 3600);
  for (const name of ['exporter', 'people-critical', 'people-high']) {
    const one = all.find(({ receiver }) => receiver === name)!;
    assert.ok(seconds(one.group_wait!) <= 5 && seconds(one.group_interval!) <= 60, name);
  }
  // Without it, an issue that turns critical would wait as a latecomer of its group.
  assert.ok(route.group_by!.includes('severity'));
});

// --- amtool ------------------------------------------------------------------------------------------------------------

const ROUTES: readonly (readonly [labels: Record<string, string>, receivers: string])[] = [
  [
    { alertname: 'EmailBounceRateHigh', issue_type: 'high_bounce_rate', severity: 'critical' },
    'exporter,people-critical',
  ],
  [{ alertname: 'EmailBounceRateHigh', issue_type: 'high_bounce_rate', severity: 'high' }, 'exporter,people-high'],
  [
    { alertname: 'EmailComplaintRateHigh', issue_type: 'high_complaint_rate', severity: 'critical' },
    'exporter,people-critical',
  ],
  [{ alertname: 'Any', issue_type: 'engagement_drop', severity: 'medium' }, 'exporter,people-mail'],
  [{ alertname: 'Any', issue_type: 'engagement_drop', severity: 'low' }, 'exporter,people-mail'],
  [{ alertname: 'Any', issue_type: 'engagement_drop', severity: 'info' }, 'exporter,monitoring'],
  [{ alertname: 'DeliverabilityExporterDown', severity: 'critical' }, 'people-critical'],
  [{ alertname: 'DeliverabilitySourceSilent', severity: 'medium' }, 'people-mail'],
  [{ alertname: 'Watchdog', severity: 'info' }, 'deadman'],
  // Somebody else's alerts, without the labels that are routed by, reach people all the same.
  [{ alertname: 'NodeDown', severity: 'warning' }, 'people-mail'],
  [{ alertname: 'NodeDown' }, 'people-mail'],
  [{}, 'people-mail'],
];

for (const name of ['amtool', 'amtool-next'] as const) {
  test(`${name} check-config finds nothing`, async () => {
    assert.match(await amtool(name, 'check-config', FILE), /SUCCESS[\s\S]*4 inhibit rules[\s\S]*1 templates/);
  });

  test(`${name} routes each alert to whom it should`, async () => {
    for (const [labels, receivers] of ROUTES) {
      const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
      const found = await amtool(name, 'config', 'routes', 'test', `--config.file=${FILE}`, ...pairs);
      assert.equal(found.trim(), receivers, pairs.join(' '));
    }
  });

  test(`${name} accepts the template in receivers that people add, and renders it`, async (t) => {
    const dir = folder(t);
    const config = shipped();
    config.receivers[1]!.email_configs = [
      {
        to: 'ops@example.com',
        from: 'alerts@example.com',
        smarthost: 'mail.example.com:587',
        text: '{{ template "deliverability.text" . }}',
      },
    ];
    config.receivers[1]!.slack_configs = [
      {
        api_url_file: '/run/secrets/slack.url',
        title: '{{ template "deliverability.title" . }}',
        text: '{{ template "deliverability.text" . }}',
      },
    ];
    cpSync(TEMPLATES, join(dir, 'templates'), { recursive: true });
    writeFileSync(join(dir, 'alertmanager.yml'), stringify(config));
    assert.match(await amtool(name, 'check-config', join(dir, 'alertmanager.yml')), /SUCCESS/);

    writeFileSync(join(dir, 'data.json'), JSON.stringify(DATA));
    const render = (template: string) =>
      amtool(
        name,
        ...['template', 'render', `--template.glob=${TEMPLATES}/*.tmpl`, `--template.data=${join(dir, 'data.json')}`],
        `--template.text={{ template "${template}" . }}`,
      );
    assert.equal(
      (await render('deliverability.title')).trim(),
      '[CRITICAL] Too much mail of news.example.com bounces. (and 2 alerts in all)',
    );
    const text = await render('deliverability.text');
    assert.equal(text.trim(), TEXT);
  });
}

const DATA = {
  receiver: 'people-critical',
  status: 'firing',
  alerts: [
    {
      status: 'firing',
      labels: {
        alertname: 'EmailBounceRateHigh',
        severity: 'critical',
        issue_type: 'high_bounce_rate',
        sending_domain: 'news.example.com',
      },
      annotations: {
        summary: 'Too much mail of news.example.com bounces.',
        description: '20% of 9k messages bounced in 15 minutes.',
        recommended_actions: '1. Look.\n2. Act.',
        dashboard_url: '/d/deliverability-overview?var-sending_domain=news.example.com',
        runbook_url: 'docs/runbooks/EmailBounceRateHigh.md',
      },
      startsAt: '2026-11-24T03:42:41Z',
      endsAt: '0001-01-01T00:00:00Z',
      fingerprint: '1',
    },
    {
      status: 'resolved',
      labels: {
        alertname: 'EmailBounceRateHigh',
        severity: 'critical',
        issue_type: 'high_bounce_rate',
        sending_domain: 'unknown',
        source: 'mta1',
      },
      annotations: { summary: 'Too much mail of unknown (source mta1) bounces.' },
      startsAt: '2026-11-24T03:00:00Z',
      endsAt: '2026-11-24T03:40:00Z',
      fingerprint: '2',
    },
  ],
  groupLabels: { alertname: 'EmailBounceRateHigh' },
  commonLabels: { alertname: 'EmailBounceRateHigh', severity: 'critical', issue_type: 'high_bounce_rate' },
  commonAnnotations: {},
  externalURL: 'http://alertmanager.example.com',
};
const TEXT = `Too much mail of news.example.com bounces.

Severity: critical
Issue: high_bounce_rate
Domain: news.example.com
Since: 2026-11-24 03:42:41 UTC

20% of 9k messages bounced in 15 minutes.

1. Look.
2. Act.

Dashboard: http://localhost:3000/d/deliverability-overview?var-sending_domain=news.example.com
Runbook: docs/runbooks/EmailBounceRateHigh.md

Resolved at 2026-11-24 03:40:00 UTC: Too much mail of unknown (source mta1) bounces.`;

// --- A real Alertmanager -----------------------------------------------------------------------------------------------

const bounce = (severity: string, more: Record<string, string>) => ({
  alertname: 'EmailBounceRateHigh',
  issue_type: 'high_bounce_rate',
  severity,
  ...more,
});
/** All are posted at once. Told: the path that people are told at, and whether the exporter is told as well. */
const INHIBITION: readonly (readonly [labels: Record<string, string>, told: string])[] = [
  [bounce('critical', { sending_domain: 'news.example.com' }), '/critical /alerts'],
  [bounce('high', { sending_domain: 'news.example.com' }), 'nobody'],
  // Another domain, another issue, another address: not of the same resource, or not the same issue.
  [bounce('high', { sending_domain: 'shop.example.com' }), '/high /alerts'],
  [
    {
      ...bounce('high', { sending_domain: 'news.example.com' }),
      alertname: 'EmailComplaintRateHigh',
      issue_type: 'high_complaint_rate',
    },
    '/high /alerts',
  ],
  [bounce('high', { sending_domain: 'news.example.com', sending_ip: '192.0.2.10' }), '/high /alerts'],
  // Without a domain the source is the resource.
  [bounce('critical', { sending_domain: 'unknown', source: 'mta1' }), '/critical /alerts'],
  [bounce('high', { sending_domain: 'unknown', source: 'mta1' }), 'nobody'],
  [bounce('high', { sending_domain: 'unknown', source: 'mta2' }), '/high /alerts'],
  // The lower steps.
  [bounce('medium', { sending_domain: 'shop.example.com' }), 'nobody'],
  [bounce('low', { sending_domain: 'shop.example.com' }), 'nobody'],
  [bounce('info', { sending_domain: 'shop.example.com' }), 'nobody'],
  // The machinery lacks every label that inhibition compares, on both sides.
  [{ alertname: 'DeliverabilityExporterDown', severity: 'critical' }, '/critical'],
  [{ alertname: 'DeliverabilityAnything', severity: 'high' }, '/high'],
  [{ alertname: 'Watchdog', severity: 'info' }, '/alive'],
];

/** Labels in one order, to compare by. */
const key = (labels: Record<string, string>): string => JSON.stringify(Object.entries(labels).sort());

for (const amName of ['alertmanager', 'alertmanager-next'] as const) {
  test(`${amName}: the worst severity of an issue speaks alone, and nobody else is silenced`, async (t) => {
    const dir = folder(t);
    writeFileSync(join(dir, 'token'), 'secret of the test');
    const told: Notification[] = [];
    const receiver = await receive('secret of the test', (notification) => told.push(notification));
    t.after(() => receiver.close());
    const config = shipped();
    for (const webhook of config.receivers.flatMap((one) => one.webhook_configs)) {
      webhook.url = `http://${receiver.address}${new URL(webhook.url).pathname}`;
      webhook.http_config.authorization.credentials_file = join(dir, 'token');
    }
    config.templates = [`${TEMPLATES}/*.tmpl`];
    writeFileSync(join(dir, 'alertmanager.yml'), stringify(config));
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const place = { config: join(dir, 'alertmanager.yml'), data: dir, listen: `127.0.0.1:${port}`, url };
    const child = start(amName, await tool(amName), PARTS.alertmanager.flags(place));
    t.after(() => child.stop());
    await ready(child, url + PARTS.alertmanager.ready);

    const endsAt = new Date(Date.now() + 600_000).toISOString();
    const posted = await fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(INHIBITION.map(([labels]) => ({ labels, annotations: { summary: 'a test' }, endsAt }))),
    });
    assert.equal(posted.status, 200, await posted.text());

    const arrived = () => {
      const paths = new Map<string, string[]>();
      for (const { path, alerts } of told) {
        for (const { labels } of alerts) paths.set(key(labels), [...(paths.get(key(labels)) ?? []), path]);
      }
      return INHIBITION.map(([labels]) =>
        [...new Set(paths.get(key(labels)) ?? ['nobody'])].sort().reverse().join(' '),
      );
    };
    const wanted = INHIBITION.map(([, paths]) => paths);
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline && wanted.some((paths, i) => paths !== 'nobody' && arrived()[i] !== paths)) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(arrived(), wanted, child.log());

    // Those that wait 30 s for their group have not been due yet: that they are inhibited, Alertmanager says itself.
    const alerts = await fetch(`${url}/api/v2/alerts`);
    const seen = (await alerts.json()) as { labels: Record<string, string>; status: { inhibitedBy: string[] } }[];
    assert.equal(seen.length, INHIBITION.length);
    const silent = seen.filter(({ status }) => status.inhibitedBy.length > 0).map(({ labels }) => key(labels));
    const nobody = INHIBITION.filter(([, paths]) => paths === 'nobody').map(([labels]) => key(labels));
    assert.deepEqual(silent.sort(), nobody.sort());
  });
}
