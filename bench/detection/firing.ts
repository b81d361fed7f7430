/** What an alert's expression gave, moment by moment, becomes when it fired: `for` and `keep_firing_for` as rules/alerting.go of Prometheus has them. */
import type { Series } from '../../test/history.ts';

export interface Fired {
  labels: Record<string, string>;
  from: number;
  to: number;
}

/** `series` of one alert, sampled each `step`; `to` is the moment of the first evaluation at which it fires no more. */
export function firing(series: Series, step: number, holdFor: number, keepFor: number): Fired[] {
  const fired: Fired[] = [];
  let activeAt = -1;
  let firingSince = -1;
  let lastTrue = -1;
  const close = (): void => {
    if (firingSince >= 0) {
      // Kept from the first evaluation at which it was no longer true.
      const end = keepFor > 0 ? lastTrue + step + Math.ceil(keepFor / step) * step : lastTrue + step;
      fired.push({ labels: series.metric, from: firingSince, to: end });
    }
    activeAt = -1;
    firingSince = -1;
  };
  for (const [at] of series.values) {
    const gap = lastTrue >= 0 && at - lastTrue > step * 1.5;
    if (gap && (firingSince < 0 || at >= lastTrue + step + keepFor)) close();
    if (activeAt < 0) activeAt = at;
    if (firingSince < 0 && at - activeAt >= holdFor) firingSince = at;
    lastTrue = at;
  }
  close();
  return fired;
}
