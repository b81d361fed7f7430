/**
 * The pages for people in a real browser: narrow and wide, light and dark, without JavaScript; nothing is cut off, nothing hinders
 * (axe-core's rules, WCAG 2.2 AA), and a verdict is two clicks or some keys away.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import axe from 'axe-core';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { tool } from '../stack/tools.ts';
import { type Exporter, startExporter } from './exporter.ts';

const SRE = { username: 'sre', password: 'see' };
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const CONFIG = `
alerts: { auth: none }
incidents: { auth: { basic: [ { username: sre, password: { env: SEE } } ] } }
checks: { blocklists: { lists: [psbl, spamcop] } }
resolver: { servers: ['127.0.0.1:1'] }
sources: { push: { auth: none }, an-mta-with-a-rather-long-name: { type: push, auth: none } }
`;

const program = await tool('chromium').catch((error: Error) => error);
const skip = program instanceof Error && `there is no Chromium here, and none can be had: ${program.message}`;

/** Words as long as they come. */
const LABELS = {
  alertname: 'EmailCampaignComplaints',
  issue_type: 'high_complaint_rate',
  sending_domain: 'a-rather-long-subdomain.newsletters.example.com',
  sending_ip: '2001:db8:1234:5678:9abc:def0:1234:5678',
  campaign: 'spring-sale-with-a-name-that-somebody-in-marketing-chose-and-that-does-not-end',
};

async function filled(t: TestContext): Promise<Exporter> {
  const exporter = await startExporter(t, { config: CONFIG, env: { SEE: SRE.password } });
  const severities = ['critical', 'high', 'medium', 'low', 'info'];
  const alerts = [...severities, 'over'].map((name, i) => ({
    status: name === 'over' ? 'resolved' : 'firing',
    labels: { ...LABELS, severity: severities[i] ?? 'high' },
    annotations: { summary: `Complaints about ${LABELS.campaign} of ${LABELS.sending_domain} (${name})` },
    startsAt: new Date(Date.now() - (i + 1) * 3600_000).toISOString(),
    ...(name === 'over' && { endsAt: new Date().toISOString() }),
    fingerprint: name,
  }));
  assert.equal((await exporter.post('/alerts', JSON.stringify({ alerts }))).status, 200);
  const events = ['delivered', 'bounced'].map((kind) => ({ id: kind, kind, at: new Date().toISOString() }));
  assert.equal((await exporter.post('/api/v1/events', JSON.stringify(events))).status, 200);
  return exporter;
}

interface Told {
  id: string;
  severity: string;
  state: string;
  acknowledged: string | null;
  verdict: { verdict: string } | null;
  links: Record<'page' | 'acknowledge' | 'false_positive', string>;
}

async function incidents({ url }: Exporter): Promise<Told[]> {
  const headers = { authorization: `Basic ${btoa(`${SRE.username}:${SRE.password}`)}` };
  return ((await (await fetch(`${url}/api/v1/incidents`, { headers })).json()) as { incidents: Told[] }).incidents;
}

const one = async (exporter: Exporter, severity: string): Promise<Told> =>
  (await incidents(exporter)).find((told) => told.severity === severity && told.state === 'open')!;

const SIZES = [360, 1280];
const SCHEMES = ['light', 'dark'] as const;

const SCRIPT = (runOnly: object) => `axe.run(document, ${JSON.stringify({ runOnly, resultTypes: ['violations'] })})
  .then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`;

/** Only colours depend on the scheme. */
const violations = (page: Page, scheme: 'light' | 'dark'): Promise<string[]> =>
  page.evaluate(SCRIPT(scheme === 'light' ? RULES : { type: 'rule', values: ['color-contrast'] }));

/** What somebody would call broken of the page that is open. */
async function faults(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    for (const width of SIZES) {
      await page.setViewportSize({ width, height: 740 });
      const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
      if (wide > width) found.push(`${wide} px on a screen of ${width}`);
    }
    found.push(...(await violations(page, colorScheme)).map((violation) => `${colorScheme}: ${violation}`));
    const back = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const bright = Number(/\d+/.exec(back)) > 128;
    if (bright !== (colorScheme === 'light')) found.push(`${back} is not ${colorScheme}`);
  }
  return found;
}

