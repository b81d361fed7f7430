/** `{ file: path }` or `{ env: NAME }` in the configuration becomes the secret itself, which no message, log or page ever repeats. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const place = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })], {
  error: 'a secret is written as { file: /path/to/it } or { env: NAME_OF_VARIABLE }, never in the configuration itself',
});

/** Read at load and at reload. A trailing newline is dropped, as editors and `kubectl create secret` add one. */
export function secret(): z.ZodType<string> {
  return place.transform((where, context) => {
    const [value, name] =
      'file' in where
        ? [readSecretFile(where.file), `file ${where.file}`]
        : [process.env[where.env], `environment variable ${where.env}`];
    const text = value?.replace(/\r?\n$/, '');
    if (text) return text;
    context.addIssue({
      code: 'custom',
      message:
        text === ''
          ? `the secret in ${name} is empty`
          : `the secret in ${name} cannot be read; create it, or make it readable for this process`,
    });
    return z.NEVER;
  });
}

function readSecretFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
