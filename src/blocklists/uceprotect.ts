/** UCEPROTECT: addresses, their networks and whole providers, and Backscatterer of the same people; after uceprotect.net. */
import type { Blocklist, Lists } from '../blocklist.ts';

const common = {
  operator: 'UCEPROTECT',
  targets: ['ipv4'],
  refusals: {},
  test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
  tier: 'info',
  quota: { pool: 'uceprotect', perDay: 10_000, terms: 'fair use' },
  publicResolver: 'answered',
  reviewed: '2026-11-24',
} as const satisfies Partial<Blocklist>;

const never =
  'Pay for the express removal: large mailbox providers do not use this list, and the entry comes back with its cause.';

export default {
  'uceprotect-1': {
    ...common,
    title: 'UCEPROTECT level 1, single addresses',
    zone: 'dnsbl-1.uceprotect.net',
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'address', severity: 20 } } },
    everyMinutes: 60,
    delisting: {
      page: 'https://www.uceprotect.net/en/rblcheck.php',
      steps: ['End what hit its traps.', 'Wait: the entry ends by itself seven days after the last hit.'],
      never,
    },
  },
  'uceprotect-2': {
    ...common,
    title: 'UCEPROTECT level 2, networks',
    zone: 'dnsbl-2.uceprotect.net',
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'network', severity: 5 } } },
    everyMinutes: 360,
    delisting: {
      page: 'https://www.uceprotect.net/en/rblcheck.php',
      steps: [
        'Nothing of yours: neighbours in the network are listed. It is for the provider to act, and no reason to.',
      ],
      never,
    },
  },
  'uceprotect-3': {
    ...common,
    title: 'UCEPROTECT level 3, whole providers',
    zone: 'dnsbl-3.uceprotect.net',
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'provider', severity: 2 } } },
    everyMinutes: 1440,
    delisting: {
      page: 'https://www.uceprotect.net/en/rblcheck.php',
      steps: [
        'Nothing: the whole autonomous system is listed. It ends when fewer than 0.2 % of its addresses are in level 1.',
      ],
      never,
    },
  },
  backscatterer: {
    ...common,
    title: 'Backscatterer, servers that bounce to forged senders',
    zone: 'ips.backscatterer.org',
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'backscatter', severity: 5 } } },
    everyMinutes: 360,
    delisting: {
      page: 'http://www.backscatterer.org/?target=test',
      steps: [
        'Refuse unknown recipients at RCPT TO instead of bouncing later; switch sender call-outs and vacation replies to strangers off.',
        'Wait: the entry ends by itself four weeks after the last hit. It concerns mail with an empty sender alone.',
      ],
      never,
    },
  },
} satisfies Lists as Lists;
