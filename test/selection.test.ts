/** Which strategies are chosen for a case: scores, history, budget, conflicts, cool-down, and how much may be touched at once. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Action, Incident, Reach, RemedyOutcome } from '../src/incident.ts';
import { limited } from '../src/reach.ts';
import type { Remedy } from '../src/remedy.ts';
import { overlaps, resourceOf } from '../src/resource.ts';
import { type Candidate, COSTS, historyOf, type Limits, scored, select } from '../src/selection.ts';
import { aCase, anIncident, aRemedied, BOUNCES, HOUR, MINUTE, NOON } from './remediation-parts.ts';

const LIMITS: Limits = { budget: 10, atMost: 3, coolDown: HOUR, reach: { ips: 0.34, campaigns: 0.5 } };

function candidate(name: string, remedy: Partial<Remedy> = {}, more: Partial<Candidate> = {}): Candidate {
  return {
    name,
    mode: 'enforce',
    cannot: () => '',
    ...more,
    remedy: {
      about: 'A test.',
      when: 'always',
      issues: ['high_bounce_rate'],
      effectiveness: 0.8,
      cost: 'low',
      effectIn: 300,
      conflicts: [],
      unfit: () => '',
      predict: () => ({ chance: 0.5, because: 'a test' }),
      actions: (it) => [{ verb: 'clean', reach: resourceOf(it.incident.labels) }],
      ...remedy,
    },
  };
}

const chosen = (candidates: Candidate[], all: Incident[] = [], limits: Partial<Limits> = {}, it = aCase(BOUNCES)) =>
  select(it, candidates, all, { ...LIMITS, ...limits }, NOON);
const names = (some: readonly { candidate: Candidate }[]) => some.map(({ candidate }) => candidate.name);

const past = (outcomes: readonly RemedyOutcome[], more: Partial<Incident> = {}): Incident[] =>
  outcomes.map((outcome) =>
    anIncident(BOUNCES, { remedies: [aRemedied('a', { outcome, at: NOON - 100 * HOUR })], resolved: NOON, ...more }),
  );

// --- Scores ------------------------------------------------------------------------------------------------------------

test('the score is 0.4 × given + 0.3 × history + 0.3 × prediction, and says so', () => {
  const { score, because } = scored(candidate('a'), aCase(BOUNCES), past(['effective', 'ineffective', 'ineffective']));
  // (0.8 × 5 + 1) / (5 + 3) = 0.625
  assert.equal(Math.round(score * 1e6) / 1e6, 0.6575);
  assert.match(because, /given 80 %, history 62\.5 % \(helped in 1 of 3 cases\), predicted 50 % \(a test\): 65\.8 %/);
  assert.match(scored(candidate('a'), aCase(BOUNCES), []).because, /never judged before/);
});

for (const [what, all, judged] of [
  ['effective and ineffective', past(['effective', 'ineffective']), 2],
  ['not what was not decided', past(['pending', 'undecided', 'failed', 'refused']), 0],
  ['not a false alarm', past(['effective'], { verdict: { verdict: 'false_positive', at: NOON } }), 0],
  ['a true alarm', past(['effective'], { verdict: { verdict: 'true_positive', at: NOON } }), 1],
  ['not another issue', past(['effective'], { labels: { issue_type: 'spam_trap_hit' } }), 0],
  ['not another strategy', [anIncident(BOUNCES, { remedies: [aRemedied('b', { outcome: 'effective' })] })], 0],
  [
    'not a dry run',
    [anIncident(BOUNCES, { remedies: [aRemedied('a', { outcome: 'effective', mode: 'dry-run' })] })],
    0,
  ],
] as const)
  test(`history counts: ${what}`, () => {
    const history = historyOf('a', 'high_bounce_rate', 0.8, all);
    assert.equal(history.judged, judged);
    if (judged === 0) assert.equal(history.mean, 0.8);
  });

test('history moves from what is given to what was seen, and never leaves 0 to 1', () => {
  const outcomes = fc.array(fc.constantFrom<RemedyOutcome[]>('effective', 'ineffective'), { maxLength: 60 });
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 0.99, noNaN: true }), outcomes, (given, seen) => {
      const { mean } = historyOf('a', 'high_bounce_rate', given, past(seen));
      assert.ok(mean > 0 && mean < 1);
      const better = historyOf('a', 'high_bounce_rate', given, past([...seen, 'effective'])).mean;
      const worse = historyOf('a', 'high_bounce_rate', given, past([...seen, 'ineffective'])).mean;
      assert.ok(worse < mean && mean < better);
    }),
  );
});

test('history turns the order round', () => {
  const two = [candidate('a', { effectiveness: 0.85 }), candidate('b', { effectiveness: 0.8 })];
  assert.deepEqual(names(chosen(two).chosen), ['a', 'b']);
  assert.deepEqual(names(chosen(two, past(Array(5).fill('ineffective'))).chosen), ['b', 'a']);
});

// --- Budget, number, conflicts -----------------------------------------------------------------------------------------

const four = [
  candidate('a', { effectiveness: 0.9, cost: 'high' }),
  candidate('b', { effectiveness: 0.8, cost: 'high' }),
  candidate('c', { effectiveness: 0.7, cost: 'medium' }),
  candidate('d', { effectiveness: 0.6, cost: 'low' }),
];

for (const [what, candidates, limits, expected] of [
  ['best first while the budget lasts', four, {}, ['a', 'b']],
  ['a cheaper one where the next is too dear', four, { budget: 9 }, ['a', 'c', 'd']],
  ['no more than are allowed', four, { budget: 100 }, ['a', 'b', 'c']],
  ['no more than one', four, { atMost: 1 }, ['a']],
  ['not two that conflict', [candidate('a', { effectiveness: 0.9 }), candidate('b', { conflicts: ['a'] })], {}, ['a']],
  ['whoever names the other', [candidate('a', { effectiveness: 0.9, conflicts: ['b'] }), candidate('b')], {}, ['a']],
  ['not what is for other issues', [candidate('a', { issues: ['spam_trap_hit'] })], {}, []],
  ['not what is unfit', [candidate('a', { unfit: () => 'it is Tuesday' })], {}, []],
  ['not what no system can do', [candidate('a', {}, { cannot: () => 'mta1: it cannot' }), candidate('b')], {}, ['b']],
  [
    'a dry run takes nobody’s place',
    [candidate('a', { effectiveness: 0.9, conflicts: ['b'] }, { mode: 'dry-run' }), candidate('b')],
    {},
    ['b'],
  ],
] as const)
  test(`chosen: ${what}`, () => {
    assert.deepEqual(names(chosen([...candidates], [], limits).chosen), [...expected]);
  });

test('budget, number and conflicts hold whatever there is', () => {
  const letters = ['a', 'b', 'c', 'd', 'e', 'f'];
  const some = fc.array(
    fc.record({
      effectiveness: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
      cost: fc.constantFrom(...(Object.keys(COSTS) as Remedy['cost'][])),
      conflicts: fc.subarray(letters),
    }),
    { maxLength: letters.length },
  );
  fc.assert(
    fc.property(some, fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 4 }), (remedies, budget, atMost) => {
      const candidates = remedies.map((remedy, i) => candidate(letters[i]!, remedy));
      const result = chosen(candidates, [], { budget, atMost });
      const picked = result.chosen.map(({ candidate }) => candidate);
      assert.ok(picked.length <= atMost);
      assert.ok(picked.reduce((sum, { remedy }) => sum + COSTS[remedy.cost], 0) <= budget);
      for (const one of picked)
        for (const other of picked) if (one !== other) assert.ok(!one.remedy.conflicts.includes(other.name));
      assert.equal(picked.length + result.refused.length + result.passedOver.length, candidates.length);
    }),
  );
});

// --- What stands, and what has just been -------------------------------------------------------------------------------

const standingOn = (strategy: string, labels: Record<string, string>, more: Partial<Incident> = {}, reach?: Reach) => {
  const step = { order: 'x', actuator: 'mta1', state: 'done' as const, tries: 1 };
  const action: Action = { verb: 'pause', reach: reach ?? resourceOf(labels) };
  return anIncident(labels, {
    remedies: [aRemedied(strategy, { at: NOON - 3 * HOUR, steps: [{ ...step, action }] })],
    ...more,
  });
};

for (const [what, all, refused] of [
  ['the same strategy in force for the domain', [standingOn('a', BOUNCES)], 'a is in force for the same resource'],
  ['for one of its addresses', [standingOn('a', { ...BOUNCES, sending_ip: '192.0.2.10' })], 'a is in force'],
  ['one that conflicts with it', [standingOn('c', BOUNCES)], 'c is in force'],
  ['another one', [standingOn('b', BOUNCES)], ''],
  ['for another domain', [standingOn('a', { ...BOUNCES, sending_domain: 'shop.example.com' })], ''],
  [
    'tried half an hour ago and undone',
    [
      anIncident(BOUNCES, {
        remedies: [aRemedied('a', { at: NOON - 30 * MINUTE, outcome: 'ineffective' })],
        resolved: NOON,
      }),
    ],
    '30 minutes ago, and cools down',
  ],
  ['refused half an hour ago', [anIncident(BOUNCES, { remedies: [aRemedied('a', { outcome: 'refused' })] })], ''],
  [
    'tried long ago',
    [anIncident(BOUNCES, { remedies: [aRemedied('a', { at: NOON - 2 * HOUR, outcome: 'effective' })] })],
    '',
  ],
  ['looked at in a dry run', [anIncident(BOUNCES, { remedies: [aRemedied('a', { mode: 'dry-run' })] })], ''],
] as const)
  test(`through another incident: ${what}`, () => {
    const a = candidate('a', { conflicts: ['c'] });
    const result = chosen([a], [...all]);
    assert.deepEqual(names(result.chosen), refused === '' ? ['a'] : []);
    if (refused !== '') assert.ok(result.refused[0]?.because.includes(refused), result.refused[0]?.because);
  });

// --- Reach -------------------------------------------------------------------------------------------------------------

const IPS = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5', '192.0.2.6'].map((ip) => ({
  ip,
  sent: 9,
}));
const CAMPAIGNS = ['spring', 'digest', 'news', 'other'].map((campaign) => ({
  campaign,
  delivered: 9,
  bounced: 1,
  complaints: 0,
}));
const domain = { sending_domain: 'news.example.com' };
const pause = (reach: Reach): Action => ({ verb: 'pause', reach });
const halve = (reach: Reach): Action => ({ verb: 'throttle', share: 0.5, reach });
const ip = (n: number) => ({ ...domain, sending_ip: `192.0.2.${n}` });
const campaign = (name: string) => ({ ...domain, campaign: name });

for (const [what, ips, campaigns, others, wanted, expected] of [
  [
    'two of four campaigns',
    IPS,
    CAMPAIGNS,
    [],
    ['spring', 'digest', 'news'].map((c) => pause(campaign(c))),
    ['spring', 'digest'].map((c) => pause(campaign(c))),
  ],
  ['the only campaign', IPS, CAMPAIGNS.slice(0, 1), [], [pause(campaign('spring'))], [pause(campaign('spring'))]],
  ['a third of the addresses instead of the domain', IPS, [], [], [halve(domain)], [halve(ip(1)), halve(ip(2))]],
  ['the only address', IPS.slice(0, 1), [], [], [halve(domain)], [halve(domain)]],
  ['nobody knows of any address', [], [], [], [pause(domain)], [pause(domain)]],
  [
    'campaigns before addresses where all is to be paused',
    IPS,
    CAMPAIGNS,
    [],
    [pause(domain)],
    [pause(campaign('spring')), pause(campaign('digest'))],
  ],
  ['what is touched already counts', IPS, [], [pause(ip(1))], [halve(domain)], [halve(ip(2))]],
  [
    'as often as it is touched again',
    IPS,
    [],
    [pause(ip(1)), pause(ip(2))],
    [halve(ip(2)), halve(ip(3))],
    [halve(ip(2))],
  ],
  ['nothing where all is touched', IPS, [], [halve(domain)], [pause(ip(1))], []],
  [
    'another domain is another matter',
    IPS,
    [],
    [halve({ sending_domain: 'shop.example.com' })],
    [pause(ip(1))],
    [pause(ip(1))],
  ],
  [
    'slowing down towards one provider',
    IPS,
    [],
    [],
    [halve({ ...domain, provider: 'gmail' })],
    [halve({ ...domain, provider: 'gmail' })],
  ],
  [
    'what does not move mail',
    IPS,
    CAMPAIGNS,
    [halve(domain)],
    [{ verb: 'clean', reach: domain }],
    [{ verb: 'clean', reach: domain }],
  ],
] as [string, typeof IPS, typeof CAMPAIGNS, Action[], Action[], Action[]][])
  test(`reach: ${what}`, () => {
    const it = aCase(BOUNCES, { ips, campaigns });
    const before = standingFor(others);
    assert.deepEqual(limited(wanted, it, before, LIMITS.reach).actions, expected);
    assert.equal(
      limited(wanted, it, before, LIMITS.reach).left !== '',
      expected.length === 0 || expected.length < wanted.length,
    );
  });

function standingFor(actions: readonly Action[]) {
  const steps = actions.map((action) => ({ order: '', actuator: 'mta1', action, state: 'done' as const, tries: 1 }));
  return [{ incident: anIncident(BOUNCES), remedied: aRemedied('x', { steps }) }];
}

test('no order of incidents touches more than the share, and one is always allowed', () => {
  const reaches = fc.oneof(
    fc.constant<Reach>(domain),
    fc.integer({ min: 1, max: 6 }).map(ip),
    fc.constantFrom(...CAMPAIGNS.map((one) => one.campaign)).map(campaign),
  );
  const wishes = fc.array(fc.tuple(fc.boolean(), reaches), { minLength: 1, maxLength: 12 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(wishes, share, share, (list, ips, campaigns) => {
      const it = aCase(BOUNCES, { ips: IPS, campaigns: CAMPAIGNS });
      const done: Action[] = [];
      for (const [paused, reach] of list)
        done.push(
          ...limited([paused ? pause(reach) : halve(reach)], it, standingFor(done), { ips, campaigns }).actions,
        );
      assert.ok(done.length > 0);
      const wide = (part: 'sending_ip' | 'campaign', all: number) =>
        done.some(({ reach }) => !reach.sending_ip && !reach.campaign)
          ? all
          : new Set(done.flatMap(({ reach }) => reach[part] ?? [])).size;
      // A pause of all campaigns leaves from all addresses; it is the campaigns that are counted then.
      const named = done.every(({ reach }) => reach.sending_ip || reach.campaign);
      if (named) {
        assert.ok(wide('sending_ip', 6) <= Math.max(1, Math.floor(ips * 6 + 1e-9)));
        assert.ok(wide('campaign', 4) <= Math.max(1, Math.floor(campaigns * 4 + 1e-9)));
      } else assert.ok(Math.floor(ips * 6 + 1e-9) === 6 || Math.floor(campaigns * 4 + 1e-9) === 4);
    }),
  );
});

// --- Resources ---------------------------------------------------------------------------------------------------------

for (const [labels, reach] of [
  [{ sending_domain: 'news.example.com', source: 'unknown' }, { sending_domain: 'news.example.com' }],
  [{ sending_domain: 'unknown', source: 'mta1', campaign: '__other__' }, { source: 'mta1' }],
  [
    { provider: 'gmail', sending_domain: 'a.example.com' },
    { provider: 'gmail', sending_domain: 'a.example.com' },
  ],
  [{ provider: 'other', sending_domain: 'a.example.com' }, { sending_domain: 'a.example.com' }],
  [{ target: '192.0.2.1', list: 'a' }, { sending_ip: '192.0.2.1' }],
  [{ target: '2001:db8::1' }, { sending_ip: '2001:db8::1' }],
  [{ target: 'news.example.com' }, { sending_domain: 'news.example.com' }],
  [{ alertname: 'Any' }, {}],
] as const)
  test(`the mail of ${JSON.stringify(labels)}`, () => assert.deepEqual(resourceOf({ ...labels }), reach));

test('two resources overlap unless a part differs', () => {
  assert.ok(overlaps(domain, ip(1)) && overlaps(ip(1), campaign('spring')) && overlaps({}, domain));
  assert.ok(!overlaps(ip(1), ip(2)) && !overlaps(domain, { sending_domain: 'shop.example.com' }));
});
