/** The running definitions become the pages of PAGES; `--check` tells what has drifted. */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { BLOCKLISTS, type Blocklist, ZONE_STATES } from '../src/blocklist.ts';
import type { Check } from '../src/check.ts';
import { everyCheck } from '../src/checks-route.ts';
import { loadSourceType, schemas, sourceTypes } from '../src/config.ts';
import { AUTHENTICATION_METHODS, AUTHENTICATION_OUTCOMES, BOUNCE_CLASSES, REPLY_REASONS } from '../src/event.ts';
import { MODES } from '../src/incident.ts';
import { CLOSED, FINAL } from '../src/incident-totals.ts';
import { catalogue, eventFamilies, INCIDENT_BUCKETS } from '../src/metrics.ts';
import { DEFINITE, type ListVerdict, VERDICTS } from '../src/reading.ts';
import { FIELDS, type SourceType } from '../src/source.ts';
import { blocklists } from './blocklists.ts';
import { remediation } from './remediation.ts';

const NOTE = '<!-- Printed by `npm run docs`; a change belongs into the definitions. -->\n';

function table(head: string[], rows: string[][]): string {
  const cell = (text: string) => text.replace(/\|/g, '\\|').replace(/\n/g, ' ');
  const line = (cells: string[]) => `| ${cells.map(cell).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

const code = (text: string) => `\`${text}\``;

const LISTS = [...BLOCKLISTS].filter((entry): entry is [string, Blocklist] => !('retired' in entry[1]));
const TIERS = ['page', 'ticket', 'info'] as const satisfies readonly Blocklist['tier'][];

function metrics(): string {
  const rows = catalogue.map(({ name, type, help, labels }) => [code(name), type, labels.map(code).join(', '), help]);
  const buckets = eventFamilies
    .filter((f) => f.buckets.length > 0)
    .map((f) => `${code(f.name)}: ${f.buckets.join(', ')}`);
  return `# Metrics
${NOTE}
Beside these there are the usual \`process_*\` and \`nodejs_*\` metrics of prom-client. A new series is exposed at 0 for a little longer than one scrape
interval before its first count shows, so that \`increase()\` sees it. Values are shown once they are committed, never before.

${table(['name', 'type', 'labels', 'what it says'], rows)}
Histogram bounds: ${buckets.join('; ')}; \`email_incident_*_seconds\`: ${INCIDENT_BUCKETS.join(', ')}.

## Closed label values
- \`class\`: ${BOUNCE_CLASSES.map(code).join(', ')}
- \`reason\` of deferrals and bounces: ${REPLY_REASONS.map(code).join(', ')}
- \`method\` and \`result\` of authentication (RFC 8601): ${AUTHENTICATION_METHODS.map(code).join(', ')}; ${AUTHENTICATION_OUTCOMES.map(code).join(', ')}
- \`verdict\` of incidents: ${CLOSED.map(code).join(', ')}; [what counts when](incidents.md#what-counts); \`issue_type\` and \`severity\` are the alert's own
- \`mode\` and \`outcome\` of remedies: ${MODES.slice(1).map(code).join(', ')}; ${FINAL.map(code).join(', ')}
- \`verdict\` of content filters: \`clean\`, \`spam\`
- \`verdict\` of blocklists: ${VERDICTS.map(code).join(', ')}; [how they are to be read](checks.md#verdicts-of-blocklists)
- \`state\` of blocklists: ${ZONE_STATES.map(code).join(', ')}
- \`tier\` of listings: ${TIERS.map(code).join(', ')}; \`list\`, \`code\` and \`meaning\`: [blocklists.md](blocklists.md)
- \`check\` and \`problem\`: [checks.md](checks.md); \`target\` is a sending address, or a sending domain in lower-case A-labels; \`kind\` of a target: \`ip\`, \`domain\`
- \`source\` is the name a source is configured under; \`provider\` the mailbox provider of the recipient, \`other\` when it is none of the known ones.
- \`sending_domain\`, \`sending_ip\`: \`unknown\` where the source does not say; these and \`campaign\` become \`__other__\` over their cap.
`;
}

/** Keys of a schema with default and description. */
function keys(schema: z.ZodObject): string {
  const json = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }) as {
    properties: Record<string, { default?: unknown; description?: string; type?: string; enum?: unknown[] }>;
    required?: string[];
  };
  const rows = Object.entries(json.properties).map(([key, p]) => {
    const fallback = json.required?.includes(key)
      ? 'needed'
      : p.default === undefined
        ? ''
        : code(JSON.stringify(p.default));
    return [
      code(key),
      fallback,
      `${p.description ?? ''}${p.enum ? ` (${p.enum.map((e) => code(String(e))).join(', ')})` : ''}`,
    ];
  });
  return rows.length ? table(['key', 'default', 'what it does'], rows) : 'It has no keys of its own.\n';
}

