/** GBUdb Truncate: the worst addresses of its own statistics; after gbudb.com. */
import type { Lists } from '../blocklist.ts';

export default {
  truncate: {
    title: 'GBUdb Truncate',
    operator: 'ARM Research',
    zone: 'truncate.gbudb.net',
    targets: ['ipv4'],
    doubtful: 'some say it works with little weight, some that it has ended',
    answers: {
      model: 'codes',
      codes: { '127.0.0.2': { verdict: 'listed', meaning: 'worst statistics', severity: 10 } },
    },
    refusals: {},
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    quota: { pool: 'truncate', perDay: 10_000, terms: 'none told' },
    everyMinutes: 360,
    publicResolver: 'answered',
    delisting: {
      page: 'https://www.gbudb.com/truncate/',
      steps: [
        'End the cause.',
        'Wait: entries come and go by the statistics of the last days, and nobody is there to be asked.',
      ],
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
