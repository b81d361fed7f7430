import { createHmac } from 'node:crypto';
import type { Signer } from './signer.ts';

const secrets = { a: 'signing secret of the first webhook', b: 'signing secret of the second' };
process.env.TEST_MAILERSEND_A = secrets.a;
process.env.TEST_MAILERSEND_B = `${secrets.b}\n`;

export const signer: Signer = {
  config: (keys) => ({ signing_secrets: keys.map((key) => ({ env: `TEST_MAILERSEND_${key.toUpperCase()}` })) }),
  sign({ headers, body }, _at, key) {
    const signature = createHmac('sha256', secrets[key]).update(body).digest('hex');
    return { headers: { ...headers, signature }, body };
  },
  proof: ['signature'],
};
