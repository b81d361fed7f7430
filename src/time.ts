/** What foreign systems write for a time becomes Unix milliseconds: seconds or milliseconds, as number or digits, or ISO 8601. */

/**
 * Below this, a number is seconds: 1e11 seconds is the year 5138, 1e11 milliseconds is March 1973, and no mail log is
 * that old or that new.
 */
const MILLISECONDS_FROM = 1e11;

/** The last moment that a Date can hold. */
const LATEST = 8.64e15;

/** NaN when `value` is no usable time (absent, zero, negative, not a time at all). */
export function millis(value: unknown): number {
  if (typeof value === 'number') {
    const ms = Math.round(value < MILLISECONDS_FROM ? value * 1000 : value);
    return ms > 0 && ms <= LATEST ? ms : Number.NaN;
  }
  if (typeof value !== 'string' || value === '' || value.length > 64) return Number.NaN;
  const number = Number(value);
  if (!Number.isNaN(number)) return millis(number);
  const ms = Date.parse(value);
  return ms > 0 ? ms : Number.NaN;
}

/** From a moment that a foreign system wrote to `at`; undefined when it wrote none, or one after it (clocks of two machines). */
export function secondsSince(began: unknown, at: number): number | undefined {
  const start = millis(began);
  return start <= at ? (at - start) / 1000 : undefined;
}
