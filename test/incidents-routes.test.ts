/** Incidents over HTTP, with the real program: what Alertmanager says, who may see and say what, links that are signed, and kills in between. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import bcrypt from 'bcryptjs';
import { pino } from 'pino';
import { parseAlerts } from '../src/alert.ts';
import type { Incident, Step, StepState } from '../src/incident.ts';
import { Incidents } from '../src/incidents.ts';
import { Ledger } from '../src/ledger.ts';
import { freePorts, ready, start } from '../stack/processes.ts';
import { tool } from '../stack/tools.ts';
import { type Exporter, eventually, folder, startExporter } from './exporter.ts';

const CONFIG = `
scrape_interval: 1s
alerts: { auth: { bearer: [ { env: ALERTS_TOKEN } ] } }
incidents:
  auth: { bearer: [ { env: SEE_TOKEN } ], basic: [ { username: sre, password: { env: SEE_PASSWORD } } ] }
`;
const ENV = { ALERTS_TOKEN: 'alerts-1', SEE_TOKEN: 'see-2', SEE_PASSWORD: 'see-3' };
const ALERTMANAGER = { authorization: 'Bearer alerts-1' };
const SEE = { authorization: 'Bearer see-2' };
const SRE = { authorization: `Basic ${btoa('sre:see-3')}` };
const API = '/api/v1/incidents';
const BEGAN = Date.parse('2026-03-01T12:00:00.250Z');

interface Said {
  status?: 'firing' | 'resolved';
  fingerprint?: string;
  began?: number;
  labels?: Record<string, string>;
  summary?: string;
}

function payload(...alerts: Said[]): string {
  return JSON.stringify({
    version: '4',
    alerts: alerts.map(
      ({ status = 'firing', fingerprint = 'f1', began = BEGAN, labels = {}, summary = 'Bounces' }) => ({
        status,
        labels: { alertname: 'EmailBounceRateHigh', issue_type: 'high_bounce_rate', severity: 'high', ...labels },
        annotations: { summary },
        startsAt: new Date(began).toISOString(),
        endsAt: status === 'resolved' ? new Date(began + 600_000).toISOString() : '0001-01-01T00:00:00Z',
        fingerprint,
      }),
    ),
  });
}

interface Shown {
  id: string;
  state: string;
  acknowledged: string | null;
  resolved: string | null;
  verdict: { verdict: string; at: string } | null;
  links: Record<string, string>;
}

async function say(exporter: Exporter, ...alerts: Said[]): Promise<void> {
  assert.equal((await exporter.post('/alerts', payload(...alerts), ALERTMANAGER)).status, 200);
}

async function list(exporter: Exporter, query = ''): Promise<Shown[]> {
  const response = await fetch(exporter.url + API + query, { headers: SEE });
  assert.equal(response.status, 200);
  return ((await response.json()) as { incidents: Shown[] }).incidents;
}

const of = async (response: Response | Promise<Response>) => {
  const { status, headers } = await response;
  return { status, headers, text: await (await response).text() };
};

/** A request as it stands: fetch forbids some headers, and tidies up paths. */
function bare(url: string, path: string, method: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const asked = request({ hostname, port, path, method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    asked.on('error', reject).end();
  });
}