const blocklistKeys = schemas.blocklists.unwrap();

function keysOfLists(): string[][] {
  return Object.entries(blocklistKeys.shape.keys.unwrap().shape).map(([key, schema]) => {
    const opened = LISTS.filter(([, { needs }]) => needs !== undefined && 'key' in needs && needs.key === key);
    return [
      code(key),
      opened.map(([name]) => `[${name}](blocklists.md#${name})`).join(', '),
      (schema as z.ZodType).description ?? '',
    ];
  });
}

/** What is shown is also checked: an example that the schema refuses is not printed. */
function warmup(): string {
  const example = { ip: '192.0.2.61', start: '2026-12-01', daily: [50, 100, 200, 400, 800] };
  schemas.top.shape.warmup.parse([example]);
  const { ip, start, daily } = example;
  return `An address that is to be trusted with more mail from day to day. \`email_warmup_day\` and \`email_warmup_plan_messages\` show each plan beside what was sent.

\`\`\`yaml
warmup:
  - ip: ${ip}
    start: ${start}   # the first day (UTC)
    daily: [${daily.join(', ')}]   # messages of the first day, the second, and so on
\`\`\`
`;
}

async function configuration(): Promise<string> {
  let own = '';
  for (const type of sourceTypes()) {
    const { config, summary } = await loadSourceType(type);
    own += `\n### \`${type}\`\n${summary}.\n\n${keys(config as z.ZodObject)}`;
  }
  return `# Configuration
${NOTE}
YAML, named by \`--config.file\`. Unknown keys are errors; \`--check-config\` tells every problem at once, with its line. It is loaded again on SIGHUP or
\`POST /-/reload\`; a bad file changes nothing. \`limits\` and \`scrape_interval\` take effect at a start only.

A secret is written \`{ file: /path }\` or \`{ env: NAME }\`, never as itself. A duration is written like \`15s\`, \`5m\`, \`1h30m\`.

${keys(schemas.top)}
## \`limits\`
${keys(schemas.limits)}
## \`incidents\`
What Alertmanager told of, and who may say something to it: [incidents.md](incidents.md).

${keys(schemas.incidents)}
## \`remediation\`
What is done about alerts, step by step: [remediation.md](remediation.md).

${keys(schemas.remediation)}
### \`remediation.strategies\`
${keys(schemas.strategy)}
## \`resolver\`
${keys(schemas.resolver)}
## \`checks\`
What is looked up, what its findings mean and what it needs: [checks.md](checks.md).

${keys(schemas.checks)}
## \`checks.blocklists\`
The lists, with what they answer and what they allow: [blocklists.md](blocklists.md).

${keys(blocklistKeys)}
### \`checks.blocklists.keys\`
${table(['key', 'opens', 'what it is'], keysOfLists())}
A key is part of the names that are asked for, so a resolver sees it, and a name server on the way; it is in no label, log, page or answer of the exporter.

## \`warmup\`
${warmup()}
## Every source
${keys(schemas.common)}
\`auth\` is \`none\`, or any of \`basic: [{ username, password }]\`, \`bearer: [secret]\`, \`headers: [{ name, value }]\`; any one credential that fits will do, so
that they can be rotated. Where the sender signs and \`auth\` is set too, both must hold.

## Keys of the types of sources
${own}`;
}

