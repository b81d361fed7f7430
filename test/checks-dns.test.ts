/**
 * Each check of DNS against zone data of its own (test/checks/*.yml), answered by a real unbound through the program's resolver:
 * every finding of its closed list has a case, and what cannot be looked up is unknown, never a finding.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { parse } from 'yaml';
import { type Check, type Target, Unanswered, type World } from '../src/check.ts';
import { mtaSts } from '../src/checks/mta-sts.ts';
import { mxCertificate } from '../src/checks/mx-certificate.ts';
import type { Reading } from '../src/reading.ts';
import { Resolver } from '../src/resolver.ts';
import { freePorts } from '../stack/processes.ts';
import { type Certificate, certificate } from './checks/certificate.ts';
import { exchanger, type Listening, policyHost, type Serves, type Speaks } from './checks/servers.ts';
import { type Unbound, unbound } from './dns.ts';

interface Case {
  title: string;
  target: string;
  selectors?: string[];
  /** local-data of unbound.conf(5), one a line. */
  records?: string;
  problems?: string[];
  warnings?: string[];
  /** It rejects with Unanswered for this reason. */
  unknown?: Unanswered['reason'];
  /** There is nothing to judge: no reading. */
  nothing?: boolean;
  /** The TXT questions in their order. */
  asked?: string[];
  serves?: Serves;
  speaks?: Record<string, Speaks>;
  /** Host → days until its certificate expires. */
  certificates?: Record<string, number>;
}

const FOLDER = join(import.meta.dirname, 'checks');
const CASES = new Map<string, readonly Case[]>(
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yml'))
    .map((file) => [basename(file, '.yml'), parse(readFileSync(join(FOLDER, file), 'utf8')).cases]),
);

/** Names that exist nowhere do not exist, instead of being asked for on the Internet. */
const WORLD = ['com', 'net', 'org', '2.0.192.in-addr.arpa', '8.b.d.0.1.0.0.2.ip6.arpa'];
/** What each kind of trouble is the answer to: an address in it, a domain in it, how it shows. */
const TROUBLES = {
  servfail: { ip: '198.51.100.7', domain: 'below.servfail.example.com', reason: 'unreachable' },
  refused: { ip: '203.0.113.7', domain: 'below.refused.example.com', reason: 'unreachable' },
  silence: { ip: '2001:db8:dead::7', domain: 'below.silent.example.com', reason: 'timeout' },
} as const;
const BROKEN = ['servfail.example.com', 'servfail2.example.com', '100.51.198.in-addr.arpa'];

const DAY = 86_400_000;
const NOW = Date.now();
const at = (days: number) => new Date(NOW + days * DAY);
const NAMES = ['*.example.com', 'localhost'];
const CERTIFICATES = new Map<string, Certificate>([
  ['good', certificate(NAMES, at(-30), at(90), 1)],
  ['expired', certificate(NAMES, at(-30), at(-1), 2)],
  ['early', certificate(NAMES, at(1), at(90), 3)],
  ['ending', certificate(NAMES, at(-30), at(14), 4)],
  ['misnamed', certificate(['other.example.net'], at(-30), at(90), 5)],
  ['untrusted', certificate(NAMES, at(-30), at(90), 6)],
]);
const TIMEOUT = 300;
/** A machine that has much to do takes its time to agree on a key. */
const HANDSHAKE = 3000;

let refusing: Unbound;
let serving: Unbound;
let resolver: Resolver;
let port: number;
const checks = new Map<string, Check>();

before(async () => {
  // The zones of example addresses are unbound's own, empty, unless they are said not to be.
  refusing = await unbound({ server: ['local-zone: "100.51.198.in-addr.arpa." refuse'] });
  serving = await unbound({
    stubs: Object.fromEntries(BROKEN.map((zone) => [zone, refusing.address])),
    local: [...CASES.values()].flat().flatMap(({ records = '' }) => records.split('\n').filter(Boolean)),
    server: [
      ...WORLD.map((zone) => `local-zone: "${zone}." static`),
      'local-zone: "refused.example.com." refuse',
      'local-zone: "113.0.203.in-addr.arpa." refuse',
      'local-zone: "silent.example.com." deny',
      'local-zone: "d.a.e.d.8.b.d.0.1.0.0.2.ip6.arpa." deny',
    ],
  });
  resolver = new Resolver({ servers: [serving.address], timeout: TIMEOUT, tries: 1 });
  [port] = (await freePorts(1)) as [number];
  for (const name of CASES.keys()) checks.set(name, (await import(`../src/checks/${name}.ts`)).default);
  checks.set('mx-certificate', mxCertificate(port, HANDSHAKE));
  checks.set('mta-sts', mtaSts(HANDSHAKE));
  const trusted = [...CERTIFICATES].filter(([name]) => name !== 'untrusted').map(([, { cert }]) => cert);
  setDefaultCACertificates([...getCACertificates(), ...trusted]);
});

after(async () => {
  await resolver?.close();
  await serving?.stop();
  await refusing?.stop();
});

function targetOf({ target, selectors }: Pick<Case, 'target' | 'selectors'>): Target {
  return { kind: isIP(target) ? 'ip' : 'domain', name: target, ...(selectors && { selectors }) };
}

