/** Printed pages say what the definitions say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drifted, PAGES } from '../docs/print.ts';

test('no printed page has drifted', async () => {
  assert.deepEqual(await drifted(), []);
});

test('every key of the configuration is described', async () => {
  const page = await PAGES['docs/configuration.md']!();
  assert.doesNotMatch(page, /^\| `\w+` \|[^|]*\|\s*\|$/m);
});
