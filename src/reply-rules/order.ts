/** The order in which reply rules are tried: each provider's, then anyone's from the plainest words to bare numbers. */
import { comcast, cox, free, orange, sfr, spectrum, telekom, unitedInternet } from './access-providers.ts';
import { comeBack, givingUp, greylisting, machinery, ownQuota, path, throttling, wrapping } from './anyone-flow.ts';
import { form, malware, policy, refusal, size, spam } from './anyone-message.ts';
import { badDomain, closed, full, route, unknownUser, unknownUserPerhaps, unwilling } from './anyone-recipient.ts';
import {
  authentication,
  encryption,
  greeting,
  listed,
  nameService,
  relaying,
  reputation,
  senderAddress,
  trapped,
} from './anyone-sender.ts';
import { apple } from './apple.ts';
import { mailRu, naver, netease, tencent, yandex } from './asia-and-russia.ts';
import { barracuda, cisco, cloudmark, godaddy, mimecast, proofpoint, rackspace, trendMicro } from './gateways.ts';
import { google } from './google.ts';
import { microsoft } from './microsoft.ts';
import type { Table } from './row.ts';
import { code, status } from './status.ts';
import { yahoo, yahooJapan } from './yahoo.ts';

/** Label `provider` → the provider whose table holds its replies, where the names differ. */
export const FAMILIES: ReadonlyMap<string, string> = new Map([
  ['microsoft_365', 'microsoft'],
  ['microsoft_consumer', 'microsoft'],
  ['proofpoint_essentials', 'proofpoint'],
  ['ionos', 'gmx_webde'],
  ['laposte', 'orange'],
  ['cloudfilter', 'cox'],
]);

export const TABLES: readonly Table[] = [
  { provider: 'google', rows: google },
  { provider: 'microsoft', rows: microsoft },
  { provider: 'yahoo', rows: yahoo },
  { provider: 'yahoo_jp', rows: yahooJapan },
  { provider: 'apple', rows: apple },
  { provider: 'comcast', rows: comcast },
  { provider: 'cox', rows: cox },
  { provider: 'spectrum', rows: spectrum },
  { provider: 'orange', rows: orange },
  { provider: 'free_fr', rows: free },
  { provider: 'sfr', rows: sfr },
  { provider: 'gmx_webde', rows: unitedInternet },
  { provider: 't_online', rows: telekom },
  { provider: 'mail_ru', rows: mailRu },
  { provider: 'yandex', rows: yandex },
  { provider: 'tencent', rows: tencent },
  { provider: 'netease', rows: netease },
  { provider: 'naver', rows: naver },
  { provider: 'mimecast', rows: mimecast },
  { provider: 'proofpoint', rows: proofpoint },
  { provider: 'barracuda', rows: barracuda },
  { provider: 'cisco', rows: cisco },
  { provider: 'cloudmark', rows: cloudmark },
  { provider: 'trendmicro', rows: trendMicro },
  { provider: 'rackspace', rows: rackspace },
  { provider: 'godaddy', rows: godaddy },
  { rows: givingUp },
  { rows: greylisting },
  { rows: trapped },
  { rows: unwilling },
  { rows: authentication },
  { rows: nameService },
  { rows: greeting },
  { rows: senderAddress },
  { rows: unknownUser },
  { rows: closed },
  { rows: ownQuota },
  { rows: full },
  { rows: listed },
  { rows: malware },
  { rows: encryption },
  { rows: throttling },
  { rows: comeBack },
  { rows: relaying },
  { rows: badDomain },
  { rows: route },
  { rows: size },
  { rows: form },
  { rows: reputation },
  { rows: spam },
  { rows: path },
  { rows: machinery },
  { rows: unknownUserPerhaps },
  { rows: policy },
  { rows: status },
  { rows: refusal },
  { rows: wrapping },
  { rows: code },
];
