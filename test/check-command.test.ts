/** `check` asks a real unbound before a real rbldnsd, and says in a table, in JSON and by its exit code what came of it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { checkNow } from '../src/check-command.ts';
import { type Rbldnsd, rbldnsd, type Unbound, unbound, type Zone } from './dns.ts';
import { folder } from './exporter.ts';

const KEY = 's3cr3tkey';
const ESC = '\u001b';
/** To the end of the line. */
const CLEARED = `${ESC}[K`;
const LISTED = '192.0.2.10';
const POLICY = '192.0.2.11';
const STRANGE = '192.0.2.12';
const CLEAN = '192.0.2.99';

const ZONES: readonly Zone[] = [
  {
    zone: 'zen.spamhaus.org',
    type: 'ip4set',
    text: `:127.0.0.2:why $ is listed\n127.0.0.2\n${LISTED}\n${POLICY} :127.0.0.11:\n${STRANGE} :127.0.0.77:`,
  },
  { zone: 'psbl.surriel.com', type: 'ip4set', text: ':127.0.0.2:\n127.0.0.2' },
  { zone: 'dbl.spamhaus.org', type: 'dnset', text: 'dbltest.com :127.0.1.2:\n.example.net :127.0.1.4:' },
  {
    zone: `${KEY}.zen.dq.spamhaus.net`,
    type: 'ip4trie',
    text: `0.0.0.0/0 :127.255.255.251:the key ${KEY} is not known`,
  },
];
const RECORDS = [
  'example.com. 60 IN TXT "v=spf1 ip4:192.0.2.10 -all"',
  '_dmarc.example.com. 60 IN TXT "v=DMARC1; p=reject; rua=mailto:reports@example.com"',
  'example.com. 60 IN MX 10 mx.example.com.',
  'mx.example.com. 60 IN A 192.0.2.25',
  'example.org. 60 IN TXT "v=spf1 ip5:192.0.2.10 -all"',
  's1._domainkey.example.com. 60 IN TXT "v=DKIM1; p="',
];

let lists: Rbldnsd;
let dns: Unbound;

before(async () => {
  lists = await rbldnsd(ZONES);
  dns = await unbound({
    stubs: Object.fromEntries(ZONES.map(({ zone }) => [zone, lists.address])),
    local: RECORDS,
    server: ['com', 'net', 'org'].map((zone) => `local-zone: "${zone}." static`),
  });
});

after(async () => {
  await dns?.stop();
  await lists?.stop();
});

interface Ended {
  code: number;
  out: string;
  err: string;
}

