/** What was saved of a post or a log becomes bytes again: headers, items, runs of lines. */
import { closeSync, createReadStream, openSync, readFileSync, readSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { jsonItems } from './json-array.ts';
import type { Post } from './source.ts';

/** A mistake of whoever called: told without a stack. */
export class ReplayError extends Error {}

/** Lines whose events are counted together. */
const LINES_AT_ONCE = 1000;

/** Lines as curl and proxies write them ("> Name: value", a request line first), or a JSON object. */
export function headersIn(path: string): IncomingHttpHeaders {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new ReplayError(`the headers cannot be read: ${(error as Error).message}`);
  }
  const pairs: [string, string][] = [];
  if (text.startsWith('{')) {
    const object = understoodJson(text);
    for (const [name, value] of Object.entries(object)) pairs.push([name, [value].flat().join(', ')]);
  } else {
    for (const line of text.split(/\r?\n/)) {
      const [, name, value] = /^(?:> )?([\w-]+):\s*(.*?)\s*$/.exec(line) ?? [];
      if (name !== undefined) pairs.push([name, value!]);
    }
  }
  if (pairs.length === 0) throw new ReplayError(`${path} holds no headers: lines like "Name: value", or a JSON object`);
  return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
}

function understoodJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new ReplayError('the headers begin like a JSON object and are none');
  }
}

/** The items of a post as posts of their own; none when it cannot be taken apart. */
export function itemsOf({ headers, body }: Post): Post[] {
  const alone = (text: string) => ({ headers, body: Buffer.from(text) });
  const items = jsonIn(body);
  if (items) return items.map((item) => alone(item === undefined ? '' : JSON.stringify([item])));
  // A form that carries a list of events, as Mandrill's does.
  for (const [name, value] of new URLSearchParams(body.toString('utf8'))) {
    const listed = jsonIn(Buffer.from(value));
    if (listed) return listed.map((item) => alone(String(new URLSearchParams({ [name]: JSON.stringify([item]) }))));
  }
  return [];
}

function jsonIn(body: Buffer): unknown[] | undefined {
  try {
    return jsonItems(body);
  } catch {
    return undefined;
  }
}

/** The file as it was before it was compressed. */
export function open(file: string): Readable {
  if (file === '-') return process.stdin;
  let magic: string;
  try {
    const start = Buffer.alloc(4);
    const fd = openSync(file, 'r');
    readSync(fd, start, 0, 4, 0);
    closeSync(fd);
    magic = start.toString('hex');
  } catch (error) {
    throw unreadable(file, error);
  }
  const read = createReadStream(file);
  const inflate = magic.startsWith('1f8b') ? createGunzip() : magic === '28b52ffd' ? createZstdDecompress() : undefined;
  return inflate ? read.on('error', (error) => inflate.destroy(error)).pipe(inflate) : read;
}

function unreadable(file: string, error: unknown): ReplayError {
  return new ReplayError(`${file} cannot be read: ${(error as Error).message}`);
}

export async function whole(file: string): Promise<Buffer> {
  try {
    return await buffer(open(file));
  } catch (error) {
    throw error instanceof ReplayError ? error : unreadable(file, error);
  }
}

/** Runs of lines, each with its line break. */
export async function* runs(stream: Readable, file: string): AsyncGenerator<Buffer[]> {
  let lines: Buffer[] = [];
  let rest: Buffer[] = [];
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let from = 0;
      for (let lf = chunk.indexOf(10); lf >= 0; lf = chunk.indexOf(10, from)) {
        lines.push(Buffer.concat([...rest, chunk.subarray(from, lf + 1)]));
        rest = [];
        from = lf + 1;
      }
      if (from < chunk.length) rest.push(chunk.subarray(from));
      if (lines.length < LINES_AT_ONCE) continue;
      yield lines;
      lines = [];
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  if (rest.length > 0) lines.push(Buffer.concat(rest));
  yield lines;
}
