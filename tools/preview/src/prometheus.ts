/** Prometheus' HTTP API v1 answers become Grafana data frames, shaped as Grafana's own data source shapes them. */
import { type DataFrame, type Field, FieldType, rangeUtil, type TimeRange } from '@grafana/data';
import type { Panel, Target } from './model';

const API = '/api/v1';
/** jsonData.timeInterval of the provisioned data source; ?scrape= says otherwise. */
const SCRAPE_SECONDS = Number(new URLSearchParams(location.search).get('scrape') ?? 10);

interface Series {
  metric: Record<string, string>;
  values?: [number, string][];
  value?: [number, string];
}

async function ask(path: string, parameters: Record<string, string>): Promise<unknown> {
  const answer = await fetch(`${API}/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const body = (await answer.json()) as { status: string; error?: string; data: unknown };
  if (body.status !== 'success') throw new Error(body.error ?? answer.statusText);
  return body.data;
}

const unix = (at: TimeRange['from']): string => String(at.valueOf() / 1000);

export async function labelValues(query: string, range: TimeRange): Promise<string[]> {
  const match = /^label_values\((?:(.+),\s*)?(\w+)\)$/.exec(query.trim());
  if (!match) throw new Error(`variable query not understood: ${query}`);
  const [, selector, label] = match;
  const url = new URL(`${API}/label/${label}/values`, location.href);
  url.search = new URLSearchParams({ start: unix(range.from), end: unix(range.to) }).toString();
  if (selector) url.searchParams.append('match[]', selector);
  const body = (await (await fetch(url)).json()) as { data?: string[]; error?: string };
  if (!body.data) throw new Error(`${body.error}: ${query}`);
  return body.data.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

export interface Times {
  range: TimeRange;
  intervalSeconds: number;
  variables: Record<string, string>;
}

export function times(range: TimeRange, panel: Partial<Panel>, target: Target | undefined, width: number): Times {
  const points = Math.max(panel.maxDataPoints ?? width, 1);
  const low = target?.interval || panel.interval || `${SCRAPE_SECONDS}s`;
  const { intervalMs } = rangeUtil.calculateInterval(range, points, low.replace('>', ''));
  const step = Math.max(intervalMs / 1000, SCRAPE_SECONDS, (range.to.valueOf() - range.from.valueOf()) / 1000 / 11000);
  const seconds = Math.round((range.to.valueOf() - range.from.valueOf()) / 1000);
  return {
    range,
    intervalSeconds: step,
    variables: {
      __interval: `${Math.round(step)}s`,
      __rate_interval: `${Math.round(Math.max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS))}s`,
      __range: `${seconds}s`,
      __range_s: String(seconds),
    },
  };
}

function legend(format: string | undefined, metric: Record<string, string>): string {
  if (format && format !== '__auto')
    return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label: string) => metric[label] ?? label);
  const { __name__ = '', ...labels } = metric;
  const text = Object.entries(labels)
    .map(([k, v]) => `${k}="${v}"`)
    .join(', ');
  return format === '__auto' && Object.keys(labels).length === 1 ? Object.values(labels)[0]! : `${__name__}{${text}}`;
}

const number = (text: string): number => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

function seriesFrame(series: Series, target: Target, step: number): DataFrame {
  const time: number[] = [];
  const values: (number | null)[] = [];
  for (const [at, text] of series.values ?? (series.value ? [series.value] : [])) {
    let next = time.length > 0 ? time[time.length - 1]! / 1000 + step : at;
    for (; step > 0 && next < at - step / 2; next += step) {
      time.push(next * 1000);
      values.push(null);
    }
    const value = number(text);
    time.push(at * 1000);
    values.push(Number.isNaN(value) ? null : value);
  }
  const name = legend(target.legendFormat, series.metric);
  return {
    refId: target.refId,
    name,
    length: time.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval: step * 1000 }, values: time },
      { name: 'Value', type: FieldType.number, labels: series.metric, config: { displayNameFromDS: name }, values },
    ],
  };
}

function tableFrame(all: Series[], target: Target, alone: boolean): DataFrame {
  const labels = [...new Set(all.flatMap((series) => Object.keys(series.metric)))].sort();
  const rows = all.flatMap((series) =>
    (series.values ?? [series.value!]).map((point) => ({ metric: series.metric, point })),
  );
  const fields: Field[] = [
    { name: 'Time', type: FieldType.time, config: {}, values: rows.map((row) => row.point[0] * 1000) },
    ...labels.map((label) => ({
      name: label,
      type: FieldType.string,
      config: { filterable: true },
      values: rows.map((row) => row.metric[label] ?? ''),
    })),
    {
      name: alone ? 'Value' : `Value #${target.refId}`,
      type: FieldType.number,
      config: {},
      values: rows.map((row) => number(row.point[1])),
    },
  ];
  return { refId: target.refId, length: rows.length, fields };
}

/** Cumulative `le` series become one frame a bucket, each less its predecessor. */
function heatmapFrames(all: Series[], target: Target, step: number): DataFrame[] {
  const sorted = [...all].sort((a, b) => number(a.metric.le ?? '') - number(b.metric.le ?? ''));
  const below = new Map<number, number>();
  return sorted.map((series) => {
    const values = (series.values ?? []).map(([at, text]): [number, string] => {
      const value = number(text);
      const own = value - (below.get(at) ?? 0);
      below.set(at, value);
      return [at, String(Math.max(own, 0))];
    });
    return seriesFrame({ metric: series.metric, values }, { ...target, legendFormat: '{{le}}' }, step);
  });
}

export async function query(target: Target, expr: string, at: Times, alone: boolean): Promise<DataFrame[]> {
  const { range, intervalSeconds: step } = at;
  const to = range.to.valueOf() / 1000;
  const end = Math.floor(to / step) * step;
  const start = Math.floor(range.from.valueOf() / 1000 / step) * step;
  const data = (await (target.instant
    ? ask('query', { query: expr, time: String(to) })
    : ask('query_range', { query: expr, start: String(start), end: String(end), step: String(step) }))) as {
    resultType: string;
    result: Series[];
  };
  if (data.resultType === 'scalar') return query(target, `vector(${expr})`, at, alone);
  if (target.format === 'table') return [tableFrame(data.result, target, alone)];
  if (target.format === 'heatmap') return heatmapFrames(data.result, target, step);
  return data.result.map((series) => seriesFrame(series, target, target.instant ? 0 : step));
}

export interface Mark {
  from: number;
  to: number;
  color: string;
  text: string;
}

/** As Grafana draws Prometheus annotations: neighbouring samples of a series are one region. */
export async function marks(
  expr: string,
  { range, intervalSeconds: step }: Times,
  color: string,
  text: (metric: Record<string, string>) => string,
): Promise<Mark[]> {
  const data = (await ask('query_range', {
    query: expr,
    start: unix(range.from),
    end: unix(range.to),
    step: String(step),
  })) as { result: Series[] };
  const found: Mark[] = [];
  for (const series of data.result) {
    let open: Mark | undefined;
    for (const [at] of series.values ?? []) {
      if (open && at * 1000 - open.to <= step * 1500) open.to = at * 1000;
      else {
        open = { from: at * 1000, to: at * 1000, color, text: text(series.metric) };
        found.push(open);
      }
    }
  }
  return found;
}
