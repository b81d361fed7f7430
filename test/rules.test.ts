/**
 * The shipped rules on the oldest and the newest Prometheus we claim: valid, tested case by case, complete. promtool runs the cases
 * in rules/tests/; what promtool cannot see is checked here (coverage, thresholds, runbooks, links).
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { tool } from '../stack/tools.ts';
import { check } from './promql.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const list = (pattern: string): string[] => globSync(pattern, { cwd: ROOT }).sort();
const PROMTOOLS = ['promtool', 'promtool-next'] as const;

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}
interface Case {
  name: string;
  promql_expr_test?: { expr: string; exp_samples?: { labels: string; value: number }[] }[];
  alert_rule_test?: { alertname: string; exp_alerts?: { exp_labels: Record<string, string> }[] }[];
}

const rulesOf = (text: string): Rule[] =>
  (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const RULE_FILES = list('rules/*.yml');
const rules = RULE_FILES.flatMap((file) => rulesOf(read(file)));
const alerts = rules.filter((rule) => rule.alert !== undefined);
const alertNames = [...new Set(alerts.map(({ alert }) => alert!))];

async function promtool(
  name: (typeof PROMTOOLS)[number],
  ...args: string[]
): Promise<{ failed: boolean; said: string }> {
  const run = promisify(execFile)(await tool(name), args, { cwd: ROOT, maxBuffer: 1e8 });
  return await run.then(
    ({ stdout, stderr }) => ({ failed: false, said: stdout + stderr }),
    (error: { stdout?: string; stderr?: string; message: string }) => ({
      failed: true,
      said: `${error.stdout ?? ''}${error.stderr ?? ''}` || error.message,
    }),
  );
}

/** With each promtool, at the same time. */
async function bothPass(...args: string[]): Promise<void> {
  const results = await Promise.all(PROMTOOLS.map(async (name) => ({ name, ...(await promtool(name, ...args)) })));
  for (const { name, failed, said } of results) assert.ok(!failed, `${name}: ${said}`);
}

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
});

function queriesOf(markdown: string): string[] {
  return [...markdown.matchAll(/^```promql\n(.*?)^```/gms)].map(([, query]) => query!);
}

// --- Coverage ----------------------------------------------------------------------------------------------------------

const KINDS = ['fires', 'silent', 'low volume', 'missing data'] as const;
const cases = list('rules/tests/*.test.yml').flatMap((file) => (parse(read(file)) as { tests: Case[] }).tests);

/** `AlertName kind`, as the names of cases begin. Watchdog is never silent: that is its whole point. */
function wanted(): string[] {
  return alertNames.flatMap((name) =>
    name === 'Watchdog' ? ['Watchdog fires'] : KINDS.map((kind) => `${name} ${kind}`),
  );
}

/** Alert and severity that a case has promtool find firing. */
function firing(one: Case): string[] {
  const samples = (one.promql_expr_test ?? []).flatMap(({ exp_samples }) => exp_samples ?? []);
  const seen = samples.flatMap(({ labels, value }) => {
    const label = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1];
    return value === 1 && label('alertstate') === 'firing' ? [`${label('alertname')} ${label('severity')}`] : [];
  });
  const expected = (one.alert_rule_test ?? []).flatMap(({ alertname, exp_alerts }) =>
    (exp_alerts ?? []).map(({ exp_labels }) => `${alertname} ${exp_labels.severity}`),
  );
  return [...seen, ...expected];
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
  const fired = new Set(cases.filter(({ name }) => / fires:/.test(name)).flatMap(firing));
  assert.deepEqual(
    alerts.map(({ alert, labels }) => `${alert} ${labels?.severity}`).filter((one) => !fired.has(one)),
    [],
  );
  assert.deepEqual(
    cases.filter((one) => / silent:/.test(one.name) && !quiet(one)).map(({ name }) => name),
    [],
  );
  const records = new Set(
    rules.flatMap(({ record }) => (record?.includes(':') && !DRAWN_ONLY.has(record) ? [record] : [])),
  );
  assert.deepEqual([...records.difference(examined())], []);
  t.diagnostic(
    `${alerts.length} of ${alerts.length} alerts, ${wanted().length} of ${wanted().length} cases, ${records.size} of ${records.size} recordings`,
  );
});