test('in Chromium', { skip }, async (all) => {
  const browser = await chromium.launch({ executablePath: program as string });
  all.after(() => browser.close());
  const exporter = await filled(all);

  async function open(t: TestContext, options: BrowserContextOptions): Promise<{ page: Page; thrown: string[] }> {
    const context = await browser.newContext(options);
    t.after(() => context.close());
    const page = await context.newPage();
    const thrown: string[] = [];
    page.on('pageerror', ({ message }) => thrown.push(message));
    // A page that says 404 is one of ours, too.
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        thrown.push(message.text());
    });
    return { page, thrown };
  }

  await all.test('every page fits and hinders nobody, narrow and wide, light and dark', async (t) => {
    const { links } = await one(exporter, 'critical');
    const ours = ['/incidents', '/', links.page, links.acknowledge, `${links.acknowledge}x`, '/incidents/none'];
    const known = await open(t, { baseURL: exporter.url, httpCredentials: SRE });
    const stranger = await open(t, { baseURL: exporter.url });
    for (const [{ page, thrown }, paths] of [
      [known, ours],
      [stranger, ['/']],
    ] as const) {
      await page.addInitScript(axe.source);
      for (const path of paths) {
        await page.goto(path);
        assert.deepEqual(await faults(page), [], path);
      }
      assert.deepEqual(thrown, []);
    }
    assert.doesNotMatch(await stranger.page.content(), /Complaints|spring-sale/);
  });

  await all.test(
    'without JavaScript, by mouse, on a phone: from the first page to a verdict in two clicks',
    async (t) => {
      const { page } = await open(t, {
        ...{ baseURL: exporter.url, httpCredentials: SRE, javaScriptEnabled: false },
        viewport: { width: 360, height: 740 },
      });
      // Asked once, a browser says of itself who one is.
      await page.goto('/incidents');
      await page.goto('/');
      await page.getByRole('link', { name: /\(critical\)/ }).click();
      await page.getByRole('button', { name: 'False alarm' }).click();
      await page.getByRole('heading', { name: 'Thank you' }).waitFor();
      assert.equal((await one(exporter, 'critical')).verdict?.verdict, 'false_positive');
      assert.equal((await one(exporter, 'high')).verdict, null);
    },
  );

  await all.test(
    'a link from a message changes nothing until the button on its page is pressed, by keys alone',
    async (t) => {
      const { page } = await open(t, { baseURL: exporter.url, javaScriptEnabled: false });
      for (const act of ['acknowledge', 'false_positive'] as const) {
        const { links } = await one(exporter, 'high');
        await page.goto(links[act]);
        const before = await one(exporter, 'high');
        assert.equal(act === 'acknowledge' ? before.acknowledged : before.verdict, null);
        await tabTo(page, 'BUTTON');
        await page.keyboard.press(act === 'acknowledge' ? 'Enter' : 'Space');
        await page.getByRole('heading', { name: 'Thank you' }).waitFor();
      }
      const { acknowledged, verdict } = await one(exporter, 'high');
      assert.ok(acknowledged);
      assert.equal(verdict?.verdict, 'false_positive');
    },
  );

  await all.test('from the first page to a verdict by keys alone, and one sees where one is', async (t) => {
    const { page } = await open(t, { baseURL: exporter.url, httpCredentials: SRE, javaScriptEnabled: false });
    await page.goto('/incidents');
    await page.goto('/');
    await tabTo(page, 'A', /\(medium\)/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: /\(medium\)/ }).waitFor();
    await tabTo(page, 'BUTTON', /It was right/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Thank you' }).waitFor();
    assert.equal((await one(exporter, 'medium')).verdict?.verdict, 'true_positive');
  });
});

interface Focus {
  tag: string;
  text: string;
  /** Something shows that it is there. */
  ring: boolean;
}
const FOCUS = `(() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  const { tagName, textContent } = document.activeElement;
  return { tag: tagName, text: textContent, ring: outlineStyle !== 'none' && outlineWidth !== '0px' };
})()`;

/** As somebody without a mouse gets there, and with the ring that shows where they are. */
async function tabTo(page: Page, tag: string, text = /./): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate<Focus>(FOCUS);
    assert.ok(at.tag === 'BODY' || at.ring, `nothing shows that the focus is on ${at.tag} ${at.text}`);
    if (at.tag === tag && text.test(at.text)) return;
  }
  assert.fail(`40 times the tab key, and still not on ${tag} ${text}`);
}
