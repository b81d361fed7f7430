/** One way to draw a ratio, its course, a flow of mail, an amount, a table of what is worst. */
import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  PercentChangeColorMode,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TableCellBackgroundDisplayMode,
  TableCellDisplayMode,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTextDisplayOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';
import { CELL_STATES, COLOURS, LIMIT_LINES, limitColours, limitLines, limitQuery, noLimit, STATES } from './looks.ts';
import { type Limit, PROMETHEUS, query, where, worst } from './queries.ts';
import { byDomain, byDomainEvident, ofAll, ofAllEvident, type Rate, withAll } from './rates.ts';

export const last = () => new ReduceDataOptionsBuilder().calcs(['lastNotNull']);
export const stacked = () => new StackingConfigBuilder().mode(StackingMode.Normal).group('A');

/** A ratio now: all mail beside the worst domain by name, coloured by the thresholds, with its course and how it changed. */
export function tile(title: string, rate: Rate, decimals: number, description: string): Stat {
  const { limit } = rate;
  const expr = withAll(ofAllEvident(rate), worst(1, 'sending_domain', byDomainEvident(rate), limit, 'now'));
  return new Stat()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .withTarget(query('A', expr, { legend: '{{sending_domain}}' }))
    .withTarget(limitQuery('limits', limit))
    .withTransformation(limitColours('limits', limit))
    .unit('percentunit')
    .decimals(decimals)
    .thresholds(noLimit())
    .noValue('Too little to judge')
    .reduceOptions(last())
    .textMode(BigValueTextMode.ValueAndName)
    .colorMode(BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.Area)
    .showPercentChange(true)
    .percentChangeColorMode(
      limit.worse === 'above' ? PercentChangeColorMode.Inverted : PercentChangeColorMode.Standard,
    );
}

/** How all is, from 0 to 100. No threshold speaks of it, so it has no colour: what is wrong has. */
export const scoreTile = (): Stat =>
  sparkled(
    'Health score',
    'email_kpi:health:score',
    'none',
    'Of 100, over all mail: bounces, complaints, inbox, reputation and the rest, each against its threshold, as rules/ record it. Where nothing measures a part, the others count for it.',
  )
    .decimals(0)
    .max(100)
    .noValue('Not known yet');

/** From 0 on, but where less is worse: there the low end is far from what matters. */
export function series(title: string, unit: string, description: string, from: 0 | 'near' = 0): TimeSeries {
  const panel = new TimeSeries()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .unit(unit)
    // Of many colours, so that lines can be told apart. Thresholds are dashed and states are filled: a red line is taken for neither.
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic))
    .lineWidth(1)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi));
  return from === 0 ? panel.min(0) : panel;
}

/** The course of a figure and the threshold lines. */
export function trend(
  title: string,
  unit: string,
  expr: string,
  limit: Limit,
  description: string,
  legend = '{{sending_domain}}',
): TimeSeries {
  return series(title, unit, description, limit.worse === 'above' ? 0 : 'near')
    .withTarget(query('A', expr, { legend }))
    .withTarget(limitLines('limits', limit))
    .overrideByName('All mail', ALL_MAIL)
    .overrideByName('high', LIMIT_LINES.high)
    .overrideByName('critical', LIMIT_LINES.critical);
}
const ALL_MAIL: DynamicConfigValue[] = [
  { id: 'color', value: { mode: 'fixed', fixedColor: 'text' } },
  { id: 'custom.lineWidth', value: 2 },
];

const SIX =
  'The six domains that were worst at some time, and all mail. Dashed: the thresholds in force. Marked: alerts, remedies, restarts.';
const BAND =
  ' Grey: what is usual for the one that was worst, by its last day, until half a day is known the middle half of it. Dots: hours that were unusual for their domain by the week before.';

