/** DroneBL: addresses of infected machines and open proxies, by class; after dronebl.org. Witnesses name .6, .10, .14 and .16 differently. */
import type { Lists, Meaning } from '../blocklist.ts';

const found = (meaning: string, severity: number): Meaning => ({ verdict: 'listed', meaning, severity });

export default {
  dronebl: {
    title: 'DroneBL',
    operator: 'DroneBL',
    zone: 'dnsbl.dronebl.org',
    targets: ['ipv4', 'ipv6'],
    answers: {
      model: 'codes',
      codes: {
        '127.0.0.3': found('3 IRC drone', 15),
        '127.0.0.5': found('5 bottler', 15),
        '127.0.0.6': found('6 worm or spambot', 20),
        '127.0.0.7': found('7 DDoS drone', 20),
        '127.0.0.8': found('8 SOCKS proxy', 20),
        '127.0.0.9': found('9 HTTP proxy', 20),
        '127.0.0.10': found('10 proxy chain', 15),
        '127.0.0.11': found('11 web page proxy', 15),
        '127.0.0.13': found('13 brute force', 15),
        '127.0.0.14': found('14 open proxy or resolver', 15),
        '127.0.0.15': found('15 compromised router', 20),
        '127.0.0.16': found('16 autorooting worm', 20),
        '127.0.0.17': found('17 botnet', 20),
        '127.0.0.255': { verdict: 'info', meaning: '255 unknown', severity: 5 },
      },
    },
    refusals: {},
    // That 127.0.0.2 is listed is not promised.
    test: { ipv4: { unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    quota: { pool: 'dronebl', perDay: 10_000, terms: 'free' },
    everyMinutes: 360,
    publicResolver: 'answered',
    delisting: {
      page: 'https://dronebl.org/lookup',
      steps: [
        'Look the address up: the page tells class and date.',
        'Clean the machine, or close the proxy; then ask for removal there.',
      ],
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
