/**
 * A rule becomes what a careful reviewer would object to. The checks are those of Cloudflare's pint that need no server, under its
 * names; what it asks a server for (which metrics, labels and values there are) is known here from the exporter's own catalogue.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { ZONE_STATES } from '../src/blocklist.ts';
import { catalogue, eventFamilies, MEASUREMENTS, OUTCOMES } from '../src/metrics.ts';
import { VERDICTS } from '../src/reading.ts';
import { check, type LabelsOf, type SyntaxNode, selectorOf, treeOf } from './promql.ts';
import { type Group, groupsOf, ISSUE_TYPES, type Rule, SEVERITIES, seconds } from './rule-files.ts';

const ROOT = join(import.meta.dirname, '..');

/** What a threshold can be overridden for; two that agree in all of these are in each other's way. */
export const OVERRIDES = [
  'sending_domain',
  'sending_ip',
  'provider',
  'campaign',
  'target',
  'issue_type',
  'source',
  'list',
  'check',
  'service',
  'actuator',
];

// --- What there is -----------------------------------------------------------------------------------------------------

const TARGET = ['job', 'instance'];
/** Of Prometheus and Alertmanager about themselves, as both 2.42 and 3.5, 0.25 and 0.33 expose them. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  up: [],
  scrape_duration_seconds: [],
  scrape_samples_scraped: [],
  prometheus_rule_evaluation_failures_total: ['rule_group'],
  prometheus_rule_group_iterations_missed_total: ['rule_group'],
  prometheus_rule_group_last_duration_seconds: ['rule_group'],
  prometheus_rule_group_interval_seconds: ['rule_group'],
  prometheus_notifications_sent_total: ['alertmanager'],
  prometheus_notifications_errors_total: ['alertmanager'],
  prometheus_notifications_dropped_total: [],
  alertmanager_notifications_total: ['integration'],
  alertmanager_notifications_failed_total: ['integration', 'reason'],
};

/** What is exposed, what Prometheus adds to every target, and what it exposes about scraping. */
export async function exposed(): Promise<Map<string, Set<string>>> {
  const metrics = new Map(Object.entries(FOREIGN).map(([name, labels]) => [name, new Set([...labels, ...TARGET])]));
  for (const { name, type, labels } of catalogue) {
    if (type !== 'histogram') metrics.set(name, new Set([...labels, ...TARGET]));
    else {
      metrics.set(`${name}_bucket`, new Set([...labels, 'le', ...TARGET]));
      metrics.set(`${name}_sum`, new Set([...labels, ...TARGET]));
      metrics.set(`${name}_count`, new Set([...labels, ...TARGET]));
    }
  }
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name, values } of await registry.getMetricsAsJSON()) {
    metrics.set(name, new Set([...values.flatMap(({ labels }) => Object.keys(labels)), ...TARGET]));
  }
  return metrics;
}

/** Labels beside those of the rules: what Prometheus adds to alerts, and what overriding a threshold adds to it. */
const BESIDES: readonly (readonly [prefix: string, labels: readonly string[]])[] = [
  ['ALERTS', ['alertname', 'alertstate']],
  ['email_threshold:', OVERRIDES],
];

/** The exposed metrics and what rules make of them. Rules may record one name twice, and read each other in any order. */
export function withRules(metrics: ReadonlyMap<string, ReadonlySet<string>>, rules: readonly Rule[]): LabelsOf {
  const known = new Map<string, ReadonlySet<string>>();
  const labelsOf: LabelsOf = (name) => {
    const settled = metrics.get(name) ?? known.get(name);
    if (settled) return settled;
    const made =
      name === 'ALERTS' || name === 'ALERTS_FOR_STATE'
        ? rules.filter(({ alert }) => alert !== undefined)
        : rules.filter(({ record }) => record === name);
    if (made.length === 0) return undefined;
    const labels = new Set(BESIDES.find(([prefix]) => name.startsWith(prefix))?.[1]);
    known.set(name, labels);
    for (const { expr, labels: own = {} } of made) {
      for (const label of [...(check(expr, labelsOf).labels ?? []), ...Object.keys(own)]) labels.add(label);
    }
    return labels;
  };
  return labelsOf;
}

/** Values a label can have, where they are a closed list: by metric, or whatever carries the label. */
const VALUES: readonly (readonly [metric: RegExp, label: string, values: readonly string[]])[] = [
  [/./, 'severity', SEVERITIES],
  [/./, 'issue_type', ISSUE_TYPES],
  [/^deliverability_exporter_posts_total$/, 'outcome', OUTCOMES],
  [/^deliverability_exporter_label_values_folded_total$/, 'label', ['sending_domain', 'sending_ip', 'campaign']],
  [/^email_blocklist_health$/, 'state', ZONE_STATES],
  [/^email_blocklist_verdict$/, 'verdict', VERDICTS],
  [/^email_blocklist_listing_info$|^list_target:email_blocklist:listed$/, 'tier', ['page', 'ticket', 'info']],
  [/^email_blocklist_listed$/, 'kind', ['ip', 'domain']],
  [/^email_dns_check_/, 'check', globSync('src/checks/*.ts', { cwd: ROOT }).map((file) => basename(file, '.ts'))],
  [/^email_measurement_/, 'measurement', Object.keys(MEASUREMENTS)],
  [/^ALERTS/, 'alertstate', ['pending', 'firing']],
];

