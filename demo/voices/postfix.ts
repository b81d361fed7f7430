/**
 * Facts become the lines that Postfix logs (global/log_adhoc.c, qmgr, cleanup, bounce), stamped the way rsyslog does by
 * default since Debian 12: ISO 8601 with microseconds and zone.
 */
import { joined, type Reply } from '../replies.ts';
import { idOf, recipientOf, replyTo, returnPathOf, secondsOf, type Told } from '../voice.ts';

/** Process ids stand for the life of the demo, as those of a quiet machine nearly do. */
const PIDS: Record<string, number> = { smtpd: 2101, cleanup: 2104, qmgr: 1987, smtp: 2110, bounce: 2131, local: 2133 };

/** Faults that are told of a recipient or a message, by the command that they answer. */
const IN_REPLY_TO: Record<string, string> = { content: 'end of DATA command', blocklist: 'MAIL FROM command' };

/** [] for what Postfix does not log, such as complaints. */
export function postfixLines(fact: Told): string[] {
  const id = queueId(fact, '');
  const log = (service: string, text: string): string =>
    `${stamp(fact.wall)} mta1 postfix/${service}[${PIDS[service]}]: ${text}`;
  const active = log('qmgr', `${id}: from=<${returnPathOf(fact)}>, size=${fact.message.size}, nrcpt=1 (queue active)`);
  const again = fact.attempt > 0 ? [active] : [];
  switch (fact.kind) {
    case 'accepted':
      return [
        log('smtpd', `${id}: client=app1.example.com[192.0.2.200]`),
        log('cleanup', `${id}: message-id=<${idOf(fact, 'mid').slice(0, 16)}@${fact.message.stream.domain}>`),
        active,
      ];
    case 'delivered':
      return [...again, log('smtp', `${id}: ${outcome(fact, 'sent')}`), log('qmgr', `${id}: removed`)];
    case 'deferred':
      return [...again, log('smtp', `${id}: ${outcome(fact, 'deferred')}`)];
    case 'bounced':
      return [
        fact.answer === 'expired'
          ? log('qmgr', `${id}: from=<${returnPathOf(fact)}>, status=expired, returned to sender`)
          : log('smtp', `${id}: ${outcome(fact, 'bounced')}`),
        ...returned(fact, id, log),
      ];
    default:
      return [];
  }
}

/** The notification that Postfix sends back, delivered to our own bounce handler on the same machine. */
function returned(fact: Told, id: string, log: (service: string, text: string) => string): string[] {
  const notice = queueId(fact, 'notice');
  return [
    log('cleanup', `${notice}: message-id=<${idOf(fact, 'notice mid').slice(0, 16)}@mta1.example.com>`),
    log('bounce', `${id}: sender non-delivery notification: ${notice}`),
    log('qmgr', `${notice}: from=<>, size=${fact.message.size + 2400}, nrcpt=1 (queue active)`),
    log('qmgr', `${id}: removed`),
    log(
      'local',
      `${notice}: to=<${returnPathOf(fact)}>, relay=local, delay=0.02, delays=0.01/0/0/0.01, dsn=2.0.0, ` +
        'status=sent (delivered to command: /usr/local/bin/take-bounce)',
    ),
    log('qmgr', `${notice}: removed`),
  ];
}

function outcome(fact: Told, status: 'sent' | 'deferred' | 'bounced'): string {
  const { mailbox } = fact.message;
  const reply = replyTo(fact);
  const seconds = secondsOf(fact);
  const host = `${mailbox.mx}[${mailbox.peer}]`;
  const relay = fact.answer === 'unreachable' ? 'none' : `${host}:25`;
  // Before the queue manager, in it, setting up the connection, and sending.
  const parts = [0.05, Math.max(0, seconds - 1), 0.1, Math.min(1, seconds) * 0.8];
  return (
    `to=<${recipientOf(fact)}>, relay=${relay}, delay=${short(seconds)}, delays=${parts.map(short).join('/')}, ` +
    `dsn=${dsn(reply)}, status=${status} (${words(fact, reply, host)})`
  );
}

function words(fact: Told, reply: Reply, host: string): string {
  if (fact.answer === 'taken') return joined(reply);
  if (fact.answer === 'unreachable') return reply.lines.join(' ');
  return `host ${host} said: ${joined(reply)} (in reply to ${IN_REPLY_TO[fact.answer ?? ''] ?? 'RCPT TO command'})`;
}

/** Postfix fills in what the reply lacks. */
function dsn({ code, status }: Reply): string {
  return status || `${Math.floor(code / 100)}.0.0`;
}

/** At most two digits that matter, as Postfix prints delays. */
function short(seconds: number): string {
  return String(seconds < 100 ? Number(seconds.toPrecision(2)) : Math.round(seconds));
}

function queueId(fact: Told, part: string): string {
  return idOf(fact, 'queue', part).slice(0, 10).toUpperCase();
}

function stamp(wall: number): string {
  const offset = -new Date(wall).getTimezoneOffset();
  const local = new Date(wall + offset * 60_000).toISOString().slice(0, -1);
  const two = (n: number): string => String(Math.floor(Math.abs(n))).padStart(2, '0');
  return `${local}000${offset < 0 ? '-' : '+'}${two(offset / 60)}:${two(offset % 60)}`;
}
