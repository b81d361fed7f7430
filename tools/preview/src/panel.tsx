/** One panel of the JSON becomes its queries' data, transformed, and the picture of it in Grafana's frame. */
import { type DataFrame, LoadingState, type TimeRange, transformDataFrame } from '@grafana/data';
import { PanelChrome } from '@grafana/ui';
import { Component, type ReactNode, useEffect, useState } from 'react';
import { lastValueFrom } from 'rxjs';
import { withFieldConfig } from './grafana';
import type { Panel } from './model';
import { KINDS } from './panels';
import { type Mark, query, times } from './prometheus';
import { report } from './report';
import { type Choices, replacer } from './variables';

export interface Surroundings {
  range: TimeRange;
  choices: Choices;
  marks: Mark[];
  theme: 'dark' | 'light';
}

async function load(panel: Panel, { range, choices }: Surroundings, width: number): Promise<DataFrame[]> {
  const targets = (panel.targets ?? []).filter((target) => !target.hide);
  const alone = targets.filter((target) => target.format === 'table').length <= 1;
  const answers = await Promise.all(
    targets.map((target) => {
      const at = times(range, panel, target, width);
      return query(target, replacer(choices, range, at.variables)(target.expr), at, alone);
    }),
  );
  const without = targets.filter((_, i) => answers[i]!.every((frame) => frame.length === 0));
  const interpolate = replacer(choices, range);
  const data = await lastValueFrom(transformDataFrame(panel.transformations ?? [], answers.flat(), { interpolate }));
  const whole = data.every((frame) => frame.length === 0);
  if (without.length > 0 || whole) report.empty[panel.id] = { queries: without.map(({ refId }) => refId), whole };
  else delete report.empty[panel.id];
  return data;
}

function Note({ children }: { children: ReactNode }) {
  return <div style={{ display: 'grid', placeItems: 'center', height: '100%', textAlign: 'center' }}>{children}</div>;
}

/** What throws while it is drawn takes its own panel along, not the page. */
class Held extends Component<{ title: string; children: ReactNode }, { message?: string }> {
  state: { message?: string } = {};
  static getDerivedStateFromError = ({ message }: Error) => ({ message });
  componentDidCatch({ message }: Error) {
    report.errors.push(`${this.props.title}: ${message}`);
  }
  render() {
    return this.state.message === undefined ? this.props.children : <Note>{this.state.message}</Note>;
  }
}

function Inside({
  panel,
  around,
  width,
  height,
}: {
  panel: Panel;
  around: Surroundings;
  width: number;
  height: number;
}) {
  const [frames, setFrames] = useState<DataFrame[]>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    report.pending++;
    load(panel, around, Math.round(width))
      .then(setFrames)
      .catch((reason: Error) => {
        setError(reason.message);
        report.errors.push(`${panel.title}: ${reason.message}`);
      })
      .finally(() => report.pending--);
  }, [panel, around, width]);
  const Draw = KINDS[panel.type];
  if (error) return <Note>{error}</Note>;
  if (!Draw) throw new Error(`the preview does not draw panels of type ${panel.type}`);
  if (!frames) return null;
  const { range, choices, marks, theme } = around;
  const replace = replacer(choices, range);
  const given = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  const { data, fieldConfig } = withFieldConfig(panel.type, given, frames, theme, replace);
  if (panel.type !== 'text' && data.every((frame) => frame.length === 0))
    return <Note>{given.defaults.noValue ?? 'No data'}</Note>;
  return <Draw {...{ panel, data, fieldConfig, range, marks, replace, width, height }} />;
}

export function Framed({
  panel,
  around,
  width,
  height,
}: {
  panel: Panel;
  around: Surroundings;
  width: number;
  height: number;
}) {
  return (
    <PanelChrome
      title={panel.title}
      description={panel.description}
      width={width}
      height={height}
      loadingState={LoadingState.Done}
      padding={panel.type === 'table' ? 'none' : 'md'}
    >
      {(innerWidth, innerHeight) => (
        <Held title={panel.title}>
          <Inside panel={panel} around={around} width={innerWidth} height={innerHeight} />
        </Held>
      )}
    </PanelChrome>
  );
}
