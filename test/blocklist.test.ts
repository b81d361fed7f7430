/** Each list's every code and refusal by a table written apart from the lists' own; names of questions; choosing; keys that stay in. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { BLOCKLISTS, type Blocklist, type Choice, type ChosenList, choose, type ZoneState } from '../src/blocklist.ts';
import { kindOf, questionName } from '../src/blocklist-name.ts';
import { inquire, judge, meaningsOf } from '../src/blocklist-verdict.ts';
import { type DnsAnswer, type RecordType, type Target, Unanswered } from '../src/check.ts';
import { DEFINITE, type ListVerdict } from '../src/reading.ts';

/**
 * List: codes, verdict and severity; `!` codes that are refusals, and the cause. `2.4` is 127.0.2.4, `4` is 127.0.0.4, and a whole
 * address is itself.
 */
const SPAMHAUS = '! 127.255.255.252 zone_name ! 127.255.255.254 public_resolver ! 127.255.255.255 quota';
const DQS = `${SPAMHAUS} ! 127.255.255.250 key_disabled ! 127.255.255.251 key_rejected`;
const ZEN = '2,4,5,6,7,9,30 listed 100 3 listed 90 10,11 policy 60';
const DBL =
  '1.2 listed 90 1.4,1.5,1.6 listed 100 1.102 listed 70 1.103 listed 40 1.104,1.105,1.106 listed 80 ! 1.255 ip_question';
const CODES: Record<string, string> = {
  'spamhaus-zen': `${ZEN} ${SPAMHAUS}`,
  'spamhaus-zen-dqs': `${ZEN} ${DQS}`,
  'spamhaus-sbl': `2,9,30 listed 100 3 listed 90 ${SPAMHAUS}`,
  'spamhaus-xbl': `4 listed 100 ${SPAMHAUS}`,
  'spamhaus-pbl': `10,11 policy 60 ${SPAMHAUS}`,
  'spamhaus-sbl-xbl': `2,4,9 listed 100 3 listed 90 ${SPAMHAUS}`,
  cbl: `2 listed 100 ${SPAMHAUS}`,
  'spamhaus-dbl': `${DBL} ${SPAMHAUS}`,
  'spamhaus-dbl-dqs': `${DBL} ${DQS}`,
  'spamhaus-zrd': `2.2,2.3,2.13,2.23,2.24 info 20 ! 2.255 ip_question ${DQS}`,
  'spamhaus-authbl': `20 listed 40 ${DQS}`,
  surbl: '4 info 5 8,16 listed 95 32 info 15 64,128 listed 70 ! 1,255,9,65 access_blocked',
  uribl: '2 listed 60 4 info 20 8 info 5 14 listed 60 12 info 20 ! 1,3 access_blocked ! 255 invalid',
  barracuda: '2 listed 70',
  spamcop: '2 listed 45',
  'uceprotect-1': '2 listed 20',
  'uceprotect-2': '2 listed 5',
  'uceprotect-3': '2 listed 2',
  backscatterer: '2 listed 5',
  psbl: '2 listed 30',
  'mailspike-reputation': '10 score 40 11 score 35 12 score 25 13 score 10 14 score 5 15,16,17,18,19,20 score 0',
  mailspike: '2,10 listed 40 11 listed 35 12 listed 25',
  'mailspike-z': '2 listed 40',
  'sender-score': '4.0,4.1,4.71,4.99,4.100 score 0 ! 127.255.255.255 unregistered',
  'validity-rpbl': '1,4,5,7,31 listed 50 2 info 5 8 info 20 16,18 listed 45 ! 127.255.255.255 unregistered',
  'validity-certified': '1,2,255 allow 0 ! 127.255.255.255 unregistered',
  abusix: '2 listed 50 3,200 listed 45 4 listed 60 11 policy 30 12 policy 40',
  'abusix-black': '2 listed 50 3,200 listed 45',
  'abusix-dynamic': '11 policy 30 12 policy 40',
  'abusix-domain': '1.1 listed 60 1.2 info 20',
  truncate: '2 listed 10',
  '0spam': '2,3,255 listed 10',
  dronebl: '3,5,10,11,13,14 listed 15 6,7,8,9,15,16,17 listed 20 255 info 5',
  s5h: '2 listed 5',
  hostkarma: '1 allow 0 2 listed 15 3,5,1.1,1.2,1.3,2.3 info 0 4 listed 5 2.1,2.2 info 5',
  spamrats: '36 policy 10 37 policy 20 38 listed 20 43 listed 5',
  interserver: '2 listed 5',
  dnswl: '2.0,20.0,5.1,9.2,15.3 allow 0 ! 255 quota ! 10.0,10.3 special',
  'blocklist-de': '2,14,255 listed 10',
  'sem-black': '2 listed 10',
};
const RETIRED = 'spamhaus-swl nixspam sorbs lashback spamcannibal emailbasura megarbl msrbl inps invaluement sem-asn';

