/** One panel's frames become a picture, with Grafana's own components where npm has them. */
import {
  type DataFrame,
  type DisplayValue,
  type FieldConfigSource,
  type FieldDisplay,
  FieldType,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type InterpolateFunction,
  renderTextPanelMarkdown,
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
  TooltipPlugin,
  type UPlotConfigBuilder,
  useTheme2,
  VizRepeater,
} from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { Heatmap, StateTimeline } from './by-hand';
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
    <div data-drawn>
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
    </div>
  );
}

function Bars(drawing: Drawing) {
  const theme = useTheme2();
  const options = (drawing.panel.options ?? {}) as Options;
  return (
    <div data-drawn>
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
    </div>
  );
}

/** Dashed where it begins and ends, pale between, a bar below the axis that tells its text. */
function drawMarks(builder: UPlotConfigBuilder, marks: Mark[], palette: (name: string) => string): void {
  builder.addHook('draw', (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const mark of marks) {
      const from = u.valToPos(mark.from, 'x', true);
      const to = u.valToPos(mark.to, 'x', true);
      ctx.fillStyle = palette(mark.color);
      ctx.strokeStyle = palette(mark.color);
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
    }
    ctx.restore();
    for (const old of u.over.parentElement!.querySelectorAll('[data-mark]')) old.remove();
    const { offsetLeft: left, offsetTop: top, clientHeight: height, clientWidth: width } = u.over;
    for (const mark of marks) {
      const bar = document.createElement('div');
      const from = Math.max(u.valToPos(mark.from, 'x'), 0);
      const to = Math.min(u.valToPos(mark.to, 'x'), width);
      bar.dataset.mark = mark.color;
      bar.title = mark.text;
      bar.style.cssText = `position:absolute;left:${left + from}px;top:${top + height}px;width:${Math.max(to - from, 5)}px;height:5px;background:${palette(mark.color)};z-index:1`;
      u.over.parentElement!.append(bar);
    }
  });
}

const LEGEND = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] };

function Lines({ panel, data, range, marks, width, height }: Drawing) {
  const theme = useTheme2();
  const { legend, tooltip } = (panel.options ?? {}) as { legend?: object; tooltip?: { mode?: string; sort?: string } };
  const frames = data.filter((frame) => frame.fields.some((field) => field.type === FieldType.number));
  return (
    <TimeSeries
      frames={frames}
      width={width}
      height={height}
      timeRange={range}
      timeZone="browser"
      legend={(legend ?? LEGEND) as never}
      options={{ marks: marks.length }}
    >
      {(builder, aligned) => {
        drawMarks(builder, marks, (name) => theme.visualization.getColorByName(name));
        // Room for the last time below the axis.
        builder.setPadding([null, 16, null, null]);
        return (
          <TooltipPlugin
            config={builder}
            data={aligned}
            frames={frames}
            mode={(tooltip?.mode ?? 'multi') as never}
            sortOrder={(tooltip?.sort ?? 'desc') as never}
            timeZone="browser"
          />
        );
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

function Text({ panel, replace }: Drawing) {
  const html = renderTextPanelMarkdown(replace(String(panel.options?.content ?? '')));
  // biome-ignore lint/security/noDangerouslySetInnerHtml: Grafana's own rendering, which cleans it.
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
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
