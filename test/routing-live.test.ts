/**
 * What no checker of Alertmanager knows: hours, repetition and grouping, by real Alertmanagers that count what arrives; and
 * the label `tier`, by real Prometheus servers.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { freePorts, ready, start } from '../stack/processes.ts';
import { tool } from '../stack/tools.ts';
import { folder } from './exporter.ts';
import { cells, ISSUES, labels, told, WINDOWS, type Window } from './routing-matrix.ts';
import {
  ALERTMANAGERS,
  type AlertmanagerName,
  hoursOf,
  pause,
  type Real,
  routed,
  shippedPeople,
  soon,
} from './routing-real.ts';

const HURRIED = (text: string) => text.replaceAll(/group_wait: \S+/g, 'group_wait: 0s');
const IMPATIENT = (text: string) => HURRIED(text).replaceAll(/group_interval: \S+/g, 'group_interval: 1s');

/** Every cell that differs by its route; the model has the rest. */
const CELLS = cells(
  [...ISSUES.slice(0, 5), ''],
  ['', 'high-volume', 'production', 'testing', 'high-volume,production'],
);

/** `path` of each notification that an alert of this domain was in. */
function pathsOf({ told: all }: Real): Map<string, string[]> {
  const paths = new Map<string, string[]>();
  for (const { path, alerts } of all.filter((one) => one.path !== '/alerts')) {
    for (const alert of alerts) {
      const domain = alert.labels.sending_domain!;
      paths.set(domain, [...(paths.get(domain) ?? []), path.slice(1)]);
    }
  }
  return paths;
}

for (const name of ALERTMANAGERS) {
  test(`${name}: the matrix in all three windows, each once`, async (t) => {
    await Promise.all(
      (Object.keys(WINDOWS) as Window[]).map(async (window) => {
        const real = await routed(t, name, { ...shippedPeople(), hours: hoursOf(window) }, HURRIED);
        await real.post(
          CELLS.map((cell, i) => ({
            labels: { alertname: `Cell${i}`, sending_domain: `d${i}.example.com`, ...labels(cell) },
          })),
        );
        const wanted = CELLS.map((cell) => told(cell, window));
        const count = wanted.flat().length;
        const arrived = () => [...pathsOf(real).values()].flat().length;
        await soon(() => arrived() >= count, 60);
        await pause(1);
        const paths = pathsOf(real);
        for (const [i, cell] of CELLS.entries()) {
          const found = (paths.get(`d${i}.example.com`) ?? []).sort();
          assert.deepEqual(found, wanted[i], `${window} ${JSON.stringify(cell)}\n${real.log()}`);
        }
      }),
    );
  });

  test(`${name}: one notification for one issue of one resource, replays are none, worse is told at once`, async (t) => {
    const hours = hoursOf('business hours');
    const real = await routed(t, name, { ...shippedPeople(), hours }, (text) =>
      IMPATIENT(text).replaceAll('group_wait: 0s', 'group_wait: 1s'),
    );
    const bounce = { issue_type: 'high_bounce_rate', severity: 'high', sending_domain: 'a.example.com' };
    const first = { labels: { ...bounce, alertname: 'EmailBounceRateHigh' } };
    const second = { labels: { ...bounce, alertname: 'EmailRateUnusual' } };
    const other = { labels: { ...bounce, alertname: 'EmailBounceRateHigh', sending_domain: 'b.example.com' } };
    const mails = () =>
      real.told
        .filter(({ path }) => path === '/ops/email')
        .map(({ status, alerts }) => {
          const one = alerts[0]!.labels;
          return `${status} ${one.severity} ${one.sending_domain} ${alerts.length}`;
        });
    await real.post([first, second, other]);
    assert.ok(await soon(() => mails().length >= 2, 20), real.log());
    const told = ['firing high a.example.com 2', 'firing high b.example.com 1'];
    assert.deepEqual(mails().sort(), told);

    // Prometheus sends on and on, and so does its twin; Alertmanager looks every second here.
    await real.post([first, second, other]);
    await real.post([{ ...first, generatorURL: 'http://twin.example.com/graph' }]);
    await pause(3.5);
    assert.deepEqual(mails().sort(), told);

    await real.post([{ labels: { ...first.labels, severity: 'critical' } }]);
    assert.ok(await soon(() => mails().length >= 3, 20), real.log());
    assert.deepEqual(mails().slice(2), ['firing critical a.example.com 1']);

    await real.post([{ ...other, endsAt: new Date(Date.now() - 1000).toISOString() }]);
    assert.ok(await soon(() => mails().length >= 4, 20), real.log());
    assert.deepEqual(mails().slice(3), ['resolved high b.example.com 1']);
  });
}

test('hours end at their minute, and what goes on is told by the next channels, once', async (t) => {
  await Promise.all(ALERTMANAGERS.map((name) => acrossTheEdge(t, name)));
});