test('alerts are taken from whom they are to come, and answered once they are on disk', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  const rows: [body: string, headers: Record<string, string>, status: number][] = [
    [payload({}), {}, 401],
    [payload({}), SEE, 401],
    ['{', ALERTMANAGER, 400],
    ['[]', ALERTMANAGER, 400],
    ['{"alerts":{}}', ALERTMANAGER, 400],
    ['{"alerts":[]}', ALERTMANAGER, 200],
    [
      '{"alerts":[7,null,{"status":"firing"},{"status":"x","labels":{},"startsAt":"2026-01-01T00:00:00Z"}]}',
      ALERTMANAGER,
      200,
    ],
    [payload({ labels: { alertname: 'Watchdog', issue_type: '' } }), ALERTMANAGER, 200],
  ];
  for (const [body, headers, status] of rows)
    assert.equal((await exporter.post('/alerts', body, headers)).status, status, body);
  assert.deepEqual(await list(exporter), []);
  await say(exporter, {}, {}, { fingerprint: 'f2', began: BEGAN + 1 });
  await say(exporter, {});
  assert.deepEqual(
    (await list(exporter)).map(({ id }) => id),
    [`f2-${(BEGAN + 1).toString(36)}`, `f1-${BEGAN.toString(36)}`],
  );
  assert.equal(await exporter.metric('email_incidents_open', { severity: 'high' }), 2);
  await say(exporter, { status: 'resolved' });
  assert.equal(await exporter.metric('email_incidents_open', { severity: 'high' }), 1);
  await eventually(
    'its time is counted',
    async () => (await exporter.metric('email_incident_resolution_seconds_sum')) === 600,
  );
  assert.ok(!JSON.stringify(exporter.log).includes('Bounces'), 'the log holds no annotation');
  const closed = await startExporter(t);
  assert.equal((await closed.post('/alerts', payload({}))).status, 404);
});

test('filters', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  await say(
    exporter,
    { fingerprint: 'a', labels: { severity: 'critical' } },
    { fingerprint: 'b', began: BEGAN + 1000, labels: { issue_type: 'spam_trap_hit' } },
    { fingerprint: 'c', began: BEGAN + 2000, status: 'resolved' },
  );
  const found = async (query: string) => (await list(exporter, query)).map(({ id }) => id[0]).join('');
  assert.equal(await found(''), 'cba');
  assert.equal(await found('?state=open'), 'ba');
  assert.equal(await found('?state=resolved'), 'c');
  assert.equal(await found('?severity=high'), 'cb');
  assert.equal(await found('?issue_type=spam_trap_hit'), 'b');
  assert.equal(await found('?limit=2'), 'cb');
  assert.equal(await found('?issue_type=constructor'), '');
  for (const bad of ['state=shut', 'severity=warning', 'limit=0', 'limit=x', 'limit=99999', 'state=open&state=open'])
    assert.equal((await fetch(`${exporter.url}${API}?${bad}`, { headers: SEE })).status, 400, bad);
});

const PATHS: [method: string, path: string][] = [
  ['GET', API],
  ['HEAD', API],
  ['GET', `${API}/f1-x`],
  ['POST', `${API}/f1-x/acknowledge`],
  ['POST', `${API}/f1-x/verdict`],
  ['GET', '/incidents'],
  ['GET', '/incidents/f1?since=1'],
  ['GET', '/incidents/f1-x'],
];

test('strangers see nothing, and nobody does where no credentials are set', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  const unset = await startExporter(t, { config: 'alerts: { auth: none }' });
  for (const [method, path] of PATHS) {
    for (const headers of [
      {},
      ALERTMANAGER,
      { authorization: `Basic ${btoa('sre:see-2')}` },
      { authorization: 'Bearer ' },
    ]) {
      const response = await fetch(exporter.url + path, { method, headers });
      assert.equal(response.status, 401, `${method} ${path}`);
      assert.match(response.headers.get('www-authenticate')!, /^Basic /, 'a browser asks its user');
    }
    const refused = await of(fetch(unset.url + path, { method, headers: SEE }));
    assert.equal(refused.status, 403, path);
    if (method !== 'HEAD') assert.match(refused.text, /set incidents\.auth .* --web\.config\.file/);
  }
  assert.equal((await fetch(`${exporter.url}${API}/f1-x`, { headers: SEE })).status, 404);
  assert.equal((await fetch(`${exporter.url}/incidents/f1`, { headers: SRE })).status, 404);
});

