/**
 * A domain becomes a judgement of the certificates that its exchangers show after STARTTLS (RFC 3207, RFC 6125), and the
 * moments at which they expire. Port 25 is often closed on the way out, which says nothing of the exchanger.
 */
import { isIP, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { connect as secure, type TLSSocket } from 'node:tls';
import { type Check, Unanswered, type World } from '../check.ts';
import { dnsCheck, exchangers, find, type Judge, shown } from '../dns-check.ts';
import type { CertificateReading } from '../reading.ts';

const TIMEOUT_MS = 15_000;
const REPLY_BYTES = 16 * 1024;
const HOSTS = 5;
const ADDRESSES = 2;
const SOON_MS = 21 * 86_400_000;

const PROBLEMS = {
  starttls_missing: 'Switch STARTTLS on at the exchanger: mail to it travels in the clear.',
  handshake_failed:
    'Let the exchanger speak TLS 1.2 or newer with a readable certificate: it offers STARTTLS and fails at it.',
  expired: 'Renew the certificate of the exchanger, and let it be loaded.',
  not_yet_valid: 'Correct the clock of the exchanger or the beginning of its certificate.',
  name_mismatch:
    'Give the exchanger a certificate that holds the name in the MX record: under MTA-STS, mail is not delivered.',
} as const;
const WARNINGS = {
  expires_soon: 'Renew the certificate of the exchanger: it expires within three weeks.',
  untrusted:
    'Use a certificate of a public authority with its whole chain: under MTA-STS, mail is not delivered otherwise.',
  exchanger_silent: 'See whether the exchanger listens on port 25: others of the domain answered, this one did not.',
} as const;
type CertificateJudge = Judge<keyof typeof PROBLEMS, keyof typeof WARNINGS>;

interface Shown {
  certificate: NonNullable<ReturnType<TLSSocket['getPeerX509Certificate']>>;
  trusted: boolean;
}

export default mxCertificate(25);

export function mxCertificate(port: number, timeout = TIMEOUT_MS): Check {
  return dnsCheck({
    name: 'mx-certificate',
    summary: 'certificates of the exchangers of the domain (STARTTLS on port 25): name, trust, expiry',
    targets: ['domain'],
    problems: PROBLEMS,
    warnings: WARNINGS,
    async examine({ name: domain }, world, judge) {
      const hosts = [...new Set(await exchangers(world, domain))].filter((host) => host !== '').slice(0, HOSTS);
      if (hosts.length === 0) {
        world.tell(`${domain} has no exchanger`);
        return undefined;
      }
      const silent: { host: string; error: Unanswered }[] = [];
      const readings: CertificateReading[] = [];
      const judgeHost = async (host: string) => {
        try {
          const seen = await greet(world, host, port, timeout);
          if (typeof seen === 'string') judge.problem(seen, host);
          else {
            judgeCertificate(seen, host, world.now(), judge);
            const expires = seen.certificate.validToDate.getTime() / 1000;
            readings.push({ kind: 'certificate', target: domain, host, expires });
          }
        } catch (error) {
          if (!(error instanceof Unanswered) || error.reason === 'aborted') throw error;
          silent.push({ host, error });
        }
      };
      await Promise.all(hosts.map(judgeHost));
      // With nobody to judge there is no judgement; one that is silent among others is worth a word.
      if (silent.length === hosts.length) throw silent[0]!.error;
      for (const { host, error } of silent) judge.warning('exchanger_silent', `${host}: ${error.message}`);
      // As they are preferred, not as they happened to answer.
      return readings.toSorted((a, b) => hosts.indexOf(a.host) - hosts.indexOf(b.host));
    },
  });
}

function judgeCertificate({ certificate, trusted }: Shown, host: string, now: number, judge: CertificateJudge): void {
  const left = certificate.validToDate.getTime() - now;
  if (left <= 0) judge.problem('expired', `${host}: ${certificate.validTo}`);
  else if (left < SOON_MS) judge.warning('expires_soon', `${host}: ${certificate.validTo}`);
  if (certificate.validFromDate.getTime() > now) judge.problem('not_yet_valid', `${host}: ${certificate.validFrom}`);
  if (certificate.checkHost(host) === undefined)
    judge.problem('name_mismatch', `${host}: ${shown(certificate.subjectAltName ?? certificate.subject)}`);
  if (!trusted) judge.warning('untrusted', host);
}

type Seen = Shown | 'starttls_missing' | 'handshake_failed';

/** What the first address that answers shows. */
async function greet(world: World, host: string, port: number, timeout: number): Promise<Seen> {
  let last = new Unanswered('unreachable', `${host} has no address`);
  for (const address of await addressesOf(world, host)) {
    const signal = AbortSignal.any([world.signal, AbortSignal.timeout(timeout)]);
    let socket: Socket | undefined;
    try {
      socket = world.connect(address, port, signal);
      // Whoever waits for the socket hears of an error; with nobody waiting, it must not end the program.
      socket.on('error', () => {});
      const seen = await startTls(socket, host);
      world.tell(
        `${host} (${address}): ${typeof seen === 'string' ? seen : `certificate until ${seen.certificate.validTo}`}`,
      );
      return seen;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (world.signal.aborted) throw new Unanswered('aborted', `${host}: the check was given up`);
      last = new Unanswered(
        error instanceof Unanswered ? error.reason : signal.aborted ? 'timeout' : 'unreachable',
        `${host} (${address}), port ${port}: ${error instanceof Unanswered ? why : shown(why)}`,
      );
      world.tell(last.message);
    } finally {
      socket?.destroy();
    }
  }
  throw last;
}

async function addressesOf(world: World, host: string): Promise<string[]> {
  const data = async (type: 'A' | 'AAAA') => (await find(world, host, type)).records.map(({ data }) => data);
  const four = await data('A');
  return (four.length > 0 ? four : await data('AAAA')).slice(0, ADDRESSES);
}

/** Rejects with whatever kept the server from answering. */
async function startTls(socket: Socket, host: string): Promise<Seen> {
  await expect(socket, 220);
  socket.write(`EHLO ${hostname()}\r\n`);
  const offers = await expect(socket, 250);
  if (!/^250[- ]STARTTLS\s*$/im.test(offers)) {
    socket.end('QUIT\r\n');
    return 'starttls_missing';
  }
  socket.write('STARTTLS\r\n');
  await expect(socket, 220);
  const { promise, resolve, reject } = Promise.withResolvers<Seen>();
  // Judged afterwards, name, trust and time apart: a check that stops at the first fault would hide the expiry.
  const tls = secure({ socket, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) });
  tls.once('secureConnect', () => {
    const certificate = tls.getPeerX509Certificate();
    if (certificate) resolve({ certificate, trusted: tls.authorized || !isOfChain(tls.authorizationError) });
    else resolve('handshake_failed');
    tls.end();
  });
  tls.on('error', (error: NodeJS.ErrnoException) =>
    error.code?.startsWith('ERR_SSL_') ? resolve('handshake_failed') : reject(error),
  );
  tls.once('close', () => reject(new Error('closed during the handshake')));
  return await promise;
}

/** Expiry and name have findings of their own. */
function isOfChain(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return !/^(?:CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|ERR_TLS_CERT_ALTNAME_INVALID)/.test(code);
}

/** One reply of RFC 5321 4.2; rejects when it is another than the wanted one. */
function expect(socket: Socket, code: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  const onData = (chunk: Buffer) => {
    text += chunk.toString('latin1');
    const end = /^\d{3}(?: .*)?\r?\n/m.exec(text);
    if (end === null && text.length > REPLY_BYTES) reject(new Error('a reply that does not end'));
    if (end === null) return;
    if (text.startsWith(String(code))) resolve(text);
    else reject(new Error(`answered ${text.slice(0, 100)} and not ${code}`));
  };
  const onClose = () => reject(new Error('closed the connection'));
  socket.on('data', onData).once('error', reject).once('close', onClose).resume();
  return promise.finally(() => {
    socket
      .off('data', onData)
      .off('close', onClose)
      .off('error', reject)
      .on('error', () => {});
    socket.pause();
  });
}
