/**
 * The shipped rules on the oldest and the newest Prometheus we claim: valid, tested case by case, complete. promtool runs the cases
 * in rules/tests/; what promtool cannot see is checked here (coverage, thresholds, runbooks, links).
 */
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { parse } from 'yaml';
import { check } from './promql.ts';
import { bothPass, type Case, fired, type TestFile } from './promtool.ts';
import { groupsOf, ISSUE_TYPES, type Rule } from './rule-files.ts';
import { LINTS, objections, shipped } from './rule-lints.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const list = (pattern: string): string[] => globSync(pattern, { cwd: ROOT }).sort();

const rulesOf = (text: string): Rule[] => groupsOf(text).flatMap((group) => group.rules);
const RULE_FILES = list('rules/*.yml');
const rules = RULE_FILES.flatMap((file) => rulesOf(read(file)));
const alerts = rules.filter((rule) => rule.alert !== undefined);
const alertNames = [...new Set(alerts.map(({ alert }) => alert!))];

test('promtool check rules finds nothing', async () => {
  await bothPass('check', 'rules', '--lint=all', '--lint-fatal', ...RULE_FILES);
});

for (const file of list('rules/tests/*.test.yml')) {
  test(`promtool test rules ${file}`, async () => {
    await bothPass('test', 'rules', file);
  });
}

test('promtool understands every query of the runbooks', async (t) => {
  const queries = list('docs/runbooks/*.md').flatMap((file) => queriesOf(read(file)));
  assert.ok(queries.length > alertNames.length);
  const dir = mkdtempSync(join(tmpdir(), 'runbooks-'));
  t.after(() => rmSync(dir, { recursive: true }));
  // JSON is YAML.
  const asRules = queries.map((expr, i) => ({ record: `query${i}`, expr }));
  writeFileSync(join(dir, 'queries.yml'), JSON.stringify({ groups: [{ name: 'runbooks', rules: asRules }] }));
  await bothPass('check', 'rules', join(dir, 'queries.yml'));
  for (const lint of ['promql/impossible', 'promql/vector_matching', 'promql/regexp', 'promql/selector'])
    for (const expr of queries)
      assert.deepEqual(LINTS[lint]!.finds({ expr }, world, world.groups[0]!), [], `${lint}: ${expr}`);
});

function queriesOf(markdown: string): string[] {
  return [...markdown.matchAll(/^```promql\n(.*?)^```/gms)].map(([, query]) => query!);
}

// --- Coverage ----------------------------------------------------------------------------------------------------------

const KINDS = ['fires', 'silent', 'low volume', 'missing data'] as const;
const cases = list('rules/tests/*.test.yml').flatMap((file) => (parse(read(file)) as TestFile).tests);

/** `AlertName kind`, as the names of cases begin. Watchdog is never silent: that is its whole point. */
function wanted(): string[] {
  return alertNames.flatMap((name) =>
    name === 'Watchdog' ? ['Watchdog fires'] : KINDS.map((kind) => `${name} ${kind}`),
  );
}

/** True when a case has promtool find that nothing fires at some moment. */
const quiet = (one: Case): boolean =>
  [
    ...(one.promql_expr_test ?? []).filter(({ expr }) => expr.includes('ALERTS')).map((t) => t.exp_samples ?? []),
    ...(one.alert_rule_test ?? []).map((t) => t.exp_alerts ?? []),
  ].some((found) => found.length === 0);

const metricsOf = (expr: string): string[] => check(expr, () => new Set<string>()).metrics;

/** Recorded series that cases and alerts look at, and those that these are made from. */
function examined(): Set<string> {
  const seen = new Set<string>();
  const open = (expr: string): void => {
    for (const metric of metricsOf(expr)) {
      if (seen.has(metric)) continue;
      seen.add(metric);
      for (const rule of rules) if (rule.record === metric) open(rule.expr);
    }
  };
  for (const one of cases) for (const { expr } of one.promql_expr_test ?? []) open(expr);
  for (const { expr } of alerts) open(expr);
  return seen;
}

test('every alert has a case in which each severity fires, is silent, has little data, has none; every recording is examined', (t) => {
  const missing = wanted().filter((name) => !cases.some((one) => one.name.startsWith(`${name}:`)));
  assert.deepEqual(missing, []);
  const all = cases
    .filter(({ name }) => / fires:/.test(name))
    .flatMap(fired)
    .map(({ labels }) => labels)
    .filter(({ alertname }) => alertname !== undefined);
  const known = new Set(all.map(({ alertname, severity }) => `${alertname} ${severity}`));
  assert.deepEqual(
    // Where the expression tells the severity, any will do.
    alerts
      .map(({ alert, labels }) => `${alert} ${labels?.severity ?? ''}`)
      .filter((one) => ![...known].some((found) => found.startsWith(one))),
    [],
  );
  // Also where the rule does not say so, and the expression does.
  assert.deepEqual(
    all.filter(({ alertname, issue_type }) => alertname!.startsWith('Email') && !ISSUE_TYPES.includes(issue_type!)),
    [],
  );
  assert.deepEqual(
    cases.filter((one) => / silent:/.test(one.name) && !quiet(one)).map(({ name }) => name),
    [],
  );
  const records = new Set(rules.flatMap(({ record }) => record ?? []));
  assert.deepEqual([...records.difference(examined())], []);
  t.diagnostic(
    `${alerts.length} of ${alerts.length} alerts, ${wanted().length} of ${wanted().length} cases, ${records.size} of ${records.size} recordings`,
  );
});

// --- Alerts ------------------------------------------------------------------------------------------------------------

const world = await shipped();

for (const [name, lint] of Object.entries(LINTS)) {
  test(`lint ${name}: objects to what is wrong, and to nothing that is shipped`, () => {
    assert.ok(lint.broken.length > 0);
    for (const [sample, says] of lint.broken)
      assert.match(objections(lint, sample, world).join('\n'), says, JSON.stringify(sample));
    const found = world.groups.flatMap((group) =>
      group.rules.flatMap((rule) =>
        lint
          .finds(rule, world, group)
          .map((what) => `${rule.record ?? rule.alert} ${rule.labels?.severity ?? ''}: ${what}`),
      ),
    );
    assert.deepEqual(found, []);
  });
}

test('an issue has one alert name, and an alert name one issue: inhibition and runbooks go by it', () => {
  for (const name of alertNames) {
    const issues = new Set(alerts.filter(({ alert }) => alert === name).map(({ labels }) => labels?.issue_type));
    assert.equal(issues.size, 1, `${name}: ${[...issues].join(', ')}`);
  }
});

test('every alert has a runbook, every runbook an alert', () => {
  assert.deepEqual(list('docs/runbooks/*.md'), alertNames.map((name) => `docs/runbooks/${name}.md`).sort());
  for (const name of alertNames) {
    const page = read(`docs/runbooks/${name}.md`);
    const headings = [...page.matchAll(/^#+ .*$/gm)].map(([heading]) => heading);
    assert.deepEqual(headings, [`# ${name}`, '## Meaning', '## Impact', '## Diagnosis', '## Mitigation'], name);
    for (const section of page.split(/^## /m).slice(1))
      assert.ok(section.length > 60, `${name}: ${section.split('\n')[0]} is empty`);
    assert.ok(queriesOf(page.split('## Diagnosis')[1]!).length > 0, `${name} has no query to diagnose by`);
  }
});
