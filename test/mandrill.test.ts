/** Mandrill tests a new address with a key that everybody knows, which must open the door to nothing but the test. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { it } from 'node:test';
import mandrill from '../src/sources/mandrill.ts';

const url = 'https://example.org/hooks/mandrill';
process.env.TEST_MANDRILL_KEY = 'real key';
const source = mandrill.open(mandrill.config.parse({ url, keys: [{ env: 'TEST_MANDRILL_KEY' }] }));

function accepts(params: Record<string, string>, key: string): boolean {
  const mac = createHmac('sha1', key).update(url);
  for (const name of Object.keys(params).sort()) mac.update(name + params[name]);
  const body = Buffer.from(new URLSearchParams(params).toString());
  return source.authenticate!({ headers: { 'x-mandrill-signature': mac.digest('base64') }, body }, Date.now());
}

it('the known key passes with no event only', () => {
  assert.equal(accepts({ mandrill_events: '[]' }, 'test-webhook'), true);
  assert.equal(accepts({ mandrill_events: '[{"event":"send"}]' }, 'test-webhook'), false);
  assert.equal(accepts({ other: '1' }, 'test-webhook'), false);
});

it('all fields are signed, in the order of their names', () => {
  assert.equal(accepts({ mandrill_events: '[{}]', zz: 'später', a: '1' }, 'real key'), true);
});

it('the address is needed beside the keys', () => {
  const { success, error } = mandrill.config.safeParse({ keys: [{ env: 'TEST_MANDRILL_KEY' }] });
  assert.equal(success, false);
  assert.deepEqual(error!.issues[0]!.path, ['url']);
});
