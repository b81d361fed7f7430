/** What was told last of many keys is remembered, in bounded memory. */

/**
 * A copy that does not keep its chunk in memory: V8 makes a slice of 13 characters or more a view of the whole string.
 * For what is kept beyond one chunk.
 */
export function kept(slice: string): string {
  let copy = '';
  for (let i = 0; i < slice.length; i += 12) copy += slice.slice(i, i + 12);
  return copy;
}

/**
 * What was set or asked for last: at least `count` of them, at most twice as many. In two Maps, because one that loses its oldest
 * entry at each insertion is slow (V8 passes over all that were deleted to find it).
 */
export class Recent<Value> {
  readonly #count: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  constructor(count: number) {
    this.#count = count;
  }

  get(key: string): Value | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#count && !this.#young.has(key)) [this.#old, this.#young] = [this.#young, new Map()];
    this.#young.set(kept(key), value);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
