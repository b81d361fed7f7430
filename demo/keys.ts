/**
 * A directory becomes the key material of one deployment: `node demo/keys.ts DIR` writes what demo/exporter.yml,
 * demo/main.ts and docker-compose.yml read. What is there already is kept, so that what runs with it stays in step.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Shared secrets, by file. */
const TOKENS = [
  'alerts.token',
  'grafana.password',
  'incidents.password',
  'kumo.token',
  'people.token',
  'push.token',
  'vector.password',
] as const;

/** Throws when others may look into a directory that is there already. */
export function writeKeys(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if ((statSync(dir).mode & 0o077) !== 0) {
    throw new Error(
      `${dir} is open to others, and keys belong where only you can look: chmod 700 ${dir}, or name another`,
    );
  }
  if (!existsSync(join(dir, 'sendgrid.key')) || !existsSync(join(dir, 'sendgrid.pub'))) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    writeFileSync(join(dir, 'sendgrid.key'), pem, { mode: 0o600 });
    // As SendGrid's settings page shows a verification key: SubjectPublicKeyInfo in base64.
    share(dir, 'sendgrid.pub', publicKey.export({ type: 'spki', format: 'der' }).toString('base64'));
  }
  for (const name of TOKENS) {
    if (!existsSync(join(dir, name))) share(dir, name, randomBytes(24).toString('hex'));
  }
}

/**
 * Readable for everybody who gets to it, which on this machine is nobody else, for the directory is closed. Compose mounts
 * each file by itself into a container, where another user than its owner has to read it.
 */
function share(dir: string, name: string, content: string): void {
  writeFileSync(join(dir, name), `${content}\n`, { mode: 0o644 });
}

if (import.meta.main) {
  const [dir, ...rest] = process.argv.slice(2);
  if (dir === undefined || rest.length > 0) {
    console.error('Usage: node demo/keys.ts DIR');
    process.exit(2);
  }
  try {
    writeKeys(dir);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
