/** Tags and metadata of a message become the name of its campaign, by a rule of the configuration. */
import { z } from 'zod';
import { type Fields, nameOf, text } from './foreign.ts';

/** Keys of a source whose messages carry tags or metadata. */
export const campaignRule = {
  campaign_key: z
    .string()
    .default('')
    .describe('Key of your own metadata (variables, unique arguments) whose value names the campaign'),
  campaign_tag_prefix: z
    .string()
    .default('')
    .describe('Only a tag that begins with this names the campaign, by what follows it. Default: the first tag does'),
};

export interface CampaignRule {
  campaign_key: string;
  campaign_tag_prefix: string;
}

export function campaignOf(rule: CampaignRule, metadata: Fields | undefined, tags: unknown): string {
  if (rule.campaign_key !== '' && metadata !== undefined) {
    const named = nameOf(metadata[rule.campaign_key]);
    if (named !== '') return named;
  }
  const prefix = rule.campaign_tag_prefix;
  if (prefix === '') return nameOf(tags);
  for (const tag of Array.isArray(tags) ? tags : [tags]) {
    const name = text(tag);
    if (name.startsWith(prefix)) return nameOf(name.slice(prefix.length));
  }
  return '';
}
