/**
 * The committed dashboards are what their sources make, pass Grafana's lints, draw the thresholds of the rules, and every query of
 * theirs answers from a real Prometheus that holds a day of the demo.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parse } from 'yaml';
import { drift } from '../dashboards/build.ts';
import { PAST } from '../demo/world.ts';
import { type Dashboard, type Finding, lint, type Panel, panelsOf, RULES, type Target } from './dashboard-lint.ts';
import { type DemoDay, demoDay } from './demo-day.ts';
import { MAY_BE_EMPTY } from './may-be-empty.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const FILES = readdirSync(join(ROOT, 'dashboards')).filter((name) => name.endsWith('.json'));
const BOARDS = FILES.map((name) => JSON.parse(read(`dashboards/${name}`)) as Dashboard);
const OVERVIEW = BOARDS.find(({ uid }) => uid === 'deliverability-overview')!;

const KINDS = ['stat', 'table', 'timeseries', 'state-timeline', 'bargauge', 'heatmap', 'row'];

/** What the lints find and we want: of which panels, by the end of the dashboard's uid. Without: wherever it is found. */
const EXCLUSIONS: readonly { rule: string; panels?: Record<string, readonly number[]>; reason: string }[] = [
  ...['template-job-rule', 'template-instance-rule', 'target-job-rule', 'target-instance-rule'].map((rule) => ({
    rule,
    reason:
      'Which replica or scrape job counted a message says nothing about the mail; recorded series carry neither. Feeds are told apart by `source`.',
  })),
  {
    rule: 'target-rate-interval-rule',
    panels: { overview: [7], providers: [1] },
    reason: 'The window of the bounce alert, so that both say the same.',
  },
  {
    rule: 'target-rate-interval-rule',
    panels: { providers: [2, 4], campaigns: [11], exporter: [10] },
    reason:
      'The last hour, whatever time is shown: a shorter one is too little to judge a pair, a campaign or a source by.',
  },
  {
    rule: 'target-rate-interval-rule',
    panels: { incidents: [12, 13], exporter: [33] },
    reason: 'Sums of the whole shown period.',
  },
];

type Found = Finding & { board: string };
const excludes = (finding: Found) => (exclusion: (typeof EXCLUSIONS)[number]) =>
  exclusion.rule === finding.rule &&
  (exclusion.panels === undefined ||
    exclusion.panels[finding.board.replace('deliverability-', '')]?.includes(finding.panel ?? -1));

test('committed JSON is what its source makes', async () => {
  assert.deepEqual(await drift(), [], 'run `node dashboards/build.ts`');
});

test("all 17 rules of Grafana's linter hold, but for what is excluded with a reason", () => {
  assert.equal(RULES.length, 17);
  const findings = BOARDS.flatMap((board) => lint(board).map((finding): Found => ({ ...finding, board: board.uid })));
  assert.deepEqual(
    findings.filter((finding) => !EXCLUSIONS.some(excludes(finding))),
    [],
  );
  for (const exclusion of EXCLUSIONS) {
    assert.ok(
      findings.some((finding) => excludes(finding)(exclusion)),
      `no longer needed: ${exclusion.rule} ${exclusion.reason}`,
    );
    for (const [name, ids] of Object.entries(exclusion.panels ?? {})) {
      for (const id of ids) {
        const its = findings.some((f) => f.rule === exclusion.rule && f.board.endsWith(name) && f.panel === id);
        assert.ok(its, `no longer needed: ${exclusion.rule} ${name} ${id}`);
      }
    }
  }
});