const active = [...BLOCKLISTS].filter((entry): entry is [string, Blocklist] => !('retired' in entry[1]));

function listOf(name: string): Blocklist {
  const list = BLOCKLISTS.get(name);
  assert.ok(list !== undefined && !('retired' in list), name);
  return list;
}

function whole(code: string): string {
  const octets = code.split('.');
  return octets.length === 4 ? code : ['127', '0', ...(octets.length === 1 ? ['0'] : []), ...octets].join('.');
}

function rows(text: string): { codes: string[]; verdict: string; says: string }[] {
  return [...text.matchAll(/(! )?([\d.,]+) (\w+)(?: (\d+)(?= |$))?/g)].map(([, refused, codes, word, severity]) => ({
    codes: codes!.split(',').map(whole),
    verdict: refused ? 'refused' : word!,
    says: refused ? word! : severity!,
  }));
}

function answer(data: readonly string[], rcode = 'NOERROR', type: RecordType = 'A'): DnsAnswer {
  return { rcode, records: data.map((each) => ({ name: 'x', type, ttl: 60, data: each })), server: '', took: 0 };
}

test('there are 51 zones, each of them with a name that a label can have, looked at on a day', () => {
  assert.equal(BLOCKLISTS.size, 51);
  assert.deepEqual([...BLOCKLISTS.keys()].sort(), [...Object.keys(CODES), ...RETIRED.split(' ')].sort());
  assert.equal(new Set([...BLOCKLISTS.values()].map(({ zone }) => zone)).size, 51);
  for (const [name, { reviewed }] of BLOCKLISTS) {
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.match(reviewed, /^\d{4}-\d\d-\d\d$/);
  }
});

test('every code of every list has the verdict, severity or cause that its operator gives it', () => {
  for (const [name, text] of Object.entries(CODES)) {
    for (const { codes, verdict, says } of rows(text)) {
      for (const code of codes) {
        const is = judge(listOf(name), answer([code]), 'healthy');
        const said = verdict === 'refused' ? is.cause : String(is.severity);
        assert.deepEqual([is.verdict, said], [verdict, says], `${name} ${code}`);
        assert.equal(is.meaning === '', verdict === 'refused', `${name} ${code}`);
      }
    }
  }
});

test('every code that a list documents stands in the table above', () => {
  for (const [name, { answers, refusals }] of active) {
    const known = rows(CODES[name]!).flatMap(({ codes }) => codes);
    const bits = answers.model === 'bits' ? [...Object.keys(answers.bits), ...Object.keys(answers.refusals ?? {})] : [];
    const single = [
      ...(answers.model === 'codes' ? Object.keys(answers.codes) : bits.map(whole)),
      ...Object.keys(refusals),
    ];
    for (const code of single) {
      const sample = known.some((each) =>
        /[-*]/.test(code) ? each.startsWith(code.split(/\d*[-*]/)[0]!) : each === code,
      );
      assert.ok(sample, `${name} ${code}`);
    }
  }
});