test('users of the web configuration may do as the credentials of incidents, which need no user', async (t) => {
  const file = join(folder(t), 'web.yml');
  writeFileSync(file, `basic_auth_users: { boss: '${bcrypt.hashSync('open sesame', 4)}' }`);
  const boss = { authorization: `Basic ${btoa('boss:open sesame')}` };
  const flags = [`--web.config.file=${file}`];
  const exporter = await startExporter(t, { config: CONFIG, env: ENV, flags });
  const alone = await startExporter(t, { config: 'alerts: { auth: none }', flags });
  const status = async (who: Exporter, headers: Record<string, string>) =>
    (await fetch(who.url + API, { headers })).status;
  assert.deepEqual(
    await Promise.all([status(exporter, boss), status(exporter, SEE), status(exporter, {}), status(alone, boss)]),
    [200, 200, 401, 200],
  );
  assert.equal(await status(alone, { authorization: `Basic ${btoa('boss:')}` }), 401);
  assert.equal((await exporter.post('/alerts', payload({}), ALERTMANAGER)).status, 200, 'Alertmanager has its own');
});

test('acknowledged once, judged as often as one likes, by programs and forms', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  await say(exporter, {}, { fingerprint: 'over', status: 'resolved' });
  const [over, open] = (await list(exporter, '')).sort((a, b) => b.state.localeCompare(a.state)) as [Shown, Shown];
  const post = (id: string, what: string, body: string, headers: Record<string, string> = {}) =>
    exporter.post(`${API}/${id}/${what}`, body, { ...SEE, ...headers });
  const first = (await (await post(open.id, 'acknowledge', '')).json()) as Shown;
  assert.ok(first.acknowledged);
  const again = (await (await post(open.id, 'acknowledge', '')).json()) as Shown;
  assert.equal(again.acknowledged, first.acknowledged);
  const late = (await (await post(over.id, 'acknowledge', '')).json()) as Shown;
  assert.equal(late.acknowledged, null, 'of what is over there is nothing to acknowledge');

  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const judged = async (body: string, headers?: Record<string, string>) =>
    ((await (await post(over.id, 'verdict', body, headers)).json()) as Shown).verdict!.verdict;
  assert.equal(await judged('{"verdict":"true_positive"}'), 'true_positive');
  assert.equal(await judged('verdict=false_positive&more=1', form), 'false_positive');
  assert.equal(await exporter.metric('email_incident_verdicts', { verdict: 'false_positive' }), 1);
  const rows: [body: string, headers: Record<string, string>, status: number][] = [
    ['', {}, 400],
    ['{', {}, 400],
    ['null', {}, 400],
    ['7', {}, 400],
    ['{"verdict":"maybe"}', {}, 400],
    ['{"verdict":["duplicate"]}', {}, 400],
    ['{"verdict":"unknown"}', {}, 400],
    ['verdict=', form, 400],
    ['verdict=duplicate', { 'content-type': 'text/plain' }, 415],
    [`{"verdict":"duplicate","x":"${'x'.repeat(20_000)}"}`, {}, 413],
    ['{"verdict":"duplicate"}', { 'sec-fetch-site': 'cross-site' }, 403],
    ['{"verdict":"duplicate"}', { 'sec-fetch-site': 'same-site' }, 403],
    ['{"verdict":"duplicate"}', { origin: 'https://evil.example' }, 403],
    ['{"verdict":"duplicate"}', { origin: 'null' }, 403],
  ];
  for (const [body, headers, status] of rows)
    assert.equal((await post(over.id, 'verdict', body, headers)).status, status, body);
  assert.equal((await post(over.id, 'acknowledge', '', { origin: 'https://evil.example' })).status, 403);
  for (const id of ['nothing', 'constructor', '__proto__']) {
    assert.equal((await post(id, 'acknowledge', '')).status, 404, id);
    assert.equal((await post(id, 'verdict', '{"verdict":"duplicate"}')).status, 404, id);
  }
  assert.equal((await list(exporter)).find(({ id }) => id === over.id)!.verdict!.verdict, 'false_positive');
});

