/** Requests about incidents become answers to programs and pages for people, who say who they are or hold a signed link. See docs/incidents.md. */
import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import { readBody } from './body.ts';
import { send } from './html.ts';
import { type IncidentVerdict, VERDICTS } from './incident.ts';
import { ACTS, type Act, Links } from './incident-links.ts';
import { confirmPage, donePage, incidentPage, listPage, messagePage, SEVERITIES } from './incident-pages.ts';
import { kindOf } from './incident-totals.ts';
import { type KeptIncident, TooLate } from './incidents.ts';
import { permitted } from './intake.ts';
import type { Parts } from './server.ts';
import { Malformed } from './source.ts';
import type { Recogniser } from './web-config.ts';

/** `unconfigured`: nobody can be known, since no credentials are set anywhere. */
export type Viewer = 'known' | 'unknown' | 'unconfigured';
export type ViewerOf = (request: Request) => Promise<Viewer>;

/** A verdict is a word. */
const BODY = 16 * 1024;
const LIMIT = 100;
const MOST = 1000;

const UNCONFIGURED =
  'nobody may see incidents yet: set incidents.auth in the configuration, or users in the file of --web.config.file; docs/incidents.md tells how';

export function viewerOf({ config, web }: Pick<Parts, 'config' | 'web'>, recognise: Recogniser): ViewerOf {
  return async (request) => {
    const { auth } = config().incidents;
    if (auth === undefined && web().users.size === 0) return 'unconfigured';
    if (auth !== undefined && permitted(auth, { headers: request.headers, body: Buffer.alloc(0) })) return 'known';
    return (await recognise(request)) ? 'known' : 'unknown';
  };
}

type Own = Pick<Parts, 'config' | 'web' | 'incidents' | 'ledger' | 'now'>;

export function incidentRoutes(parts: Own, viewer: ViewerOf): Router {
  const { incidents, now, config } = parts;
  const links = new Links(parts.ledger);
  const until = () => now() + config().incidents.link_expiry;
  const linkTo = (id: string) => (act: Act) => links.path(id, act, until());
  const told = (incident: KeptIncident) => ({ ...inJson(incident), links: linksOf(incident.id, linkTo(incident.id)) });
  const router = express.Router();

  const api = guard(
    parts,
    viewer,
    (response, status, why) => void response.status(status).type('text').send(`${why}\n`),
  );
  const page = guard(parts, viewer, (response, status, why) => send(response, status, messagePage(REFUSED, why)));
  /** What the path names, or the answer that there is none. */
  const named = (request: Request, response: Response): KeptIncident | undefined => {
    const incident = incidents.get(String(request.params.id));
    if (!incident) response.status(404).type('text').send('there is no incident of this id; it may be too long ago\n');
    return incident;
  };

  router.use('/api/v1/incidents', api);
  router.get('/api/v1/incidents', (request, response) => {
    const wanted = filter(request.query);
    if (typeof wanted === 'string') return void response.status(400).type('text').send(`${wanted}\n`);
    const found = incidents.all().filter(wanted.fits);
    response.json({ total: found.length, incidents: found.slice(0, wanted.limit).map(told) });
  });
  router.get('/api/v1/incidents/:id', (request, response) => {
    const incident = named(request, response);
    if (incident) response.json(told(incident));
  });
  router.post('/api/v1/incidents/:id/acknowledge', ofOurs, async (request, response) => {
    const incident = named(request, response);
    if (!incident) return;
    await incidents.acknowledge(incident.id);
    response.json(told(incidents.get(incident.id)!));
  });
  router.post('/api/v1/incidents/:id/verdict', ofOurs, readBody(BODY), async (request, response) => {
    const incident = named(request, response);
    if (!incident) return;
    const verdict = verdictIn(request, response);
    if (!verdict) return;
    try {
      await incidents.judge(incident.id, verdict);
    } catch (error) {
      if (!(error instanceof TooLate)) throw error;
      return void response.status(409).type('text').send(`${error.message}\n`);
    }
    response.json(told(incidents.get(incident.id)!));
  });

  router.get('/incidents', page, (_request, response) => send(response, 200, listPage(incidents.all(), now())));
  router.get('/incidents/:name', page, (request, response) => {
    const name = String(request.params.name);
    const { since } = request.query;
    const seconds = typeof since === 'string' && /^\d{1,12}$/.test(since) ? Number(since) : undefined;
    const incident = incidents.get(name) ?? incidents.at(name, seconds);
    if (incident) send(response, 200, incidentPage(incident, now(), linkTo(incident.id)));
    else send(response, 404, messagePage('No such incident', NOT_HEARD));
  });

  const confirm = async (request: Request, response: Response): Promise<void> => {
    const id = String(request.params.id);
    const act = links.read(id, request.query, now());
    const incident = incidents.get(id);
    if (act === 'forged') return send(response, 403, messagePage('Not a link of ours', FORGED));
    if (act === 'expired') return send(response, 410, messagePage('The link has expired', EXPIRED));
    if (!incident) return send(response, 404, messagePage('No such incident', NOT_HEARD));
    if (request.method !== 'POST') return send(response, 200, confirmPage(incident, act, now()));
    try {
      await (act === 'acknowledge' ? incidents.acknowledge(id) : incidents.judge(id, act));
    } catch (error) {
      if (!(error instanceof TooLate)) throw error;
      return send(response, 409, messagePage('Too late', error.message));
    }
    send(response, 200, donePage(incidents.get(id)!, act));
  };
  router.get('/incidents/:id/confirm', confirm);
  router.post('/incidents/:id/confirm', confirm);
  return router;
}

