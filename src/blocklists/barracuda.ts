/** Barracuda: addresses, for those who registered their resolver; after barracudacentral.org/rbl. */
import type { Lists } from '../blocklist.ts';

export default {
  barracuda: {
    title: 'Barracuda Reputation Block List',
    operator: 'Barracuda',
    zone: 'b.barracudacentral.org',
    targets: ['ipv4'],
    answers: {
      model: 'codes',
      codes: { '127.0.0.2': { verdict: 'listed', meaning: 'poor reputation', severity: 70 } },
    },
    refusals: {},
    test: { ipv4: { listed: { name: '127.0.0.2' }, unlisted: { name: '127.0.0.1' } } },
    tier: 'ticket',
    quota: { pool: 'barracuda', perDay: 50_000, terms: 'free once the resolver is registered' },
    everyMinutes: 30,
    // Without it nothing comes back, or SERVFAIL: the list looks unreachable.
    needs: { registration: 'https://www.barracudacentral.org/rbl/how-to-use' },
    publicResolver: 'refused',
    delisting: {
      page: 'https://www.barracudacentral.org/rbl/removal-request',
      steps: [
        'End the cause: an open relay, an infected machine, a list of addresses that did not ask for mail.',
        'Fill in the form once, with a telephone number and what was changed; an answer takes about half a day.',
      ],
      never: 'Send the form several times or without a reason: such requests are dropped.',
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