// --- Thresholds --------------------------------------------------------------------------------------------------------

/** Thresholds without an alert: dashboards draw them. */
const DRAWN_ONLY = new Set(['email_threshold:inbox_ratio']);

/** What a threshold is for: two series that agree in this are in each other's way, whatever other labels they carry. */
function aim({ record, labels = {} }: Rule): string {
  const { severity = '', sending_domain = '', source = '' } = labels;
  return `${record} severity=${severity} sending_domain=${sending_domain} source=${source}`;
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
  const overrides = rulesOf(read('rules/tests/overrides.yml'));
  assert.deepEqual(duplicates([...rules, ...overrides]), []);
  const again = {
    record: 'email_threshold:bounce_ratio',
    expr: 'vector(1)',
    labels: { severity: 'high', team: 'shop', sending_domain: 'promo.example.com' },
  };
  assert.deepEqual(duplicates([...rules, ...overrides, again]), [aim(again)]);
  assert.deepEqual(
    duplicates([...rules, { record: 'email_threshold:delivery_seconds_min_samples', expr: 'vector(1)' }]).length,
    1,
  );
});

test('the defaults beside the alerts are those of thresholds.yml, and every threshold has one', () => {
  const shipped = new Map(
    rulesOf(read('rules/thresholds.yml')).map(({ record, expr, labels }) => [
      `${record} ${labels?.severity ?? ''}`,
      Number(/^vector\((.*)\)$/.exec(expr)![1]),
    ]),
  );
  const fallback = /min\((email_threshold:\w+)(?:\{([^}]*)\})?\)\s+or\s+vector\(([^)]*)\)/g;
  const beside = new Map(
    rules.flatMap(({ expr }) =>
      [...expr.matchAll(fallback)].map(([, name, matchers = '', value]) => {
        const severity = /severity="(\w+)"/.exec(matchers)?.[1] ?? '';
        return [`${name} ${severity}`, Number(value)] as const;
      }),
    ),
  );
  for (const name of DRAWN_ONLY)
    for (const severity of ['high', 'critical']) assert.ok(shipped.delete(`${name} ${severity}`));
  assert.deepEqual(new Map([...beside].sort()), new Map([...shipped].sort()));
});

// --- Alerts ------------------------------------------------------------------------------------------------------------

const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'];
const ISSUE_TYPES = [
  ...[
    'high_bounce_rate',
    'low_inbox_rate',
    'blacklist_detection',
    'reputation_drop',
    'authentication_failure',
    'spam_trap_hit',
  ],
  ...[
    'engagement_drop',
    'ip_warming_issue',
    'content_filtering',
    'volume_anomaly',
    'isp_throttling',
    'high_complaint_rate',
  ],
];
const ANNOTATIONS = ['summary', 'description', 'recommended_actions', 'dashboard_url', 'runbook_url'];

