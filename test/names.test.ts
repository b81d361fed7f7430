/**
 * Every metric and label that rules, dashboards, runbooks, the README and the documentation name is one that the exporter
 * exposes (src/metrics.ts) or a rule records. A misspelt name is an alert that never fires and a panel that stays empty.
 */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { catalogue } from '../src/metrics.ts';
import { check, type LabelsOf, withoutVariables } from './promql.ts';
import { groupsOf, type Rule } from './rule-files.ts';
import { exposed, templateProblems, withRules } from './rule-lints.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const ruleFiles = globSync('rules/*.yml', { cwd: ROOT });
const rules = ruleFiles.flatMap((file) => groupsOf(read(file)).flatMap((group) => group.rules));
const labelsOf = withRules(await exposed(), rules);

function ruleProblems({ expr, annotations = {} }: Rule, names: LabelsOf): string[] {
  const { labels, problems } = check(expr, names);
  return [...problems, ...Object.values(annotations).flatMap((text) => templateProblems(text, labels, names))];
}

/** Everything in a dashboard that asks Prometheus, wherever in its JSON it stands. */
function dashboardProblems(node: unknown, names: LabelsOf): string[] {
  if (typeof node !== 'object' || node === null) return [];
  if (Array.isArray(node)) return node.flatMap((item) => dashboardProblems(item, names));
  const { expr, legendFormat, type, query, ...rest } = node as Record<string, unknown>;
  const problems = Object.values(rest).flatMap((value) => dashboardProblems(value, names));
  if (typeof expr === 'string') {
    const { labels, problems: own } = check(withoutVariables(expr), names);
    problems.push(...own);
    for (const [, label] of String(legendFormat ?? '').matchAll(/\{\{\s*(\w+)\s*\}\}/g)) {
      if (labels && !labels.has(label!)) problems.push(`the legend names ${label}, which is no label of ${expr}`);
    }
  }
  if (type === 'query' && query !== undefined) {
    problems.push(
      ...variableProblems(typeof query === 'string' ? query : String((query as { query: unknown }).query), names),
    );
  } else problems.push(...dashboardProblems(query, names));
  return problems;
}

/** The query of a Grafana variable: label_values(label), label_values(selector, label), query_result(expr). */
function variableProblems(query: string, names: LabelsOf): string[] {
  const asked = /^\s*(label_values|query_result)\((?:(.*),)?\s*(.+?)\s*\)\s*$/s.exec(query);
  if (!asked) return [`not understood as a variable: ${query}`];
  const [, kind, before, last] = asked;
  if (kind === 'query_result')
    return check(withoutVariables(before === undefined ? last! : `${before},${last}`), names).problems;
  if (before === undefined) return [];
  const { labels, problems } = check(withoutVariables(before), names);
  return labels && !labels.has(last!) ? [...problems, `there is no label ${last} in ${before}`] : problems;
}

/** Names that begin like ours and are not metrics. */
const WORDS = new Set(['email_configs']);

/** ```promql blocks whole; elsewhere each word that begins like a metric, with the labels that follow it in braces. */
function proseProblems(text: string, names: LabelsOf): string[] {
  const problems: string[] = [];
  const rest = text.replace(/^```promql\n(.*?)^```/gms, (_, expr: string) => {
    problems.push(...check(expr, names).problems);
    return '';
  });
  const metric = /(?<![\w:/.-])((?:\w+:)?(?:email|deliverability_exporter)_\w+(?::\w+)*)(\*?)(?:\{([^{}\n]*)\})?/g;
  for (const [whole, name, star, inBraces = ''] of rest.matchAll(metric)) {
    if (WORDS.has(name!)) continue;
    const labels = star === '*' || name!.endsWith('_') ? family(name!) : (names(name!) ?? names(`${name}_bucket`));
    if (!labels) problems.push(`no metric is named ${whole}`);
    for (const label of labels ? inBraces.split(',').flatMap((part) => /^\W*(\w+)/.exec(part)?.[1] ?? []) : []) {
      if (!labels!.has(label)) problems.push(`${name} has no label ${label}: ${whole}`);
    }
  }
  return problems;
}

/** `email_campaign_*`: the labels of all that begin so. */
function family(prefix: string): ReadonlySet<string> | undefined {
  const members = [...catalogue.map(({ name }) => name), ...rules.flatMap(({ record }) => record ?? [])].filter(
    (name) => name.startsWith(prefix),
  );
  if (members.length === 0) return undefined;
  return new Set(members.flatMap((name) => [...(labelsOf(name) ?? labelsOf(`${name}_bucket`) ?? [])]));
}

