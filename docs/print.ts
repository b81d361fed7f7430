/** The running definitions become docs/metrics.md, docs/configuration.md and docs/sources.md; `--check` tells what has drifted. */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { loadSourceType, schemas, sourceTypes } from '../src/config.ts';
import { AUTHENTICATION_METHODS, AUTHENTICATION_OUTCOMES, BOUNCE_CLASSES, REPLY_REASONS } from '../src/event.ts';
import { catalogue, eventFamilies } from '../src/metrics.ts';
import { FIELDS, type SourceType } from '../src/source.ts';

const NOTE = '<!-- Printed by `npm run docs`; a change belongs into the definitions. -->\n';

function table(head: string[], rows: string[][]): string {
  const cell = (text: string) => text.replace(/\|/g, '\\|').replace(/\n/g, ' ');
  const line = (cells: string[]) => `| ${cells.map(cell).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

const code = (text: string) => `\`${text}\``;

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
Histogram bounds: ${buckets.join('; ')}.

## Closed label values
- \`class\`: ${BOUNCE_CLASSES.map(code).join(', ')}
- \`reason\` of deferrals and bounces: ${REPLY_REASONS.map(code).join(', ')}
- \`method\` and \`result\` of authentication (RFC 8601): ${AUTHENTICATION_METHODS.map(code).join(', ')}; ${AUTHENTICATION_OUTCOMES.map(code).join(', ')}
- \`verdict\` of content filters: \`clean\`, \`spam\`
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
    ...names.slice(1).map((name) => (source.docs?.fields[name] === undefined ? '' : 'yes')),
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
  const told = docs
    ? `${table(
        ['field', 'comes from'],
        Object.entries(docs.fields).map(([name, from]) => [FIELDS[name as keyof typeof FIELDS], from]),
      )}
**Pointing it here.** ${docs.pointing}

**Authentication.** ${docs.authentication}

**Answers.** ${docs.answers}
`
    : '';
  return `## ${type}\n${summary}. It tells of: ${gives.map(code).join(', ')}. Its keys: [${type}](configuration.md#${type}).\n\n${told}`;
}

export const PAGES: Record<string, () => string | Promise<string>> = {
  'docs/metrics.md': metrics,
  'docs/configuration.md': configuration,
  'docs/sources.md': sources,
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
