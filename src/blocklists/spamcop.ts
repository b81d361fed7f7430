/** SpamCop: addresses that its users reported; after spamcop.net/bl.shtml. */
import type { Lists } from '../blocklist.ts';

export default {
  spamcop: {
    title: 'SpamCop Blocking List',
    operator: 'Cisco Talos',
    zone: 'bl.spamcop.net',
    targets: ['ipv4'],
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'user reports', severity: 45 } } },
    refusals: {},
    // In January 2021 the domain lapsed for a day and listed the whole Internet.
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'ticket',
    quota: { pool: 'spamcop', perDay: 50_000, terms: 'fair use' },
    everyMinutes: 30,
    publicResolver: 'answered',
    delisting: {
      page: 'https://www.spamcop.net/bl.shtml',
      steps: [
        'Look the address up on the page: it tells how many reports there are and whether traps were hit.',
        'Find the campaign that the reports are about and stop it.',
        'Wait: the entry ends by itself about 24 hours after the last report.',
      ],
      never: 'Take only the people who reported off the list: the others have not asked for the mail either.',
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
