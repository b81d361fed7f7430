/** PSBL: addresses that hit its traps; after psbl.org. */
import type { Lists } from '../blocklist.ts';

export default {
  psbl: {
    title: 'Passive Spam Block List',
    operator: 'Rik van Riel',
    zone: 'psbl.surriel.com',
    targets: ['ipv4'],
    answers: { model: 'codes', codes: { '127.0.0.2': { verdict: 'listed', meaning: 'spam trap', severity: 30 } } },
    refusals: {},
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'info',
    quota: { pool: 'psbl', perDay: 10_000, terms: 'free' },
    everyMinutes: 60,
    publicResolver: 'answered',
    delisting: {
      page: 'https://psbl.org/remove',
      steps: [
        'A trap was hit, so find where the list got an address that never asked for mail.',
        'Remove the address on the page: anybody may, at once. Left alone it expires by itself.',
      ],
      never: 'Remove it and go on: each further hit lists it again.',
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
