/** The command line becomes a running exporter; the only file that knows every stage. Flags in the manner of the Prometheus family. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import { parseArgs } from 'node:util';
import { type Logger, pino } from 'pino';
import { type Ask, Unanswered } from './check.ts';
import { checkNow } from './check-command.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { Incidents } from './incidents.ts';
import { Intake } from './intake.ts';
import { Refused } from './journal.ts';
import { Ledger } from './ledger.ts';
import { Measurements } from './measurements.ts';
import { MxLookup } from './mx-lookup.ts';
import { ProgramMetrics, type ProgramState } from './registry.ts';
import { Remediation } from './remediation.ts';
import { replay } from './replay.ts';
import { Resolver } from './resolver.ts';
import { ReplayError } from './saved.ts';
import { createServer } from './server.ts';
import { loadChecks, Watch } from './watch.ts';
import { loadWebConfig, type WebConfig } from './web-config.ts';

const { version: VERSION } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const DEFAULT_CONFIG = 'deliverability-exporter.yml';
const STORAGE_FILE = 'ledger.sqlite';

/** Posts under way have this long to be answered, ms. */
const STOP_WITHIN = 10_000;

const FLAGS = {
  'config.file': {
    type: 'string',
    default: '',
    what: `Configuration; default ${DEFAULT_CONFIG} where it exists, else none`,
  },
  'web.listen-address': { type: 'string', default: ':9871', what: 'Address to listen on, [HOST]:PORT' },
  'web.config.file': { type: 'string', default: '', what: 'TLS and users, in the format of the exporter-toolkit' },
  'storage.path': {
    type: 'string',
    default: 'data',
    what: "Directory of the ledger's file; empty keeps everything in memory",
  },
  'log.level': { type: 'string', default: 'info', what: 'debug, info, warn or error' },
  'log.format': { type: 'string', default: 'json', what: 'json, or text for people' },
  'check-config': { type: 'boolean', default: false, what: 'Check the configuration and end: 0 good, 1 not' },
  version: { type: 'boolean', default: false, what: 'Print the version and end' },
  help: { type: 'boolean', default: false, what: 'Print this and end' },
} as const;

type Flags = { [F in keyof typeof FLAGS]: (typeof FLAGS)[F]['type'] extends 'string' ? string : boolean };

/** A mistake of whoever started the program: told without a stack. */
class Usage extends Error {}

function readFlags(args: string[]): Flags {
  try {
    const options = Object.fromEntries(
      Object.entries(FLAGS).map(([name, { type, default: value }]) => [name, { type, default: value }]),
    );
    return parseArgs({ args, options, strict: true }).values as Flags;
  } catch (error) {
    throw new Usage(`${(error as Error).message}; --help lists the flags`);
  }
}

function help(): string {
  const lines = Object.entries(FLAGS).map(
    ([name, { default: value, what }]) =>
      `  --${name}${value === '' || typeof value === 'boolean' ? '' : `=${value}`}\n        ${what}`,
  );
  return `deliverability-exporter [flags]\n\n${lines.join('\n')}\n\ndeliverability-exporter replay --help\n        What a saved payload or log would count, without a server\n\ndeliverability-exporter check --help\n        What blocklists and the DNS say of addresses and domains now, without a server\n`;
}

function logger(flags: Flags): Logger {
  const level = flags['log.level'];
  if (!['debug', 'info', 'warn', 'error'].includes(level)) throw new Usage('--log.level is debug, info, warn or error');
  if (!['json', 'text'].includes(flags['log.format'])) throw new Usage('--log.format is json or text');
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // A stream of its own that turns a line around is enough here; pino-pretty would be a dependency for colours.
  return flags['log.format'] === 'json'
    ? pino(options, pino.destination({ fd: 2, sync: true }))
    : pino(options, { write: (line: string) => process.stderr.write(asText(line)) });
}

