/**
 * The example files of docs/extending-rules.md do what the page says, on the oldest and the newest Prometheus we claim, loaded with
 * the shipped rules; and the page shows them as they are.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { tool } from '../stack/tools.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const list = (pattern: string): string[] => globSync(pattern, { cwd: ROOT }).sort();
const PROMTOOLS = ['promtool', 'promtool-next'] as const;
const EXAMPLES = list('rules/examples/*.yml');
const TESTS = list('rules/examples/tests/*.test.yml');
const ONE_SERIES_EACH = 'rules/examples/tests/one-series-each.test.yml';

/** What a promtool says, empty when it is content. */
async function complaint(name: (typeof PROMTOOLS)[number], cwd: string, ...args: string[]): Promise<string> {
  return await promisify(execFile)(await tool(name), args, { cwd, maxBuffer: 1e8 }).then(
    () => '',
    (error: { stdout?: string; stderr?: string; message: string }) =>
      `${error.stdout ?? ''}${error.stderr ?? ''}` || error.message,
  );
}

async function bothPass(...args: string[]): Promise<void> {
  for (const name of PROMTOOLS) assert.equal(await complaint(name, ROOT, ...args), '', name);
}

test('promtool check rules finds nothing in the examples', async () => {
  await bothPass('check', 'rules', '--lint=all', '--lint-fatal', ...EXAMPLES);
});

for (const file of TESTS) {
  test(`promtool test rules ${file}`, async () => {
    await bothPass('test', 'rules', file);
  });
}

test('every example has a test that loads it', () => {
  for (const file of EXAMPLES) {
    const own = `rules/examples/tests/${basename(file, '.yml')}.test.yml`;
    assert.ok(TESTS.includes(own), `${file} has no test ${own}`);
    assert.match(read(own), new RegExp(`\\.\\./${basename(file)}\\b`), own);
  }
});

test('the page shows every example, the test against two numbers for one, and nothing that no file holds', () => {
  const blocks = [...read('docs/extending-rules.md').matchAll(/^```yaml\n# (rules\/\S+)\n(.*?)^```/gms)];
  assert.deepEqual(blocks.map(([, file]) => file).sort(), [...EXAMPLES, ONE_SERIES_EACH].sort());
  for (const [, file, text] of blocks) assert.equal(text, read(file!), file);
});

test('the page says by which label each threshold is overridden, as the rules have it', () => {
  const rows = [...read('docs/extending-rules.md').matchAll(/^\| (`\w+`.*|none, .*) \| (.*) \|$/gm)];
  const said = new Map(
    rows.flatMap(([, labels, thresholds]) =>
      words(thresholds!)
        .map((name) => [name, words(labels!).sort().join()] as const)
        .filter(([name]) => name !== 'bounce_ratio'),
    ),
  );
  const overridden = new Map<string, string[]>();
  for (const text of list('rules/*.yml').map(read)) {
    for (const [, name] of text.matchAll(/record: email_threshold:(\w+)/g))
      overridden.set(name!, overridden.get(name!) ?? []);
    for (const [, by, name] of text.matchAll(/(?:min|max) by \(([\w, ]+)\) \(email_threshold:(\w+)/g))
      overridden.set(name!, [...(overridden.get(name!) ?? []), by!.split(', ').sort().join()]);
  }
  assert.deepEqual([...new Set(overridden.get('bounce_ratio'))].sort(), ['sending_domain', 'sending_ip']);
  overridden.delete('bounce_ratio');
  for (const [name, labels] of overridden)
    assert.deepEqual([...new Set(labels)].join(' or '), said.get(name) ?? 'sending_domain', name);
  for (const name of said.keys()) assert.ok(overridden.has(name), `there is no threshold ${name}`);
});

/** The names in backquotes. */
function words(text: string): string[] {
  return [...text.matchAll(/`(\w+)`/g)].map(([, word]) => word!);
}

/** The examples with one file more, in a copy, and what promtool says of each. */
async function withFile(t: TestContext, labels: string): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'extending-rules-'));
  t.after(() => rmSync(dir, { recursive: true }));
  cpSync(join(ROOT, 'rules'), join(dir, 'rules'), { recursive: true });
  writeFileSync(
    join(dir, 'rules/examples/again.yml'),
    `groups: [{ name: again, rules: [{ record: 'email_threshold:bounce_ratio', expr: vector(1), labels: { ${labels} } }] }]`,
  );
  const file = join(dir, ONE_SERIES_EACH);
  writeFileSync(file, readFileSync(file, 'utf8').replace('rule_files: [', 'rule_files: [../again.yml, '));
  return await Promise.all(PROMTOOLS.map((name) => complaint(name, dir, 'test', 'rules', ONE_SERIES_EACH)));
}

test('two numbers for one domain are found: the same series twice, and two that differ in a label of the team', async (t) => {
  const same = 'severity: high, sending_domain: wakeup.example.com';
  for (const said of await withFile(t, same)) assert.match(said, /duplicate sample for timestamp/);
  for (const said of await withFile(t, `${same}, team: shop`)) assert.match(said, /wakeup\.example\.com.* 2E\+00/);
  for (const said of await withFile(t, 'severity: high, sending_domain: others.example.com')) assert.equal(said, '');
});
