/** Addresses are checked before mail is sent to them, when bounces have risen within a day (R33). */
import { percent, type Remedy } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

const RISE = 0.03;

export default {
  about: "Has the sender's own system check each address before it is mailed.",
  when: 'the bounce rate rose by 3 points within a day',
  issues: ['high_bounce_rate'],
  effectiveness: 0.75,
  cost: 'medium',
  effectIn: 900,
  conflicts: [],
  unfit(it) {
    if (it.now.level === undefined || it.before.level === undefined)
      return 'there is nothing to compare with, now or a day before';
    const rise = it.now.level - it.before.level;
    return rise >= RISE ? '' : `bounces rose by ${percent(rise)} within a day, which is under ${percent(RISE)}`;
  },
  predict(it) {
    const rise = (it.now.level ?? 0) - (it.before.level ?? 0);
    return {
      chance: Math.min(0.9, 0.5 + 2 * rise),
      because: `bounces rose by ${percent(rise)} within a day, so new addresses are likely the cause`,
    };
  },
  actions: (it) => [{ verb: 'validate', reach: resourceOf(it.incident.labels) }],
} satisfies Remedy;