/** One defect for each rule. */
const DEFECTS: Record<string, (board: Dashboard, panel: Panel, target: Target) => void> = {
  'template-datasource-rule': ({ templating }) => Object.assign(templating.list[0]!, { name: 'prometheus' }),
  'template-job-rule': ({ templating }) => templating.list.push({ name: 'job', type: 'custom' }),
  'template-instance-rule': ({ templating }) => templating.list.push({ name: 'instance', type: 'custom' }),
  'template-label-promql-rule': ({ templating }) =>
    Object.assign(templating.list[1]!, { query: 'label_values(a{, b)' }),
  'template-on-time-change-reload-rule': ({ templating }) => Object.assign(templating.list[1]!, { refresh: 1 }),
  'uneditable-dashboard': (board) => Object.assign(board, { editable: true }),
  'panel-datasource-rule': (_, panel) => Object.assign(panel, { datasource: { uid: 'mine' } }),
  'panel-title-description-rule': (_, panel) => Object.assign(panel, { description: ' ' }),
  'panel-units-rule': (_, panel) => Object.assign(panel.fieldConfig!.defaults, { unit: 'mails' }),
  'panel-no-targets-rule': (_, panel) => Object.assign(panel, { targets: [] }),
  'target-logql-rule': (_, __, target) => Object.assign(target, { datasource: { type: 'loki' } }),
  'target-logql-auto-rule': (_, __, target) => Object.assign(target, { datasource: { type: 'loki' } }),
  'target-promql-rule': (_, __, target) => Object.assign(target, { expr: 'sum(' }),
  'target-rate-interval-rule': (_, __, target) => Object.assign(target, { expr: 'sum(rate(a_total[5m]))' }),
  'target-job-rule': (_, __, target) => Object.assign(target, { expr: 'one{instance=~"$instance"}' }),
  'target-instance-rule': (_, __, target) => Object.assign(target, { expr: 'one{job=~"$job"}' }),
  'target-counter-agg-rule': (_, __, target) => Object.assign(target, { expr: 'max_over_time(a_total[5m])' }),
};

test('every rule finds its defect', () => {
  const messages = (board: Dashboard, rule: string) =>
    lint(board)
      .filter((f) => f.rule === rule)
      .map((f) => f.message);
  for (const rule of RULES) {
    const broken = structuredClone(OVERVIEW);
    const panel = panelsOf(broken)[0]!;
    DEFECTS[rule]!(broken, panel, panel.targets![0]!);
    assert.notDeepEqual(messages(broken, rule), messages(OVERVIEW, rule), rule);
  }
});

for (const board of BOARDS) {
  test(`${board.title}: ids and places are unique, links lead somewhere, nothing is left by machine`, () => {
    const all = [...board.panels, ...board.panels.flatMap(({ panels = [] }) => panels)];
    assert.equal(new Set(all.map(({ id }) => id)).size, all.length, 'panel ids');
    assert.ok(
      all.every(({ id }) => Number.isInteger(id) && id > 0),
      'panel ids',
    );
    const places = [board.panels, ...board.panels.map(({ panels = [] }) => panels)];
    for (const placed of places) assert.deepEqual(overlaps(placed), []);
    for (const url of urls(board).filter((url) => !leadsOut(url))) assert.deepEqual(linkProblems(url), [], url);
    for (const { type, title } of all) assert.ok(KINDS.includes(type), `${title} is a ${type}`);
    assert.ok(
      board.links.every(({ type, includeVars, keepTime }) => type === 'link' || (includeVars && keepTime)),
      'links carry variables and time',
    );
    assert.equal(board.schemaVersion, 42);
    const names = [
      ...JSON.stringify(board).matchAll(
        /"(inControlsMenu|repeatDirection|auto_min|auto_count|pluginVersion|__inputs|skipUrlSync|transparent)":/g,
      ),
    ];
    assert.deepEqual(
      names.map(([name]) => name),
      [],
    );
    const open = board.panels.filter(({ type }) => type !== 'row').flatMap(({ targets = [] }) => targets);
    assert.ok(open.length + board.annotations.list.length < 40, `${open.length} queries when it opens`);
  });
}

function overlaps(panels: readonly Panel[]): string[] {
  const cells = new Map<string, number>();
  const found: string[] = [];
  for (const { id, gridPos } of panels) {
    const { x, y, w, h } = gridPos;
    if (x < 0 || x + w > 24) found.push(`panel ${id} is wider than the page`);
    for (let column = x; column < x + w; column++) {
      for (let row = y; row < y + h; row++) {
        const taken = cells.get(`${column},${row}`);
        if (taken !== undefined) found.push(`panel ${id} lies over panel ${taken} at ${column},${row}`);
        cells.set(`${column},${row}`, id);
      }
    }
  }
  return found;
}

