/** Pushed measurements become the latest figure of each kind and resource, kept in the ledger's file until they are a day old. */
import type { Ledger } from './ledger.ts';
import type { Measurement, Pushed } from './reading.ts';
import type { Problem } from './source.ts';

export interface KeptMeasurement extends Omit<Measurement, 'id'> {
  source: string;
}

/** A figure of yesterday says nothing about today, ms. */
const AGE = 26 * 3600_000;
/** Clocks of senders differ; further ahead than this (ms) is a mistake. */
const AHEAD = 10 * 60_000;
const KEY = 'measurement:';

export class Measurements {
  private readonly latest = new Map<string, KeptMeasurement>();
  private readonly ledger: Ledger;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
    for (const [key, value] of ledger.readings) {
      if (key.startsWith(KEY)) this.latest.set(key, JSON.parse(value) as KeptMeasurement);
    }
  }

  /** Resolves when committed, with what was wrong with which. Rejects with Busy. An older figure never replaces a newer one. */
  async take(source: string, pushed: readonly Pushed[], most: number, now: number): Promise<Problem[]> {
    const problems: Problem[] = [];
    const changed: [string, string | null][] = [];
    const fresh = new Map<string, KeptMeasurement>();
    for (const [key, kept] of this.latest) if (kept.at < now - AGE) changed.push([key, null]);
    for (const { index, measurement } of pushed) {
      const { id: _, ...rest } = measurement;
      const key =
        KEY + JSON.stringify([source, rest.type, rest.sendingDomain, rest.sendingIp, rest.campaign, rest.service]);
      const before = fresh.get(key) ?? this.latest.get(key);
      if (rest.at > now + AHEAD) problems.push({ index, problem: 'at lies in the future' });
      else if (rest.at < now - AGE) problems.push({ index, problem: `at is more than ${AGE / 3600_000} hours ago` });
      else if (!before && this.latest.size + fresh.size >= most)
        problems.push({ index, problem: 'more resources are measured than limits.measurements allows' });
      else if (!before || before.at <= rest.at) fresh.set(key, { source, ...rest });
    }
    for (const [key, kept] of fresh) changed.push([key, JSON.stringify(kept)]);
    await this.ledger.keep(changed);
    for (const [key] of changed) fresh.has(key) ? this.latest.set(key, fresh.get(key)!) : this.latest.delete(key);
    return problems;
  }

  *current(now: number): Generator<KeptMeasurement> {
    for (const kept of this.latest.values()) if (kept.at >= now - AGE) yield kept;
  }
}
