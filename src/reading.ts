/** What is observed rather than counted: a state of the world at a moment, which a gauge shows until a newer one comes. */

/** A figure that somebody else has already computed over many messages, as the push API takes it. */
export interface Measurement {
  /** The sender's own id, or '' when it gives none. */
  id: string;
  /** Unix milliseconds: what it is true of, by the sender's clock. */
  at: number;
  type: MeasurementType;
  /** In the unit of its type, see MEASUREMENT_TYPES. */
  value: number;
  /** How many messages or recipients stand behind it; undefined when the sender does not say. */
  samples: number | undefined;
  /** '' where the measurement is about no campaign, address, domain in particular. */
  campaign: string;
  sendingIp: string;
  sendingDomain: string;
  /** Who judges, for `reputation_score` and `spam_score`; '' when not said. */
  service: string;
}

/** Unit and range of each type. */
export const MEASUREMENT_TYPES = {
  bounce_rate: { least: 0, most: 1, unit: 'a share from 0 to 1' },
  complaint_rate: { least: 0, most: 1, unit: 'a share from 0 to 1' },
  inbox_rate: { least: 0, most: 1, unit: 'a share from 0 to 1' },
  open_rate: { least: 0, most: 1, unit: 'a share from 0 to 1' },
  click_rate: { least: 0, most: 1, unit: 'a share from 0 to 1' },
  delivery_time: { least: 0, most: Number.MAX_VALUE, unit: 'seconds, 0 or more' },
  reputation_score: { least: 0, most: 100, unit: 'a score from 0 to 100' },
  spam_score: { least: -Number.MAX_VALUE, most: Number.MAX_VALUE, unit: 'a number' },
} as const satisfies Record<string, { least: number; most: number; unit: string }>;

export type MeasurementType = keyof typeof MEASUREMENT_TYPES;

/** `index` is the item's place in the posted body, for whoever finds something wrong with it later. */
export interface Pushed {
  index: number;
  measurement: Measurement;
}