const urls = (node: unknown): string[] =>
  typeof node !== 'object' || node === null
    ? []
    : Object.entries(node).flatMap(([key, value]) =>
        key === 'url' && typeof value === 'string' ? [value] : urls(value),
      );

/** To a runbook, to the exporter's own page, to the page of a blocklist. */
const leadsOut = (url: string): boolean => /^\$\{(runbooks|exporter)\}|^\$\{__data\.fields\["Delisting"\]\}$/.test(url);

/** Of a link to a dashboard: that it is there, and has the variables that the link sets. */
function linkProblems(url: string): string[] {
  const [, uid] = /^\/d\/([\w-]+)/.exec(url) ?? [];
  const to = BOARDS.find((board) => board.uid === uid);
  if (!to) return [`no dashboard has the uid ${uid}`];
  const variables = to.templating.list.map(({ name }) => name);
  return [...url.matchAll(/var-(\w+)=/g)]
    .map(([, name]) => name!)
    .filter((name) => !variables.includes(name))
    .map((name) => `${to.title} has no variable ${name}`);
}

/** What Grafana lets an override change, beside units, colours and the like of every kind; it passes over anything else in silence. */
const OVERRIDABLE: Record<string, readonly string[]> = {
  table: ['align', 'cellOptions', 'hidden', 'hideFrom.viz', 'minWidth', 'width'],
  timeseries: ['drawStyle', 'fillBelowTo', 'fillOpacity', 'hideFrom', 'lineStyle', 'lineWidth', 'pointSize'],
};

test('overrides change what their kind of panel has', () => {
  for (const board of BOARDS)
    for (const { id, type, fieldConfig } of panelsOf(board))
      for (const property of (fieldConfig?.overrides ?? []).flatMap(({ properties }) => properties)) {
        const [, own] = /^custom\.(.*)/.exec(property.id) ?? [];
        if (own !== undefined) assert.ok(OVERRIDABLE[type]?.includes(own), `${board.uid} ${id}: ${property.id}`);
      }
});

