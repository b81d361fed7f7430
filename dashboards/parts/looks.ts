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
import { type Limit, limitOf, query, SEVERITIES } from './queries.ts';

/** The same colour says the same everywhere; red is only what a person must look at now. */
export const COLOURS = {
  critical: 'red',
  high: 'orange',
  medium: 'yellow',
  low: 'light-yellow',
  info: 'light-blue',
  fine: 'green',
  /** Nobody could say: not fine, and not bad. */
  unknown: 'purple',
  /** A number that no threshold speaks of. */
  plain: '#7b8087',
  remedy: 'blue',
} as const;

/** The strictest threshold of what is shown; with one domain chosen, the one that holds for it. */
const strictest = (limit: Limit, severity: string): string =>
  `${limit.worse === 'above' ? 'min' : 'max'}(${limitOf(limit, severity)})`;

/**
 * Colours that follow the threshold series. A stat or a table can only take thresholds from a query as one row, so the
 * values become labels of one series; Grafana reads its columns in alphabetical order and wants steps to ascend.
 */
export function limitQuery(refId: string, of: Limit): Builder<Dataquery> {
  const ascending = of.worse === 'above' ? of.severities : of.severities.toReversed();
  const [first, second] = ascending.map((severity, i) => `count_values("step${i + 2}", ${strictest(of, severity)})`);
  const steps = second === undefined ? `  ${first}` : `  ${first}\n  * on () group_left (step3)\n  ${second}`;
  return query(refId, `label_replace(\n${steps},\n  "step1", "0", "", ""\n)`, { format: 'table' });
}

export function limitColours(
  refId: string,
  { worse, severities }: Limit,
  /** Name of a field; absent: every number. */
  field?: string,
): DataTransformerConfig {
  const worsening = [COLOURS.fine, ...severities.map((severity) => COLOURS[severity])];
  return {
    id: 'configFromData',
    options: {
      configRefId: refId,
      applyTo: field === undefined ? { id: 'byType', options: 'number' } : { id: 'byName', options: field },
      mappings: (worse === 'above' ? worsening : worsening.reverse()).map((color, i) => ({
        fieldName: `step${i + 1}`,
        handlerKey: 'threshold1',
        handlerArguments: { threshold: { color } },
      })),
    },
  };
}

/** In force until the threshold series answer: no number, no colour. */
export const noLimit = (): Builder<ReturnType<ThresholdsConfigBuilder['build']>> =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([{ value: null, color: COLOURS.plain }]);

/** Threshold lines in a trend: the same series, named by their severity, which LIMIT_LINES dashes. */
export function limitLines(refId: string, limit: Limit): Builder<Dataquery> {
  const { series, worse, of, severities } = limit;
  const reduce = worse === 'above' ? 'min' : 'max';
  return severities.length === 1
    ? query(refId, strictest(limit, severities[0]), { legend: severities[0] })
    : query(refId, `${reduce} by (severity) (${series}{${of}=~"$${of}|"})`, { legend: '{{severity}}' });
}

const dashed = (color: string): DynamicConfigValue[] => [
  { id: 'color', value: { mode: 'fixed', fixedColor: color } },
  { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 6] } },
  { id: 'custom.lineWidth', value: 2 },
  { id: 'custom.fillOpacity', value: 0 },
];
export const LIMIT_LINES = {
  medium: dashed(COLOURS.medium),
  high: dashed(COLOURS.high),
  critical: dashed(COLOURS.critical),
};

/** What numbers stand for, in words and colours. */
export const words = (of: Readonly<Record<string, readonly [text: string, color?: string]>>): ValueMapping => ({
  type: MappingType.ValueToText,
  options: Object.fromEntries(
    Object.entries(of).map(([value, [text, color]], index) => [value, { text, ...(color && { color }), index }]),
  ),
});

const missing = (text: string, color: string): ValueMapping => ({
  type: MappingType.SpecialValue,
  options: { match: SpecialValueMatch.Null, result: { text, color, index: 9 } },
});
export const NO_WORD = missing('No data', COLOURS.unknown);
/** A cell without a value: neither fine nor bad. */
export const NO_CELL = missing('–', 'transparent');

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);
const severities = Object.fromEntries(
  SEVERITIES.map((severity, i) => [String(i + 1), [capital(severity), COLOURS[severity]] as const]),
);

/** What `firing` numbers, and 0 where nothing does. */
export const STATES: ValueMapping[] = [words({ 0: ['Fine', COLOURS.fine], ...severities }), NO_WORD];

/** Fine, where much is. */
export const PALE = 'rgba(86, 166, 75, 0.22)';
/** The same for a cell among many: what is fine stands back, so that what is not stands out. */
export const CELL_STATES: ValueMapping[] = [words({ 0: ['✓', PALE], ...severities }), NO_CELL];

/** Of things of which one is one too many; 0 is fine. Colours by what it is, no threshold. */
export const counts = (none: string, color: string): ValueMapping[] => [
  words({ 0: [none, COLOURS.fine] }),
  { type: MappingType.RangeToText, options: { from: 1, to: null, result: { color, index: 1 } } },
];

/** What is wrong, in a word or two. */
export const ISSUES: Readonly<Record<string, string>> = {
  high_bounce_rate: 'Bounces',
  high_complaint_rate: 'Complaints',
  low_inbox_rate: 'Inbox',
  blacklist_detection: 'Blocklists',
  reputation_drop: 'Reputation',
  authentication_failure: 'Authentication',
  spam_trap_hit: 'Spam traps',
  engagement_drop: 'Engagement',
  content_filtering: 'Content',
  volume_anomaly: 'Volume',
  isp_throttling: 'Throttling',
  ip_warming_issue: 'Warm-up',
};
export const ISSUE_WORDS: DynamicConfigValue = {
  id: 'mappings',
  value: [words(Object.fromEntries(Object.entries(ISSUES).map(([type, word]) => [type, [word]])))],
};
