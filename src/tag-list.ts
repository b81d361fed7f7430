/** The text of a `name=value; name=value` record becomes its tags and what is wrong with its form (RFC 6376 3.2). */

export interface TagList {
  /** Of a name that is there twice, the first. */
  tags: ReadonlyMap<string, string>;
  /** In words; none: well formed. */
  faults: readonly string[];
}

const NAME = /^[a-z][a-z0-9_]*$/i;
/** VALCHAR of RFC 6376 and the white space that may stand between. */
const VALUE = /^[!-:<-~ \t\r\n]*$/;

export function tagList(text: string): TagList {
  const tags = new Map<string, string>();
  const faults: string[] = [];
  const parts = text.split(';');
  if (parts.at(-1)?.trim() === '') parts.pop();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(equals, 0)).trim();
    const value = part.slice(equals + 1).trim();
    if (part.trim() === '') faults.push('two semicolons with nothing between');
    else if (equals < 0) faults.push(`no "=" in ${JSON.stringify(part.trim().slice(0, 60))}`);
    else if (!NAME.test(name)) faults.push(`${JSON.stringify(name.slice(0, 60))} is no name of a tag`);
    else if (tags.has(name)) faults.push(`${name}= is there twice`);
    else {
      if (!VALUE.test(value)) faults.push(`${name}= has characters that must not be in it`);
      tags.set(name, value);
    }
  }
  return { tags, faults };
}

/** Whether a text is a record of this version: `v=` comes first and must match exactly. */
export function isVersion(text: string, version: string): boolean {
  const [first = ''] = text.split(';', 1);
  const [name = '', ...value] = first.split('=');
  return name.trim() === 'v' && value.join('=').trim() === version;
}
