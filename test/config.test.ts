/** Bad configurations become messages that say what is wrong where, all at once. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError, loadConfig, parseConfig, sourceTypes } from '../src/config.ts';
import { folder } from './exporter.ts';

const BAD: [title: string, yaml: string, problems: (string | RegExp)[]][] = [
  ['not YAML', 'sources: [', [/^x\.yml:1: not YAML: /]],
  ['an unknown key at the top', 'source:\n  push: { auth: none }\n', ['x.yml:1: source: there is no such key']],
  [
    'an unknown key in a source',
    'sources:\n  push:\n    auth: none\n    colour: red\n',
    ['x.yml:4: sources.push.colour: there is no such key'],
  ],
  ['an unknown limit', 'limits:\n  cows: 3\n', ['x.yml:2: limits.cows: there is no such key']],
  [
    'a source type that is none',
    'sources:\n  main: { type: pigeon }\n',
    [`x.yml:2: sources.main.type: there is no source type "pigeon"; known: ${sourceTypes().join(', ')}`],
  ],
  [
    'a name that is no type',
    'sources:\n  pigeon: { auth: none }\n',
    [/^x\.yml:2: sources\.pigeon: there is no source type "pigeon"/],
  ],
  [
    'nobody could post',
    'sources:\n  push: {}\n',
    [
      'x.yml:2: sources.push: nobody could post to it: push has no signature set up here, so say who may post with `auth` (or `auth: none` for everybody)',
    ],
  ],
  [
    'a secret in the file itself',
    'sources:\n  push:\n    auth:\n      bearer: [hunter2]\n',
    [
      'x.yml:4: sources.push.auth.bearer.0: a secret is written as { file: /path/to/it } or { env: NAME_OF_VARIABLE }, never in the configuration itself',
    ],
  ],
  [
    'a secret that is not there',
    'sources:\n  push:\n    auth:\n      bearer:\n        - { file: /nowhere/token }\n',
    [/^x\.yml:5: sources\.push\.auth\.bearer\.0: the secret in file \/nowhere\/token cannot be read/],
  ],
  [
    'a word for auth',
    'sources:\n  push: { auth: nobody }\n',
    ['x.yml:2: sources.push.auth: must be `none` or any of basic, bearer, headers'],
  ],
  [
    'a key of auth that is none',
    'sources:\n  push: { auth: { basci: [] } }\n',
    ['x.yml:2: sources.push.auth.basci: there is no such key'],
  ],
  ['a duration', 'scrape_interval: fast\n', ['x.yml:1: scrape_interval: must be a duration like 15s, 5m or 1h30m']],
  ['a negative limit', 'limits: { campaigns: -1 }\n', [/^x\.yml:1: limits\.campaigns: /]],
  [
    'files for a webhook',
    'sources:\n  push: { auth: none, files: [a.log] }\n',
    ['x.yml:2: sources.push.files: a source of type push is posted by its sender and reads no files'],
  ],
  [
    'a name with a slash',
    'sources:\n  a/b: { type: push, auth: none }\n',
    [/^x\.yml:2: sources\.a\/b: a source is named with/],
  ],
  ['a list for a source', 'sources:\n  push: [1]\n', ['x.yml:2: sources.push: must be a mapping of keys']],
  [
    'an address that is none',
    'sources:\n  push: { auth: none, sending_ip: mail1 }\n',
    ['x.yml:2: sources.push.sending_ip: must be an IP address'],
  ],
  [
    'a key that is no key',
    'sources:\n  sendgrid:\n    public_keys:\n      - abc\n',
    [/^x\.yml:4: sources\.sendgrid\.public_keys\.0: is not a public key/],
  ],
  [
    'several mistakes',
    'scrape_intervall: 10s\nsources:\n  push: { auth: none, colour: red }\n  main: { type: pigeon }\n',
    [
      /^x\.yml:1: scrape_intervall: there is no such key/,
      /^x\.yml:3: sources\.push\.colour: there is no such key/,
      /^x\.yml:4: sources\.main\.type: /,
    ],
  ],
];

for (const [title, yaml, expected] of BAD) {
  test(`refused: ${title}`, async () => {
    const error = await parseConfig(yaml, 'x.yml').then(
      () => assert.fail('was taken'),
      (e: unknown) => e,
    );
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.problems.length, expected.length, error.message);
    for (const [i, problem] of expected.entries())
      typeof problem === 'string'
        ? assert.equal(error.problems[i], problem)
        : assert.match(error.problems[i]!, problem);
    assert.doesNotMatch(error.message, /hunter2/);
  });
}

test('works unconfigured', async () => {
  const config = await loadConfig('');
  assert.deepEqual(config.sources, []);
  assert.equal(config.scrapeInterval, 10_000);
});

test('secrets come from files and the environment, and a trailing newline is no part of them', async (t) => {
  const file = join(folder(t), 'token');
  writeFileSync(file, 'from-file\n');
  process.env.CONFIG_TEST_TOKEN = 'from-env';
  const { sources } = await parseConfig(
    `sources: { push: { auth: { bearer: [{ file: ${file} }, { env: CONFIG_TEST_TOKEN }] } } }`,
    'x.yml',
  );
  assert.deepEqual(sources[0]!.auth, { basic: [], bearer: ['from-file', 'from-env'], headers: [] });
});

test('a file that is not there is said to be so', async () => {
  await assert.rejects(loadConfig('/nowhere/x.yml'), /\/nowhere\/x\.yml: cannot be read/);
});
