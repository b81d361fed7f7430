/** A request to an AWS service becomes one that carries its signature ("AWS Signature Version 4 for API requests", as of all services but S3). */
import { createHmac, hash } from 'node:crypto';

export interface AwsKey {
  id: string;
  secret: string;
  /** Of temporary credentials. */
  session?: string | undefined;
}

export interface Signable {
  method: string;
  url: URL;
  /** Those that are signed beside `host` and `x-amz-date`; names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The headers to be sent: those that were given, the date, and the signature. `at`: Unix ms; services refuse what is 5 minutes off. */
export function signed(
  { method, url, headers, body }: Signable,
  key: AwsKey,
  region: string,
  service: string,
  at: number,
): Record<string, string> {
  const stamp = new Date(at).toISOString().replaceAll(/[:-]|\.\d{3}/g, '');
  const all: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-date': stamp,
    ...(key.session !== undefined && { 'x-amz-security-token': key.session }),
  };
  const names = Object.keys(all).sort();
  const request = [
    method,
    // What is encoded in the address already is encoded once more.
    url.pathname.split('/').map(encoded).join('/'),
    query(url.searchParams),
    ...names.map((name) => `${name}:${all[name]!.trim().replaceAll(/ +/g, ' ')}`),
    '',
    names.join(';'),
    hash('sha256', body),
  ].join('\n');
  const scope = [stamp.slice(0, 8), region, service, 'aws4_request'];
  const text = [ALGORITHM, stamp, scope.join('/'), hash('sha256', request)].join('\n');
  const signing = scope.reduce<string | Buffer>((secret, part) => mac(secret, part), `AWS4${key.secret}`);
  const { host: _, ...sent } = all;
  const signature = mac(signing, text).toString('hex');
  return {
    ...sent,
    authorization: `${ALGORITHM} Credential=${key.id}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}

const mac = (secret: string | Buffer, text: string) => createHmac('sha256', secret).update(text).digest();

/** RFC 3986 leaves these as they are: letters, digits, and - . _ ~ */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function query(parameters: URLSearchParams): string {
  return [...parameters]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&');
}