test('rules and the templates of their alerts name what exists', () => {
  assert.ok(rules.length > 50);
  for (const rule of rules) assert.deepEqual(ruleProblems(rule, labelsOf), [], rule.record ?? rule.alert);
});

test('dashboards name what exists', () => {
  const files = globSync('dashboards/*.json', { cwd: ROOT });
  assert.ok(files.length > 0, 'there is no dashboard');
  for (const file of files) assert.deepEqual(dashboardProblems(JSON.parse(read(file)), labelsOf), [], file);
});

test('README, documentation and runbooks name what exists', () => {
  const files = [...globSync('docs/**/*.md', { cwd: ROOT }), 'README.md'].filter((file) =>
    existsSync(join(ROOT, file)),
  );
  assert.ok(files.some((file) => file.startsWith('docs/runbooks/')));
  for (const file of files) assert.deepEqual(proseProblems(read(file), labelsOf), [], file);
});

test('Alertmanager groups, routes, inhibits and writes by labels that alerts have', () => {
  const labels = new Set(['alertname', ...catalogue.flatMap((metric) => metric.labels), ...labelsOf('ALERTS')!]);
  const annotations = new Set(rules.flatMap((rule) => Object.keys(rule.annotations ?? {})));
  const config = read('alertmanager/alertmanager.yml');
  const groups = [...config.matchAll(/^\s*(?:group_by|equal): \[(.*)\]/gm)].flatMap(([, list]) => list!.split(/,\s*/));
  const matched = [...config.matchAll(/'(\w+)[=!]~?"/g)].map(([, label]) => label!);
  assert.ok(groups.length > 8 && matched.length > 8);
  for (const label of [...groups, ...matched]) assert.ok(labels.has(label), `no alert has a label ${label}`);
  const templates = globSync('alertmanager/templates/*.tmpl', { cwd: ROOT }).map(read).join('');
  for (const [, kind, name] of templates.matchAll(/\.(?:Common|Group)?(Labels|Annotations)\.(\w+)/g)) {
    assert.ok((kind === 'Labels' ? labels : annotations).has(name!), `no alert has ${kind} ${name}`);
  }
});

test('what is misspelt is found, wherever it stands', () => {
  const of: LabelsOf = withRules(
    new Map([
      ['email_bounced_total', new Set(['source', 'sending_domain', 'class', 'job', 'instance'])],
      ['email_delivered_total', new Set(['source', 'sending_domain', 'job', 'instance'])],
      ['email_delivery_duration_seconds_bucket', new Set(['sending_domain', 'le', 'job', 'instance'])],
    ]),
    [
      { record: 'domain:a:b', expr: 'sum by (sending_domain) (email_bounced_total)' },
      { record: 'domain:a:b', expr: 'vector(1)', labels: { severity: 'high' } },
      { alert: 'A', expr: 'domain:a:b > 1', labels: { issue_type: 'x' } },
    ],
  );
  const good = [
    'sum by (sending_domain) (rate(email_bounced_total{class="hard"}[5m])) / sum by (sending_domain) (rate(email_delivered_total[5m]))',
    'sum without (instance, job, class) (email_bounced_total) or 0 * sum without (instance, job) (email_delivered_total)',
    'histogram_quantile(0.5, sum by (le) (rate(email_delivery_duration_seconds_bucket[5m])))',
    'domain:a:b{severity="high"} > on (sending_domain) group_left (class) email_bounced_total',
    'topk(3, email_bounced_total) - on (source, class) email_bounced_total offset 1d',
    'count by (issue_type, severity) (ALERTS{alertstate="firing"})',
    'max_over_time(domain:a:b[1h:5m]) >= scalar(domain:a:b or vector(1))',
    'label_replace(domain:a:b, "to", "$1", "sending_domain", "(.*)") and on (to) label_join(domain:a:b, "to", "", "severity")',
    '{__name__=~"email_.*"}',
  ];
  for (const expr of good) assert.deepEqual(check(expr, of).problems, [], expr);
  const bad: [expr: string, problem: RegExp][] = [
    ['rate(email_bounced_totl[5m])', /no metric is named email_bounced_totl/],
    ['rate(email_bounced_total{clas="hard"}[5m])', /email_bounced_total has no label clas/],
    ['{__name__="email_bounced"}', /no metric is named email_bounced/],
    ['sum by (sending_domian) (email_bounced_total)', /by sending_domian/],
    ['sum without (instance, reason) (email_bounced_total)', /without reason/],
    ['sum by (class) (sum by (source) (email_bounced_total))', /by class/],
    ['email_bounced_total and on (clas) email_bounced_total', /on clas/],
    ['email_bounced_total and on (class) email_delivered_total', /on class/],
    ['email_bounced_total / ignoring (clas) email_bounced_total', /ignoring clas/],
    ['email_bounced_total / email_delivered_total', /class only on one side/],
    ['email_bounced_total and email_delivered_total', /class only on one side/],
    ['email_delivered_total * on (source) group_left (clas) email_bounced_total', /group_left clas/],
    [
      'histogram_quantile(0.5, sum by (sending_domain) (email_delivery_duration_seconds_bucket))',
      /histogram_quantile le/,
    ],
    ['email_delivery_duration_seconds_count', /no metric is named/],
    ['label_replace(domain:a:b, "to", "$1", "clas", "(.*)")', /label_replace clas/],
    ['domain:a:b{class="hard"}', /domain:a:b has no label class/],
    ['ALERTS{issue="x"}', /ALERTS has no label issue/],
    ['sum(rate(email_bounced_total[5m]) by (class)', /no PromQL/],
  ];
  for (const [expr, problem] of bad) {
    const { problems } = check(expr, of);
    assert.equal(problems.length, 1, `${expr}: ${problems}`);
    assert.match(problems[0]!, problem);
  }
});

test('what is misspelt in templates, dashboards and prose is found too', () => {
  const one = (problems: string[], problem: RegExp) => {
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, problem);
  };
  const rule = (text: string): Rule => ({ expr: 'domain:email_bounced:ratio_rate15m > 1', annotations: { text } });
  const asked = (metric: string) =>
    `{{ with printf "${metric}{sending_domain='%s'}" $labels.sending_domain | query }}{{ end }}`;
  assert.deepEqual(
    ruleProblems(rule(`{{ $labels.source }} ${asked('domain:email_bounced:samples15m')}`), labelsOf),
    [],
  );
  one(ruleProblems(rule('{{ $labels.domain }}'), labelsOf), /no label domain/);
  one(ruleProblems(rule(asked('domain:email_bounced:sample15m')), labelsOf), /domain:email_bounced:sample15m/);

  const panel = (expr: string, legendFormat = '') => ({ panels: [{ targets: [{ expr, legendFormat }] }] });
  const rate = 'sum by (provider) (rate(email_bounced_total{sending_domain=~"$sending_domain"}[$__rate_interval]))';
  assert.deepEqual(dashboardProblems(panel(rate, '{{provider}}'), labelsOf), []);
  one(dashboardProblems(panel(rate, '{{ class }}'), labelsOf), /legend names class/);
  one(dashboardProblems(panel(rate.replace('(provider)', '(isp)')), labelsOf), /by isp/);
  const variable = (query: unknown) => ({ templating: { list: [{ type: 'query', query }] } });
  assert.deepEqual(
    dashboardProblems(variable('label_values(email_bounced_total{source=~"$source"}, class)'), labelsOf),
    [],
  );
  one(dashboardProblems(variable('label_values(email_bounced_total, clas)'), labelsOf), /no label clas/);
  one(
    dashboardProblems(variable({ query: 'label_values(email_bounce_total, class)' }), labelsOf),
    /email_bounce_total/,
  );

  const prose = (text: string) => proseProblems(text, labelsOf);
  assert.deepEqual(
    prose('`email_bounced_total{class="hard", reason}`, email_campaign_*, `domain:email_bounced:ratio_rate15m`'),
    [],
  );
  assert.deepEqual(prose('the histogram email_delivery_duration_seconds and email_delivery_duration_seconds_sum'), []);
  one(prose('`email_bounce_total`'), /email_bounce_total/);
  one(prose('`email_bounced_total{class="hard", raison}`'), /no label raison/);
  one(prose('email_kampaign_*'), /email_kampaign_/);
  one(prose('`domain:email_bounced:ratio_rate20m`'), /ratio_rate20m/);
  one(prose('\n```promql\nsum by (isp) (email_bounced_total)\n```\n'), /by isp/);
});