test('a verdict can be changed until it counts, then it is too late', async (t) => {
  const config = CONFIG.replace('incidents:', 'incidents:\n  verdict_within: 1s');
  const exporter = await startExporter(t, { config, env: ENV });
  await say(exporter, { status: 'resolved' });
  await eventually(
    'it counts',
    async () => (await exporter.metric('email_incidents_closed_total', { verdict: 'unknown' })) === 1,
  );
  const [incident] = await list(exporter);
  const refused = await of(exporter.post(`${API}/${incident!.id}/verdict`, '{"verdict":"duplicate"}', SEE));
  assert.deepEqual([refused.status, /counts as unknown/.test(refused.text)], [409, true]);
  const pressed = await of(exporter.post(incident!.links.duplicate!, ''));
  assert.deepEqual([pressed.status, /Too late/.test(pressed.text)], [409, true]);
  const page = await of(fetch(exporter.url + incident!.links.page!, { headers: SRE }));
  assert.doesNotMatch(page.text, /<button/);
});

test('a link does nothing until a person presses, and needs no credentials', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  await say(exporter, {});
  const now = async () => (await list(exporter))[0]!;
  const { links } = await now();
  for (const act of ['acknowledge', 'true_positive', 'false_positive', 'duplicate']) {
    for (const method of ['GET', 'HEAD']) {
      const { status, text, headers } = await of(fetch(exporter.url + links[act]!, { method }));
      assert.equal(status, 200, act);
      assert.equal((text.match(/<form method="post">/g) ?? []).length, method === 'GET' ? 1 : 0);
      assert.match(headers.get('content-security-policy')!, /^default-src 'none'; .*frame-ancestors 'none'/);
      assert.equal(headers.get('referrer-policy'), 'no-referrer');
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
    }
    for (const method of ['OPTIONS', 'PUT', 'DELETE', 'PATCH'])
      assert.notEqual(await bare(exporter.url, links[act]!, method), 500);
  }
  const before = await now();
  assert.deepEqual([before.acknowledged, before.verdict], [null, null]);
  for (let times = 0; times < 2; times++) {
    const { status, text } = await of(exporter.post(links.acknowledge!, ''));
    assert.deepEqual([status, /is acknowledged/.test(text)], [200, true]);
  }
  const acknowledged = await now();
  assert.ok(acknowledged.acknowledged);
  assert.equal((await of(exporter.post(links.duplicate!, 'anything=1'))).status, 200);
  assert.equal((await of(exporter.post(links.false_positive!, ''))).status, 200);
  assert.equal((await now()).verdict?.verdict, 'false_positive');
  assert.equal((await now()).acknowledged, acknowledged.acknowledged);
});

