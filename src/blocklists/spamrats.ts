/** SpamRATS: addresses that spam, guess passwords, or have no good reverse name; after spamrats.com/lists. */
import type { Lists } from '../blocklist.ts';

export default {
  spamrats: {
    title: 'SpamRATS, all lists',
    operator: 'SpamRATS',
    zone: 'all.spamrats.com',
    targets: ['ipv4', 'ipv6'],
    answers: {
      model: 'codes',
      codes: {
        '127.0.0.36': { verdict: 'policy', meaning: 'RATS-Dyna', severity: 10 },
        '127.0.0.37': { verdict: 'policy', meaning: 'RATS-NoPtr', severity: 20 },
        '127.0.0.38': { verdict: 'listed', meaning: 'RATS-Spam', severity: 20 },
        '127.0.0.43': { verdict: 'listed', meaning: 'RATS-Auth', severity: 5 },
      },
    },
    refusals: {},
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    quota: { pool: 'spamrats', perDay: 10_000, terms: 'the terms of service on the site' },
    everyMinutes: 360,
    publicResolver: 'answered',
    delisting: {
      page: 'https://www.spamrats.com/removal.php',
      steps: [
        'Dyna, NoPtr: give the address a reverse name of its own that leads back to it and looks like a mail server’s.',
        'Spam, Auth: clean the machine.',
        'Remove the address on the page.',
      ],
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
