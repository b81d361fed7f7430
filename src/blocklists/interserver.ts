/** InterServer: addresses that hit its traps; after rbl.interserver.net. */
import type { Lists } from '../blocklist.ts';

export default {
  interserver: {
    title: 'InterServer RBL',
    operator: 'InterServer',
    zone: 'rbl.interserver.net',
    targets: ['ipv4'],
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'spam trap', severity: 5 } } },
    refusals: {},
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    quota: { pool: 'interserver', perDay: 10_000, terms: 'free' },
    everyMinutes: 360,
    publicResolver: 'answered',
    delisting: {
      page: 'http://rbl.interserver.net/delisting.php',
      steps: ['End the cause.', 'Wait five days, or thirty after a repetition; or ask on the page.'],
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
