/** Domains and MX hosts find their provider, and nobody else's look-alike does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { learnProvider, providerOf, providerOfMx } from '../src/mailbox-provider.ts';
import { DOMAINS, MX_SUFFIXES } from '../src/mailbox-providers.ts';

const BY_DOMAIN: [domain: string, provider: string][] = [
  ['gmail.com', 'google'],
  ['googlemail.com', 'google'],
  ['outlook.com', 'microsoft_consumer'],
  ['hotmail.co.uk', 'microsoft_consumer'],
  ['hotmail.com.br', 'microsoft_consumer'],
  ['live.se', 'microsoft_consumer'],
  ['yahoo.com', 'yahoo'],
  ['yahoo.co.nz', 'yahoo'],
  ['yahoo.co.jp', 'yahoo_jp'],
  ['aol.com', 'yahoo'],
  ['icloud.com', 'apple'],
  ['gmx.de', 'gmx_webde'],
  ['web.de', 'gmx_webde'],
  ['t-online.de', 't_online'],
  ['mail.ru', 'mail_ru'],
  ['qq.com', 'tencent'],
  ['yahoo.example.com', 'other'],
  ['notgmail.com', 'other'],
  ['live.example', 'other'],
  ['example.org', 'other'],
  ['', 'other'],
  ['constructor', 'other'],
  ['__proto__', 'other'],
];
for (const [domain, provider] of BY_DOMAIN)
  test(`${domain || 'no domain'} is ${provider}`, () => assert.equal(providerOf(domain), provider));

const BY_MX: [host: string, provider: string][] = [
  ['aspmx.l.google.com.', 'google'],
  ['ALT1.ASPMX.L.GOOGLE.COM', 'google'],
  ['smtp.google.com', 'google'],
  ['example-com.mail.protection.outlook.com', 'microsoft_365'],
  ['hotmail-com.olc.protection.outlook.com', 'microsoft_consumer'],
  ['mta5.am0.yahoodns.net', 'yahoo'],
  ['mx01.mail.icloud.com', 'apple'],
  ['mx.zoho.eu', 'zoho'],
  ['eu-smtp-inbound-1.mimecast.com', 'mimecast'],
  ['mx1-us1.ppe-hosted.com', 'proofpoint_essentials'],
  ['google.com.example.net', 'other'],
  ['mail.example.com', 'other'],
];
for (const [host, provider] of BY_MX)
  test(`MX ${host} is ${provider}`, () => assert.equal(providerOfMx(host), provider));

test('what is learnt holds, within a bound', () => {
  learnProvider('customer.example', 'google');
  assert.equal(providerOf('customer.example'), 'google');
  for (let n = 0; n < 200_000; n++) providerOf(`d${n}.example`);
  assert.equal(providerOf('customer.example'), 'other', 'pushed out by 200 000 others');
  assert.equal(providerOf('gmail.com'), 'google');
});

test('no domain and no suffix is claimed by two', () => {
  for (const table of [DOMAINS, MX_SUFFIXES]) {
    const all = Object.values(table).flatMap((list) => list.split(' '));
    assert.equal(new Set(all).size, all.length);
    for (const name of all) assert.match(name, /^[a-z0-9-]+(\.[a-z0-9-]+)*$/);
  }
});
