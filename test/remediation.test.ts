/** The engine with a clock that is set: what is done when, what is judged how, what is undone, and what never happens. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { stringify } from 'yaml';
import { loadRemedies } from '../src/config.ts';
import type { Incident, Measured, Remedied } from '../src/incident.ts';
import { atTheEnd, escalation, judge, nextLook } from '../src/judgement.ts';
import { measured, measureOf } from '../src/measure.ts';
import { catalogue } from '../src/metrics.ts';
import { firstBad } from '../src/onset.ts';
import { Prometheus, Unanswered } from '../src/prometheus.ts';
import type { RemediationSettings, Strategy } from '../src/remediation-config.ts';
import { folder } from './exporter.ts';
import { treeOf } from './promql.ts';
import { bothPass } from './promtool.ts';
import {
  anIncident,
  aRemedied,
  BOUNCES,
  engine,
  HOUR,
  MINUTE,
  NOON,
  settingsFor,
  TestPrometheus,
  TestShelf,
  TestSystem,
} from './remediation-parts.ts';
import { ISSUE_TYPES } from './rule-files.ts';

const remedies = await loadRemedies();
const remedy = (name: string) => remedies.get(name)!;

// --- Judgement ---------------------------------------------------------------------------------------------------------

const bounce = measured('high_bounce_rate');
const inbox = measured('low_inbox_rate');
const traps = measured('spam_trap_hit');
const m = (level?: number, samples?: number): Measured => ({
  at: NOON,
  ...(level !== undefined && { level }),
  ...(samples !== undefined && { samples }),
});

for (const [what, before, now, measure, paused, expected] of [
  ['fell by 30 %', m(0.2, 100), m(0.14, 100), bounce, false, 'effective'],
  ['fell by 29 %', m(0.2, 100), m(0.142, 100), bounce, false, 'not yet'],
  ['fell to nothing', m(0.2, 100), m(0, 100), bounce, false, 'effective'],
  ['rose', m(0.2, 100), m(0.3, 100), bounce, false, 'not yet'],
  ['too few messages now', m(0.2, 100), m(0, 9), bounce, false, 'undecided'],
  ['too few messages before', m(0.2, 9), m(0, 100), bounce, false, 'undecided'],
  ['nothing of before', undefined, m(0, 100), bounce, false, 'undecided'],
  ['nothing of now', m(0.2, 100), m(), bounce, false, 'undecided'],
  ['no mail any more, and none was held back', m(0.2, 100), m(undefined, 0), bounce, false, 'undecided'],
  ['no mail any more, for it is held back', m(0.2, 100), m(undefined, 0), bounce, true, 'effective'],
  ['paused: 20 bounces became 13 at the same share', m(0.2, 100), m(0.2, 65), bounce, true, 'effective'],
  ['paused: 20 bounces became 16 at the same share', m(0.2, 100), m(0.2, 80), bounce, true, 'not yet'],
  ['paused, and Prometheus lost sight', m(0.2, 100), m(), bounce, true, 'undecided'],
  ['the inbox rate rose by 20 %', m(0.7, 100), m(0.84, 100), inbox, false, 'effective'],
  ['by 19 %', m(0.7, 100), m(0.833, 100), inbox, false, 'not yet'],
  ['by something from nothing', m(0, 100), m(0.01, 100), inbox, false, 'effective'],
  ['by nothing from nothing', m(0, 100), m(0, 100), inbox, false, 'not yet'],
  ['a pause is no reason for an inbox', m(0.7, 100), m(undefined, 0), inbox, true, 'undecided'],
  ['traps: a count needs no samples', m(10), m(7), traps, false, 'effective'],
  ['traps: no fall', m(10), m(8), traps, false, 'not yet'],
  ['nothing is measured of this issue', m(1), m(1), undefined, false, 'undecided'],
] as const)
  test(`judged: ${what}`, () => assert.equal(judge(before, now, measure, 10, paused), expected));

const patience = { lookAfter: 30 * MINUTE, escalateAfter: HOUR, effectIn: 5 * MINUTE, window: 15 * MINUTE };
const done = (...minutes: number[]): Remedied =>
  aRemedied('a', {
    steps: minutes.map((minute) => ({
      order: 'x',
      actuator: 'mta1',
      action: { verb: 'pause', reach: { sending_domain: 'news.example.com' } },
      state: 'done',
      done: NOON + minute * MINUTE,
      tries: 1,
    })),
  });
const looked = (remedied: Remedied, ...minutes: number[]): Remedied => ({
  ...remedied,
  looks: minutes.map((minute) => ({ at: NOON + minute * MINUTE })),
});

for (const [what, remedied, changed, at, last] of [
  ['half an hour after it was done', done(0), {}, 30, false],
  ['after the last step', done(0, 10), {}, 40, false],
  ['again when it would be escalated', looked(done(0), 30), {}, 60, true],
  ['as often as look_after fits in', looked(done(0), 15), { lookAfter: 15 * MINUTE }, 30, false],
  ['not before it can show', done(0), { effectIn: HOUR }, 75, true],
  ['not before a further step can show', looked(done(0, 50), 30), {}, 70, true],
  ['nothing was done', aRemedied('a'), {}, undefined, false],
] as const)
  test(`looked at: ${what}`, () => {
    const look = nextLook(remedied, { ...patience, ...changed });
    assert.deepEqual(look, at === undefined ? undefined : { at: NOON + at * MINUTE, last });
  });

const ended = (minute: number, more: Partial<Incident> = {}) =>
  anIncident(BOUNCES, { resolved: NOON + minute * MINUTE, ...more });
for (const [what, incident, remedied, said] of [
  ['before it could show', ended(4), done(0), 'undecided'],
  ['when it could show and not be measured', ended(10), done(0), 'effective'],
  ['when it can be measured', ended(20), done(0), 'look'],
  ['nothing was done', ended(20), aRemedied('a'), 'undecided'],
  ['a false alarm', ended(20, { verdict: { verdict: 'false_positive', at: NOON } }), done(0), 'undecided'],
] as const)
  test(`at the end of the alert: ${what}`, () => assert.equal(atTheEnd(incident, remedied, patience), said));

for (const [severity, minute, outcomes, escalated] of [
  ['high', 60, ['ineffective'], 'critical'],
  ['critical', 60, ['ineffective'], 'critical'],
  ['medium', 60, ['ineffective'], 'high'],
  ['low', 60, ['ineffective'], 'medium'],
  ['info', 60, ['ineffective'], 'low'],
  ['high', 59, ['ineffective'], ''],
  ['high', 60, ['effective', 'ineffective'], ''],
  ['high', 60, ['pending', 'failed'], 'critical'],
  ['high', 60, ['undecided'], 'critical'],
  ['high', 60, ['pending'], ''],
  ['high', 60, ['refused'], ''],
  ['high', 60, [], ''],
] as const)
  test(`escalated: ${severity} after ${minute} minutes with ${outcomes.join(', ') || 'nothing tried'}: ${escalated || 'no'}`, () => {
    const incident = anIncident(
      { ...BOUNCES, severity },
      { remedies: outcomes.map((outcome) => aRemedied('a', { outcome })) },
    );
    const now = NOON + minute * MINUTE;
    assert.equal(escalation(incident, HOUR, now), escalated);
    assert.equal(escalation({ ...incident, resolved: NOON }, HOUR, now), '');
    const dry = incident.remedies.map((one) => ({ ...one, mode: 'dry-run' as const }));
    assert.equal(escalation({ ...incident, remedies: dry }, HOUR, now), '');
  });

// --- Onset -------------------------------------------------------------------------------------------------------------

/** One character a minute, the last of them at the alert: `.` no mail, digits are tenths. */
const minutes = (text: string) =>
  [...text].flatMap((c, i) =>
    c === '.' ? [] : [{ at: NOON - (text.length - 1 - i) * MINUTE, value: Number(c) / 10 }],
  );

