/**
 * A dashboard's classic JSON, drawn against a live Prometheus: /d/UID?theme=dark|light&from=now-6h&to=now&var-NAME=VALUE, or
 * ?dashboard=UID. Leaves window.__preview behind for screenshots and checks.
 */
import { dateMath, dateTime, ThemeContext, type TimeRange } from '@grafana/data';
import { GlobalStyles } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { setUp, themes } from './grafana';
import type { Annotation, Dashboard } from './model';
import { type Board, Page } from './page';
import { marks, times } from './prometheus';
import { report } from './report';
import { type Choices, choose, replacer } from './variables';

function rangeOf(parameters: URLSearchParams, { time }: Dashboard): TimeRange {
  const instant = (text: string, up: boolean) =>
    /^\d+$/.test(text) ? dateTime(Number(text)) : dateMath.parse(text, up)!;
  const raw = (name: 'from' | 'to', otherwise: string) => parameters.get(name) ?? time?.[name] ?? otherwise;
  const [from, to] = [raw('from', 'now-6h'), raw('to', 'now')];
  const [first, last] = [instant(from, false), instant(to, true)];
  // Of two moments Grafana keeps the moments, of `now-6h` the words.
  return { from: first, to: last, raw: { from: /^\d+$/.test(from) ? first : from, to: /^\d+$/.test(to) ? last : to } };
}

async function marksOf(annotations: Annotation[], choices: Choices, range: TimeRange) {
  const at = times(range, {}, { refId: 'mark', expr: '', interval: '60s' }, 1000);
  const text = (format: string | undefined, metric: Record<string, string>): string =>
    (format ?? '').replace(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? '');
  const all = annotations
    .filter(({ expr, enable }) => expr && enable !== false)
    .map(({ expr, iconColor = 'red', titleFormat, textFormat }) =>
      marks(replacer(choices, range, at.variables)(expr!), at, iconColor, (metric) =>
        `${text(titleFormat, metric)}\n${text(textFormat, metric).replace(/ +/g, ' ').trim()}`.trim(),
      ),
    );
  return (await Promise.all(all)).flat();
}

async function start(): Promise<void> {
  const parameters = new URLSearchParams(location.search);
  const theme = parameters.get('theme') === 'light' ? 'light' : 'dark';
  await setUp();
  const json = async (path: string): Promise<unknown> => {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  };
  const boards = (await json('/dashboards')) as Board[];
  const uid = parameters.get('dashboard') ?? location.pathname.split('/')[2] ?? boards[0]!.uid;
  const dashboard = (await json(`/dashboards/${uid}`)) as Dashboard;
  document.title = dashboard.title;
  const range = rangeOf(parameters, dashboard);
  const choices = await choose(dashboard.templating?.list ?? [], parameters, range);
  const around = {
    range,
    choices,
    theme,
    marks: await marksOf(dashboard.annotations?.list ?? [], choices, range),
  } as const;
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={themes[theme]}>
      <GlobalStyles />
      <Page dashboard={dashboard} boards={boards} around={around} />
    </ThemeContext.Provider>,
  );
}

start()
  .catch((error: Error) => {
    report.errors.push(error.message);
    document.getElementById('root')!.textContent = error.message;
  })
  .finally(() => report.pending--);
