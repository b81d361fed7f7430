/** URIBL: domains that stand in the bodies of unwanted mail. The last octet is a sum of lists; after uribl.com (about, refused). */
import type { Lists } from '../blocklist.ts';

export default {
  uribl: {
    title: 'URIBL multi',
    operator: 'URIBL',
    zone: 'multi.uribl.com',
    targets: ['domain'],
    domains: 'registered',
    answers: {
      model: 'bits',
      bits: {
        2: { verdict: 'listed', meaning: 'black', severity: 60 },
        4: { verdict: 'info', meaning: 'grey', severity: 20 },
        8: { verdict: 'info', meaning: 'red', severity: 5 },
      },
      refusals: { 1: 'access_blocked' },
    },
    refusals: { '127.0.0.255': 'invalid' },
    test: { domain: { listed: { name: 'test.uribl.com' }, unlisted: { name: 'example.com' } } },
    tier: 'ticket',
    quota: { pool: 'uribl', perDay: 10_000, terms: 'low volume; the data feed for more' },
    everyMinutes: 60,
    // The TXT record of a refusal names the resolver.
    publicResolver: 'refused',
    delisting: {
      page: 'https://admin.uribl.com/',
      steps: [
        'Look the domain up on the page.',
        'Black: the domain was seen in unsolicited mail alone. End that mail; then ask for removal there, with an account.',
        'Grey: bulk mail that some recipients did not ask for. Confirm the list’s sign-ups; many leave it so.',
        'Red: watched automatically; it ends by itself.',
      ],
      never: 'Open a second request for the same domain: the first one is closed by it.',
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
