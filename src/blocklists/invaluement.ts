/** Invaluement: sold as a feed, without a zone that could be asked; after invaluement.com. */
import type { Lists } from '../blocklist.ts';

export default {
  invaluement: {
    title: 'Invaluement ivmSIP, ivmSIP24, ivmURI',
    operator: 'PowerView Systems',
    zone: 'invaluement.com',
    retired: {
      reason:
        'it is sold as a feed and has no public zone; a listing shows in bounces that name it, and its look-up is https://www.invaluement.com/lookup/',
    },
    reviewed: '2026-11-24',
  },
} satisfies Lists as Lists;
