/**
 * The shipped Alertmanager configuration on the oldest and the newest Alertmanager we claim: valid, without secrets, lets the
 * worst speak for the rest. Who hears of what is in test/routing.test.ts, what they read in test/routing-notifications.test.ts.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { tool } from '../stack/tools.ts';
import type { Config } from './routing-model.ts';
import { ALERTMANAGERS, hoursOf, routed, shippedPeople, soon } from './routing-real.ts';
import { seconds } from './rule-files.ts';

const FILE = join(import.meta.dirname, '../alertmanager/alertmanager.yml');
const shipped = (): Config => parse(readFileSync(FILE, 'utf8')) as Config;

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
  const files = [...readFileSync(FILE, 'utf8').matchAll(/_file: (\S+)/g)].map(([, file]) => file!);
  assert.ok(files.length > 30);
  for (const file of files) assert.match(file, /^\/run\/secrets\//);
});

test('nobody is told the same within the hour, and bad news waits five seconds', () => {
  const { route } = shipped();
  const [deadman, exporter, critical, high, rest, others] = route.routes!;
  assert.equal(deadman!.receiver, 'deadman');
  for (const one of [exporter, critical, high, rest, others]) assert.ok(seconds(one!.repeat_interval!) >= 3600);
  for (const one of [exporter, critical, high]) assert.ok(seconds(one!.group_wait!) <= 5);
  // What is open when hours change is told by the next channels at the group's next turn.
  for (const one of [critical, high, rest, others]) assert.ok(seconds(one!.group_interval!) <= 300);
  // Without it, an issue that turns critical would wait as a latecomer of its group.
  assert.ok(route.group_by!.includes('severity'));
  // One issue of one resource, whatever the alert is called.
  assert.ok(!route.group_by!.includes('alertname'));
});

// --- amtool ------------------------------------------------------------------------------------------------------------

const everyChannel = (...teams: string[]) =>
  teams.flatMap((team) => ['slack', 'email', 'pager', 'phone'].map((channel) => `${team}-${channel}`));

/** amtool knows no hours, so all channels are there; the whole matrix is in test/routing.test.ts. */
const ROUTES: readonly (readonly [labels: Record<string, string>, receivers: string[]])[] = [
  [
    { alertname: 'EmailBounceRateHigh', issue_type: 'high_bounce_rate', severity: 'critical', tier: 'testing' },
    ['exporter', ...everyChannel('ops', 'management', 'on-call', 'email', 'data-quality', 'dev')],
  ],
  [
    { alertname: 'EmailBlocklisted', issue_type: 'blacklist_detection', severity: 'high' },
    ['exporter', ...everyChannel('ops', 'email', 'security')],
  ],
  [{ alertname: 'Any', issue_type: 'engagement_drop', severity: 'low' }, ['exporter', ...everyChannel('email')]],
  [{ alertname: 'Any', issue_type: 'engagement_drop', severity: 'info' }, ['exporter', 'monitoring-webhook']],
  [{ alertname: 'DeliverabilityExporterDown', severity: 'critical' }, everyChannel('ops', 'management', 'on-call')],
  [{ alertname: 'DeliverabilitySourceSilent', severity: 'medium' }, everyChannel('email')],
  [{ alertname: 'Watchdog', severity: 'info' }, ['deadman']],
  [{ alertname: 'NodeDown', severity: 'warning' }, everyChannel('ops')],
  [{}, everyChannel('ops')],
];

for (const name of ['amtool', 'amtool-next'] as const) {
  const run = async (...args: string[]) => (await promisify(execFile)(await tool(name), args)).stdout;

  test(`${name} check-config finds nothing`, async () => {
    assert.match(await run('check-config', FILE), /SUCCESS[\s\S]*9 inhibit rules[\s\S]*36 receivers[\s\S]*1 templates/);
  });

  test(`${name} routes as the model does`, async () => {
    for (const [labels, receivers] of ROUTES) {
      const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
      const found = (await run('config', 'routes', 'test', `--config.file=${FILE}`, ...pairs)).trim().split(',');
      assert.deepEqual(found.filter((receiver) => receiver !== 'nobody').sort(), receivers.sort(), pairs.join(' '));
    }
  });
}

