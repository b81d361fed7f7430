/** What became of mail, by mailbox provider, by reason and by time: panels that more than one dashboard shows. */
import {
  HeatmapCellLayout,
  ScaleDistribution,
  ScaleDistributionConfigBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  PanelBuilder as Heatmap,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  RowsHeatmapOptionsBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { CLICKED, links, onlyThis, to } from './links.ts';
import { amounts, atLeast, COLOURED, flow, STATE, table, trend, unit, width, worstFirst } from './panels.ts';
import { type Filter, firing, PROMETHEUS, query, where, worst } from './queries.ts';
import { BOUNCES, DEFERRAL, DELIVERY, PROVIDER_BOUNCE, RESOURCE, sum } from './rates.ts';

type Fate = 'delivered' | 'deferred' | 'bounced';
/** What is recorded toward each provider. Read over days it has to be a recording; see rules/providers.yml. */
export const TOWARD = ['sending_domain', 'provider'] as const;
export const recorded = (fate: Fate): string => `domain_provider:email_${fate}:increase15m${where(TOWARD)}`;

export const towardFlow = (title: string, fate: Fate, description: string) =>
  flow(title, 'provider', recorded(fate), description);

const byReason = (fate: Exclude<Fate, 'delivered'>): string =>
  `domain_reason:email_${fate}:increase15m${where(['sending_domain'])}`;

export const reasonFlow = (title: string, fate: Exclude<Fate, 'delivered'>, description: string) =>
  flow(title, 'reason', byReason(fate), description);

/** Windows of a quarter of an hour, side by side. */
export const reasonAmounts = (title: string, fate: Exclude<Fate, 'delivered'>, description: string) =>
  amounts(title, sum('reason', `sum_over_time(${byReason(fate)}[$__range:15m])`), '{{reason}}', description);

// --- Providers now -------------------------------------------------------------------------------------------------------

/** From the counters themselves: of now they are cheap, fresher than what is recorded, and know the address and the source. */
export const counted = (fate: Fate, by: string, window = '15m'): string =>
  sum(by, `increase(email_${fate}_total${where(RESOURCE)}[${window}])`);

/** Shares of what was sent toward each `by`, where there is enough to judge. */
export function shares(by: string, window?: string): { bounced: string; deferred: string; concluded: string } {
  const delivered = counted('delivered', by, window);
  const orNone = (fate: Fate) => `(${counted(fate, by, window)} or 0 * ${delivered})`;
  const concluded = `(${delivered} + ${orNone('bounced')})`;
  const judged = `(${concluded} >= scalar(max(${BOUNCES.least!.samples})))`;
  return {
    bounced: `${orNone('bounced')} / ${judged}`,
    deferred: `${orNone('deferred')} / (${judged} + ${orNone('deferred')})`,
    concluded,
  };
}

const { bounced, deferred, concluded } = shares('provider');
export const providersTable = (filters: readonly Filter[]) =>
  table(
    'Providers, worst first',
    'The last 15 minutes toward each mailbox provider: its worst alert, share that bounced, share of attempts that were put off, and how much mail concluded. A dash: too little to judge. Click a name to go on.',
    [
      {
        label: 'provider',
        name: 'Provider',
        look: [
          atLeast(110),
          links(
            to('providers', 'Mailbox providers: this one', { provider: CLICKED }),
            onlyThis('overview', 'provider'),
          ),
        ],
      },
      {
        refId: 'state',
        name: 'State',
        expr: `max by (provider) (\n${firing(filters, 'provider!=""')}\n)\nor 0 * ${concluded}`,
        look: STATE,
      },
      {
        refId: 'bounced',
        name: 'Bounced',
        expr: bounced,
        limit: PROVIDER_BOUNCE,
        look: [...unit('percentunit', 1), COLOURED, width(90)],
      },
      {
        refId: 'deferred',
        name: 'Deferred',
        expr: deferred,
        limit: DEFERRAL,
        look: [...unit('percentunit', 1), COLOURED, width(90)],
      },
      { refId: 'mail', name: 'Mail', expr: `round(${concluded})`, look: [width(70)] },
    ],
  ).sortBy(worstFirst('State', 'Bounced'));

// --- Delivery time -------------------------------------------------------------------------------------------------------

export const deliveryHeat = () =>
  new Heatmap()
    .title('Delivery time')
    .description(
      'How many messages of 15 minutes took how long from acceptance to delivery, where the source tells. A band that climbs is a queue that grows.',
    )
    .datasource(PROMETHEUS)
    .withTarget(
      query('A', sum('le', `domain:email_delivery_duration_seconds_bucket:increase15m${where(['sending_domain'])}`), {
        legend: '{{le}}',
        format: 'heatmap',
      }),
    )
    .maxDataPoints(100)
    .rowsFrame(new RowsHeatmapOptionsBuilder().layout(HeatmapCellLayout.Le))
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Oranges').steps(64).exponent(0.5))
    .yAxis(new YAxisConfigBuilder().unit('s'))
    .unit('short');

export const deliveryMedian = () =>
  trend(
    'Median delivery time by domain',
    's',
    worst(
      6,
      'sending_domain',
      `domain:email_delivery_duration_seconds:p50_15m${where(['sending_domain'])}`,
      DELIVERY,
      'ever',
    ),
    DELIVERY,
    'Half of the mail of 15 minutes arrived faster. The six domains that were slowest at some time; dashed, the thresholds in force. Logarithmic.',
  ).scaleDistribution(new ScaleDistributionConfigBuilder().type(ScaleDistribution.Log).log(10));
