/** A domain becomes a judgement of the logo that it offers to mail programs (draft-brand-indicators-for-message-identification). */
import type { World } from '../check.ts';
import { dmarcPolicy, organizationOf } from '../dmarc-record.ts';
import { dnsCheck, isHttps, shown, texts } from '../dns-check.ts';
import { isVersion, tagList } from '../tag-list.ts';

export default dnsCheck({
  name: 'bimi',
  summary: 'logo that mail programs may show beside mail of the domain (BIMI)',
  targets: ['domain'],
  problems: {
    several_records: 'Keep one record at default._bimi: several count as none.',
    syntax_error: 'Write the record as "v=BIMI1; l=https://…/logo.svg; a=https://…/certificate.pem".',
    logo_missing: 'Give the address of the logo in l=; leave both l= and a= empty to decline.',
    logo_not_https: 'Serve the logo in l= over https.',
    evidence_not_https: 'Serve the certificate in a= over https.',
    dmarc_not_enforced:
      'Let DMARC of the domain ask for quarantine or reject, also of subdomains, of all mail and without t=y: the logo is not shown before.',
  },
  warnings: {
    missing: 'Publish a record at default._bimi to have a logo shown; no receiver asks for it.',
    declined: 'Nothing to do where it is meant: the record says that no logo is wanted.',
    logo_not_svg: 'Let l= name an SVG file (SVG Tiny PS).',
    no_evidence: 'Add a certificate (VMC or CMC) in a=: Gmail and Apple show no logo without one.',
  },
  async examine({ name: domain }, world, judge) {
    const records = await bimiRecords(world, domain);
    const [record] = records;
    if (record === undefined) judge.warning('missing', `nothing at default._bimi.${domain}`);
    else if (records.length > 1) judge.problem('several_records', `${records.length} records`);
    if (record === undefined || records.length > 1) return [];
    const { tags, faults } = tagList(record);
    for (const fault of faults) judge.problem('syntax_error', fault);
    const logo = tags.get('l');
    const evidence = tags.get('a') ?? '';
    if (logo === '' && evidence === '') {
      judge.warning('declined', shown(record));
      return [];
    }
    if (logo === undefined || logo === '') judge.problem('logo_missing', shown(record));
    else if (!isHttps(logo)) judge.problem('logo_not_https', shown(logo));
    else if (!/\.svgz?$/i.test(new URL(logo).pathname)) judge.warning('logo_not_svg', shown(logo));
    if (evidence === '') judge.warning('no_evidence', 'no a=');
    else if (!isHttps(evidence)) judge.problem('evidence_not_https', shown(evidence));
    const lax = await laxDmarc(world, domain);
    if (lax !== undefined) judge.problem('dmarc_not_enforced', lax);
    return [];
  },
});

/** Its own, else that of its organization. */
async function bimiRecords(world: World, domain: string): Promise<string[]> {
  const at = async (name: string) =>
    (await texts(world, `default._bimi.${name}`)).filter((text) => isVersion(text, 'BIMI1'));
  const own = await at(domain);
  if (own.length > 0) return own;
  const top = await organizationOf(world, domain);
  return top === domain ? own : await at(top);
}

async function laxDmarc(world: World, domain: string): Promise<string | undefined> {
  const { record, policy } = await dmarcPolicy(world, domain);
  if (record === undefined) return 'no DMARC record';
  if (policy === 'none') return `DMARC asks for nothing (${record.domain})`;
  if (record.tags.get('sp')?.toLowerCase() === 'none') return `sp=none (${record.domain})`;
  // Obsolete, and still looked at by those who show logos.
  const share = record.tags.get('pct');
  if (share !== undefined && share !== '100') return `pct=${share.slice(0, 10)} (${record.domain})`;
  if (record.tags.get('t')?.toLowerCase() === 'y') return `t=y (${record.domain})`;
  return undefined;
}
