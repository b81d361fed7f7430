/** What a program of one's own posts to the push API becomes events and measurements: the canonical vocabulary as JSON. */
import { z } from 'zod';
import { judged } from '../content.ts';
import {
  AUTHENTICATION_METHODS,
  AUTHENTICATION_OUTCOMES,
  type AuthenticationResult,
  BOUNCE_CLASSES,
  type Content,
  KINDS,
  type Kind,
  type MailEvent,
  REPLY_REASONS,
  SUPPRESSION_REASONS,
} from '../event.ts';
import { type Fields, fields, hostOf, ipOf, ownDomainOf, text } from '../foreign.ts';
import { jsonItems } from '../json-array.ts';
import { MEASUREMENT_TYPES, type Measurement, type MeasurementType, type Pushed } from '../reading.ts';
import { domainOf, nothing, type Parsed, type Problem, type SourceDocs, type SourceType } from '../source.ts';
import { millis } from '../time.ts';

export const words: readonly string[] = KINDS;

const CAMPAIGN_LENGTH = 200;

const config = z.strictObject({});

const docs: SourceDocs = {
  fields: {
    identity: '`id`, which is needed: the same one when an event is sent again',
    sending_domain: '`sending_domain`',
    sending_ip: '`sending_ip`',
    recipient_domain: '`recipient_domain`, or the domain of `recipient`',
    campaign: '`campaign`',
    reply:
      '`reply`; beside it `class` and `reason`, which count where the reply says nothing. `reason: spam_trap` is how a trap hit is told',
    seconds: '`seconds`',
    by: '`by`: person or machine',
    content:
      '`spam_score`, `spam` (true or false), and `authentication`: `{"spf": "pass", "dkim": "fail"}`, in the words of RFC 8601. Give them with one event of a message',
  },
  pointing:
    'Post JSON (an array, an object, or one object a line) to `/api/v1/events`, and measurements that somebody else has made to `/api/v1/measurements`. Both belong to the source named `push`.',
  authentication: '`auth` alone: basic credentials, bearer tokens or headers.',
  answers:
    '200 with a list of `problems`: which item (counted from 0) was not counted, and what is wrong with it. Send the whole post again after 503 or a broken connection: what was counted is known by its `id`.',
};

export default {
  summary: 'Push API: canonical events and measurements from programs of your own',
  transport: 'webhook',
  config,
  gives: KINDS,
  docs,
  open: () => ({ parse: ({ body }) => parseEvents(body) }),
} satisfies SourceType<z.infer<typeof config>>;

/** A fault of one item, in words for the person who wrote the sender; never with its values, which may be somebody's address. */
class Unusable extends Error {}

function parseEvents(body: Buffer): Parsed {
  const parsed = nothing();
  const problems: Problem[] = [];
  jsonItems(body).forEach((item, index) => {
    try {
      parsed.events.push(eventOf(object(item)));
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      problems.push({ index, problem: error.message });
      const kind = fields(item)?.kind;
      if (typeof kind === 'string' && !isOneOf(KINDS, kind)) parsed.unknown.push(kind);
      else parsed.invalid++;
    }
  });
  if (problems.length > 0) parsed.problems = problems;
  return parsed;
}

export function parseMeasurements(body: Buffer): { measurements: Pushed[]; invalid: Problem[] } {
  const measurements: Pushed[] = [];
  const invalid: Problem[] = [];
  jsonItems(body).forEach((item, index) => {
    try {
      measurements.push({ index, measurement: measurementOf(object(item)) });
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      invalid.push({ index, problem: error.message });
    }
  });
  return { measurements, invalid };
}

function eventOf(item: Fields): MailEvent {
  const kind = required(item, 'kind', KINDS);
  const fact = {
    id: identity(item),
    at: time(item),
    sendingDomain: domain(item, 'sending_domain'),
    sendingIp: address(item),
    recipientDomain: domain(item, 'recipient_domain') || domainOf(item.recipient),
    campaign: campaign(item),
    content: content(item),
  };
  switch (kind) {
    case 'delivered':
      return { kind, ...fact, seconds: seconds(item) };
    case 'deferred':
      return { kind, ...fact, reply: text(item.reply) };
    case 'bounced': {
      const reply = text(item.reply);
      return {
        kind,
        ...fact,
        reply,
        class: optional(item, 'class', BOUNCE_CLASSES),
        reason: optional(item, 'reason', REPLY_REASONS),
      };
    }
    case 'suppressed':
      return { kind, ...fact, reason: optional(item, 'reason', SUPPRESSION_REASONS) ?? 'other' };
    case 'opened':
      return { kind, ...fact, by: optional(item, 'by', ['person', 'machine'] as const) ?? 'person' };
    default:
      return { kind: kind satisfies Kind, ...fact };
  }
}

