/**
 * A dashboard's JSON becomes what grafana/dashboard-linter would find in it: its 17 rules, of which npm and Debian have no program.
 * Stricter in three places: units and descriptions of every kind of panel, and `increase` like `rate`.
 */
import * as units from '@grafana/grafana-foundation-sdk/units';
import { parser } from '@prometheus-io/lezer-promql';

export interface Target {
  refId: string;
  expr?: string;
  datasource?: { type?: string; uid?: string };
  legendFormat?: string;
  instant?: boolean;
  format?: string;
}

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  datasource?: { type?: string; uid?: string };
  gridPos: { x: number; y: number; w: number; h: number };
  collapsed?: boolean;
  panels?: Panel[];
  targets?: Target[];
  fieldConfig?: {
    defaults: { unit?: string; thresholds?: { steps: { value: number | null }[] } };
    overrides: { matcher: { options?: unknown }; properties: { id: string; value?: unknown }[] }[];
  };
}

export interface Variable {
  name: string;
  type: string;
  label?: string;
  query?: string | { query: string };
  datasource?: { uid?: string };
  refresh?: number;
  multi?: boolean;
  allValue?: string;
}

export interface Dashboard {
  uid: string;
  title: string;
  editable?: boolean;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: Variable[] };
  annotations: { list: { name: string; expr?: string; datasource?: { uid?: string } }[] };
  links: { type: string; includeVars?: boolean; keepTime?: boolean }[];
}

export interface Finding {
  rule: string;
  /** Absent: of the dashboard as a whole. */
  panel?: number;
  message: string;
}

/** All that are drawn, also those in closed rows; rows themselves not. */
export const panelsOf = ({ panels }: Pick<Dashboard, 'panels'>): Panel[] =>
  panels.flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]));

/** Durations that nobody writes by hand stand for Grafana's, so that they can be told from written ones. */
const DURATIONS = { __rate_interval: '11m7s', __interval: '13m', __range: '17m' } as const;

export function parseable(expr: string): string {
  return expr.replace(
    /\$\{?(__rate_interval|__interval|__range)\b\}?/g,
    (_, name: keyof typeof DURATIONS) => DURATIONS[name],
  );
}

type Node = ReturnType<typeof parser.parse>['topNode'];

/** Every node of the kind, with its text and, innermost first, the nodes around it. */
function nodes(expr: string, kind: string): { node: Node; text: string; around: Node[] }[] {
  const found: { node: Node; text: string; around: Node[] }[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, node, from, to }) => {
      if (name !== kind) return;
      const around: Node[] = [];
      for (let up = node.parent; up; up = up.parent) around.push(up);
      found.push({ node, text: expr.slice(from, to), around });
    },
  });
  return found;
}

const text = (expr: string, node: Node | null | undefined): string => (node ? expr.slice(node.from, node.to) : '');

export function parses(expr: string): boolean {
  let whole = expr.trim() !== '';
  parser.parse(expr).iterate({
    enter: ({ type }) => {
      if (type.isError) whole = false;
    },
  });
  return whole;
}

/** Function right around a range selector, and the range as written. */
const ranges = (expr: string) =>
  nodes(expr, 'MatrixSelector').map(({ node, around }) => ({
    of: text(expr, around.find(({ name }) => name === 'FunctionCall')?.getChild('FunctionIdentifier')),
    range: text(expr, node.getChild('DurationExpr')),
  }));

const metrics = (expr: string) =>
  nodes(expr, 'VectorSelector').map(({ node, around }) => ({
    name: text(expr, node.getChild('Identifier')),
    matchers: (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) =>
      text(expr, matcher),
    ),
    ranged: around[0]?.name === 'MatrixSelector',
    of: text(expr, around[1]?.name === 'FunctionCallBody' ? around[2]?.getChild('FunctionIdentifier') : undefined),
  }));

type PerDashboard = (board: Dashboard) => string[];
type PerPanel = (panel: Panel, board: Dashboard) => string[];
type PerTarget = (expr: string, target: Target) => string[];

const chosen = (uid: string | undefined) => uid === '${datasource}' || uid === '$datasource';
const must = (holds: boolean, message: string): string[] => (holds ? [] : [message]);

function templated(label: string, title: string): PerDashboard {
  return ({ templating }) => {
    const variable = templating.list.find(({ name }) => name === label);
    if (!variable) return [`there is no variable ${label}`];
    return [
      ...must(variable.type === 'query' && chosen(variable.datasource?.uid), `${label} is no query of the data source`),
      ...must(variable.label === title, `${label} is not labelled ${title}`),
      ...must(variable.multi === true && variable.allValue === '.+', `${label} does not offer several, and all by .+`),
    ];
  };
}

