/**
 * people.yml becomes what Alertmanager and Prometheus load: the marked blocks of alertmanager.yml and prometheus.yml, and
 * templates/links.tmpl; `--check` fails on a difference. After the Alertmanager documentation, "Configuration", and
 * Prometheus', "relabel_config".
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Channel, INTEGRATIONS, standIn } from './integrations.ts';
import { DAYS, type People, readPeople, SEVERITIES } from './people.ts';

const ROOT = join(import.meta.dirname, '..');

// --- Alertmanager -------------------------------------------------------------------------------------------------------

/** Everybody that the same teams' alerts go to by the same channel. */
interface Receiver {
  name: string;
  teams: string[];
  channel: Channel;
  addresses: string[];
}

/** An address that several teams share is one receiver of them all: who listens there is told once. */
function receivers({ teams }: People): Receiver[] {
  const found = new Map<string, Receiver>();
  for (const channel of Object.keys(INTEGRATIONS) as Channel[]) {
    const members = (address: string) => Object.keys(teams).filter((team) => teams[team]![channel].includes(address));
    for (const address of new Set(Object.values(teams).flatMap((team) => team[channel]))) {
      const name = `${members(address).join('+')}-${channel}`;
      const receiver = found.get(name) ?? { name, teams: members(address), channel, addresses: [] };
      receiver.addresses.push(address);
      found.set(name, receiver);
    }
  }
  return [...found.values()];
}

/** Matchers, all of which an alert meets that is none of these teams'; absent: every alert is theirs. */
function notTheirs(teams: string[], { routes }: People): string[] | undefined {
  const theirs = (table: Record<string, string[]>) =>
    Object.keys(table).filter((value) => table[value]!.some((team) => teams.includes(team)));
  const mine = theirs(routes.severity);
  const others = SEVERITIES.filter((severity) => !mine.includes(severity));
  const matchers: string[] = [];
  if (mine.includes('other')) {
    if (others.length === 0) return undefined;
    matchers.push(`severity=~"${others.join('|')}"`);
  } else if (mine.length > 0) matchers.push(`severity!~"${mine.join('|')}"`);
  const issues = theirs(routes.issue_type);
  if (issues.length > 0) matchers.push(`issue_type!~"${issues.join('|')}"`);
  const tiers = theirs(routes.tier);
  // The label may name several tiers: `high-volume,production`.
  if (tiers.length > 0) matchers.push(`tier!~"(.+,)?(${tiers.join('|')})(,.+)?"`);
  return matchers;
}

const INTERVALS = { 'business hours': 'business-hours', 'after hours': 'after-hours', weekends: 'weekends' } as const;

/** One subtree for each set of teams: what is not theirs ends at its first route, all else goes by every channel that is open. */
function routes(people: People): string {
  const all = receivers(people);
  const sets = new Map(all.map(({ teams }) => [teams.join('+'), teams]));
  const windows = Object.entries(INTERVALS) as [keyof typeof INTERVALS, string][];
  const leaf = ({ name, channel }: Receiver): string => {
    const active = windows
      .filter(([window]) => people.channels[window].includes(channel))
      .map(([, interval]) => interval);
    const always = active.length === windows.length || people.channels.always.includes(channel);
    if (active.length === 0 && !always) return '';
    return `    - { receiver: ${name}, ${always ? '' : `active_time_intervals: [${active.join(', ')}], `}continue: true }\n`;
  };
  const subtree = ([set, teams]: [string, string[]]): string => {
    const not = notTheirs(teams, people)?.map((matcher) => `'${matcher}'`);
    return (
      `- continue: true # ${set}\n  routes:\n` +
      (not === undefined ? '' : `    - { receiver: nobody, matchers: [${not.join(', ')}] }\n`) +
      all
        .filter((receiver) => receiver.teams.join('+') === set)
        .map(leaf)
        .join('')
    );
  };
  return [...sets].map(subtree).join('');
}

/** Ends are exclusive, and a range may not pass midnight. No day and no time mean always: what is never is 30 February. */
function timeIntervals({ hours: { time_zone, business } }: People): string {
  const range = (start_time: string, end_time: string) =>
    start_time === end_time ? [] : [`{ start_time: '${start_time}', end_time: '${end_time}' }`];
  const interval = (name: string, days: readonly string[], times: string[]) => {
    const never = days.length === 0 || times.length === 0;
    const when = never
      ? "months: ['2'], days_of_month: ['30']"
      : `weekdays: [${days.join(', ')}], times: [${times.join(', ')}]`;
    return `- name: ${name}\n  time_intervals: [{ ${when}, location: '${time_zone}' }]\n`;
  };
  const { days, from, to } = business;
  return (
    interval('business-hours', days, range(from, to)) +
    interval('after-hours', days, [...range('00:00', from), ...range(to, '24:00')]) +
    interval(
      'weekends',
      DAYS.filter((one) => !days.includes(one)),
      range('00:00', '24:00'),
    )
  );
}

