/** HTTP requests become posts for feeds, scrapes and answers to people; what a route refuses, it refuses before work is done for it. */
import { setImmediate as turn } from 'node:timers/promises';
import { constants, createGzip } from 'node:zlib';
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { Logger } from 'pino';
import { parseAlerts } from './alert.ts';
import { readBody } from './body.ts';
import { checksRoute } from './checks-route.ts';
import type { Config } from './config.ts';
import { CONTENT_TYPE, Exposition, negotiate, openMetrics } from './exposition.ts';
import { send } from './html.ts';
import { incidentRoutes, viewerOf } from './incident-routes.ts';
import type { Incidents } from './incidents.ts';
import { type Intake, permitted, type RunningFeed } from './intake.ts';
import { Busy, type Ledger } from './ledger.ts';
import type { Measurements } from './measurements.ts';
import type { Outcome } from './metrics.ts';
import { landingPage } from './page.ts';
import { Rates } from './rates.ts';
import { type ProgramMetrics, pushedScores } from './registry.ts';
import { Malformed, type Post } from './source.ts';
import { parseMeasurements } from './sources/push.ts';
import type { Watch } from './watch.ts';
import { gate, recogniser, type WebConfig } from './web-config.ts';

export interface Parts {
  config: () => Config;
  web: () => WebConfig;
  intake: Intake;
  ledger: Ledger;
  measurements: Measurements;
  incidents: Incidents;
  watch: Watch;
  metrics: ProgramMetrics;
  log: Logger;
  version: string;
  /** Loads the configuration again; throws with what is wrong. */
  reload(): Promise<void>;
  ready(): boolean;
  now(): number;
}

const STATUS: Record<Outcome, number> = {
  accepted: 200,
  unauthenticated: 401,
  malformed: 400,
  too_large: 413,
  unsupported_media_type: 415,
  aborted: 400,
  failed: 500,
  backpressure: 503,
};

/** What senders of events use; anything else was meant for somebody else. SNS posts JSON as text/plain, Mandrill a form, PowerMTA CSV. */
const MEDIA = ['application/*', 'text/*', '+json'];
const NOT_MEDIA = ['application/xml', 'application/pdf', 'application/zip', 'text/html', 'text/xml'];
/** Content types whose judgement is remembered. */
const TYPES_KNOWN = 100;
const RETRY_AFTER = '5';
const NO_SOURCE = "no source of this name is configured; POST to /hooks/NAME, NAME as in the configuration's sources\n";