// --- Inhibition --------------------------------------------------------------------------------------------------------

const issue = (alertname: string, severity: string, issue_type: string, resource: Record<string, string>) => ({
  alertname,
  severity,
  issue_type,
  ...resource,
});
const bounce = (severity: string, resource: Record<string, string>, alertname = 'EmailBounceRateHigh') =>
  issue(alertname, severity, 'high_bounce_rate', resource);
const on = (sending_domain: string, more: Record<string, string> = {}) => ({ sending_domain, ...more });

/** All are posted at once, under one roof: each group has resources of its own. */
const INHIBITION: readonly (readonly [told: 'told' | 'silent', labels: Record<string, string>])[] = [
  // The worst severity of an issue and resource.
  ['told', bounce('critical', on('news.example.com'))],
  ['silent', bounce('high', on('news.example.com'))],
  ['silent', bounce('high', on('news.example.com'), 'EmailRateUnusual')],
  ['told', bounce('high', on('shop.example.com'))],
  ['silent', bounce('medium', on('shop.example.com'))],
  ['silent', bounce('low', on('shop.example.com'))],
  ['silent', bounce('info', on('shop.example.com'))],
  // Another issue, another address: not the same.
  ['told', issue('EmailComplaintRateHigh', 'high', 'high_complaint_rate', on('news.example.com'))],
  ['told', bounce('high', on('news.example.com', { sending_ip: '192.0.2.10' }), 'EmailIpBounceRateHigh')],
  // Without a domain the source is the resource, and of what is checked the target.
  ['told', bounce('critical', on('unknown', { source: 'mta1' }))],
  ['silent', bounce('high', on('unknown', { source: 'mta1' }))],
  ['told', bounce('high', on('unknown', { source: 'mta2' }))],
  ['told', issue('EmailBlocklisted', 'critical', 'blacklist_detection', { target: '192.0.2.1', list: 'a' })],
  ['silent', issue('EmailBlocklisted', 'high', 'blacklist_detection', { target: '192.0.2.1', list: 'b' })],
  ['told', issue('EmailBlocklisted', 'high', 'blacklist_detection', { target: '192.0.2.2', list: 'b' })],
  // The machinery lacks every label that is compared, on both sides.
  ['told', { alertname: 'DeliverabilityExporterDown', severity: 'critical' }],
  ['told', { alertname: 'DeliverabilityPostsRefused', severity: 'high' }],
  ['told', { alertname: 'Watchdog', severity: 'info' }],

  // A crisis of one IP and domain: what it is made of, at any severity.
  ['told', bounce('critical', on('crisis.example.com', { sending_ip: '192.0.2.30' }), 'EmailDeliverabilityCrisis')],
  ['silent', bounce('critical', on('crisis.example.com'))],
  ['silent', issue('EmailComplaintRateHigh', 'critical', 'high_complaint_rate', on('crisis.example.com'))],
  ['silent', issue('EmailEngagementDrop', 'high', 'engagement_drop', on('crisis.example.com'))],
  ['silent', bounce('high', on('crisis.example.com', { sending_ip: '192.0.2.30' }), 'EmailIpBounceRateHigh')],
  ['told', bounce('high', on('crisis.example.com', { sending_ip: '192.0.2.31' }), 'EmailIpBounceRateHigh')],
  ['told', issue('EmailAuthenticationFailing', 'high', 'authentication_failure', on('crisis.example.com'))],
  ['told', bounce('high', on('crisis.example.com', { provider: 'gmail' }), 'EmailProviderRejecting')],
  ['told', bounce('critical', on('calm.example.com'))],

  // A provider fails for many: each of them is its part, but for what is critical and other issues or providers.
  ['told', issue('EmailProviderFailing', 'high', 'isp_throttling', { provider: 'yahoo' })],
  ['silent', issue('EmailProviderThrottling', 'high', 'isp_throttling', on('p1.example.com', { provider: 'yahoo' }))],
  ['silent', issue('EmailProviderThrottling', 'high', 'isp_throttling', on('p2.example.com', { provider: 'yahoo' }))],
  ['told', issue('EmailProviderThrottling', 'high', 'isp_throttling', on('p1.example.com', { provider: 'aol' }))],
  ['told', bounce('high', on('p1.example.com', { provider: 'yahoo' }), 'EmailProviderRejecting')],
  ['told', issue('EmailDeliverySlow', 'high', 'isp_throttling', on('p1.example.com'))],
  // An IP fails for many of its domains.
  ['told', bounce('high', { sending_ip: '192.0.2.40' }, 'EmailIpFailing')],
  ['silent', bounce('high', on('i1.example.com', { sending_ip: '192.0.2.40' }), 'EmailIpBounceRateHigh')],
  ['told', bounce('high', on('i1.example.com', { sending_ip: '192.0.2.41' }), 'EmailIpBounceRateHigh')],
  ['told', issue('EmailWarmupDeferred', 'high', 'ip_warming_issue', { sending_ip: '192.0.2.40' })],

  // A campaign is why its domain bounces; critical is told all the same.
  ['told', bounce('high', on('c1.example.com', { source: 'sendgrid', campaign: 'spring' }), 'EmailCampaignBouncing')],
  ['silent', bounce('high', on('c1.example.com'))],
  ['silent', bounce('high', on('c1.example.com', { sending_ip: '192.0.2.50' }), 'EmailIpBounceRateHigh')],
  ['told', issue('EmailComplaintRateHigh', 'high', 'high_complaint_rate', on('c1.example.com'))],
  ['told', bounce('high', on('c2.example.com', { source: 'sendgrid', campaign: 'a' }), 'EmailCampaignBouncing')],
  ['told', bounce('high', on('c2.example.com', { source: 'sendgrid', campaign: 'b' }), 'EmailCampaignBouncing')],
  ['told', bounce('critical', on('c2.example.com'))],
  [
    'told',
    issue(
      'EmailCampaignComplaints',
      'high',
      'high_complaint_rate',
      on('c3.example.com', { source: 's', campaign: 'a' }),
    ),
  ],
  ['silent', issue('EmailComplaintRateHigh', 'high', 'high_complaint_rate', on('c3.example.com'))],
  // Whose domain is unknown may be anybody's.
  ['told', bounce('high', on('unknown', { source: 'mta9', campaign: 'x' }), 'EmailCampaignBouncing')],
  ['told', bounce('high', on('unknown', { source: 'mta8' }))],
];

