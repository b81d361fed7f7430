/**
 * Thresholds are series: no two for the same, the same defaults in the file and beside the alerts, an override of each holds for what it
 * names and for nothing else, and switching one off silences what it is the threshold of. On both Prometheus versions.
 */
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import test from 'node:test';
import { parse, stringify } from 'yaml';
import { check, type SyntaxNode, selectorOf, treeOf } from './promql.ts';
import { bothPass, type Case, fired, type TestFile } from './promtool.ts';
import { groupsOf, type Rule, seconds } from './rule-files.ts';
import { OVERRIDES } from './rule-lints.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const list = (pattern: string): string[] => globSync(pattern, { cwd: ROOT }).sort();
const rulesOf = (text: string): Rule[] => groupsOf(text).flatMap((group) => group.rules);
const rules = list('rules/*.yml').flatMap((file) => rulesOf(read(file)));

/** What a threshold is for: two series that agree in this are in each other's way, whatever other labels they carry. */
function aim({ record, labels = {} }: Rule): string {
  return [record, ...['severity', ...OVERRIDES].map((label) => `${label}=${labels[label] ?? ''}`)].join(' ');
}

function duplicates(of: readonly Rule[]): string[] {
  const seen = new Set<string>();
  return of
    .filter(({ record }) => record?.startsWith('email_threshold:'))
    .map(aim)
    .filter((one) => seen.size === seen.add(one).size);
}

test('no two thresholds are for the same', () => {
  assert.deepEqual(duplicates(rules), []);
  for (const file of [...list('rules/tests/overrides*.yml'), ...list('rules/examples/*.yml')].filter(
    (f) => !f.endsWith('.test.yml'),
  ))
    assert.deepEqual(duplicates([...rules, ...rulesOf(read(file))]), [], file);
  const overrides = rulesOf(read('rules/tests/overrides.yml'));
  const again = {
    record: 'email_threshold:bounce_ratio',
    expr: 'vector(1)',
    labels: { severity: 'high', team: 'shop', sending_domain: 'promo.example.com' },
  };
  assert.deepEqual(duplicates([...rules, ...overrides, again]), [aim(again)]);
  for (const label of OVERRIDES) {
    const one = (value: string) => ({
      record: 'email_threshold:anomaly_sigma',
      expr: 'vector(1)',
      labels: { [label]: value },
    });
    assert.deepEqual(duplicates([...rules, one('a'), one('b')]), []);
    assert.deepEqual(duplicates([...rules, one('a'), one('b'), one('a')]), [aim(one('a'))]);
  }
  const shippedAgain = { record: 'email_threshold:delivery_seconds_min_samples', expr: 'vector(1)' };
  assert.equal(duplicates([...rules, shippedAgain]).length, 1);
});

interface Default {
  /** Name and severity. */
  key: string;
  /** min, where of two series for the same the lower counts; max, where less is worse. */
  pick: string;
  /** Labels that a default must not have, for with one of them it is an override. */
  unlabelled: string[];
  value: number;
}

/** `min(email_threshold:x{severity="high", sending_domain=""}) or vector(0.05)`, in rules and in the templates of alerts. */
function defaultsIn(text: string): Default[] {
  const fallback = /\b(min|max)\((email_threshold:\w+)(?:\{([^}]*)\})?\)\s+or\s+vector\(([^)]*)\)/g;
  return [...text.matchAll(fallback)].map(([, pick, name, matchers = '', value]) => ({
    key: `${name} ${/severity=["'](\w+)/.exec(matchers)?.[1] ?? ''}`,
    pick: pick!,
    unlabelled: [...matchers.matchAll(/(\w+)=""/g)].map(([, label]) => label!).sort(),
    value: Number(value),
  }));
}

test('the defaults beside the alerts are those of thresholds.yml, and every threshold has one', () => {
  const inFile = rulesOf(read('rules/thresholds.yml')).map(({ record, expr, labels }) => [
    `${record} ${labels?.severity ?? ''}`,
    Number(/^vector\((.*)\)$/.exec(expr)![1]),
  ]);
  const beside = rules.flatMap(({ expr, annotations = {} }) =>
    [expr, ...Object.values(annotations)].flatMap(defaultsIn),
  );
  const sorted = (pairs: unknown[]) => [...new Set(pairs.map((pair) => JSON.stringify(pair)))].sort();
  assert.deepEqual(sorted(beside.map(({ key, value }) => [key, value])), sorted(inFile));
  // As many as there are names: one name is not read upwards here and downwards there.
  const picks = new Set(beside.map(({ key, pick }) => `${key.split(' ')[0]} ${pick}`));
  assert.equal(
    picks.size,
    new Set(inFile.map(([key]) => String(key).split(' ')[0])).size,
    [...picks].sort().join(', '),
  );
});