function measurementOf(item: Fields): Measurement {
  const type = required(item, 'type', Object.keys(MEASUREMENT_TYPES) as MeasurementType[]);
  const { least, most, unit } = MEASUREMENT_TYPES[type];
  const value = number(item.value);
  if (!(value >= least && value <= most)) throw new Unusable(`value of a ${type} must be ${unit}`);
  const measurement = {
    id: text(item.id),
    at: time(item),
    type,
    value,
    samples: samples(item),
    campaign: campaign(item),
    sendingIp: address(item),
    sendingDomain: domain(item, 'sending_domain'),
    service: hostOf(item.service),
  };
  if (type === 'reputation_score' && measurement.sendingIp === '' && measurement.sendingDomain === '')
    throw new Unusable('a reputation_score needs sending_ip or sending_domain: what is judged');
  return measurement;
}

function object(item: unknown): Fields {
  const found = fields(item);
  if (found === undefined) throw new Unusable('is not a JSON object');
  return found;
}

/** Without one, a post that is sent again could not be told from a new one. */
function identity(item: Fields): string {
  const id = text(item.id);
  if (id === '') throw new Unusable('id is missing: give each event one that stays the same when it is sent again');
  return id;
}

function time(item: Fields): number {
  const at = millis(item.at ?? item.time ?? item.timestamp);
  if (Number.isNaN(at)) throw new Unusable('at must be a time: ISO 8601, or Unix seconds or milliseconds');
  return at;
}

/** An address where a domain belongs is cut to its domain: the local part stays outside. */
function domain(item: Fields, key: string): string {
  const value = item[key];
  if (value === undefined || value === null || value === '') return '';
  const found = typeof value === 'string' && value.includes('@') ? ownDomainOf(value) : hostOf(value);
  if (found === '') throw new Unusable(`${key} must be a domain`);
  return found;
}

function address(item: Fields): string {
  const value = item.sending_ip;
  if (value === undefined || value === null || value === '') return '';
  const found = ipOf(value);
  if (found === '') throw new Unusable('sending_ip must be an IP address');
  return found;
}

function campaign(item: Fields): string {
  const name = text(item.campaign);
  if (name.length > CAMPAIGN_LENGTH) throw new Unusable(`campaign is longer than ${CAMPAIGN_LENGTH} characters`);
  if (name.includes('@')) throw new Unusable('campaign must not hold an address');
  return name;
}

/** `spam_score`, `spam` and `authentication`: { "spf": "pass", … }. */
function content(item: Fields): Content | undefined {
  const { spam_score, spam, authentication } = item;
  const spamScore = spam_score == null ? undefined : number(spam_score);
  if (Number.isNaN(spamScore)) throw new Unusable('spam_score must be a number');
  if (spam != null && typeof spam !== 'boolean') throw new Unusable('spam must be true or false');
  const said = judged(spamScore, spam ?? undefined);
  return authentication == null ? said : { ...said, authentication: authenticated(authentication) };
}

function authenticated(given: unknown): AuthenticationResult[] {
  const results = fields(given);
  if (results === undefined) throw new Unusable('authentication must be an object like { "spf": "pass" }');
  return Object.keys(results).map((method) => {
    if (!isOneOf(AUTHENTICATION_METHODS, method))
      throw new Unusable(`authentication has methods of ${AUTHENTICATION_METHODS.join(', ')} only`);
    return { method, result: required(results, method, AUTHENTICATION_OUTCOMES) };
  });
}

function seconds(item: Fields): number | undefined {
  if (item.seconds === undefined || item.seconds === null) return undefined;
  const value = number(item.seconds);
  if (!(value >= 0)) throw new Unusable('seconds must be a number, 0 or more');
  return value;
}

function samples(item: Fields): number | undefined {
  const metadata = fields(item.metadata);
  const given = item.sample_size ?? item.recipient_count ?? metadata?.sample_size ?? metadata?.recipient_count;
  if (given === undefined || given === null) return undefined;
  const value = number(given);
  if (!(value >= 0 && Number.isSafeInteger(value))) throw new Unusable('sample_size must be a whole number, 0 or more');
  return value;
}

function number(value: unknown): number {
  const found = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof found === 'number' && Number.isFinite(found) ? found : Number.NaN;
}

function required<T extends string>(item: Fields, key: string, known: readonly T[]): T {
  const found = optional(item, key, known);
  if (found === undefined) throw new Unusable(`${key} is missing: one of ${known.join(', ')}`);
  return found;
}

function optional<T extends string>(item: Fields, key: string, known: readonly T[]): T | undefined {
  const value = item[key];
  if (value === undefined || value === null || value === '') return undefined;
  if (!isOneOf(known, value)) throw new Unusable(`${key} must be one of ${known.join(', ')}`);
  return value;
}

function isOneOf<T extends string>(known: readonly T[], value: unknown): value is T {
  return (known as readonly unknown[]).includes(value);
}