/** What is the same for every source. */
const ANSWERS: [status: string, when: string][] = [
  [
    '200',
    'All that counts in the post is committed, or was before: a repeat is answered like the first. Ignored, unknown and unusable items do not change it, or a sender would repeat them for ever.',
  ],
  ['400', 'The body as a whole cannot be understood. Nothing in it was counted.'],
  ['401', 'The signature or the credentials do not fit.'],
  ['404', 'No source of this name is configured.'],
  ['413, 415', 'The body is too large, or of a kind in which nobody sends events.'],
  [
    '503',
    'Nothing can be taken at the moment: the sender comes back, and nothing was counted. Where 503 would make a sender give up, another status stands in the table above.',
  ],
];

async function sources(): Promise<string> {
  const types = await Promise.all(sourceTypes().map(async (type) => ({ type, ...(await loadSourceType(type)) })));
  const names = Object.keys(FIELDS) as (keyof typeof FIELDS)[];
  const head = ['type', 'comes as', ...names.slice(1).map((name) => FIELDS[name]), 'signed', 'come back later'];
  const rows = types.map((source) => [
    `[${code(source.type)}](#${source.type})`,
    source.transport === 'lines' ? 'log or posts' : 'posts',
    ...names.slice(1).map((name) => (source.docs.fields[name] === undefined ? '' : 'yes')),
    signed(source) ? 'yes' : '',
    String(source.busyStatus ?? 503),
  ]);
  return `# Sources
${NOTE}
What each type of source can tell, how to point it here, how it is known to be genuine, and what it is answered. \`HOST\` is where the exporter is reached,
\`NAME\` what the source is called in the [configuration](configuration.md). Fields that a source does not tell are \`unknown\`, or what \`sending_domain\` and
\`sending_ip\` of its configuration say. To see what became of a saved post or log: \`npm start -- replay --source NAME FILE\`.

${table(head, rows)}
A spam trap that was hit is told by the remote reply, or by the push API: such bounces count with \`reason="spam_trap"\`. Scores and verdicts of filters and results of
authentication count once a message, in \`email_campaign_spam_score\`, \`email_campaign_spam_verdicts_total\` and \`email_campaign_authentication_results_total\`.

## Answers
${table(['status', 'when'], ANSWERS)}
${types.map(section).join('\n')}`;
}

/** Whether any of its own keys is one that its sender signs with. */
function signed({ config }: SourceType): boolean {
  return Object.keys((config as z.ZodObject).shape).some((key) => SIGNING.has(key));
}
const SIGNING = new Set(['public_keys', 'signing_keys', 'signing_secrets', 'keys', 'topics']);

function section({ type, summary, gives, docs }: SourceType & { type: string }): string {
  const told = table(
    ['field', 'comes from'],
    Object.entries(docs.fields).map(([name, from]) => [FIELDS[name as keyof typeof FIELDS], from]),
  );
  return `## ${type}
${summary}. It tells of: ${gives.map(code).join(', ')}. Its keys: [${type}](configuration.md#${type}).

${told}
**Pointing it here.** ${docs.pointing}

**Authentication.** ${docs.authentication}

**Answers.** ${docs.answers}
`;
}

