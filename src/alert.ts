/** Alertmanager's webhook (payload version 4) becomes Alerts; fields that came later or went are not missed. */
import { fields } from './foreign.ts';
import { Malformed } from './source.ts';

export interface Alert {
  status: 'firing' | 'resolved';
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  /** Unix ms: when the alert began to fire, which is after its rule's `for`. */
  startsAt: number;
  /** Unix ms of a resolved alert; 0 while it fires. */
  endsAt: number;
  /** Alertmanager's identity of the label set: with startsAt, the identity of one occurrence. */
  fingerprint: string;
}

/** Throws Malformed; an alert in it that cannot be used is left out. */
export function parseAlerts(body: Buffer): Alert[] {
  let payload: unknown;
  try {
    payload = JSON.parse(body.toString());
  } catch {
    throw new Malformed('the body is not JSON; an Alertmanager webhook is expected');
  }
  const list = fields(payload)?.alerts;
  if (!Array.isArray(list))
    throw new Malformed('the body has no list `alerts`; an Alertmanager webhook (version 4) is expected');
  return list.flatMap((item): Alert[] => {
    const alert = fields(item);
    const labels = fields(alert?.labels);
    const startsAt = Date.parse(String(alert?.startsAt));
    const status = alert?.status;
    if (!labels || Number.isNaN(startsAt) || (status !== 'firing' && status !== 'resolved')) return [];
    const endsAt = status === 'resolved' ? Date.parse(String(alert?.endsAt)) || startsAt : 0;
    const fingerprint = String(alert?.fingerprint ?? '');
    return [
      { status, labels: words(labels), annotations: words(fields(alert?.annotations)), startsAt, endsAt, fingerprint },
    ];
  });
}

function words(object: Record<string, unknown> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(object ?? {}).map(([name, value]) => [name, String(value)]));
}
