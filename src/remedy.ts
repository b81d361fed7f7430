/** Contract: a strategy that may be tried on an incident. One file each in `remedies/`; selection, limits and judgement are not its business. */
import type { Action, Incident, Measured } from './incident.ts';

/** What is known when strategies are chosen. */
export interface Case {
  incident: Incident;
  issueType: string;
  severity: string;
  /** The issue's own measure now, in its unit: a ratio, seconds, or a score. */
  now: Measured;
  /** The same a day before, at the same hour. */
  before: Measured;
  /** Of the last 15 minutes: campaigns of the domain with their delivered and bounced mail, worst first; the addresses that send. */
  campaigns: readonly { campaign: string; delivered: number; bounced: number; complaints: number }[];
  ips: readonly { ip: string; sent: number }[];
  /** Seconds since the onset. */
  age: number;
  /** What else is known of the resource; undefined where nobody tells. */
  also: {
    /** Points that its reputation rose within a day; negative where it fell. */
    reputation?: number;
    /** Share of its messages that a content filter called spam. */
    spam?: number;
    /** By which part opens and clicks per delivered message rose within a day; negative where they fell. */
    engagement?: number;
  };
}

export interface Prediction {
  /** Chance that it helps in this case, 0 to 1. */
  chance: number;
  /** Why: part of a sentence. */
  because: string;
}

export interface Remedy {
  /** What it does, for people: one sentence. */
  about: string;
  /** When it is for a case, as `unfit` decides: part of a sentence. */
  when: string;
  /** Values of `issue_type`. */
  issues: readonly string[];
  /** As given by the requirements, 0 to 1. */
  effectiveness: number;
  cost: 'low' | 'medium' | 'high';
  /** Seconds until it can show. */
  effectIn: number;
  /** Names of remedies that must not be in force for the same resource together with it. */
  conflicts: readonly string[];
  /** Why it is not for this case; '' when it is. */
  unfit(it: Case): string;
  predict(it: Case): Prediction;
  /** What is to be done, most needed first. */
  actions(it: Case): Action[];
  /** What is to be done beside `done` when a look shows no improvement, and another look is to come. */
  next?(done: readonly Action[]): Action[];
}

/** For sentences: `12.3 %`. */
export const percent = (ratio: number): string => `${Math.round(ratio * 1000) / 10} %`;
