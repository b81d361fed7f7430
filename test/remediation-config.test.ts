/** The key `remediation`: what is told of mistakes, what follows from ceilings, and that a running exporter asks nobody and calls nothing while it is off. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { actuatorTypes, ConfigError, parseConfig } from '../src/config.ts';
import { eventually, startExporter } from './exporter.ts';

const WITH = 'alerts: { auth: none }\nremediation:\n  prometheus: { url: http://127.0.0.1:9090 }\n';

async function problems(text: string): Promise<string> {
  try {
    await parseConfig(text, 'f.yml');
    return '';
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.join('\n');
  }
}

for (const [what, text, told] of [
  ['without alerts', 'remediation: { prometheus: { url: http://p:9090 } }', /remediation: there is nothing to be done/],
  ['without a Prometheus', 'alerts: { auth: none }\nremediation: {}', /f\.yml:2: remediation\.prometheus/],
  ['no address', 'alerts: { auth: none }\nremediation: { prometheus: { url: p } }', /an address like http/],
  ['an unknown key', `${WITH}  modes: off`, /f\.yml:4: remediation\.modes: there is no such key/],
  ['an unknown mode', `${WITH}  mode: on`, /f\.yml:4: remediation\.mode/],
  ['an unknown strategy', `${WITH}  strategies: { pray: {} }`, /no strategy of this name; known: back-off, /],
  ['a strategy without a system', `${WITH}  strategies: { back-off: { mode: dry-run } }`, /it has no actuators/],
  ['an unknown system', `${WITH}  strategies: { back-off: { actuators: [mta9] } }`, /there is no mta9/],
  ['an unknown type', `${WITH}  actuators: { mta9: { type: pigeon } }`, /no actuator type "pigeon"/],
  ['a share over one', `${WITH}  reach: { ips: 2 }`, /remediation\.reach\.ips/],
  ['escalated before it is looked at', `${WITH}  look_after: 2h`, /escalate_after: must not be before/],
] as const)
  test(`told: ${what}`, async () => assert.match(await problems(text), told));

test('a key of a system is checked by its type', { skip: !actuatorTypes().includes('postfix') }, async () => {
  const text = `${WITH}  actuators:\n    mta1:\n      type: postfix\n      colour: red`;
  assert.match(await problems(text), /f\.yml:7: remediation\.actuators\.mta1\.colour: there is no such key/);
});

test('the defaults, and the ceiling over a strategy', { skip: !actuatorTypes().includes('postfix') }, async () => {
  const strategies =
    '  strategies: { back-off: { mode: enforce, actuators: [postfix] } }\n  actuators: { postfix: {} }';
  const { remediation } = await parseConfig(`${WITH}${strategies}`, 'f.yml');
  const { mode, lookAfter, escalateAfter, coolDown, budget, atMost, reach, reverse } = remediation!;
  assert.deepEqual(
    { mode, lookAfter, escalateAfter, coolDown, budget, atMost, reach, reverse },
    {
      ...{ mode: 'dry-run', lookAfter: 1_800_000, escalateAfter: 3_600_000, coolDown: 3_600_000 },
      ...{ budget: 10, atMost: 3, reach: { ips: 0.34, campaigns: 0.5 }, reverse: true },
    },
  );
  assert.equal(remediation!.strategies.get('back-off')!.mode, 'dry-run');
  const enforced = await parseConfig(`${WITH}  mode: enforce\n${strategies}`, 'f.yml');
  assert.equal(enforced.remediation!.strategies.get('back-off')!.mode, 'enforce');
  assert.equal((await parseConfig('', '')).remediation, undefined);
});

/** Everything that the exporter could ask or call. */
async function counting(t: TestContext): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end('{"status":"success","data":{"resultType":"vector","result":[]}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const alert = (n: number) =>
  JSON.stringify({
    version: '4',
    alerts: [
      {
        status: 'firing',
        labels: {
          alertname: 'EmailDeliverabilityCrisis',
          issue_type: 'high_bounce_rate',
          severity: 'critical',
          sending_domain: `d${n}.example.com`,
        },
        annotations: {},
        startsAt: new Date().toISOString(),
        endsAt: '0001-01-01T00:00:00Z',
        fingerprint: `00000000000000${n}a`,
      },
    ],
  });

const armed = (url: string, more: string, mode = 'enforce', own = 'enforce'): string =>
  `remediation:
  mode: ${mode}
  prometheus: { url: ${url} }
  strategies: { pause-now: { mode: ${own}, actuators: [ours] } }
  actuators: { ours: { type: webhook, url: ${url}/orders, secret: { env: ORDERS_SECRET }, verbs: [pause] } }
  ${more}`;

/** A crisis asks for a pause, whatever is measured: each of these would be an order if nothing stood against it. */
for (const [what, key, asks, calls] of [
  ['without the key', () => '', false, false],
  ['with mode: off', (url: string) => armed(url, '', 'off'), false, false],
  ['with each strategy off', (url: string) => armed(url, '', 'enforce', 'off'), true, false],
  ['with a dry run', (url: string) => armed(url, '', 'enforce', 'dry-run'), true, false],
  ['with dry-run as the ceiling', (url: string) => armed(url, '', 'dry-run'), true, false],
  ['with the kill switch pulled', (url: string) => armed(url, `kill_switch: ${import.meta.filename}`), true, false],
  ['control: with enforce', (url: string) => armed(url, ''), true, true],
] as const)
  test(`a running exporter ${what}: ${asks ? 'Prometheus is asked' : 'nobody is asked'}, ${calls ? 'a system is called' : 'no system is called'}`, async (t) => {
    const { url, asked } = await counting(t);
    const config = `alerts: { auth: none }\n${key(url)}\n`;
    const exporter = await startExporter(t, { config, env: { ORDERS_SECRET: 'of-the-test' } });
    const opened = () => exporter.log.filter(({ msg }) => msg === 'incident opened').length;
    // Three alerts, one after the other: a tick of a second lies between each and the next.
    for (let n = 1; n <= 3; n++) {
      await exporter.post('/alerts', alert(n));
      await eventually('it is an incident', () => opened() === n);
      await new Promise((resolve) => setTimeout(resolve, 1100));
    }
    const orders = asked.filter((path) => path === '/orders').length;
    assert.equal(orders, calls ? 3 : 0);
    assert.equal(asked.length > orders, asks, asked.join(' '));
    assert.ok(asks || !exporter.log.some(({ msg }) => String(msg).startsWith('remediation:')));
  });
