/** The least that a receiver of signed posts can do: node:http, the same verification and JSON.parse, and 200. What single posts are measured against. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import sendgrid from '../src/sources/sendgrid.ts';
import { sourceConfiguration } from './exporter.ts';

const source = sendgrid.open(sendgrid.config.parse(sourceConfiguration(process.argv[2]!)));

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    const genuine = source.authenticate!({ headers: request.headers, body }, Date.now());
    response.statusCode = genuine && Array.isArray(JSON.parse(body.toString())) ? 200 : 400;
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stderr.write(`${JSON.stringify({ msg: 'listening', address: `127.0.0.1:${port}` })}\n`);
});
