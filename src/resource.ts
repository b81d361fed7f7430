/** Labels of an alert become the mail that it speaks of, and two such descriptions whether they may mean the same mail. */
import { isIP } from 'node:net';
import type { Reach } from './incident.ts';

const PARTS = ['source', 'sending_domain', 'sending_ip', 'provider', 'campaign'] as const satisfies (keyof Reach)[];

/** Values that stand for "not told" or "too many": no mail can be singled out by them. */
const NOBODY = new Set(['', 'unknown', '__other__']);

/** Empty where the alert names no mail of ours. `other` mailbox providers are many, and no provider. */
export function resourceOf(labels: Readonly<Record<string, string>>): Reach {
  const reach: Reach = {};
  for (const part of PARTS) {
    const value = labels[part];
    if (value !== undefined && !NOBODY.has(value) && !(part === 'provider' && value === 'other')) reach[part] = value;
  }
  const { target = '' } = labels;
  if (Object.keys(reach).length > 0 || target === '') return reach;
  return isIP(target) > 0 ? { sending_ip: target } : { sending_domain: target };
}

/** Whether some mail may be in both: no part is named by both and differs. */
export function overlaps(a: Reach, b: Reach): boolean {
  return PARTS.every((part) => a[part] === undefined || b[part] === undefined || a[part] === b[part]);
}

/** The parts that narrow it, for logs, which name no values. */
export const partsOf = (reach: Reach): string => PARTS.filter((part) => reach[part] !== undefined).join(' ');

/** For the foreign system's own log, which is about our domains and addresses anyway. */
export const wordsOf = (reach: Reach): string =>
  PARTS.flatMap((part) => (reach[part] === undefined ? [] : [`${part} ${reach[part]}`])).join(', ');
