/** The text of people.yml becomes people, or everything that is wrong with it, in words; what it means is in docs/routing.md. */
import { parse } from 'yaml';
import { z } from 'zod';

const list = z
  .union([z.string(), z.array(z.string())])
  .transform((one) => [one].flat())
  .default([]);
const words = z.record(z.string(), z.array(z.string()));
export const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
const time = z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'a time is HH:MM, in quotes');
const channels = z.array(z.enum(['slack', 'email', 'pager', 'phone', 'webhook']));
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info', 'other'] as const;

const schema = z.strictObject({
  stand_in: z.url().optional(),
  hours: z.strictObject({
    time_zone: z.string().refine(isTimeZone, 'no time zone of that name'),
    business: z
      .strictObject({ days: z.array(z.enum(DAYS)), from: time, to: time })
      .refine((h) => h.from < h.to, 'from < to'),
  }),
  channels: z.strictObject({
    'business hours': channels,
    'after hours': channels,
    weekends: channels,
    always: channels,
  }),
  teams: z.record(
    z.string().regex(/^[a-z][a-z-]*$/),
    z.strictObject({ slack: list, email: list, pager: list, phone: list, webhook: list }),
  ),
  routes: z.strictObject({
    severity: z.record(z.enum(SEVERITIES), z.array(z.string()).min(1)),
    issue_type: words,
    tier: words,
  }),
  tiers: z.record(
    z.string().regex(/^[a-z-]+$/),
    z.array(z.string().regex(/^[\w.:*-]+$/, 'a domain, an IP or a source')),
  ),
  links: z.strictObject({ grafana: z.url(), exporter: z.url(), runbooks: z.url() }),
  mail: z.strictObject({
    from: z.string(),
    smarthost: z.string(),
    login: z.strictObject({ username: z.string(), password: z.string() }).optional(),
  }),
});
export type People = z.infer<typeof schema>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Throws with everything that is wrong with it. */
export function readPeople(text: string): People {
  const read = schema.safeParse(parse(text));
  const problems = read.success
    ? problemsOf(read.data)
    : read.error.issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`);
  if (problems.length > 0) throw new Error(`alertmanager/people.yml is not usable:\n${problems.join('\n')}`);
  return read.data!;
}

function problemsOf(people: People): string[] {
  const rows = Object.entries(people.routes).flatMap(([table, routes]) =>
    Object.entries(routes).map(([value, teams]) => ({ where: `routes.${table}.${value}`, teams })),
  );
  const used = new Set(rows.flatMap(({ teams }) => teams));
  const open = (window: keyof People['channels'], teams: string[]) =>
    [...people.channels[window], ...people.channels.always].some((channel) =>
      teams.some((team) => people.teams[team]?.[channel].length),
    );
  return [
    ...rows.flatMap(({ where, teams }) =>
      teams.filter((team) => !(team in people.teams)).map((team) => `${where}: there is no team ${team}`),
    ),
    ...Object.keys(people.teams)
      .filter((team) => !used.has(team))
      .map((team) => `teams.${team}: no route leads to it`),
    ...Object.keys(people.routes.tier)
      .filter((tier) => !(tier in people.tiers))
      .map((tier) => `routes.tier.${tier}: tiers has no such tier`),
    // A severity that nobody hears at some hour is a mistake that shows in that hour only.
    ...Object.entries(people.routes.severity).flatMap(([severity, teams]) =>
      (['business hours', 'after hours', 'weekends'] as const)
        .filter((window) => !open(window, teams))
        .map((window) => `routes.severity.${severity}: nobody of ${teams.join(', ')} is reached in ${window}`),
    ),
  ];
}