/** Labels in one order, to compare by. */
const key = (labels: Record<string, string>): string => JSON.stringify(Object.entries(labels).sort());

for (const name of ALERTMANAGERS) {
  test(`${name}: the worst and the whole speak for the rest, and nobody else is silenced`, async (t) => {
    const real = await routed(t, name, { ...shippedPeople(), hours: hoursOf('business hours') });
    const endsAt = new Date(Date.now() + 600_000).toISOString();
    await real.post(INHIBITION.map(([, labels]) => ({ labels, annotations: { summary: 'a test' }, endsAt })));
    const told = () => new Set(real.told.flatMap(({ alerts }) => alerts.map(({ labels }) => key(labels))));
    const wanted = INHIBITION.filter(([how]) => how === 'told').map(([, labels]) => key(labels));
    await soon(() => wanted.every((one) => told().has(one)), 60);
    assert.deepEqual([...told()].sort(), [...wanted].sort(), real.log());

    // Those that wait 30 s for their group have not been due yet: that they are inhibited, Alertmanager says itself.
    const alerts = await fetch(`${real.url}/api/v2/alerts`);
    const seen = (await alerts.json()) as { labels: Record<string, string>; status: { inhibitedBy: string[] } }[];
    assert.equal(seen.length, INHIBITION.length);
    const silent = seen.filter(({ status }) => status.inhibitedBy.length > 0).map(({ labels }) => key(labels));
    const nobody = INHIBITION.filter(([how]) => how === 'silent').map(([, labels]) => key(labels));
    assert.deepEqual(silent.sort(), nobody.sort());
    const paths = real.told.filter(({ alerts: [one] }) => one!.labels.alertname === 'Watchdog').map(({ path }) => path);
    assert.deepEqual([...new Set(paths)], ['/alive']);
  });
}
