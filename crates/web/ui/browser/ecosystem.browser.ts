import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible, HOSTILE, World } from './world';

const world = new World();
const READY = '[data-ready=ecosystem]';
const box = (slug: string) => `[data-box="${slug}"]`;

beforeAll(async () => {
  await world.start();
  const projects = {
    shop: { name: HOSTILE, tags: ['team:web'] },
    ledger: { tags: ['team:core'] },
    vault: { tags: ['team:core'] },
    alone: {},
  };
  for (const [slug, part] of Object.entries(projects)) {
    await world.register(slug, { heartbeat_interval_seconds: 60, ...part });
    await world.beat(slug);
  }
  const edges = ['shop/ledger/api', 'ledger/vault/secret', 'shop/nowhere/queue'];
  for (const edge of edges) await world.send('PUT', `/api/fed/edges/${edge}`, { strength: 0.8 });
});
afterAll(() => world.stop());
afterEach(() => expect(world.problems.splice(0)).toEqual([]));

describe('the graph', () => {
  it('shows every project with its name and status, and what is not registered', async () => {
    const page = await world.page();
    await page.goto('/');
    await page.waitForSelector(READY);
    expect(await page.locator('[data-box]').count()).toBe(5);
    expect(await page.locator(box('shop')).getAttribute('aria-label')).toBe(`${HOSTILE}, online`);
    expect(await page.locator(`${box('shop')} text`).textContent()).toContain('<img src=x');
    expect(await page.locator(box('nowhere')).getAttribute('aria-label')).toBe('nowhere, not registered');
    expect(await page.locator('svg :is(img, b)').count()).toBe(0);
    await page.context().close();
  });

  it('changes with the status, without being laid out again', async () => {
    const page = await world.page();
    await page.goto('/ecosystem');
    await page.waitForSelector(READY);
    await page.waitForSelector('[data-live=true]');
    const place = await page.locator(box('vault')).getAttribute('transform');
    await world.beat('vault', { status: 'degraded', degradedReasons: ['sealed'] });
    await page.locator(`${box('vault')}[aria-label="vault, degraded"]`).waitFor({ timeout: 2_000 });
    expect(await page.locator(box('vault')).getAttribute('transform')).toBe(place);
    await world.beat('vault');
    await page.locator(`${box('vault')}[aria-label="vault, online"]`).waitFor({ timeout: 2_000 });
    await page.context().close();
  });

  it('says of the selected project why it is so, what it uses, and what its failure affects', async () => {
    const page = await world.page();
    await page.goto('/ecosystem');
    await page.waitForSelector(READY);
    await page.locator(box('vault')).click();
    const card = page.getByRole('complementary');
    await card.getByText('2 projects are affected').waitFor();
    await card.getByText('last heartbeat').waitFor();
    expect(new URL(page.url()).searchParams.get('node')).toBe('vault');
    expect(await card.getByRole('link', { name: 'Open instance' }).getAttribute('rel')).toBe('noopener noreferrer');
    await card.getByRole('button', { name: 'ledger' }).click();
    await card.getByText('1 project is affected').waitFor();
    expect(await page.locator(`${box('alone')}.unlit`).count()).toBe(1);
    expect(await page.locator(`${box('shop')}.unlit`).count()).toBe(0);
    await card.getByRole('checkbox').check();
    expect(await page.locator(`${box('vault')}.unlit`).count()).toBe(1);
    await page.context().close();
  });

  it('can be used with the keyboard alone', async () => {
    const page = await world.page();
    await page.goto('/ecosystem');
    await page.waitForSelector(READY);
    await page.locator(box('shop')).focus();
    await page.keyboard.press('ArrowRight');
    const slug = () => page.evaluate(() => document.activeElement?.getAttribute('data-box'));
    expect(['ledger', 'nowhere']).toContain(await slug());
    await page.keyboard.press('Enter');
    await page.getByRole('complementary').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('complementary').waitFor({ state: 'detached' });
    await page.context().close();
  });

  it('filters, groups and finds', async () => {
    const page = await world.page();
    await page.goto('/ecosystem?tag=team:core');
    await page.waitForSelector(READY);
    expect(await page.locator('[data-box]').count()).toBe(2);
    await page.goto('/ecosystem?group=team');
    await page.waitForSelector(READY);
    await page.getByRole('button', { name: 'Group core: 2 projects, 2 online' }).click();
    await page.locator(box('ledger')).waitFor();
    expect(await page.locator(box('shop')).count()).toBe(0);
    await page.getByRole('button', { name: 'All groups' }).click();
    await page.getByRole('button', { name: 'Group web: 1 projects' }).waitFor();
    await page.goto('/ecosystem');
    await page.getByLabel('Find a project').fill('vau');
    await page.getByText('1 found').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Selected project' }).getByText('vault').first().waitFor();
    await page.context().close();
  });

  it('is grouped as the URL says, and the back button leaves a group', async () => {
    const page = await world.page();
    await page.goto('/ecosystem?group=mesh_namespace');
    await page.waitForSelector(READY);
    await page.getByRole('button', { name: 'Group hub.vault: 1 projects, 1 online' }).waitFor();
    await page.getByLabel('Groups').selectOption('by first tag');
    expect(new URL(page.url()).searchParams.get('group')).toBe('tag');
    await page.getByRole('button', { name: 'Group team:core: 2 projects, 2 online' }).click();
    await page.locator(box('ledger')).waitFor();
    expect(new URL(page.url()).searchParams.get('open')).toBe('team:core');
    await page.goBack();
    await page.getByRole('button', { name: 'Group team:core: 2 projects' }).waitFor();
    await page.goBack();
    await page.getByRole('button', { name: 'Group hub.vault: 1 projects' }).waitFor();
    await page.goForward();
    await page.getByLabel('Find a project').fill('vau');
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Selected project' }).getByText('vault').first().waitFor();
    await page.getByLabel('Groups').selectOption('no groups');
    await page.locator(box('shop')).waitFor();
    expect(new URL(page.url()).searchParams.get('group')).toBe('none');
    await page.context().close();
  });

  it('shows risk, compliance and freshness, and never what is not known as good', async () => {
    const metrics = {
      'audit.ok_count': 9,
      'audit.warn_count': 0,
      'audit.fail_count': 2,
      'deploy.last_deployed': new Date(Date.now() - 3 * 86_400_000).toISOString(),
    };
    await world.send('POST', '/api/fed/projects/ledger/metrics', { metrics });
    const page = await world.page();
    await page.goto('/ecosystem?overlay=compliance');
    await page.locator(`${box('ledger')} .badge.bad`).waitFor();
    expect(await page.locator(box('ledger')).getAttribute('aria-label')).toBe(
      'ledger 2 ✕, online, audits: 2 failing, 0 with warnings, 9 passing',
    );
    expect(await page.locator(`${box('vault')} .badge.none`).textContent()).toBe('?');
    await page.getByLabel('Overlay').selectOption('freshness');
    await page.locator(`${box('ledger')} .badge.good`, { hasText: '3d' }).waitFor();
    expect(new URL(page.url()).searchParams.get('overlay')).toBe('freshness');
    await page.getByLabel('Overlay').selectOption('risk');
    await page.locator(`${box('ledger')} .badge`, { hasText: '10' }).waitFor();
    expect(await page.locator(`${box('nowhere')} .badge.good`).count()).toBe(0);
    await expectAccessible(page);
    await page.context().close();
  });

  it('is a list as well, which narrow windows show first', async () => {
    const page = await world.page({ viewport: { width: 320, height: 640 } });
    await page.goto('/ecosystem');
    await page.waitForSelector(READY);
    const row = page.getByRole('row', { name: /ledger/ }).first();
    expect(await row.textContent()).toContain('vault');
    await page.getByRole('button', { name: 'Graph', exact: true }).click();
    await page.locator(box('ledger')).waitFor();
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('is accessible in %s colours, wide and narrow', async (theme) => {
    const page = await world.page({ colorScheme: theme });
    await page.goto('/ecosystem?node=ledger');
    await page.waitForSelector(READY);
    await page.getByText('last heartbeat').waitFor();
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 640 });
    await expectAccessible(page);
    await page.context().close();
  });
});
