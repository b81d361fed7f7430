/**
 * Every dashboard, light and dark, becomes a picture drawn by headless Chromium, and a list of what is wrong with it: whatever throws or is
 * refused, a panel that is empty and may not be, text or a column that is cut off, an incident that does not show without scrolling.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type IncidentName, PAST } from '../../demo/world.ts';
import { tool } from '../../stack/tools.ts';
import { MAY_BE_EMPTY } from '../../test/may-be-empty.ts';
import { addressOf, type Board, boards, serve } from './serve.ts';
import type { Report } from './src/report.ts';

/** A reader on a slow line waits for all of them. */
const MOST_BYTES = 150_000;
const WIDTH = 1600;
/** Windows in which an incident has to show without scrolling. */
const WINDOWS = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];
/** No picture is higher, whatever else a dashboard has. */
const HIGHEST = 1500;
/** When all of an incident is in the window of the rates. */
const INTO_S = 25 * 60;
/** Shown against the time before it, which a day has only for a part of itself. */
const COMPARING = new Set(['campaigns']);
const THEMES = ['light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

export interface Shots {
  day: { url: string; start: number; end: number; step: number };
  dashboards: string;
  out: string;
  only?: string;
}

/** In a page as somebody would see it then: clock, zone and language are fixed, so that the same data are the same picture. */
async function open(browser: Browser, url: string, now: number, size: { width: number; height: number }) {
  const page = await browser.newPage({ viewport: size, timezoneId: 'UTC', locale: 'en-GB', reducedMotion: 'reduce' });
  const thrown: string[] = [];
  page.on('pageerror', ({ message }) => thrown.push(`thrown: ${message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') thrown.push(`console: ${message.text()}`);
  });
  await page.clock.setFixedTime(1000 * now);
  await page.goto(url);
  await settled(page);
  return { page, thrown };
}

async function settled(page: Page): Promise<void> {
  const idle = 'window.__preview?.pending === 0 && document.querySelector("[data-panel], #root:not(:empty)") !== null';
  await page.waitForFunction(idle, undefined, { timeout: 60_000 });
  await page.waitForTimeout(300);
  await page.waitForFunction(idle, undefined, { timeout: 60_000 });
  await page.waitForTimeout(300);
}

const reportOf = (page: Page): Promise<Report> => page.evaluate('window.__preview') as Promise<Report>;

/** Tables draw only the rows in sight, so the window becomes as high as the page. */
async function wholePage(page: Page): Promise<void> {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: WIDTH, height });
  await settled(page);
}

/** Unix seconds. */
function during({ day: { start, end } }: Shots, incident: IncidentName): number {
  const [, part] = PAST.find(([name]) => name === incident)!;
  return start + part * (end - start) + INTO_S;
}

/** As good as fits. */
async function image(page: Page, file: string): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  let size = 0;
  for (const quality of [80, 70, 60, 50]) {
    const { width, height } = page.viewportSize()!;
    const clip = { x: 0, y: 0, width, height: Math.min(height, HIGHEST), scale: 1 };
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality, clip });
    const picture = Buffer.from(data, 'base64');
    writeFileSync(file, picture);
    size = picture.length;
    if (size < MOST_BYTES) return [];
  }
  return [`the picture has ${Math.round(size / 1000)} kB`];
}

/** What is wrong inside of panels. Runs in the page. */
function faults(): string[] {
  const found: string[] = [];
  for (const panel of document.querySelectorAll<HTMLElement>('[data-panel]')) {
    const say = (words: string) => found.push(`${panel.dataset.title}: ${words}`);
    if (!panel.querySelector('canvas, [role=grid], [data-drawn]:not([data-drawn="0"])')) say('nothing is drawn');
    for (const canvas of panel.querySelectorAll('canvas')) {
      const { width, height } = canvas;
      const pixels = width * height > 0 ? canvas.getContext('2d')!.getImageData(0, 0, width, height).data : [];
      if (!pixels.some((part) => part > 0)) say('a canvas is blank');
    }
    for (const grid of panel.querySelectorAll('[role=grid]'))
      if (grid.scrollWidth > grid.clientWidth + 1) say('columns are cut off');
    const texts = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      if (text.textContent!.trim() === '' || text.parentElement!.closest('title, [role=tooltip]')) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      const box = range.getBoundingClientRect();
      if (box.width === 0) continue;
      // Rows of a table and columns that are told already may be scrolled to.
      const scrolled = text.parentElement!.closest('[role=grid]');
      for (let around = text.parentElement!; ; around = around.parentElement!) {
        if (around === scrolled) break;
        const { overflowX, overflowY } = getComputedStyle(around);
        const { left, right, top, bottom } = around.getBoundingClientRect();
        const across = overflowX !== 'visible' && (box.left < left - 1 || box.right > right + 1);
        const down = overflowY !== 'visible' && !scrolled && (box.top < top - 3 || box.bottom > bottom + 3);
        if (around === panel ? box.right > right + 1 || box.bottom > bottom + 3 : across || down)
          say(`cut off: "${text.textContent}"`);
        if (around === panel) break;
      }
    }
  }
  return [...new Set(found)];
}

async function looked(page: Page, uid: string): Promise<string[]> {
  const { errors, empty } = await reportOf(page);
  const titles = await page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll<HTMLElement>('[data-panel]')].map(({ dataset }) => [dataset.panel, dataset.title]),
    ),
  );
  const excused = (panel: string): boolean =>
    empty[Number(panel)]!.queries.every((query) => `${nameOf(uid)}/${panel} ${query}` in MAY_BE_EMPTY);
  const bare = Object.keys(empty).filter((panel) => empty[Number(panel)]!.whole);
  const wrong = bare.filter((panel) => !excused(panel)).map((panel) => `${titles[panel]}: no data (panel ${panel})`);
  const fine = new Set(bare.map((panel) => `${titles[panel]}: nothing is drawn`));
  return [...errors, ...wrong, ...(await page.evaluate(faults)).filter((fault) => !fine.has(fault))];
}

async function board(browser: Browser, origin: string, shots: Shots, { uid }: Board, theme: Theme): Promise<string[]> {
  // In the midst of something: a quiet day shows no alert, and nothing that got worse.
  const now = during(shots, 'provider_block');
  const span = COMPARING.has(nameOf(uid)) ? `&from=${1000 * (now - 6 * 3600)}&to=${1000 * now}` : '';
  const url = `${origin}/d/${uid}?theme=${theme}&scrape=${shots.day.step}${span}`;
  const { page, thrown } = await open(browser, url, now, { width: WIDTH, height: 900 });
  await wholePage(page);
  const found = await image(page, join(shots.out, `${nameOf(uid)}-${theme}.webp`));
  // As shipped for the picture; then what is in closed rows, by a click as a person would.
  for (const row of await page.locator('[data-row][aria-expanded=false]').all()) await row.click();
  await wholePage(page);
  found.push(...(await looked(page, uid)), ...thrown);
  await page.close();
  return found;
}

const nameOf = (uid: string): string => uid.replace(/^deliverability-/, '');

/** The state and the bounce tile are red, the alert is listed first, the mark is on the trend: all of it without scrolling. */
async function incident(browser: Browser, origin: string, shots: Shots, theme: Theme): Promise<string[]> {
  const found: string[] = [];
  const now = during(shots, 'bounce_storm');
  const url = `${origin}/d/deliverability-overview?theme=${theme}&scrape=${shots.day.step}`;
  for (const size of WINDOWS) {
    const { page, thrown } = await open(browser, url, now, size);
    const shown = await page.evaluate(visible);
    const wanted: (keyof typeof shown)[] = ['state', 'tile', 'alert', 'mark'];
    found.push(
      ...wanted.filter((what) => !shown[what]).map((what) => `${size.width}×${size.height}: ${what} does not show`),
    );
    found.push(...thrown, ...(await reportOf(page)).errors);
    if (size === WINDOWS[0]) found.push(...(await image(page, join(shots.out, `overview-incident-${theme}.webp`))));
    await page.close();
  }
  return found;
}

/** Runs in the page. */
function visible() {
  const inSight = (element: Element | null | undefined): boolean => {
    if (!element) return false;
    const { top, bottom, width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && top >= 0 && bottom <= innerHeight;
  };
  const panel = (title: string) => document.querySelector(`[data-title^="${title}"]`);
  const red = (element: Element): boolean => {
    const { backgroundColor, backgroundImage } = getComputedStyle(element);
    return [...`${backgroundColor} ${backgroundImage}`.matchAll(/rgba?\((\d+), (\d+), (\d+)/g)].some(
      ([, r, g, b]) => Number(r) > 170 && Number(g) < 110 && Number(b) < 130,
    );
  };
  const redIn = (title: string): boolean =>
    [...(panel(title)?.querySelectorAll('*') ?? [])].some((one) => red(one) && inSight(one));
  const firstRow = panel('Active alerts')?.querySelector('[role=row][aria-rowindex="2"]');
  const first = firstRow?.textContent ?? '';
  return {
    state: redIn('Mail now'),
    tile: redIn('Bounce rate'),
    alert: inSight(firstRow?.querySelector('[role=gridcell]')) && /^Critical.*EmailBounceRateHigh/.test(first),
    mark: inSight(panel('Bounce rate by domain')?.querySelector('[data-mark=red]')),
  };
}

export async function shoot(shots: Shots): Promise<number> {
  mkdirSync(shots.out, { recursive: true });
  const server = await serve(shots.day.url, shots.dashboards);
  const origin = addressOf(server);
  const browser = await chromium.launch({ executablePath: await tool('chromium') });
  let faulty = 0;
  const tell = (what: string, found: string[]) => {
    faulty += found.length;
    console.log([`${found.length === 0 ? 'ok' : 'NOT OK'} ${what}`, ...new Set(found)].join('\n    '));
  };
  try {
    for (const theme of THEMES) {
      for (const one of boards(shots.dashboards)) {
        if (shots.only !== undefined && nameOf(one.uid) !== shots.only) continue;
        tell(`${nameOf(one.uid)}, ${theme}`, await board(browser, origin, shots, one, theme));
      }
      if (shots.only === undefined || shots.only === 'overview')
        tell(`overview during the incident, ${theme}`, await incident(browser, origin, shots, theme));
    }
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
  return faulty;
}
