/** Content is looked at before more of it is sent, when filters call it spam (R33). */
import { percent, type Remedy } from '../remedy.ts';
import { resourceOf } from '../resource.ts';

const SPAM = 0.05;

export default {
  about: "Has the sender's own system hold content for review.",
  when: 'receivers refuse the content, or filters call 5 % of the mail spam',
  issues: ['low_inbox_rate', 'content_filtering'],
  effectiveness: 0.65,
  cost: 'high',
  effectIn: 3600,
  conflicts: [],
  unfit(it) {
    if (it.issueType === 'content_filtering') return '';
    if (it.also.spam === undefined) return 'no content filter told what it thinks of the mail';
    return it.also.spam >= SPAM ? '' : `filters called ${percent(it.also.spam)} spam, which is under ${percent(SPAM)}`;
  },
  predict(it) {
    if (it.issueType === 'content_filtering')
      return { chance: 0.75, because: 'receivers name the content as their reason' };
    const spam = it.also.spam ?? 0;
    return { chance: Math.min(0.9, 0.5 + spam), because: `content filters called ${percent(spam)} of it spam` };
  },
  actions: (it) => [{ verb: 'review', reach: resourceOf(it.incident.labels) }],
} satisfies Remedy;
