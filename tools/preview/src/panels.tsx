/** One panel's frames become a picture, with Grafana's own components where npm has them. */
import {
  type DataFrame,
  type DisplayValue,
  type FieldConfigSource,
  type FieldDisplay,
  FieldType,
  formattedValueToString,
  getDisplayValueAlignmentFactors,
  getFieldDisplayName,
  getFieldDisplayValues,
  getValueFormat,
  type InterpolateFunction,
  type TimeRange,
  VizOrientation,
} from '@grafana/data';
import {
  BarGauge,
  BigValue,
  type BigValueColorMode,
  type BigValueGraphMode,
  type BigValueTextMode,
  TimeSeries,
  type UPlotConfigBuilder,
  useTheme2,
  VizRepeater,
} from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useEffect, useRef } from 'react';
import type { Panel } from './model';
import type { Mark } from './prometheus';

export interface Drawing {
  panel: Panel;
  data: DataFrame[];
  fieldConfig: FieldConfigSource;
  range: TimeRange;
  marks: Mark[];
  replace: InterpolateFunction;
  width: number;
  height: number;
}

type Options = Record<string, unknown>;

function displayValues(
  { panel, data, fieldConfig, replace }: Drawing,
  theme: ReturnType<typeof useTheme2>,
): FieldDisplay[] {
  const options = (panel.options ?? {}) as Options;
  return getFieldDisplayValues({
    data,
    fieldConfig,
    reduceOptions: (options.reduceOptions as never) ?? { calcs: ['lastNotNull'] },
    replaceVariables: replace,
    theme,
    sparkline: options.graphMode !== undefined && options.graphMode !== 'none',
    percentChange: Boolean(options.showPercentChange),
    timeZone: 'browser',
  });
}

function orientationOf(options: Options, width: number, height: number): VizOrientation {
  const given = (options.orientation as string | undefined) ?? 'auto';
  if (given === 'auto' || given === '') return width > height ? VizOrientation.Vertical : VizOrientation.Horizontal;
  return given as VizOrientation;
}

function Stat(drawing: Drawing) {
  const theme = useTheme2();
  const options = (drawing.panel.options ?? {}) as Options;
  return (
    <VizRepeater<FieldDisplay, { displayValues: DisplayValue[] } & Record<string, never>>
      getValues={() => displayValues(drawing, theme)}
      getAlignmentFactors={getDisplayValueAlignmentFactors as never}
      renderValue={({ value, width, height, alignmentFactors, count }) => (
        <BigValue
          value={value.display}
          sparkline={value.sparkline && { ...value.sparkline, timeRange: drawing.range }}
          colorMode={(options.colorMode as BigValueColorMode) ?? ('value' as BigValueColorMode)}
          graphMode={(options.graphMode as BigValueGraphMode) ?? ('none' as BigValueGraphMode)}
          textMode={(options.textMode as BigValueTextMode) ?? ('auto' as BigValueTextMode)}
          justifyMode={options.justifyMode as never}
          percentChangeColorMode={options.percentChangeColorMode as never}
          alignmentFactors={alignmentFactors as never}
          text={options.text as never}
          disableWideLayout={options.wideLayout === false}
          count={count}
          theme={theme}
          width={width}
          height={height}
        />
      )}
      width={drawing.width}
      height={drawing.height}
      source={drawing.data}
      itemSpacing={3}
      renderCounter={0}
      autoGrid
      orientation={orientationOf(options, drawing.width, drawing.height)}
    />
  );
}

function Bars(drawing: Drawing) {
  const theme = useTheme2();
  const options = (drawing.panel.options ?? {}) as Options;
  return (
    <VizRepeater<FieldDisplay, Record<string, never>>
      getValues={() => displayValues(drawing, theme)}
      getAlignmentFactors={getDisplayValueAlignmentFactors as never}
      renderValue={({ value, width, height, orientation, alignmentFactors }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
          displayMode={(options.displayMode as never) ?? 'gradient'}
          valueDisplayMode={options.valueMode as never}
          namePlacement={options.namePlacement as never}
          showUnfilled={options.showUnfilled as never}
          text={options.text as never}
          orientation={orientation}
          alignmentFactors={alignmentFactors as never}
          theme={theme}
          width={width}
          height={height}
          itemSpacing={8}
        />
      )}
      width={drawing.width}
      height={drawing.height}
      minVizWidth={(options.minVizWidth as number) ?? 8}
      minVizHeight={(options.minVizHeight as number) ?? 16}
      maxVizHeight={(options.maxVizHeight as number) ?? 300}
      source={drawing.data}
      itemSpacing={8}
      renderCounter={0}
      orientation={orientationOf(options, drawing.width, drawing.height)}
    />
  );
}

