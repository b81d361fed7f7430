/**
 * What filters and receivers wrote about a message becomes its Content: the headers of SpamAssassin and Rspamd, the results
 * of RFC 8601, and a score that the sender's own programs put into a message's metadata.
 */
import { z } from 'zod';
import {
  AUTHENTICATION_METHODS,
  AUTHENTICATION_OUTCOMES,
  type AuthenticationMethod,
  type AuthenticationOutcome,
  type AuthenticationResult,
  type Content,
} from './event.ts';
import { type Fields, own, text } from './foreign.ts';

/** Key of a source whose messages carry metadata. */
export const contentRule = {
  spam_score_key: z
    .string()
    .default('')
    .describe('Key of your own metadata (variables, unique arguments) whose value is the score a content filter gave'),
};

/** The score that the sender's own check left in the metadata; undefined where there is none. */
export function scoredIn({ spam_score_key: key }: { spam_score_key: string }, metadata: Fields | undefined) {
  if (key === '' || metadata === undefined) return undefined;
  return judged(scoreOf(metadata[key]), undefined);
}

/** undefined when nothing was said. */
export function judged(spamScore: number | undefined, spam: boolean | undefined): Content | undefined {
  if (spamScore === undefined && spam === undefined) return undefined;
  return { ...(spamScore !== undefined && { spamScore }), ...(spam !== undefined && { spam }) };
}

/** A number, as such or at the beginning of text: "5.1", "5.1 (+++++)", the first of a list. */
export function scoreOf(value: unknown): number | undefined {
  const written = text(Array.isArray(value) ? value[0] : value);
  const [number] = /^\s*[+-]?\d{1,9}(?:\.\d{1,9})?(?![\w.])/.exec(written) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** What a filter that the message passed before it was sent wrote on it. `header` takes lower-case names. */
export function filtered(header: (name: string) => string): Content | undefined {
  const assassin = /^\s*(yes|no)\b(?:.*?\b(?:score|hits)=(-?[\d.]+))?/i.exec(header('x-spam-status'));
  const rspamd = /:\s*(true|false)\s*\[(-?[\d.]+)\s*\//i.exec(header('x-spamd-result'));
  const flag = header('x-spam-flag') || header('x-spam') || assassin?.[1] || rspamd?.[1];
  const score = scoreOf(header('x-spam-score')) ?? scoreOf(assassin?.[2]) ?? scoreOf(rspamd?.[2]);
  return judged(score, flag ? /^\s*(?:yes|true)/i.test(flag) : undefined);
}

/** Older spellings, of before RFC 7001. */
const SYNONYMS: Record<string, AuthenticationOutcome> = { hardfail: 'fail', error: 'permerror' };
const LENGTH = 4096;

/**
 * Values of Authentication-Results become one result a method. A message may carry several signatures of which one is
 * enough, so the method passed when any of its results did.
 */
export function authenticationOf(values: unknown): AuthenticationResult[] {
  const found = new Map<AuthenticationMethod, AuthenticationOutcome>();
  for (const value of Array.isArray(values) ? values : [values]) {
    // The first part names the server that looked; a value without it begins with a result.
    for (const part of withoutComments(text(value).slice(0, LENGTH)).split(';')) {
      const [, method = '', word = ''] = /^\s*([a-z]+)(?:\s*\/\s*\d+)?\s*=\s*([a-z]+)/i.exec(part) ?? [];
      const name = AUTHENTICATION_METHODS.find((known) => known === method.toLowerCase());
      const said = word.toLowerCase();
      const result = own(SYNONYMS, said) ?? AUTHENTICATION_OUTCOMES.find((known) => known === said);
      if (name && result && (result === 'pass' || !found.has(name))) found.set(name, result);
    }
  }
  return [...found].map(([method, result]) => ({ method, result }));
}

/** Comments of RFC 5322: in parentheses, which nest; outside quotes. */
function withoutComments(value: string): string {
  let depth = 0;
  let quoted = false;
  let kept = '';
  for (let i = 0; i < value.length; i++) {
    const c = value[i]!;
    if (c === '\\') {
      i++;
      continue;
    }
    if (c === '"' && depth === 0) quoted = !quoted;
    if (c === '(' && !quoted) depth++;
    if (depth === 0) kept += quoted && c === ';' ? ' ' : c;
    if (c === ')' && !quoted && depth > 0) depth--;
  }
  return kept;
}
