/** A seed becomes draws of the kinds that mail needs: counts of events, shares of counts, sizes. Generator: mulberry32. */
export class Chance {
  #state: number;

  constructor(...seeds: number[]) {
    let h = 0x9e3779b9;
    for (const seed of seeds) h = mix(h ^ mix(seed + 0x6d2b79f5));
    this.#state = h;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  pick<T>(rows: readonly T[]): T {
    return rows[Math.floor(this.next() * rows.length)]!;
  }

  gauss(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** Of median 1. */
  wobble(sigma: number): number {
    return Math.exp(sigma * this.gauss());
  }

  poisson(mean: number): number {
    if (mean <= 0) return 0;
    if (mean > 40) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.gauss()));
    const least = Math.exp(-mean);
    let [n, product] = [0, this.next()];
    while (product > least) {
      n++;
      product *= this.next();
    }
    return n;
  }

  binomial(n: number, p: number): number {
    if (n <= 0 || p <= 0) return 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - this.binomial(n, 1 - p);
    if (n * p > 30) {
      const drawn = Math.round(n * p + Math.sqrt(n * p * (1 - p)) * this.gauss());
      return Math.min(n, Math.max(0, drawn));
    }
    // Gaps between successes are geometric.
    const log = Math.log(1 - p);
    let [k, at] = [0, -1];
    for (;;) {
      at += 1 + Math.floor(Math.log(1 - this.next()) / log);
      if (at >= n) return k;
      k++;
    }
  }

  shuffled<T>(rows: readonly T[]): T[] {
    const all = [...rows];
    for (let i = all.length - 1; i > 0; i--) {
      const j = Math.floor(this.next() * (i + 1));
      [all[i], all[j]] = [all[j]!, all[i]!];
    }
    return all;
  }
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
