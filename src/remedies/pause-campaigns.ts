/** The campaigns that bring most bounces, or most complaints, are paused; where none is known, the mail that the alert is about (R33). */
import { type Case, percent, type Remedy } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

const BOUNCES = 0.1;
/** Campaigns with less than this part of the harm are not what it is about. */
const PART = 0.1;

const harmOf = ({ issueType }: Case, { bounced, complaints }: Case['campaigns'][number]): number =>
  issueType === 'high_complaint_rate' ? complaints : bounced;

function guilty(it: Case): { campaign: string; part: number }[] {
  const total = it.campaigns.reduce((sum, one) => sum + harmOf(it, one), 0);
  return it.campaigns
    .map((one) => ({ campaign: one.campaign, part: total > 0 ? harmOf(it, one) / total : 0 }))
    .filter(({ part }) => part >= PART)
    .sort((a, b) => b.part - a.part);
}

export default {
  about:
    'Pauses the campaigns that bring most of the bounces or complaints; where none is known, the mail that the alert is about.',
  when: 'the bounce rate is 10 % or more; critical complaints with a known campaign',
  issues: ['high_bounce_rate', 'high_complaint_rate'],
  effectiveness: 0.85,
  cost: 'low',
  effectIn: 300,
  conflicts: ['pause-now', 'isolate-campaigns'],
  unfit(it) {
    if (it.now.level === undefined) return 'nothing is measured at the moment';
    if (it.issueType === 'high_complaint_rate') {
      if (it.severity !== 'critical') return 'complaints are not critical';
      return guilty(it).length > 0 ? '' : 'no campaign is known that the complaints are about';
    }
    return it.now.level >= BOUNCES ? '' : `${percent(it.now.level)} bounce, which is under ${percent(BOUNCES)}`;
  },
  predict(it) {
    const [worst] = guilty(it);
    if (!worst) return { chance: 0.6, because: 'no campaign stands out, so all mail of the alert is held back' };
    return {
      chance: 0.5 + 0.5 * worst.part,
      because: `one campaign brings ${percent(worst.part)} of the harm`,
    };
  },
  actions(it) {
    const resource = resourceOf(it.incident.labels);
    const { provider: _, sending_ip: __, ...wide } = resource;
    const campaigns = resource.campaign === undefined ? guilty(it) : [{ campaign: resource.campaign }];
    if (campaigns.length === 0) return [{ verb: 'pause', reach: resource }];
    return campaigns.map(({ campaign }) => ({ verb: 'pause', reach: { ...wide, campaign } }));
  },
} satisfies Remedy;