test('links that are forged, altered, of another incident or expired are refused with the reason', async (t) => {
  const config = CONFIG.replace('incidents:', 'incidents:\n  link_expiry: 2s');
  const exporter = await startExporter(t, { config, env: ENV });
  await say(exporter, {}, { fingerprint: 'f2', began: BEGAN + 5 });
  const [other, one] = (await list(exporter)) as [Shown, Shown];
  const link = one.links.acknowledge!;
  const url = new URL(link, 'http://x');
  const altered = (name: string, value: string) => {
    const copy = new URL(url);
    copy.searchParams.set(name, value);
    return copy.pathname + copy.search;
  };
  const signature = url.searchParams.get('signature')!;
  const forged = [
    link.replace(one.id, other.id),
    link.replace(one.id, 'constructor'),
    altered('act', 'false_positive'),
    altered('act', 'resolve'),
    altered('act', '__proto__'),
    altered('expires', String(Number(url.searchParams.get('expires')) + 3600)),
    altered('expires', `${url.searchParams.get('expires')}.0`),
    altered('signature', ''),
    altered('signature', signature.slice(0, -1)),
    altered('signature', `${signature}A`),
    altered('signature', `${signature}=`),
    altered('signature', signature.toLowerCase()),
    // The last character of a digest in base64url has bits to spare.
    ...[...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
      .filter((c) => c !== signature.at(-1))
      .map((c) => altered('signature', signature.slice(0, -1) + c)),
    `${link}&signature=${signature}`,
    `/incidents/${one.id}/confirm`,
    `/incidents/${one.id}/confirm?act=acknowledge&expires=99999999999&signature=x`,
  ];
  for (const path of forged)
    for (const method of ['GET', 'POST']) {
      const { status, text } = await of(fetch(exporter.url + path, { method }));
      assert.deepEqual([status, /The signature does not fit/.test(text)], [403, true], `${method} ${path}`);
    }
  await new Promise((resolve) => setTimeout(resolve, 2100));
  for (const method of ['GET', 'POST']) {
    const { status, text } = await of(fetch(exporter.url + link, { method }));
    assert.deepEqual([status, /has expired/.test(text)], [410, true]);
  }
  assert.deepEqual(
    (await list(exporter)).map(({ acknowledged }) => acknowledged),
    [null, null],
  );
});

test('links outlive a kill, and are of no use with the storage of others', async (t) => {
  const storage = folder(t);
  const exporter = await startExporter(t, { config: CONFIG, env: ENV, storage });
  await say(exporter, {});
  const { links } = (await list(exporter))[0]!;
  await exporter.stop('SIGKILL');
  const restarted = await startExporter(t, { config: CONFIG, env: ENV, storage });
  assert.equal((await of(restarted.post(links.acknowledge!, ''))).status, 200);
  assert.ok((await list(restarted))[0]!.acknowledged);
  const stranger = await startExporter(t, { config: CONFIG, env: ENV });
  await say(stranger, {});
  assert.equal((await of(stranger.post(links.acknowledge!, ''))).status, 403);
});

test('while the disk takes nothing no alert is acknowledged, and then it is one incident', async (t) => {
  const storage = mkdtempSync(join(tmpdir(), 'deliverability-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', storage]);
  const exporter = await startExporter(t, { config: CONFIG, env: ENV, storage });
  t.after(async () => {
    await exporter.stop('SIGKILL');
    execFileSync('umount', [storage]);
    rmSync(storage, { recursive: true });
  });
  await say(exporter, { fingerprint: 'before' });
  const filler = join(storage, 'filler');
  for (let size = 8 * 1024 * 1024; size >= 1024; size >>= 1) {
    try {
      writeFileSync(filler, Buffer.alloc(size, 1), { flag: 'a' });
    } catch {
      // The disk is full when even the smallest piece does not fit.
    }
  }
  const long = 'x'.repeat(1000);
  const all = Array.from({ length: 300 }, (_, n) => ({ fingerprint: `d${n}`, summary: long }));
  const { status, headers } = await of(exporter.post('/alerts', payload(...all), ALERTMANAGER));
  assert.equal(status, 503);
  assert.ok(headers.get('retry-after'));
  const { links } = (await list(exporter, '?limit=1'))[0]!;
  assert.equal((await of(exporter.post(links.acknowledge!, ''))).status, 503);
  rmSync(filler);
  await eventually(
    'it is taken',
    async () => (await of(exporter.post('/alerts', payload(...all), ALERTMANAGER))).status === 200,
  );
  assert.equal(await exporter.metric('email_incidents_open'), 301);
});

const EVIL = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`;

test('nothing that labels or annotations hold becomes markup', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  const labels = Object.fromEntries(
    ['alertname', 'issue_type', 'severity', 'sending_domain', 'campaign', 'provider', 'target', EVIL].map((name) => [
      name,
      EVIL,
    ]),
  );
  await say(exporter, { labels, summary: EVIL, fingerprint: EVIL });
  const [incident] = await list(exporter);
  await exporter.post(incident!.links.duplicate!, '');
  const { pathname } = new URL(incident!.links.page!, exporter.url);
  for (const path of ['/', '/incidents', pathname, incident!.links.true_positive!]) {
    const { text, headers } = await of(fetch(exporter.url + path, { headers: SRE }));
    assert.match(text, /&lt;script&gt;/, path);
    assert.doesNotMatch(text, /<script|<img|onerror=alert\(1\)>(?!&)/, path);
    assert.match(headers.get('content-security-policy')!, /default-src 'none'/);
  }
  const pressed = await of(exporter.post(incident!.links.true_positive!, ''));
  assert.doesNotMatch(pressed.text, /<script/);
  assert.ok(!JSON.stringify(exporter.log).includes('sending_domain'));
});

test('the page of one incident tells what happened, and its buttons work', async (t) => {
  const exporter = await startExporter(t, { config: CONFIG, env: ENV });
  await say(exporter, { labels: { sending_domain: 'news.example.com' } });
  const path = `/incidents/f1?since=${Math.floor(BEGAN / 1000)}`;
  const look = () => of(fetch(exporter.url + path, { headers: SRE }));
  const { text } = await look();
  assert.match(text, /<h1>Bounces<\/h1>/);
  assert.match(text, /news\.example\.com/);
  assert.match(text, /2026-03-01 12:00:00 UTC/);
  const buttons = [...text.matchAll(/<form method="post" action="([^"]+)"><button/g)].map(([, a]) =>
    a!.replaceAll('&amp;', '&'),
  );
  assert.equal(buttons.length, 4);
  for (const action of buttons) assert.equal((await exporter.post(action, '')).status, 200);
  const after = (await look()).text;
  assert.match(after, /Acknowledged: <time/);
  assert.match(after, /Judged: duplicate/);
  assert.equal((after.match(/<button/g) ?? []).length, 2, 'what is said need not be said again');
  await say(exporter, { status: 'resolved' });
  assert.match((await look()).text, /Resolved: <time/);
});

/** An incident on which somebody acted, as the storage of an exporter that was stopped holds it. */
async function acted(storage: string): Promise<Incident> {
  const ledger = await Ledger.open({ path: join(storage, 'ledger.sqlite') });
  const options = { zeroFirst: 0, log: pino({ level: 'silent' }), now: Date.now };
  const incidents = new Incidents(ledger, () => ({ keep: 1e10, verdict_within: 1e10 }), options);
  await incidents.take(parseAlerts(Buffer.from(payload({ labels: { sending_ip: '192.0.2.7' } }))));
  const { id } = incidents.all()[0]!;
  const step = (state: StepState, problem?: string): Step => ({
    order: `${id}/${state}`,
    actuator: 'mta1',
    action: { verb: 'throttle', reach: { sending_ip: '192.0.2.7' }, share: 0.5 },
    state,
    before: 'WHAT-UNDO-NEEDS',
    tries: 2,
    ...(problem && { problem }),
  });
  await incidents.change(id, (one) => {
    one.onset = BEGAN - 120_000;
    one.acted = BEGAN + 1000;
    one.escalated = { severity: 'critical', at: BEGAN + 3_600_000 };
    one.remedies.push(
      {
        strategy: 'halve-rate',
        mode: 'enforce',
        at: BEGAN + 1000,
        score: 0.7712,
        because: `it helped in 3 of 4 cases ${EVIL}`,
        steps: [step('done'), step('failed', `mta1 did not answer ${EVIL}`)],
        before: { at: BEGAN, level: 0.123456, samples: 4321 },
        looks: [{ at: BEGAN + 1_800_000, level: 0.11 }, { at: BEGAN + 3_600_000 }],
        outcome: 'ineffective',
      },
      {
        strategy: 'clean',
        mode: 'dry-run',
        at: BEGAN,
        score: 0.5,
        because: 'x',
        steps: [],
        looks: [],
        outcome: 'pending',
      },
    );
  });
  await ledger.close();
  return incidents.get(id)!;
}

test('what was done is on the page and in the metrics, without what undoing it needs', async (t) => {
  const storage = folder(t);
  const { id } = await acted(storage);
  const exporter = await startExporter(t, { config: CONFIG, env: ENV, storage });
  const { text } = await of(fetch(`${exporter.url}/incidents/${id}`, { headers: SRE }));
  for (const shown of [
    /<h3>halve-rate: ineffective<\/h3>/,
    /Score 0\.77: it helped in 3 of 4 cases &quot;/,
    /<td>mta1<\/td><td>throttle to 50 %: sending_ip 192\.0\.2\.7<\/td><td>done<\/td><td>2<\/td>/,
    /mta1 did not answer &quot;/,
    /<td>before<\/td><td><time[\s\S]*?<td>0\.1235<\/td><td>4321<\/td>/,
    /nothing to measure/,
    /<dt>Escalated<\/dt><dd>from high/,
    /Onset: the first bad minute/,
    /Escalated to critical: <time/,
  ])
    assert.match(text, shown);
  const moments = [
    ...text
      .split('<ol>')[1]!
      .split('</ol>')[0]!
      .matchAll(/datetime="([^"]+)"/g),
  ].map(([, at]) => at!);
  assert.deepEqual(moments, [...moments].sort());
  assert.doesNotMatch(text, /WHAT-UNDO-NEEDS|<script|<th scope="col"><\/th>/);
  const json = (await of(fetch(exporter.url + API, { headers: SEE }))).text;
  assert.match(json, /"strategy":"halve-rate"/);
  assert.doesNotMatch(json, /WHAT-UNDO-NEEDS/);
  const escalated = { severity: 'critical', sending_ip: '192.0.2.7', issue_type: 'high_bounce_rate', campaign: '' };
  assert.equal(await exporter.metric('email_incident_escalated', escalated), 1);
  assert.equal(await exporter.metric('email_remediation_active', { strategy: 'halve-rate', mode: 'enforce' }), 1);
  assert.equal(await exporter.metric('email_remediation_active', { strategy: 'clean', mode: 'dry-run' }), 1);
  const actions = (outcome: string) =>
    exporter.metric('email_remediation_actions_total', { strategy: 'halve-rate', mode: 'enforce', outcome });
  await eventually('the outcome shows', async () => (await actions('ineffective')) === 1);
  assert.equal(await actions('effective'), 0);
  execFileSync(await tool('promtool'), ['check', 'metrics'], { input: await exporter.metrics() });
  await say(exporter, { status: 'resolved', labels: { sending_ip: '192.0.2.7' } });
  assert.equal(await exporter.metric('email_incident_escalated'), undefined);
  assert.equal(await exporter.metric('email_remediation_active', { mode: 'dry-run' }), 0);
  assert.equal(await exporter.metric('email_remediation_active', { mode: 'enforce' }), 1, 'until it is undone');
});

test('a real Alertmanager that repeats, and does not give up while the exporter is away, makes one incident', async (t) => {
  const directory = folder(t);
  const storage = folder(t);
  const [port, alertmanagerPort] = (await freePorts(2)) as [number, number];
  const config = join(directory, 'alertmanager.yml');
  writeFileSync(join(directory, 'token'), 'alerts-1');
  writeFileSync(
    config,
    `
templates: ['${join(import.meta.dirname, '../alertmanager/templates')}/*.tmpl']
route: { receiver: exporter, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1s }
receivers:
  - name: exporter
    webhook_configs:
      - url: http://127.0.0.1:${port}/alerts
        send_resolved: true
        http_config: { authorization: { credentials_file: ${join(directory, 'token')} } }
`,
  );
  const url = `http://127.0.0.1:${alertmanagerPort}`;
  const child = start('alertmanager', await tool('alertmanager'), [
    `--config.file=${config}`,
    `--storage.path=${directory}`,
    `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
    '--cluster.listen-address=',
  ]);
  t.after(() => child.stop());
  await ready(child, `${url}/-/ready`);
  const labels = { alertname: 'EmailBounceRateHigh', issue_type: 'high_bounce_rate', severity: 'critical' };
  const began = Date.now() - 30_000;
  const post = (endsAt?: string) =>
    fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ labels, startsAt: new Date(began).toISOString(), ...(endsAt && { endsAt }) }]),
    });
  const options = { config: CONFIG, env: ENV, storage, port };
  // Nobody answers yet.
  await post();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  let exporter = await startExporter(t, options);
  await eventually('it is heard of', async () => (await list(exporter)).length === 1);
  const times = () => exporter.log.filter(({ msg }) => msg === 'alert received').length;
  await eventually('it is repeated', () => times() >= 3);
  await exporter.stop('SIGKILL');
  exporter = await startExporter(t, options);
  await eventually('it is repeated to the next process', () => times() >= 1);
  const [incident, ...others] = await list(exporter);
  assert.deepEqual([others.length, incident!.state, incident!.id.endsWith(began.toString(36))], [0, 'open', true]);
  const known = (await (await fetch(`${url}/api/v2/alerts`)).json()) as { fingerprint: string }[];
  const path = `/incidents/${known[0]!.fingerprint}?since=${Math.floor(began / 1000)}`;
  const page = await of(fetch(exporter.url + path, { headers: SRE }));
  assert.match(page.text, new RegExp(`action="/incidents/${incident!.id}/confirm`));
  await exporter.stop('SIGKILL');
  await post(new Date().toISOString());
  await new Promise((resolve) => setTimeout(resolve, 1500));
  exporter = await startExporter(t, options);
  await eventually('its end is heard of', async () => (await list(exporter, '?state=resolved')).length === 1);
  assert.equal((await list(exporter)).length, 1);
});

/** Posts until the process is gone, which is killed `delay` ms into a post; what was acknowledged is remembered. */
async function pour(exporter: Exporter, from: number, acknowledged: Set<number>, delay: number): Promise<number> {
  const gone = once(exporter.process, 'exit').then(() => true);
  for (let n = from; ; n++) {
    const said = payload({ fingerprint: `k${n}` }, { fingerprint: `k${n}`, status: 'resolved' });
    const sent = exporter
      .post('/alerts', said, ALERTMANAGER)
      .then(({ status }) => void (status === 200 && acknowledged.add(n)))
      .catch(() => {});
    if (n === from + 15) setTimeout(() => exporter.process.kill('SIGKILL'), delay);
    if (await Promise.race([gone, sent.then(() => false)])) return n + 1;
  }
}

test('killed again and again, no acknowledged incident is lost and none is counted twice', async (t: TestContext) => {
  const storage = folder(t);
  const acknowledged = new Set<number>();
  let n = 0;
  // A commit starts 20 ms after the one before, so a post is caught before, in and after its own.
  for (const delay of [0, 5, 15, 30]) {
    const exporter = await startExporter(t, { config: CONFIG, env: ENV, storage });
    n = await pour(exporter, n, acknowledged, delay);
  }
  const exporter = await startExporter(t, { config: CONFIG, env: ENV, storage });
  // Alertmanager says everything again that was not acknowledged, and some of what was.
  for (let again = 0; again < n; again++)
    if (!acknowledged.has(again) || again % 7 === 0)
      await say(exporter, { fingerprint: `k${again}`, status: 'resolved' }, { fingerprint: `k${again}` });
  assert.ok(acknowledged.size >= 60, `${acknowledged.size} were acknowledged`);
  const { total } = (await (await fetch(exporter.url + API, { headers: SEE })).json()) as { total: number };
  assert.equal(total, n);
  await exporter.metrics();
  await eventually(
    'each is counted once',
    async () => ((await exporter.metric('email_incident_resolution_seconds_count')) ?? 0) > 0,
  );
  assert.equal(await exporter.metric('email_incident_resolution_seconds_count'), n);
  assert.equal(await exporter.metric('email_incident_resolution_seconds_sum'), n * 600);
});
