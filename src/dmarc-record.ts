/**
 * A domain becomes the DMARC records that speak for it: the tree walk of RFC 9989 4.10, which asks upwards in the DNS itself
 * and needs no list of public suffixes.
 */
import type { World } from './check.ts';
import { find, texts } from './dns-check.ts';
import { isVersion, type TagList, tagList } from './tag-list.ts';

export interface DmarcRecord extends TagList {
  /** Where it is published, without `_dmarc.`. */
  domain: string;
}

export interface Step {
  domain: string;
  /** Undefined when there is none, or several, which count as none. */
  record: DmarcRecord | undefined;
  several: boolean;
}

/** A longer name is shortened to this many labels after the first question, so that a walk is eight questions at most. */
const LABELS = 7;

/** From the domain upwards; ends at a record that says where the organization begins (psd=y, psd=n), or above the top. */
export async function* treeWalk(world: World, domain: string): AsyncGenerator<Step> {
  for (let labels = domain.split('.'); labels.length > 0; ) {
    const name = labels.join('.');
    // Of all names of tags, this one alone may be written large: its rule in the grammar is another than theirs.
    const written = (await texts(world, `_dmarc.${name}`)).map((text) => text.replace(/^\s*V/, 'v'));
    const found = written.filter((text) => isVersion(text, 'DMARC1'));
    const record = found.length === 1 ? { domain: name, ...tagList(found[0]!) } : undefined;
    yield { domain: name, record, several: found.length > 1 };
    if (/^[yn]$/i.test(record?.tags.get('psd') ?? '')) return;
    labels = labels.length > LABELS ? labels.slice(-LABELS) : labels.slice(1);
  }
}

/** Of a finished walk (RFC 9989 4.10.2): the topmost record's domain, where a walk ends at psd=n by itself. */
export function organization(domain: string, records: readonly DmarcRecord[]): string {
  const top = records.at(-1);
  if (top === undefined || !/^y$/i.test(top.tags.get('psd') ?? '')) return top?.domain ?? domain;
  // A public suffix: the organization is the one label below it.
  const labels = top.domain.split('.').length + 1;
  return domain.split('.').slice(-labels).join('.');
}

export async function organizationOf(world: World, domain: string): Promise<string> {
  const records: DmarcRecord[] = [];
  for await (const { record } of treeWalk(world, domain)) if (record !== undefined) records.push(record);
  return organization(domain, records);
}

export interface Policy {
  /** The one that applies; undefined when no record does. */
  record: DmarcRecord | undefined;
  /** Names at which several records were found on the way, so that none of them counts. */
  several: readonly string[];
  /** The tag that holds for the domain, which a record of a parent has another for. */
  tag: 'p' | 'sp' | 'np';
  /** What is asked of receivers, lower case; 'none' where the tag is absent or not understood. */
  policy: string;
}

export function isPolicy(value: string): boolean {
  return /^(?:none|quarantine|reject)$/i.test(value);
}

export async function dmarcPolicy(world: World, domain: string): Promise<Policy> {
  const records: DmarcRecord[] = [];
  const several: string[] = [];
  for await (const step of treeWalk(world, domain)) {
    if (step.several) several.push(step.domain);
    if (step.record === undefined) continue;
    records.push(step.record);
    // Its own record is all that is needed, whatever the parents' servers do.
    if (step.domain === domain) break;
  }
  const top = organization(domain, records);
  const record =
    records.find((one) => one.domain === domain || one.domain === top) ??
    records.find((one) => one.tags.get('psd')?.toLowerCase() === 'y');
  if (record === undefined) return { record, several, tag: 'p', policy: 'none' };
  const tag = await tagFor(world, domain, record);
  const { tags } = record;
  // One value that is not understood, or no p=, and all of it is read as none (RFC 9989 4.10.1).
  const understood = tags.has('p') && ['p', 'sp', 'np'].every((name) => !tags.has(name) || isPolicy(tags.get(name)!));
  return { record, several, tag, policy: understood ? tags.get(tag)!.toLowerCase() : 'none' };
}

async function tagFor(world: World, domain: string, { domain: owner, tags }: DmarcRecord): Promise<Policy['tag']> {
  if (owner === domain) return 'p';
  if (tags.has('np') && !(await find(world, domain, 'A')).exists) return 'np';
  return tags.has('sp') ? 'sp' : 'p';
}