interface Told {
  steps: string[];
  asked: string[];
}

function world(told: Told, policy?: { host: string; port: number }): World {
  return {
    ask(name, type, options) {
      if (type === 'TXT') told.asked.push(name);
      return resolver.ask(name, type, options);
    },
    fetch(url, init) {
      assert.equal(String(url), `https://mta-sts.${policy?.host}/.well-known/mta-sts.txt`);
      return fetch(`https://localhost:${policy?.port}/.well-known/mta-sts.txt`, init);
    },
    connect: (address, port, signal) => connect({ host: address, port, signal }),
    signal: AbortSignal.timeout(20_000),
    now: () => NOW,
    tell: (step) => told.steps.push(step),
  };
}

async function run(name: string, one: Case): Promise<{ readings: Reading[]; told: Told }> {
  const told: Told = { steps: [], asked: [] };
  const listening: Listening[] = [];
  try {
    const policy = one.serves && (await policyHost(one.serves, CERTIFICATES));
    if (policy) listening.push(policy);
    for (const [address, speaks] of Object.entries(one.speaks ?? {}))
      listening.push(await exchanger(address, port, speaks, CERTIFICATES));
    const readings = await checks
      .get(name)!
      .run(targetOf(one), world(told, policy && { host: one.target, port: policy.port }));
    return { readings, told };
  } catch (error) {
    if (error instanceof Error) error.message += `\n${told.steps.join('\n')}`;
    throw error;
  } finally {
    await Promise.all(listening.map(({ stop }) => stop()));
  }
}

for (const [name, cases] of CASES)
  describe(name, () => {
    for (const one of cases)
      test(one.title, async () => {
        if (one.unknown !== undefined) {
          await assert.rejects(run(name, one), (error) => {
            assert.ok(error instanceof Unanswered, String(error));
            assert.equal(error.reason, one.unknown, error.message);
            return true;
          });
          return;
        }
        const { readings, told } = await run(name, one);
        const { problems = [], warnings = [] } = one;
        const found = readings.map((reading) =>
          reading.kind === 'dns_check'
            ? { ...reading, problems: reading.problems.toSorted(), warnings: reading.warnings.toSorted() }
            : reading,
        );
        const certificates = Object.entries(one.certificates ?? {}).map(([host, days]) => {
          const expires = Math.floor(at(days).getTime() / 1000);
          return { kind: 'certificate', target: one.target, host, expires };
        });
        const judged = {
          kind: 'dns_check',
          check: name,
          target: one.target,
          problems: problems.toSorted(),
          warnings: warnings.toSorted(),
        };
        const steps = told.steps.join('\n');
        assert.deepEqual(found, one.nothing ? [] : [judged, ...certificates], steps);
        for (const finding of [...problems, ...warnings])
          assert.ok(
            told.steps.some((step) => step.includes(` ${finding}: `)),
            `not told: ${finding}\n${steps}`,
          );
        if (one.asked) assert.deepEqual(told.asked, one.asked);
      });

    test('every finding has a case, is either a problem or a warning, and says what to do', () => {
      const { problems } = checks.get(name)!;
      const said = (kind: 'problems' | 'warnings') => new Set(cases.flatMap((one) => one[kind] ?? []));
      const bad = said('problems');
      const strange = said('warnings');
      assert.deepEqual([...bad, ...strange].toSorted(), Object.keys(problems).toSorted());
      for (const [finding, advice] of Object.entries(problems)) {
        assert.match(finding, /^[a-z][a-z0-9_]+$/);
        assert.match(advice, /^[A-Z].{20,}[^.]\.$/);
      }
      assert.ok(cases.some((one) => !one.problems && !one.warnings && !one.unknown && !one.nothing));
    });

    for (const [trouble, { ip, domain, reason }] of Object.entries(TROUBLES))
      test(`${trouble}: unknown`, async () => {
        const [kind] = checks.get(name)!.targets;
        const target = kind === 'ip' ? ip : domain;
        await assert.rejects(run(name, { title: '', target, selectors: ['s'] }), (error) => {
          assert.ok(error instanceof Unanswered, String(error));
          assert.equal(error.reason, reason, error.message);
          return true;
        });
      });
  });

test('each check of DNS in src/checks/ has its cases here', async () => {
  for (const file of readdirSync(join(import.meta.dirname, '../src/checks'))) {
    const { default: check } = await import(`../src/checks/${file}`);
    if (Object.keys(check.problems ?? {}).length > 0)
      assert.ok(CASES.has(basename(file, '.ts')), `test/checks/ lacks ${file}`);
  }
});

test('a check that is given up is neither passed nor failed', async () => {
  const given = AbortSignal.abort();
  for (const [name, check] of checks) {
    const [kind] = check.targets;
    const target = targetOf({ target: kind === 'ip' ? '192.0.2.10' : 's1.example.com', selectors: ['s'] });
    await assert.rejects(
      check.run(target, { ...world({ steps: [], asked: [] }), signal: given }),
      (error) => error instanceof Unanswered && error.reason === 'aborted',
      name,
    );
  }
});
