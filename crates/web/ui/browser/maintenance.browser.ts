import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from './service';
import { expectAccessible, HOSTILE, World } from './world';

const world = new World();
const READY = '[data-ready=incidents]';

interface Window {
  id: number;
  projects: string[];
  reason: string;
}
const windows = async (): Promise<Window[]> => (await world.send('GET', '/api/fed/maintenance')).json();
async function endAll(): Promise<void> {
  for (const { id } of await windows()) await world.send('DELETE', `/api/fed/maintenance/${id}`);
}

beforeAll(async () => {
  await world.start({ settings: { INCIDENT_DELAY: '0s' } });
  await world.register('db', { tags: ['team:core'], heartbeat_interval_seconds: 0.5 });
  await world.register('api', { heartbeat_interval_seconds: 0.5 });
  await world.register('web', { tags: ['team:web'], heartbeat_interval_seconds: 60 });
  await world.send('PUT', '/api/fed/edges/api/db/api', { strength: 0.9 });
  for (const slug of ['db', 'api', 'web']) await world.beat(slug);
  // Both fall silent, and the incident of the one that is used affects the other.
  await until('the incident of db', async () => {
    const alerts = await (await world.send('GET', '/api/fed/alerts?status=open')).json();
    return alerts.some((alert: { project: string; affected_count: number }) => alert.project === 'db' && alert.affected_count === 1);
  });
});
afterAll(() => world.stop());
afterEach(async () => {
  await endAll();
  expect(world.problems.splice(0)).toEqual([]);
});

async function openIncident(options = {}): Promise<Page> {
  const page = await world.page(options);
  await page.goto('/incidents');
  await page.waitForSelector(READY);
  await page.waitForSelector('[data-live=true]');
  return page;
}