const matched =
  (label: string): PerTarget =>
  (expr) =>
    metrics(expr)
      .filter(({ matchers }) => !matchers.some((matcher) => matcher.replaceAll(' ', '') === `${label}=~"$${label}"`))
      .map(({ name }) => `${name} is not chosen by ${label}`);

const DASHBOARD_RULES: Record<string, PerDashboard> = {
  'template-datasource-rule': ({ templating }) => {
    const sources = templating.list.filter(({ type }) => type === 'datasource');
    const named = sources.every(({ name, label }) => name === 'datasource' && /^data source$/i.test(label ?? ''));
    return must(
      sources.length === 1 && named,
      'there must be one variable for the data source: datasource, labelled Data Source',
    );
  },
  'template-job-rule': templated('job', 'Job'),
  'template-instance-rule': templated('instance', 'Instance'),
  'template-label-promql-rule': ({ templating }) =>
    templating.list
      .filter(({ type }) => type === 'query')
      .flatMap(({ name, query }) => {
        const asked = /^(label_names|label_values|metrics|query_result)\((?:(.+),\s*)?[^,()]*\)$/.exec(
          typeof query === 'string' ? query : (query?.query ?? ''),
        );
        return must(
          asked !== null && (asked[2] === undefined || parses(asked[2])),
          `${name} asks nothing that Prometheus answers`,
        );
      }),
  'template-on-time-change-reload-rule': ({ templating }) =>
    templating.list
      .filter(({ type, refresh }) => type === 'query' && refresh !== 2)
      .map(({ name }) => `${name} does not reload when the time range changes`),
  'uneditable-dashboard': ({ editable }) => must(editable === false, 'it is editable'),
};

const known = new Set<unknown>(Object.values(units));
const PANEL_RULES: Record<string, PerPanel> = {
  'panel-datasource-rule': ({ datasource }) => must(chosen(datasource?.uid), 'it does not use the chosen data source'),
  'panel-title-description-rule': ({ title, description }) =>
    must(Boolean(title?.trim()) && Boolean(description?.trim()), 'title or description is missing'),
  'panel-units-rule': ({ fieldConfig }) => {
    const set = fieldConfig?.overrides.flatMap(({ properties }) => properties).filter(({ id }) => id === 'unit') ?? [];
    const all = [fieldConfig?.defaults.unit, ...set.map(({ value }) => value)];
    return all.flatMap((unit) => must(known.has(unit), `${unit} is no unit of Grafana`));
  },
  'panel-no-targets-rule': ({ targets }) => must((targets ?? []).length > 0, 'it asks nothing'),
};

const PROMETHEUS_ONLY: PerTarget = (_, { datasource }) =>
  must(datasource?.type === 'prometheus' && chosen(datasource.uid), 'not a query of the chosen Prometheus');

const TARGET_RULES: Record<string, PerTarget> = {
  // No dashboard here reads logs: what these two would check of LogQL is checked by there being none.
  'target-logql-rule': PROMETHEUS_ONLY,
  'target-logql-auto-rule': PROMETHEUS_ONLY,
  'target-promql-rule': (expr) => must(parses(expr), `no PromQL: ${expr}`),
  'target-rate-interval-rule': (expr) =>
    ranges(expr)
      .filter(({ of, range }) => ['rate', 'irate', 'increase'].includes(of) && range !== DURATIONS.__rate_interval)
      .map(({ of, range }) => `${of} over ${range}, not $__rate_interval`),
  'target-job-rule': matched('job'),
  'target-instance-rule': matched('instance'),
  'target-counter-agg-rule': (expr) =>
    metrics(expr)
      .filter(
        ({ name, ranged, of }) => name.endsWith('_total') && !(ranged && ['rate', 'irate', 'increase'].includes(of)),
      )
      .map(({ name }) => `${name} is a counter outside rate, irate or increase`),
};

export const RULES = [...Object.keys(DASHBOARD_RULES), ...Object.keys(PANEL_RULES), ...Object.keys(TARGET_RULES)];

export function lint(board: Dashboard): Finding[] {
  const panels = panelsOf(board);
  return [
    ...Object.entries(DASHBOARD_RULES).flatMap(([rule, check]) => check(board).map((message) => ({ rule, message }))),
    ...panels.flatMap((panel) =>
      Object.entries(PANEL_RULES).flatMap(([rule, check]) =>
        check(panel, board).map((message) => ({ rule, panel: panel.id, message })),
      ),
    ),
    ...panels.flatMap((panel) =>
      (panel.targets ?? []).flatMap((target) =>
        Object.entries(TARGET_RULES).flatMap(([rule, check]) =>
          check(parseable(target.expr ?? ''), target).map((message) => ({ rule, panel: panel.id, message })),
        ),
      ),
    ),
  ];
}