export function createServer(parts: Parts): Express {
  const { intake, ledger, metrics, log } = parts;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  const load = new Load(parts);
  const admit = load.admit.bind(load);
  const body = readBody(parts.config().limits.body_bytes);

  const find = (name: (request: Request) => string) => (request: Request, response: Response, next: () => void) => {
    response.locals.feed = intake.feeds.get(name(request));
    if (response.locals.feed) return next();
    metrics.post('unknown', 'malformed');
    response.status(404).type('text').send(NO_SOURCE);
    request.resume();
  };
  const hook = find((request) => request.params.source as string);
  const push = find(() => 'push');
  /** A sender of webhooks gets an empty body; a program of one's own is told what was wrong with which item. */
  const take = (tells: boolean) => async (request: Request, response: Response) => {
    const feed = response.locals.feed as RunningFeed;
    const taken = await feed.take(postOf(request), parts.now(), parts.config().limits.batch_events);
    const problems = taken.parsed?.problems ?? (tells ? [] : undefined);
    answer(response, metrics, taken.outcome, taken.message, problems);
  };

  app.post('/hooks/:source', hook, admit, body, take(false));
  // Several senders look whether the address answers before they let anybody save it.
  app.get('/hooks/:source', hook, (_request, response) => void response.type('text').send('POST events here\n'));
  app.post('/api/v1/events', push, admit, body, take(true));
  app.post('/api/v1/measurements', push, admit, body, async (request, response) => {
    const feed = response.locals.feed as RunningFeed;
    const post = postOf(request);
    if (!feed.genuine(post, parts.now()))
      return answer(response, metrics, 'unauthenticated', 'credentials do not fit this source');
    const { measurements, invalid } = parseMeasurements(post.body);
    const refused = await parts.measurements.take(
      feed.configured.name,
      measurements,
      parts.config().limits.measurements,
      parts.now(),
    );
    answer(response, metrics, 'accepted', '', [...invalid, ...refused]);
  });

  app.post('/alerts', body, async (request, response) => {
    const { alerts: auth } = parts.config();
    if (auth === undefined)
      return void response.status(404).type('text').send('alerts are not taken: set `alerts` in the configuration\n');
    if (!permitted(auth, postOf(request)))
      return void response.status(401).type('text').send('credentials do not fit\n');
    const alerts = parseAlerts(postOf(request).body);
    await parts.incidents.take(alerts);
    for (const { status, labels } of alerts) {
      metrics.alert(status);
      log.info({ status, alert: labels.alertname, severity: labels.severity }, 'alert received');
    }
    response.status(200).end();
  });

  const recognise = recogniser(parts.web);
  const viewer = viewerOf(parts, recognise);
  app.use(incidentRoutes(parts, viewer));

  // What comes below is for people and scrapers; what stands above has credentials of its own.
  app.use(gate(parts.web, recognise));

  const exposition = new Exposition(ledger);
  app.get('/metrics', (request, response) => scrape(request, response, parts, exposition));
  app.get('/-/healthy', (_request, response) => void response.type('text').send('healthy\n'));
  app.get('/-/ready', (_request, response) => {
    const reason = parts.ready() ? ledger.busy : 'starting';
    response
      .status(reason ? 503 : 200)
      .type('text')
      .send(reason ? `not ready: ${reason}\n` : 'ready\n');
  });
  app.post('/-/reload', async (_request, response) => {
    try {
      await parts.reload();
      response.type('text').send('reloaded\n');
    } catch (error) {
      response
        .status(500)
        .type('text')
        .send(`the configuration in force stays:\n${(error as Error).message}\n`);
    }
  });
  app.use('/checks', checksRoute(parts));
  const rates = new Rates(ledger.series, () => intake.feeds.keys(), parts.now);
  rates.start();
  app.get('/', async (request, response) => send(response, 200, landingPage(parts, rates, await viewer(request))));
  app.use(
    (_request, response) => void response.status(404).type('text').send('nothing here; GET / tells what there is\n'),
  );
  app.use(onError(metrics, log));
  return app;
}

function postOf(request: Request): Post {
  return { headers: request.headers, body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0) };
}

function answer(
  response: Response,
  metrics: ProgramMetrics,
  outcome: Outcome,
  message: string,
  problems?: readonly { index: number; problem: string }[],
): void {
  const feed = response.locals.feed as RunningFeed;
  metrics.post(feed.configured.name, outcome);
  if (outcome === 'accepted') {
    if (problems) response.json({ problems });
    else response.status(200).end();
    return;
  }
  const status = outcome === 'backpressure' ? (feed.configured.sourceType.busyStatus ?? 503) : STATUS[outcome];
  if (outcome === 'backpressure') response.set('Retry-After', RETRY_AFTER);
  if (outcome === 'unauthenticated') response.set('WWW-Authenticate', 'Basic realm="deliverability-exporter"');
  response.status(status).type('text').send(`${message}\n`);
}

/** What bodies and posts of the last second are allowed to cost. */
class Load {
  private bytes = 0;
  private posts = 0;
  private second = 0;
  private readonly types = new Map<string, boolean>();
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  admit(request: Request, response: Response, next: () => void): void {
    const { ledger, metrics } = this.parts;
    const { limits } = this.parts.config();
    const refuse = (outcome: Outcome, message: string): void => {
      // The body is not read: the connection cannot be used again, and closing it saves the sender from sending it.
      response.set('Connection', 'close');
      answer(response, metrics, outcome, message);
    };
    const type = request.headers['content-type'];
    const length = Number(request.headers['content-length'] ?? 65_536);
    if (type !== undefined && !this.taken(type, request)) {
      refuse('unsupported_media_type', 'send JSON, NDJSON, a form or lines of text, with a content type that says so');
    } else if (length > limits.body_bytes) {
      refuse('too_large', `the body is larger than ${limits.body_bytes} bytes`);
    } else if (ledger.busy || this.bytes + length > limits.bytes_in_flight || this.rate() > limits.posts_per_second) {
      refuse('backpressure', 'not taken, come back later');
    } else {
      this.bytes += length;
      response.once('close', () => {
        this.bytes -= length;
      });
      next();
    }
  }

