/** The campaigns that do worst are paused so that the others do not suffer with them, when readers turn away (R33). */
import { type Case, percent, type Remedy } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

const DROP = -0.2;

const share = ({ delivered, bounced, complaints }: Case['campaigns'][number]): number =>
  (bounced + complaints) / Math.max(1, delivered + bounced);

/** Twice as bad as all of them together, worst first. */
function poor(it: Case): Case['campaigns'] {
  const sum = (of: (one: Case['campaigns'][number]) => number) =>
    it.campaigns.reduce((total, one) => total + of(one), 0);
  const all = share({
    campaign: '',
    delivered: sum((one) => one.delivered),
    bounced: sum((one) => one.bounced),
    complaints: sum((one) => one.complaints),
  });
  return it.campaigns.filter((one) => share(one) > 0 && share(one) >= 2 * all).sort((a, b) => share(b) - share(a));
}

export default {
  about: 'Pauses the campaigns that bounce or are reported far more than the others.',
  when: 'engagement dropped by a fifth, and a campaign does twice as badly as all together',
  issues: ['reputation_drop', 'engagement_drop'],
  effectiveness: 0.75,
  cost: 'medium',
  effectIn: 600,
  conflicts: ['pause-campaigns', 'pause-now'],
  unfit(it) {
    const { engagement } = it.also;
    if (it.issueType !== 'engagement_drop') {
      if (engagement === undefined) return 'nobody tells how readers react, now or a day before';
      if (engagement > DROP)
        return `engagement changed by ${percent(engagement)} within a day, not by ${percent(DROP)}`;
    }
    return poor(it).length > 0 ? '' : 'no campaign does far worse than the others';
  },
  predict(it) {
    const worst = poor(it).length;
    return {
      chance: it.campaigns.length > worst ? 0.8 : 0.5,
      because: `${worst} of ${it.campaigns.length} campaigns do far worse than all together`,
    };
  },
  actions(it) {
    const { sending_domain, source } = resourceOf(it.incident.labels);
    const reach = { ...(source && { source }), ...(sending_domain && { sending_domain }) };
    return poor(it).map(({ campaign }) => ({ verb: 'pause', reach: { ...reach, campaign } }));
  },
} satisfies Remedy;