async function acrossTheEdge(t: TestContext, name: AlertmanagerName): Promise<void> {
  const people = { ...shippedPeople(), hours: hoursOf('business hours') };
  // The next minute that leaves time for the start.
  const edge = Math.ceil((Date.now() + 10_000) / 60_000) * 60_000;
  const hour = 12 + ((new Date(edge).getUTCHours() - new Date().getUTCHours() + 24) % 24);
  people.hours.business.to = `${hour}:${String(new Date(edge).getUTCMinutes()).padStart(2, '0')}`;
  const real = await routed(t, name, people, IMPATIENT);
  const alert = (domain: string) => ({
    labels: { alertname: 'A', issue_type: 'spam_trap_hit', severity: 'critical', sending_domain: domain },
  });
  const cell = { severity: 'critical', issue_type: 'spam_trap_hit', tier: '' };
  const of = (domain: string) => (pathsOf(real).get(domain) ?? []).sort();
  const [before, after] = [told(cell, 'business hours'), told(cell, 'after hours')];

  await real.post([alert('early.example.com')]);
  assert.ok(await soon(() => of('early.example.com').length >= before.length, 10), real.log());
  assert.ok(Date.now() < edge, 'the machine is too slow for this test');
  assert.deepEqual(of('early.example.com'), before);

  await pause((edge - Date.now()) / 1000);
  await real.post([alert('late.example.com')]);
  const both = [...new Set([...before, ...after])].sort();
  assert.ok(await soon(() => of('early.example.com').length >= both.length, 15), real.log());
  assert.ok(await soon(() => of('late.example.com').length >= after.length, 15), real.log());
  await pause(2.5);
  assert.deepEqual(of('early.example.com'), both, 'e-mail, which was open already, is not told again');
  assert.deepEqual(of('late.example.com'), after);

  // The end goes by the channels that are open then: Slack, which has closed, does not hear of it.
  await real.post([{ ...alert('early.example.com'), endsAt: new Date(Date.now() - 1000).toISOString() }]);
  const over = () =>
    real.told
      .filter(({ path, status }) => status === 'resolved' && path !== '/alerts')
      .map(({ path }) => path.slice(1));
  assert.ok(await soon(() => over().length >= after.length, 15), real.log());
  await pause(2);
  assert.deepEqual(over().sort(), after);
}

// --- tier ----------------------------------------------------------------------------------------------------------------

const TIER: readonly (readonly [labels: Record<string, string>, tier: string | undefined])[] = [
  [{ sending_domain: 'news.example.com' }, 'production'],
  [{ sending_domain: 'other.example.com' }, undefined],
  [{ sending_domain: 'newsXexample.com' }, undefined],
  [{ sending_ip: '192.0.2.10' }, 'high-volume'],
  [{ sending_ip: '2001:db8::10' }, 'high-volume'],
  [{ sending_ip: '192.0.2.100' }, undefined],
  [{ sending_domain: 'news.example.com', sending_ip: '192.0.2.10', provider: 'gmail' }, 'high-volume,production'],
  [{ target: 'shop.example.com', list: 'x' }, 'production'],
  [{ sending_domain: 'a.b.test.example.com', source: 'mta1' }, 'testing'],
  [{ sending_domain: 'news.example.com', sending_ip: '192.0.2.200' }, 'production,testing'],
  // A rule of somebody's own that knows better adds to it.
  [{ sending_domain: 'news.example.com', tier: 'testing' }, 'testing,production'],
  [{ sending_domain: 'other.example.com', tier: 'production' }, 'production'],
];

for (const name of ['prometheus', 'prometheus-next'] as const) {
  test(`${name}: alerts arrive with the tiers of their resource`, async (t) => {
    const dir = folder(t);
    const seen = new Map<string, Record<string, string>>();
    const server = createServer(async (request, response) => {
      for (const { labels } of (await json(request)) as { labels: Record<string, string> }[])
        seen.set(labels.alertname!, labels);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const here = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const shipped = readFileSync(join(import.meta.dirname, '../prometheus/prometheus.yml'), 'utf8');
    const { alerting } = parse(shipped.replace('alertmanager:9093', here)) as { alerting: object };
    const rules = TIER.map(([labels], i) => ({ alert: `Tier${i}`, expr: 'vector(1)', labels }));
    writeFileSync(join(dir, 'rules.yml'), stringify({ groups: [{ name: 'tiers', interval: '1s', rules }] }));
    writeFileSync(join(dir, 'prometheus.yml'), stringify({ alerting, rule_files: ['rules.yml'] }));
    const [port] = await freePorts(1);
    const child = start(name, await tool(name), [
      `--config.file=${dir}/prometheus.yml`,
      `--storage.tsdb.path=${dir}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      // The first time, it may not know of its Alertmanager yet.
      '--rules.alert.resend-delay=1s',
    ]);
    t.after(() => child.stop());
    await ready(child, `http://127.0.0.1:${port}/-/ready`);
    assert.ok(await soon(() => seen.size === TIER.length, 30), child.log());
    for (const [i, [labels, tier]] of TIER.entries())
      assert.equal(seen.get(`Tier${i}`)!.tier, tier, JSON.stringify(labels));
  });
}
