import { createSign, generateKeyPairSync } from 'node:crypto';
import type { Signer } from './signer.ts';

const pairs = {
  a: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  b: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};

export const signer: Signer = {
  config: (keys) => ({
    public_keys: keys.map((key) => pairs[key].publicKey.export({ format: 'der', type: 'spki' }).toString('base64')),
  }),
  sign({ headers, body }, at, key) {
    const timestamp = String(Math.floor(at / 1000));
    return {
      headers: {
        ...headers,
        'content-type': 'application/json',
        'x-twilio-email-event-webhook-timestamp': timestamp,
        'x-twilio-email-event-webhook-signature': createSign('sha256')
          .update(timestamp)
          .update(body)
          .sign(pairs[key].privateKey, 'base64'),
      },
      body,
    };
  },
  proof: ['x-twilio-email-event-webhook-timestamp', 'x-twilio-email-event-webhook-signature'],
  window: { past: 25 * 3600_000, future: 600_000 },
};
