/**
 * Grafana's transformation "Config from query results", of which npm publishes only the name: the last row of one query becomes
 * thresholds, min, max or unit of the other queries' fields.
 */
import {
  anyToNumber,
  type DataFrame,
  type DataTransformerInfo,
  FieldMatcherID,
  getFieldDisplayName,
  getFieldMatcher,
  type MatcherConfig,
} from '@grafana/data';
import { map } from 'rxjs';

interface Options {
  configRefId?: string;
  applyTo?: MatcherConfig;
  mappings: { fieldName: string; handlerKey: string; handlerArguments?: { threshold?: { color: string } } }[];
}

function apply(options: Options, frames: DataFrame[]): DataFrame[] {
  const source = frames.find((frame) => frame.refId === options.configRefId);
  if (!source) return frames;
  const config: Record<string, unknown> = {};
  const steps: { value: number; color: string }[] = [];
  for (const field of source.fields) {
    const mapping = options.mappings.find((m) => m.fieldName === getFieldDisplayName(field, source));
    const value = [...field.values].reverse().find((v) => v !== null && v !== undefined);
    if (!mapping || value === undefined) continue;
    if (mapping.handlerKey === 'threshold1')
      steps.push({ value: anyToNumber(value), color: mapping.handlerArguments?.threshold?.color ?? 'red' });
    else if (mapping.handlerKey !== '__ignore')
      config[mapping.handlerKey] = mapping.handlerKey === 'unit' ? String(value) : anyToNumber(value);
  }
  if (steps.length > 0) config.thresholds = { mode: 'absolute', steps };
  const matches = getFieldMatcher(options.applyTo ?? { id: FieldMatcherID.numeric });
  return frames
    .filter((frame) => frame !== source || frames.length === 1)
    .map((frame) => ({
      ...frame,
      fields: frame.fields.map((field) =>
        matches(field, frame, frames) ? { ...field, config: { ...field.config, ...config } } : field,
      ),
    }));
}

export const configFromData: DataTransformerInfo<Options> = {
  id: 'configFromData',
  name: 'Config from query results',
  defaultOptions: { configRefId: 'config', mappings: [] },
  operator: (options) => (source) => source.pipe(map((frames) => apply(options, frames))),
};
