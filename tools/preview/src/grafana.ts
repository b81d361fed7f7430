/**
 * What Grafana's application sets up around its published packages: the options of a field, the transformations, the
 * texts. After @grafana/data 13.2, whose registries are empty until somebody fills them.
 */
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  createTheme,
  type DataFrame,
  type DataTransformerInfo,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  FieldType,
  type InterpolateFunction,
  locationUtil,
  standardTransformers,
  standardTransformersRegistry,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { configFromData } from './config-from-data';

const GENERAL = [
  'displayName',
  'unit',
  'decimals',
  'min',
  'max',
  'noValue',
  'color',
  'thresholds',
  'mappings',
  'links',
  'fieldMinMax',
];
const CUSTOM = [
  'drawStyle',
  'lineWidth',
  'lineInterpolation',
  'lineStyle',
  'fillOpacity',
  'gradientMode',
  'showPoints',
  'pointSize',
  'spanNulls',
  'insertNulls',
  'stacking',
  'axisPlacement',
  'axisLabel',
  'axisSoftMin',
  'axisSoftMax',
  'axisGridShow',
  'axisColorMode',
  'axisBorderShow',
  'axisCenteredZero',
  'barAlignment',
  'barWidthFactor',
  'hideFrom',
  // Of tables; time series have the whole.
  'hideFrom.viz',
  'scaleDistribution',
  'thresholdsStyle',
  'transform',
  'fillBelowTo',
  'width',
  'minWidth',
  'align',
  'cellOptions',
  'displayMode',
  'hidden',
  'inspect',
  'filterable',
  'hideHeader',
  'wrapHeaderText',
];

const item = (id: string, path: string, isCustom: boolean): FieldConfigPropertyItem => ({
  id,
  path,
  name: id,
  isCustom,
  editor: () => null as never,
  override: () => null as never,
  process: (value: unknown) => value,
  // As in Grafana: what is said of lines and axes is not said of the time they run along.
  shouldApply: (field) => !isCustom || field.type !== FieldType.time,
  settings: {},
});

export const fieldOptions = new FieldConfigOptionsRegistry(() => [
  ...GENERAL.map((id) => item(id, id, false)),
  ...CUSTOM.map((id) => item(`custom.${id}`, id, true)),
]);

export async function setUp(): Promise<void> {
  await initPluginTranslations('grafana');
  locationUtil.initialize({
    config: { appSubUrl: '' } as never,
    getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => ({ from: 'now-6h', to: 'now' }),
  });
  const all = new Map<string, DataTransformerInfo>();
  for (const transformer of [...Object.values(standardTransformers), configFromData] as DataTransformerInfo[])
    all.set(transformer.id, transformer);
  standardTransformersRegistry.setInit(
    () =>
      [...all.values()].map((info) => ({
        id: info.id,
        name: info.name,
        transformation: () => Promise.resolve(info),
        editor: () => null,
        imageDark: '',
        imageLight: '',
      })) as never,
  );
}

export const themes = {
  dark: createTheme({ colors: { mode: 'dark' } }),
  light: createTheme({ colors: { mode: 'light' } }),
};

/** Defaults that Grafana's panel plugins add to what the JSON leaves out. */
const PANEL_CUSTOM: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: 'line',
    lineWidth: 1,
    lineInterpolation: 'linear',
    fillOpacity: 0,
    gradientMode: 'none',
    showPoints: 'auto',
    pointSize: 5,
    axisPlacement: 'auto',
    axisLabel: '',
    axisColorMode: 'text',
    barAlignment: 0,
    barWidthFactor: 0.6,
    scaleDistribution: { type: 'linear' },
    stacking: { mode: 'none', group: 'A' },
    hideFrom: { legend: false, tooltip: false, viz: false },
    thresholdsStyle: { mode: 'off' },
  },
  table: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false },
};
const PANEL_COLOR: Record<string, string> = { timeseries: 'palette-classic' };

/** JSON has no -Infinity, where the first threshold begins. */
function endless(defaults: FieldConfigSource['defaults']): FieldConfigSource['defaults'] {
  const { thresholds } = defaults;
  if (!thresholds) return defaults;
  return {
    ...defaults,
    thresholds: { ...thresholds, steps: thresholds.steps.map((step) => ({ ...step, value: step.value ?? -Infinity })) },
  };
}

export function withFieldConfig(
  type: string,
  given: FieldConfigSource,
  data: DataFrame[],
  theme: 'dark' | 'light',
  replaceVariables: InterpolateFunction,
): { data: DataFrame[]; fieldConfig: FieldConfigSource } {
  const fieldConfig: FieldConfigSource = {
    defaults: {
      color: { mode: PANEL_COLOR[type] ?? 'thresholds' },
      ...endless(given.defaults ?? {}),
      custom: { ...PANEL_CUSTOM[type], ...given.defaults?.custom },
    },
    overrides: given.overrides ?? [],
  };
  const done = applyFieldOverrides({
    data,
    fieldConfig,
    fieldConfigRegistry: fieldOptions,
    replaceVariables,
    theme: themes[theme],
    timeZone: 'browser',
  });
  cacheFieldDisplayNames(done);
  return { data: done, fieldConfig };
}
