/** A key pair becomes a self-signed X.509 certificate (RFC 5280), since node:crypto reads them and makes none. */
import { createSign, type KeyPairKeyObjectResult } from 'node:crypto';

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BITS = 0x03;
const NULL = Buffer.from([0x05, 0x00]);
const UTF8 = 0x0c;
const OID = 0x06;
const TIME = 0x18;

function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length =
    body.length < 0x80 ? Buffer.from([body.length]) : Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
}

const SHA256_RSA = der(SEQUENCE, der(OID, Buffer.from('2a864886f70d01010b', 'hex')), NULL);
function named(name: string): Buffer {
  const common = der(SEQUENCE, der(OID, Buffer.from('550403', 'hex')), der(UTF8, Buffer.from(name)));
  return der(SEQUENCE, der(SET, common));
}

function time(date: Date): Buffer {
  return der(TIME, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`));
}

/** `name` is the host that it is good for. */
export function certificate(pair: KeyPairKeyObjectResult, from: Date, until: Date, name = 'test'): string {
  const key = pair.publicKey.export({ format: 'der', type: 'spki' });
  const serial = der(INTEGER, Buffer.from([1]));
  const subject = named(name);
  const validity = der(SEQUENCE, time(from), time(until));
  const signed = der(SEQUENCE, serial, SHA256_RSA, subject, validity, subject, key);
  const signature = createSign('sha256').update(signed).sign(pair.privateKey);
  const whole = der(SEQUENCE, signed, SHA256_RSA, der(BITS, Buffer.from([0]), signature));
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}