  /** Senders say the same words with every post. */
  private taken(type: string, request: Request): boolean {
    let taken = this.types.get(type);
    if (taken === undefined) {
      taken = request.is(MEDIA) !== false && request.is(NOT_MEDIA) === false;
      if (this.types.size < TYPES_KNOWN) this.types.set(type, taken);
    }
    return taken;
  }

  private rate(): number {
    const second = Math.floor(this.parts.now() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.posts = 0;
    }
    return ++this.posts;
  }
}

async function scrape(
  request: Request,
  response: Response,
  { metrics, measurements, watch, now }: Parts,
  exposition: Exposition,
): Promise<void> {
  const format = negotiate(request.headers.accept);
  response.set('Content-Type', CONTENT_TYPE[format]);
  response.set('Vary', 'Accept, Accept-Encoding');
  const zip = request.acceptsEncodings('gzip') ? createGzip({ level: 1, flush: constants.Z_NO_FLUSH }) : undefined;
  if (zip) {
    response.set('Content-Encoding', 'gzip');
    zip.pipe(response);
  }
  const out = zip ?? response;
  let gone = false;
  let wake = (): void => {};
  response.once('close', () => {
    gone = true;
    zip?.destroy();
    wake();
  });
  /** Resolves when the piece is out, since the next one is written over it; or when the scraper hung up. */
  const write = (piece: string | Buffer): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      if (gone) resolve();
      else out.write(piece, () => resolve());
    });
  const own = await metrics.registry.metrics();
  await write(format === 'openmetrics' ? openMetrics(own) : `${own}\n`);
  const gauges = watch.gauges(pushedScores(measurements, now()));
  for (const piece of exposition.pieces(format, now(), gauges)) {
    if (gone) return;
    await write(piece);
    await turn();
  }
  out.end(format === 'openmetrics' ? '# EOF\n' : '');
}

/** What body-parser refuses, by its `type`; everything else is ours and is told to the log only. */
const REFUSALS: Record<string, [Outcome, string]> = {
  'entity.too.large': ['too_large', 'the body is too large once inflated'],
  'encoding.unsupported': ['unsupported_media_type', 'send the body plain, or with gzip, deflate or br'],
  'request.aborted': ['aborted', 'the body ended early'],
  'request.size.invalid': ['aborted', 'the body is not as long as its content-length says'],
};

function onError(metrics: ProgramMetrics, log: Logger): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return (error, _request, response, _next) => {
    const { type, status, code } = error as { type?: string; status?: number; code?: string };
    let [outcome, message] =
      REFUSALS[type ?? ''] ?? (['failed', 'something went wrong here; the log says what'] as [Outcome, string]);
    if (error instanceof Malformed) [outcome, message] = ['malformed', error.message];
    else if (error instanceof Busy) [outcome, message] = ['backpressure', 'not taken, come back later'];
    else if (code?.startsWith('Z_') || code?.startsWith('ERR__') || status === 400)
      [outcome, message] =
        outcome === 'failed' ? ['malformed', 'the body cannot be inflated or read'] : [outcome, message];
    if (outcome === 'failed') log.error({ error: (error as Error).stack }, 'a request failed');
    if (response.headersSent) return void response.destroy();
    if (response.locals.feed) return answer(response, metrics, outcome, message);
    if (outcome === 'backpressure') response.set('Retry-After', RETRY_AFTER);
    response.status(STATUS[outcome]).type('text').send(`${message}\n`);
  };
}
