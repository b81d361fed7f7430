/**
 * A dashboard's classic JSON, drawn against a live Prometheus: ?dashboard=UID&theme=dark|light&from=now-6h&to=now&var-NAME=VALUE.
 * Leaves window.__preview = { pending, errors, empty } behind for screenshots and checks.
 */
import {
  type DataFrame,
  dateMath,
  dateTime,
  type InterpolateFunction,
  LoadingState,
  ThemeContext,
  type TimeRange,
  transformDataFrame,
} from '@grafana/data';
import { GlobalStyles, PanelChrome, PortalContainer, useTheme2 } from '@grafana/ui';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { lastValueFrom } from 'rxjs';
import { setUp, themes, withFieldConfig } from './grafana';
import type { Dashboard, Link, Panel, Variable } from './model';
import { KINDS } from './panels';
import { labelValues, type Mark, marks, query, times } from './prometheus';

const parameters = new URLSearchParams(location.search);
const theme = parameters.get('theme') === 'light' ? 'light' : 'dark';

interface Report {
  pending: number;
  errors: string[];
  empty: string[];
}
const report: Report = { pending: 1, errors: [], empty: [] };
(window as unknown as { __preview: Report }).__preview = report;
window.addEventListener('error', (event) => report.errors.push(String(event.message)));

const ALL = '$__all';
type Values = Record<string, string[]>;

/** As Grafana does for Prometheus: several values become an alternation, `All` becomes allValue. */
function replacer(variables: Variable[], chosen: Values, extra: Record<string, string>): InterpolateFunction {
  return (text) =>
    (text ?? '').replace(
      /\$\{(\w+)(?::(\w+))?\}|\$(\w+)/g,
      (whole, braced: string | undefined, format: string | undefined, bare: string | undefined) => {
        const name = braced ?? bare ?? '';
        if (name in extra) return extra[name]!;
        const variable = variables.find((v) => v.name === name);
        if (!variable) return whole;
        const values = chosen[name] ?? [ALL];
        if (format === 'queryparam') return values.map((value) => `var-${name}=${encodeURIComponent(value)}`).join('&');
        if (values.includes(ALL)) return variable.allValue ?? '.*';
        if (format === 'text' || !variable.multi) return values.join(' + ');
        const escaped = values.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\\\$&'));
        return escaped.length === 1 ? escaped[0]! : `(${escaped.join('|')})`;
      },
    );
}

async function load(
  panel: Panel,
  range: TimeRange,
  width: number,
  variables: Variable[],
  chosen: Values,
): Promise<DataFrame[]> {
  const targets = (panel.targets ?? []).filter((target) => !target.hide);
  const alone = targets.filter((target) => target.format === 'table').length <= 1;
  const frames = await Promise.all(
    targets.map((target) => {
      const at = times(range, panel, target, width);
      return query(target, replacer(variables, chosen, at.variables)(target.expr), at, alone);
    }),
  );
  return lastValueFrom(
    transformDataFrame(panel.transformations ?? [], frames.flat(), { interpolate: replacer(variables, chosen, {}) }),
  );
}

const GRID = { columns: 24, height: 30, gap: 8 };

function Loaded({
  panel,
  width,
  height,
  range,
  allMarks,
  variables,
  chosen,
}: PanelProps & { width: number; height: number }) {
  const [frames, setFrames] = useState<DataFrame[]>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    report.pending++;
    load(panel, range, Math.round(width), variables, chosen)
      .then((data) => {
        setFrames(data);
        if (data.every((frame) => frame.length === 0)) report.empty.push(panel.title);
      })
      .catch((reason: Error) => {
        setError(reason.message);
        report.errors.push(`${panel.title}: ${reason.message}`);
      })
      .finally(() => report.pending--);
  }, [panel, range, width, variables, chosen]);
  const draw = KINDS[panel.type];
  if (error) return <Note>{error}</Note>;
  if (!draw) return <Note>no drawing for panel type {panel.type}</Note>;
  if (!frames) return null;
  const replace = replacer(variables, chosen, {});
  const { data, fieldConfig } = withFieldConfig(
    panel.type,
    panel.fieldConfig ?? { defaults: {}, overrides: [] },
    frames,
    theme,
    replace,
  );
  const only = data.every((frame) => frame.length === 0);
  if (only && panel.type !== 'text') return <Note>{String(panel.fieldConfig?.defaults?.noValue ?? 'No data')}</Note>;
  const Draw = draw as (props: object) => ReactNode;
  return <Draw {...{ panel, data, fieldConfig, range, marks: allMarks, replace, width, height }} />;
}

