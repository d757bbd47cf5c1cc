import { afterEach, describe, expect, it } from 'vitest';
import { freePort, startNats, startPublisher, until } from './service';
import { expectAccessible, World } from './world';

const worlds: World[] = [];
function newWorld(): World {
  const world = new World();
  worlds.push(world);
  return world;
}
afterEach(async () => {
  for (const world of worlds.splice(0)) {
    expect(world.problems).toEqual([]);
    await world.stop();
  }
});

describe('when the stream is cut', () => {
  it('the page says as of when it is, keeps what it shows, and resumes', async () => {
    const world = newWorld();
    await world.start();
    await world.register('alpha', { heartbeat_interval_seconds: 60 });
    const page = await world.page();
    await page.goto('/projects');
    await page.waitForSelector('[data-live=true]');
    await page.waitForSelector('[data-slug=alpha]');
    const { port } = world.service;
    await world.service.stop();
    await page.locator('[data-notice=cut]', { hasText: 'as of' }).waitFor({ timeout: 10_000 });
    expect(await page.locator('[data-slug=alpha]').count()).toBe(1);
    expect(await page.locator('[data-live=true]').count()).toBe(0);
    await expectAccessible(page);
    await world.start({ port });
    await world.register('beta');
    await world.beat('alpha');
    await page.waitForSelector('[data-live=true]', { timeout: 20_000 });
    await page.locator('[data-slug=alpha]', { hasText: 'Online' }).waitFor({ timeout: 2_000 });
    await page.locator('[data-slug=beta]').waitFor({ timeout: 2_000 });
    await page.locator('[data-notice]').first().waitFor({ state: 'detached', timeout: 10_000 });
    await page.context().close();
  });
});

describe('two tabs', () => {
  it('share one event stream, also after it was cut, and each survives the other', async () => {
    const world = newWorld();
    await world.start();
    await world.register('alpha', { heartbeat_interval_seconds: 60 });
    const one = await world.page();
    const two = await one.context().newPage();
    for (const page of [one, two]) {
      await page.goto('/projects');
      await page.waitForSelector('[data-live=true]');
      await page.waitForSelector('[data-slug=alpha]');
    }
    const streams = async () => {
      const text = await (await fetch(`${world.service.url}/metrics`)).text();
      return Number(/^federation_watchers (\d+)$/m.exec(text)?.[1]);
    };
    expect(await streams()).toBe(1);
    await world.beat('alpha');
    for (const page of [one, two]) {
      await page.locator('[data-slug=alpha]', { hasText: 'Online' }).waitFor({ timeout: 2_000 });
    }
    await world.restart();
    await world.register('beta');
    for (const page of [one, two]) {
      await page.locator('[data-slug=beta]').waitFor({ timeout: 20_000 });
      await page.waitForSelector('[data-live=true]');
    }
    expect(await streams()).toBe(1);
    await one.close();
    await world.beat('alpha', { status: 'degraded' });
    await two.locator('[data-slug=alpha]', { hasText: 'Degraded' }).waitFor({ timeout: 2_000 });
    const three = await two.context().newPage();
    await three.goto('/projects/alpha');
    await three.waitForSelector('[data-live=true]');
    await two.close();
    await world.beat('alpha');
    await three.getByRole('heading', { name: 'Why online' }).waitFor({ timeout: 4_000 });
    await three.context().close();
  });
});

describe('when the service is blind', () => {
  it('the page says so, and no status looks known that is not', async () => {
    const world = newWorld();
    const port = await freePort();
    const nats = await startNats({ port });
    await world.start({ nats: nats.url });
    await world.register('alpha', { heartbeat_interval_seconds: 0.5 });
    const publisher = startPublisher({ dir: world.dir, nats: nats.url, slug: 'alpha' });
    try {
      const page = await world.page();
      await page.goto('/projects');
      const row = page.locator('[data-slug=alpha]');
      await row.filter({ hasText: 'Online' }).waitFor({ timeout: 10_000 });
      await nats.stop();
      await page.locator('[data-notice=blind]', { hasText: 'NATS' }).waitFor({ timeout: 15_000 });
      await row.filter({ hasText: 'Unknown' }).waitFor({ timeout: 15_000 });
      expect(await row.locator('svg.online').count()).toBe(0);
      const again = await startNats({ port });
      await row.filter({ hasText: 'Online' }).waitFor({ timeout: 20_000 });
      await page.locator('[data-notice]').first().waitFor({ state: 'detached', timeout: 10_000 });
      await page.context().close();
      await again.stop();
    } finally {
      await publisher.stop();
      await nats.stop();
    }
  });
});

describe('with API keys', () => {
  it('the page asks for a key, keeps the session over a reload, and ends it on sign-out', async () => {
    const world = newWorld();
    await world.start({ settings: { FEDERATION_API_KEYS: 'a-good-key' } });
    await world.send(
      'POST',
      '/api/fed/projects',
      { slug: 'a', name: 'A', hub_url: 'https://a.example.com/', mesh_namespace: 'hub.a' },
      { 'X-API-Key': 'a-good-key' },
    );
    const page = await world.page();
    await page.goto('/projects/a');
    await page.getByLabel('API key').fill('a-wrong-key');
    await expectAccessible(page);
    await page.keyboard.press('Enter');
    await page.getByText('This is not a valid API key.').waitFor();
    await page.getByLabel('API key').fill('a-good-key');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-ready=project]');
    await page.waitForSelector('[data-live=true]');
    const stored = await page.evaluate(() => JSON.stringify(localStorage) + document.cookie);
    expect(stored).not.toContain('a-good-key');
    expect(stored).not.toContain('federation_session');
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ name: 'federation_session', httpOnly: true, sameSite: 'Strict' });
    await page.reload();
    await page.waitForSelector('[data-ready=project]');
    const other = await page.context().newPage();
    await other.goto('/projects');
    await other.waitForSelector('[data-ready=projects]');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    await other.getByLabel('API key').waitFor();
    const kept = { headers: { Cookie: `federation_session=${cookie?.value}` } };
    expect((await fetch(`${world.service.url}/api/fed/projects`, kept)).status).toBe(401);
    await until('the stream to end', () => page.locator('[data-live]').count().then((n) => n === 0));
    await page.context().close();
  });
});
