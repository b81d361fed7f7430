/** Dead addresses and traps are dropped from lists, when it has gone wrong for long (R33). */
import type { Remedy } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

/** Seconds. */
const PERSISTENT = 3600;
const hours = (seconds: number): string => `${Math.round(seconds / 360) / 10} hours`;

export default {
  about: "Has the sender's own system drop addresses that bounced or never react.",
  when: 'it has gone on for an hour; any spam trap',
  issues: ['high_bounce_rate', 'spam_trap_hit'],
  effectiveness: 0.9,
  cost: 'medium',
  effectIn: 3600,
  conflicts: [],
  unfit(it) {
    if (it.issueType === 'spam_trap_hit' || it.age >= PERSISTENT) return '';
    return `it has gone on for ${hours(it.age)}, which is not persistent`;
  },
  predict(it) {
    if (it.issueType === 'spam_trap_hit')
      return { chance: 0.8, because: 'a trap on a list means that nobody cleans it' };
    return {
      chance: Math.min(0.95, 0.6 + 0.05 * (it.age / 3600)),
      because: `it has gone on for ${hours(it.age)}, so the lists themselves are bad`,
    };
  },
  actions: (it) => [{ verb: 'clean', reach: resourceOf(it.incident.labels) }],
} satisfies Remedy;