/** The same with what is usual for the worst domain as a band, and hours that were unusual as dots; see rules/unusual.yml. */
export function ratioTrend(title: string, rate: Rate): TimeSeries {
  const { limit, issue } = rate;
  const lines = withAll(ofAll(rate), worst(6, 'sending_domain', byDomain(rate), limit, 'ever'));
  const panel = trend(title, 'percentunit', lines, limit, issue ? SIX + BAND : SIX);
  if (!issue) return panel;
  const its = (name: string, ...more: string[]) =>
    `max by (sending_domain) (domain:email_issue:${name}${where(['sending_domain'], `issue_type="${issue}"`, ...more)}`;
  const ofWorst = `and on (sending_domain)\ntopk(1, max by (sending_domain) (max_over_time(domain:email_issue:ratio_rate1h${where(['sending_domain'], `issue_type="${issue}"`)}[$__range] @ end())))`;
  return panel
    .withTarget(
      query(
        'usual_most',
        `(\n${its('ratio_fence1d', 'severity="high"')} offset 2h)\nor\n${its('ratio_p75_1d')})\n)\n${ofWorst}`,
        { legend: 'usual for {{sending_domain}}' },
      ),
    )
    .withTarget(query('usual_least', `${its('ratio_p25_1d')})\n${ofWorst}`, { legend: USUAL_FROM }))
    .withTarget(
      query('unusual', `${its('ratio_rate1h')} and domain:email_issue:anomalous == 1)`, {
        legend: 'unusual: {{sending_domain}}',
      }),
    )
    .overrideByQuery('usual_most', [...BAND_EDGE, { id: 'custom.fillBelowTo', value: USUAL_FROM }])
    .overrideByQuery('usual_least', [
      ...BAND_EDGE,
      { id: 'custom.hideFrom', value: { legend: true, tooltip: false, viz: false } },
    ])
    .overrideByQuery('unusual', [
      { id: 'custom.drawStyle', value: 'points' },
      { id: 'custom.pointSize', value: 6 },
      { id: 'color', value: { mode: 'fixed', fixedColor: COLOURS.medium } },
    ]);
}
const USUAL_FROM = 'usual from';
const BAND_EDGE: DynamicConfigValue[] = [
  { id: 'color', value: { mode: 'fixed', fixedColor: COLOURS.plain } },
  { id: 'custom.lineWidth', value: 0 },
  { id: 'custom.fillOpacity', value: 15 },
];

/** Amounts a minute, stacked, from amounts a second. */
export const perMinute = (title: string, by: string, perSecond: string, description: string): TimeSeries =>
  series(title, 'short', description)
    .axisLabel('per minute')
    .withTarget(query('A', `60 * sum by (${by}) (${perSecond}) > 0`, { legend: `{{${by}}}` }))
    .fillOpacity(30)
    .stacking(stacked());

/** The same from windows of 15 minutes, as rules record them. */
export const flow = (title: string, by: string, window: string, description: string): TimeSeries =>
  perMinute(title, by, `${window} / 900`, description);

/** One number, plain or coloured by what it stands for. */
export const figure = (title: string, expr: string, unit: string, description: string): Stat =>
  new Stat()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .withTarget(query('A', expr, { instant: true, legend: title }))
    .unit(unit)
    .thresholds(noLimit())
    .reduceOptions(last())
    .textMode(BigValueTextMode.Value)
    .colorMode(BigValueColorMode.None)
    .graphMode(BigValueGraphMode.None);

/** One number with its course. */
export const sparkled = (title: string, expr: string, unit: string, description: string): Stat =>
  new Stat()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .withTarget(query('A', expr, { legend: title }))
    .unit(unit)
    .min(0)
    .thresholds(noLimit())
    .reduceOptions(last())
    .textMode(BigValueTextMode.Value)
    .colorMode(BigValueColorMode.None)
    .graphMode(BigValueGraphMode.Area)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor('text'));

/** A number that stands for a word: coloured, without its course. */
export const state = (title: string, expr: string, mappings: ValueMapping[], description: string): Stat =>
  figure(title, expr, 'none', description).mappings(mappings).colorMode(BigValueColorMode.Background);

/** Of `expr` the series that were not 0 all the time: bars need the zeros in between, and the legend no others. */
const seen = (expr: string): string => `(${expr})\nand (max_over_time((${expr})[$__range:$__interval] @ end()) > 0)`;

/** Few events, as bars. */
export const bars = (title: string, expr: string, legend: string, description: string): TimeSeries =>
  series(title, 'short', description)
    .withTarget(query('A', seen(expr), { legend }))
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(60)
    .stacking(stacked());

/** One line a name, coloured by its state, over time. */
export const states = (
  title: string,
  expr: string,
  legend: string,
  description: string,
  mappings: ValueMapping[] = STATES,
): StateTimeline =>
  new StateTimeline()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .withTarget(query('A', expr, { legend }))
    .unit('none')
    .mappings(mappings)
    .thresholds(noLimit())
    .showValue(VisibilityMode.Never)
    .mergeValues(true)
    .rowHeight(0.8)
    .fillOpacity(85)
    .lineWidth(0)
    .maxDataPoints(240)
    .legend(new VizLegendOptionsBuilder().showLegend(false))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single));

/** Amounts of the whole shown period, largest first. `ranked` is by the labels of the legend. */
export const amounts = (title: string, ranked: string, legend: string, description: string): BarGauge =>
  new BarGauge()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .withTarget(query('A', `sort_desc(topk(10, round(${ranked}) > 0))`, { instant: true, legend }))
    .unit('short')
    .min(0)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor('blue'))
    .text(new VizTextDisplayOptionsBuilder().titleSize(12).valueSize(14))
    .reduceOptions(last())
    .orientation(VizOrientation.Horizontal)
    .displayMode(BarGaugeDisplayMode.Basic)
    .showUnfilled(false);

