/** Mail leaves at half the rate, when the inbox rate dropped or the reputation suffers (R32, R33). */
import { percent, type Remedy } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

const DROP = 0.15;

export default {
  about: 'Sends at half the usual rate.',
  when: 'the inbox rate dropped by 15 points within a day; any reputation alert',
  issues: ['low_inbox_rate', 'reputation_drop'],
  effectiveness: 0.7,
  cost: 'low',
  effectIn: 600,
  conflicts: ['quarter-rate', 'back-off', 'pause-now'],
  unfit(it) {
    if (it.issueType === 'reputation_drop') return '';
    if (it.now.level === undefined || it.before.level === undefined)
      return 'there is nothing to compare with, now or a day before';
    const drop = it.before.level - it.now.level;
    return drop >= DROP
      ? ''
      : `the inbox rate dropped by ${percent(drop)} within a day, which is under ${percent(DROP)}`;
  },
  predict(it) {
    if (it.issueType === 'reputation_drop')
      return it.severity === 'critical'
        ? { chance: 0.4, because: 'a critical reputation seldom recovers at half the rate' }
        : { chance: 0.7, because: 'the reputation is low and not critical' };
    const drop = (it.before.level ?? 0) - (it.now.level ?? 0);
    return { chance: Math.min(0.85, 0.45 + drop), because: `the inbox rate dropped by ${percent(drop)} within a day` };
  },
  actions: (it) => [{ verb: 'throttle', share: 0.5, reach: resourceOf(it.incident.labels) }],
} satisfies Remedy;
