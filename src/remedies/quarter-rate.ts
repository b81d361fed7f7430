/** Mail leaves at a quarter of the rate, when the reputation is severely damaged (R33). */
import type { Remedy } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

const SEVERE = 50;

export default {
  about: 'Sends at a quarter of the usual rate.',
  when: 'the alert is critical, or the score is 50 or less',
  issues: ['reputation_drop'],
  effectiveness: 0.9,
  cost: 'low',
  effectIn: 180,
  conflicts: ['halve-rate', 'back-off', 'pause-now'],
  unfit(it) {
    if (it.severity === 'critical' || (it.now.level !== undefined && it.now.level <= SEVERE)) return '';
    return `the reputation is ${it.now.level === undefined ? 'unknown' : Math.round(it.now.level)} and not critical, which is not severe`;
  },
  predict: (it) =>
    it.now.level === undefined
      ? { chance: 0.6, because: 'the alert is critical' }
      : {
          chance: Math.min(0.9, Math.max(0.5, 0.5 + it.now.level / 100)),
          because: `the score is ${Math.round(it.now.level)}: the lower, the longer the way back`,
        },
  actions: (it) => [{ verb: 'throttle', share: 0.25, reach: resourceOf(it.incident.labels) }],
} satisfies Remedy;