test('a code that no list documents is never a listing, and never clear', () => {
  for (const [name, list] of active) {
    const told = new Set<ListVerdict>();
    for (const code of ['127.0.77.77', '127.9.0.2', '127.255.255.253', '127.0.0.0'])
      told.add(judge(list, answer([code]), 'healthy').verdict);
    if (name !== 'validity-certified') assert.deepEqual([...told], ['unknown_code'], name);
  }
});

test('127.0.0.1 means what the list says: refused, praise, a botnet, or nothing', () => {
  const verdictOf = (name: string) => judge(listOf(name), answer(['127.0.0.1']), 'healthy').verdict;
  assert.equal(verdictOf('surbl'), 'refused');
  assert.equal(verdictOf('uribl'), 'refused');
  assert.equal(verdictOf('hostkarma'), 'allow');
  assert.equal(verdictOf('validity-rpbl'), 'listed');
  for (const name of ['spamhaus-zen', 'spamcop', '0spam', 'barracuda', 'blocklist-de'])
    assert.equal(verdictOf(name), 'unknown_code', name);
});

test('Sender Score: the fourth octet after 127.0.4 alone; 255 is a refusal and 101 no score', () => {
  const list = listOf('sender-score');
  assert.equal(judge(list, answer(['127.0.4.97']), 'healthy').score, 97);
  assert.equal(judge(list, answer(['127.0.4.0']), 'healthy').score, 0);
  for (const code of ['127.255.255.255', '127.0.4.101', '127.0.4.255', '127.0.0.97', '127.0.5.97']) {
    const { verdict, score } = judge(list, answer([code]), 'healthy');
    assert.equal(score, undefined, code);
    assert.notEqual(verdict, 'score', code);
  }
});

test('grades of reputation rise in order; neutral ones stand above the line of concern, bad ones below that of alarm', () => {
  const score = (list: string, code: string) => judge(listOf(list), answer([code]), 'healthy').score!;
  const mailspike = Array.from({ length: 11 }, (_, n) => score('mailspike-reputation', `127.0.0.${10 + n}`));
  assert.deepEqual(mailspike, [0, 20, 40, 55, 65, 75, 80, 85, 90, 95, 100]);
  assert.deepEqual(
    [0, 1, 2, 3].map((trust) => score('dnswl', `127.0.3.${trust}`)),
    [75, 85, 95, 100],
  );
});

test('all A records are read: the worst decides, whatever their order, and every code is told', () => {
  const zen = listOf('spamhaus-zen');
  const codes = ['127.0.0.10', '127.0.0.2', '127.0.0.9', '127.0.0.4'];
  fc.assert(
    fc.property(fc.shuffledSubarray(codes, { minLength: 4 }), (shuffled) => {
      const { verdict, meaning, codes: told } = judge(zen, answer(shuffled), 'healthy');
      assert.deepEqual([verdict, meaning], ['listed', 'DROP']);
      assert.deepEqual(told, ['127.0.0.2', '127.0.0.4', '127.0.0.9', '127.0.0.10']);
    }),
  );
  assert.equal(judge(zen, answer(['127.0.0.10', '127.0.0.3']), 'healthy').meaning, 'CSS');
  assert.equal(judge(zen, answer(['127.0.0.77', '127.0.0.11']), 'healthy').verdict, 'policy');
});

test('a refusal beats a listing beside it, and an address from elsewhere beats both', () => {
  const zen = listOf('spamhaus-zen');
  assert.equal(judge(zen, answer(['127.0.0.2', '127.255.255.254']), 'healthy').verdict, 'refused');
  const parked = judge(zen, answer(['127.0.0.2', '127.255.255.254', '203.0.113.9']), 'healthy');
  assert.deepEqual([parked.verdict, parked.cause], ['error', 'parked']);
  assert.equal(judge(listOf('surbl'), answer(['127.0.0.65']), 'healthy').verdict, 'refused');
});