function drawMarks(builder: UPlotConfigBuilder, marks: Mark[], palette: (name: string) => string): void {
  builder.addHook('draw', (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height + 8 * devicePixelRatio);
    ctx.clip();
    for (const mark of marks) {
      const from = u.valToPos(mark.from, 'x', true);
      const to = u.valToPos(mark.to, 'x', true);
      const colour = palette(mark.color);
      ctx.fillStyle = colour;
      ctx.strokeStyle = colour;
      ctx.globalAlpha = 0.1;
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
      ctx.globalAlpha = 1;
      ctx.setLineDash([5 * devicePixelRatio, 5 * devicePixelRatio]);
      ctx.lineWidth = devicePixelRatio;
      for (const x of to > from ? [from, to] : [from]) {
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.setLineDash([]);
      ctx.fillRect(from, bbox.top + bbox.height, Math.max(to - from, 6 * devicePixelRatio), 5 * devicePixelRatio);
    }
    ctx.restore();
  });
}

function Lines({ panel, data, range, marks, width, height }: Drawing) {
  const theme = useTheme2();
  const legend = (panel.options?.legend as never) ?? {
    showLegend: true,
    displayMode: 'list',
    placement: 'bottom',
    calcs: [],
  };
  const frames = data.filter((frame) => frame.fields.some((field) => field.type === FieldType.number));
  return (
    <TimeSeries
      frames={frames}
      width={width}
      height={height}
      timeRange={range}
      timeZone="browser"
      legend={legend}
      options={{ marks: marks.length }}
    >
      {(builder) => {
        drawMarks(builder, marks, (name) => theme.visualization.getColorByName(name));
        return null;
      }}
    </TimeSeries>
  );
}

function Table({ panel, data, range, width, height, fieldConfig }: Drawing) {
  const options = (panel.options ?? {}) as Options;
  const frame = data[(options.frameIndex as number) ?? 0];
  if (!frame) return null;
  return (
    <TableNG
      data={frame}
      width={width}
      height={height}
      timeRange={range}
      noHeader={options.showHeader === false}
      cellHeight={options.cellHeight as never}
      sortBy={options.sortBy as never}
      fieldConfig={fieldConfig}
      enableVirtualization
    />
  );
}

/** Drawn by hand: Grafana's heat map and state time line live in its application and are not published. */
function Canvas({
  width,
  height,
  paint,
}: {
  width: number;
  height: number;
  paint: (ctx: CanvasRenderingContext2D) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const ctx = canvas.current!.getContext('2d')!;
    ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.font = '12px Inter, sans-serif';
    paint(ctx);
  });
  return (
    <canvas
      ref={canvas}
      width={width * devicePixelRatio}
      height={height * devicePixelRatio}
      style={{ width, height }}
    />
  );
}

function timeTicks(ctx: CanvasRenderingContext2D, range: TimeRange, left: number, right: number, y: number): void {
  const span = range.to.valueOf() - range.from.valueOf();
  const text = (at: number) =>
    span > 36 * 3600e3
      ? new Date(at).toLocaleDateString('en', { month: '2-digit', day: '2-digit' })
      : new Date(at).toTimeString().slice(0, 5);
  const count = Math.max(2, Math.floor((right - left) / 110));
  ctx.textAlign = 'center';
  for (let i = 1; i < count; i++) {
    const part = i / count;
    ctx.fillText(text(range.from.valueOf() + part * span), left + part * (right - left), y);
  }
}

