/** Shared secrets and keys are told apart in all the forms in which they come. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { anySame, basicMatches, bearerMatches, header, hmacMatches, publicKey } from '../src/signature.ts';
import { certificate } from './certificate.ts';

const basic = (text: string, scheme = 'Basic') => ({
  authorization: `${scheme} ${Buffer.from(text).toString('base64')}`,
});

describe('basic credentials', () => {
  const known = [
    { username: 'old', password: 'one:two' },
    { username: 'new', password: 'größer' },
  ];

  it('pass with any of the known ones, a colon and any character in the password', () => {
    for (const text of ['old:one:two', 'new:größer']) assert.equal(basicMatches(basic(text), known), true);
    assert.equal(basicMatches(basic('old:one:two', 'bAsIc'), known), true);
  });

  it('fail otherwise', () => {
    for (const text of ['old:größer', 'old', ':', '', 'old:one:two ', 'OLD:one:two'])
      assert.equal(basicMatches(basic(text), known), false, text);
    for (const headers of [{}, { authorization: '' }, { authorization: 'Basic' }, { authorization: 'Bearer x' }])
      assert.equal(basicMatches(headers, known), false);
    assert.equal(basicMatches(basic('old:one:two'), []), false);
  });
});

it('bearer tokens pass whole or not at all', () => {
  const bearer = (token: string) => bearerMatches({ authorization: `Bearer ${token}` }, ['first', 'second']);
  assert.deepEqual(['first', 'second', 'firs', 'first ', '', 'third'].map(bearer), [
    true,
    true,
    false,
    true,
    false,
    false,
  ]);
  assert.equal(bearerMatches({ authorization: 'Basic first' }, ['first']), false);
});

it('an empty secret lets nobody in', () => {
  assert.equal(anySame('', ['']), false);
  assert.equal(anySame('x', []), false);
});

it('a header that came twice counts as none', () => {
  assert.equal(header({ 'set-cookie': ['a', 'b'] }, 'set-cookie'), '');
  assert.equal(header({ 'set-cookie': ['a'] }, 'set-cookie'), 'a');
  assert.equal(header({}, 'signature'), '');
});

it('an HMAC must be whole, of the same length, under one of the keys', () => {
  const mac = createHmac('sha256', 'key').update('ab').digest('hex');
  const matches = (given: string, keys = ['other', 'key']) => hmacMatches('sha256', keys, ['a', 'b'], given, 'hex');
  assert.equal(matches(mac), true);
  assert.equal(matches(mac.toUpperCase()), true);
  for (const wrong of ['', mac.slice(2), `${mac}00`, 'zz']) assert.equal(matches(wrong), false, wrong);
  assert.equal(matches(mac, ['other']), false);
  assert.equal(matches(mac, []), false);
});

it('a public key may be PEM, a certificate, or bare base64', () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const der = pair.publicKey.export({ format: 'der', type: 'spki' });
  const pem = pair.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  for (const text of [pem, ` ${pem}\n`, der.toString('base64'), certificate(pair, new Date(0), new Date())])
    assert.deepEqual(publicKey(text).export({ format: 'der', type: 'spki' }), der);
  for (const text of ['', 'abc', '-----BEGIN NOTHING-----']) assert.throws(() => publicKey(text));
});