test('a sum is read by its bits: 80 is malware and abuse', () => {
  const surbl = listOf('surbl');
  assert.deepEqual(
    meaningsOf(surbl, '127.0.0.80').map(({ meaning }) => meaning),
    ['MW malware', 'ABUSE spam'],
  );
  assert.equal(judge(surbl, answer(['127.0.0.80']), 'healthy').meaning, 'MW malware');
  // Bit 2 is unused there: with another it does no harm, alone it means nothing.
  assert.equal(judge(surbl, answer(['127.0.0.66']), 'healthy').verdict, 'listed');
  assert.equal(judge(surbl, answer(['127.0.0.2']), 'healthy').verdict, 'unknown_code');
  assert.equal(judge(surbl, answer(['127.0.1.64']), 'healthy').verdict, 'unknown_code');
});

test('clear needs "no such name" and a healthy list; a listing needs one that does not list everything', () => {
  const zen = listOf('spamhaus-zen');
  const states: [ZoneState, ListVerdict, ListVerdict][] = [
    ['healthy', 'clear', 'listed'],
    ['dead', 'error', 'listed'],
    ['refused', 'error', 'listed'],
    ['unreachable', 'error', 'listed'],
    ['wildcard', 'error', 'error'],
    ['parked', 'error', 'error'],
    ['interfered', 'error', 'error'],
    ['unknown', 'error', 'error'],
  ];
  for (const [state, no, yes] of states) {
    for (const rcode of ['NXDOMAIN', 'NOERROR']) {
      const { verdict, cause } = judge(zen, answer([], rcode), state);
      assert.deepEqual([verdict, cause], [no, no === 'clear' ? '' : `zone_${state}`]);
    }
    assert.equal(judge(zen, answer(['127.0.0.2']), state).verdict, yes, state);
  }
});

test('what is no answer is neither clear nor a listing, for any list in any state', () => {
  const reasons = ['timeout', 'unreachable', 'malformed', 'aborted', 'allowance', 'inner_address'] as const;
  const nonAnswers: [DnsAnswer | Unanswered, ListVerdict, string][] = [
    ...reasons.map((reason): [Unanswered, ListVerdict, string] => [new Unanswered(reason, ''), 'error', reason]),
    [answer([], 'SERVFAIL'), 'error', 'servfail'],
    [answer([], 'NOTIMP'), 'error', 'notimp'],
    [answer([], 'RCODE11'), 'error', 'rcode11'],
    [answer(['127.0.0.2'], 'SERVFAIL'), 'error', 'servfail'],
    [answer([], 'REFUSED'), 'refused', 'rcode'],
    [answer(['zen.dq.spamhaus.net'], 'NOERROR', 'CNAME'), 'error', 'cname'],
    [answer(['127.0.0.2'], 'NXDOMAIN'), 'error', 'malformed'],
    [answer(['0.0.0.0']), 'error', 'parked'],
    [answer(['203.0.113.9']), 'error', 'parked'],
  ];
  for (const [name, list] of active) {
    for (const state of ['healthy', 'dead'] as const) {
      for (const [said, verdict, cause] of nonAnswers) {
        const is = judge(list, said, state);
        assert.deepEqual([is.verdict, is.cause, is.score], [verdict, cause, undefined], name);
        assert.ok(!DEFINITE.includes(is.verdict));
      }
    }
  }
});

test('an answer behind a CNAME is read', () => {
  const { records } = answer(['zen.dq.spamhaus.net'], 'NOERROR', 'CNAME');
  const chain = { ...answer([]), records: [...records, ...answer(['127.0.0.4']).records] };
  assert.equal(judge(listOf('spamhaus-zen-dqs'), chain, 'healthy').meaning, 'XBL');
});

