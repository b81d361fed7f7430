/**
 * An Alertmanager configuration and a moment become the receivers that an alert goes to: what `amtool config routes test` tells,
 * and the hours that it leaves out. After Alertmanager's dispatch/route.go and timeinterval/timeinterval.go.
 */
export interface Route {
  receiver?: string;
  matchers?: string[];
  continue?: boolean;
  active_time_intervals?: string[];
  group_by?: string[];
  group_wait?: string;
  group_interval?: string;
  repeat_interval?: string;
  routes?: Route[];
}
interface Interval {
  weekdays?: string[];
  times?: { start_time: string; end_time: string }[];
  months?: string[];
  location: string;
}
export interface Config {
  templates: string[];
  route: Route;
  time_intervals: { name: string; time_intervals: Interval[] }[];
  inhibit_rules: { source_matchers: string[]; target_matchers: string[]; equal: string[] }[];
  receivers: { name: string; [integrations: string]: unknown }[];
}

type Labels = Readonly<Record<string, string>>;

function matches(matchers: readonly string[] = [], labels: Labels): boolean {
  return matchers.every((matcher) => {
    const [, name, operator, value] = /^(\w+)(=~|!~|!=|=)"(.*)"$/.exec(matcher) ?? [];
    if (name === undefined || value === undefined) throw new Error(`no matcher: ${matcher}`);
    const label = labels[name] ?? '';
    const same = operator!.endsWith('~') ? new RegExp(`^(?:${value})$`).test(label) : label === value;
    return operator!.startsWith('!') ? !same : same;
  });
}

/** The routes that an alert ends at. */
export function ends(route: Route, labels: Labels): Route[] {
  if (!matches(route.matchers, labels)) return [];
  const found: Route[] = [];
  for (const child of route.routes ?? []) {
    const inside = ends({ receiver: route.receiver!, ...child }, labels);
    found.push(...inside);
    if (inside.length > 0 && child.continue !== true) break;
  }
  return found.length > 0 ? found : [route];
}

function isIn({ weekdays, times, months, location }: Interval, at: Date): boolean {
  if (months !== undefined) return false;
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: location,
    weekday: 'long',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at);
  const part = (type: string) => parts.find((one) => one.type === type)!.value;
  const now = `${part('hour')}:${part('minute')}`;
  return (
    (weekdays?.includes(part('weekday').toLowerCase()) ?? true) &&
    (times?.some(({ start_time, end_time }) => start_time <= now && now < end_time) ?? true)
  );
}

export function openIntervals(config: Config, at: Date): string[] {
  return config.time_intervals.filter((one) => one.time_intervals.some((i) => isIn(i, at))).map(({ name }) => name);
}

/** Names of receivers, one as often as it is told; `nobody` is left out. */
export function receiversOf(config: Config, labels: Labels, at: Date): string[] {
  const open = openIntervals(config, at);
  return ends(config.route, labels)
    .filter(({ active_time_intervals: active }) => active?.some((name) => open.includes(name)) ?? true)
    .map(({ receiver }) => receiver!)
    .filter((receiver) => receiver !== 'nobody');
}