function Heatmap({ panel, data, range, width, height }: Drawing) {
  const theme = useTheme2();
  const frames = data.filter((frame) => frame.length > 0);
  const scheme = ((panel.options?.color as { scheme?: string })?.scheme ?? 'Oranges').toLowerCase();
  const unit = (panel.options?.yAxis as { unit?: string })?.unit ?? 'short';
  const rgb = scheme === 'blues' ? '87,148,242' : '255,120,10';
  const paint = (ctx: CanvasRenderingContext2D) => {
    const left = 62;
    const bottom = height - 22;
    const rows = frames.length;
    if (rows === 0) return;
    const rowHeight = (bottom - 4) / rows;
    const most = Math.max(...frames.flatMap((frame) => frame.fields[1]!.values.map((v: number | null) => v ?? 0)));
    const span = range.to.valueOf() - range.from.valueOf();
    frames.forEach((frame, row) => {
      const y = bottom - (row + 1) * rowHeight;
      const [time, value] = frame.fields;
      const step = (time!.config.interval ?? 60000) as number;
      time!.values.forEach((at: number, i: number) => {
        const x = left + ((at - step - range.from.valueOf()) / span) * (width - left - 8);
        const share = (value!.values[i] ?? 0) / most;
        if (share <= 0) return;
        ctx.fillStyle = `rgba(${rgb},${0.08 + 0.92 * share ** 0.5})`;
        ctx.fillRect(
          Math.max(x, left),
          y + 0.5,
          Math.max((step / span) * (width - left - 8) - 0.5, 0.5),
          rowHeight - 1,
        );
      });
      ctx.fillStyle = theme.colors.text.secondary;
      ctx.textAlign = 'right';
      const edge = Number(getFieldDisplayName(value!, frame));
      const text = Number.isFinite(edge) ? formattedValueToString(getValueFormat(unit)(edge)) : '+Inf';
      if (rowHeight >= 11 || row % 2 === 0) ctx.fillText(text, left - 6, y + 4);
    });
    ctx.fillStyle = theme.colors.text.secondary;
    timeTicks(ctx, range, left, width - 8, height - 6);
  };
  return <Canvas width={width} height={height} paint={paint} />;
}

function StateTimeline({ data, range, width, height }: Drawing) {
  const theme = useTheme2();
  const fields = data.flatMap((frame) =>
    frame.fields.filter((field) => field.type !== FieldType.time).map((field) => ({ frame, field })),
  );
  const paint = (ctx: CanvasRenderingContext2D) => {
    const left = 170;
    const bottom = height - 22;
    const rowHeight = Math.min(36, bottom / Math.max(fields.length, 1));
    const span = range.to.valueOf() - range.from.valueOf();
    fields.forEach(({ frame, field }, row) => {
      const time = frame.fields[0]!;
      const step = (time.config.interval ?? 60000) as number;
      time.values.forEach((at: number, i: number) => {
        const value = field.values[i];
        if (value === null || value === undefined) return;
        ctx.fillStyle = field.display?.(value).color ?? theme.colors.text.primary;
        const x = left + ((at - range.from.valueOf()) / span) * (width - left);
        ctx.fillRect(x, row * rowHeight + 3, (step / span) * (width - left) + 0.5, rowHeight - 6);
      });
      ctx.fillStyle = theme.colors.text.primary;
      ctx.textAlign = 'right';
      ctx.fillText(getFieldDisplayName(field, frame).slice(0, 26), left - 8, row * rowHeight + rowHeight / 2 + 4);
    });
    ctx.fillStyle = theme.colors.text.secondary;
    timeTicks(ctx, range, left, width, height - 6);
  };
  return <Canvas width={width} height={height} paint={paint} />;
}

function Text({ panel, replace }: Drawing) {
  return <div style={{ padding: 8 }}>{replace(String(panel.options?.content ?? ''))}</div>;
}

export const KINDS: Record<string, (drawing: Drawing) => React.ReactNode> = {
  stat: Stat,
  bargauge: Bars,
  timeseries: Lines,
  table: Table,
  heatmap: Heatmap,
  'state-timeline': StateTimeline,
  text: Text,
};
