/** Facts and the state of the world become what a program of one's own posts to the push API: events and measurements. */
import { type Draw, draws } from '../random.ts';
import { joined } from '../replies.ts';
import { idOf, recipientOf, replyTo, secondsOf, type Told } from '../voice.ts';
import { type Incident, STREAMS } from '../world.ts';

export function pushEvent(fact: Told): Record<string, unknown> {
  const { message, kind } = fact;
  return {
    id: idOf(fact, kind, fact.attempt, fact.by ?? ''),
    kind,
    at: new Date(fact.wall).toISOString(),
    sending_domain: message.stream.domain,
    sending_ip: message.ip,
    recipient_domain: recipientOf(fact).split('@')[1],
    ...(message.campaign !== '' && { campaign: message.campaign }),
    ...(kind === 'delivered' && { seconds: Math.round(secondsOf(fact) * 1000) / 1000 }),
    ...((kind === 'deferred' || kind === 'bounced') && { reply: joined(replyTo(fact)) }),
    ...(kind === 'suppressed' && { reason: fact.reason }),
    ...(kind === 'opened' && { by: fact.by }),
  };
}

export interface PushedMeasurement {
  id: string;
  at: string;
  source_kind: string;
  type: string;
  value: number;
  sample_size?: number;
  sending_domain?: string;
  sending_ip?: string;
  campaign?: string;
  service?: string;
}

/**
 * One round: inbox placement by seed list for each domain and address, a reputation score for each address, and for each
 * campaign the rates that an analytics tool would work out and a content filter's score.
 */
export function measurements(
  seed: number,
  round: number,
  wall: number,
  run: string,
  on?: Incident,
): PushedMeasurement[] {
  const draw = draws(seed ^ 0x5eed, round);
  const about = (value: number, spread: number): number =>
    Math.max(0, Number((value * (1 + spread * (2 * draw() - 1))).toPrecision(4)));
  const made: PushedMeasurement[] = [];
  const add = (type: string, value: number, source_kind: string, where: Partial<PushedMeasurement>): void => {
    const id = `${run}-${round}-${made.length}`;
    made.push({ id, at: new Date(wall).toISOString(), source_kind, type, value, ...where });
  };
  const judged = new Set<string>();
  for (const { domain: sending_domain, ips, campaigns, engagement } of STREAMS) {
    const bad = on?.domain === sending_domain ? on : undefined;
    for (const [sending_ip] of ips) {
      const inbox = Math.min(0.99, about(bad?.inbox ?? 0.94, 0.02));
      add('inbox_rate', inbox, 'engagement tracking', { sending_domain, sending_ip, sample_size: 60 });
      // Two domains may leave from one address.
      if (judged.has(sending_ip)) continue;
      judged.add(sending_ip);
      add('reputation_score', Math.round(about(bad ? 78 : 93, 0.02)), 'reputation service', {
        sending_ip,
        service: 'reputation.example',
      });
    }
    for (const [campaign] of campaigns) {
      rates(add, about, draw, { sending_domain, campaign, sample_size: 500 }, engagement);
    }
  }
  return made;
}

function rates(
  add: (type: string, value: number, kind: string, where: Partial<PushedMeasurement>) => void,
  about: (value: number, spread: number) => number,
  draw: Draw,
  where: Partial<PushedMeasurement>,
  engagement: number,
): void {
  add('open_rate', about(0.17 * (engagement || 1), 0.1), 'engagement tracking', where);
  add('click_rate', about(0.02 * (engagement || 1), 0.15), 'engagement tracking', where);
  add('bounce_rate', about(0.01, 0.2), 'API polling', where);
  add('complaint_rate', about(0.0002, 0.2), 'API polling', where);
  add('delivery_time', about(2, 0.3), 'API polling', where);
  add('spam_score', Number((0.8 + draw()).toFixed(2)), 'API polling', { ...where, service: 'filter.example' });
}
