/** What the browser tests share: a scratch directory, a browser, and the checks of every page. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { startService, type Service, type ServiceOptions } from './service';

export const HOSTILE = '<img src=x onerror="document.title=`hacked`"><b>bold</b>';
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export class World {
  readonly dir = mkdtempSync(join(tmpdir(), 'federation-page-'));
  #service: Service | null = null;
  #browser: Browser | null = null;
  /** Errors of scripts, violations of the policy, and requests to other origins. */
  readonly problems: string[] = [];

  get service(): Service {
    if (this.#service === null) throw new Error('the service was not started');
    return this.#service;
  }

  async start(options: Omit<ServiceOptions, 'dir'> = {}): Promise<void> {
    this.#service = await startService({ dir: this.dir, ...options });
    this.#browser ??= await chromium.launch({
      executablePath: process.env['CHROMIUM'],
      args: ['--no-sandbox'],
    });
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
    await this.#service?.stop();
    rmSync(this.dir, { recursive: true });
  }

  async restart(): Promise<void> {
    const { port } = this.service;
    await this.service.stop();
    await this.start({ port });
  }

  /** Opens a page that records problems. */
  async page(options: BrowserContextOptions = {}): Promise<Page> {
    if (this.#browser === null) throw new Error('the browser was not started');
    const context = await this.#browser.newContext({ baseURL: this.service.url, ...options });
    const page = await context.newPage();
    page.on('pageerror', (error) => this.problems.push(String(error)));
    page.on('console', (message) => {
      // Chromium reports failed requests too; those are part of some tests.
      const isRequest = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isRequest) this.problems.push(message.text());
    });
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(this.service.url) && !url.startsWith('blob:')) {
        this.problems.push(`request to ${url}`);
      }
    });
    return page;
  }

  async send(method: string, path: string, body?: unknown, headers = {}): Promise<Response> {
    const answer = await fetch(this.service.url + path, {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  async register(slug: string, part: Record<string, unknown> = {}): Promise<void> {
    const url = `https://${slug}.example.com/`;
    const project = { slug, name: slug, hub_url: url, mesh_namespace: `hub.${slug}`, ...part };
    await this.send('POST', '/api/fed/projects', project);
  }

  async beat(slug: string, body: Record<string, unknown> = {}): Promise<void> {
    await this.send('POST', `/api/fed/projects/${slug}/heartbeat`, body);
  }
}

/** Fails if axe-core finds a violation, or if the page is wider than the window. */
export async function expectAccessible(page: Page): Promise<void> {
  // Evaluated by the debugger, so that the policy of the page does not forbid it.
  const { readFileSync } = await import('node:fs');
  await page.evaluate(readFileSync(axe, 'utf8'));
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    interface Violation {
      id: string;
      nodes: { html: string; failureSummary?: string }[];
    }
    const found = await axe.run();
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
  });
  expect(violations).toEqual([]);
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  // Negative while a place for the scroll bar is kept free.
  expect(overflow).toBeLessThanOrEqual(0);
}
