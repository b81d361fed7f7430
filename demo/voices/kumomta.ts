/** Facts become log records as KumoMTA's log hooks post them. */
import { idOf, recipientOf, replyTo, returnPathOf, type Told } from '../voice.ts';
import type { Fault } from '../world.ts';

const TYPES: Partial<Record<Told['kind'], string>> = {
  accepted: 'Reception',
  delivered: 'Delivery',
  deferred: 'TransientFailure',
  bounced: 'Bounce',
  complained: 'Feedback',
};

const CLASSES: Partial<Record<Fault | 'taken', string>> = {
  no_such_user: 'InvalidRecipient',
  inactive: 'InactiveMailbox',
  full: 'QuotaIssues',
  content: 'SpamContent',
  blocklist: 'SpamBlock',
};

/** undefined for what KumoMTA has no record of, such as opens. */
export function kumoRecord(fact: Told): Record<string, unknown> | undefined {
  const { message, kind, answer } = fact;
  const type = kind === 'bounced' && answer === 'expired' ? 'Expiration' : TYPES[kind];
  if (type === undefined) return undefined;
  const base = {
    type,
    id: idOf(fact, 'message').slice(0, 32),
    sender: returnPathOf(fact),
    recipient: recipientOf(fact),
    queue: `${message.campaign === '' ? '' : `${message.campaign}:`}main@${message.mailbox.domain}`,
    size: message.size,
    timestamp: Math.floor(fact.wall / 1000),
    event_time: new Date(fact.wall).toISOString(),
    created: Math.floor(fact.accepted / 1000),
    created_time: new Date(fact.accepted).toISOString(),
    bounce_classification: (kind !== 'delivered' && CLASSES[answer ?? 'taken']) || 'Uncategorized',
    meta: {},
    headers: {},
    feedback_report: null,
    nodeid: '5f6d3b1a-0c2e-4d8f-9a7b-1e2d3c4b5a69',
    reception_protocol: 'ESMTP',
  };
  if (kind === 'accepted') return { ...base, ...inside };
  return kind === 'complained' ? report(fact, base) : { ...base, ...remote(fact) };
}

/** There is no other side yet. */
const inside = {
  site: '',
  response: { code: 250, enhanced_code: null, content: '', command: null },
  peer_address: { name: 'app1.example.org', addr: '192.0.2.200' },
  num_attempts: 0,
  egress_pool: null,
  egress_source: null,
  source_address: null,
  delivery_protocol: null,
};

function remote(fact: Told): Record<string, unknown> {
  const { message } = fact;
  const reply = replyTo(fact);
  const [status, subject, detail] = reply.status.split('.').map(Number);
  return {
    site: `${message.ip}->${message.mailbox.mx}`,
    response: {
      code: reply.code,
      enhanced_code: reply.status === '' ? null : { class: status, subject, detail },
      content: reply.lines.join('\n'),
      command: fact.answer === 'greylist' || fact.answer === 'no_such_user' ? 'RCPT TO' : '.',
    },
    peer_address: { name: `${message.mailbox.mx}.`, addr: message.mailbox.peer },
    num_attempts: fact.attempt,
    egress_pool: 'main',
    egress_source: `ip-${message.ip.split('.').at(-1)}`,
    source_address: { address: `${message.ip}:${40_000 + (message.n % 20_000)}` },
    delivery_protocol: 'ESMTP',
    session_id: idOf(fact, 'session', fact.attempt).slice(0, 32),
    tls_cipher: 'TLS_AES_256_GCM_SHA384',
    tls_protocol_version: 'TLSv1.3',
    provider_name: message.mailbox.family,
  };
}

/** The record is of the report that came in; the mail it is about stands inside (RFC 5965). */
function report(fact: Told, base: Record<string, unknown>): Record<string, unknown> {
  const { message } = fact;
  const came = { created: base.timestamp, created_time: base.event_time };
  return {
    ...base,
    ...inside,
    ...came,
    id: idOf(fact, 'report').slice(0, 32),
    sender: 'feedback@reports.example',
    recipient: `fbl@${message.stream.domain}`,
    queue: `fbl@${message.stream.domain}`,
    feedback_report: {
      feedback_type: 'abuse',
      user_agent: 'Feedback/1.0',
      version: '1',
      arrival_date: new Date(fact.wall - 1000).toISOString(),
      incidents: null,
      original_envelope_id: null,
      original_mail_from: `<${returnPathOf(fact)}>`,
      reporting_mta: { mta_type: 'dns', name: message.mailbox.mx },
      source_ip: message.ip,
      authentication_results: [],
      original_rcpto_to: [`<${recipientOf(fact)}>`],
      reported_domain: [message.stream.domain],
      reported_uri: [],
      extensions: {},
      original_message: null,
      supplemental_trace: message.campaign === '' ? null : { campaign: message.campaign },
    },
  };
}