describe('maintenance', () => {
  it('is started from an incident, shown with its reason as text, and ended', async () => {
    const page = await openIncident();
    const incident = page.getByRole('article', { name: 'db is offline' });
    const list = page.getByRole('region', { name: 'Maintenance' });
    await list.getByText('No maintenance is open or planned.').waitFor();
    await incident.getByRole('button', { name: 'Start maintenance' }).click();
    const form = page.getByRole('form', { name: 'Maintenance of db' });
    await form.getByLabel('Duration').selectOption('2 hours');
    await form.getByLabel('Covers').selectOption('db and 1 affected');
    await form.getByRole('button', { name: 'Start' }).click();
    expect(await windows()).toEqual([]);
    await form.getByLabel('Reason').fill(HOSTILE);
    await expectAccessible(page);
    await page.keyboard.press('Enter');
    await incident.getByText('In maintenance').waitFor();
    expect(await incident.locator('.maintenance').textContent()).toContain(HOSTILE);
    expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe('Start maintenance');
    const [window] = await windows();
    expect(window).toMatchObject({ projects: ['db', 'api'], reason: HOSTILE });
    const row = list.getByRole('listitem');
    expect(await row.textContent()).toContain(HOSTILE);
    expect(await row.getByRole('link', { name: 'api' }).count()).toBe(1);
    expect(await row.locator('time').last().getAttribute('title')).toMatch(/\d{4}.*\d:\d\d:\d\d/);
    expect(await page.locator('main :is(img, b)').count()).toBe(0);
    await expectAccessible(page);
    await row.getByRole('button', { name: 'End' }).click();
    await list.getByText('No maintenance is open or planned.').waitFor();
    await incident.getByText('In maintenance').waitFor({ state: 'detached' });
    expect(await windows()).toEqual([]);
    await page.context().close();
  });

  it('says what the service refuses, and closes with Escape', async () => {
    const page = await openIncident();
    const toggle = page.getByRole('button', { name: 'Start maintenance' }).first();
    await toggle.click();
    const form = page.getByRole('form');
    await form.getByLabel('Reason').fill('a\u0007bell');
    await form.getByRole('button', { name: 'Start' }).click();
    await form.getByRole('alert').getByText('without control characters').waitFor();
    await form.getByLabel('Reason').press('Escape');
    await form.waitFor({ state: 'detached' });
    expect(await toggle.getAttribute('aria-expanded')).toBe('false');
    await page.context().close();
  });

  it('follows windows that other clients start and end, and describes weekly ones', async () => {
    const page = await openIncident();
    const list = page.getByRole('region', { name: 'Maintenance' });
    await world.send('POST', '/api/fed/maintenance', {
      tags: ['team:web'],
      reason: 'backups',
      weekly: { days: ['sat', 'sun'], at: '02:30', duration: '90m', zone: 'Europe/Berlin' },
    });
    await list.getByText('Every Saturday and Sunday at 02:30 for 1 h 30 min, Europe/Berlin time').waitFor({ timeout: 2_000 });
    await list.getByText('tag team:web').waitFor();
    await list.getByRole('button', { name: 'Remove: backups' }).click();
    expect((await windows()).length).toBe(1);
    await list.getByRole('button', { name: 'Remove for all weeks: backups' }).click();
    await list.getByText('No maintenance is open or planned.').waitFor();
    await world.send('POST', '/api/fed/maintenance', { all: true, duration: '1h', reason: 'move' });
    await list.getByText('All projects').waitFor({ timeout: 2_000 });
    await endAll();
    await list.getByText('No maintenance is open or planned.').waitFor({ timeout: 2_000 });
    await page.context().close();
  });

  it('marks the project in the table, in its own view with its incidents, and in the graph', async () => {
    await world.send('POST', '/api/fed/maintenance', { projects: ['api'], duration: '1h', reason: HOSTILE });
    const page = await world.page();
    await page.goto('/projects');
    const row = page.locator('[data-slug=api]');
    await row.getByText('Maintenance').waitFor();
    expect(await page.locator('[data-slug=db]').getByText('Maintenance').count()).toBe(0);
    await row.getByRole('link', { name: 'api' }).click();
    await page.waitForSelector('[data-ready=project]');
    const standing = page.getByRole('region', { name: 'Incidents and maintenance' });
    await standing.getByText('affected by db').waitFor();
    expect(await standing.locator('[data-window]').textContent()).toContain(HOSTILE);
    await endAll();
    await standing.locator('[data-window]').waitFor({ state: 'detached', timeout: 2_000 });
    await standing.getByRole('link', { name: 'db is offline' }).click();
    await page.waitForSelector(READY);
    await page.getByRole('list', { name: 'Timeline' }).waitFor();
    await page.goto('/projects/web');
    await standing.getByText('No incident is open, and no maintenance is planned.').waitFor();
    await world.send('POST', '/api/fed/maintenance', { tags: ['team:web'], duration: '1h', reason: HOSTILE });
    await page.goto('/ecosystem?node=web&as=graph');
    const card = page.getByRole('complementary');
    await card.getByText('In maintenance').waitFor();
    expect(await card.textContent()).toContain(HOSTILE);
    expect(await page.locator('main :is(img, b)').count()).toBe(0);
    await expectAccessible(page);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('is accessible in %s colours, wide and narrow', async (theme) => {
    await world.send('POST', '/api/fed/maintenance', { projects: ['db'], duration: '1h', reason: HOSTILE });
    const page = await openIncident({ colorScheme: theme });
    await page.getByRole('article', { name: 'db is offline' }).getByText('In maintenance').waitFor();
    await page.getByRole('button', { name: 'Start maintenance' }).first().click();
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 640 });
    await expectAccessible(page);
    for (const path of ['/projects/db', '/projects']) {
      await page.goto(path);
      await page.locator('main').getByText('aintenance').first().waitFor();
      await expectAccessible(page);
    }
    await page.context().close();
  });
});

describe('with a key that may only read', () => {
  it('maintenance is shown, but neither started nor ended', async () => {
    const keyed = new World();
    const file = join(keyed.dir, 'keys.yaml');
    const keyWith = async (scope: string): Promise<string> => {
      const args = ['keys', '--keys-file', file, 'create', '--scope', scope, '--json', scope];
      const { stdout } = await promisify(execFile)(process.env['FEDERATION_BINARY'] ?? '', args);
      return JSON.parse(stdout).key;
    };
    const [reader, writer] = [await keyWith('read'), await keyWith('write')];
    await keyed.start({ settings: { FEDERATION_KEYS_FILE: file } });
    try {
      const order = { all: true, duration: '1h', reason: 'move' };
      await keyed.send('POST', '/api/fed/maintenance', order, { 'X-API-Key': writer });
      const page = await keyed.page();
      await page.goto('/incidents');
      await page.getByLabel('API key').fill(reader);
      await page.keyboard.press('Enter');
      await page.locator('[data-window]', { hasText: 'All projects' }).waitFor();
      expect(await page.locator('[data-window] button').count()).toBe(0);
      expect(keyed.problems).toEqual([]);
      await page.context().close();
    } finally {
      await keyed.stop();
    }
  });
});
