/** s5h.net: addresses that troubled its operator; after usenix.org.uk. */
import type { Lists } from '../blocklist.ts';

export default {
  s5h: {
    title: 'all.s5h.net',
    operator: 'System 5 Hosting',
    zone: 'all.s5h.net',
    targets: ['ipv4', 'ipv6'],
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'listed', severity: 5 } } },
    refusals: {},
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    quota: { pool: 's5h', perDay: 10_000, terms: 'free' },
    everyMinutes: 360,
    publicResolver: 'answered',
    delisting: {
      page: 'http://www.usenix.org.uk/content/rblremove',
      steps: ['End the cause.', 'Open the page from the listed address itself, which removes it.'],
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