test('"no such name" at the end of an alias is one, as far as the list is healthy', () => {
  const end = answer(['zen.dq.spamhaus.net'], 'NXDOMAIN', 'CNAME');
  assert.equal(judge(listOf('spamhaus-zen-dqs'), end, 'healthy').verdict, 'clear');
  assert.deepEqual(judge(listOf('spamhaus-zen-dqs'), end, 'dead').cause, 'zone_dead');
});

test('who is not known to a reputation service or allowlist is not "clear" there: it has no data', () => {
  for (const [name, list] of active) {
    const { verdict, meaning, score } = judge(list, answer([], 'NXDOMAIN'), 'healthy');
    const absent = {
      'sender-score': 'no_data',
      'mailspike-reputation': 'no_data',
      dnswl: 'not_known',
      'validity-certified': 'not_certified',
    };
    const expected = (absent as Record<string, string>)[name];
    assert.deepEqual(
      [verdict, meaning, score],
      expected ? ['info', expected, undefined] : ['clear', '', undefined],
      name,
    );
  }
});

const ip = (name: string): Target => ({ kind: 'ip', name });
const domain = (name: string): Target => ({ kind: 'domain', name });
/** Enough of the public suffixes for the names below. */
const registered = (name: string) => /[^.]+\.(?:co\.uk|[^.]+)$/.exec(name)![0];
const choice = (names?: string[], keys: Choice['keys'] = {}): Choice => ({ names, keys, registered });
const named = (list: string, target: Target, key = '') => questionName(listOf(list), target, key, registered);

test('an IPv4 address is asked octet by octet, from the last to the first', () => {
  assert.equal(named('spamhaus-zen', ip('192.0.2.10')), '10.2.0.192.zen.spamhaus.org');
  assert.equal(named('spamhaus-zen-dqs', ip('192.0.2.10'), 'k3y'), '10.2.0.192.k3y.zen.dq.spamhaus.net');
});

test('an IPv6 address is asked nibble by nibble; hextets would be a name that cannot exist', () => {
  const name = named('spamhaus-zen', ip('2001:db8::a1'))!;
  assert.equal(name, `1.a.${'0.'.repeat(22)}8.b.d.0.1.0.0.2.zen.spamhaus.org`);
  assert.equal(name.split('.').length, 32 + 3);
  assert.equal(named('spamhaus-zen', ip('2001:0DB8:0:0:0:0:0:a1')), name);
  assert.equal(named('spamhaus-zen', ip('::1')), `1.${'0.'.repeat(31)}zen.spamhaus.org`);
});

test('an IPv4 address in IPv6 clothes is asked as IPv4, of lists without IPv6, too', () => {
  for (const address of ['::ffff:192.0.2.10', '::FFFF:c000:20a', '0:0:0:0:0:ffff:192.0.2.10'])
    assert.equal(named('spamcop', ip(address)), '10.2.0.192.bl.spamcop.net', address);
  assert.equal(kindOf(ip('::192.0.2.10')), 'ipv6');
});

test('a domain is asked in A-labels, as given or as registered', () => {
  assert.equal(named('spamhaus-dbl', domain('News.Example.co.uk.')), 'news.example.co.uk.dbl.spamhaus.org');
  assert.equal(named('surbl', domain('news.example.co.uk')), 'example.co.uk.multi.surbl.org');
  assert.equal(named('spamhaus-dbl', domain('bücher.example')), 'xn--bcher-kva.example.dbl.spamhaus.org');
});

test('what a list has no entries for is not asked: kinds, addresses that pass for domains, names too long', () => {
  const never: [string, Target][] = [
    ['spamhaus-dbl', ip('192.0.2.10')],
    ['surbl', ip('2001:db8::1')],
    ['spamhaus-zen', domain('example.com')],
    ['spamcop', ip('2001:db8::1')],
    ['spamhaus-dbl', domain('192.0.2.10')],
    ['spamhaus-dbl', domain('0x7f.1')],
    ['spamhaus-dbl', domain('2001:db8::1')],
    ['spamhaus-dbl', domain(`${'a.'.repeat(118)}example.com`)],
    ['spamhaus-dbl', domain(`${'a'.repeat(64)}.com`)],
    ['spamhaus-dbl', domain('localhost')],
    ['spamhaus-dbl', domain('')],
    ['spamhaus-zen', ip('192.0.2')],
    ['spamhaus-zen', ip('fe80::1%eth0')],
  ];
  for (const [list, target] of never) assert.equal(named(list, target), undefined, `${list} ${target.name}`);
});

