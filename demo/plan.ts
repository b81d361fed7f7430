/** When which incident is on: a list of incidents that recurs, or one incident, by world seconds. */
import { type IncidentName, PAST, TIMELINE } from './world.ts';

/** One occurrence of an incident; the same object as long as it lasts. */
export interface Occurrence {
  name: IncidentName;
  from: number;
}

interface Entry {
  name: IncidentName;
  from: number;
  to: number;
}

export class Plan {
  private readonly entries: readonly Entry[];
  private readonly every: number;
  /** Seconds that `skip` has jumped over. */
  private skipped = 0;
  private current: Occurrence | undefined;

  constructor(entries: readonly Entry[], every = Number.POSITIVE_INFINITY) {
    this.entries = entries;
    this.every = every;
  }

  static readonly quiet = (): Plan => new Plan([]);

  static readonly one = (name: IncidentName, after: number, lasts: number): Plan =>
    new Plan([{ name, from: after, to: after + lasts }]);

  static readonly timeline = (): Plan =>
    new Plan(
      TIMELINE.incidents.map(([name, from, lasts]) => ({ name, from: from * 60, to: (from + lasts) * 60 })),
      TIMELINE.everyMinutes * 60,
    );

  /** Each incident once within that many seconds, with quiet between. */
  static readonly past = (seconds: number): Plan =>
    new Plan(
      PAST.map(([name, part, minutes]) => {
        const from = part * seconds;
        return { name, from, to: from + Math.min(minutes * 60, seconds / 8) };
      }),
    );

  at(t: number): Occurrence | undefined {
    const begun = this.cycleBegin(t);
    const within = t + this.skipped - begun;
    const entry = this.entries.find((e) => within >= e.from && within < e.to);
    if (!entry || t < 0) {
      this.current = undefined;
    } else if (this.current?.name !== entry.name) {
      this.current = { name: entry.name, from: begun + entry.from - this.skipped };
    }
    return this.current;
  }

  /** Jumps to the next start or end of an incident, as if the time until then had passed. */
  skip(t: number): void {
    const begun = this.cycleBegin(t);
    const within = t + this.skipped - begun;
    const changes = this.entries.flatMap((e) => [e.from, e.to]);
    const next = [...changes, ...changes.map((c) => c + this.every)].find((change) => change > within);
    if (next !== undefined && Number.isFinite(next)) this.skipped += next - within;
  }

  private cycleBegin(t: number): number {
    if (!Number.isFinite(this.every)) return 0;
    return Math.floor((t + this.skipped) / this.every) * this.every;
  }
}
