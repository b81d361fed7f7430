/** 0spam: addresses that hit its traps; after 0spam.org. */
import type { Lists } from '../blocklist.ts';

export default {
  '0spam': {
    title: '0spam',
    operator: '0spam',
    zone: 'bl.0spam.org',
    targets: ['ipv4'],
    answers: {
      model: 'codes',
      codes: {
        // The page says 127.0.0.#; .1 is left out, for it is what sinkholes and refusals look like.
        '127.0.0.2-255': { verdict: 'listed', meaning: 'spam trap', severity: 10 },
      },
    },
    refusals: {},
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    quota: { pool: '0spam', perDay: 10_000, terms: 'none told' },
    everyMinutes: 360,
    publicResolver: 'unknown',
    delisting: {
      page: 'https://0spam.org/',
      steps: [
        'Find where the trapped address came from, and remove all that came with it.',
        'Ask for removal on the page.',
      ],
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
