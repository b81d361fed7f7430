/** A domain becomes a judgement of the DMARC policy that holds for it (RFC 9989), and of where reports go (RFC 9990 4). */
import type { World } from '../check.ts';
import { type DmarcRecord, dmarcPolicy, isPolicy, organizationOf } from '../dmarc-record.ts';
import { dnsCheck, isHttps, mailtoDomain, receivesMail, shown, texts } from '../dns-check.ts';
import { isVersion } from '../tag-list.ts';

/** Tags with a closed set of values, the default first; a reader takes the default for anything else. */
const VALUES: Readonly<Record<string, RegExp>> = {
  adkim: /^[rs]$/i,
  aspf: /^[rs]$/i,
  fo: /^[01ds](?:\s*:\s*[01ds])*$/i,
  psd: /^[uyn]$/i,
  t: /^[ny]$/i,
};
const OBSOLETE = ['pct', 'rf', 'ri'] as const;
const KNOWN = ['v', 'p', 'sp', 'np', 'rua', 'ruf', ...Object.keys(VALUES), ...OBSOLETE];
/** Reports go to a few; what a hostile record lists beyond is not followed. */
const ADDRESSES = 10;

export default dnsCheck({
  name: 'dmarc',
  summary: 'policy for mail that claims to be of the domain, found upwards in the DNS (DMARC)',
  targets: ['domain'],
  problems: {
    missing:
      'Publish a DMARC record: "v=DMARC1; p=none; rua=mailto:…" at _dmarc is the least that large receivers ask for.',
    several_records: 'Keep one DMARC record at the name: several count as none.',
    syntax_error: 'Write the record as "v=DMARC1; p=…; rua=mailto:…", each tag once, separated by semicolons.',
    policy_missing: 'Add p=none, quarantine or reject: many readers ignore a record without it.',
    policy_invalid: 'Let p=, sp= and np= be none, quarantine or reject: the whole policy is read as none otherwise.',
    report_address_invalid: 'Let rua= and ruf= hold mailto: addresses, separated by commas.',
    report_address_undeliverable:
      'Let rua= and ruf= name mailboxes whose domain has an MX or address: reports are lost.',
    report_not_authorized:
      'Have the domain that receives reports publish "v=DMARC1" in TXT at <your domain>._report._dmarc.<its domain>: nobody reports to it before.',
  },
  warnings: {
    policy_none:
      'Go on to quarantine, then reject, once reports show that all your mail passes: none asks for nothing.',
    subdomain_policy_none: 'Raise sp= and np= to what p= asks for: subdomains are free to forge.',
    test_mode: 'Remove t=y once reports show that all your mail passes: receivers act one step more mildly.',
    obsolete_tag:
      'Remove pct=, rf=, ri= and size limits of report addresses: RFC 9989 has them no more. t=y is for trying out.',
    tag_invalid: 'Correct the value of adkim=, aspf=, fo=, psd= or t=: readers take the default instead.',
    unknown_tag: 'Correct or remove tags that DMARC does not know: they are ignored.',
    public_suffix: 'Remove psd=y unless others register names below the domain: it says that it is a public suffix.',
    no_reports: 'Add rua=mailto:… to hear who sends in the name of the domain.',
  },
  async examine({ name: domain }, world, judge) {
    const { record, several, tag, policy } = await dmarcPolicy(world, domain);
    for (const name of several) judge.problem('several_records', `_dmarc.${name}`);
    if (record === undefined) {
      if (several.length === 0) judge.problem('missing', `nothing at _dmarc.${domain} and above`);
      return [];
    }
    world.tell(`_dmarc.${record.domain} holds for ${domain}: ${tag}=${policy}`);
    const { tags } = record;
    for (const fault of record.faults) judge.problem('syntax_error', fault);
    if (!tags.has('p')) judge.problem('policy_missing', `_dmarc.${record.domain}`);
    for (const name of ['p', 'sp', 'np']) {
      const value = tags.get(name)?.toLowerCase() ?? 'none';
      if (!isPolicy(value)) judge.problem('policy_invalid', `${name}=${shown(value)}`);
      else if (name !== 'p' && tags.has(name) && value === 'none' && (tags.get('p') ?? 'none').toLowerCase() !== 'none')
        judge.warning('subdomain_policy_none', `${name}=none`);
    }
    if (policy === 'none') judge.warning('policy_none', `${tag}=none holds for ${domain}`);
    if (tags.get('t')?.toLowerCase() === 'y') judge.warning('test_mode', 't=y');
    if (tags.get('psd')?.toLowerCase() === 'y' && record.domain === domain) judge.warning('public_suffix', 'psd=y');
    for (const name of OBSOLETE) if (tags.has(name)) judge.warning('obsolete_tag', `${name}=`);
    for (const [name, values] of Object.entries(VALUES))
      if (tags.has(name) && !values.test(tags.get(name)!))
        judge.warning('tag_invalid', `${name}=${shown(tags.get(name)!)}`);
    for (const name of tags.keys()) if (!KNOWN.includes(name)) judge.warning('unknown_tag', shown(name));
    if (!tags.has('rua')) judge.warning('no_reports', 'no rua=');
    for (const uri of reportAddresses(record)) {
      if (/![0-9]+[kmgt]?$/i.test(uri)) judge.warning('obsolete_tag', `size limit of ${shown(uri)}`);
      const fault = await faultOf(world, record.domain, uri.replace(/![0-9]+[kmgt]?$/i, ''));
      if (fault) judge.problem(fault, shown(uri));
    }
    return [];
  },
});

function reportAddresses({ tags }: DmarcRecord): string[] {
  const uris = ['rua', 'ruf'].flatMap((name) => tags.get(name)?.split(',') ?? []).map((uri) => uri.trim());
  return [...new Set(uris)].slice(0, ADDRESSES);
}

async function faultOf(world: World, domain: string, uri: string) {
  const host = mailtoDomain(uri);
  // Any URI is allowed; readers know mailto: alone, and some https:.
  if (host === '') return isHttps(uri) ? undefined : 'report_address_invalid';
  if (!(await receivesMail(world, host))) return 'report_address_undeliverable';
  if (host === domain || (await organizationOf(world, host)) === (await organizationOf(world, domain)))
    return undefined;
  const consent = await texts(world, `${domain}._report._dmarc.${host}`);
  return consent.some((text) => isVersion(text, 'DMARC1')) ? undefined : 'report_not_authorized';
}
