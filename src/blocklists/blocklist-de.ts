/** blocklist.de: addresses that attacked the servers of those who report to it; after blocklist.de. */
import type { Lists } from '../blocklist.ts';

export default {
  'blocklist-de': {
    title: 'blocklist.de',
    operator: 'blocklist.de',
    zone: 'bl.blocklist.de',
    targets: ['ipv4', 'ipv6'],
    answers: {
      model: 'codes',
      codes: { '127.0.0.2-255': { verdict: 'listed', meaning: 'attack reports', severity: 10 } },
    },
    refusals: {},
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    quota: { pool: 'blocklist-de', perDay: 10_000, terms: 'free' },
    everyMinutes: 360,
    publicResolver: 'answered',
    delisting: {
      page: 'https://www.blocklist.de/en/delist.html',
      steps: [
        'Look the address up: the page tells which service was attacked (ssh, mail, web).',
        'Clean the machine behind it.',
        'Wait: the entry ends by itself 48 hours after the last report; or ask on the page.',
      ],
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
