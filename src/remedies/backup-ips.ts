/** Mail leaves from the back-up addresses, when the reputation of the usual ones fell far within a day (R33). */
import type { Case, Remedy } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

const FALL = -20;

function change(it: Case): number | undefined {
  if (it.issueType !== 'reputation_drop') return it.also.reputation;
  return it.now.level === undefined || it.before.level === undefined ? undefined : it.now.level - it.before.level;
}

export default {
  about: 'Lets the mail leave from the back-up addresses.',
  when: 'the reputation fell by 20 points within a day',
  issues: ['low_inbox_rate', 'reputation_drop'],
  effectiveness: 0.8,
  cost: 'medium',
  effectIn: 1800,
  conflicts: ['pause-now'],
  unfit(it) {
    const points = change(it);
    if (points === undefined) return 'nobody scores the reputation, now or a day before';
    return points <= FALL ? '' : `the reputation changed by ${Math.round(points)} points within a day, not by ${FALL}`;
  },
  predict(it) {
    const points = change(it) ?? 0;
    return {
      chance: Math.min(0.95, 0.6 + (FALL - points) / 100),
      because: `the reputation fell by ${Math.round(-points)} points, which other addresses do not share`,
    };
  },
  actions(it) {
    const { sending_domain, sending_ip, ...rest } = resourceOf(it.incident.labels);
    // Without an address of its own the worst cannot be told from the others: the one that sends most.
    const ip = sending_ip ?? it.ips[0]?.ip;
    const from = { ...rest, ...(sending_domain && { sending_domain }), ...(ip && { sending_ip: ip }) };
    return Object.keys(from).length > 0 ? [{ verb: 'reroute', reach: from }] : [];
  },
} satisfies Remedy;