/** What each verdict says, and of whom. */
const MEANING: Record<ListVerdict, string> = {
  listed: 'The list holds the target in a code that it documents as a listing.',
  policy:
    'The list holds it, and for no misdeed: the address is not meant to send mail directly (a line of customers, no reverse name). Receivers who use the list refuse mail all the same.',
  info: 'An entry that says something and is no listing, such as "no data" or "neutral".',
  allow: 'The list speaks well of it.',
  score: 'A degree, shown in `email_reputation_score`.',
  clear: 'A definite "no such name", from a list that has just answered its own test entries as it should.',
  refused:
    'The list does not answer this resolver, this key, or so many questions. The cause says what to do: [when a list refuses](blocklists.md#when-a-list-refuses).',
  error:
    'No answer, one that cannot be read, or one that is not believed because the list failed its own test entries (dead, wildcard, parked, interfered).',
  unsupported: 'The list has no entries of this kind, such as IPv6 addresses. It was not asked.',
  unknown_code:
    'An answer in a code that the list does not document. Never a listing: codes come and go without notice.',
};

async function checks(): Promise<string> {
  const all = [...(await everyCheck())];
  const alone = LISTS.filter(([, { publicResolver }]) => publicResolver === 'refused').length;
  const verdicts = VERDICTS.map((verdict) => [
    code(verdict),
    DEFINITE.includes(verdict) ? 'the target' : 'the list, the resolver or the question',
    MEANING[verdict],
  ]);
  return `# Checks
${NOTE}
What is looked up about the addresses and domains that mail is sent from: blocklists and reputation services, and what mailbox providers look for in the DNS.
Nothing is looked up without the key \`checks\` in the [configuration](configuration.md#checks); \`checks: {}\` takes the defaults, which look at every address and domain that sent mail
within 24 hours. Each is asked about in its turn, spread over the interval, and never because somebody scrapes.

## Asking now
\`\`\`sh
npm start -- check 192.0.2.10 example.com                                  # without a server; --help has the flags
curl '127.0.0.1:9871/checks/blocklist?target=192.0.2.10&debug=true'        # a running exporter; /checks lists the checks
\`\`\`
The command ends with 0 when all is well, 1 when something is listed or failed, 2 when something could not be found out. With \`--json\` it prints one object a reading; \`/checks/…\` answers in JSON when
\`Accept\` asks for it, and stands behind the users of \`--web.config.file\` like everything that is for people. \`debug=true\` adds every step: what was asked, what came back, how it was judged. One target is asked about at a
time, and few at once: 429 says when to come back.

## Which checks there are
${table(
  ['check', 'of', 'what it asks'],
  all.map(([name, { summary, targets }]) => [
    `[${code(name)}](#${name})`,
    targets.map((kind) => (kind === 'ip' ? 'addresses' : 'domains')).join(', '),
    sentence(summary),
  ]),
)}
A check of DNS has passed when it has no problem. A problem is something that receivers refuse, distrust or ignore mail for, and is shown in \`email_dns_check_problem\`; a warning, in \`email_dns_check_warning\`, is worth
knowing and no receiver acts on it today. When nobody could say (SERVFAIL, REFUSED, silence), nothing is known: what was known before is shown for three intervals, then nothing.

\`mta-sts\` and \`mx-certificate\` connect to the hosts that the DNS names, and only at addresses of the Internet: whoever writes the zone that is checked could else have us look into the network
that the exporter stands in. An address that is private, link-local, reserved or of the machine itself makes the check unknown, with that reason; \`checks.private_addresses: allow\` is for those whose mail servers stand there.

## Verdicts of blocklists
Not every answer is a listing, and no answer is not "clear". \`email_blocklist_listed\` is 1 for \`listed\`, 0 for any other definite verdict, and absent when there was none for three intervals. A change between listed and not listed counts
when it is still so after \`confirm_after\`, and after as long as a cache on the way may repeat the first answer (its TTL); at the latest after the interval.

A list is blind about a target when it gave no definite verdict for three intervals, or none since it was to be asked. Either moment is a series, and so is the interval:
\`time() - (email_blocklist_last_definite_timestamp_seconds or email_blocklist_unanswered_since_timestamp_seconds) > on (instance, list) group_left () 3 * email_blocklist_interval_seconds\`.
For checks of DNS there are \`email_dns_check_last_success_timestamp_seconds\`, \`email_dns_check_unanswered_since_timestamp_seconds\` and \`email_dns_check_interval_seconds\`.

${table(['verdict', 'says something of', 'meaning'], verdicts)}
## Allowances
Operators say how much they want to be asked. Lists of one operator draw on one allowance (\`pool\`): it fills evenly over the day, what is left is kept over restarts, and where there are so many targets that it would not last,
each is asked about less often instead. Tests of the lists, confirmations and people who ask now draw on the same allowance. What is used up is not asked, which is no error of the list: a person is told "not asked", \`email_blocklist_waiting_targets\` counts those who wait, and the last verdict stays as long as it is young enough. The figures are in [blocklists.md](blocklists.md); \`checks.blocklists.per_day\`
says what your contract allows. The \`check\` command keeps no allowances, which is why it takes few targets.

## A resolver of your own
Lists count and bill by the address that asks. A public resolver (Google’s, Cloudflare’s, Quad9’s, and those of most clouds and access providers) asks for everybody, so it is over every allowance: ${alone} of the ${LISTS.length} lists here refuse such resolvers outright, others answer some
questions and not others, and some public resolvers hide the refusal behind "no such name", which a careless checker takes for "clear". So ask through a resolver that goes to the name servers itself, forwards to nobody, and has a
reverse name of its own. Unbound does, in five lines:

\`\`\`
server:
  interface: 127.0.0.1
  access-control: 127.0.0.0/8 allow
  qname-minimisation: no
  cache-max-negative-ttl: 300
\`\`\`

(the fourth keeps one question from becoming several at the list, the fifth lets a new listing be seen within minutes), and in the configuration \`resolver: { servers: [127.0.0.1] }\`. From a cloud whose whole network is refused, take a key: [names of keys](configuration.md#checksblocklistskeys). Whether a list answers you is in \`email_blocklist_health\`.

With two or more name servers, a list that seems to have ended is looked for through the last of them, too: where it answers otherwise there, the state is \`interfered\`, and it is the first name server that hides or rewrites it.

${all.map(ofCheck).join('\n')}`;
}

