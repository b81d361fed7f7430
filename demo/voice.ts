/** What every voice is given to speak of: a fact of the world, put on the wall clock, and names to call it by. */
import { createHash } from 'node:crypto';
import { type Reply, replyOf } from './replies.ts';
import type { Fact } from './traffic.ts';

export interface Told extends Fact {
  /** When it happens and when the message was accepted, Unix milliseconds. */
  wall: number;
  accepted: number;
  /** Differs from one run to the next, as the ids of real systems do. */
  run: string;
}

export function told(fact: Fact, wall: number, run: string): Told {
  return { ...fact, wall, accepted: Math.round(wall - secondsOf(fact) * 1000), run };
}

export function secondsOf(fact: Fact): number {
  return fact.at - fact.message.at;
}

export function recipientOf({ message }: Told): string {
  return `${message.local}@${message.mailbox.domain}`;
}

/** Envelope sender: bounces come back to it. */
export function returnPathOf({ message }: Told): string {
  return `bounces@${message.stream.domain}`;
}

/** 40 hexadecimal digits: the same for the same message (and parts) of the same run. */
export function idOf({ run, message }: Told, ...parts: (string | number)[]): string {
  return createHash('sha1')
    .update([run, message.n, ...parts].join(' '))
    .digest('hex');
}

export function replyTo(fact: Told): Reply {
  const { message, answer = 'taken', wall } = fact;
  return replyOf(answer, message.mailbox, {
    rcpt: recipientOf(fact),
    ip: message.ip,
    n: message.n,
    queue: idOf(fact, 'remote').slice(0, 11),
    epoch: Math.floor(wall / 1000),
  });
}
