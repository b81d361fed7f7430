/** An incident and what to do with it become a link that works without credentials until it expires, and that nobody else can make. */
import { createHmac, randomBytes } from 'node:crypto';
import { VERDICTS } from './incident.ts';
import type { Disk } from './incidents.ts';
import { sameSecret } from './signature.ts';

export const ACTS = ['acknowledge', ...VERDICTS] as const;
export type Act = (typeof ACTS)[number];

const ROW = 'incident-link-key';

export type LinkVerdict = Act | 'expired' | 'forged';

export class Links {
  private readonly key: string;

  /** The key is made once and kept with the incidents: links outlive a restart. */
  constructor(disk: Disk) {
    this.key = disk.readings.get(ROW) ?? randomBytes(32).toString('base64url');
    // Should the disk be slow, it is in a later commit; should that never come, neither does the incident.
    if (!disk.readings.has(ROW)) disk.keep([[ROW, this.key]]).catch(() => {});
  }

  /** `until`: Unix ms. */
  path(id: string, act: Act, until: number): string {
    const expires = String(Math.floor(until / 1000));
    return `/incidents/${id}/confirm?${new URLSearchParams({ act, expires, signature: this.sign(id, act, expires) })}`;
  }

  /** What a link that was followed asks for. Text that came twice, or not at all, is none of ours. */
  read(id: string, query: Readonly<Record<string, unknown>>, now: number): LinkVerdict {
    const { act, expires, signature } = query;
    const known = ACTS.find((one) => one === act);
    if (!known || typeof expires !== 'string' || typeof signature !== 'string') return 'forged';
    if (!sameSecret(signature, this.sign(id, known, expires))) return 'forged';
    return Number(expires) * 1000 > now ? known : 'expired';
  }

  private sign(id: string, act: Act, expires: string): string {
    return createHmac('sha256', this.key).update(`${id}\n${act}\n${expires}`).digest('base64url');
  }
}
