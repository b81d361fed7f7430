/** A domain becomes a judgement of whether others must encrypt on the way to it: the record and the policy of RFC 8461. */
import { answerText } from '../answer-text.ts';
import { type Check, Unanswered, type World } from '../check.ts';
import { dnsCheck, exchangers, hasAddress, type Judge, shown, texts } from '../dns-check.ts';
import { isVersion, tagList } from '../tag-list.ts';

const TIMEOUT_MS = 10_000;
const BYTES = 64 * 1024;
/** RFC 8461 3.2: a year, and the day under which a policy hardly protects. */
const LONGEST = 31_557_600;
const SHORT = 86_400;

const PROBLEMS = {
  several_records: 'Keep one record at _mta-sts: several count as none.',
  syntax_error:
    'Write the record as "v=STSv1; id=…", the id of letters and digits, 32 at most, and new with each policy.',
  policy_host_missing: 'Give mta-sts.<domain> an address, and serve the policy at /.well-known/mta-sts.txt there.',
  policy_not_served:
    'Let https://mta-sts.<domain>/.well-known/mta-sts.txt answer 200: anything else counts as no policy.',
  policy_redirected: 'Serve the policy itself instead of a redirect: senders do not follow it.',
  policy_certificate:
    'Renew or correct the certificate of mta-sts.<domain>: senders do not take a policy from an untrusted host.',
  policy_too_large: 'Shorten the policy to under 64 kB: senders stop reading.',
  policy_invalid:
    'Write the policy with one line each of version: STSv1, mode: and max_age: (seconds, a year at most), and an mx: line for each exchanger.',
  mx_not_covered:
    'Add an mx: line for each exchanger, and change the id: senders who enforce the policy deliver to no other host.',
} as const;
const WARNINGS = {
  missing: 'Publish a policy to have mail to the domain encrypted; no receiver asks for it of a sender.',
  mode_testing: 'Go on to mode: enforce once TLS reports are free of failures.',
  mode_none: 'Nothing to do while a policy is being withdrawn; otherwise set mode: testing.',
  max_age_short: 'Raise max_age: to a week or more: the policy is forgotten within a day.',
  content_type: 'Serve the policy as text/plain: strict senders take nothing else.',
} as const;
type StsJudge = Judge<keyof typeof PROBLEMS, keyof typeof WARNINGS>;

export default mtaSts();

export function mtaSts(timeout = TIMEOUT_MS): Check {
  return dnsCheck({
    name: 'mta-sts',
    summary: 'policy that makes others encrypt on the way to the domain, and whether it fits its MX (MTA-STS)',
    targets: ['domain'],
    problems: PROBLEMS,
    warnings: WARNINGS,
    async examine({ name: domain }, world, judge) {
      const records = (await texts(world, `_mta-sts.${domain}`)).filter((text) => isVersion(text, 'STSv1'));
      const [record] = records;
      if (record === undefined) judge.warning('missing', `nothing at _mta-sts.${domain}`);
      else if (records.length > 1) judge.problem('several_records', `${records.length} records`);
      if (record === undefined || records.length > 1) return [];
      const { tags, faults } = tagList(record);
      for (const fault of faults) judge.problem('syntax_error', fault);
      if (!/^[a-z0-9]{1,32}$/i.test(tags.get('id') ?? ''))
        judge.problem('syntax_error', `id=${shown(tags.get('id') ?? '')}`);

      if (!(await hasAddress(world, `mta-sts.${domain}`))) judge.problem('policy_host_missing', `mta-sts.${domain}`);
      else {
        const policy = await fetchPolicy(world, `https://mta-sts.${domain}/.well-known/mta-sts.txt`, judge, timeout);
        if (policy !== undefined) judgePolicy(policy, await hostsOf(world, domain), judge);
      }
      return [];
    },
  });
}

async function hostsOf(world: World, domain: string): Promise<readonly string[]> {
  const hosts = await exchangers(world, domain);
  return hosts.length === 0 ? [domain] : hosts.filter((host) => host !== '');
}

function judgePolicy(text: string, hosts: readonly string[], judge: StsJudge): void {
  const fields = text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => [line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()] as const);
  const all = (name: string) => fields.filter(([field]) => field === name).map(([, value]) => value);
  const [version] = all('version');
  const [mode = ''] = all('mode');
  const [age = ''] = all('max_age');
  const patterns = all('mx').map((pattern) => pattern.toLowerCase().replace(/\.$/, ''));
  const invalid = (why: string) => judge.problem('policy_invalid', why);

  if (version !== 'STSv1') invalid('no version: STSv1');
  if (!/^\d{1,10}$/.test(age) || Number(age) > LONGEST) invalid(`max_age: ${shown(age)}`);
  else if (Number(age) < SHORT) judge.warning('max_age_short', `${age} s`);
  if (mode === 'none') judge.warning('mode_none', 'mode: none');
  else if (mode === 'testing') judge.warning('mode_testing', 'mode: testing');
  else if (mode !== 'enforce') invalid(`mode: ${shown(mode)}`);
  if (mode === 'none') return;
  if (patterns.length === 0) invalid('no mx:');
  for (const host of hosts)
    if (patterns.length > 0 && !patterns.some((pattern) => covers(pattern, host)))
      judge.problem('mx_not_covered', host);
}

/** `*.` stands for one label, the leftmost. */
function covers(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.slice(host.indexOf('.') + 1) === pattern.slice(2) : host === pattern;
}

/** Undefined when there is none; a server that does not answer, or says that it cannot now, is Unanswered. */
async function fetchPolicy(world: World, url: string, judge: StsJudge, timeout: number): Promise<string | undefined> {
  const signal = AbortSignal.any([world.signal, AbortSignal.timeout(timeout)]);
  try {
    const response = await world.fetch(url, { signal, redirect: 'manual', headers: { accept: 'text/plain' } });
    const { status } = response;
    world.tell(`${url}: ${status}`);
    if (status !== 200) await response.body?.cancel();
    if (status >= 500 || status === 429) throw new Unanswered('unreachable', `${url} answered ${status}`);
    if (status >= 300 && status < 400) judge.problem('policy_redirected', `${url} answered ${status}`);
    else if (status !== 200) judge.problem('policy_not_served', `${url} answered ${status}`);
    if (status !== 200) return undefined;
    const type = response.headers.get('content-type') ?? '';
    if (!/^text\/plain\s*(?:;|$)/i.test(type)) judge.warning('content_type', shown(type));
    const text = await answerText(response, BYTES);
    if (text === undefined) judge.problem('policy_too_large', url);
    return text;
  } catch (error) {
    if (error instanceof Unanswered) throw error;
    const code = codeOf(error);
    if (!isOfCertificate(code)) throw unanswered(world, url, signal, code);
    judge.problem('policy_certificate', `${url}: ${code}`);
    return undefined;
  }
}

function unanswered(world: World, url: string, { aborted: timeout }: AbortSignal, code: string): Unanswered {
  if (world.signal.aborted) return new Unanswered('aborted', `${url}: the check was given up`);
  return new Unanswered(
    timeout ? 'timeout' : 'unreachable',
    `${url}: ${timeout ? 'no answer in time' : code || 'no answer'}`,
  );
}

/** fetch wraps what went wrong on the connection. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}

/** What OpenSSL finds wrong with a chain, as Node names it, and the name that does not match. */
function isOfCertificate(code: string): boolean {
  return /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|INVALID_CA|PATH_LENGTH_|HOSTNAME_MISMATCH)/.test(
    code,
  );
}
