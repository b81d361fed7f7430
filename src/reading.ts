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

/** What a check found out, see check.ts. A gauge shows the latest of each until it is too old. */
export type Reading = DnsCheckReading | BlocklistReading | ReputationReading | CertificateReading;

/** Whether one thing about a domain or address is as mailbox providers want it. */
export interface DnsCheckReading {
  kind: 'dns_check';
  check: string;
  target: string;
  /** Names of problems of the check's own list; none: passed. */
  problems: readonly string[];
  /** Worth telling, no failure: names of the check's own list (`p=none`, a test mode). */
  warnings: readonly string[];
}

/**
 * What one list says of one address or domain. `clear` and `unknown…` are worlds apart: `clear` needs a definite "no such name"
 * from a list that just answered its own test entries as it should.
 */
export const VERDICTS = [
  'listed',
  'policy',
  'info',
  'allow',
  'score',
  'clear',
  'refused',
  'error',
  'unsupported',
  'unknown_code',
] as const;
export type ListVerdict = (typeof VERDICTS)[number];
/** Verdicts that say something of the target; the others say something of the list, the resolver or the question. */
export const DEFINITE: readonly ListVerdict[] = ['listed', 'policy', 'info', 'allow', 'score', 'clear'];

export interface BlocklistReading {
  kind: 'blocklist';
  /** Its name in blocklists/, without any key. */
  list: string;
  target: string;
  verdict: ListVerdict;
  /** The answers, as they came: `127.0.0.2`. */
  codes: readonly string[];
  /** What the worst of them means: `CSS`; '' when there is none. */
  meaning: string;
  /** What the list says of itself in TXT at the same name, '' when nothing; shown to people, never a label. */
  reason: string;
  /** Of `error` and `refused`: why, in a word (`timeout`, `servfail`, `public_resolver`, `quota`, `zone_dead`, …). */
  cause: string;
}

/** What a service thinks of an address or domain. */
export interface ReputationReading {
  kind: 'reputation';
  service: string;
  target: string;
  /** 0 (worst) to 100 (best). */
  score: number;
}

export interface CertificateReading {
  kind: 'certificate';
  /** The domain whose MX it is. */
  target: string;
  host: string;
  /** Unix seconds. */
  expires: number;
}
