/** What filters and receivers write on messages is read as they mean it, whatever else stands beside it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { authenticationOf, filtered, scoreOf } from '../src/content.ts';
import { AUTHENTICATION_METHODS, AUTHENTICATION_OUTCOMES } from '../src/event.ts';

const results = (...values: string[]) =>
  Object.fromEntries(authenticationOf(values).map(({ method, result }) => [method, result]));

test('results of RFC 8601', () => {
  for (const [value, expected] of [
    ['example.org 1; spf=pass smtp.mailfrom=example.net', { spf: 'pass' }],
    [
      'mx.example.org;\r\n dkim=pass (2048-bit key; "dkim=fail") header.d=example.net;\r\n spf = softfail (mx: dkim=fail) smtp.mailfrom="a;dmarc=pass"; DMARC=Fail (p=none dis=none)',
      { dkim: 'pass', spf: 'softfail', dmarc: 'fail' },
    ],
    ['mx.example.org; dkim/1 = permerror (nested (a; spf=pass) b) reason="bad; arc=pass"', { dkim: 'permerror' }],
    ['mx.example.org; none', {}],
    ['mx.example.org; dkim=fail header.d=esp.example; dkim=pass header.d=example.net', { dkim: 'pass' }],
    ['mx.example.org; dkim=pass header.d=esp.example; dkim=fail header.d=example.net', { dkim: 'pass' }],
    ['spf=hardfail; iprev=pass; dkim=maybe; constructor=pass; arc=constructor', { spf: 'fail' }],
    ['(open; spf=pass', {}],
    ['', {}],
  ] as const)
    assert.deepEqual(results(value), expected, value);
  assert.deepEqual(results('a; spf=none', 'b; dkim=temperror; spf=pass'), { spf: 'pass', dkim: 'temperror' });
  assert.deepEqual(authenticationOf(undefined), []);
  assert.deepEqual(authenticationOf([null, 7, { spf: 'pass' }]), []);
});

test('any text gives known methods and results, each method once', () => {
  const piece = fc.constantFrom('spf', 'dkim', '=', ';', '(', ')', '"', '\\', ' ', 'pass', 'fail', 'x');
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }), (pieces) => {
      const found = authenticationOf(pieces.join(''));
      assert.equal(new Set(found.map(({ method }) => method)).size, found.length);
      for (const { method, result } of found)
        assert.ok(AUTHENTICATION_METHODS.includes(method) && AUTHENTICATION_OUTCOMES.includes(result));
    }),
  );
});

test('headers of filters', () => {
  for (const [headers, expected] of [
    [{ 'x-spam-status': 'Yes, score=12.1 required=5.0 tests=A,B' }, { spamScore: 12.1, spam: true }],
    [{ 'x-spam-status': 'No, hits=-0.4 required=5' }, { spamScore: -0.4, spam: false }],
    [
      { 'x-spam-score': '5.1 (+++++)', 'x-spam-flag': 'YES' },
      { spamScore: 5.1, spam: true },
    ],
    [{ 'x-spamd-result': 'default: False [-2.30 / 15.00];\n ARC_NA(0.00)[]' }, { spamScore: -2.3, spam: false }],
    [
      { 'x-spamd-result': 'default: True [16.10 / 15.00]', 'x-spam': 'Yes' },
      { spamScore: 16.1, spam: true },
    ],
    [{ 'x-spam-status': 'whatever' }, undefined],
    [{}, undefined],
  ] as const)
    assert.deepEqual(
      filtered((name) => (headers as Record<string, string>)[name] ?? ''),
      expected,
      JSON.stringify(headers),
    );
});

test('a score is a number, and nothing that only begins like one', () => {
  for (const [value, expected] of [
    ['5', 5],
    [' -1.25 ', -1.25],
    [['3', '4'], 3],
    [7.5, 7.5],
    ['5.1.1', undefined],
    ['192.0.2.1', undefined],
    ['1e999', undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    ['', undefined],
    [{}, undefined],
    ['9'.repeat(400), undefined],
  ] as const)
    assert.equal(scoreOf(value), expected, JSON.stringify(value));
});
