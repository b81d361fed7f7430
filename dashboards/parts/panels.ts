/** One way to draw a ratio, its course, a flow of mail, an amount, a table of what is worst. */
import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  LegendDisplayMode,
  LegendPlacement,
  PercentChangeColorMode,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
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
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';
import { LIMIT_LINES, limitColours, limitLines, limitQuery, noLimit, STATES } from './looks.ts';
import { type Limit, PROMETHEUS, query, where, worst } from './queries.ts';
import { byDomain, byDomainEvident, ofAll, ofAllEvident, type Rate, RESOURCE, sum, withAll } from './rates.ts';

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

export function series(title: string, unit: string, description: string): TimeSeries {
  return new TimeSeries()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .unit(unit)
    .min(0)
    .lineWidth(1)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi));
}

/** The course of a figure by domain and the threshold lines. */
export function trend(title: string, unit: string, expr: string, limit: Limit, description: string): TimeSeries {
  return series(title, unit, description)
    .withTarget(query('A', expr, { legend: '{{sending_domain}}' }))
    .withTarget(limitLines('limits', limit))
    .overrideByName('All mail', [
      { id: 'color', value: { mode: 'fixed', fixedColor: 'text' } },
      { id: 'custom.lineWidth', value: 2 },
    ])
    .overrideByName('high', LIMIT_LINES.high)
    .overrideByName('critical', LIMIT_LINES.critical);
}

const SIX =
  'The six domains that were worst at some time, and all mail. Dashed: the thresholds in force. Shaded: alerts that fired.';
export const ratioTrend = (title: string, rate: Rate): TimeSeries =>
  trend(
    title,
    'percentunit',
    withAll(ofAll(rate), worst(6, 'sending_domain', byDomain(rate), rate.limit, 'ever')),
    rate.limit,
    SIX,
  );

/** Messages a minute, stacked. */
export const flow = (title: string, metric: string, by: string, description: string): TimeSeries =>
  series(title, 'short', description)
    .axisLabel('per minute')
    .withTarget(
      query('A', `60 * ${sum(by, `rate(${metric}${where(RESOURCE)}[$__rate_interval])`)} > 0`, { legend: `{{${by}}}` }),
    )
    .fillOpacity(30)
    .stacking(stacked());

/** What an amount was in the whole shown period, largest first. */
export const amounts = (title: string, metric: string, by: string, legend: string, description: string): BarGauge =>
  new BarGauge()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .withTarget(
      query('A', `sort_desc(topk(10, round(${sum(by, `increase(${metric}${where(RESOURCE)}[$__range])`)}) > 0))`, {
        instant: true,
        legend,
      }),
    )
    .unit('short')
    .min(0)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor('blue'))
    .text(new VizTextDisplayOptionsBuilder().titleSize(12).valueSize(14))
    .reduceOptions(last())
    .orientation(VizOrientation.Horizontal)
    .displayMode(BarGaugeDisplayMode.Basic)
    .showUnfilled(false);

type Look = readonly DynamicConfigValue[];
export const width = (pixels: number): DynamicConfigValue => ({ id: 'custom.width', value: pixels });
export const atLeast = (pixels: number): DynamicConfigValue => ({ id: 'custom.minWidth', value: pixels });
export const unit = (id: string, decimals?: number): Look => [
  { id: 'unit', value: id },
  ...(decimals === undefined ? [] : [{ id: 'decimals', value: decimals }]),
];
export const COLOURED: DynamicConfigValue = { id: 'custom.cellOptions', value: { type: 'color-text' } };
export const STATE: Look = [
  { id: 'mappings', value: STATES },
  { id: 'custom.cellOptions', value: { type: 'color-background', mode: 'basic' } },
  { id: 'custom.align', value: 'center' },
  width(74),
];

/** A column is a label that names the rows, or a query that gives each row a number. */
type Column = { name: string; look: Look } & ({ label: string } | { refId: string; expr: string; limit?: Limit });

/** Queries that have the named labels in common become one table; a column with a limit takes its colours. */
export function table(title: string, description: string, columns: readonly Column[]): Table {
  const panel = new Table()
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .unit('short')
    .thresholds(noLimit())
    .noValue('–');
  const fields = columns.map((column) => ('label' in column ? column.label : `Value #${column.refId}`));
  for (const column of columns)
    if ('expr' in column) panel.withTarget(query(column.refId, column.expr, { format: 'table' }));
  columns.forEach((column, i) => {
    panel.overrideByName(column.name, [...column.look]);
    if (!('limit' in column) || column.limit === undefined) return;
    panel.withTarget(limitQuery(`${column.refId}_limits`, column.limit));
    panel.withTransformation(limitColours(`${column.refId}_limits`, column.limit, fields[i]));
  });
  return panel.withTransformation({ id: 'merge', options: {} }).withTransformation({
    id: 'organize',
    options: {
      excludeByName: { Time: true },
      indexByName: Object.fromEntries(fields.map((field, i) => [field, i])),
      renameByName: Object.fromEntries(fields.map((field, i) => [field, columns[i]!.name])),
    },
  });
}

export const worstFirst = (...names: string[]) =>
  names.map((name) => new TableSortByFieldStateBuilder().displayName(name).desc(true));
