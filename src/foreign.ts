/** Fields of foreign JSON become plain values: nothing has the type that its documentation promises. */

import { domainOf } from './source.ts';

export type Fields = Record<string, unknown>;

/** undefined when `value` is not an object; arrays are none. */
export function fields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** '' for what is neither text nor a number. */
export function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : '';
}

const NAME_LENGTH = 200;

/**
 * A name to group by (a campaign, a tag): the first of a list, trimmed and cut. What holds an @ is most likely somebody's
 * address in the wrong field, and becomes ''.
 */
export function nameOf(value: unknown): string {
  const name = text(Array.isArray(value) ? value[0] : value);
  if (name === '' || name.includes('@')) return '';
  return (name.length > NAME_LENGTH ? name.slice(0, NAME_LENGTH) : name).trim();
}

/** A host or domain in lower case, without a trailing dot; '' when it does not look like one. */
export function hostOf(value: unknown): string {
  if (typeof value !== 'string' || value.length > 255) return '';
  for (let i = 0; i < value.length; i++) if (!isHostCharacter(value.charCodeAt(i))) return '';
  return (value.endsWith('.') ? value.slice(0, -1) : value).toLowerCase();
}

/** Domain of our own address, checked as it becomes a label; '' when there is none. */
export function ownDomainOf(address: unknown): string {
  return hostOf(domainOf(address));
}

/** Letters, digits, and what stands in names: hyphen, dot, underscore, anything beyond ASCII. */
function isHostCharacter(c: number): boolean {
  return (
    (c >= 0x61 && c <= 0x7a) ||
    (c >= 0x30 && c <= 0x39) ||
    (c >= 0x41 && c <= 0x5a) ||
    c === 0x2d ||
    c === 0x2e ||
    c === 0x5f ||
    c > 0x9f
  );
}

/**
 * An IP address, '' when it does not look like one. Looking is enough (no octet is checked) and costs a tenth of net.isIP;
 * it keeps words out of the label, and a sender that is trusted with numbers is trusted with addresses.
 */
export function ipOf(value: unknown): string {
  if (typeof value !== 'string' || value.length > 45) return '';
  let dots = 0;
  let colons = 0;
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c === 0x2e) dots++;
    else if (c === 0x3a) colons++;
    else if (!((c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66))) return '';
  }
  return colons > 1 || (colons === 0 && dots === 3) ? value : '';
}

/** JSON text inside JSON, as some systems carry metadata; undefined when it is not an object. */
export function fieldsInText(value: unknown): Fields | undefined {
  if (typeof value !== 'string' || !value.startsWith('{')) return undefined;
  try {
    return fields(JSON.parse(value));
  } catch {
    return undefined;
  }
}

/** A Diagnostic-Code (RFC 3464, "smtp; 550 5.1.1 no such user") without its type. */
export function diagnosticOf(value: unknown): string {
  return text(value)
    .replace(/^\s*smtp\s*;\s*/i, '')
    .trim();
}

/** The row of a table for a foreign word, which may be `constructor` or no word at all. */
export function own<T>(table: Readonly<Record<string, T>>, word: unknown): T | undefined {
  return typeof word === 'string' && Object.hasOwn(table, word) ? table[word] : undefined;
}
