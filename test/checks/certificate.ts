/** Names and a span of time become a self-signed certificate with its key: X.509 version 3 with subjectAltName (RFC 5280). */
import { createSign, generateKeyPairSync } from 'node:crypto';

function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length =
    body.length < 0x80 ? Buffer.from([body.length]) : Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
}

const sequence = (...content: Buffer[]) => der(0x30, ...content);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const time = (date: Date) => der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`));
const bits = (content: Buffer) => der(0x03, Buffer.from([0]), content);
const name = (text: string) => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))));

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const SUBJECT_ALT_NAME = '551d11';

export interface Certificate {
  key: string;
  cert: string;
}

export function certificate(names: readonly string[], from: Date, until: Date, serial: number): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = publicKey.export({ format: 'der', type: 'spki' });
  const whose = name(`test ${serial}`);
  const others = sequence(...names.map((one) => der(0x82, Buffer.from(one))));
  const extensions = der(0xa3, sequence(sequence(oid(SUBJECT_ALT_NAME), der(0x04, others))));
  const version3 = der(0xa0, der(0x02, Buffer.from([2])));
  const number = der(0x02, Buffer.from([serial]));
  const span = sequence(time(from), time(until));
  const signed = sequence(version3, number, ECDSA_SHA256, whose, span, whose, key, extensions);
  const signature = createSign('sha256').update(signed).sign(privateKey);
  const base64 = sequence(signed, ECDSA_SHA256, bits(signature)).toString('base64').replace(/.{64}/g, '$&\n');
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}
