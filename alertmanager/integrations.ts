/**
 * An address becomes the receiver that speaks to it, in the words of templates/. After the Alertmanager documentation,
 * "Receiver integration settings", as far as 0.25 knows them.
 */
export type Channel = 'slack' | 'email' | 'pager' | 'phone' | 'webhook';
type Integration = Record<string, unknown>;

const says = (name: string) => `{{ template "deliverability.${name}" . }}`;
const secret = (name: string) => `/run/secrets/${name}`;

function webhook(url: string, token: string): Integration {
  return { url, send_resolved: true, http_config: { authorization: { credentials_file: secret(token) } } };
}

function slack(channel: string): Integration {
  const field = (title: string, name: string) => ({ title, value: says(name), short: true });
  const button = (text: string, name: string) => ({ type: 'button', text, url: says(name) });
  return {
    channel,
    // The Web API with a bot's token, since a webhook of today is bound to one channel.
    api_url: 'https://slack.com/api/chat.postMessage',
    http_config: { authorization: { credentials_file: secret('slack.token') } },
    send_resolved: true,
    color: says('color'),
    title: says('slack.title'),
    title_link: says('dashboard'),
    fallback: says('slack.title'),
    text: says('slack.text'),
    fields: [
      field('Severity', 'slack.severity'),
      field('Issue', 'slack.issue'),
      field('Resource', 'slack.resource'),
      field('Detected', 'detected'),
    ],
    actions: [
      button('Runbook', 'runbook'),
      button('Dashboard', 'dashboard'),
      button('Silence', 'silence'),
      button('Verdict', 'verdict'),
    ],
    footer: 'deliverability',
  };
}

function email(to: string): Integration {
  return {
    to,
    send_resolved: true,
    // Answers of vacations and lists to it would be mail again (RFC 3834).
    headers: { Subject: says('title'), 'Auto-Submitted': 'auto-generated' },
    html: says('html'),
    text: says('text'),
  };
}

/** Newer Alertmanagers read a detail as YAML: `5 %: too much` would be a map. What begins with a tab is none, and stays text. */
const unread = (name: string) => `\t${says(name)}`;

function pager(key: string): Integration {
  return {
    routing_key_file: secret(key),
    send_resolved: true,
    description: says('title'),
    severity: says('pager.severity'),
    class: says('pager.class'),
    component: says('resource'),
    client: 'deliverability',
    client_url: says('dashboard'),
    details: {
      detected: unread('detected'),
      description: unread('description'),
      recommended_actions: unread('actions'),
      verdict: unread('verdict'),
    },
    links: [
      { text: 'Runbook', href: says('runbook') },
      { text: 'Dashboard', href: says('dashboard') },
      { text: 'Silence', href: says('silence') },
      { text: 'Verdict', href: says('verdict') },
    ],
  };
}

const isUrl = (address: string) => /^https?:/.test(address);

/** Alertmanager speaks to no telephone by itself: whoever calls is told as any webhook is. */
function by(kind: string, one: ((address: string) => Integration) | undefined, token: string) {
  return (addresses: string[]) => {
    const urls = addresses.filter((address) => one === undefined || isUrl(address));
    const others = addresses.filter((address) => !urls.includes(address));
    return {
      ...(others.length > 0 && one !== undefined && { [kind]: others.map(one) }),
      ...(urls.length > 0 && { webhook_configs: urls.map((url) => webhook(url, token)) }),
    };
  };
}

/** In the order in which a team's routes stand. */
export const INTEGRATIONS: Readonly<Record<Channel, (addresses: string[]) => Integration>> = {
  slack: by('slack_configs', slack, 'people.token'),
  email: by('email_configs', email, 'people.token'),
  pager: by('pagerduty_configs', pager, 'people.token'),
  phone: by('webhook_configs', undefined, 'phone.token'),
  webhook: by('webhook_configs', undefined, 'people.token'),
};

export function standIn(url: string): Integration {
  return { webhook_configs: [webhook(url, 'people.token')] };
}
