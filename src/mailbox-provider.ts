/** A recipient's domain becomes the mailbox provider that serves it, the label `provider`; 'other' when it is none of the known ones. */

const DOMAINS: Record<string, string> = {};

/** `domain` in lower case. */
export function providerOf(domain: string): string {
  return DOMAINS[domain] ?? 'other';
}
