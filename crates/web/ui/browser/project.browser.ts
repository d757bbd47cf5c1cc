import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible, HOSTILE, World } from './world';

const world = new World();
const READY = '[data-ready=project]';

beforeAll(async () => {
  await world.start();
  await world.register('hostile', { name: HOSTILE, tags: ['team:core'], heartbeat_interval_seconds: 60 });
  await world.beat('hostile', { status: 'degraded', degradedReasons: ['<b>queue</b> backlog'] });
});
afterAll(() => world.stop());
afterEach(() => expect(world.problems.splice(0)).toEqual([]));

describe('the view of a project', () => {
  it('shows what it uses and what uses it, also through others, and keeps their status current', async () => {
    for (const slug of ['front', 'middle', 'back']) {
      await world.register(slug, { name: slug === 'back' ? HOSTILE : slug, heartbeat_interval_seconds: 60 });
      await world.beat(slug);
    }
    for (const edge of ['front/middle/api', 'middle/back/queue', 'middle/nowhere/api']) {
      await world.send('PUT', `/api/fed/edges/${edge}`, { strength: 0.8 });
    }
    const page = await world.page();
    await page.goto('/projects/front');
    await page.waitForSelector(READY);
    await page.waitForSelector('[data-live=true]');
    const connections = page.getByRole('region', { name: 'Connections' });
    await connections.getByText('1, and 2 through others').waitFor();
    await connections.getByText('through middle').first().waitFor();
    expect(await connections.getByRole('listitem').filter({ hasText: 'nowhere' }).textContent()).toContain(
      'not registered',
    );
    expect(await connections.locator('img, b').count()).toBe(0);
    await world.beat('middle', { status: 'degraded', degradedReasons: ['slow'] });
    await connections.getByRole('listitem').filter({ hasText: 'degraded' }).waitFor({ timeout: 2_000 });
    await world.send('DELETE', '/api/fed/edges/middle/nowhere/api');
    await connections.getByText('nowhere').waitFor({ state: 'detached', timeout: 3_000 });
    await connections.getByRole('link', { name: 'middle' }).click();
    await page.getByRole('heading', { level: 1, name: 'middle' }).waitFor();
    await page.context().close();
  });

  it('shows metrics as charts with gaps, and texts as text', async () => {
    const now = Date.now();
    for (const minutes of [60, 59, 58, 57, 30, 29, 28, 27, 26]) {
      await world.send('POST', '/api/fed/projects/hostile/metrics', {
        metrics: { 'health.latency_ms': 40 + minutes, 'deploy.version.prod': '<b>1.2</b>' },
        observed_at: new Date(now - minutes * 60_000).toISOString(),
      });
    }
    const page = await world.page();
    await page.goto('/projects/hostile?range=1h');
    await page.waitForSelector(READY);
    const chart = page.getByRole('img', { name: /^Health latency in the last 1h: between 66 ms and/ });
    await chart.waitFor();
    expect(await chart.getAttribute('aria-label')).toContain('with 2 gaps');
    expect(await chart.locator('canvas').count()).toBe(1);
    const metrics = page.getByRole('region', { name: 'Metrics' });
    await metrics.getByText('<b>1.2</b>').waitFor();
    await metrics.getByRole('button', { name: '7d' }).click();
    await page.getByRole('img', { name: /^Health latency in the last 7d/ }).waitFor();
    expect(new URL(page.url()).searchParams.get('range')).toBe('7d');
    await page.context().close();
  });

  it('explains the status and shows what the project says as text', async () => {
    const page = await world.page();
    await page.goto('/projects/hostile');
    await page.waitForSelector(READY);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(HOSTILE);
    expect(await page.title()).toBe(`${HOSTILE} · Federation`);
    expect(await page.getByRole('region', { name: 'Why degraded' }).textContent()).toContain(
      '<b>queue</b> backlog',
    );
    const link = page.getByRole('link', { name: 'Open instance' });
    expect(await link.getAttribute('rel')).toBe('noopener noreferrer');
    await page.getByText('0 % online').first().waitFor();
    await page.context().close();
  });

  it('adds changes to the history as they happen', async () => {
    const page = await world.page();
    await page.goto('/projects/hostile');
    await page.waitForSelector(READY);
    const history = page.getByRole('region', { name: 'History' });
    await history.getByText('registered through the API').waitFor();
    const before = await history.getByRole('listitem').count();
    await world.beat('hostile');
    await history.getByText('heartbeat over http').first().waitFor({ timeout: 2_000 });
    expect(await history.getByRole('listitem').count()).toBe(before + 1);
    await page.getByRole('heading', { name: 'Why online' }).waitFor({ timeout: 2_000 });
    await world.beat('hostile', { status: 'degraded', degradedReasons: ['<b>queue</b> backlog'] });
    await page.getByRole('heading', { name: 'Why degraded' }).waitFor({ timeout: 2_000 });
    await page.context().close();
  });

  it('says so if there is no such project, also when it is removed meanwhile', async () => {
    await world.register('brief');
    const page = await world.page();
    await page.goto('/projects/brief');
    await page.waitForSelector(READY);
    await world.send('DELETE', '/api/fed/projects/brief');
    await page.getByText('There is no project brief').waitFor({ timeout: 2_000 });
    await page.getByRole('link', { name: 'All projects' }).click();
    await page.waitForSelector('[data-ready=projects]');
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('is accessible in %s colours, wide and narrow', async (theme) => {
    const page = await world.page({ colorScheme: theme });
    await page.goto('/projects/hostile');
    await page.waitForSelector(READY);
    await page.getByText('% online').first().waitFor();
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 640 });
    await expectAccessible(page);
    await page.context().close();
  });

  it('keeps the chosen theme', async () => {
    const page = await world.page({ colorScheme: 'light' });
    await page.goto('/projects/hostile');
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await background();
    await page.getByRole('button', { name: 'Theme: System' }).click();
    await page.getByRole('button', { name: 'Theme: Light' }).click();
    await page.getByRole('button', { name: 'Theme: Dark' }).waitFor();
    expect(await background()).not.toBe(light);
    await page.reload();
    expect(await background()).not.toBe(light);
    await page.context().close();
  });
});
