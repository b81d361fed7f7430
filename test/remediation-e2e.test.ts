/**
 * End to end, with real Postfix, Prometheus and Alertmanager and the shipped rules over shortened windows: a bounce storm is paused where it
 * comes from, judged, resolved and let go; and where the pause does not help, it is undone and escalated.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { stringify } from 'yaml';
import { PARTS } from '../stack/parts.ts';
import { freePorts, ready, start } from '../stack/processes.ts';
import { type Notification, receive } from '../stack/receiver.ts';
import { type ToolName, tool } from '../stack/tools.ts';
import { type Prepared, prepare } from './actuators/postfix-setup.ts';
import { type Exporter, eventually, folder, startExporter } from './exporter.ts';
import { Postfix } from './mta/postfix.ts';
import { Sink } from './mta/smtp.ts';

const RULES = join(import.meta.dirname, '../rules');
const TOKEN = 'secret-of-the-test';
const LABELS = 'sending_domain="news.example.com"';

/** Quarters of an hour and minutes become seconds; what is critical by itself is left high, so that there is something to escalate to. */
function shortened(text: string): string {
  return text
    .replaceAll('[15m]', '[20s]')
    .replaceAll('[1m]', '[10s]')
    .replaceAll(/interval: \d+[smh]/g, 'interval: 1s')
    .replaceAll(/ keep_firing_for: \d+[smh]/g, ' keep_firing_for: 20s')
    .replaceAll(/ for: \d+[smh]/g, ' for: 2s')
    .replaceAll('vector(0.10)', 'vector(Inf)');
}

interface World {
  exporter: Exporter;
  told: Notification[];
  /** What bounces comes here. */
  refused: Sink;
  /** The Postfix that can be paused. */
  pausable: Prepared;
  prometheus(query: string): Promise<number | undefined>;
  stopStorm(): Promise<void>;
}

async function world(t: TestContext, suffix: '' | '-next', helps: boolean): Promise<World> {
  const dir = folder(t);
  let storming = true;
  let storm = Promise.resolve();
  const stopStorm = async () => {
    storming = false;
    await storm;
  };
  // First of all that is stopped: nobody sends to what is gone.
  t.after(stopStorm);
  const accepted = await Sink.start(t, 'accept');
  const refused = await Sink.start(t, 'refuse');
  const routes = { 'good.example': accepted, 'refuse.example': refused };
  const place = folder(t);
  const culprit = await Postfix.start(t, place, routes);
  const elsewhere = folder(t);
  if (!helps) await Postfix.start(t, elsewhere, routes);
  const pausable = await prepare(helps ? place : elsewhere);
  const [exporterPort, prometheusPort, alertmanagerPort] = await freePorts(3);
  const told: Notification[] = [];
  const people = await receive(TOKEN, (notification) => told.push(notification));
  t.after(() => people.close());

  writeFileSync(join(dir, 'token'), TOKEN);
  const exporter = await startExporter(t, {
    port: exporterPort!,
    storage: join(dir, 'exporter'),
    config: stringify({
      scrape_interval: '1s',
      alerts: { auth: { bearer: [{ file: join(dir, 'token') }] } },
      sources: { mta1: { type: 'postfix', files: [culprit.log], sending_ip: '192.0.2.60' } },
      remediation: {
        mode: 'enforce',
        prometheus: { url: `http://127.0.0.1:${prometheusPort}` },
        ...{ look_after: '12s', escalate_after: '20s', window: '10s', min_samples: 10, call_timeout: '30s' },
        strategies: { 'pause-campaigns': { mode: 'enforce', actuators: ['mta1'], effect_in: '2s' } },
        actuators: { mta1: { type: 'postfix', ...pausable.config } },
      },
    }),
  });
  await startAlertmanager(t, dir, suffix, alertmanagerPort!, exporter.url, people.address);
  const url = await startPrometheus(t, dir, suffix, { prometheusPort, exporterPort, alertmanagerPort });

  storm = (async () => {
    for (let growing = 8; storming; growing = Math.min(40, growing + 1)) {
      // Where nothing is to help all of it bounces, and more and more: a busy machine sends less, and less would look like help.
      const sent = [culprit.send(helps ? 2 : growing, 'offers@news.example.com', 'reader@refuse.example')];
      if (helps) sent.push(culprit.send(8, 'offers@news.example.com', 'reader@good.example'));
      await Promise.allSettled([...sent, new Promise((resolve) => setTimeout(resolve, 1000))]);
    }
  })();
  const prometheus = async (query: string) => {
    const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
    return data.result[0] && Number(data.result[0].value[1]);
  };
  return { exporter, told, refused, pausable, prometheus, stopStorm };
}

async function startAlertmanager(
  t: TestContext,
  dir: string,
  suffix: string,
  port: number,
  exporter: string,
  people: string,
): Promise<void> {
  const hook = (address: string) => ({
    url: address,
    send_resolved: true,
    http_config: { authorization: { type: 'Bearer', credentials_file: join(dir, 'token') } },
  });
  const config = join(dir, 'alertmanager.yml');
  const every = { group_wait: '0s', group_interval: '1s', repeat_interval: '1h', group_by: ['...'] };
  writeFileSync(
    config,
    stringify({
      route: { receiver: 'all', ...every },
      receivers: [{ name: 'all', webhook_configs: [hook(`${exporter}/alerts`), hook(`http://${people}/people`)] }],
    }),
  );
  const url = `http://127.0.0.1:${port}`;
  const place = { config, data: join(dir, 'alertmanager'), listen: `127.0.0.1:${port}`, url };
  const child = start('alertmanager', await tool(`alertmanager${suffix}` as ToolName), PARTS.alertmanager.flags(place));
  t.after(() => child.stop());
  await ready(child, `${url}/-/ready`);
}

