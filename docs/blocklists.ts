/** The lists of src/blocklists/ become docs/blocklists.md: what each answer means, how much it matters, and how to get off. */
import { BLOCKLISTS, type Blocklist, type Meaning, REFUSALS, type RetiredList } from '../src/blocklist.ts';

const code = (text: string) => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

const TIERS = {
  page: 'wakes somebody',
  ticket: 'is work for the day',
  info: 'is shown and never alerts',
} as const satisfies Record<Blocklist['tier'], string>;

const RESOLVERS = {
  answered: 'are answered',
  refused: 'are refused',
  limited: 'are answered within limits',
  unknown: 'are not spoken of',
} as const satisfies Record<Blocklist['publicResolver'], string>;

function meanings({ answers, refusals }: Blocklist): string[][] {
  const row = (answer: string, { verdict, meaning, severity, score }: Meaning) => [
    code(answer),
    verdict,
    meaning,
    score === undefined ? String(severity) : `${severity}, score ${score}`,
  ];
  const refused = (answer: string, cause: string) => [code(answer), 'refused', cause, ''];
  const rows = Object.entries(refusals).map(([answer, cause]) => refused(answer, cause));
  switch (answers.model) {
    case 'codes':
      return [...Object.entries(answers.codes).map(([answer, meaning]) => row(answer, meaning)), ...rows];
    case 'bits':
      return [
        ...Object.entries(answers.bits).map(([bit, meaning]) => row(`127.0.0.x, bit ${bit}`, meaning)),
        ...Object.entries(answers.refusals ?? {}).map(([bit, cause]) => refused(`127.0.0.x, bit ${bit}`, cause)),
        ...rows,
      ];
    case 'score':
      return [[code(`${answers.prefix}.0-100`), 'score', answers.meaning, 'the last octet'], ...rows];
  }
}

function needs({ needs }: Blocklist): string {
  if (needs === undefined) return 'nothing';
  return 'key' in needs ? `the key ${code(needs.key)}` : `the resolver’s address registered at ${needs.registration}`;
}

function section(name: string, list: Blocklist): string {
  const { delisting, quota, test } = list;
  const entries = Object.values(test).map(
    ({ listed, unlisted }) => `${listed === undefined ? 'none' : code(listed.name)} / ${code(unlisted.name)}`,
  );
  const facts = [
    `${list.title}, of ${list.operator}: ${code(list.zone)} (${list.targets.join(', ')}). A listing ${TIERS[list.tier]}.`,
    `Asked every ${list.everyMinutes} minutes, ${quota.perDay} questions a day at most, together with all of ${code(quota.pool)} (${quota.terms}).`,
    `Needs ${needs(list)}; public resolvers ${RESOLVERS[list.publicResolver]}. Test entries, listed / not: ${entries.join(', ')}.`,
    ...(list.includedIn === undefined ? [] : [`Part of ${code(list.includedIn)}: not asked beside it.`]),
    ...(list.absent === undefined ? [] : [`Who is not in it is ${code(list.absent)}, not "clear".`]),
    ...(list.doubtful === undefined ? [] : [`Asked only when named: ${list.doubtful}.`]),
  ];
  const steps = delisting.steps.map((step, n) => `${n + 1}. ${step}\n`).join('');
  const never = delisting.never === undefined ? '' : `\nNever: ${delisting.never}\n`;
  return `## ${name}
${facts.join('\n')}

${table(['answer', 'verdict', 'meaning', 'severity'], meanings(list))}
How to get off: <${delisting.page}>

${steps}${never}`;
}

export function blocklists(): string {
  const active = [...BLOCKLISTS].filter((entry): entry is [string, Blocklist] => !('retired' in entry[1]));
  const retired = [...BLOCKLISTS].filter((entry): entry is [string, RetiredList] => 'retired' in entry[1]);
  const worst = ([, list]: [string, Blocklist]) =>
    Math.max(...meanings(list).map(([, , , severity]) => Number.parseInt(severity!, 10) || 0));
  const order = Object.keys(TIERS);
  active.sort(
    (a, b) =>
      order.indexOf(a[1].tier) - order.indexOf(b[1].tier) || worst(b) - worst(a) || a[0].localeCompare(b[0], 'en'),
  );
  const reviewed = [...BLOCKLISTS.values()].map((list) => list.reviewed).sort()[0];
  return `# Blocklists and reputation services
<!-- Printed by \`npm run docs\`; a change belongs into the definitions. -->

Names are values of the label \`list\`. Severity, 0 to 100, is this project’s judgement of what a listing costs a sender. The oldest entry was reviewed on ${reviewed}.

For every list: first find and end the cause, then ask for removal, once. While the cause is there, no removal lasts, and most operators
make the next one harder. See that the alert is about mail that you send: an address that sends nothing may well stand in a policy list.
Do not pay anybody for a removal.

## Which lists there are
${table(
  ['list', 'zone', 'targets', 'a listing', 'worst severity'],
  active.map((entry) => [
    `[${entry[0]}](#${entry[0]})`,
    code(entry[1].zone),
    entry[1].targets.join(', '),
    TIERS[entry[1].tier],
    String(worst(entry)),
  ]),
)}
## When a list refuses
The verdict is then \`refused\`: nothing is known of the target, neither good nor bad. The cause says what to do.

${table(
  ['cause', 'what to do'],
  Object.entries(REFUSALS).map(([cause, advice]) => [code(cause), advice]),
)}
## Lists that are not asked
The configuration is refused when it names one of these.

${table(
  ['list', 'zone', 'since', 'why'],
  retired.map(
    ([
      name,
      {
        zone,
        retired: { since = 'never a list to be asked', reason },
      },
    ]) => [code(name), code(zone), since, reason],
  ),
)}
${active.map(([name, list]) => section(name, list)).join('\n')}`;
}

if (import.meta.main) process.stdout.write(blocklists());