for (const [what, text, better, ago] of [
  ['from one minute to the next', '0000000000000000555', 'down', 3],
  ['two minutes without mail are bridged', '00000000000000055..55', 'down', 6],
  ['two good minutes are bridged', '00000000000000055005', 'down', 5],
  ['three are not', '00000000000000055000555', 'down', 3],
  ['an earlier stretch is another one', '000005555000000000000555', 'down', 3],
  ['it was over before the alert', '00000000000000555500000', 'down', 9],
  ['where less is worse', '9999999999999933', 'up', 2],
  ['a slow rise: half-way', '00000000123456789', 'down', 5],
  ['bad all the time', '5555555555555555', 'down', undefined],
  ['nothing is known', '................', 'down', undefined],
  ['always good', '0000000000000000', 'down', undefined],
] as const)
  test(`onset: ${what}`, () => {
    const expected = ago === undefined ? undefined : NOON - ago * MINUTE;
    assert.equal(firstBad(minutes(text), better, NOON), expected);
    // What comes after the alert says nothing about how it began.
    const later = [{ at: NOON + MINUTE, value: better === 'down' ? 9 : 0 }];
    assert.equal(firstBad([...minutes(text), ...later], better, NOON), expected);
  });

// --- What is measured --------------------------------------------------------------------------------------------------

