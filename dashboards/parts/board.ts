/**
 * Panels become a dashboard in Grafana's classic JSON (schemaVersion 42), without what its generator adds by machine
 * (@grafana/grafana-foundation-sdk 0.0.21).
 */
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type DynamicConfigValue,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
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

/** A panel as its builder leaves it, once its place is known. */
export interface Placeable {
  id(id: number): this;
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

export interface Board {
  uid: string;
  title: string;
  description: string;
  filters: readonly Filter[];
  /** What is seen without scrolling. */
  top: readonly Line[];
  rows: readonly Row[];
}

export function dashboard({ uid, title, description, filters, top, rows }: Board): Dashboard {
  const board = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data Source').type('prometheus'))
    .annotation(
      new AnnotationQueryBuilder()
        .name('Alerts')
        .datasource(PROMETHEUS)
        .enable(true)
        .iconColor('red')
        .expr(`ALERTS${alerts('alertstate="firing"', 'severity=~"critical|high|medium"')}`)
        .titleFormat('{{alertname}}')
        .textFormat('{{severity}} {{sending_domain}} {{source}} {{instance}}')
        .tagKeys('issue_type'),
    )
    .link(
      new DashboardLinkBuilder('Deliverability')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    );
  for (const filter of filters) board.withVariable(variable(filter));
  let y = place(top, 0, (panel) => board.withPanel(panel));
  for (const row of rows) y = placeRow(board, row, y);
  return board.build();
}

/** Where a click on a name leads: the same dashboard, for that name alone, in the same time. */
export const linkTo = (uid: string, label: Filter): DynamicConfigValue => ({
  id: 'links',
  value: [
    {
      title: `Only this ${LABELS[label].title.toLowerCase()}`,
      url: `/d/${uid}?\${datasource:queryparam}&var-${label}=\${__value.raw}&\${__url_time_range}`,
    },
  ],
});

/** Set on every object by the generator, whatever the dashboard says; `placement` would even hide links in a menu. */
const NOISE: Record<string, (value: unknown) => boolean> = {
  placement: (value) => value === 'inControlsMenu',
  repeatDirection: () => true,
  auto: (value) => value === false,
  auto_min: () => true,
  auto_count: () => true,
  builtIn: (value) => value === 0,
  transparent: (value) => value === false,
};

/** The JSON that is committed: key by key as built, less the noise. */
export function print(board: Dashboard): string {
  const clean = (key: string, value: unknown): unknown => (key in NOISE && NOISE[key]!(value) ? undefined : value);
  return `${JSON.stringify(board, clean, 2)}\n`;
}