function receiverList(people: People): string {
  const list = receivers(people).map(({ name, teams, channel, addresses }) => ({
    name,
    ...(people.stand_in === undefined
      ? INTEGRATIONS[channel](addresses)
      : standIn(`${people.stand_in}/${teams.join('+')}/${channel}`)),
  }));
  return stringify(list, { singleQuote: true, lineWidth: 0, aliasDuplicateObjects: false });
}

function mail({ mail: { from, smarthost, login }, stand_in }: People): string {
  if (stand_in !== undefined) return '';
  const sender = { smtp_from: from, smtp_smarthost: smarthost };
  const credentials = login && {
    smtp_auth_username: login.username,
    smtp_auth_password_file: `/run/secrets/${login.password}`,
  };
  return stringify({ global: { ...sender, ...credentials } }, { singleQuote: true });
}

// --- Prometheus and links -----------------------------------------------------------------------------------------------

/** One rule a tier, each adding its word to the label: alerts name a resource by one of these labels. */
function tierRules({ tiers }: People): string {
  const pattern = (name: string) => name.toLowerCase().replaceAll('.', '\\.').replaceAll('*', '[^;]+');
  const rules = Object.entries(tiers)
    .filter(([, names]) => names.length > 0)
    .map(
      ([tier, names]) =>
        '- { source_labels: [tier, source, sending_domain, sending_ip, target], ' +
        `regex: '([^;]*);(?:.*;)?(?:${names.map(pattern).join('|')})(?:;.*)?', target_label: tier, replacement: '\${1},${tier}' }\n`,
    );
  if (rules.length === 0) return 'alert_relabel_configs: []\n';
  const comma = `- { source_labels: [tier], regex: ',(.+)', target_label: tier, replacement: '$1' }\n`;
  return `alert_relabel_configs:\n${[...rules, comma].map((line) => `  ${line}`).join('')}`;
}

function links({ links }: People): string {
  const one = ([name, url]: [string, string]) => `{{ define "deliverability.${name}" }}${url}{{ end -}}\n`;
  return `{{/* Built from people.yml by \`npm run routes\`; a change belongs there. */ -}}\n${Object.entries(links).map(one).join('')}`;
}

// --- Files --------------------------------------------------------------------------------------------------------------

/** The text with `content` between the two lines that mark the block `name`, indented as they are. */
export function fill(text: string, name: string, content: string): string {
  const marked = new RegExp(`^( *)(\\S.*\\bbuilt: ${name}\\b.*\\n)[^]*?^( *\\S.*\\bend: ${name}\\b)`, 'm');
  if (!marked.test(text)) throw new Error(`there is no block between "built: ${name}" and "end: ${name}"`);
  return text.replace(
    marked,
    (_, indent: string, first: string, last: string) => indent + first + content.replace(/^(?=.)/gm, indent) + last,
  );
}

export const FILES = {
  'alertmanager/alertmanager.yml': (text: string, people: People) =>
    [
      ['mail', mail(people)] as const,
      ['routes', routes(people)] as const,
      ['time intervals', timeIntervals(people)] as const,
      ['receivers', receiverList(people)] as const,
    ].reduce((filled, [name, content]) => fill(filled, name, content), text),
  'prometheus/prometheus.yml': (text: string, people: People) => fill(text, 'tiers', tierRules(people)),
  'alertmanager/templates/links.tmpl': (_: string, people: People) => links(people),
} as const;
export type File = keyof typeof FILES;

/** What a file has to hold for these people. */
export function built(file: File, people: People): string {
  return FILES[file](readFileSync(join(ROOT, file), 'utf8'), people);
}

if (import.meta.main) {
  try {
    const people = readPeople(readFileSync(join(ROOT, 'alertmanager/people.yml'), 'utf8'));
    for (const file of Object.keys(FILES) as File[]) {
      const text = built(file, people);
      if (readFileSync(join(ROOT, file), 'utf8') === text) continue;
      if (process.argv.includes('--check')) throw new Error(`${file} is not what people.yml makes: npm run routes`);
      writeFileSync(join(ROOT, file), text);
      console.log(`${file} written`);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