function Note({ children }: { children: ReactNode }) {
  return (
    <div style={{ display: 'grid', placeItems: 'center', height: '100%', opacity: 0.7, textAlign: 'center' }}>
      {children}
    </div>
  );
}

interface PanelProps {
  panel: Panel;
  range: TimeRange;
  allMarks: Mark[];
  variables: Variable[];
  chosen: Values;
}

function Placed(props: PanelProps & { pageWidth: number; offset: number }) {
  const { panel, pageWidth, offset } = props;
  const { x, y, w, h } = panel.gridPos;
  const column = (pageWidth - (GRID.columns - 1) * GRID.gap) / GRID.columns;
  const px = (units: number, size: number) => units * size + (units - 1) * GRID.gap;
  const style = {
    position: 'absolute' as const,
    left: x * (column + GRID.gap),
    top: (y + offset) * (GRID.height + GRID.gap),
    width: px(w, column),
    height: px(h, GRID.height),
  };
  if (panel.type === 'row') return <div style={{ ...style, fontSize: 18, padding: '4px 0' }}>⌄ {panel.title}</div>;
  return (
    <div style={style} data-panel={panel.id} data-title={panel.title}>
      <PanelChrome
        title={panel.title}
        description={panel.description}
        width={style.width}
        height={style.height}
        loadingState={LoadingState.Done}
        padding={panel.type === 'table' ? 'none' : 'md'}
      >
        {(width, height) => <Loaded {...props} width={width} height={height} />}
      </PanelChrome>
    </div>
  );
}

/** Collapsed rows are opened: their panels move in behind them, and what follows moves down. */
function flatten(panels: Panel[]): { panel: Panel; offset: number }[] {
  let offset = 0;
  return panels.flatMap((panel) => {
    const own = { panel, offset };
    if (!panel.collapsed || !panel.panels?.length) return [own];
    const inner = panel.panels.map((child) => ({ panel: child, offset }));
    offset += Math.max(...panel.panels.map((child) => child.gridPos.y + child.gridPos.h)) - panel.gridPos.y - 1;
    return [own, ...inner];
  });
}

function Picker({ variable, options, value }: { variable: Variable; options: string[]; value: string[] }) {
  const change = (next: string) => {
    const url = new URL(location.href);
    url.searchParams.set(`var-${variable.name}`, next);
    location.assign(url);
  };
  return (
    <label style={{ fontSize: 12, display: 'inline-flex', alignItems: 'center', gap: 6, marginRight: 12 }}>
      {variable.label ?? variable.name}
      <select
        value={value[0]}
        onChange={(event) => change(event.target.value)}
        style={{
          font: 'inherit',
          background: '#8883',
          color: 'inherit',
          padding: '4px 6px',
          border: 0,
          borderRadius: 4,
        }}
      >
        {[...(variable.includeAll ? [ALL] : []), ...options].map((option) => (
          <option key={option} value={option} style={{ color: '#222' }}>
            {option === ALL ? 'All' : option}
          </option>
        ))}
      </select>
    </label>
  );
}

function linkUrl(link: Link, variables: Variable[], chosen: Values): string {
  const url = replacer(variables, chosen, {})(link.url ?? '#');
  const carried = link.includeVars
    ? variables
        .filter((v) => v.type !== 'datasource')
        .map((v) => (chosen[v.name] ?? [ALL]).map((value) => `var-${v.name}=${encodeURIComponent(value)}`).join('&'))
        .join('&')
    : '';
  return carried ? `${url}${url.includes('?') ? '&' : '?'}${carried}` : url;
}

