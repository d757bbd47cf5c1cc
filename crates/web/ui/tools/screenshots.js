// Takes screenshots of a running demonstration.
//
//   node tools/screenshots.js URL DIRECTORY          all views, both themes, three widths
//   node tools/screenshots.js URL DIRECTORY readme   the pictures of README.md
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const HEIGHTS = { 1440: 900, 768: 1024, 320: 640 };
const VIEWS = {
  ecosystem: '/ecosystem?overlay=compliance',
  groups: '/ecosystem?group=team',
  impact: '/ecosystem?node=sessions&impact=1',
  graph: '/ecosystem?as=graph',
  list: '/ecosystem?as=list',
  projects: '/projects',
  project: '/projects/checkout',
  incidents: '/incidents',
  actions: '/actions',
};

const [, , url, directory, mode] = process.argv;
mkdirSync(directory, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});

async function take(path, file, { width, height, theme, fullPage = false }) {
  const viewport = { width, height };
  const page = await browser.newPage({ viewport, colorScheme: theme });
  await page.goto(url + path);
  await page.waitForSelector('[data-ready]');
  // Parts that are read later.
  await page.waitForTimeout(2_000);
  await page.screenshot({ path: join(directory, file), fullPage });
  await page.close();
}

/** Waits until a project of the demonstration is offline, so that there is something to see. */
async function untilOutage() {
  for (;;) {
    const answer = await fetch(`${url}/api/fed/projects?status=offline&fields=slug`);
    const [failed] = await answer.json();
    if (failed !== undefined) return failed.slug;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

for (const theme of ['light', 'dark']) {
  if (mode === 'readme') {
    const failed = await untilOutage();
    const path = `/ecosystem?node=${failed}&as=graph`;
    await take(path, `ecosystem-${theme}.png`, { width: 1600, height: 900, theme });
    continue;
  }
  for (const [name, path] of Object.entries(VIEWS)) {
    for (const [width, height] of Object.entries(HEIGHTS)) {
      const fullPage = !path.includes('ecosystem');
      await take(path, `${name}-${theme}-${width}.png`, { width: Number(width), height, theme, fullPage });
    }
  }
}
await browser.close();