test('each measure is PromQL over families that are exposed, narrowed by the labels of the alert and nothing in them', async (t) => {
  const known = new Set(catalogue.map(({ name }) => name));
  const nasty = 'a"} or vector(1) #\\';
  const names = ['source', 'sending_domain', 'sending_ip', 'provider', 'campaign', 'target', 'service', 'list'];
  const labels = Object.fromEntries(names.map((name) => [name, nasty]));
  const alerts = [...ISSUE_TYPES.map((issue_type) => ({ issue_type })), { alertname: 'EmailDeliverySlow' }];
  const unmeasured: string[] = [];
  const queries: string[] = [];
  for (const alert of alerts)
    for (const about of [labels, { ...labels, campaign: '' }, {}]) {
      const measure = measureOf(alert);
      if (!measure) {
        unmeasured.push(Object.values(alert)[0]!);
        continue;
      }
      const scope = { labels: about, window: 15 * MINUTE, after: NOON };
      for (const query of [measure.level(scope), measure.samples?.(scope) ?? '1']) {
        queries.push(query);
        assert.ok(!('broken' in treeOf(query)), query);
        for (const [name] of query
          .replaceAll(/"(?:[^"\\]|\\.)*"/g, (text) => (text.includes('vector') ? '""' : text))
          .matchAll(/\bemail_\w+/g))
          assert.ok(known.has(name.replace(/_(bucket|count)$/, '')), `${name} in ${query}`);
        assert.ok(!query.includes('="unknown'), query);
      }
    }
  assert.deepEqual([...new Set(unmeasured)], ['volume_anomaly']);
  const rules = queries.map((expr, i) => ({ record: `m${i}`, expr }));
  const file = join(folder(t), 'rules.yml');
  writeFileSync(file, stringify({ groups: [{ name: 'measures', rules }] }));
  await bothPass('check', 'rules', '--lint=none', file);
});

// --- Prometheus --------------------------------------------------------------------------------------------------------

