import { createHmac, randomBytes } from 'node:crypto';
import type { Signer } from './signer.ts';

const keys = { a: randomBytes(24), b: randomBytes(24) };
process.env.TEST_RESEND_A = `whsec_${keys.a.toString('base64')}`;
process.env.TEST_RESEND_B = `whsec_${keys.b.toString('base64')}`;

export const signer: Signer = {
  config: (names) => ({ signing_secrets: names.map((name) => ({ env: `TEST_RESEND_${name.toUpperCase()}` })) }),
  sign({ headers, body }, at, key) {
    const id = 'msg_1';
    const timestamp = String(Math.floor(at / 1000));
    const mac = createHmac('sha256', keys[key]).update(`${id}.${timestamp}.`).update(body).digest('base64');
    return {
      // The first is of a version that this program does not know, as during an upgrade of the scheme.
      headers: { ...headers, 'svix-id': id, 'svix-timestamp': timestamp, 'svix-signature': `v2,AAAA v1,${mac}` },
      body,
    };
  },
  proof: ['svix-id', 'svix-timestamp', 'svix-signature'],
  window: { past: 300_000, future: 300_000 },
};
