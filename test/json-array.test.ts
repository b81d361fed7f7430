/** Bodies become lists of values; cutting long ones into slices must never change what they say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonItems } from '../src/json-array.ts';
import { Malformed } from '../src/source.ts';

describe('a long array says in slices what it says as a whole', () => {
  /** Text, keys and nesting that look like the place between two items. */
  const trap = fc.constantFrom('},{', '"},{"', '\\"},{', '},\r\n {', '}],[{', '\\', '"', 'ü', '漢', '😀', '},', '{');
  const piece = fc.oneof(trap, fc.string({ maxLength: 8 }));
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  const leaf = fc.oneof(
    text,
    fc.integer(),
    fc.constant(null),
    fc.constant([{}, {}]),
    fc.constant([[{ a: 1 }, { b: 2 }]]),
  );
  const item = fc.oneof({ weight: 9, arbitrary: fc.dictionary(text, leaf, { maxKeys: 3 }) }, leaf);
  /** Few distinct items, repeated until the body is cut several times, at any distance from the items' borders. */
  const long = fc.array(item, { minLength: 1, maxLength: 12 }).chain((items) =>
    fc.record({
      items: fc.constant(items),
      padding: fc.integer({ min: 0, max: 3000 }),
      between: fc.constantFrom(',', ', ', ',\r\n', '\n,\n'),
    }),
  );

  it('whatever stands in it', () => {
    let cut = 0;
    fc.assert(
      fc.property(long, ({ items, padding, between }) => {
        const one = [{ padding: 'x'.repeat(padding) }, ...items];
        const written = one.map((value) => JSON.stringify(value)).join(between);
        const times = Math.ceil(200_000 / written.length);
        const body = Buffer.from(` [${Array(times).fill(written).join(between)}]\r\n`);
        const before = Buffer.from(body);
        const expected = JSON.parse(body.toString());
        assert.deepEqual(jsonItems(body), expected);
        assert.ok(body.equals(before), 'the body is left as it came');
        if (/\},\s*\{/.test(written)) cut++;
      }),
      // Shrinking bodies of this length would take minutes.
      { numRuns: 60, endOnFailure: true },
    );
    assert.ok(cut > 10, 'most bodies offer places to cut');
  });

  it('also when every cut falls into a string or a nested array', () => {
    const decoy = { text: '},{'.repeat(100_000) };
    const nested = { list: Array(30_000).fill({}) };
    for (const value of [[decoy], [nested], [decoy, nested, decoy], [[...nested.list]]])
      assert.deepEqual(jsonItems(Buffer.from(JSON.stringify(value))), value);
  });

  it('and is malformed in slices when it is malformed as a whole', () => {
    const items = Array(20_000).fill('{"a":"b"}').join(',');
    for (const broken of [`[${items}`, `[${items}]]`, `[${items},]`, `[${items}}`, `[${items},{"a":]`, `[${items}] x`])
      assert.throws(() => jsonItems(Buffer.from(broken)), Malformed);
  });
});

it('messages never repeat what was sent', () => {
  for (const body of [
    '[{"email":"ana@example.com"',
    '[ana@example.com]',
    '{"email":ana@example.com}',
    'ana@example.com',
  ])
    assert.throws(
      () => jsonItems(Buffer.from(body)),
      (error: unknown) => error instanceof Malformed && !error.message.includes('ana'),
    );
});
