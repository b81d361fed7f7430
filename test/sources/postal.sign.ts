import { createSign, generateKeyPairSync } from 'node:crypto';
import type { Signer } from './signer.ts';

const pairs = {
  a: generateKeyPairSync('rsa', { modulusLength: 1024 }),
  b: generateKeyPairSync('rsa', { modulusLength: 1024 }),
};

export const signer: Signer = {
  config: (keys) => ({
    public_keys: keys.map((key) => pairs[key].publicKey.export({ format: 'pem', type: 'spki' }).toString()),
  }),
  sign({ headers, body }, _at, key) {
    const signature = createSign('sha256').update(body).sign(pairs[key].privateKey, 'base64');
    return { headers: { ...headers, 'x-postal-signature-256': signature }, body };
  },
  proof: ['x-postal-signature-256'],
};
