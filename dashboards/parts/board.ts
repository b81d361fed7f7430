/**
 * Panels become a dashboard in Grafana's classic JSON (schemaVersion 42), without what its generator adds by machine
 * (@grafana/grafana-foundation-sdk 0.0.21).
 */
import {
  AnnotationQueryBuilder,
  ConstantVariableBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PLACES } from './links.ts';
import { COLOURS } from './looks.ts';
import { alerts, type Filter, LABELS, PROMETHEUS } from './queries.ts';

const TAG = 'deliverability';

function variable(label: Filter): QueryVariableBuilder {
  const { title, of } = LABELS[label];
  const query = `label_values(${of}, ${label})`;
  return (
    new QueryVariableBuilder(label)
      .label(title)
      .datasource(PROMETHEUS)
      .query({ query, refId: label })
      .definition(query)
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .sort(VariableSort.NaturalAsc)
      .multi(true)
      .includeAll(true)
      // Not `.+`: an alert that is about no domain has no such label and must show up under "All".
      .allValue('.*')
      .current({ text: ['All'], value: ['$__all'] })
  );
}

// --- Marks ---------------------------------------------------------------------------------------------------------------

const mark = (name: string, color: string, expr: string): AnnotationQueryBuilder =>
  new AnnotationQueryBuilder().name(name).datasource(PROMETHEUS).enable(true).iconColor(color).expr(expr);

/** Only the moment in which it began to be: were all drawn for as long as they last, nothing else would be seen. */
const beginning = (expr: (offset: string) => string): string =>
  `${expr('')}\nunless ${expr(' offset $__rate_interval')}`;
const firingOf =
  (filters: readonly Filter[], severity: 'critical' | 'high') =>
  (offset: string): string =>
    `max by (alertname, sending_domain, target, provider, campaign, source, instance) (ALERTS${alerts(filters, 'alertstate="firing"', `severity="${severity}"`)}${offset})`;
const TELLS = '{{sending_domain}} {{target}} {{provider}} {{campaign}} {{source}} {{instance}}';

/** Shaded for as long as they fire. */
const criticalMarks = (filters: readonly Filter[]): AnnotationQueryBuilder =>
  mark('Critical alerts', COLOURS.critical, firingOf(filters, 'critical')(''))
    .titleFormat('{{alertname}}')
    .textFormat(TELLS);
const highMarks = (filters: readonly Filter[]): AnnotationQueryBuilder =>
  mark('High alerts', COLOURS.high, beginning(firingOf(filters, 'high')))
    .titleFormat('{{alertname}}')
    .textFormat(TELLS);

const remedyMarks = mark(
  'Remedies',
  COLOURS.remedy,
  beginning((offset) => `(max by (strategy) (email_remediation_active{mode="enforce"}${offset}) > 0)`),
)
  .titleFormat('{{strategy}}')
  .textFormat('Applied');

/** prom-client tells when its process began. The window grows with the step, so that none is overlooked between two of them. */
const restartMarks = mark(
  'Exporter restarts',
  COLOURS.plain,
  'changes(process_start_time_seconds[$__rate_interval]) > 0 and on (job, instance) deliverability_exporter_build_info',
)
  .titleFormat('Exporter restarted')
  .textFormat('{{instance}}');

// --- Places --------------------------------------------------------------------------------------------------------------

/** A panel as its builder leaves it, once its place is known. */
export interface Placeable {
  id(id: number): this;
  description(description: string): this;
  gridPos(place: { x: number; y: number; w: number; h: number }): this;
  build(): Panel;
}

export interface Line {
  height: number;
  panels: readonly (readonly [id: number, width: number, panel: Placeable])[];
}

export interface Row {
  row: string;
  id: number;
  /** Not queried until somebody opens it. */
  closed?: true;
  lines: readonly Line[];
}

/** Panels from left to right, line below line. Ids are written down, so that links to a panel go on working. */
function place(lines: readonly Line[], top: number, add: (panel: Placeable) => void): number {
  let y = top;
  for (const { height, panels } of lines) {
    let x = 0;
    for (const [id, w, panel] of panels) {
      add(panel.id(id).gridPos({ x, y, w, h: height }));
      x += w;
    }
    y += height;
  }
  return y;
}

function placeRow(board: DashboardBuilder, { row, id, closed, lines }: Row, y: number): number {
  const header = new RowBuilder(row)
    .id(id)
    .gridPos({ x: 0, y, w: 24, h: 1 })
    .collapsed(closed === true);
  if (closed) {
    place(lines, y + 1, (panel) => header.withPanel(panel));
    board.withRow(header);
    return y + 1;
  }
  board.withRow(header);
  return place(lines, y + 1, (panel) => board.withPanel(panel));
}

const list = (all: readonly string[]): string =>
  all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;

/** What a variable does not narrow must not look as if it did: the description says so. */
function tellNarrowing(panel: Placeable, filters: readonly Filter[]): void {
  const { description = '', targets = [] } = panel.build();
  const asked = JSON.stringify(targets);
  const deaf = filters.filter((label) => !asked.includes(`$${label}`));
  if (deaf.length === 0) return;
  const titles = deaf.map((label) => (label === 'sending_ip' ? 'IP' : LABELS[label].title.toLowerCase()));
  panel.description(`${description} Not narrowed by ${list(titles)}.`);
}

export interface Board {
  uid: string;
  title: string;
  description: string;
  filters: readonly Filter[];
  /** What is seen without scrolling. */
  top: readonly Line[];
  rows: readonly Row[];
  /** Default: the last six hours. */
  from?: string;
}

export function dashboard({ uid, title, description, filters, top, rows, from = 'now-6h' }: Board): Dashboard {
  const board = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from, to: 'now' })
    .refresh('30s')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data Source').type('prometheus'))
    .annotation(criticalMarks(filters))
    .annotation(highMarks(filters))
    .annotation(remedyMarks)
    .annotation(restartMarks)
    .link(
      new DashboardLinkBuilder('Deliverability')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    );
  for (const filter of filters) board.withVariable(variable(filter));
  for (const [name, value] of Object.entries(PLACES))
    board.withVariable(new ConstantVariableBuilder(name).value(value));
  const lines = [...top, ...rows.flatMap((row) => row.lines)];
  for (const [, , panel] of lines.flatMap(({ panels }) => panels)) tellNarrowing(panel, filters);
  let y = place(top, 0, (panel) => board.withPanel(panel));
  for (const row of rows) y = placeRow(board, row, y);
  return board.build();
}

/** Set on every object by the generator, whatever the dashboard says; `placement` would even hide links in a menu. */
const NOISE: Record<string, (value: unknown) => boolean> = {
  placement: (value) => value === 'inControlsMenu',
  repeatDirection: () => true,
  auto: (value) => value === false,
  auto_min: () => true,
  auto_count: () => true,
  builtIn: (value) => value === 0,
  transparent: (value) => value === false,
  skipUrlSync: (value) => value === false,
  multi: (value) => value === false,
  includeAll: (value) => value === false,
  allowCustomValue: (value) => value === true,
};

/** The JSON that is committed: key by key as built, less the noise. */
export function print(board: Dashboard): string {
  const clean = (key: string, value: unknown): unknown => (key in NOISE && NOISE[key]!(value) ? undefined : value);
  return `${JSON.stringify(board, clean, 2)}\n`;
}