test('alerts carry the labels that routing needs, and nothing that changes while they fire', () => {
  for (const { alert, labels = {} } of alerts) {
    assert.ok(SEVERITIES.includes(labels.severity!), alert);
    if (alert!.startsWith('Email')) assert.ok(ISSUE_TYPES.includes(labels.issue_type!), alert);
    else assert.equal(labels.issue_type, undefined, `${alert} is not about mail`);
    assert.doesNotMatch(JSON.stringify(labels), /\{\{/, `${alert}: a label that is a template changes`);
  }
});

test('an issue has one alert name, and an alert name one issue: inhibition and runbooks go by it', () => {
  const issues = new Set(alerts.map(({ alert, labels }) => `${alert} ${labels?.issue_type ?? ''}`));
  assert.equal(issues.size, alertNames.length);
});

test('alerts say what happened, with numbers, and five things to do', () => {
  for (const { alert, annotations = {} } of alerts) {
    assert.deepEqual(Object.keys(annotations).sort(), [...ANNOTATIONS].sort(), alert);
    assert.doesNotMatch(annotations.summary!, /\$value/, `${alert}: a summary that changes cannot be a title`);
    const steps = annotations.recommended_actions!.split('\n');
    assert.deepEqual(
      steps.map((step) => /^(\d)\. \w.{15,}[.?]$/.exec(step)?.[1]),
      ['1', '2', '3', '4', '5'],
      alert,
    );
    if (alert!.startsWith('Email')) {
      for (const part of ['$value', ':samples', 'email_threshold:'])
        assert.ok(annotations.description!.includes(part), `${alert}: ${part}`);
      assert.match(annotations.description!, /minutes/, `${alert} does not tell its window`);
    }
  }
});

test('dashboard links lead to a dashboard that is there, with variables that it has', () => {
  const dashboards = list('dashboards/*.json').map(
    (file) => JSON.parse(read(file)) as { uid: string; templating: { list: { name: string }[] } },
  );
  for (const { alert, annotations = {} } of alerts) {
    const [, uid, query] = /^\/d\/([\w-]+)(?:\?(.*))?$/.exec(annotations.dashboard_url!) ?? [];
    const dashboard = dashboards.find((one) => one.uid === uid);
    assert.ok(dashboard, `${alert} links to a dashboard ${uid} that does not exist`);
    for (const [, name] of (query ?? '').matchAll(/(?:^|&)var-(\w+)=/g)) {
      assert.ok(
        dashboard.templating.list.some((variable) => variable.name === name),
        `${alert}: ${uid} has no variable ${name}`,
      );
    }
  }
});

test('every alert has a runbook, every runbook an alert', () => {
  assert.deepEqual(list('docs/runbooks/*.md'), alertNames.map((name) => `docs/runbooks/${name}.md`).sort());
  for (const { alert, annotations = {} } of alerts) assert.equal(annotations.runbook_url, `docs/runbooks/${alert}.md`);
  for (const name of alertNames) {
    const page = read(`docs/runbooks/${name}.md`);
    const headings = [...page.matchAll(/^#+ .*$/gm)].map(([heading]) => heading);
    assert.deepEqual(headings, [`# ${name}`, '## Meaning', '## Impact', '## Diagnosis', '## Mitigation'], name);
    for (const section of page.split(/^## /m).slice(1))
      assert.ok(section.length > 60, `${name}: ${section.split('\n')[0]} is empty`);
    assert.ok(queriesOf(page.split('## Diagnosis')[1]!).length > 0, `${name} has no query to diagnose by`);
  }
});

// --- Recordings --------------------------------------------------------------------------------------------------------

test('recordings are named level:metric:operations, and no ratio is an average of ratios', () => {
  for (const { record, expr } of rules.filter((rule) => rule.record !== undefined)) {
    const pattern = record!.startsWith('email_threshold:')
      ? /^email_threshold:[a-z_]+$/
      : /^[a-z_]+:[a-z_]+:[a-z0-9_]+$/;
    assert.match(record!, pattern);
    assert.doesNotMatch(expr, /\bavg\b|\bclamp_min\((?:rate|increase)/, record);
  }
});

test('counters are summed over replicas wherever they are read', () => {
  for (const { record, alert, expr } of rules) {
    if (!metricsOf(expr).some((metric) => /_(total|bucket|sum|count)$/.test(metric))) continue;
    const reads = [...expr.matchAll(/(?:increase|rate)\(/g)].length;
    const sums = [...expr.matchAll(/sum without \(instance, job[^)]*\)\s*\((?:increase|rate)\(/g)].length;
    assert.ok(reads > 0, `${record ?? alert} reads a counter as it stands`);
    assert.equal(sums, reads, record ?? alert);
  }
});
