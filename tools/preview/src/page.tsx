/** A dashboard becomes a page: what is chosen at the top, panels on Grafana's grid below, rows that open and close. */
import type { TimeRange } from '@grafana/data';
import {
  Button,
  Combobox,
  Dropdown,
  Icon,
  Menu,
  MultiCombobox,
  PortalContainer,
  TimeRangePicker,
  useTheme2,
} from '@grafana/ui';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import type { Dashboard, Link, Panel } from './model';
import { Framed, type Surroundings } from './panel';
import { ALL, type Choice, type Choices, carried, replacer, timeParameters } from './variables';

/** Grafana's. */
const GRID = { columns: 24, height: 30, gap: 8, border: 16 };

export interface Board {
  uid: string;
  title: string;
  tags: string[];
}

/** The address says everything, so a change is another address. */
function go(change: (parameters: URLSearchParams) => void): void {
  const url = new URL(location.href);
  change(url.searchParams);
  location.assign(url);
}

function Picker({ choice: { variable, options, values } }: { choice: Choice }) {
  const name = `var-${variable.name}`;
  const all = [...(variable.includeAll ? [{ value: ALL, label: 'All' }] : []), ...options.map((value) => ({ value }))];
  const change = (next: string[]) =>
    go((parameters) => {
      parameters.delete(name);
      // All and some exclude each other: the one that was chosen last stays.
      const some = next.filter((value) => value !== ALL);
      const chosen = next.at(-1) === ALL || some.length === 0 ? [ALL] : some;
      for (const value of chosen) parameters.append(name, value);
    });
  const label = variable.label ?? variable.name;
  return (
    <div style={{ display: 'flex', alignItems: 'center', gap: 6, fontSize: 12 }}>
      <span>{label}</span>
      {variable.multi ? (
        <MultiCombobox
          aria-label={label}
          options={all}
          value={values}
          onChange={(next) => change(next.map(({ value }) => value))}
          width="auto"
          minWidth={10}
          maxWidth={40}
        />
      ) : (
        <Combobox
          aria-label={label}
          options={all}
          value={values[0] ?? null}
          onChange={({ value }) => change([value])}
          width="auto"
          minWidth={10}
          maxWidth={40}
        />
      )}
    </div>
  );
}

function Period({ range }: { range: TimeRange }) {
  const show = (from: string | number, to: string | number) =>
    go((parameters) => {
      parameters.set('from', String(from));
      parameters.set('to', String(to));
    });
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const moved = (by: number) => () => show(from + by * (to - from), to + by * (to - from));
  const text = (at: TimeRange['raw']['from']) => (typeof at === 'string' ? at : at.valueOf());
  return (
    <TimeRangePicker
      value={range}
      timeZone="browser"
      isOnCanvas
      onChange={({ raw }) => show(text(raw.from), text(raw.to))}
      onChangeTimeZone={() => undefined}
      onMoveBackward={moved(-0.5)}
      onMoveForward={moved(0.5)}
      onZoom={() => show(from - (to - from) / 2, to + (to - from) / 2)}
    />
  );
}

function Others({
  link,
  boards,
  address,
}: {
  link: Link;
  boards: Board[];
  address: (link: Link, to: string) => string;
}) {
  if (link.type !== 'dashboards') {
    return (
      <a href={address(link, link.url ?? '')} style={{ fontSize: 12 }}>
        {link.title}
      </a>
    );
  }
  const found = boards.filter(({ tags }) => (link.tags ?? []).every((tag) => tags.includes(tag)));
  const menu = (
    <Menu>
      {found.map(({ uid, title }) => (
        <Menu.Item key={uid} label={title} url={address(link, `/d/${uid}`)} />
      ))}
    </Menu>
  );
  return (
    <Dropdown overlay={menu}>
      <Button variant="secondary" size="sm" icon="bars">
        {link.title}
      </Button>
    </Dropdown>
  );
}

interface Placed {
  panel: Panel;
  y: number;
}

/** What is in a closed row has no place; what follows an opened one moves down. */
function places(panels: Panel[], opened: ReadonlySet<number>, closed: ReadonlySet<number>): Placed[] {
  const found: Placed[] = [];
  let moved = 0;
  let row: Panel | undefined;
  let hidden = 0;
  for (const panel of [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x)) {
    if (panel.type === 'row') {
      moved -= hidden;
      hidden = 0;
      row = panel;
    } else if (row && closed.has(row.id)) {
      hidden = Math.max(hidden, panel.gridPos.y + panel.gridPos.h - row.gridPos.y - 1);
      continue;
    }
    found.push({ panel, y: panel.gridPos.y + moved });
    if (!panel.collapsed || !opened.has(panel.id)) continue;
    for (const inner of panel.panels ?? []) found.push({ panel: inner, y: inner.gridPos.y + moved });
    moved += Math.max(0, ...(panel.panels ?? []).map(({ gridPos: { y, h } }) => y + h - panel.gridPos.y - 1));
  }
  return found;
}

