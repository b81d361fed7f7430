/** Printed pages say what the definitions say, and the definitions what the fixtures show. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { drifted, PAGES } from '../docs/print.ts';
import { loadSourceType, sourceTypes } from '../src/config.ts';
import { FIELDS, type Field } from '../src/source.ts';

test('no printed page has drifted', async () => {
  assert.deepEqual(await drifted(), []);
});

test('every key of the configuration is described', async () => {
  const page = await PAGES['docs/configuration.md']!();
  assert.doesNotMatch(page, /^\| `\w+` \|[^|]*\|\s*\|$/m);
});

/** What an event of a fixture has when its source knows the field. */
const KNOWN: Record<Field, (event: Record<string, unknown>) => boolean> = {
  identity: () => true,
  sending_domain: (event) => Boolean(event.sendingDomain),
  sending_ip: (event) => Boolean(event.sendingIp),
  recipient_domain: (event) => Boolean(event.recipientDomain),
  campaign: (event) => Boolean(event.campaign),
  reply: (event) => Boolean(event.reply),
  seconds: (event) => event.seconds !== undefined,
  by: (event) => event.by === 'machine',
  content: (event) => event.content !== undefined,
};

const types = await Promise.all(sourceTypes().map(async (type) => ({ type, ...(await loadSourceType(type)) })));

describe('a documented source', () => {
  for (const { type, docs } of types.filter((source) => source.docs !== undefined)) {
    test(`${type} has exactly the fields that its fixtures show`, () => {
      const { cases } = parse(readFileSync(`test/sources/${type}.yml`, 'utf8')) as {
        cases: { events?: Record<string, unknown>[] }[];
      };
      const events = cases.flatMap((one) => one.events ?? []);
      const shown = (Object.keys(FIELDS) as Field[]).filter((field) => events.some(KNOWN[field]));
      assert.deepEqual(Object.keys(docs!.fields).sort(), shown.sort());
    });
  }
});

test('the table says which sources are signed', async () => {
  const page = await PAGES['docs/sources.md']!();
  for (const { type } of types) {
    const signed = new RegExp(`^\\| \\[\`${type}\`\\].*\\| yes \\| \\d+ \\|$`, 'm').test(page);
    assert.equal(signed, existsSync(`test/sources/${type}.sign.ts`), type);
  }
});
