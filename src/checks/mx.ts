/** A domain becomes a judgement of where its mail goes, bounces among it: its MX records (RFC 5321 5.1, RFC 2181 10.3, RFC 7505). */
import { isIP } from 'node:net';
import type { World } from '../check.ts';
import { dnsCheck, exchangers, find, hasAddress, shown } from '../dns-check.ts';

export default dnsCheck({
  name: 'mx',
  summary: 'whether the domain can receive mail, as receivers expect of every sender (MX)',
  targets: ['domain'],
  problems: {
    missing: 'Publish an MX record: mail from a domain that can take no answer is refused.',
    null_mx: 'Replace the null MX ("0 .") by a real one on every domain that sends: it says that no answer is wanted.',
    null_mx_among_others: 'Remove the null MX ("0 .") or all the others: it must stand alone.',
    unresolvable: 'Give each exchanger an A or AAAA record, or remove it: a name without one can also be taken over.',
    alias: 'Let the MX name a host with addresses of its own instead of an alias (CNAME).',
    ip_literal: 'Let the MX name a host, not an address: an address there is read as a name that does not exist.',
  },
  warnings: {
    implicit_mx: 'Publish an MX record: without one, mail is tried at the address of the domain itself.',
  },
  async examine({ name: domain }, world, judge) {
    const hosts = await exchangers(world, domain);
    if (hosts.length === 0) {
      if (await hasAddress(world, domain)) judge.warning('implicit_mx', `${domain} has addresses and no MX`);
      else judge.problem('missing', `${domain} has neither MX nor address`);
    }
    const named = [...new Set(hosts)].filter((host) => host !== '');
    if (named.length < hosts.length && hosts.includes(''))
      if (named.length === 0) judge.problem('null_mx', `${domain} takes no mail`);
      else judge.problem('null_mx_among_others', `${domain} takes no mail, and has ${named.length} exchangers`);
    for (const host of named) {
      const fault = await faultOf(world, host);
      if (fault) judge.problem(fault, shown(host));
    }
    return [];
  },
});

async function faultOf(world: World, host: string): Promise<'ip_literal' | 'alias' | 'unresolvable' | undefined> {
  if (isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0) return 'ip_literal';
  if ((await find(world, host, 'CNAME')).records.length > 0) return 'alias';
  return (await hasAddress(world, host)) ? undefined : 'unresolvable';
}
