/** What of the dashboards may be without data on the demo's day, and why: excused by the test of their queries and by the run that takes their pictures. */

/** End of the dashboard's uid, panel id and query → the reason. */
export const MAY_BE_EMPTY: Record<string, string> = {
  ...reason('Takes half a day or a week to learn what is usual.', [
    'overview/8 unusual',
    'overview/10 unusual',
    'health/1 engagement_drop',
    'health/1 volume_anomaly',
  ]),
  ...reason('No service of the demo scores domains, and no address of it warms up.', [
    'health/1 reputation_drop',
    'health/2 ip_warming_issue',
  ]),
  ...reason('No source of the demo tells what content filters and receivers found.', [
    'campaigns/11 spam',
    'campaigns/11 spf',
    'campaigns/11 dkim',
    'campaigns/11 dmarc',
  ]),
  ...reason('Nothing of the kind goes wrong in the demo.', ['exporter/33 A', 'exporter/35 A']),
  ...reason('The made-up past has no Prometheus that scrapes itself.', ['exporter/36 A']),
};

function reason(why: string, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key, why]));
}