function Page({ dashboard, values }: { dashboard: Dashboard; values: Values }) {
  const variables = dashboard.templating?.list ?? [];
  const [width, setWidth] = useState(document.body.clientWidth - 32);
  useEffect(() => {
    const resize = () => setWidth(document.body.clientWidth - 32);
    window.addEventListener('resize', resize);
    return () => window.removeEventListener('resize', resize);
  }, []);
  const chosen = useMemo(
    () =>
      Object.fromEntries(
        variables.map((v) => [
          v.name,
          parameters.getAll(`var-${v.name}`).length > 0
            ? parameters.getAll(`var-${v.name}`)
            : [v.includeAll ? ALL : (values[v.name]?.[0] ?? '')],
        ]),
      ),
    [variables, values],
  );
  const range = useMemo(() => {
    const instant = (text: string, up: boolean) =>
      /^\d+$/.test(text) ? dateTime(Number(text)) : dateMath.parse(text, up)!;
    const from = parameters.get('from') ?? dashboard.time?.from ?? 'now-6h';
    const to = parameters.get('to') ?? dashboard.time?.to ?? 'now';
    return { from: instant(from, false), to: instant(to, true), raw: { from, to } } as TimeRange;
  }, [dashboard]);
  const [allMarks, setMarks] = useState<Mark[]>();
  useEffect(() => {
    const at = times(range, {} as Panel, undefined, 1000);
    Promise.all(
      (dashboard.annotations?.list ?? [])
        .filter((a) => a.expr && a.enable !== false)
        .map((a) =>
          marks(replacer(variables, chosen, at.variables)(a.expr!), range, a.iconColor ?? 'red', (metric) =>
            (a.titleFormat ?? '').replace(/\{\{(\w+)\}\}/g, (_, l: string) => metric[l] ?? ''),
          ),
        ),
    )
      .then((all) => setMarks(all.flat()))
      .catch((reason: Error) => report.errors.push(`annotations: ${reason.message}`))
      .finally(() => report.pending--);
  }, [dashboard, range, variables, chosen]);
  const { colors } = useTheme2();
  const shown = flatten(dashboard.panels);
  const bottom = Math.max(...shown.map(({ panel, offset }) => panel.gridPos.y + panel.gridPos.h + offset));
  return (
    <main
      style={{
        padding: '0 16px',
        background: colors.background.canvas,
        color: colors.text.primary,
        minHeight: '100vh',
      }}
    >
      <header style={{ display: 'flex', alignItems: 'center', flexWrap: 'wrap', gap: 8, minHeight: 48 }}>
        <strong style={{ fontSize: 16, marginRight: 16 }}>{dashboard.title}</strong>
        {variables
          .filter((v) => v.type === 'query' && v.hide !== 2)
          .map((v) => (
            <Picker key={v.name} variable={v} options={values[v.name] ?? []} value={chosen[v.name] ?? []} />
          ))}
        <span style={{ flex: 1 }} />
        {(dashboard.links ?? []).map((link) => (
          <a key={link.title} href={linkUrl(link, variables, chosen)} style={{ fontSize: 12, marginLeft: 8 }}>
            {link.title}
          </a>
        ))}
        <span style={{ fontSize: 12, opacity: 0.7, marginLeft: 12 }}>
          {range.raw.from.toString()} to {range.raw.to.toString()}
        </span>
      </header>
      <div style={{ position: 'relative', height: bottom * (GRID.height + GRID.gap) }}>
        {allMarks &&
          shown.map(({ panel, offset }) => (
            <Placed key={panel.id} {...{ panel, offset, range, allMarks, variables, chosen }} pageWidth={width} />
          ))}
      </div>
      <PortalContainer />
    </main>
  );
}

async function start(): Promise<void> {
  await setUp();
  const uid = parameters.get('dashboard') ?? 'deliverability-overview';
  const dashboard = (await (await fetch(`/dashboards/${uid}`)).json()) as Dashboard;
  const values: Values = {};
  for (const v of dashboard.templating?.list ?? []) {
    if (v.type !== 'query') continue;
    values[v.name] = await labelValues(typeof v.query === 'string' ? v.query : (v.query?.query ?? ''));
  }
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={themes[theme]}>
      <GlobalStyles />
      <Page dashboard={dashboard} values={values} />
    </ThemeContext.Provider>,
  );
}
void start();
