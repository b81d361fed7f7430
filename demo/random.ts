/**
 * Seeded draws: a seed and a number become a stream of numbers in [0, 1). Generator mulberry32, start value mixed as in
 * MurmurHash3's finaliser, so that neighbouring numbers have unlike streams.
 */

export type Draw = () => number;

/** Each message has a stream of its own: what befalls one of them never shifts the draws of the next. */
export function draws(seed: number, n: number): Draw {
  let a = mix(mix(seed >>> 0) ^ Math.imul(n + 1, 0x9e3779b1));
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

export function pick<T>(draw: Draw, rows: readonly T[], weight: (row: T) => number): T {
  let total = 0;
  for (const row of rows) total += weight(row);
  let left = draw() * total;
  for (const row of rows) {
    left -= weight(row);
    if (left < 0) return row;
  }
  return rows.at(-1)!;
}

export function logNormal(draw: Draw, median: number, sigma: number): number {
  const gauss = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  return median * Math.exp(sigma * gauss);
}

export function exponential(draw: Draw, mean: number): number {
  return -Math.log(1 - draw()) * mean;
}
