/** Signatures against those that AWS publishes for its own test suite ("Signature Version 4 Test Suite", and the example of IAM). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Signable, signed } from '../src/sigv4.ts';

const KEY = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const AT = Date.UTC(2015, 7, 30, 12, 36, 0);
const HOST = 'https://example.amazonaws.com';

const VECTORS: [title: string, request: Partial<Signable> & { path: string }, names: string, signature: string][] = [
  ['get-vanilla', { path: '/' }, 'host;x-amz-date', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  [
    'get-vanilla-query-order-key-case',
    { path: '/?Param2=value2&Param1=value1' },
    'host;x-amz-date',
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ],
  [
    'post-vanilla',
    { path: '/', method: 'POST' },
    'host;x-amz-date',
    '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  ],
  [
    'post-x-www-form-urlencoded',
    {
      path: '/',
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'Param1=value1',
    },
    'content-type;host;x-amz-date',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
];

for (const [title, { path, ...given }, names, signature] of VECTORS)
  test(title, () => {
    const request = { method: 'GET', headers: {}, body: '', ...given, url: new URL(HOST + path) };
    assert.deepEqual(signed(request, KEY, 'us-east-1', 'service', AT), {
      ...request.headers,
      'x-amz-date': '20150830T123600Z',
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
    });
  });

test('the example of IAM', () => {
  const request = {
    method: 'GET',
    url: new URL('https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08'),
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: '',
  };
  const { authorization = '' } = signed(request, KEY, 'us-east-1', 'iam', AT);
  assert.match(authorization, /Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7$/);
});

test('temporary credentials send their token, signed', () => {
  const request = { method: 'GET', url: new URL(HOST), headers: {}, body: '' };
  const headers = signed(request, { ...KEY, session: 'token' }, 'us-east-1', 'service', AT);
  assert.equal(headers['x-amz-security-token'], 'token');
  assert.match(headers.authorization!, /SignedHeaders=host;x-amz-date;x-amz-security-token,/);
});
