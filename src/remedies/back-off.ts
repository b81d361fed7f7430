/** Mail to whoever puts it off leaves at half the rate, then a quarter, an eighth … with each look that shows no improvement (R32). */
import type { Remedy } from '../remedy.ts';
import { percent } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

/** Slower than this is as good as a pause. */
const LEAST = 1 / 64;

export default {
  about: 'Sends at half the usual rate, and halves it again with each look that shows no improvement.',
  when: 'whenever mail is put off or slow; one provider where the alert names one',
  issues: ['isp_throttling', 'ip_warming_issue'],
  effectiveness: 0.8,
  cost: 'low',
  effectIn: 300,
  conflicts: ['halve-rate', 'quarter-rate', 'pause-now'],
  unfit: (it) => (it.now.level === undefined ? 'nothing is measured at the moment' : ''),
  predict(it) {
    if (resourceOf(it.incident.labels).provider !== undefined)
      return { chance: 0.85, because: 'one provider puts the mail off, and less of it at a time is what it asks for' };
    if (it.incident.labels.alertname === 'EmailDeliverySlow')
      return { chance: 0.5, because: 'mail is slow, whoever holds it up' };
    return { chance: 0.7, because: `${percent(it.now.level ?? 0)} of the attempts are put off` };
  },
  actions: (it) => [{ verb: 'throttle', share: 0.5, reach: resourceOf(it.incident.labels) }],
  next: (done) => {
    const slowest = new Map(done.map((action) => [JSON.stringify(action.reach), action]));
    return [...slowest.values()].flatMap((action) =>
      action.verb === 'throttle' && action.share / 2 >= LEAST ? [{ ...action, share: action.share / 2 }] : [],
    );
  },
} satisfies Remedy;
