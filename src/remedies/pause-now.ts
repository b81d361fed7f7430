/** In a deliverability crisis the mail of its domain and address is paused at once (R17, R32). */
import type { Remedy } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

export default {
  about: 'Pauses all mail of the domain and address that a deliverability crisis is about.',
  when: 'the alert is `EmailDeliverabilityCrisis`',
  issues: ['high_bounce_rate'],
  effectiveness: 0.95,
  cost: 'low',
  effectIn: 60,
  conflicts: ['pause-campaigns', 'isolate-campaigns', 'halve-rate', 'quarter-rate', 'back-off', 'backup-ips'],
  unfit(it) {
    const { alertname } = it.incident.labels;
    if (alertname !== 'EmailDeliverabilityCrisis') return 'it is for a deliverability crisis';
    return Object.keys(resourceOf(it.incident.labels)).length > 0 ? '' : 'the alert names no mail of ours';
  },
  predict: () => ({ chance: 0.95, because: 'mail that is held back does no more harm' }),
  actions: (it) => [{ verb: 'pause', reach: resourceOf(it.incident.labels) }],
} satisfies Remedy;
