/** The running definitions become docs/metrics.md, docs/configuration.md and docs/sources.md; `--check` tells what has drifted. */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { loadSourceType, schemas, sourceTypes } from '../src/config.ts';
import { BOUNCE_CLASSES, REPLY_REASONS } from '../src/event.ts';
import { catalogue, eventFamilies } from '../src/metrics.ts';

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
Histogram bounds in seconds: ${buckets.join('; ')}.

## Closed label values
- \`class\`: ${BOUNCE_CLASSES.map(code).join(', ')}
- \`reason\` of deferrals and bounces: ${REPLY_REASONS.map(code).join(', ')}
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

export const PAGES: Record<string, () => string | Promise<string>> = {
  'docs/metrics.md': metrics,
  'docs/configuration.md': configuration,
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