const toggled = (set: ReadonlySet<number>, id: number): Set<number> => {
  const next = new Set(set);
  if (!next.delete(id)) next.add(id);
  return next;
};

function Grid({ panels, around }: { panels: Panel[]; around: Surroundings }) {
  const [width, setWidth] = useState(document.body.clientWidth - 2 * GRID.border);
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set());
  useEffect(() => {
    const resize = () => setWidth(document.body.clientWidth - 2 * GRID.border);
    resize();
    window.addEventListener('resize', resize);
    return () => window.removeEventListener('resize', resize);
  }, []);
  const shown = places(panels, opened, closed);
  const column = (width - (GRID.columns - 1) * GRID.gap) / GRID.columns;
  const px = (units: number, size: number) => units * size + (units - 1) * GRID.gap;
  const bottom = Math.max(...shown.map(({ panel, y }) => y + panel.gridPos.h));
  return (
    <div style={{ position: 'relative', height: bottom * (GRID.height + GRID.gap) + GRID.gap }}>
      {shown.map(({ panel, y }) => {
        const { x, w, h } = panel.gridPos;
        const size = { width: px(w, column), height: px(h, GRID.height) };
        const place = {
          position: 'absolute' as const,
          left: x * (column + GRID.gap),
          top: y * (GRID.height + GRID.gap),
        };
        if (panel.type !== 'row') {
          return (
            <div key={panel.id} style={{ ...place, ...size }} data-panel={panel.id} data-title={panel.title}>
              <Framed panel={panel} around={around} {...size} />
            </div>
          );
        }
        const open = panel.collapsed ? opened.has(panel.id) : !closed.has(panel.id);
        const toggle = panel.collapsed ? setOpened : setClosed;
        return (
          <Row
            key={panel.id}
            style={{ ...place, ...size }}
            open={open}
            onToggle={() => toggle((set) => toggled(set, panel.id))}
          >
            {panel.title}
          </Row>
        );
      })}
    </div>
  );
}

function Row({
  children,
  open,
  onToggle,
  style,
}: {
  children: ReactNode;
  open: boolean;
  onToggle: () => void;
  style: React.CSSProperties;
}) {
  const { colors, typography } = useTheme2();
  return (
    <button
      type="button"
      aria-expanded={open}
      data-row
      onClick={onToggle}
      style={{
        ...style,
        ...typography.h5,
        background: 'none',
        border: 0,
        textAlign: 'left',
        color: colors.text.primary,
      }}
    >
      <Icon name={open ? 'angle-down' : 'angle-right'} /> {children}
    </button>
  );
}

/** Two, as high as Grafana's own, so that what is in sight here is in sight there. */
const bar = { display: 'flex', alignItems: 'center', flexWrap: 'wrap', gap: 12 } as const;

export function Page({ dashboard, boards, around }: { dashboard: Dashboard; boards: Board[]; around: Surroundings }) {
  const { colors, isDark } = useTheme2();
  const { range, choices } = around;
  const address = useMemo(() => addressOf(choices, range, isDark), [choices, range, isDark]);
  const pickers = [...choices.values()].filter(({ variable: { hide, type } }) => hide !== 2 && type === 'query');
  return (
    <main
      style={{
        padding: `0 ${GRID.border}px ${GRID.border}px`,
        background: colors.background.canvas,
        color: colors.text.primary,
        minHeight: '100vh',
      }}
    >
      <header>
        <div style={{ ...bar, minHeight: 40 }}>
          <h1 style={{ fontSize: 14, fontWeight: 500, margin: 0, flex: 1 }}>{dashboard.title}</h1>
          {(dashboard.links ?? []).map((link) => (
            <Others key={link.title} {...{ link, boards, address }} />
          ))}
          <Button
            variant="secondary"
            size="sm"
            onClick={() => go((parameters) => parameters.set('theme', isDark ? 'light' : 'dark'))}
          >
            {isDark ? 'Light' : 'Dark'}
          </Button>
        </div>
        <div style={{ ...bar, minHeight: 48 }}>
          {pickers.map((choice) => (
            <Picker key={choice.variable.name} choice={choice} />
          ))}
          <span style={{ flex: 1 }} />
          <Period range={range} />
        </div>
      </header>
      <Grid panels={dashboard.panels} around={around} />
      <PortalContainer />
    </main>
  );
}

const addressOf =
  (choices: Choices, range: TimeRange, isDark: boolean) =>
  ({ includeVars, keepTime }: Link, to: string): string => {
    const more = [
      ...(includeVars ? [carried(choices)] : []),
      ...(keepTime ? [timeParameters(range)] : []),
      ...(isDark ? [] : ['theme=light']),
    ];
    return `${replacer(choices, range)(to)}${to.includes('?') ? '&' : '?'}${more.join('&')}`;
  };
