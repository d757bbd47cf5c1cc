// Takes screenshots of all views of a running demonstration, in both themes and three widths.
//
//   node tools/screenshots.js URL DIRECTORY [VIEW]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const WIDTHS = [1440, 768, 320];
const HEIGHTS = { 1440: 900, 768: 1024, 320: 640 };
const VIEWS = {
  ecosystem: '/ecosystem',
  groups: '/ecosystem?group=team',
  impact: '/ecosystem?node=postgres-main',
  projects: '/projects',
  project: '/projects/checkout',
};

const [, , url, directory, only] = process.argv;
mkdirSync(directory, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
for (const [name, path] of Object.entries(VIEWS)) {
  if (only !== undefined && only !== name) continue;
  for (const theme of ['light', 'dark']) {
    for (const width of WIDTHS) {
      const viewport = { width, height: HEIGHTS[width] };
      const page = await browser.newPage({ viewport, colorScheme: theme });
      await page.goto(url + path);
      await page.waitForSelector('[data-ready]');
      // Data of parts that are read later.
      await page.waitForTimeout(1_500);
      const file = join(directory, `${name}-${theme}-${width}.png`);
      await page.screenshot({ path: file, fullPage: width !== 1440 && !path.startsWith('/ecosystem') });
      await page.close();
    }
  }
}
await browser.close();