test('links in alerts lead to a dashboard and set what it has', () => {
  const found = readdirSync(join(ROOT, 'rules'))
    .filter((name) => name.endsWith('.yml'))
    .flatMap((name) => [...read(`rules/${name}`).matchAll(/dashboard_url: '([^']+)'/g)]);
  assert.ok(found.length > 0);
  for (const [, url] of found) assert.deepEqual(linkProblems(url!), [], url);
});

test('links within a dashboard keep the data source and the time, and speak of columns that are there', () => {
  for (const panel of BOARDS.flatMap(panelsOf)) {
    const columns = panel.fieldConfig?.overrides.map(({ matcher }) => matcher.options) ?? [];
    for (const [, name] of urls(panel).flatMap((url) => [...url.matchAll(/__data\.fields\["([^"]+)"\]/g)]))
      assert.ok(columns.includes(name), `${panel.title} has no column ${name}`);
  }
  for (const url of BOARDS.flatMap(urls).filter((url) => !leadsOut(url)))
    assert.match(url, /\$\{datasource:queryparam\}.*\$\{__url_time_range\}/);
});

test('no number is written down that a threshold series holds', () => {
  for (const panel of BOARDS.flatMap(panelsOf)) {
    const steps = panel.fieldConfig?.defaults.thresholds?.steps ?? [];
    assert.deepEqual(
      steps.filter(({ value }) => value !== null),
      [],
      panel.title,
    );
  }
  const shown = (ids: readonly number[]) => ids.map((id) => panelsOf(OVERVIEW).find((panel) => panel.id === id)!);
  for (const { title, targets = [] } of shown([2, 3, 4, 8, 9, 10, 42])) {
    assert.ok(
      targets.some(({ refId, expr }) => refId === 'limits' && /email_threshold:\w+\{/.test(expr ?? '')),
      title,
    );
  }
});

test('the overview tells what is wrong without scrolling', () => {
  // 1080 pixels less the browser's and Grafana's own bars; a row of the grid is 38 high.
  const rows = Math.floor((1080 - 220) / 38);
  const shown = OVERVIEW.panels.filter(({ gridPos }) => gridPos.y + gridPos.h <= rows).map(({ title }) => title);
  for (const title of ['Mail now', 'Bounce rate', 'Active alerts', 'Domains, worst first', 'Bounce rate by domain'])
    assert.ok(shown.includes(title), title);
});

test('provisioning finds the dashboards and knows how often Prometheus scrapes', () => {
  const { datasources } = parse(read('grafana/provisioning/datasources/deliverability.yaml')) as {
    datasources: { type: string; uid: string; url: string; jsonData: Record<string, string> }[];
  };
  const { global } = parse(read('prometheus/prometheus.yml')) as { global: { scrape_interval: string } };
  const prometheus = datasources.filter(({ type }) => type === 'prometheus');
  assert.deepEqual(
    prometheus.map(({ url, jsonData }) => [url, jsonData.timeInterval]),
    [['http://prometheus:9090', global.scrape_interval]],
  );
  const { providers } = parse(read('grafana/provisioning/dashboards/deliverability.yaml')) as {
    providers: { options: { path: string } }[];
  };
  assert.deepEqual(
    providers.map(({ options }) => options.path),
    ['/etc/grafana/dashboards'],
  );
});

// --- With a real Prometheus ----------------------------------------------------------------------------------------------

/** Of each variable one value that goes with the others. */
const ONE: Chosen = {
  sending_domain: 'news.example.com',
  sending_ip: '192.0.2.10',
  provider: 'google',
  source: 'sendgrid',
  campaign: 'weekly-digest',
  target: '192.0.2.10',
  list: 'spamhaus-zen',
  issue_type: 'high_bounce_rate',
  instance: '127.0.0.1:9871',
};
type Chosen = Readonly<Record<string, string>>;

/** As Grafana would ask at 120 points; the history has samples every 30 s, so rates need two minutes. Half the day, so that there is one before. */
function filled(expr: string, day: DemoDay, chosen: Chosen = {}): string {
  const range = `${(day.end - day.start) / 2}s`;
  const variables = Object.keys(ONE).reduce(
    (text, name) => text.replaceAll(`$${name}`, (chosen[name] ?? '.*').replaceAll('.', chosen[name] ? '\\\\.' : '.')),
    expr,
  );
  return variables.replaceAll('$__rate_interval', '2m').replaceAll('$__interval', '2m').replaceAll('$__range', range);
}

interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: [number, string][];
}

async function ask(day: DemoDay, path: string, parameters: Record<string, string>): Promise<Series[]> {
  const answer = await fetch(`${day.url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const body = (await answer.json()) as { status: string; error?: string; data?: { result: Series[] } };
  assert.equal(body.status, 'success', `${body.error}: ${parameters.query}`);
  return body.data!.result;
}

const at = (day: DemoDay, expr: string, time: number, chosen?: Chosen) =>
  ask(day, 'query', { query: filled(expr, day, chosen), time: String(time) });
const over = (day: DemoDay, expr: string, chosen?: Chosen) =>
  ask(day, 'query_range', {
    query: filled(expr, day, chosen),
    start: String(day.start),
    end: String(day.end),
    step: '120',
  });

const exprOf = (id: number, refId: string): string =>
  panelsOf(OVERVIEW)
    .find((panel) => panel.id === id)!
    .targets!.find((target) => target.refId === refId)!.expr!;

test('with a day of the demo', async (t) => {
  // Prometheus keeps its blocks by two hours: from one border to another there are fewest of them to fill.
  const border = Math.floor(Date.now() / 7_200_000) * 7200;
  const day = await demoDay(4, border);
  t.after(() => day.stop());
  // The past holds a bounce storm at news.example.com from 15 % of it on, for half an hour.
  const storm = day.start + 0.15 * (day.end - day.start) + 25 * 60;

  // A table of the present is asked at the end, and in the midst of each incident of the past (demo/world.ts).
  const moments = [day.end, ...PAST.map(([, part]) => day.start + part * (day.end - day.start) + 25 * 60)];

  async function answered({ expr, instant }: Target): Promise<boolean> {
    if (!instant) return (await over(day, expr!)).length > 0;
    for (const moment of moments) if ((await at(day, expr!, moment)).length > 0) return true;
    return false;
  }

  await t.test('every query of every panel is answered, with data', async () => {
    const empty: string[] = [];
    const answers: string[] = [];
    for (const board of BOARDS) {
      for (const panel of panelsOf(board)) {
        for (const target of panel.targets ?? []) {
          const key = `${board.uid.replace('deliverability-', '')}/${panel.id} ${target.refId}`;
          if (await answered(target)) answers.push(key);
          else empty.push(key);
        }
      }
      for (const { name, expr } of board.annotations.list) {
        if ((await over(day, expr!)).length === 0) empty.push(`${board.title}: ${name}`);
      }
    }
    assert.deepEqual(
      empty.filter((key) => !(key in MAY_BE_EMPTY)),
      [],
    );
    assert.deepEqual(
      answers.filter((key) => key in MAY_BE_EMPTY),
      [],
      'not empty any more',
    );
  });

  await t.test('and also when one of each is chosen', async () => {
    for (const panel of BOARDS.flatMap(panelsOf)) {
      for (const { expr, instant } of panel.targets ?? [])
        await (instant ? at(day, expr!, storm, ONE) : at(day, `last_over_time((${expr})[4m:2m])`, storm, ONE));
    }
    const names = (await at(day, exprOf(6, 'bounced'), storm, ONE)).map(({ metric }) => metric.sending_domain);
    assert.deepEqual(names, ['news.example.com']);
  });

  await t.test('variables offer what there is', async () => {
    for (const { name, type, query } of BOARDS.flatMap(({ templating }) => templating.list)) {
      if (type !== 'query') continue;
      const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec((query as { query: string }).query)!;
      const url = new URL(`${day.url}/api/v1/label/${label}/values`);
      url.searchParams.set('match[]', filled(selector!, day));
      const { data } = (await (await fetch(url)).json()) as { data: string[] };
      assert.ok(data.length > 0, name);
    }
  });

  await t.test('the storm shows at a glance: state, tile, thresholds, alert, domain, mark', async () => {
    const number = (series: Series | undefined) => Number(series?.value?.[1] ?? series?.values?.at(-1)?.[1]);
    assert.equal(number((await at(day, exprOf(1, 'A'), storm))[0]), 5, 'critical');
    const tile = new Map(
      (await at(day, exprOf(2, 'A'), storm)).map((series) => [series.metric.sending_domain, number(series)]),
    );
    assert.deepEqual([...tile.keys()].sort(), ['All mail', 'news.example.com']);
    assert.ok(tile.get('news.example.com')! > 0.3);
    const [steps] = await at(day, exprOf(2, 'limits'), storm);
    assert.deepEqual([steps?.metric.step1, steps?.metric.step2, steps?.metric.step3], ['0', '0.05', '0.1']);
    const alerts = (await at(day, exprOf(5, 'state'), storm)).map(({ metric }) => [
      metric.alertname,
      metric.where?.trim(),
    ]);
    // Worst first; then what the storm is seen by besides: its campaign, and the scores of the addresses it left from.
    assert.deepEqual(alerts[0], ['EmailBounceRateHigh', 'news.example.com']);
    assert.deepEqual(
      [...new Set(alerts.map(([name]) => name))],
      ['EmailBounceRateHigh', 'EmailCampaignBouncing', 'EmailReputationFalling'],
    );
    const states = new Map(
      (await at(day, exprOf(6, 'state'), storm)).map((series) => [series.metric.sending_domain, number(series)]),
    );
    assert.equal(states.get('news.example.com'), 5);
    assert.equal(states.get('shop.example.net'), 0);
    const marks = await over(day, OVERVIEW.annotations.list[0]!.expr!);
    assert.ok(
      marks.some(
        ({ metric, values }) =>
          metric.sending_domain === 'news.example.com' && values!.some(([time]) => Math.abs(time - storm) <= 120),
      ),
    );
  });

  await t.test('before the storm all is fine', async () => {
    const [fine] = await at(day, exprOf(1, 'A'), storm - 30 * 60);
    assert.equal(fine?.value?.[1], '0');
    assert.deepEqual(await at(day, exprOf(5, 'state'), storm - 30 * 60), []);
  });
});