function valuesOf(metric: string, label: string): readonly string[] | undefined {
  const family = eventFamilies.find(
    ({ name }) => metric === name || metric.replace(/_(bucket|sum|count)$/, '') === name,
  );
  return (
    family?.closed.find(([name]) => name === label)?.[1] ??
    VALUES.find(([pattern, name]) => name === label && pattern.test(metric))?.[2]
  );
}

const COUNTER = /_(total|bucket|sum|count)$/;
const isCounter = (metric: string): boolean => COUNTER.test(metric) && !metric.includes(':');

export interface World {
  groups: readonly Group[];
  rules: readonly Rule[];
  labelsOf: LabelsOf;
  /** Variables of each dashboard, by uid. */
  dashboards: ReadonlyMap<string, ReadonlySet<string>>;
}

export async function shipped(): Promise<World> {
  const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
  const groups = globSync('rules/*.yml', { cwd: ROOT })
    .sort()
    .flatMap((file) => groupsOf(read(file)));
  const rules = groups.flatMap((group) => group.rules);
  const boards = globSync('dashboards/*.json', { cwd: ROOT }).map(
    (file) => JSON.parse(read(file)) as { uid: string; templating: { list: { name: string }[] } },
  );
  return {
    groups,
    rules,
    labelsOf: withRules(await exposed(), rules),
    dashboards: new Map(boards.map(({ uid, templating }) => [uid, new Set(templating.list.map(({ name }) => name))])),
  };
}

// --- Reading trees -----------------------------------------------------------------------------------------------------

function nodes(
  node: SyntaxNode,
  parents: readonly SyntaxNode[] = [],
): { node: SyntaxNode; parents: readonly SyntaxNode[] }[] {
  const all = [{ node, parents }];
  for (let child = node.firstChild; child; child = child.nextSibling) all.push(...nodes(child, [node, ...parents]));
  return all;
}

/** Every node of an expression with those above it, the nearest first. Nothing for what is no PromQL: promtool says that. */
function walk(expr: string): { node: SyntaxNode; parents: readonly SyntaxNode[]; text: string }[] {
  const tree = treeOf(expr);
  if ('broken' in tree) return [];
  return nodes(tree.top).map((one) => ({ ...one, text: expr.slice(one.node.from, one.node.to) }));
}

const COMPARISONS = ['Eql', 'Neq', 'Gtr', 'Gte', 'Lss', 'Lte'];
const callee = (node: SyntaxNode, expr: string): string => {
  const name = node.getChild('FunctionIdentifier') ?? node.getChild('AggregateOp');
  return name ? expr.slice(name.from, name.to) : '';
};
const operands = (node: SyntaxNode): readonly SyntaxNode[] =>
  (node.getChild('FunctionCallBody') ?? node).getChildren('Expr');

/** True when the expression gives nothing as long as nothing is wrong: an alert on anything else always fires. */
function selects(
  node: SyntaxNode,
  expr: string,
  rules: readonly Rule[],
  seen: ReadonlySet<string> = new Set(),
): boolean {
  const of = (inner: SyntaxNode): boolean => selects(inner, expr, rules, seen);
  if (node.name === 'BinaryExpr') {
    const [left, right] = operands(node) as [SyntaxNode, SyntaxNode];
    if (COMPARISONS.some((name) => node.getChild(name))) return node.getChild('BoolModifier') === null || of(left);
    if (node.getChild('Or')) return of(left) && of(right);
    if (node.getChild('And')) return of(left) || of(right);
    // Neither that something is missing nor that a divisor is over 0 is a condition.
    if (node.getChild('Unless') ?? node.getChild('Div')) return of(left);
    return of(left) || of(right);
  }
  if (node.name === 'VectorSelector') {
    const { name = '' } = selectorOf(node, expr);
    const made = rules.filter(({ record }) => record === name);
    if (made.length === 0 || seen.has(name)) return false;
    return made.every((rule) => {
      const tree = treeOf(rule.expr);
      return 'top' in tree && selects(tree.top, rule.expr, rules, new Set([...seen, name]));
    });
  }
  if (node.name === 'FunctionCall' && /^absent/.test(callee(node, expr))) return true;
  if (node.name === 'FunctionCall' && ['vector', 'time'].includes(callee(node, expr))) return false;
  return operands(node).some(of);
}

/** Metrics an expression goes back to, through what rules record. */
export function sourcesOf(expr: string, rules: readonly Rule[], seen = new Set<string>()): Set<string> {
  for (const metric of check(expr, () => new Set()).metrics) {
    if (seen.has(metric)) continue;
    seen.add(metric);
    for (const rule of rules) if (rule.record === metric) sourcesOf(rule.expr, rules, seen);
  }
  return seen;
}

// --- Templates ---------------------------------------------------------------------------------------------------------

/** The PromQL of an action that queries, with printf's verbs filled in; undefined where it does not query. */
function queryOf(action: string): { expr: string; verbs: number; args: number } | undefined {
  if (!/\bquery\b/.test(action)) return undefined;
  const [, format = '', rest = ''] = /"((?:[^"\\]|\\.)*)"([^|]*)/.exec(action) ?? [];
  const verbs = [...format.matchAll(/%[sqv]/g)].length;
  const args = /\bprintf\b/.test(action)
    ? rest
        .trim()
        .split(/\s+/)
        .filter((arg) => arg !== '').length
    : 0;
  return { expr: format.replace(/%[sqv]/g, 'x'), verbs, args };
}

export const queriesOf = (text: string): string[] =>
  [...text.matchAll(/\{\{(.*?)\}\}/gs)].flatMap(([, action]) => queryOf(action!)?.expr ?? []);

