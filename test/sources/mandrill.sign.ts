import { createHmac } from 'node:crypto';
import type { Signer } from './signer.ts';

const URL = 'https://user:pass@example.org/hooks/mandrill?x=1';
const keys = { a: 'first webhook key', b: 'second webhook key' };
process.env.TEST_MANDRILL_A = keys.a;
process.env.TEST_MANDRILL_B = keys.b;

export const signer: Signer = {
  config: (names) => ({ url: URL, keys: names.map((name) => ({ env: `TEST_MANDRILL_${name.toUpperCase()}` })) }),
  sign({ headers, body }, _at, key) {
    const mac = createHmac('sha1', keys[key]).update(URL);
    const params = [...new URLSearchParams(body.toString())].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, value] of params) mac.update(name + value);
    return { headers: { ...headers, 'x-mandrill-signature': mac.digest('base64') }, body };
  },
  proof: ['x-mandrill-signature'],
};