export type Look = readonly DynamicConfigValue[];
export const width = (pixels: number): DynamicConfigValue => ({ id: 'custom.width', value: pixels });
export const atLeast = (pixels: number): DynamicConfigValue => ({ id: 'custom.minWidth', value: pixels });
export const unit = (id: string, decimals?: number): Look => [
  { id: 'unit', value: id },
  ...(decimals === undefined ? [] : [{ id: 'decimals', value: decimals }]),
];
export const COLOURED: DynamicConfigValue = { id: 'custom.cellOptions', value: { type: 'color-text' } };
const filled = (mappings: ValueMapping[], pixels: number): Look => [
  { id: 'mappings', value: mappings },
  { id: 'custom.cellOptions', value: { type: 'color-background', mode: 'basic' } },
  { id: 'custom.align', value: 'center' },
  width(pixels),
];
export const STATE: Look = filled(STATES, 74);
/** One of many in a map. */
export const MAP_CELL: Look = [...filled(CELL_STATES, 0).slice(0, -1), atLeast(70)];
export const FILLED = {
  type: TableCellDisplayMode.ColorBackground,
  mode: TableCellBackgroundDisplayMode.Basic,
} as const;
/** There for links only. Older tables know the first name, those of Grafana 13 the second; each passes over what it does not know. */
export const HIDDEN: Look = [
  { id: 'custom.hidden', value: true },
  { id: 'custom.hideFrom.viz', value: true },
];

/** A column is a label that names the rows, or a query that gives each row a number. */
export type Column = { name: string; look: Look } & (
  | { label: string }
  /** `drop`: asked for its labels only. */
  | { refId: string; expr: string; limit?: Limit; drop?: true }
);

const bare = (title: string, description: string): Table =>
  new Table()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .unit('short')
    .thresholds(noLimit())
    .noValue('–');

const named = (fields: readonly string[], names: readonly string[], hidden: readonly string[] = []) => ({
  id: 'organize',
  options: {
    excludeByName: Object.fromEntries(['Time', ...hidden].map((field) => [field, true])),
    indexByName: Object.fromEntries(fields.map((field, i) => [field, i])),
    renameByName: Object.fromEntries(fields.map((field, i) => [field, names[i]!])),
  },
});

/** Queries that have the named labels in common become one table; a column with a limit takes its colours. */
export function table(title: string, description: string, columns: readonly Column[]): Table {
  const panel = bare(title, description);
  // Grafana calls the number of the only table-shaped query just "Value".
  const queries = columns.flatMap((c) => ('expr' in c ? [c.refId, ...(c.limit ? [`${c.refId}_limits`] : [])] : []));
  const fields = columns.map((c) => ('label' in c ? c.label : queries.length === 1 ? 'Value' : `Value #${c.refId}`));
  for (const column of columns)
    if ('expr' in column) panel.withTarget(query(column.refId, column.expr, { format: 'table' }));
  columns.forEach((column, i) => {
    if (!('drop' in column)) panel.overrideByName(column.name, [...column.look]);
    if (!('limit' in column) || column.limit === undefined) return;
    panel.withTarget(limitQuery(`${column.refId}_limits`, column.limit));
    panel.withTransformation(limitColours(`${column.refId}_limits`, column.limit, fields[i]));
  });
  return panel.withTransformation({ id: 'merge', options: {} }).withTransformation(
    named(
      fields,
      columns.map(({ name }) => name),
      fields.filter((_, i) => 'drop' in columns[i]!),
    ),
  );
}

/** One query by two labels: the first names the rows, the values of the second are columns; known ones in the order given. */
export function matrix(title: string, description: string, { expr, rows, columns, known = [], limit }: Matrix): Table {
  const panel = bare(title, description).withTarget(query('A', expr, { format: 'table' }));
  const corner = `${rows.label}\\${columns}`;
  if (limit) {
    panel.withTarget(limitQuery('limits', limit));
    panel.withTransformation(limitColours('limits', limit));
  }
  return panel
    .overrideByName(rows.name, [{ id: 'custom.cellOptions', value: { type: 'auto' } }, ...rows.look])
    .withTransformation({
      id: 'groupingToMatrix',
      options: {
        rowField: rows.label,
        columnField: columns,
        valueField: limit ? 'Value #A' : 'Value',
        emptyValue: 'null',
      },
    })
    .withTransformation(named([corner, ...known], [rows.name, ...known]));
}
export interface Matrix {
  expr: string;
  rows: { label: string; name: string; look: Look };
  columns: string;
  known?: readonly string[];
  limit?: Limit;
}

const sorted =
  (desc: boolean) =>
  (...names: string[]) =>
    names.map((name) => new TableSortByFieldStateBuilder().displayName(name).desc(desc));
export const worstFirst = sorted(true);
export const leastFirst = sorted(false);