test('every list has test entries of its kinds, a quota, an interval, a page and steps to get off', () => {
  for (const [name, list] of active) {
    const kinds = Object.keys(list.test);
    assert.ok(kinds.length > 0, name);
    for (const kind of kinds) assert.ok((list.targets as string[]).includes(kind), name);
    assert.equal(list.domains !== undefined, list.targets.includes('domain'), name);
    assert.ok(list.quota.perDay > 0 && list.everyMinutes >= 10, name);
    assert.match(list.delisting.page, /^https?:\/\//);
    assert.ok(list.delisting.steps.length > 0, name);
    assert.equal(list.zone.includes('{key}'), list.needs !== undefined && 'key' in list.needs, name);
  }
});

test('docs/blocklists.md has a place for each list to be led to, with its steps', () => {
  const page = readFileSync('docs/blocklists.md', 'utf8');
  for (const [name, list] of active) {
    // The anchor of a heading is its text where that is lower case, digits and hyphens alone.
    assert.match(name, /^[a-z0-9-]+$/);
    const [, section = ''] = page.split(`\n## ${name}\n`);
    const its = section.split('\n## ')[0]!;
    assert.ok(its.includes(`How to get off: <${list.delisting.page}>`), name);
    for (const [n, step] of list.delisting.steps.entries()) assert.ok(its.includes(`${n + 1}. ${step}`), name);
  }
});

test('the whole-provider lists never alert, and pages come from Spamhaus alone', () => {
  assert.equal(listOf('uceprotect-2').tier, 'info');
  assert.equal(listOf('uceprotect-3').tier, 'info');
  const pages = active.filter(([, { tier }]) => tier === 'page').map(([, { operator }]) => operator);
  assert.deepEqual([...new Set(pages)], ['Spamhaus']);
});

const chosenNames = ({ chosen }: { chosen: ChosenList[] }) => chosen.map(({ name }) => name);

test('a retired list is refused with date and reason, by its name and by its zone', () => {
  for (const name of RETIRED.split(' ')) {
    const { zone, ...list } = BLOCKLISTS.get(name)!;
    assert.ok('retired' in list);
    for (const asked of [name, zone]) {
      const { chosen, left } = choose(choice([asked]));
      assert.deepEqual(chosen, []);
      assert.equal(left[0]!.why, 'retired', asked);
      assert.ok(left[0]!.says.includes(list.retired.reason));
      if (list.retired.since) assert.ok(left[0]!.says.includes(list.retired.since));
    }
  }
  assert.match(choose(choice(['nixspam'])).left[0]!.says, /2025-01-16/);
  assert.equal(choose(choice(['spam.dnsbl.sorbs.net'])).left[0]!.why, 'retired');
});

test('a name that is no list is refused; for a zone, with the name that it has here', () => {
  assert.match(choose(choice(['zen.spamhaus.org'])).left[0]!.says, /spamhaus-zen/);
  assert.equal(choose(choice(['spamhouse'])).left[0]!.why, 'no_such_list');
});

test('what a list holds is not asked beside it', () => {
  const { chosen, left } = choose(
    choice([
      'spamhaus-xbl',
      'cbl',
      'spamhaus-zen',
      'spamhaus-sbl',
      'spamhaus-pbl',
      'mailspike-z',
      'mailspike',
      'spamhaus-sbl-xbl',
    ]),
  );
  assert.deepEqual(
    chosen.map(({ name }) => name),
    ['spamhaus-zen', 'mailspike'],
  );
  assert.equal(left.length, 6);
  for (const { why, says } of left) assert.ok(why === 'subsumed' && /spamhaus-zen|mailspike/.test(says));
  assert.deepEqual(chosenNames(choose(choice(['cbl']))), ['cbl']);
  // Through the list between them, which itself is not asked.
  assert.deepEqual(chosenNames(choose(choice(['cbl', 'spamhaus-zen-dqs'], { spamhaus_dqs: 'k3y' }))), [
    'spamhaus-zen-dqs',
  ]);
});

test('a key that is missing or cannot be one is told, and the list is not asked', () => {
  const missing = choose(choice(['spamhaus-zen-dqs', 'spamhaus-zen']));
  assert.deepEqual(chosenNames(missing), ['spamhaus-zen']);
  assert.equal(missing.left[0]!.why, 'key_missing');
  assert.match(missing.left[0]!.says, /spamhaus_dqs/);
  const odd = choose(choice(['abusix'], { abusix: 's3cr3t\n' }));
  assert.equal(odd.left[0]!.why, 'key_malformed');
  assert.doesNotMatch(inspect(odd), /s3cr3t/);
});

test('without names, all are asked that need no leave, and those by key once it is there', () => {
  const open = chosenNames(choose(choice()));
  for (const name of ['spamhaus-zen', 'spamhaus-dbl', 'surbl', 'dnswl']) assert.ok(open.includes(name), name);
  for (const name of [
    'barracuda',
    'sender-score',
    'spamhaus-zen-dqs',
    'abusix',
    'hostkarma',
    'spamhaus-sbl',
    'nixspam',
  ])
    assert.ok(!open.includes(name), name);
  const withKey = chosenNames(choose(choice(undefined, { spamhaus_dqs: 'k3y' })));
  assert.ok(withKey.includes('spamhaus-zen-dqs') && !withKey.includes('spamhaus-zen'));
});

test('a key is in no reading, no step, no error and no picture of the list; it is in the question', async () => {
  const key = 'S3cr3tKey';
  const { chosen, left } = choose(choice(['spamhaus-zen-dqs', 'abusix'], { spamhaus_dqs: key, abusix: key }));
  const asked: string[] = [];
  const told: unknown[] = [chosen, left, JSON.stringify(chosen)];
  for (const list of chosen) {
    const world = (ask: (name: string, type: RecordType) => DnsAnswer) => ({
      ask: async (name: string, type: RecordType) => {
        asked.push(name);
        return ask(name, type);
      },
      signal: AbortSignal.timeout(60_000),
      tell: (step: string) => told.push(step),
    });
    const target = ip('192.0.2.10');
    const text = answer([`see s3cr3tkey.example and ${key}`], 'NOERROR', 'TXT');
    told.push(
      await inquire(
        list,
        target,
        'healthy',
        world((_, type) => (type === 'A' ? answer(['127.0.0.2']) : text)),
      ),
    );
    const silence = world((name) => {
      throw new Unanswered('timeout', `${name} was not answered`);
    });
    told.push(
      await inquire(list, target, 'healthy', silence),
      await list.ask(silence.ask, list.testQuestion('ipv4', { name: '127.0.0.2' }), 'SOA', {}),
    );
    const broken = world((name) => {
      throw new TypeError(`cannot encode ${name}`);
    });
    await assert.rejects(inquire(list, target, 'healthy', broken), (error: Error) => {
      told.push(error, error.message, error.stack);
      return /cannot encode/.test(error.message);
    });
  }
  assert.ok(asked.every((name) => name.includes(key)));
  const shown = inspect(told, { depth: 20, showHidden: true });
  assert.match(shown, /\{key\}/);
  assert.doesNotMatch(shown, /s3cr3t/i);
});

test('each file of the folder has lists, and nothing else stands there', () => {
  assert.ok(readdirSync('src/blocklists').every((file) => file.endsWith('.ts')));
});
