/** The selectors that a domain signs with become a judgement of the keys at them (RFC 6376 3.6, RFC 8301, RFC 8463). */
import { createPublicKey } from 'node:crypto';
import { dnsCheck, find, type Judge, shown } from '../dns-check.ts';
import { isVersion, tagList } from '../tag-list.ts';

const WEAK = 1024;
const GOOD = 2048;
/** Verifiers must know keys up to here, and need not know longer ones. */
const LONG = 4096;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

const PROBLEMS = {
  missing:
    'Publish the key at <selector>._domainkey, or take the selector out of the configuration when nothing signs with it.',
  alias_broken: 'Correct the CNAME at <selector>._domainkey: the name that it points to does not exist (any more).',
  several_records: 'Keep one key at the selector: which of several is used is left to chance.',
  syntax_error:
    'Write the record as "v=DKIM1; k=rsa; p=…", with the key in base64 and without quotes or line ends in it.',
  revoked: 'Publish a key in p=, or sign with another selector: an empty p= says that the key is withdrawn.',
  key_too_short: 'Sign with an RSA key of 2048 bits under a new selector: keys under 1024 bits are not accepted.',
  unknown_key_type: 'Use k=rsa or k=ed25519: verifiers skip the others.',
  no_sha256: 'Remove h=, or let it hold sha256: nothing else is accepted any more.',
  not_for_email: 'Remove s=, or let it hold email or *: verifiers of mail skip this key.',
} as const;
const WARNINGS = {
  key_short: 'Change to an RSA key of 2048 bits under a new selector.',
  key_long: 'Use an RSA key of 2048 bits, 4096 at most: verifiers need not know longer ones.',
  test_mode:
    'Remove t=y: it says that the domain is only trying DKIM out, and a receiver may act as if mail were unsigned.',
} as const;
type KeyJudge = Judge<keyof typeof PROBLEMS, keyof typeof WARNINGS>;

export default dnsCheck({
  name: 'dkim',
  summary: 'public keys at the configured selectors of the domain (DKIM)',
  targets: ['domain'],
  problems: PROBLEMS,
  warnings: WARNINGS,
  async examine({ name: domain, selectors = [] }, world, judge) {
    if (selectors.length === 0) {
      world.tell(`no selectors of ${domain} are configured, and DNS does not list them`);
      return undefined;
    }
    for (const selector of selectors) {
      const name = `${selector.toLowerCase()}._domainkey.${domain}`;
      const { records, alias, exists } = await find(world, name, 'TXT');
      const [record] = records;
      if (record === undefined && alias && !exists) judge.problem('alias_broken', name);
      else if (record === undefined) judge.problem('missing', name);
      else if (records.length > 1) judge.problem('several_records', `${name} has ${records.length}`);
      else judgeKey(record.data, name, judge);
    }
    return [];
  },
});

function judgeKey(text: string, name: string, judge: KeyJudge): void {
  const { tags, faults } = tagList(text);
  for (const fault of faults) judge.problem('syntax_error', `${name}: ${fault}`);
  if (tags.has('v') && !isVersion(text, 'DKIM1')) judge.problem('syntax_error', `${name}: v=DKIM1 must come first`);
  const list = (tag: string) =>
    tags
      .get(tag)
      ?.toLowerCase()
      .split(/\s*:\s*/);
  if (list('h')?.includes('sha256') === false) judge.problem('no_sha256', `${name}: h=${shown(tags.get('h')!)}`);
  const services = list('s');
  if (services && !services.includes('email') && !services.includes('*'))
    judge.problem('not_for_email', `${name}: s=${shown(tags.get('s')!)}`);
  if (list('t')?.includes('y')) judge.warning('test_mode', name);

  const key = tags.get('p')?.replace(/\s/g, '');
  const type = tags.get('k')?.toLowerCase() ?? 'rsa';
  if (key === undefined) judge.problem('syntax_error', `${name}: no p=`);
  else if (key === '') judge.problem('revoked', name);
  else if (type !== 'rsa' && type !== 'ed25519') judge.problem('unknown_key_type', `${name}: k=${shown(type)}`);
  else judgeStrength(type, key, name, judge);
}

function judgeStrength(type: 'rsa' | 'ed25519', key: string, name: string, judge: KeyJudge): void {
  const bytes = Buffer.from(key, 'base64');
  if (!BASE64.test(key)) judge.problem('syntax_error', `${name}: p= is not base64`);
  // The bare key, without the wrapping that RSA keys have.
  else if (type === 'ed25519' && bytes.length !== 32)
    judge.problem('syntax_error', `${name}: an ed25519 key has 32 bytes, not ${bytes.length}`);
  else if (type === 'rsa') {
    const bits = rsaBits(bytes);
    if (bits === undefined) judge.problem('syntax_error', `${name}: p= is no RSA key (cut off?)`);
    else if (bits < WEAK) judge.problem('key_too_short', `${name}: ${bits} bits`);
    else if (bits < GOOD) judge.warning('key_short', `${name}: ${bits} bits`);
    else if (bits > LONG) judge.warning('key_long', `${name}: ${bits} bits`);
  }
}

/** As SubjectPublicKeyInfo, which all publish, or as the RSAPublicKey that RFC 6376 speaks of. */
function rsaBits(key: Buffer): number | undefined {
  for (const type of ['spki', 'pkcs1'] as const)
    try {
      return createPublicKey({ key, format: 'der', type }).asymmetricKeyDetails?.modulusLength;
    } catch {
      // Not this form.
    }
  return undefined;
}
