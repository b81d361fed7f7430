/** Heat map and state time line, after how Grafana draws them: both live in its application and are not published. */
import {
  type DataFrame,
  type DisplayValue,
  dateTimeFormat,
  type Field,
  FieldType,
  formattedValueToString,
  getFieldDisplayName,
  getValueFormat,
  type TimeRange,
} from '@grafana/data';
import { measureText, useTheme2 } from '@grafana/ui';
import type { ReactNode } from 'react';
import type { Drawing } from './panels';

const AXIS = 22;
const LABEL_GAP = 10;
const FONT = 12;

const left = (at: number, { from, to }: TimeRange): number => (at - from.valueOf()) / (to.valueOf() - from.valueOf());

/** On round times, as many as have room. */
function ticks({ from, to }: TimeRange, width: number): number[] {
  const hours = [1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 3, 6, 12, 24, 48, 168];
  const step = 3_600_000 * (hours.find((h) => ((to.valueOf() - from.valueOf()) / (h * 3_600_000)) * 90 < width) ?? 720);
  const first = Math.ceil(from.valueOf() / step) * step;
  return Array.from({ length: Math.floor((to.valueOf() - first) / step) + 1 }, (_, i) => first + i * step);
}

/** Rows with a name each, over one axis of time. */
function Rows({
  drawing: { range, width, height },
  names,
  children,
}: {
  drawing: Drawing;
  names: string[];
  children: (width: number, rowHeight: number) => ReactNode;
}) {
  const { colors } = useTheme2();
  const longest = Math.max(0, ...names.map((name) => measureText(name, FONT).width));
  const label = Math.min(Math.ceil(longest * 1.05) + LABEL_GAP + 2, width * 0.3);
  const plot = width - label;
  const rowHeight = (height - AXIS) / Math.max(names.length, 1);
  const every = Math.ceil(FONT / rowHeight);
  const span = range.to.valueOf() - range.from.valueOf();
  return (
    <div style={{ position: 'relative', width, height, fontSize: FONT, color: colors.text.primary }}>
      {names.map((name, row) => (
        <div
          key={name}
          title={name}
          style={{
            position: 'absolute',
            top: row * rowHeight,
            width: label - LABEL_GAP,
            lineHeight: `${rowHeight}px`,
            textAlign: 'right',
            whiteSpace: 'nowrap',
            overflow: 'hidden',
            textOverflow: 'ellipsis',
          }}
        >
          {row % every === 0 ? name : ''}
        </div>
      ))}
      <svg
        width={plot}
        height={height}
        style={{ position: 'absolute', left: label }}
        data-drawn={names.length}
        role="img"
      >
        <title>{names.join(', ')}</title>
        {children(plot, rowHeight)}
        {ticks(range, plot).map((at) => (
          <text
            key={at}
            x={Math.min(Math.max(left(at, range) * plot, 18), plot - 18)}
            y={height - 6}
            fill={colors.text.secondary}
            textAnchor="middle"
          >
            {dateTimeFormat(at, { format: span > 36 * 3_600_000 ? 'MM-DD HH:mm' : 'HH:mm', timeZone: 'browser' })}
          </text>
        ))}
      </svg>
    </div>
  );
}

/** One frame a bucket, the highest at the top; pale where little is, full where most is. */
export function Heatmap(drawing: Drawing) {
  const { panel, data, range } = drawing;
  const { scheme = 'Oranges' } = (panel.options?.color ?? {}) as { scheme?: string };
  const { unit = 'short' } = (panel.options?.yAxis ?? {}) as { unit?: string };
  const rgb = scheme === 'Blues' ? '87,148,242' : '255,120,10';
  const frames = data.filter((frame) => frame.length > 0).reverse();
  const numbers = (frame: DataFrame): number[] => frame.fields[1]!.values.map((value: number | null) => value ?? 0);
  const most = Math.max(...frames.flatMap(numbers));
  const edge = (frame: DataFrame): string => {
    const bound = Number(getFieldDisplayName(frame.fields[1]!, frame));
    return Number.isFinite(bound) ? formattedValueToString(getValueFormat(unit)(bound)) : '+Inf';
  };
  return (
    <Rows drawing={drawing} names={frames.map(edge)}>
      {(width, rowHeight) =>
        frames.map((frame, row) => {
          const step = Number(frame.fields[0]!.config.interval ?? 60_000);
          const cell = Math.max((step / (range.to.valueOf() - range.from.valueOf())) * width, 1);
          return numbers(frame).map((value, i) => {
            const x = left(Number(frame.fields[0]!.values[i]), range) * width - cell;
            return value <= 0 || x + cell <= 0 ? null : (
              <rect
                key={`${row} ${x}`}
                x={Math.max(x, 0)}
                y={row * rowHeight + 0.5}
                width={Math.max(cell - 0.5, 0.5)}
                height={Math.max(rowHeight - 1, 1)}
                fill={`rgba(${rgb},${0.08 + 0.92 * (value / most) ** 0.5})`}
              >
                <title>{`≤ ${edge(frame)}: ${Math.round(value)}`}</title>
              </rect>
            );
          });
        })
      }
    </Rows>
  );
}

interface Stretch {
  from: number;
  to: number;
  display: DisplayValue;
}

/** Neighbours that say the same are one; where there is no sample there is a gap. */
function stretches(frame: DataFrame, field: Field): Stretch[] {
  const time = frame.fields.find(({ type }) => type === FieldType.time)!;
  const step = Number(time.config.interval ?? 60_000);
  const found: Stretch[] = [];
  field.values.forEach((value: unknown, i: number) => {
    if (value === null || value === undefined) return;
    const at = Number(time.values[i]);
    const display = field.display!(value);
    const before = found.at(-1);
    if (
      before &&
      at - before.to < step / 2 &&
      before.display.color === display.color &&
      before.display.text === display.text
    )
      before.to = at + step;
    else found.push({ from: at, to: at + step, display });
  });
  return found;
}

export function StateTimeline(drawing: Drawing) {
  const { panel, data, range } = drawing;
  const { rowHeight: share = 0.9 } = (panel.options ?? {}) as { rowHeight?: number };
  const rows = data.flatMap((frame) =>
    frame.fields.filter(({ type }) => type !== FieldType.time).map((field) => ({ frame, field })),
  );
  const names = rows.map(({ frame, field }) => getFieldDisplayName(field, frame));
  const opacity = Number((panel.fieldConfig?.defaults.custom as { fillOpacity?: number })?.fillOpacity ?? 70) / 100;
  return (
    <Rows drawing={drawing} names={names}>
      {(width, rowHeight) =>
        rows.map(({ frame, field }, row) =>
          stretches(frame, field).map(({ from, to, display }) => {
            const x = Math.max(left(from, range), 0) * width;
            return (
              <rect
                key={`${row} ${from}`}
                x={x}
                y={(row + (1 - share) / 2) * rowHeight}
                width={Math.max(Math.min(left(to, range), 1) * width - x, 0.5)}
                height={rowHeight * share}
                fill={display.color}
                fillOpacity={opacity}
              >
                <title>{`${names[row]}: ${formattedValueToString(display)}`}</title>
              </rect>
            );
          }),
        )
      }
    </Rows>
  );
}
