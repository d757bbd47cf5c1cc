import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from './service';
import { expectAccessible, HOSTILE, World } from './world';

const world = new World();
const READY = '[data-ready=projects]';

beforeAll(async () => {
  await world.start();
  await world.register('alpha', { tags: ['team:core', 'go'], heartbeat_interval_seconds: 60 });
  await world.register('beta', { tags: ['team:web'], heartbeat_interval_seconds: 60 });
  await world.register('hostile', { name: HOSTILE, tags: ['<script>alert(1)</script>'] });
  await world.beat('alpha');
  await world.beat('beta', { status: 'degraded', degradedReasons: ['<i>disk</i> full'] });
});
afterAll(() => world.stop());
afterEach(() => expect(world.problems.splice(0)).toEqual([]));

const slugs = (page: import('playwright-core').Page) =>
  page.locator('[data-slug]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-slug')));

describe('the table of projects', () => {
  it('shows names, tags and reasons with markup as text', async () => {
    const page = await world.page();
    await page.goto('/projects');
    await page.waitForSelector(READY);
    const row = page.locator('[data-slug=hostile]');
    expect(await row.getByRole('link').textContent()).toBe(HOSTILE);
    expect(await row.textContent()).toContain('<script>alert(1)</script>');
    expect(await page.locator('[data-slug=beta]').textContent()).toContain('<i>disk</i> full');
    expect(await page.locator('[role=table] :is(img, b, i, script)').count()).toBe(0);
    expect(await page.title()).toBe('Projects · Federation');
    await page.context().close();
  });

  it('never shows an unknown status as the last known one', async () => {
    const page = await world.page();
    await page.goto('/projects?status=unknown');
    await page.waitForSelector(READY);
    // It was never heard, and the service does not listen for long enough to say that it is offline.
    expect(await slugs(page)).toEqual(['hostile']);
    expect(await page.locator('[data-slug=hostile]').textContent()).toContain('Unknown');
    await page.context().close();
  });

  it('keeps filters and sorting in the URL', async () => {
    const page = await world.page();
    await page.goto('/projects?sort=-name');
    await page.waitForSelector(READY);
    expect(await slugs(page)).toEqual(['beta', 'alpha', 'hostile']);
    await page.getByLabel('Filter by team').selectOption('team:core');
    await page.keyboard.press('/');
    await page.keyboard.type('alp');
    expect(await slugs(page)).toEqual(['alpha']);
    expect(new URL(page.url()).search).toBe('?q=alp&tag=team%3Acore&sort=-name');
    await page.getByRole('link', { name: 'alpha' }).click();
    await page.waitForSelector('[data-ready=project]');
    await page.goBack();
    await page.waitForSelector(READY);
    expect(await slugs(page)).toEqual(['alpha']);
    await page.getByRole('button', { name: 'Clear filters' }).click();
    expect((await slugs(page)).length).toBe(3);
    await page.context().close();
  });

  it('shows changes as they happen without reading the list again', async () => {
    const page = await world.page();
    await page.goto('/projects');
    await page.waitForSelector('[data-live=true]');
    await page.waitForSelector(READY);
    const reads: string[] = [];
    page.on('request', (request) => {
      if (/\/api\/fed\/projects\?/.test(request.url())) reads.push(request.url());
    });
    await world.beat('beta', { status: 'online' });
    await page.locator('[data-slug=beta]', { hasText: 'Online' }).waitFor({ timeout: 2_000 });
    expect(reads).toEqual([]);
    await world.beat('beta', { status: 'degraded', degradedReasons: ['<i>disk</i> full'] });
    await page.locator('[data-slug=beta]', { hasText: 'disk' }).waitFor({ timeout: 2_000 });
    await world.register('later');
    await page.locator('[data-slug=later]').waitFor({ timeout: 2_000 });
    await world.send('DELETE', '/api/fed/projects/later');
    await page.locator('[data-slug=later]').waitFor({ state: 'detached', timeout: 2_000 });
    await page.context().close();
  });

  it('exports what it shows', async () => {
    const page = await world.page();
    await page.goto('/projects?q=beta');
    await page.waitForSelector(READY);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export CSV' }).click();
    const text = await readFile(await (await download).path(), 'utf8');
    expect(text.split('\r\n')[1]).toMatch(/^beta,beta,degraded,degraded,team:web,<i>disk<\/i> full,/);
    expect(text.split('\r\n')[1]).toMatch(/,https:\/\/beta.example.com\/,0[.\d]*,0[.\d]*,\.+[dxu]+$/);
    expect(text.split('\r\n').length).toBe(3);
    await page.context().close();
  });

  it('shows the last 24 hours of the rows in view with few requests', async () => {
    const page = await world.page();
    const reads: string[] = [];
    page.on('request', (request) => {
      if (/\/api\/fed\/(uptime|projects\/[a-z]+\/history)/.test(request.url())) reads.push(request.url());
    });
    await page.goto('/projects?sort=name');
    const strip = page.locator('[data-slug=beta]').getByRole('img', { name: /^Last 24 hours: / });
    await strip.waitFor();
    expect(await strip.getAttribute('aria-label')).toContain('degraded');
    expect(await page.locator('[data-slug=beta] .strip .online').count()).toBe(0);
    expect(reads.length).toBe(1);
    await page.context().close();
  });

  it('can be used with the keyboard alone', async () => {
    const page = await world.page();
    await page.goto('/projects?sort=name');
    await page.waitForSelector(READY);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content');
    await page.locator('[data-row="0"] a').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/projects/alpha');
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('is accessible in %s colours, wide and narrow', async (theme) => {
    const page = await world.page({ colorScheme: theme });
    await page.goto('/projects');
    await page.waitForSelector(READY);
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 640 });
    await expectAccessible(page);
    await page.goto('/projects?q=nothing-like-this');
    await page.getByText('No project matches').waitFor();
    await expectAccessible(page);
    await page.context().close();
  });
});

describe('a large federation', () => {
  const SIZE = 3_000;

  it('draws only the rows in view', async () => {
    for (let first = 0; first < SIZE; first += 250) {
      const batch = Array.from({ length: 250 }, (_, place) => {
        const slug = `many-${first + place}`;
        return { slug, name: slug, hub_url: `https://${slug}.example.com/`, mesh_namespace: `hub.${slug}` };
      });
      await world.send('POST', '/api/fed/projects/_bulk', batch);
    }
    const page = await world.page();
    await page.goto('/projects?sort=name&q=many');
    await page.waitForSelector(READY);
    expect(await page.locator('[data-row]').count()).toBeLessThan(60);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await until('the last row', () => page.locator(`[data-slug=many-${SIZE - 1}]`).count());
    expect(await page.locator('[data-row]').count()).toBeLessThan(60);
    await page.context().close();
  });
});