function asText(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const more = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${time} ${String(level).toUpperCase().padEnd(5)} ${msg}${more.join('')}\n`;
}

async function main(): Promise<void> {
  const [, , command, ...args] = process.argv;
  if (command === 'replay') return ended(replay(args, (text) => void process.stdout.write(text)));
  if (command === 'check') return ended(checkNow(args, process.stdout, process.stderr));
  const flags = readFlags(process.argv.slice(2));
  if (flags.help) return void process.stdout.write(help());
  if (flags.version)
    return void process.stdout.write(`deliverability-exporter ${VERSION} (node ${process.versions.node})\n`);
  const file = flags['config.file'] || (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : '');
  const config = await loadConfig(file);
  const web = loadWebConfig(flags['web.config.file']);
  if (flags['check-config'])
    return void process.stdout.write(
      `${file || 'no configuration file: the defaults'}: good, ${config.sources.length} sources\n`,
    );
  const exporter = new Exporter(flags, file, config, web);
  await exporter.start();
}

async function ended(code: Promise<number>): Promise<void> {
  // Whoever reads may have read enough, as `head` does.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.exitCode = await code;
}

/** The resolver and those who ask it: as long as the configuration wants them. */
class Lookups {
  readonly watch: Watch;
  private readonly ask: Ask;
  private resolver: Resolver | undefined;
  private mx: MxLookup | undefined;
  private written = '';

  constructor(ledger: Ledger, log: Logger, checks: Awaited<ReturnType<typeof loadChecks>>) {
    this.ask = async (...question) => {
      if (this.resolver) return await this.resolver.ask(...question);
      throw new Unanswered('aborted', 'nothing is looked up: the configuration has no `checks`');
    };
    this.watch = new Watch({
      shelf: ledger,
      series: ledger.series,
      ask: this.ask,
      second: () => this.resolver?.second,
      checks,
      log,
      now: Date.now,
    });
    this.watch.start();
  }

  get outcomes(): Readonly<Record<string, number>> | undefined {
    return this.resolver?.stats.outcomes;
  }

  async apply({ resolver, checks, providersByMx }: Config): Promise<void> {
    const wanted = checks !== undefined || providersByMx;
    const written = wanted ? JSON.stringify(resolver) : '';
    if (written !== this.written) {
      const before = this.resolver;
      const { servers, in_flight: inFlight, cache_entries: cacheEntries } = resolver;
      this.resolver = wanted ? new Resolver({ ...(servers && { servers }), inFlight, cacheEntries }) : undefined;
      this.written = written;
      await before?.close();
    }
    if (!providersByMx) this.mx?.stop();
    // What it waits to look up again outlasts a reload.
    this.mx = providersByMx ? (this.mx ?? new MxLookup(this.ask)) : undefined;
    this.mx?.start();
    this.watch.apply(checks);
  }

  async stop(): Promise<void> {
    this.mx?.stop();
    await this.watch.stop();
    await this.resolver?.close();
  }
}

/** How long a new series is shown at 0, ms: each of a pair of Prometheus is to see it. */
function zeroFirst({ scrapeInterval }: Config): number {
  return scrapeInterval + Math.max(1000, scrapeInterval / 10);
}

/** Everything that runs, and how it stops. */
class Exporter {
  private readonly flags: Flags;
  private readonly file: string;
  private readonly log: Logger;
  private config: Config;
  private web: WebConfig;
  private server: Server | undefined;
  private intake: Intake | undefined;
  private ledger: Ledger | undefined;
  private lookups: Lookups | undefined;
  private incidents: Incidents | undefined;
  private remediation: Remediation | undefined;
  private stopping = false;

  constructor(flags: Flags, file: string, config: Config, web: WebConfig) {
    this.flags = flags;
    this.file = file;
    this.config = config;
    this.web = web;
    this.log = logger(flags);
  }

  async start(): Promise<void> {
    const { log, config } = this;
    const ledger = await Ledger.open(this.ledgerOptions());
    this.ledger = ledger;
    const measurements = new Measurements(ledger);
    const incidents = new Incidents(ledger, () => this.config.incidents, {
      zeroFirst: zeroFirst(config),
      log,
      now: Date.now,
    });
    incidents.start();
    this.incidents = incidents;
    const state: ProgramState = {
      version: VERSION,
      reloadedAt: Date.now() / 1000,
      reloadSuccessful: true,
      sources: () => intake.feeds.keys(),
      dns: () => this.lookups?.outcomes,
      warmup: () => this.config.warmup,
    };
    const metrics = new ProgramMetrics(ledger, measurements, incidents, state, Date.now);
    const intake = new Intake(ledger, log, (source) => metrics.logProblem(source));
    this.intake = intake;
    const lookups = new Lookups(ledger, log, await loadChecks());
    this.lookups = lookups;
    const remediation = new Remediation({
      shelf: incidents,
      log,
      now: Date.now,
      called: (actuator, call, outcome) => metrics.actuatorCall(actuator, call, outcome),
    });
    this.remediation = remediation;
    // What is counted comes before what is looked up about it.
    const adopt = async (next: Config): Promise<void> => {
      await intake.apply(next);
      for (const name of intake.feeds.keys()) metrics.declare(name);
      await lookups.apply(next);
      remediation.apply(next.remediation);
      this.config = next;
    };
    await adopt(config);
    remediation.start();
    incidents.onChange(({ id }) => void remediation.wake(id));
    const adoptWhole = async (next: Config): Promise<void> => {
      try {
        await adopt(next);
      } catch (error) {
        // Half of it may be in force by now; if the one before cannot be had again either, the first reason is told.
        await adopt(this.config).catch(() => {});
        throw error;
      }
    };
    const reloadOnce = async (): Promise<void> => {
      try {
        const web = loadWebConfig(this.flags['web.config.file']);
        await adoptWhole(await loadConfig(this.file));
        // Users change at once; a listening socket keeps its certificate until it is told of the new one.
        this.web = web;
        if (web.tls && this.server instanceof TlsServer) this.server.setSecureContext(web.tls);
        Object.assign(state, { reloadSuccessful: true, reloadedAt: Date.now() / 1000 });
        log.info({ file: this.file, sources: intake.feeds.size }, 'configuration reloaded');
      } catch (error) {
        state.reloadSuccessful = false;
        log.error(
          { problems: error instanceof ConfigError ? error.problems : [(error as Error).message] },
          'configuration not reloaded, the one before stays in force',
        );
        throw error;
      }
    };
    let reloading = Promise.resolve();
    // One after the other: two that are under way together would each begin what the other one ends.
    const reload = (): Promise<void> => {
      const mine = reloading.then(reloadOnce);
      reloading = mine.catch(() => {});
      return mine;
    };
    const app = createServer({
      config: () => this.config,
      web: () => this.web,
      intake,
      ledger,
      measurements,
      incidents,
      watch: lookups.watch,
      metrics,
      log,
      version: VERSION,
      reload,
      ready: () => !this.stopping,
      now: Date.now,
    });
    // A sender that dawdles is cut off: headers in 10 s, a whole post in 60 s.
    const patience = {
      headersTimeout: 10_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 75_000,
      connectionsCheckingInterval: 2_000,
    };
    this.server = this.web.tls
      ? createHttpsServer({ ...this.web.tls, ...patience }, app)
      : createHttpServer(patience, app);
    this.server.maxConnections = 10_000;
    await this.listen(this.server);
    process.on('SIGHUP', () => void reload().catch(() => {}));
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void this.stop(signal));
  }

  private ledgerOptions(): Parameters<typeof Ledger.open>[0] {
    const directory = this.flags['storage.path'];
    if (directory !== '') mkdirSync(directory, { recursive: true });
    const { limits } = this.config;
    return {
      path: directory === '' ? '' : join(directory, STORAGE_FILE),
      caps: {
        sending_domain: limits.sending_domains,
        sending_ip: limits.sending_ips,
        campaign: limits.campaigns,
        members: limits.members,
      },
      maxIds: limits.identities,
      maxAge: limits.identity_age,
      zeroFirst: zeroFirst(this.config),
    };
  }

  private listen(server: Server): Promise<void> {
    const written = this.flags['web.listen-address'];
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(written) ?? [];
    if (port === '') throw new Usage('--web.listen-address is HOST:PORT or :PORT');
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new Usage(
            `cannot listen on ${written}: ${error.code === 'EADDRINUSE' ? 'another process does' : error.message}`,
          ),
        ),
      );
      server.listen(Number(port), host.replace(/^\[(.*)\]$/, '$1') || undefined, () => {
        const { address, family, port: bound } = server.address() as AddressInfo;
        this.log.info(
          {
            address: family === 'IPv6' ? `[${address}]:${bound}` : `${address}:${bound}`,
            version: VERSION,
            sources: this.config.sources.length,
            storage: this.flags['storage.path'] || 'memory',
          },
          'listening',
        );
        resolve();
      });
    });
  }

  /** New posts are turned away, what was taken is committed and answered, then the process ends. */
  private async stop(signal: string): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    this.log.info({ signal }, 'stopping');
    const closed = new Promise((resolve) => this.server?.close(resolve));
    // A kept-alive connection is idle only once its last answer is out, so it takes more than one look.
    const idle = setInterval(() => this.server?.closeIdleConnections(), 50);
    // Lines and posts that the disk does not take now are not waited for: nobody was told that they are counted.
    const done = Promise.all([this.intake?.stop(), closed]);
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, STOP_WITHIN))]);
    clearInterval(idle);
    await this.remediation?.stop();
    this.incidents?.stop();
    await this.lookups?.stop();
    await this.ledger?.close();
    this.server?.closeAllConnections();
    this.log.info('stopped');
    process.exit(0);
  }
}

try {
  await main();
} catch (error) {
  const told = [Usage, ConfigError, Refused, ReplayError].some((known) => error instanceof known);
  process.stderr.write(`${told ? (error as Error).message : (error as Error).stack}\n`);
  process.exit(1);
}
