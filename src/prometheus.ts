/** PromQL becomes numbers: instant and range queries of the Prometheus HTTP API v1, bounded in time and size. */
import { answerText } from './answer-text.ts';

/** What Prometheus did not answer, in words for a person; the caller may ask again. */
export class Unanswered extends Error {
  override name = 'Unanswered';
}

export interface Point {
  /** Unix ms. */
  at: number;
  value: number;
}

export interface Series {
  labels: Readonly<Record<string, string>>;
  points: Point[];
}

/** What is asked of Prometheus here, so that tests can stand in for it. */
export interface Asked {
  /** Every series of an instant vector, or the one of a scalar; NaN and infinities are left out. */
  instant(query: string, at: number): Promise<Series[]>;
  /** `step` in ms. */
  range(query: string, from: number, to: number, step: number): Promise<Series[]>;
}

export interface PrometheusSettings {
  url: string;
  /** Value of the header Authorization; '' sends none. */
  authorization: string;
  /** Milliseconds for a whole answer. */
  timeout: number;
}

/** An answer to the questions that are asked here has hundreds of bytes, a range of six hours some ten thousand. */
const MOST_BYTES = 8 * 1024 * 1024;

/** A value in a selector. */
export const quoted = (value: string): string =>
  `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;

export class Prometheus implements Asked {
  private readonly settings: PrometheusSettings;

  constructor(settings: PrometheusSettings) {
    this.settings = settings;
  }

  instant(query: string, at: number): Promise<Series[]> {
    return this.ask('query', { query, time: seconds(at) });
  }

  range(query: string, from: number, to: number, step: number): Promise<Series[]> {
    return this.ask('query_range', { query, start: seconds(from), end: seconds(to), step: String(step / 1000) });
  }

  private async ask(route: string, form: Record<string, string>): Promise<Series[]> {
    const { url, authorization, timeout } = this.settings;
    const where = `${url.replace(/\/$/, '')}/api/v1/${route}`;
    let status: number;
    let text: string | undefined;
    try {
      const answer = await fetch(where, {
        method: 'POST',
        body: new URLSearchParams({ ...form, timeout: `${timeout}ms` }),
        headers: authorization === '' ? {} : { authorization },
        redirect: 'error',
        signal: AbortSignal.timeout(timeout),
      });
      status = answer.status;
      text = await answerText(answer, MOST_BYTES);
    } catch (error) {
      const why = (error as Error).name === 'TimeoutError' ? `no answer within ${timeout} ms` : reason(error);
      throw new Unanswered(`Prometheus at ${url} could not be asked: ${why}; see remediation.prometheus`);
    }
    if (text === undefined)
      throw new Unanswered(`Prometheus at ${url} answered more than ${MOST_BYTES} bytes; see remediation.prometheus`);
    return read(text, status, url);
  }
}

const seconds = (ms: number): string => String(ms / 1000);

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}

interface Answer {
  status?: string;
  error?: string;
  data?: { resultType?: string; result?: unknown };
}

function read(text: string, status: number, url: string): Series[] {
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch {
    throw new Unanswered(`${url} answered ${status} and no JSON; is it a Prometheus, and may we ask it?`);
  }
  const { data } = answer;
  if (answer.status !== 'success' || data === undefined)
    throw new Unanswered(`Prometheus at ${url} answered ${status}: ${answer.error ?? 'no reason'}`);
  if (data.resultType === 'scalar') return series([{ value: data.result }]);
  return series(Array.isArray(data.result) ? data.result : []);
}

function series(result: readonly { metric?: Record<string, string>; value?: unknown; values?: unknown }[]): Series[] {
  return result.flatMap(({ metric = {}, value, values }) => {
    const pairs = (Array.isArray(values) ? values : [value]) as [number, string][];
    const points = pairs
      .map(([at, text]) => ({ at: at * 1000, value: Number(text) }))
      .filter((point) => Number.isFinite(point.value));
    return points.length > 0 ? [{ labels: metric, points }] : [];
  });
}