/** Templates of an alert: labels that it, or the query around them, does not have; queries that name what is not there or can fail. */
export function templateProblems(text: string, labels: ReadonlySet<string> | undefined, names: LabelsOf): string[] {
  const problems: string[] = [];
  // What `.` stands for: in a range over a query, one of its samples. `else` is outside again.
  const around: (ReadonlySet<string> | undefined)[] = [];
  for (const [whole, inner] of text.matchAll(/\{\{(.*?)\}\}/gs)) {
    const action = inner!.trim();
    const word = /^\w+/.exec(action)?.[0] ?? '';
    const query = queryOf(action);
    let found: ReadonlySet<string> | undefined;
    if (query) {
      const checked = check(query.expr, names);
      problems.push(...checked.problems);
      found = checked.labels;
      if (query.verbs !== query.args) problems.push(`${query.verbs} verbs for ${query.args} values: ${whole}`);
      if (!['with', 'range'].includes(word) && /\bfirst\b/.test(action)) {
        problems.push(`fails when the query finds nothing; put it in a with: ${whole}`);
      }
    }
    for (const [, label] of action.matchAll(/\$labels\.(\w+)/g)) {
      if (labels && !labels.has(label!)) problems.push(`the alert has no label ${label}: ${whole}`);
    }
    const dot = around.findLast((samples) => samples !== undefined) ?? labels;
    for (const [, label] of action.matchAll(/(?<![\w$)])\.Labels\.(\w+)/g)) {
      if (dot && !dot.has(label!)) problems.push(`there is no label ${label}: ${whole}`);
    }
    if (/^(\$value|\.Value|value)\s*$|\|\s*value\s*$/.test(action)) problems.push(`not made readable: ${whole}`);
    if (['if', 'with', 'range'].includes(word)) {
      around.push(word === 'range' && query ? found : undefined);
    } else if (word === 'else') around.splice(-1, 1, undefined);
    else if (word === 'end') around.pop();
  }
  return problems;
}

// --- The lints ---------------------------------------------------------------------------------------------------------

type Finds = (rule: Rule, world: World, group: Group) => string[];
interface Lint {
  finds: Finds;
  /** Rules it must object to, each with what it says: a lint that cannot fail is none. */
  broken: readonly (readonly [rule: Rule | Group, says: RegExp])[];
}

const ANNOTATIONS = ['dashboard_url', 'description', 'recommended_actions', 'runbook_url', 'summary'];
/** What series of a level are told apart by, at least. */
const LEVELS: Readonly<Record<string, readonly string[]>> = {
  domain: ['sending_domain'],
  domain_ip: ['source', 'sending_domain', 'sending_ip'],
  domain_ip_reason: ['source', 'sending_domain', 'sending_ip', 'reason'],
  domain_reason: ['sending_domain', 'reason'],
  domain_provider: ['sending_domain', 'provider'],
  ip: ['sending_ip'],
  provider: ['provider'],
  campaign: ['sending_domain', 'campaign'],
  source: ['source'],
  target: ['target'],
  list: ['list'],
  list_target: ['list', 'target'],
  check: ['check'],
  service: ['service'],
  // Of everything together.
  email_kpi: [],
  component: ['component'],
  actuator: ['actuator'],
  fleet: [],
};
const OVER_RANGES = ['rate', 'increase', 'irate', 'resets'];
const ALL_LABELS = (expr: string, world: World) => check(expr, world.labelsOf).labels ?? new Set<string>();

const A = (expr: string, more: Partial<Rule> = {}): Rule => ({
  alert: 'EmailTest',
  expr,
  labels: { severity: 'high', issue_type: 'high_bounce_rate' },
  ...more,
});
const R = (expr: string, record = 'domain:email_test:increase15m', more: Partial<Rule> = {}): Rule => ({
  record,
  expr,
  ...more,
});
const said = (annotations: Record<string, string>): Rule =>
  A('max by (list) (email_blocklist_listed) == 1', { annotations });
const steps = [1, 2, 3, 4, 5].map((n) => `${n}. Look at something and do something.`).join('\n');
const complete = {
  summary: 'It is so.',
  description: '{{ $value | humanize }} in 15 minutes',
  recommended_actions: steps,
  dashboard_url: '/d/deliverability-overview',
  runbook_url: 'docs/runbooks/EmailTest.md',
};