const REFUSED = 'Who are you?';
const NOT_HEARD =
  'The exporter has not heard of it, or its time to be kept (incidents.keep) is over. Alertmanager tells it some seconds after it tells people.';
const FORGED =
  'The signature does not fit: the link was changed or cut off on its way, or the exporter that made it has lost its storage. Nothing was changed. Open the incident itself and press there.';
const EXPIRED =
  'Nothing was changed. Open the incident itself and press there; links work for as long as incidents.link_expiry says.';

type Refuse = (response: Response, status: number, why: string) => void;

/** Lets those through that may see incidents, and never strangers, whatever is or is not configured. */
function guard({ config, web }: Own, viewer: ViewerOf, refuse: Refuse): RequestHandler {
  return async (request, response, next) => {
    response.set('Cache-Control', 'no-store');
    const who = await viewer(request);
    if (who === 'known') return next();
    if (who === 'unconfigured') return refuse(response, 403, UNCONFIGURED);
    const asks = web().users.size > 0 || (config().incidents.auth?.basic.length ?? 0) > 0;
    response.set('WWW-Authenticate', `${asks ? 'Basic' : 'Bearer'} realm="deliverability-exporter"`);
    refuse(response, 401, 'credentials do not fit, or there are none');
  };
}

/** A browser sends the credentials that it knows with whatever page of others makes it post. */
const ofOurs: RequestHandler = (request, response, next) => {
  const site = request.headers['sec-fetch-site'];
  const { origin, host } = request.headers;
  const ours =
    site === undefined
      ? origin === undefined || origin.endsWith(`//${host}`)
      : /^(same-origin|none)$/.test(String(site));
  if (ours) next();
  else response.status(403).type('text').send('a page of others made your browser post this: nothing was changed\n');
};

function filter(query: Request['query']): { limit: number; fits: (incident: KeptIncident) => boolean } | string {
  const { state, issue_type: issueType, severity, limit = String(LIMIT) } = query;
  for (const [name, value] of Object.entries({ state, issue_type: issueType, severity, limit }))
    if (value !== undefined && typeof value !== 'string') return `${name} is to be given once`;
  if (state !== undefined && state !== 'open' && state !== 'resolved') return 'state is open or resolved';
  if (severity !== undefined && !SEVERITIES.includes(String(severity)))
    return `severity is one of ${SEVERITIES.join(', ')}`;
  if (!/^\d{1,4}$/.test(String(limit)) || Number(limit) < 1 || Number(limit) > MOST)
    return `limit is a number from 1 to ${MOST}`;
  return {
    limit: Number(limit),
    fits: (incident) =>
      (state === undefined || (incident.resolved === undefined) === (state === 'open')) &&
      (issueType === undefined || kindOf(incident).issue_type === issueType) &&
      (severity === undefined || kindOf(incident).severity === severity),
  };
}

/** undefined: the answer is given. Throws Malformed. */
function verdictIn(request: Request, response: Response): IncidentVerdict | undefined {
  const body = Buffer.isBuffer(request.body) ? request.body.toString() : '';
  let word: unknown;
  if (request.is('application/x-www-form-urlencoded')) word = new URLSearchParams(body).get('verdict');
  else if (request.is(['json', '+json'])) {
    try {
      word = (JSON.parse(body) as { verdict?: unknown } | null)?.verdict;
    } catch {
      throw new Malformed('the body is not JSON; {"verdict": "false_positive"} is expected');
    }
  } else {
    response.status(415).type('text').send('send JSON or a form, with a content type that says so\n');
    return undefined;
  }
  const verdict = VERDICTS.find((one) => one === word);
  if (!verdict) throw new Malformed(`verdict is one of ${VERDICTS.join(', ')}`);
  return verdict;
}

const iso = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString());

function linksOf(id: string, to: (act: Act) => string): Record<string, string> {
  return { page: `/incidents/${id}`, ...Object.fromEntries(ACTS.map((act) => [act, to(act)])) };
}

/** What `undo` will need stays here: it is of another system's configuration. */
function inJson(incident: KeptIncident) {
  const { id, fingerprint, labels, summary, resolved, verdict, escalated, remedies, counted } = incident;
  return {
    id,
    fingerprint,
    state: resolved === undefined ? 'open' : 'resolved',
    ...kindOf(incident),
    alert: labels.alertname ?? '',
    summary,
    labels,
    onset: iso(incident.onset),
    detected: iso(incident.startsAt),
    heard: iso(incident.heard),
    acknowledged: iso(incident.acknowledged),
    acted: iso(incident.acted),
    resolved: iso(resolved),
    verdict: verdict ? { verdict: verdict.verdict, at: iso(verdict.at) } : null,
    counted_as: counted ?? null,
    escalated: escalated ? { severity: escalated.severity, at: iso(escalated.at) } : null,
    remedies: remedies.map(({ at, before, looks, steps, ...rest }) => ({
      ...rest,
      at: iso(at),
      before: before ? { ...before, at: iso(before.at) } : null,
      looks: looks.map((look) => ({ ...look, at: iso(look.at) })),
      steps: steps.map(({ before: _, at: since, ...step }) => ({ ...step, at: iso(since) })),
    })),
  };
}
