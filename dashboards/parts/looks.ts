/** One way to draw a threshold and a state: the threshold series become colours and dashed lines, severities colours and words. */
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  type DataTransformerConfig,
  type DynamicConfigValue,
  MappingType,
  SpecialValueMatch,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { type Limit, query, SEVERITIES } from './queries.ts';

const HIGH = 'orange';
const CRITICAL = 'red';
const FINE = 'green';
const NO_LIMIT = '#7b8087';

/** The strictest threshold of what is shown; with one domain chosen, the one that holds for it. */
const limit = ({ series, worse }: Limit, severity: string): string =>
  `${worse === 'above' ? 'min' : 'max'}(${series}{sending_domain=~"$sending_domain|", severity="${severity}"})`;

/**
 * Colours that follow the threshold series. A stat or a table can only take thresholds from a query as one row, so the two
 * values become labels of one series; Grafana reads its columns in alphabetical order and wants steps to ascend.
 */
export function limitQuery(refId: string, of: Limit): Builder<Dataquery> {
  const [lower, upper] = of.worse === 'above' ? (['high', 'critical'] as const) : (['critical', 'high'] as const);
  return query(
    refId,
    `label_replace(
  count_values("step2", ${limit(of, lower)})
  * on () group_left (step3)
  count_values("step3", ${limit(of, upper)}),
  "step1", "0", "", ""
)`,
    { format: 'table' },
  );
}

export function limitColours(refId: string, { worse }: Limit, field?: string): DataTransformerConfig {
  const colours = worse === 'above' ? [FINE, HIGH, CRITICAL] : [CRITICAL, HIGH, FINE];
  return {
    id: 'configFromData',
    options: {
      configRefId: refId,
      applyTo: field === undefined ? { id: 'byType', options: 'number' } : { id: 'byName', options: field },
      mappings: colours.map((color, i) => ({
        fieldName: `step${i + 1}`,
        handlerKey: 'threshold1',
        handlerArguments: { threshold: { color } },
      })),
    },
  };
}

/** In force until the threshold series answer: no number, no colour. */
export const noLimit = (): Builder<ReturnType<ThresholdsConfigBuilder['build']>> =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([{ value: null, color: NO_LIMIT }]);

/** Threshold lines in a trend: the same series, named `high` and `critical`, which LIMIT_LINES dashes. */
export const limitLines = (refId: string, { series, worse }: Limit): Builder<Dataquery> =>
  query(refId, `${worse === 'above' ? 'min' : 'max'} by (severity) (${series}{sending_domain=~"$sending_domain|"})`, {
    legend: '{{severity}}',
  });

const dashed = (color: string): DynamicConfigValue[] => [
  { id: 'color', value: { mode: 'fixed', fixedColor: color } },
  { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 6] } },
  { id: 'custom.lineWidth', value: 2 },
  { id: 'custom.fillOpacity', value: 0 },
];
export const LIMIT_LINES = { high: dashed(HIGH), critical: dashed(CRITICAL) };

const STATE_LOOKS: Record<(typeof SEVERITIES)[number], { text: string; color: string }> = {
  info: { text: 'Info', color: 'blue' },
  low: { text: 'Low', color: 'yellow' },
  medium: { text: 'Medium', color: 'yellow' },
  high: { text: 'High', color: HIGH },
  critical: { text: 'Critical', color: CRITICAL },
};

/** What `firing` numbers, and 0 where nothing does. */
export const STATES: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: {
      '0': { text: 'Fine', color: FINE, index: 0 },
      ...Object.fromEntries(
        SEVERITIES.map((severity, i) => [String(i + 1), { ...STATE_LOOKS[severity], index: i + 1 }]),
      ),
    },
  },
  {
    type: MappingType.SpecialValue,
    options: { match: SpecialValueMatch.Null, result: { text: 'No data', color: 'dark-purple', index: 9 } },
  },
];