function execute(
  command: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Ended> {
  const env = { ...process.env, KEY, ...options.env };
  return new Promise((ended) => {
    execFile(command, args, { env, ...(options.cwd && { cwd: options.cwd }) }, (error, out, err) =>
      ended({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

const MAIN = resolve('src/main.ts');
const run = (args: string[], options = {}) => execute(process.execPath, [MAIN, 'check', ...args], options);

/** The lists by name, asked through the real unbound. */
function configuration(t: TestContext, names: readonly string[], more = ''): string {
  const path = join(folder(t), 'exporter.yml');
  writeFileSync(
    path,
    `resolver: { servers: ['${dns.address}'] }
checks:
  skip: [mx-certificate, mta-sts]
  blocklists:
    lists: [${names.join(', ')}]
    keys: { spamhaus_dqs: { env: KEY } }
${more}`,
  );
  return `--config.file=${path}`;
}

const FREE = ['spamhaus-zen', 'psbl', 'spamhaus-dbl'];

test('a listing: its meaning and reason, what to do about it, and 1', async (t) => {
  const { code, out, err } = await run([configuration(t, FREE), '--only=blocklist', LISTED]);
  assert.equal(
    out,
    `${LISTED}
  listed  spamhaus-zen  SBL (127.0.0.2)
                        it says: why ${LISTED} is listed
  clear   psbl

What to do
  spamhaus-zen
    Find and end the cause first, then ask for removal, once: https://check.spamhaus.org/ (step by step in docs/blocklists.md#spamhaus-zen).

1 listed, 1 well
`,
  );
  assert.deepEqual([code, err], [1, '']);
});

test('a policy entry keeps mail from arriving, too', async (t) => {
  const { code, out } = await run([configuration(t, FREE), '--only=blocklist', POLICY]);
  assert.match(out, /^ {2}policy {2}spamhaus-zen {2}PBL by Spamhaus \(127\.0\.0\.11\)$/m);
  assert.equal(code, 1);
});

test('a domain is asked of lists of domains, and several targets one below the other', async (t) => {
  const { code, out } = await run([configuration(t, FREE), '--only=blocklist', 'Example.NET.', CLEAN, CLEAN]);
  assert.match(out, /^example\.net\n {2}listed {2}spamhaus-dbl {2}phish domain \(127\.0\.1\.4\)\n\n192\.0\.2\.99\n/);
  assert.match(out, /\n1 listed, 2 well\n$/);
  assert.equal(code, 1);
});

test('all well is 0', async (t) => {
  const { code, out } = await run([
    configuration(t, FREE),
    '--only=blocklist',
    '--only=spf',
    '--only=dmarc',
    CLEAN,
    'example.com',
  ]);
  assert.match(out, /^ {2}passed {2}spf$/m);
  assert.match(out, /\n5 well\n$/);
  assert.equal(code, 0);
});

test('a refusal and a code that is not documented are unknown, never listed and never clear: 2', async (t) => {
  const refused = await run([configuration(t, ['spamhaus-zen-dqs']), '--only=blocklist', LISTED]);
  assert.match(refused.out, /^ {2}refused {2}spamhaus-zen-dqs {2}key_rejected 127\.255\.255\.251$/m);
  assert.match(refused.out, /^ {4}The key is not valid/m);
  assert.equal(refused.code, 2);
  const strange = await run([configuration(t, FREE), '--only=blocklist', STRANGE]);
  assert.match(strange.out, /^ {2}unknown_code {2}spamhaus-zen {2}127\.0\.0\.77: a code that is not documented/m);
  assert.equal(strange.code, 2);
});

test('a key is in nothing that is printed', async (t) => {
  for (const flags of [[], ['--json']]) {
    const { out, err } = await run([configuration(t, ['spamhaus-zen-dqs']), '--only=blocklist', ...flags, LISTED]);
    assert.match(out, /refused/);
    assert.ok(!`${out}${err}`.toLowerCase().includes(KEY), `${out}${err}`);
  }
});

test('lists that hold no IPv6 share a line, and that is no fault of the address', async (t) => {
  const { code, out } = await run([configuration(t, ['psbl', 'spamcop']), '--only=blocklist', '2001:db8::1']);
  assert.match(out, /^ {2}unsupported {2}2 lists {2}hold no IPv6 addresses: psbl, spamcop$/m);
  assert.equal(code, 0);
});

test('a failed check says what it found and what to do', async (t) => {
  const args = [configuration(t, FREE), '--only=spf', '--only=dkim', '--selector=s1', '--selector=s2'];
  const { code, out } = await run([...args, 'example.org', 'example.com']);
  assert.match(out, /^example\.org\n(?:.*\n)*? {2}failed {2}spf {3}syntax_error: example\.org: .*ip5/m);
  assert.match(
    out,
    /^ {2}failed {2}dkim {2}revoked: s1\._domainkey\.example\.com\n {16}missing: s2\._domainkey\.example\.com$/m,
  );
  assert.match(out, /^ {2}spf syntax_error\n {4}Correct the term/m);
  assert.equal(code, 1);
  const none = await run([configuration(t, FREE), '--only=dkim', 'example.com']);
  assert.match(none.out, /^ {2}skipped {2}dkim {2}no selectors of example\.com are configured/m);
  assert.equal(none.code, 0);
});

test('selectors and what is skipped come from the configuration', async (t) => {
  const path = join(folder(t), 'exporter.yml');
  const skip = 'bimi, fcrdns, mta-sts, mx, mx-certificate, spf, tls-rpt';
  writeFileSync(
    path,
    `resolver: { servers: ['${dns.address}'] }
checks:
  skip: [${skip}]
  domains: [{ name: example.com, selectors: [s1] }]
  blocklists: { enabled: false }
`,
  );
  const { code, out } = await run([`--config.file=${path}`, 'example.com']);
  assert.match(
    out,
    /^example\.com\n {2}failed {2}dkim {3}revoked: s1\._domainkey\.example\.com\n {2}passed {2}dmarc\n\n/,
  );
  assert.equal(code, 1);
});

test('--json: one object a reading, and nothing else', async (t) => {
  const { code, out, err } = await run([
    configuration(t, FREE),
    '--json',
    '--only=blocklist',
    '--only=spf',
    LISTED,
    'example.org',
  ]);
  const readings = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const by = (fits: object) =>
    readings.find((each) => Object.entries(fits).every(([key, value]) => each[key] === value));
  assert.equal(readings.length, 4);
  assert.deepEqual(by({ list: 'spamhaus-zen' }), {
    ...{ kind: 'blocklist', list: 'spamhaus-zen', target: LISTED, verdict: 'listed', codes: ['127.0.0.2'] },
    ...{ meaning: 'SBL', reason: `why ${LISTED} is listed`, cause: '' },
    advice: by({ list: 'spamhaus-zen' })!.advice,
  });
  assert.equal(by({ list: 'spamhaus-dbl' })!.verdict, 'clear');
  assert.deepEqual(by({ check: 'spf' })!.problems, ['syntax_error']);
  assert.match((by({ check: 'spf' })!.why as Record<string, string>).syntax_error!, /ip5/);
  assert.deepEqual([code, err], [1, '']);
});

test('a name server that is silent is waited for no longer than need be, and nothing is known then', async (t) => {
  const silence = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => silence.close());
  await once(silence, 'listening');
  const server = `127.0.0.1:${(silence.address() as AddressInfo).port}`;
  const args = [configuration(t, FREE), `--resolver=${server}`, '--only=spf', 'example.com'];
  const [{ code, out }, json] = await Promise.all([run(args), run([...args, '--json'])]);
  assert.match(out, /^ {2}unknown {2}spf {2}no name server answered about TXT: .*timed out/m);
  assert.equal(code, 2);
  const { kind, check, why } = JSON.parse(json.out) as Record<string, string>;
  assert.deepEqual([kind, check, json.code], ['unknown', 'spf', 2]);
  assert.match(why!, /timed out/);
});

test('--resolver is asked in place of the one in the configuration', async (t) => {
  const path = join(folder(t), 'exporter.yml');
  writeFileSync(path, "resolver: { servers: ['127.0.0.1:9'] }\n");
  const { code, out } = await run([`--config.file=${path}`, `--resolver=${dns.address}`, '--only=spf', 'example.com']);
  assert.match(out, /^ {2}passed {2}spf$/m);
  assert.equal(code, 0);
});

test('the configuration that lies about is taken, and left when it is not good', async (t) => {
  const cwd = folder(t);
  const file = join(cwd, 'deliverability-exporter.yml');
  writeFileSync(file, `resolver: { servers: ['${dns.address}'] }\n`);
  assert.match((await run(['--only=spf', 'example.com'], { cwd })).out, /passed {2}spf/);
  writeFileSync(file, 'nonsense: 1\n');
  const { code, out, err } = await run([`--resolver=${dns.address}`, '--only=spf', 'example.com'], { cwd });
  assert.match(err, /^deliverability-exporter\.yml is not used: .*nonsense/);
  assert.match(out, /passed {2}spf/);
  assert.equal(code, 0);
  assert.equal((await run([`--config.file=${file}`, 'example.com'])).code, 2);
});

test('mistakes are told in a line, without a stack, and end with 2', async (t) => {
  const wrong: [args: string[], says: RegExp][] = [
    [[], /^name at least one TARGET/],
    [['localhost'], /^"localhost" is no target: name an IP address/],
    [['not a name'], /is no target/],
    [['10.0.0.1'], /^10\.0\.0\.1 is no public address/],
    [['::ffff:10.0.0.1'], /is no public address/],
    [['224.0.0.1'], /is no public address/],
    [['fe80::1'], /is no public address/],
    [['mail.internal'], /^mail\.internal is no public name/],
    [['printer.local'], /is no public name/],
    [['--only=sfp', 'example.com'], /^--only: there is no check "sfp"; the checks are bimi, blocklist, /],
    [['--only=spf', LISTED], /nothing is to be asked/],
    [['--resolver=dns.example.com', LISTED], /^--resolver must be ADDRESS or ADDRESS:PORT/],
    [['--selector=a b', 'example.com'], /^--selector is/],
    [['--loud', LISTED], /--help lists the flags$/m],
    [Array.from({ length: 51 }, (_, n) => `192.0.2.${n}`), /^51 targets are too many/],
  ];
  const config = configuration(t, FREE);
  process.env.KEY = KEY;
  for (const [args, says] of wrong) {
    const told = { out: '', err: '' };
    const into = (name: 'out' | 'err') => ({
      write(text: string) {
        told[name] += text;
      },
    });
    const code = await checkNow([config, ...args], into('out'), into('err'));
    assert.match(told.err, says, args.join(' '));
    assert.deepEqual([code, told.out, told.err.split('\n').length], [2, '', 2], args.join(' '));
  }
  // What was written on the command line is looked at before what is in the configuration.
  const target = await run([config, 'localhost'], { env: { KEY: '' } });
  assert.deepEqual([target.code, target.out, target.err.split('\n').length], [2, '', 2]);
  assert.match(target.err, /^"localhost" is no target/);
  const secret = await run([config, LISTED], { env: { KEY: '' } });
  assert.match(
    secret.err,
    /: checks\.blocklists\.keys\.spamhaus_dqs: the secret in environment variable KEY is empty\n$/,
  );
  assert.deepEqual([secret.code, secret.out], [2, '']);
});

test('--help lists the flags and the checks', async () => {
  const { code, out } = await run(['--help']);
  for (const word of [
    '--config.file',
    '--resolver',
    '--selector',
    '--only',
    '--json',
    'blocklist',
    'mta-sts',
    'Ends with 0',
  ])
    assert.ok(out.includes(word), word);
  assert.ok(out.split('\n').every((line) => line.length <= 80));
  assert.equal(code, 0);
  const { out: all } = await execute(process.execPath, [MAIN, '--help']);
  assert.match(all, /^deliverability-exporter check --help$/m);
});

/** On a terminal of 80 columns. `script` gives standard output and standard error the same one. */
const onTerminal = (args: string[], env: Record<string, string>) =>
  execute(
    'script',
    ['-qec', `stty cols 80; exec '${process.execPath}' '${MAIN}' check ${args.join(' ')}`, '/dev/null'],
    { env },
  );

test('on a terminal: how far it is, colours, and no line too long', async (t) => {
  const args = [configuration(t, FREE), '--only=blocklist', '--only=spf', LISTED, 'example.org'];
  const { out, code } = await onTerminal(args, { NO_COLOR: '' });
  assert.ok(out.includes(`0 of 4 answered, waiting for spamhaus-zen ${LISTED}${CLEARED}`), out);
  assert.ok(out.includes(`${ESC}[31m${ESC}[1mlisted${ESC}[22m${ESC}[39m`), out);
  assert.equal(code, 1);
  const plain = await onTerminal(args, { NO_COLOR: '1' });
  const shown = plain.out.slice(plain.out.lastIndexOf(CLEARED) + CLEARED.length);
  assert.ok(!shown.includes(ESC), shown);
  const lines = shown.split('\n').map((line) => line.trimEnd());
  assert.ok(lines.includes('What to do'));
  for (const line of lines) assert.ok(line.length <= 80, line);
  // A program that reads it gets neither.
  const { out: piped } = await run(args, { env: { FORCE_COLOR: '1' } });
  assert.ok(!piped.includes(ESC), piped);
});