/** A threshold as it holds for one label's values: its overrides, else the default. */
interface Resolved {
  record: string;
  severity: string;
  threshold: string;
  /** What overrides name. */
  by: string[];
  /** A series whose presence tells what there is. */
  base: string;
  default: Default;
  rule: Rule;
}

const resolutions: Resolved[] = rules.flatMap((rule) => {
  if (rule.record === undefined) return [];
  const pattern =
    /(min|max) by \(([\w, ]+)\) \((email_threshold:\w+)\{[^}]*(\w+)!=""\}\)\s*or on \(\2\)\s*group by \(\2\) \(([^)]*)\)/;
  const [, pick, by, threshold, , base] = pattern.exec(rule.expr) ?? [];
  if (threshold === undefined) return [];
  const fallback = defaultsIn(rule.expr)[0]!;
  assert.equal(fallback.pick, pick, `${rule.record}: overrides and the default are not picked alike`);
  assert.ok(fallback.key.startsWith(`${threshold} `), `${rule.record} falls back to ${fallback.key}`);
  const severity = fallback.key.split(' ')[1]!;
  return [{ record: rule.record, severity, threshold, by: by!.split(', '), base: base!, default: fallback, rule }];
});

/** Their rules alone, each under a name of its own, beside the shipped numbers. */
test('an override of every threshold holds for what it names, and for nothing else', async (t) => {
  const everybody = new Set(
    rules
      .flatMap(({ expr }) => defaultsIn(expr))
      .filter(({ unlabelled }) => unlabelled.length > 0)
      .map(({ key }) => key),
  );
  assert.deepEqual([...new Set(resolutions.map((one) => one.default.key))].sort(), [...everybody].sort());
  const dir = mkdtempSync(join(tmpdir(), 'overrides-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const alone = resolutions.map((one, i) => ({ ...one.rule, record: recordOf(i), labels: {} }));
  const parts = resolutions.map(overridesOf);
  const series = new Map(parts.flatMap(({ input }) => input).map((one) => [one, { series: one, values: '1 1' }]));
  const one: Case = {
    name: 'overrides of every threshold',
    interval: '1m',
    input_series: [...series.values(), ...parts.flatMap(({ overrides }) => overrides)],
    promql_expr_test: parts.map(({ expected }, i) => ({ expr: recordOf(i), eval_time: '1m', exp_samples: expected })),
  };
  const write = (name: string, content: unknown) => writeFileSync(join(dir, name), stringify(content));
  write('resolved.yml', { groups: [{ name: 'resolved', rules: alone }] });
  writeFileSync(join(dir, 'thresholds.yml'), read('rules/thresholds.yml'));
  const order = { group_eval_order: ['email_thresholds', 'resolved'], evaluation_interval: '1m' };
  write('overrides.test.yml', { rule_files: ['thresholds.yml', 'resolved.yml'], ...order, tests: [one] });
  await bothPass('test', 'rules', join(dir, 'overrides.test.yml'));
  t.diagnostic(`${resolutions.length} thresholds with overrides`);
});

const recordOf = (i: number): string => `resolved:threshold:number${i}`;

/** One without an override, one with its own number, one switched off, one with two numbers, of which the stricter counts. */
function overridesOf({ severity, threshold, by, base, default: fallback, rule }: Resolved, i: number) {
  const labels = (value: string) =>
    by.map((label) => `${label}="${label === 'issue_type' ? 'high_bounce_rate' : value}"`);
  const own = (target: string, value: string, more = '') => ({
    series: `${threshold}{${[...labels(target), ...(severity && [`severity="${severity}"`]), ...(more && [more])]}}`,
    values: `${value} ${value}`,
  });
  const less = fallback.pick === 'max';
  const numbers = { plain: fallback.value, own: 12345, off: less ? -Infinity : Infinity, two: less ? 7 : 3 };
  // The rule may take its number times another series, of the same labels: with 1 there, the result is the number itself.
  const others = check(rule.expr, () => new Set(by)).metrics.filter(
    (metric) => metric !== base && metric !== threshold,
  );
  return {
    input: [base, ...others].flatMap((metric) => Object.keys(numbers).map((target) => `${metric}{${labels(target)}}`)),
    overrides: [own('own', '12345'), own('off', less ? '-Inf' : 'Inf'), own('two', '3'), own('two', '7', 'team="b"')],
    expected: Object.entries(numbers).map(([target, value]) => ({
      labels: `${recordOf(i)}{${labels(target)}}`,
      value,
    })),
  };
}

// --- Switched off ------------------------------------------------------------------------------------------------------

/** What an expression comes to when a threshold has the number that switches it off: that number, nothing, or whatever it was. */
type Effect = 'off' | 'nothing' | 'as before';

/** Values that were asked for; the issue type also of what is read on the way. */
interface Asked {
  severity?: string | undefined;
  issue_type: string | undefined;
}

function effect(off: Resolved, expr: string, about: Asked, known: Map<string, Effect>): Effect {
  const own = off.rule.labels?.severity;
  const recorded = (name: string, asked: Asked): Effect => {
    const { severity } = asked;
    if (name === off.record) return own === severity ? 'off' : 'as before';
    // Rules of one name are told apart by their labels.
    const made = rules.filter(
      ({ record, labels = {} }) =>
        record === name &&
        (severity ?? labels.severity) === labels.severity &&
        (labels.issue_type ?? asked.issue_type) === (asked.issue_type ?? labels.issue_type),
    );
    const key = `${name} ${severity} ${asked.issue_type}`;
    const settled = known.get(key);
    if (settled) return settled;
    // One that reads itself goes on as it was.
    known.set(key, 'as before');
    const effects = new Set(made.map((rule) => effect(off, rule.expr, { issue_type: asked.issue_type }, known)));
    const all = effects.size === 1 ? [...effects][0]! : 'as before';
    known.set(key, all);
    return all;
  };
  const of = (node: SyntaxNode): Effect => {
    if (node.name === 'VectorSelector') {
      const { name = '', matchers } = selectorOf(node, expr);
      const matched = (wanted: string) => matchers.find(({ label, op }) => label === wanted && op === '=')?.value;
      return recorded(name, { severity: matched('severity'), issue_type: matched('issue_type') ?? about.issue_type });
    }
    const sides = (node.getChild('FunctionCallBody') ?? node).getChildren('Expr').map(of);
    if (node.name === 'BinaryExpr' && node.getChild('Or')) return sides[0] === sides[1] ? sides[0]! : 'as before';
    if (node.name === 'BinaryExpr' && node.getChild('Unless')) return sides[0]!;
    if (node.name === 'BinaryExpr' && node.getChild('And')) return sides.includes('nothing') ? 'nothing' : sides[0]!;
    if (sides.includes('nothing')) return 'nothing';
    if (!sides.includes('off')) return 'as before';
    if (!['Eql', 'Neq', 'Gtr', 'Gte', 'Lss', 'Lte'].some((name) => node.getChild(name))) return 'off';
    return node.getChild('BoolModifier') ? 'as before' : 'nothing';
  };
  const tree = treeOf(expr);
  return 'top' in tree ? of(tree.top) : 'as before';
}

/** Thresholds that silence nothing alone: the alert has other ways to see the same, or weighs more than this one. */
const ONE_OF_SEVERAL: readonly (readonly [why: string, ...names: string[]])[] = [
  [
    'the last minute, beside the last 15 and an hour',
    'domain:email_threshold:bounce_ratio_min_samples_fast',
    'domain:email_threshold:complaint_ratio_min_samples_fast',
    'domain:email_threshold:complaint_ratio_min_events_fast',
  ],
  [
    'three hours and a day, beside shorter windows; and the other way round',
    'domain:email_threshold:bounce_ratio_min_events_spread',
    'domain:email_threshold:complaint_ratio_min_events_spread',
    'domain:email_threshold:auth_failure_ratio_min_events_spread',
    'domain:email_threshold:content_ratio_min_events_spread',
    'domain:email_threshold:complaint_ratio_min_events',
    'domain:email_threshold:auth_failure_ratio_min_events',
    'domain:email_threshold:content_ratio_min_events',
  ],
  [
    'against the day, beside against the week',
    'domain:email_threshold:dynamic_factor critical',
    'domain:email_threshold:dynamic_factor high',
    'domain:email_threshold:dynamic_spread',
    'domain:email_threshold:anomaly_share critical',
    'domain:email_threshold:anomaly_share high',
  ],
  [
    'too much, beside too little',
    'domain:email_threshold:volume_spike_factor',
    'ip:email_threshold:warmup_ahead_factor',
    'ip:email_threshold:warmup_behind_factor',
  ],
  ['a busy hour that is missing, beside three days', 'source:email_threshold:source_silent_busy_events'],
];

const NOTHING_ASKED: Asked = { issue_type: undefined };

interface Silenced {
  off: Resolved;
  file: string;
  of: TestFile;
  one: Case;
  labels: Record<string, string>;
  at: string;
  steps: number;
}

/** For each threshold, the shortest case in which an alert fires that is to be silent without it. */
function silenced(): Map<Resolved, Silenced> {
  const found = new Map<Resolved, Silenced>();
  const firing = list('rules/tests/*.test.yml').flatMap((file) => {
    const of = parse(read(file)) as TestFile;
    return of.tests
      .filter(({ name }) => / fires:/.test(name))
      .flatMap((one) =>
        fired(one).map((how) => ({ file, of, one, ...how, steps: seconds(how.at) / seconds(of.evaluation_interval) })),
      );
  });
  firing.sort((a, b) => a.steps - b.steps);
  for (const off of resolutions) {
    const known = new Map<string, Effect>();
    const alerts = rules.filter(
      ({ alert, expr }) => alert !== undefined && effect(off, expr, NOTHING_ASKED, known) === 'nothing',
    );
    const shortest = firing.find(
      ({ labels, one }) =>
        off.by.every((label) => label in labels) &&
        !(one.input_series ?? []).some(({ series }) => series.startsWith(`${off.record}{`)) &&
        alerts.some(({ alert, labels: own }) => alert === labels.alertname && own?.severity === labels.severity),
    );
    if (shortest) found.set(off, { off, ...shortest });
  }
  return found;
}

const cases = silenced();

test('every threshold that can be overridden silences an alert when it is switched off', () => {
  const without = resolutions
    .filter((one) => !cases.has(one))
    .map(({ record, severity }) => `${record} ${severity}`.trim());
  assert.deepEqual(without.sort(), ONE_OF_SEVERAL.flatMap(([, ...names]) => names).sort());
});

for (const [file, all] of Map.groupBy(cases.values(), ({ file }) => file)) {
  test(`switched off, thresholds silence the alerts of ${file}`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'off-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const { rule_files, ...of } = all[0]!.of;
    const paths = rule_files.map((path) => resolve(ROOT, dirname(file), path));
    writeFileSync(join(dir, 'off.test.yml'), stringify({ ...of, rule_files: paths, tests: all.map(withoutIt) }));
    await bothPass('test', 'rules', join(dir, 'off.test.yml'));
  });
}

/** The case with an override that switches the threshold off, at the moment at which the alert would fire. */
function withoutIt({ off, one, labels, at }: Silenced): Case {
  const value = off.default.pick === 'max' ? '-Inf' : 'Inf';
  const severity = off.severity && `severity="${off.severity}"`;
  const named = off.by.map((label) => `${label}="${labels[label]}"`);
  const steps = Math.ceil(seconds(at) / seconds(one.interval!)) + 1;
  const series = `${off.threshold}{${[...named, severity].filter((text) => text !== '').join(',')}}`;
  const alert = [`alertname="${labels.alertname}"`, `severity="${labels.severity}"`, 'alertstate="firing"', ...named];
  return {
    name: `${series}: ${one.name}`,
    interval: one.interval!,
    input_series: [...(one.input_series ?? []), { series, values: Array(steps).fill(value).join(' ') }],
    promql_expr_test: [{ expr: `count_over_time(ALERTS{${alert}}[${at}])`, eval_time: at, exp_samples: [] }],
  };
}
