/** A domain becomes a judgement of where failures of TLS are reported to (RFC 8460 3). */
import { dnsCheck, isHttps, mailtoDomain, receivesMail, shown, texts } from '../dns-check.ts';
import { isVersion, tagList } from '../tag-list.ts';

export default dnsCheck({
  name: 'tls-rpt',
  summary: 'where others report failures of encryption on the way to the domain (TLS-RPT)',
  targets: ['domain'],
  problems: {
    several_records: 'Keep one record at _smtp._tls: several count as none.',
    syntax_error: 'Write the record as "v=TLSRPTv1; rua=mailto:…", with tags separated by semicolons.',
    rua_invalid: 'Let rua= hold mailto: or https: addresses, separated by commas.',
    rua_undeliverable: 'Let rua= name a mailbox whose domain has an MX or address: reports are lost.',
  },
  warnings: {
    missing: 'Publish a record at _smtp._tls to hear of failing encryption; no receiver asks for it.',
  },
  async examine({ name: domain }, world, judge) {
    const records = (await texts(world, `_smtp._tls.${domain}`)).filter((text) => isVersion(text, 'TLSRPTv1'));
    const [record] = records;
    if (record === undefined) judge.warning('missing', `nothing at _smtp._tls.${domain}`);
    else if (records.length > 1) judge.problem('several_records', `${records.length} records`);
    if (record === undefined || records.length > 1) return [];
    const { tags, faults } = tagList(record);
    for (const fault of faults) judge.problem('syntax_error', fault);
    for (const uri of (tags.get('rua') ?? '').split(',').map((each) => each.trim())) {
      const host = mailtoDomain(uri);
      if (host === '' && !isHttps(uri)) judge.problem('rua_invalid', shown(uri));
      else if (host !== '' && !(await receivesMail(world, host))) judge.problem('rua_undeliverable', host);
    }
    return [];
  },
});
