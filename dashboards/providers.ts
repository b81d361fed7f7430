/** How each mailbox provider takes the mail: what it refuses, what it puts off, from which address, why, and how long it takes. */
import { dashboard } from './parts/board.ts';
import { CLICKED, links, to, UIDS } from './parts/links.ts';
import { NO_CELL } from './parts/looks.ts';
import {
  counted,
  deliveryHeat,
  deliveryMedian,
  providersTable,
  reasonAmounts,
  reasonFlow,
  recorded,
  shares,
  towardFlow,
} from './parts/mail.ts';
import { FILLED, type Look, matrix, states, trend, width } from './parts/panels.ts';
import { firing, type Limit, worst } from './parts/queries.ts';
import { DEFERRAL, PROVIDER_BOUNCE, RESOURCE, sum } from './parts/rates.ts';

const PROVIDER: { label: string; name: string; look: Look } = {
  label: 'provider',
  name: 'Provider',
  look: [width(150), links(to('providers', 'Only this provider', { provider: CLICKED }))],
};
/** The eight addresses that send most, or the columns would not fit. */
const most = `topk(8, ${counted('delivered', 'sending_ip', '1h')})`;
const { bounced, deferred } = shares('provider, sending_ip', '1h');
const byAddress = (title: string, expr: string, limit: Limit, what: string) =>
  matrix(
    title,
    `${what} in the last hour, by provider and by the address it was sent from: the eight that send most. Coloured by the threshold of providers; a dash: too little to judge. A column that is coloured is the address's trouble, a row the provider's.`,
    { expr: `${expr}\nand on (sending_ip) ${most}`, rows: PROVIDER, columns: 'sending_ip', limit },
  )
    .unit('percentunit')
    .decimals(1)
    .minWidth(90)
    .mappings([NO_CELL])
    .cellOptions(FILLED);

/** Over windows of 15 minutes toward a provider that took or refused enough to judge. */
const least = 'on (provider) provider:email_threshold:provider_min_events';
const attempts = `(${sum('provider', recorded('delivered'))} + ${sum('provider', recorded('bounced'))})`;
const course = (title: string, part: string, whole: string, limit: Limit, description: string) =>
  trend(
    title,
    'percentunit',
    worst(8, 'provider', `${part} / (${whole} >= ${least})`, limit, 'ever'),
    limit,
    description,
    '{{provider}}',
  );

export default dashboard({
  uid: UIDS.providers,
  title: 'Mailbox providers',
  description:
    'What each mailbox provider refuses and puts off, from which address, for what reason, and how long delivery takes.',
  filters: RESOURCE,
  top: [
    {
      height: 9,
      panels: [
        [1, 9, providersTable(RESOURCE)],
        [
          2,
          15,
          byAddress('Bounced, by provider and IP', bounced, PROVIDER_BOUNCE, 'Share of concluded mail that bounced'),
        ],
      ],
    },
    {
      height: 9,
      panels: [
        [
          3,
          9,
          states(
            'Alerts by provider',
            `max by (provider) (\n${firing(RESOURCE, 'provider!=""')}\n)\nor 0 * ${sum('provider', recorded('delivered'))}`,
            '{{provider}}',
            'The worst alert about each provider over time.',
          ),
        ],
        [4, 15, byAddress('Deferred, by provider and IP', deferred, DEFERRAL, 'Share of attempts that were put off')],
      ],
    },
    {
      height: 8,
      panels: [
        [
          5,
          12,
          course(
            'Bounce rate by provider',
            sum('provider', recorded('bounced')),
            attempts,
            PROVIDER_BOUNCE,
            'Bounced of what concluded in 15 minutes, of the eight providers that were worst at some time; nothing where there was too little to judge. Dashed: the threshold.',
          ),
        ],
        [
          6,
          12,
          course(
            'Deferral rate by provider',
            sum('provider', recorded('deferred')),
            `(${attempts} + ${sum('provider', recorded('deferred'))})`,
            DEFERRAL,
            'Attempts put off of all attempts in 15 minutes, of the eight providers that were worst at some time; nothing where there was too little to judge. Dashed: the threshold.',
          ),
        ],
      ],
    },
  ],
  rows: [
    {
      row: 'How much',
      id: 10,
      lines: [
        {
          height: 8,
          panels: [
            [11, 8, towardFlow('Delivered', 'delivered', 'Messages that a provider took, per minute.')],
            [
              12,
              8,
              towardFlow(
                'Deferred',
                'deferred',
                'Attempts that a provider put off, per minute. One message may be put off often.',
              ),
            ],
            [
              13,
              8,
              towardFlow(
                'Bounced',
                'bounced',
                'Messages that a provider refused for good, or that were given up, per minute.',
              ),
            ],
          ],
        },
      ],
    },
    {
      row: 'Why',
      id: 20,
      lines: [
        {
          height: 8,
          panels: [
            [
              21,
              7,
              reasonFlow('Bounce reasons', 'bounced', 'Messages that bounced, per minute, by what the reply says.'),
            ],
            [
              22,
              5,
              reasonAmounts('Bounces of this period', 'bounced', 'The ten most frequent reasons in the shown time.'),
            ],
            [
              23,
              7,
              reasonFlow('Deferral reasons', 'deferred', 'Attempts put off, per minute, by what the reply says.'),
            ],
            [
              24,
              5,
              reasonAmounts(
                'Deferrals of this period',
                'deferred',
                'The ten most frequent reasons to be put off in the shown time.',
              ),
            ],
          ],
        },
      ],
    },
    {
      row: 'How late',
      id: 30,
      lines: [
        {
          height: 9,
          panels: [
            [31, 12, deliveryHeat()],
            [32, 12, deliveryMedian()],
          ],
        },
      ],
    },
  ],
});