function ofCheck([name, { summary, problems }]: [string, Check]): string {
  const findings = Object.entries(problems);
  const told =
    findings.length > 0
      ? table(
          ['problem or warning', 'what to do'],
          findings.map(([finding, advice]) => [code(finding), advice.replace(/</g, '&lt;')]),
        )
      : 'The lists, what they answer, and how to get off each of them: [blocklists.md](blocklists.md).\n';
  return `## ${name}\n${sentence(summary)}.\n\n${told}`;
}

const sentence = (text: string) => text[0]!.toUpperCase() + text.slice(1);

export const PAGES: Record<string, () => string | Promise<string>> = {
  'docs/metrics.md': metrics,
  'docs/configuration.md': configuration,
  'docs/sources.md': sources,
  'docs/checks.md': checks,
  'docs/blocklists.md': blocklists,
  'docs/remediation.md': () => remediation(NOTE),
};

const root = new URL('../', import.meta.url);

/** Pages whose committed text is not what would be printed now. */
export async function drifted(): Promise<string[]> {
  const found: string[] = [];
  for (const [path, print] of Object.entries(PAGES)) {
    let committed = '';
    try {
      committed = readFileSync(new URL(path, root), 'utf8');
    } catch {
      // A page that is not there has drifted as far as can be.
    }
    if (committed !== (await print())) found.push(path);
  }
  return found;
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const found = await drifted();
    if (found.length > 0) process.stderr.write(`${found.join(', ')}: drifted from the definitions; run npm run docs\n`);
    process.exitCode = found.length > 0 ? 1 : 0;
  } else {
    for (const [path, print] of Object.entries(PAGES)) writeFileSync(new URL(path, root), await print());
  }
}
