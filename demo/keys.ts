/**
 * A directory becomes the key material of one demo: `node demo/keys.ts DIR` writes what demo/exporter.yml and
 * demo/main.ts read. What is there already is kept, so that a running exporter and the feed stay in step.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Shared secrets, by file. */
const TOKENS = ['kumo.token', 'push.token', 'vector.password'] as const;

export function writeKeys(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!existsSync(join(dir, 'sendgrid.key')) || !existsSync(join(dir, 'sendgrid.pub'))) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    write(dir, 'sendgrid.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    // As SendGrid's settings page shows a verification key: SubjectPublicKeyInfo in base64.
    write(dir, 'sendgrid.pub', `${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}\n`);
  }
  for (const name of TOKENS) {
    if (!existsSync(join(dir, name))) write(dir, name, `${randomBytes(24).toString('hex')}\n`);
  }
}

function write(dir: string, name: string, content: string): void {
  writeFileSync(join(dir, name), content, { mode: 0o600 });
}

if (import.meta.main) {
  const [dir, ...rest] = process.argv.slice(2);
  if (dir === undefined || rest.length > 0) {
    console.error('Usage: node demo/keys.ts DIR');
    process.exit(2);
  }
  writeKeys(dir);
}
