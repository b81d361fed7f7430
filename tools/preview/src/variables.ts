/** What the address chooses of a dashboard's variables becomes text in queries, titles and links, as Grafana writes it. */
import {
  type DataContextScopedVar,
  formattedValueToString,
  getFieldDisplayName,
  type InterpolateFunction,
  type ScopedVars,
  type TimeRange,
} from '@grafana/data';
import type { Variable } from './model';
import { labelValues } from './prometheus';

export const ALL = '$__all';

export interface Choice {
  variable: Variable;
  options: string[];
  /** [ALL], or some of the options. */
  values: string[];
}
export type Choices = ReadonlyMap<string, Choice>;

/** In the order of the dashboard, since the query of one may name the ones before it. */
export async function choose(variables: Variable[], parameters: URLSearchParams, range: TimeRange): Promise<Choices> {
  const choices = new Map<string, Choice>();
  for (const variable of variables) {
    const query = typeof variable.query === 'string' ? variable.query : (variable.query?.query ?? '');
    const options =
      variable.type === 'query' ? await labelValues(replacer(choices, range)(query), range) : query.split(',');
    const given = parameters.getAll(`var-${variable.name}`);
    const first = variable.includeAll ? ALL : (options[0] ?? '');
    choices.set(variable.name, { variable, options, values: given.length > 0 ? given : [first] });
  }
  return choices;
}

const parameter = (name: string, values: string[]): string =>
  values.map((value) => `var-${name}=${encodeURIComponent(value)}`).join('&');

/** Of every variable that a person sees, for a link that carries them. */
export const carried = (choices: Choices): string =>
  [...choices.values()]
    .filter(({ variable }) => variable.hide !== 2)
    .map(({ variable, values }) => parameter(variable.name, values))
    .join('&');

export function timeParameters({ raw }: TimeRange): string {
  const text = (at: TimeRange['raw']['from']): string => (typeof at === 'string' ? at : String(at.valueOf()));
  return `from=${encodeURIComponent(text(raw.from))}&to=${encodeURIComponent(text(raw.to))}`;
}

/** Of a string in PromQL, so that a backslash is two. After Grafana's Prometheus data source. */
const escaped = (value: string): string => value.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');

function chosen({ variable, values }: Choice, format: string | undefined): string {
  if (format === 'queryparam') return parameter(variable.name, values);
  if (variable.type === 'constant' || variable.type === 'datasource') return values[0] ?? '';
  if (values.includes(ALL)) return format === 'text' ? 'All' : (variable.allValue ?? '.*');
  if (format === 'text') return values.join(' + ');
  const all = values.map(variable.multi || variable.includeAll ? escaped : String);
  return all.length === 1 ? all[0]! : `(${all.join('|')})`;
}

/** `__data.fields["Name"]`, `__value.raw` and the like: of the cell or the series that was clicked. */
function ofData(name: string, scoped: ScopedVars | undefined): string | undefined {
  const context = (scoped?.__dataContext as DataContextScopedVar | undefined)?.value;
  if (!context) return undefined;
  const { frame, field, rowIndex = 0, calculatedValue } = context;
  const [, column] = /^__data\.fields(?:\.(\w+)|\["([^"]*)"\])$/.exec(name)?.filter((part) => part !== undefined) ?? [];
  const of = column === undefined ? field : frame.fields.find((one) => getFieldDisplayName(one, frame) === column);
  if (!of) return undefined;
  const value = of.values[rowIndex] as unknown;
  const display = calculatedValue && column === undefined ? calculatedValue : of.display?.(value);
  if (name === '__value.raw' || name === '__value.numeric') return String(calculatedValue?.numeric ?? value);
  if (name === '__value.text' || column !== undefined) return display ? formattedValueToString(display) : String(value);
  if (name === '__field.name' || name === '__series.name') return getFieldDisplayName(field, frame);
  const [, label] = /^__field\.labels\.(\w+)$/.exec(name) ?? [];
  return label === undefined ? undefined : field.labels?.[label];
}

const NAMES = /\$\{([\w.]+(?:\["[^"]*"\])?)(?::(\w+))?\}|\$(\w+)/g;

export function replacer(choices: Choices, range: TimeRange, more: Record<string, string> = {}): InterpolateFunction {
  return (text, scoped, given) =>
    (text ?? '').replace(
      NAMES,
      (whole, braced: string | undefined, format: string | undefined, bare: string | undefined) => {
        const name = braced ?? bare ?? '';
        if (name === '__url_time_range') return timeParameters(range);
        if (name === '__all_variables') return carried(choices);
        if (name in more) return more[name]!;
        const choice = choices.get(name);
        if (choice) return chosen(choice, format);
        const value = ofData(name, scoped);
        if (value === undefined) return whole;
        return given === 'uriencode' ? encodeURIComponent(value) : value;
      },
    );
}