test('a Prometheus that hangs, is no Prometheus or refuses is told apart', async (t) => {
  const server = createServer((request, response) => {
    if (request.url === '/hang/api/v1/query') return;
    if (request.url === '/html/api/v1/query') response.end('<html>');
    else if (request.url === '/bad/api/v1/query') {
      response.statusCode = 400;
      response.end('{"status":"error","error":"parse error"}');
    } else if (request.headers.authorization !== 'Bearer secret') {
      response.statusCode = 401;
      response.end('no');
    } else
      response.end(
        '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1.5,"2"]},{"metric":{},"value":[1,"NaN"]}]}}',
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (path: string, authorization = '') =>
    new Prometheus({ url: url + path, authorization, timeout: path === '/hang' ? 50 : 5000 }).instant('up', NOON);
  assert.deepEqual(await ask('', 'Bearer secret'), [{ labels: { a: 'b' }, points: [{ at: 1500, value: 2 }] }]);
  await assert.rejects(ask('/hang'), /no answer within 50 ms/);
  await assert.rejects(ask('/html'), /no JSON/);
  await assert.rejects(ask('/bad'), /parse error/);
  await assert.rejects(ask('/refused'), Unanswered);
  await assert.rejects(
    new Prometheus({ url: 'http://127.0.0.1:9', authorization: '', timeout: 999 }).instant('up', 0),
    Unanswered,
  );
});

// --- The engine --------------------------------------------------------------------------------------------------------

interface Scene {
  shelf: TestShelf;
  mta: TestSystem;
  prometheus: TestPrometheus;
  clock: { now: number };
  settings: RemediationSettings;
  id: string;
  incident(): Incident;
  /** Everything that is due at a minute after noon. */
  at(minute: number): Promise<void>;
  change(change: (incident: Incident) => void): Promise<void>;
  lines: ReturnType<typeof engine>['lines'];
  said: ReturnType<typeof engine>['said'];
  called: string[];
}

const only = (name: string, own: Partial<Strategy> = {}) => ({ [name]: { remedy: remedy(name), ...own } });

function scene(
  strategies: Parameters<typeof settingsFor>[0],
  parts: Partial<RemediationSettings> = {},
  labels: Record<string, string> = BOUNCES,
): Scene {
  const shelf = new TestShelf();
  const mta = new TestSystem();
  const prometheus = new TestPrometheus();
  const clock = { now: NOON };
  const { actuators, strategies: _, ...rest } = parts;
  const settings = settingsFor(strategies, {
    prometheus,
    actuators: actuators ? Object.fromEntries(actuators) : { mta1: mta },
    ...rest,
  });
  const incident = anIncident(labels);
  shelf.put(incident);
  const { remediation, ...told } = engine(shelf, settings, clock);
  const { id } = incident;
  return {
    ...{ shelf, mta, prometheus, clock, settings, id, ...told },
    incident: () => shelf.get(id)!,
    async at(minute) {
      clock.now = NOON + minute * MINUTE;
      await remediation.tick();
    },
    change: (change) => shelf.change(id, change),
  };
}

const states = ({ remedies }: Incident) => remedies.flatMap(({ steps }) => steps.map(({ state }) => state));
const outcomes = ({ remedies }: Incident) => remedies.map(({ outcome }) => outcome);

test('a remedy that helps: chosen, done, judged, undone when the alert is resolved', async () => {
  const it = scene(only('pause-campaigns'));
  await it.at(0);
  const [chosen] = it.incident().remedies;
  assert.deepEqual(
    it.mta.heard.map(({ call }) => call),
    ['prepare', 'apply'],
  );
  assert.deepEqual(chosen!.before, { at: NOON, level: 0.2, samples: 1000 });
  assert.deepEqual(chosen!.steps[0]!.before, { was: 'as before' });
  assert.equal(it.incident().acted, NOON);
  await it.at(29);
  assert.deepEqual(it.incident().remedies[0]!.looks, []);
  Object.assign(it.prometheus, { level: 0.01 });
  await it.at(30);
  assert.deepEqual(outcomes(it.incident()), ['effective']);
  await it.at(90);
  assert.equal(it.mta.applied.size, 1, 'it stays as long as the alert');
  assert.equal(it.incident().escalated, undefined);
  await it.change((incident) => void Object.assign(incident, { resolved: it.clock.now }));
  await it.at(91);
  assert.equal(it.mta.applied.size, 0);
  assert.deepEqual(states(it.incident()), ['undone']);
  assert.deepEqual(it.called, ['mta1 prepare done', 'mta1 apply done', 'mta1 undo done']);
  const heard = it.mta.heard.length;
  await it.at(92);
  assert.equal(it.mta.heard.length, heard);
  for (const words of ['remedy chosen', 'order done', 'remedy judged', 'order undone'])
    assert.equal(it.said(words).length, 1, words);
  // Whose mail it is stands in the incident, not in the log.
  assert.ok(!JSON.stringify(it.lines).includes('news.example.com'));
});

test('a remedy that does not help: looked at twice, ineffective, undone, escalated', async () => {
  const it = scene(only('pause-campaigns'), {}, { ...BOUNCES, severity: 'high' });
  await it.at(0);
  await it.at(30);
  assert.deepEqual(outcomes(it.incident()), ['pending']);
  assert.equal(it.mta.applied.size, 1);
  await it.at(60);
  assert.deepEqual(outcomes(it.incident()), ['ineffective']);
  assert.equal(it.mta.applied.size, 0);
  assert.deepEqual(it.incident().escalated, { severity: 'critical', at: it.clock.now });
  assert.equal(it.said('incident escalated').length, 1);
  await it.at(200);
  assert.equal(it.incident().remedies.length, 1, 'what did not help is not tried again');
});

test('back-off halves the rate with each look that shows no improvement, and gives it back in turn', async () => {
  const labels = { ...BOUNCES, severity: 'high', provider: 'gmail' };
  const backOff: typeof remedies extends Map<string, infer R> ? R : never = {
    ...remedy('back-off'),
    issues: ['high_bounce_rate'],
  };
  const it = scene({ 'back-off': { remedy: backOff } }, { escalateAfter: 2 * HOUR }, labels);
  for (const minute of [0, 30, 60, 90]) await it.at(minute);
  const shares = it.mta.heard.flatMap(({ call, action }) =>
    call === 'apply' && action.verb === 'throttle' ? action.share : [],
  );
  assert.deepEqual(shares, [0.5, 0.25, 0.125, 0.0625]);
  const orders = it.incident().remedies[0]!.steps.map(({ order }) => order);
  assert.equal(new Set(orders).size, 4);
  await it.at(120);
  assert.deepEqual(outcomes(it.incident()), ['ineffective']);
  const undone = it.mta.heard.filter(({ call }) => call === 'undo').map(({ order }) => order);
  assert.deepEqual(undone, orders.toReversed());
});

test('three remedies at once for one alert, within the budget', async () => {
  const names = ['pause-campaigns', 'enhanced-validation', 'list-cleaning', 'pause-now'];
  const it = scene(Object.fromEntries(names.map((name) => [name, { remedy: remedy(name) }])));
  it.prometheus.instant = async (query, at) => {
    const yesterday = at < NOON - HOUR && query.startsWith('(sum(increase({__name__=~"email_bounced_total"');
    const found = await TestPrometheus.prototype.instant.call(it.prometheus, query, at);
    return yesterday ? [{ labels: {}, points: [{ at, value: 0.01 }] }] : found;
  };
  await it.change((incident) => void Object.assign(incident, { onset: NOON - 2 * HOUR }));
  await it.at(0);
  const chosen = it.incident().remedies.map(({ strategy }) => strategy);
  assert.deepEqual(chosen.sort(), ['enhanced-validation', 'list-cleaning', 'pause-campaigns']);
  assert.equal(it.mta.calls('apply'), 3);
});

for (const severity of ['medium', 'low', 'info'])
  test(`nothing is done about an alert of severity ${severity}`, async () => {
    const it = scene(only('pause-campaigns'), {}, { ...BOUNCES, severity });
    await it.at(0);
    assert.deepEqual(it.incident().remedies, []);
    assert.equal(it.mta.heard.length, 0);
  });

test('the alert of an escalation is not acted on in its turn', async () => {
  const it = scene(only('pause-campaigns'), {}, { ...BOUNCES, alertname: 'EmailRemediationIneffective' });
  await it.at(0);
  assert.deepEqual(it.incident().remedies, []);
});

// --- Modes -------------------------------------------------------------------------------------------------------------

test('a dry run goes through everything but the calls', async () => {
  const it = scene(only('pause-campaigns', { mode: 'dry-run' }), {}, { ...BOUNCES, severity: 'high' });
  await it.at(0);
  assert.equal(it.mta.heard.length, 0);
  assert.deepEqual(states(it.incident()), ['dry']);
  const [line] = it.said('this is what would be ordered');
  const { order, actuator, verb, reach } = line!;
  assert.deepEqual({ actuator, verb, reach }, { actuator: 'mta1', verb: 'pause', reach: 'sending_domain' });
  assert.equal(order, it.incident().remedies[0]!.steps[0]!.order);
  await it.at(30);
  await it.at(60);
  assert.deepEqual(outcomes(it.incident()), ['ineffective']);
  assert.equal(it.incident().escalated, undefined);
  assert.equal(it.incident().acted, undefined);
  await it.change((incident) => void Object.assign(incident, { resolved: it.clock.now }));
  await it.at(61);
  assert.deepEqual(it.called, []);
});

for (const [what, strategies, parts] of [
  ['off as a whole', only('pause-campaigns', { mode: 'off' }), { mode: 'off' }],
  ['no key at all', undefined, {}],
] as const)
  test(`nothing is asked and nothing is called: ${what}`, async () => {
    const it = scene(strategies ?? only('pause-campaigns'), parts);
    if (strategies === undefined) {
      const { remediation } = engine(it.shelf, undefined, it.clock);
      await remediation.tick();
      await remediation.wake(it.id);
    } else for (const minute of [0, 30, 60]) await it.at(minute);
    assert.equal(it.prometheus.asked, 0);
    assert.equal(it.mta.heard.length, 0);
    assert.equal(it.shelf.changes, 0);
  });

test('without a strategy only the onset is asked for', async () => {
  const it = scene(only('pause-campaigns', { mode: 'off' }));
  await it.at(0);
  assert.ok(it.prometheus.asked > 0 && it.prometheus.asked < 5);
  assert.equal(it.shelf.changes, 0);
});

test('a strategy that is switched off is undone', async () => {
  const it = scene(only('pause-campaigns'));
  await it.at(0);
  (it.settings.strategies.get('pause-campaigns') as Strategy).mode = 'dry-run';
  await it.at(1);
  assert.equal(it.mta.applied.size, 0);
  assert.deepEqual(outcomes(it.incident()), ['undecided']);
});

test('what is in force and cannot be undone for want of a configuration is told', async () => {
  const it = scene(only('pause-campaigns'));
  await it.at(0);
  const { lines } = engine(it.shelf, undefined, it.clock);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!.msg, /remedies are in force/);
});

// --- The kill switch ---------------------------------------------------------------------------------------------------

test('with the kill switch nothing new is done, and what was done is undone', async (t) => {
  const killSwitch = join(folder(t), 'stop');
  const it = scene(only('pause-campaigns'), { killSwitch });
  writeFileSync(killSwitch, '');
  await it.at(0);
  assert.equal(it.mta.heard.length, 0);
  assert.deepEqual(it.incident().remedies, []);
  rmSync(killSwitch);
  await it.at(2);
  assert.equal(it.mta.applied.size, 1);
  writeFileSync(killSwitch, '');
  await it.change((incident) => void Object.assign(incident, { resolved: it.clock.now }));
  await it.at(3);
  assert.equal(it.mta.applied.size, 0);
});

test('the kill switch is looked at before each call', async (t) => {
  const killSwitch = join(folder(t), 'stop');
  const it = scene(only('pause-campaigns'), { killSwitch });
  it.mta.after = (call) => {
    if (call === 'prepare') writeFileSync(killSwitch, '');
  };
  await it.at(0);
  assert.equal(it.mta.calls('apply'), 0);
  assert.deepEqual(outcomes(it.incident()), ['refused']);
  assert.ok(!states(it.incident()).includes('doing'));
});

// --- Systems that fail -------------------------------------------------------------------------------------------------

test('a system that hangs is cut off, tried three times with growing pauses, and told to undo it', async () => {
  const it = scene(only('pause-campaigns'), { callTimeout: 20 });
  it.mta.before = (call) => (call === 'apply' ? new Promise(() => {}) : undefined);
  const tried: number[] = [];
  for (let minute = 0; minute < 1; minute += 1 / 60) {
    const before = it.called.length;
    await it.at(minute);
    if (it.called.slice(before).includes('mta1 apply timeout')) tried.push(Math.round(minute * 60));
  }
  assert.deepEqual(tried, [0, 2, 6]);
  assert.deepEqual(outcomes(it.incident()), ['failed']);
  assert.deepEqual(states(it.incident()), ['undone']);
  assert.match(it.incident().remedies[0]!.steps[0]!.problem!, /did not end apply within 20 ms/);
  await it.at(61);
  assert.equal(it.incident().escalated?.severity, 'critical');
});

test('a system that refuses before anything is changed is not told to undo it', async () => {
  const it = scene(only('pause-campaigns'));
  it.mta.before = (call) => {
    if (call === 'prepare') throw new Error('no such pool; see its log');
  };
  for (const minute of [0, 1, 2, 3]) await it.at(minute);
  assert.deepEqual(outcomes(it.incident()), ['failed']);
  assert.deepEqual(states(it.incident()), ['failed']);
  assert.deepEqual(it.called, Array(3).fill('mta1 prepare failed'));
});

test('a system that fails once is asked again with the same order', async () => {
  const it = scene(only('pause-campaigns'));
  let failures = 1;
  it.mta.after = (call) => {
    if (call === 'apply' && failures-- > 0) throw new Error('connection lost');
  };
  await it.at(0);
  await it.at(1);
  const orders = it.mta.heard.filter(({ call }) => call === 'apply').map(({ order }) => order);
  assert.equal(orders.length, 2);
  assert.equal(new Set(orders).size, 1);
  assert.deepEqual(states(it.incident()), ['done']);
});

test('a system that lies is found out by what is measured', async () => {
  const it = scene(only('pause-campaigns'), {}, { ...BOUNCES, severity: 'high' });
  it.mta.apply = async () => {};
  for (const minute of [0, 30, 60]) await it.at(minute);
  assert.deepEqual(outcomes(it.incident()), ['ineffective']);
  assert.equal(it.incident().escalated?.severity, 'critical');
});

test('undoing is tried for a day with growing pauses, then told loudly and left to be seen', async () => {
  const it = scene(only('pause-campaigns'));
  await it.at(0);
  it.mta.before = (call) => {
    if (call === 'undo') throw new Error('connection refused');
  };
  await it.change((incident) => void Object.assign(incident, { resolved: it.clock.now }));
  for (let minute = 1; minute < 23 * 60; minute++) await it.at(minute);
  const calls = it.called.filter((call) => call === 'mta1 undo failed').length;
  assert.ok(calls > 20 && calls < 160, `${calls}`);
  assert.deepEqual(states(it.incident()), ['undoing']);
  for (let minute = 23 * 60; minute < 25 * 60; minute++) await it.at(minute);
  assert.deepEqual(states(it.incident()), ['undo_failed']);
  assert.equal(it.lines.filter(({ level }) => level === 50).length, 1);
});

test('a system is asked one thing at a time', async () => {
  const it = scene(only('pause-campaigns'), { reach: { ips: 1, campaigns: 1 } });
  for (const n of [1, 2, 3]) it.shelf.put(anIncident({ ...BOUNCES, sending_domain: `d${n}.example.com` }));
  let under = 0;
  it.mta.before = async () => {
    assert.equal(++under, 1);
    await new Promise((resolve) => setImmediate(resolve));
  };
  it.mta.after = () => void under--;
  await it.at(0);
  assert.equal(it.mta.calls('apply'), 4);
});

test('while Prometheus is silent nothing is chosen, and a look says nothing', async () => {
  const it = scene(only('pause-campaigns'));
  it.prometheus.down = true;
  await it.at(0);
  assert.equal(it.mta.heard.length, 0);
  it.prometheus.down = false;
  await it.at(1);
  assert.equal(it.mta.applied.size, 1);
  it.prometheus.down = true;
  for (let minute = 31; minute < 120; minute++) await it.at(minute);
  assert.deepEqual(outcomes(it.incident()), ['undecided']);
  assert.equal(it.mta.applied.size, 1, 'nobody knows that it does not help');
});

// --- Ends --------------------------------------------------------------------------------------------------------------

for (const [what, change, parts, undone] of [
  ['resolved', { resolved: NOON + 2 * MINUTE }, {}, true],
  ['resolved, and reverse is off', { resolved: NOON + 2 * MINUTE }, { reverse: false }, false],
  ['judged false', { verdict: { verdict: 'false_positive', at: NOON } }, { reverse: false }, true],
  ['judged true', { verdict: { verdict: 'true_positive', at: NOON } }, {}, false],
] as const)
  test(`${what}: what was done is ${undone ? '' : 'not '}undone, at the latest after a day`, async () => {
    const it = scene(only('pause-campaigns'), parts);
    await it.at(0);
    await it.change((incident) => void Object.assign(incident, change));
    await it.at(3);
    assert.equal(it.mta.applied.size, undone ? 0 : 1);
    it.prometheus.level = 0.01;
    await it.at(24 * 60);
    assert.equal(it.mta.applied.size, 0);
    assert.notEqual(outcomes(it.incident())[0], 'pending');
  });

test('resolved after there was enough to measure: as of that moment', async () => {
  const it = scene(only('pause-campaigns'));
  await it.at(0);
  it.prometheus.level = 0.01;
  await it.change((incident) => void Object.assign(incident, { resolved: NOON + 25 * MINUTE }));
  await it.at(27);
  assert.deepEqual(outcomes(it.incident()), ['effective']);
  assert.deepEqual(it.incident().remedies[0]!.looks, [{ at: NOON + 25 * MINUTE, level: 0.01, samples: 1000 }]);
});

test('resolved while its order waits: it is not done any more', async () => {
  const it = scene(only('pause-campaigns'));
  it.mta.after = async (call) => {
    if (call === 'prepare') await it.change((incident) => void Object.assign(incident, { resolved: NOON }));
  };
  await it.at(0);
  await it.at(1);
  assert.equal(it.mta.applied.size, 0);
  assert.deepEqual(outcomes(it.incident()), ['undecided']);
});

test('resolved while others are served: its turn passes', async () => {
  const it = scene(only('pause-campaigns'));
  const other = anIncident({ ...BOUNCES, sending_domain: 'shop.example.com' });
  it.shelf.put(other);
  it.mta.before = async (call) => {
    if (call !== 'prepare') return;
    // Long enough for the other one to have been chosen for.
    for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve));
    await it.shelf.change(other.id, (incident) => void Object.assign(incident, { resolved: NOON }));
  };
  await it.at(0);
  assert.equal(it.mta.calls('apply'), 1);
  assert.equal(it.mta.applied.size, 1);
  assert.ok(!states(it.shelf.get(other.id)!).includes('done'));
});

test('what is done once is not done again for a new occurrence of the alert within the hour', async () => {
  const it = scene(only('pause-campaigns'));
  await it.at(0);
  await it.change((incident) => void Object.assign(incident, { resolved: NOON + MINUTE }));
  await it.at(1);
  const again = anIncident(BOUNCES, { startsAt: NOON + 5 * MINUTE, heard: NOON + 5 * MINUTE });
  it.shelf.put(again);
  await it.at(5);
  assert.equal(it.mta.calls('apply'), 1);
  assert.deepEqual(outcomes(it.shelf.get(again.id)!), ['refused']);
  await it.at(70);
  assert.equal(it.mta.calls('apply'), 2);
});