/** What a description leaves out: the value, the threshold, and where mail is counted the window and the number of messages. */
export function unsaid({ expr, annotations = {} }: Rule, rules: readonly Rule[]): string[] {
  const { description = '' } = annotations;
  const sources = [...sourcesOf(expr, rules)];
  const tree = treeOf(expr);
  // What fires at 0 or 1 says nothing by its value; what matters is when that was found out.
  const isFlag = 'top' in tree && tree.top.getChild('Eql') !== null && /== [01]$/.test(expr.trim());
  const counts = sources.some(
    (name) => name.startsWith('email_') && (isCounter(name) || name === 'email_measurement_samples'),
  );
  const wanted: [part: string, needed: boolean, pattern: RegExp][] = [
    ['the value', !isFlag, /\$value/],
    ['the threshold', sources.some((name) => /(^|:)email_threshold:/.test(name)), /email_threshold:|:ratio_limit/],
    ['the window', counts, /\b(minutes?|hours?|days?)\b/],
    ['out of how many', counts, /:samples|_samples[:{]|email_attempts:|email_sent:|\b[Ss]amples? (is|are)\b/],
    ['how old the finding is', isFlag, /_timestamp_seconds/],
  ];
  return wanted.filter(([, needed, pattern]) => needed && !pattern.test(description)).map(([part]) => part);
}

export const LINTS: Readonly<Record<string, Lint>> = {
  'alerts/comparison': {
    finds: ({ alert, expr }, { rules }) => {
      const tree = treeOf(expr);
      if (alert === undefined || alert === 'Watchdog' || 'broken' in tree) return [];
      return selects(tree.top, expr, rules) ? [] : ['always fires'];
    },
    broken: [
      [A('sum by (sending_domain) (increase(email_bounced_total[15m]))'), /always fires/],
      [A('domain:email_bounced:ratio_rate15m >= bool 0.05'), /always fires/],
      [A('domain:email_bounced:ratio_rate15m'), /always fires/],
      [A('domain:email_bounced:ratio_rate15m > 0.1 or domain:email_bounced:ratio_rate1m'), /always fires/],
      [A('max_over_time((email_blocklist_listed == bool 1)[15m:1m])'), /always fires/],
      [A('vector(1)'), /always fires/],
    ],
  },

  'alerts/template': {
    finds: ({ alert, expr, labels = {}, annotations = {} }, { labelsOf }) => {
      if (alert === undefined) return [];
      const { labels: of } = check(expr, labelsOf);
      const all = of && new Set([...of, ...Object.keys(labels)]);
      return [
        ...Object.entries(labels).flatMap(([label, text]) =>
          text.includes('{{') ? [`the label ${label} is a template: it changes while the alert fires`] : [],
        ),
        ...Object.values(annotations).flatMap((text) => templateProblems(text, all, labelsOf)),
      ];
    },
    broken: [
      [A('up == 0', { labels: { severity: 'high', now: '{{ $value }}' } }), /the label now is a template/],
      [said({ summary: '{{ $labels.target }}' }), /the alert has no label target/],
      [said({ summary: '{{ .Labels.instance }}' }), /there is no label instance/],
      [said({ description: '{{ $value }}' }), /not made readable/],
      [said({ description: '{{ with query "vector(1)" }}{{ . | first | value }}{{ end }}' }), /not made readable/],
      [
        said({ description: '{{ query "vector(1)" | first | value | humanize }}' }),
        /fails when the query finds nothing/,
      ],
      [
        said({ description: '{{ with query "email_bounced_totl" }}{{ end }}' }),
        /no metric is named email_bounced_totl/,
      ],
      [
        said({
          description: `{{ with printf "email_blocklist_listed{list='%s',kind='%s'}" $labels.list | query }}{{ end }}`,
        }),
        /2 verbs for 1 values/,
      ],
      [
        said({ description: '{{ range query "max by (list) (email_blocklist_health)" }}{{ .Labels.state }}{{ end }}' }),
        /no label state/,
      ],
      [
        said({ description: '{{ range query "email_blocklist_health" }}{{ else }}{{ .Labels.state }}{{ end }}' }),
        /no label state/,
      ],
    ],
  },

  'alerts/annotation': {
    finds: ({ alert, annotations = {} }) => {
      if (alert === undefined) return [];
      const { summary = '', recommended_actions = '' } = annotations;
      const numbered = recommended_actions.split('\n').map((step) => /^(\d)\. \w.{15,}[.?]$/.exec(step)?.[1]);
      return [
        ...ANNOTATIONS.filter((name) => !annotations[name]).map((name) => `has no ${name}`),
        ...Object.keys(annotations)
          .filter((name) => !ANNOTATIONS.includes(name))
          .map((name) => `nobody shows ${name}`),
        ...(/\$value|query/.test(summary) ? ['a summary that changes cannot be a title'] : []),
        ...(numbered.join('') === '12345' ? [] : ['recommended_actions are not five numbered sentences']),
      ];
    },
    broken: [
      [A('up == 0', { annotations: { ...complete, runbook_url: '' } }), /has no runbook_url/],
      [A('up == 0', { annotations: { ...complete, hint: 'x' } }), /nobody shows hint/],
      [
        A('up == 0', { annotations: { ...complete, summary: '{{ $value | humanize }} bounced.' } }),
        /cannot be a title/,
      ],
      [A('up == 0', { annotations: { ...complete, recommended_actions: steps.replace('4. ', '') } }), /five numbered/],
      [
        A('up == 0', {
          annotations: {
            ...complete,
            recommended_actions: steps.replace('Look at something and do something.', 'Look.'),
          },
        }),
        /five/,
      ],
    ],
  },

  'alerts/description': {
    finds: (rule, { rules }) =>
      rule.alert?.startsWith('Email') ? unsaid(rule, rules).map((part) => `the description does not tell ${part}`) : [],
    broken: [
      [
        A('domain:email_bounced:ratio_rate15m > 0.1', {
          annotations: { description: 'in 15 minutes of domain:email_bounced:samples15m' },
        }),
        /the value/,
      ],
      [
        A('domain:email_bounced:ratio_rate15m > 0.1', {
          annotations: { description: '$value of domain:email_bounced:samples15m' },
        }),
        /the window/,
      ],
      [
        A('domain:email_bounced:ratio_rate15m > 0.1', { annotations: { description: '$value in 15 minutes' } }),
        /out of how many/,
      ],
      [
        A(
          'target:email_reputation_score:max <= on (target) group_left () target:email_threshold:reputation_score{severity="high"}',
          { annotations: { description: '$value' } },
        ),
        /the threshold/,
      ],
      [said({ description: 'It is listed.' }), /how old the finding is/],
    ],
  },

  'promql/aggregate': {
    finds: ({ record, alert, expr, annotations = {} }, world) => {
      const labels = ALL_LABELS(expr, world);
      const told = JSON.stringify(annotations);
      const level = record?.split(':')[0] ?? '';
      const replicas = TARGET.filter((label) => labels.has(label));
      return [
        ...(record !== undefined && replicas.length > 0
          ? [`${replicas} are in the result: replicas are not summed`]
          : []),
        ...(alert !== undefined && replicas.length > 0 && !told.includes('$labels.instance')
          ? [`${replicas} are in the result, and nothing says which instance it is about`]
          : []),
        // A threshold is by the last of them: of a campaign, whoever sends it.
        ...(LEVELS[level] ?? [])
          .slice(record?.includes(':email_threshold:') ? -1 : 0)
          .filter((label) => !labels.has(label))
          .map((label) => `${level} series without ${label}`),
        ...walk(expr).flatMap(({ node, parents, text }) => {
          if (node.name === 'FunctionCall' && OVER_RANGES.includes(callee(node, expr))) {
            const above = parents.find(({ name }) => name === 'AggregateExpr');
            return above && callee(above, expr) === 'sum' ? [] : [`not summed over replicas: ${text}`];
          }
          if (node.name === 'AggregateExpr' && callee(node, expr) === 'avg')
            return /ratio|rate\d/.test(text) ? [`an average of ratios: ${text}`] : [];
          if (node.name === 'FunctionCall' && callee(node, expr) === 'clamp_min')
            return /^clamp_min\((rate|increase)/.test(text) ? [`hides small numbers: ${text}`] : [];
          return [];
        }),
      ];
    },
    broken: [
      [R('sum without (provider, class, reason) (increase(email_bounced_total[15m]))'), /replicas are not summed/],
      [A('max without (kind) (email_blocklist_listed) == 1'), /nothing says which instance/],
      [R('sum by (source) (increase(email_bounced_total[15m]))'), /domain series without sending_domain/],
      [R('max by (sending_domain) (increase(email_bounced_total[15m]))'), /not summed over replicas/],
      [R('increase(email_bounced_total[15m])'), /not summed over replicas/],
      [R('avg by (sending_domain) (domain_ip:email_bounced:ratio_rate15m)'), /an average of ratios/],
      [R('sum by (sending_domain) (clamp_min(increase(email_bounced_total[15m]), 1))'), /hides small numbers/],
    ],
  },

  'promql/fragile': {
    finds: ({ expr }) =>
      walk(expr).flatMap(({ node, text }) => {
        if (
          node.name === 'AggregateExpr' &&
          ['topk', 'bottomk', 'limitk', 'limit_ratio', 'count_values'].includes(callee(node, expr))
        )
          return [`its members change from one evaluation to the next: ${text}`];
        if (node.name === 'FunctionCall' && /^(sort|hour|minute|day_|days_|month|year)/.test(callee(node, expr)))
          return [`no condition of an alert: ${text}`];
        return [];
      }),
    broken: [
      [A('topk(3, domain:email_bounced:ratio_rate15m) > 0.1'), /members change/],
      [A('count_values("n", domain:email_bounced:ratio_rate15m) > 3'), /members change/],
      [A('domain:email_bounced:ratio_rate15m > 0.1 and on () hour() > 8'), /no condition/],
    ],
  },

  'promql/impossible': {
    finds: ({ expr }, { labelsOf }) => check(expr, labelsOf).problems,
    broken: [
      [A('email_bounced_totl > 0'), /no metric is named/],
      [A('sum by (campaign) (increase(email_bounced_total[15m])) > 0'), /by campaign/],
      [A('domain:email_bounced:ratio_rate15m > email_threshold:bounce_ratio'), /only on one side/],
      [
        A(
          'domain:email_issue:active{issue_type="high_bounce_rate"} == 1 unless domain:email_issue:active{issue_type="content_filtering"} == 1',
        ),
        /is high_bounce_rate on one side/,
      ],
      [
        A('domain:email_bounced:ratio_rate15m > on (provider) group_left () provider:email_threshold:deferral_ratio'),
        /on provider/,
      ],
    ],
  },

  'promql/vector_matching': {
    finds: ({ expr }, { labelsOf }) => check(expr, labelsOf).crowded,
    broken: [
      [
        A(
          'domain:email_bounced:ratio_rate15m >= on (sending_domain) group_left () domain:email_threshold:bounce_ratio',
        ),
        /several of severity/,
      ],
      [
        A(
          'domain_ip:email_bounced:ratio_rate15m >= on (sending_domain) domain:email_threshold:bounce_ratio{severity="high"}',
        ),
        /several of (source|sending_ip)/,
      ],
      [
        R('domain_ip:email_bounced:increase15m + ignoring (sending_ip) domain:email_bounced:increase15m'),
        /several of|only on one side/,
      ],
    ],
  },

  'promql/nan': {
    finds: ({ expr }) =>
      walk(expr).flatMap(({ node, parents, text }) => {
        if (node.name !== 'BinaryExpr' || node.getChild('Div') === null) return [];
        const divisor = operands(node)[1]!;
        const guard = /^\(.*> 0\)$|^\d|\+ [\d.]+\)$/s.test(expr.slice(divisor.from, divisor.to));
        // A comparison drops 0/0, and x/0 is more than anything.
        const compared = parents.find(({ name }) => name !== 'ParenExpr');
        return guard || COMPARISONS.some((name) => compared?.getChild(name)) ? [] : [`0/0 is NaN: ${text}`];
      }),
    broken: [
      [R('domain:email_bounced:increase15m / domain:email_bounced:samples15m'), /0\/0/],
      [R('(domain:email_bounced:increase15m / (domain:email_bounced:samples15m)) * 2'), /0\/0/],
    ],
  },

  'promql/rate': {
    finds: ({ expr }) =>
      walk(expr).flatMap(({ node, parents, text }) => {
        if (node.name === 'FunctionCall') {
          const [name, range] = [callee(node, expr), operands(node)[0]];
          if (OVER_RANGES.includes(name) && range?.name !== 'MatrixSelector') return [`${name} of no counter: ${text}`];
        }
        if (node.name === 'BinaryExpr' && node.getChild('Or')) {
          const [a, b] = operands(node).map(
            (side) => new RegExp(`^(${OVER_RANGES.join('|')})\\((\\w+)`).exec(expr.slice(side.from, side.to))?.[2],
          );
          if (a !== undefined && b !== undefined && a !== b)
            return [`both sides have the same labels, so ${b} is never seen: ${text}`];
        }
        if (node.name !== 'VectorSelector') return [];
        const { name = '' } = selectorOf(node, expr);
        const above = parents.findIndex(({ name }) => name === 'FunctionCall');
        const call = above === -1 ? '' : callee(parents[above]!, expr);
        const matrix = parents[0]?.name === 'MatrixSelector' ? parents[0] : undefined;
        // `0 * x` only tells that x is there.
        const zeroed = parents.some((one) => one.getChild('Mul') && expr.startsWith('0 *', one.from));
        const direct = matrix !== undefined && OVER_RANGES.includes(call);
        const window = matrix ? seconds(expr.slice(matrix.from, matrix.to).replace(/^.*\[(.*)\]$/s, '$1')) : Number.NaN;
        return [
          ...(isCounter(name) && !direct && !zeroed ? [`a counter as it stands: ${name}`] : []),
          ...(direct && !isCounter(name) ? [`${call} of a gauge: ${name}`] : []),
          // Four scrapes, so that one may fail.
          ...(direct && window < 40 ? [`${call} over less than four scrapes: ${text}`] : []),
        ];
      }),
    broken: [
      [R('sum by (sending_domain) (email_bounced_total)'), /a counter as it stands/],
      [R('sum by (sending_domain) (max_over_time(email_bounced_total[15m]))'), /a counter as it stands/],
      [R('sum by (target) (increase(email_reputation_score[15m]))'), /increase of a gauge/],
      [R('sum by (sending_domain) (rate(domain:email_bounced:increase15m[15m]))'), /rate of a gauge/],
      [R('sum by (sending_domain) (increase(email_bounced_total[30s]))'), /less than four scrapes/],
      [R('rate(sum by (sending_domain) (email_bounced_total)[15m:1m])'), /rate of no counter/],
      [R('rate(email_opens_total[15m]) or rate(email_clicks_total[15m])'), /email_clicks_total is never seen/],
    ],
  },

  'promql/regexp': {
    finds: ({ expr }) =>
      walk(expr).flatMap(({ node }) => {
        if (node.name !== 'VectorSelector') return [];
        return selectorOf(node, expr).matchers.flatMap(({ label, op, value }) => {
          if (!op.includes('~')) return [];
          const text = `${label}${op}"${value}"`;
          if (/^\^|\$$/.test(value)) return [`anchored already: ${text}`];
          if (/^\.\*$|^\(\.\*\)$/.test(value)) return [`matches everything: ${text}`];
          if (/^\.\+$/.test(value)) return [`say ${label}${op === '=~' ? '!=' : '='}"": ${text}`];
          if (/^[\w:;/-]*$/.test(value)) return [`no regular expression: ${text}`];
          try {
            new RegExp(value);
          } catch {
            return [`not a regular expression: ${text}`];
          }
          return [];
        });
      }),
    broken: [
      [A('sum by (source) (increase(email_bounced_total{class=~"^hard|soft"}[15m])) > 0'), /anchored already/],
      [A('sum by (source) (increase(email_bounced_total{class=~"hard$"}[15m])) > 0'), /anchored already/],
      [A('sum by (source) (increase(email_bounced_total{class=~".*"}[15m])) > 0'), /matches everything/],
      [A('sum by (source) (increase(email_bounced_total{sending_domain=~".+"}[15m])) > 0'), /say sending_domain!=""/],
      [A('sum by (source) (increase(email_bounced_total{class!~"hard"}[15m])) > 0'), /no regular expression/],
      [A('sum by (source) (increase(email_bounced_total{class=~"(hard|soft"}[15m])) > 0'), /not a regular expression/],
    ],
  },

  'promql/selector': {
    finds: ({ expr, annotations = {} }) =>
      [expr, ...Object.values(annotations).flatMap(queriesOf)].flatMap((query) =>
        walk(query).flatMap(({ node, text }) => {
          if (node.name !== 'VectorSelector') return [];
          const { name, matchers } = selectorOf(node, query);
          if (name === undefined) return [`names no metric: ${text}`];
          return matchers.flatMap(({ label, op, value }) => {
            // printf fills it in.
            if (value === 'x' && query !== expr) return [];
            if (TARGET.includes(label)) return [`${label} is what the operator called it: ${text}`];
            const values = valuesOf(name, label);
            const asked = op.includes('~') ? value.split('|') : [value];
            return values === undefined || value === ''
              ? []
              : asked.filter((one) => !values.includes(one)).map((one) => `${label} is never "${one}": ${text}`);
          });
        }),
      ),
    broken: [
      [A('{issue_type="high_bounce_rate"} > 0'), /names no metric/],
      [
        A('sum by (source) (increase(email_bounced_total{job="exporter"}[15m])) > 0'),
        /job is what the operator called it/,
      ],
      [
        A('sum by (source) (increase(email_bounced_total{reason="blocklists"}[15m])) > 0'),
        /reason is never "blocklists"/,
      ],
      [
        A('sum by (source) (increase(email_bounced_total{reason!~"policy|greylst"}[15m])) > 0'),
        /reason is never "greylst"/,
      ],
      [A('domain:email_threshold:bounce_ratio{severity="warning"} > 0'), /severity is never "warning"/],
      [A('domain:email_issue:active{issue_type="bounces"} == 1'), /issue_type is never "bounces"/],
      [
        A('sum by (source) (increase(deliverability_exporter_posts_total{outcome="busy"}[15m])) > 0'),
        /outcome is never "busy"/,
      ],
      [
        said({ description: `{{ with query "email_blocklist_health{state='well'}" }}{{ end }}` }),
        /state is never "well"/,
      ],
    ],
  },

  'rule/name': {
    finds: ({ record, alert }) => {
      if (alert !== undefined)
        return alert === 'Watchdog' || /^(Email|Deliverability)([A-Z][a-z]+)+$/.test(alert)
          ? []
          : [`${alert} is no name of an alert`];
      if (/^email_threshold:[a-z_]+$/.test(record!)) return [];
      const [level = '', ...rest] = record!.split(':');
      return [
        ...(rest.length === 2 && /^[a-z_]+:[a-z0-9_]+$/.test(rest.join(':'))
          ? []
          : [`${record} is not level:metric:operations`]),
        ...(level in LEVELS ? [] : [`${level} is no level`]),
        ...(/_total\b/.test(record!) ? [`${record}: what is counted is no total any more`] : []),
      ];
    },
    broken: [
      [A('up == 0', { alert: 'email_bounces_high' }), /no name of an alert/],
      [A('up == 0', { alert: 'BounceRateHigh' }), /no name of an alert/],
      [R('vector(1)', 'bounces'), /not level:metric:operations/],
      [R('vector(1)', 'tenant:email_bounced:increase15m'), /tenant is no level/],
      [R('vector(1)', 'domain:email_bounced_total:increase15m'), /no total any more/],
    ],
  },

  'rule/label': {
    finds: ({ record, alert, expr, labels = {} }, world) => {
      const { labels: of = new Set<string>(), fixed } = check(expr, world.labelsOf);
      const shadowed = Object.keys(labels).filter((label) => of.has(label) && fixed.get(label) !== labels[label]);
      const problems = shadowed.map((label) => `${label} of the expression is written over`);
      for (const [label, values] of [
        ['severity', SEVERITIES],
        ['issue_type', ISSUE_TYPES],
      ] as const)
        if (labels[label] !== undefined && !values.includes(labels[label]))
          problems.push(`no ${label} ${labels[label]}`);
      if (record !== undefined) return problems;
      // As with issue types below, the expression may tell.
      if (labels.severity === undefined && !of.has('severity')) problems.push('has no severity');
      // Of an alert that covers several issues, the expression tells which.
      const typed = labels.issue_type !== undefined || of.has('issue_type');
      if (alert!.startsWith('Email') !== typed) problems.push(typed ? 'is not about mail' : 'has no issue_type');
      for (const label of Object.keys(labels))
        if (!['severity', 'issue_type'].includes(label)) problems.push(`nothing routes by ${label}`);
      return problems;
    },
    broken: [
      [A('up == 0', { labels: { severity: 'warning', issue_type: 'high_bounce_rate' } }), /no severity warning/],
      [A('up == 0', { labels: { severity: 'high', issue_type: 'bounces' } }), /no issue_type bounces/],
      [A('up == 0', { labels: { issue_type: 'high_bounce_rate' } }), /has no severity/],
      [A('domain:email_bounced:ratio_rate15m > 0.1', { labels: { severity: 'high' } }), /has no issue_type/],
      [A('up == 0', { alert: 'DeliverabilityTest' }), /is not about mail/],
      [A('domain:email_issue:ratio_rate1h > 0.1'), /issue_type of the expression is written over/],
      [
        A('domain:email_bounced:ratio_rate15m > 0.1', {
          labels: { severity: 'high', issue_type: 'high_bounce_rate', team: 'mail' },
        }),
        /nothing routes by team/,
      ],
    ],
  },

  'rule/for': {
    finds: (rule, _, { interval = '' }) =>
      (['for', 'keep_firing_for'] as const).flatMap((key) => {
        const value = rule[key];
        if (value === undefined) return [];
        const length = seconds(value);
        if (Number.isNaN(length)) return [`${key} ${value} is no duration`];
        if (length === 0) return [`${key} 0 says nothing`];
        return length < seconds(interval) ? [`${key} ${value} is less than the interval ${interval}`] : [];
      }),
    broken: [
      [{ name: 'email_x', interval: '1m', rules: [A('up == 0', { for: '30s' })] }, /less than the interval/],
      [A('up == 0', { for: '0s' }), /says nothing/],
      [A('up == 0', { keep_firing_for: '10 minutes' }), /no duration/],
    ],
  },

  'rule/link': {
    finds: ({ alert, annotations = {} }, { dashboards }) => {
      if (alert === undefined) return [];
      const { runbook_url = '', dashboard_url = '' } = annotations;
      const [, uid = '', query = ''] = /^\/d\/([\w-]+)(?:\?(.*))?$/.exec(dashboard_url) ?? [];
      const variables = dashboards.get(uid);
      const used = [...query.matchAll(/(?:^|&)var-(\w+)=(.*?)(?=&var-|$)/g)];
      return [
        ...(runbook_url === `docs/runbooks/${alert}.md` ? [] : [`${runbook_url} is not its runbook`]),
        ...(existsSync(join(ROOT, runbook_url)) ? [] : [`${runbook_url} does not exist`]),
        ...(variables ? [] : [`there is no dashboard ${dashboard_url}`]),
        ...used.flatMap(([, name, value]) => [
          ...(variables && !variables.has(name!) ? [`${uid} has no variable ${name}`] : []),
          ...(/\| urlquery \}\}$/.test(value!) ? [] : [`${name} is not made fit for a URL`]),
        ]),
      ];
    },
    broken: [
      [
        A('up == 0', {
          alert: 'Watchdog',
          annotations: { ...complete, runbook_url: 'docs/runbooks/EmailBounceRateHigh.md' },
        }),
        /not its runbook/,
      ],
      [A('up == 0', { annotations: complete }), /does not exist/],
      [A('up == 0', { alert: 'Watchdog', annotations: { ...complete, dashboard_url: '/d/nowhere' } }), /no dashboard/],
      [
        A('up == 0', {
          alert: 'Watchdog',
          annotations: {
            ...complete,
            dashboard_url: '/d/deliverability-overview?var-colour={{ $labels.x | urlquery }}',
          },
        }),
        /no variable colour/,
      ],
      [
        A('up == 0', {
          alert: 'Watchdog',
          annotations: { ...complete, dashboard_url: '/d/deliverability-overview?var-source={{ $labels.source }}' },
        }),
        /not made fit/,
      ],
    ],
  },

  'rule/duplicate': {
    finds: (rule, { rules }) => {
      const name = (one: Rule) =>
        `${one.record ?? one.alert} ${JSON.stringify(Object.entries(one.labels ?? {}).sort())}`;
      const squeezed = (text: string) => text.replace(/\s+/g, ' ').trim();
      const others = rules.filter((one) => one !== rule);
      return [
        ...(others.some((one) => name(one) === name(rule)) ? ['is there twice'] : []),
        ...(rule.record === undefined || /^vector\(/.test(rule.expr)
          ? []
          : others
              .filter((one) => one.record !== undefined && squeezed(one.expr) === squeezed(rule.expr))
              // Under several issue types one number may stand: they are read as families.
              .filter((one) => JSON.stringify(one.labels) === JSON.stringify(rule.labels))
              .map((one) => `is ${one.record} once more`)),
      ];
    },
    broken: [
      [R('vector(1)', 'domain:email_bounced:samples15m'), /is there twice/],
      [A('up == 0', { alert: 'EmailBounceRateHigh' }), /is there twice/],
      [
        R('domain:email_bounced:increase15m + domain:email_delivered:increase15m', 'domain:email_bounced:all15m'),
        /is domain:email_bounced:samples15m once more/,
      ],
    ],
  },

  'group/interval': {
    finds: ({ record }, { rules }, { name, interval }) => {
      const length = seconds(interval ?? '');
      const problems: string[] = [];
      // The alerts on rules go by these names.
      if (!/^(email|deliverability)_[a-z_]+$/.test(name)) problems.push(`${name}: its failures have no alert`);
      if (!(length >= 10 && length % 10 === 0)) problems.push(`${name} has no interval that is a multiple of 10s`);
      if (record === undefined || !(length > 240)) return problems;
      // A sample is seen for five minutes.
      const bare = rules.flatMap(({ expr, annotations = {} }) =>
        [expr, ...Object.values(annotations).flatMap(queriesOf)].filter((query) =>
          walk(query).some(
            ({ node, parents }) =>
              node.name === 'VectorSelector' &&
              selectorOf(node, query).name === record &&
              parents[0]?.name !== 'MatrixSelector',
          ),
        ),
      );
      return [...problems, ...bare.map((query) => `${record} is gone between two evaluations: ${query.slice(0, 60)}`)];
    },
    broken: [
      [{ name: 'email_x', rules: [R('vector(1)')] }, /has no interval/],
      [{ name: 'email_x', interval: '15s', rules: [R('vector(1)')] }, /multiple of 10s/],
      [{ name: 'bounces', interval: '10s', rules: [R('vector(1)')] }, /its failures have no alert/],
      [
        { name: 'email_x', interval: '10m', rules: [R('vector(1)', 'domain:email_bounced:samples15m')] },
        /gone between two evaluations/,
      ],
    ],
  },
};

/** The world with one rule more, in a group of ten seconds where it does not come with its own; and what a lint says of it. */
export function objections(lint: Lint, sample: Rule | Group, world: World): string[] {
  const group: Group = 'rules' in sample ? sample : { name: 'email_test', interval: '10s', rules: [sample] };
  const grown = { ...world, rules: [...world.rules, ...group.rules] };
  return group.rules.flatMap((rule) => lint.finds(rule, grown, group));
}