async function startPrometheus(
  t: TestContext,
  dir: string,
  suffix: string,
  ports: Record<string, number | undefined>,
): Promise<string> {
  for (const name of ['bounces.yml', 'thresholds.yml', 'remediation.yml'])
    writeFileSync(join(dir, `rules-${name}`), shortened(readFileSync(join(RULES, name), 'utf8')));
  const config = join(dir, 'prometheus.yml');
  const targets = (port: number | undefined) => [{ targets: [`127.0.0.1:${port}`] }];
  writeFileSync(
    config,
    stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [join(dir, 'rules-*.yml')],
      alerting: { alertmanagers: [{ static_configs: targets(ports.alertmanagerPort) }] },
      scrape_configs: [{ job_name: 'exporter', static_configs: targets(ports.exporterPort) }],
    }),
  );
  const url = `http://127.0.0.1:${ports.prometheusPort}`;
  const place = { config, data: join(dir, 'prometheus'), listen: url.slice('http://'.length), url };
  const child = start('prometheus', await tool(`prometheus${suffix}` as ToolName), PARTS.prometheus.flags(place));
  t.after(() => child.stop());
  await ready(child, `${url}/-/ready`);
  return url;
}

const said = ({ log }: Exporter, words: string) => log.filter(({ msg }) => String(msg) === `remediation: ${words}`);

/** Messages that Postfix keeps back, by its own account. */
function onHold({ run }: Prepared): number {
  const queue = run('postqueue', ['-j']).trim().split('\n').filter(Boolean);
  return queue.filter((line) => (JSON.parse(line) as { queue_name: string }).queue_name === 'hold').length;
}

/** Lines of the table by which Postfix puts mail on hold. */
const holds = ({ run, config }: Prepared): string =>
  run('postmap', ['-q', 'sender:news.example.com', `hash:${config.directory}/hold`]).trim();

const alerts = (told: readonly Notification[], status: string, name = 'EmailBounceRateHigh') =>
  told.flatMap(({ alerts }) => alerts).filter((alert) => alert.status === status && alert.labels.alertname === name);

test('a bounce storm: alert, strategy, a real Postfix paused, bounces fall, effective, resolved, let go', async (t) => {
  const { exporter, told, refused, pausable, prometheus, stopStorm } = await world(t, '', true);
  await eventually('the alert', () => alerts(told, 'firing').length > 0, 150);
  assert.equal(alerts(told, 'firing')[0]!.labels.severity, 'high');
  await eventually('the order is done', () => said(exporter, 'order done').length > 0, 60);
  const { strategy, actuator, verb } = said(exporter, 'order done')[0]!;
  assert.deepEqual({ strategy, actuator, verb }, { strategy: 'pause-campaigns', actuator: 'mta1', verb: 'pause' });
  assert.equal(await exporter.metric('email_remediation_active', { strategy: 'pause-campaigns', mode: 'enforce' }), 1);
  await eventually('Postfix keeps mail back', () => onHold(pausable) > 10, 60);
  assert.match(holds(pausable), /^HOLD/);
  const before = refused.recipients.length;
  await eventually('it is judged', () => said(exporter, 'remedy judged').length > 0, 90);
  assert.equal(said(exporter, 'remedy judged')[0]!.outcome, 'effective');
  assert.ok(
    refused.recipients.length - before <= 5,
    `${refused.recipients.length - before} went out of a paused Postfix`,
  );
  assert.ok((await prometheus(`sum(increase(email_bounced_total{${LABELS}}[10s]))`))! < 2);
  await stopStorm();
  await eventually('the alert is resolved', () => alerts(told, 'resolved').length > 0, 150);
  await eventually('the order is undone', () => said(exporter, 'order undone').length > 0, 60);
  await eventually('Postfix lets go what it kept', () => onHold(pausable) === 0, 90);
  assert.throws(() => holds(pausable), 'the entry is gone');
  await eventually('it goes on its way', () => refused.recipients.length > before + 5);
  await eventually('nothing is in force', async () => (await exporter.metric('email_remediation_active')) === 0);
  const counted = { strategy: 'pause-campaigns', mode: 'enforce', outcome: 'effective' };
  await eventually(
    'it is counted',
    async () => (await exporter.metric('email_remediation_actions_total', counted)) === 1,
  );
  assert.equal(said(exporter, 'no remedy helped: incident escalated').length, 0);
});

test('a pause that does not help: undone and escalated', async (t) => {
  const { exporter, told, prometheus } = await world(t, '-next', false);
  await eventually('the order is done', () => said(exporter, 'order done').length > 0, 150);
  await eventually('it is judged', () => said(exporter, 'remedy judged').length > 0, 150);
  const { outcome, judgement, severity } = said(exporter, 'remedy judged')[0]!;
  assert.deepEqual(
    { outcome, judgement, severity },
    { outcome: 'ineffective', judgement: 'not yet', severity: 'high' },
  );
  await eventually('it is undone', () => said(exporter, 'order undone').length > 0, 60);
  const about = { issue_type: 'high_bounce_rate', severity: 'critical', sending_domain: 'news.example.com' };
  await eventually('it is escalated', async () => (await exporter.metric('email_incident_escalated', about)) === 1, 60);
  await eventually('Prometheus knows', async () => (await prometheus('email_incident_escalated')) === 1);
  const again = () => alerts(told, 'firing', 'EmailRemediationIneffective');
  await eventually('people are told anew', () => again().length > 0, 90);
  assert.equal(again()[0]!.labels.severity, 'critical');
});
