// Measures the page with a real browser against the program FEDERATION_BINARY, and prints a table.
//
//   node tools/measure.js [SECONDS]      SECONDS of 1,000 status changes a second; 30 by default
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startService } from '../browser/service.js';

const RUNS = 5;
const STORM_SECONDS = Number(process.argv[2] ?? 30);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--enable-precise-memory-info', '--js-flags=--expose-gc'],
});

/** Starts a service with projects in 40 groups and edges, and runs `use` with it. */
async function withService(projects, edges, use) {
  const dir = mkdtempSync(join(tmpdir(), 'federation-measure-'));
  const service = await startService({ dir });
  const send = async (method, path, body) => {
    const answer = await fetch(service.url + path, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  };
  const slug = (n) => `project-${n}`;
  try {
    for (let first = 0; first < projects; first += 1_000) {
      const count = Math.min(1_000, projects - first);
      await send('POST', '/api/fed/projects/_bulk', Array.from({ length: count }, (_, place) => ({
        slug: slug(first + place),
        name: `Project ${first + place}`,
        tags: [`team:t${(first + place) % 40}`, `tier:${(first + place) % 3}`],
        hub_url: `https://${slug(first + place)}.example.com/`,
        mesh_namespace: `hub.${slug(first + place)}`,
        heartbeat_interval_seconds: 3_600,
      })));
    }
    const all = Array.from({ length: edges }, (_, n) => ({
      from: slug(n % projects),
      // Most edges stay within a group.
      to: slug((n * 40 * (1 + Math.floor(n / projects)) + (n % 5 === 0 ? 7 : 40)) % projects),
      kind: ['api', 'queue', 'shared-schema'][Math.floor(n / projects) % 3],
      strength: 0.5,
    })).filter(({ from, to }) => from !== to);
    for (let first = 0; first < all.length; first += 1_000) {
      await send('POST', '/api/fed/edges/_bulk', all.slice(first, first + 1_000));
    }
    await beatAll(service, projects, () => ({}));
    return await use(service, slug);
  } finally {
    await service.stop();
    rmSync(dir, { recursive: true });
  }
}

async function beatAll(service, projects, bodyOf) {
  for (let first = 0; first < projects; first += 200) {
    const slugs = Array.from({ length: Math.min(200, projects - first) }, (_, n) => first + n);
    await Promise.all(slugs.map((n) => beat(service, n, bodyOf(n))));
  }
}

function beat(service, n, body) {
  return fetch(`${service.url}/api/fed/projects/project-${n}/heartbeat`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }).then((answer) => answer.arrayBuffer());
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const percentile = (numbers, share) =>
  [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))];

/** Opens a view with an empty cache. Returns the time until it is ready, and the bytes over the wire. */
async function open(url, path) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  let bytes = 0;
  devtools.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.addInitScript(() => {
    const look = () => {
      if (document.documentElement?.dataset.ready === undefined) setTimeout(look, 2);
      // Once the frame with the data is drawn.
      else requestAnimationFrame(() => setTimeout(() => (window.readyAt = performance.now())));
    };
    look();
  });
  await page.goto(url + path, { waitUntil: 'commit' });
  await page.waitForFunction(() => window.readyAt !== undefined, null, { timeout: 60_000 });
  const time = await page.evaluate(() => window.readyAt);
  return { context, page, time, bytes };
}

async function timeOf(url, path) {
  const times = [];
  let most = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const { context, time, bytes } = await open(url, path);
    times.push(time);
    most = Math.max(most, bytes);
    await context.close();
  }
  return { time: Math.round(median(times)), kilobytes: Math.round(most / 1000) };
}

/** Records the time between frames in the page. */
const watchFrames = () => {
  window.frames_ = [];
  let last = performance.now();
  const step = (now) => {
    window.frames_.push(now - last);
    last = now;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
};

const rows = [];
const row = (what, target, found) => {
  rows.push([what, target, found]);
  console.error(`${what}: ${found}`);
};

await withService(50, 250, async ({ url }) => {
  const { time } = await timeOf(url, '/ecosystem');
  row('50 projects, 250 edges: navigation to graph drawn', '≤ 300 ms', `${time} ms`);
});

await withService(1_000, 5_000, async ({ url }) => {
  const [graph, table] = [await timeOf(url, '/ecosystem'), await timeOf(url, '/projects')];
  const text = `table ${table.time} ms, ${table.kilobytes} KB; graph ${graph.time} ms, ${graph.kilobytes} KB`;
  row('1,000 projects, 5,000 edges: usable', '≤ 1 s, ≤ 400 KB', text);
});

await withService(10_000, 5_000, async (service) => {
  const { url } = service;
  const grouped = await timeOf(url, '/ecosystem');
  const { context, page, time } = await open(url, '/projects');
  await page.evaluate(watchFrames);
  for (let step = 0; step < 60; step += 1) {
    await page.mouse.wheel(0, 1_500);
    await page.waitForTimeout(30);
  }
  const frames = await page.evaluate(() => window.frames_);
  await context.close();
  const worst = Math.round(Math.max(...frames.slice(1)));
  row('10,000 projects: grouped graph', '≤ 1.5 s', `${grouped.time} ms, ${grouped.kilobytes} KB`);
  row('10,000 projects: table scrolls', 'no frame over 50 ms', `worst frame ${worst} ms; ready after ${Math.round(time)} ms`);
  await storm(service);
});

/** 1,000 changes of statuses a second: each of 10,000 projects changes every 10 s. */
async function storm(service) {
  for (const path of ['/projects', '/ecosystem']) {
    const { context, page } = await open(service.url, path);
    await page.waitForSelector('[data-live=true]');
    await page.evaluate(watchFrames);
    const heap = () => page.evaluate(() => (window.gc?.(), performance.memory.usedJSHeapSize / 1e6));
    const before = await heap();
    const end = Date.now() + STORM_SECONDS * 1000;
    let sent = 0;
    while (Date.now() < end) {
      const began = Date.now();
      const status = Math.floor(sent / 10_000) % 2 === 0 ? 'degraded' : 'online';
      const numbers = Array.from({ length: 100 }, (_, n) => (sent + n) % 10_000);
      await Promise.all(numbers.map((n) => beat(service, n, { status })));
      sent += 100;
      const wait = 100 - (Date.now() - began);
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
    const frames = await page.evaluate(() => window.frames_);
    const after = await heap();
    const rate = Math.round(sent / STORM_SECONDS);
    const text =
      `95 % of frames within ${Math.round(percentile(frames, 0.95))} ms, ` +
      `heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after`;
    row(`${path}: ${rate} status changes a second for ${STORM_SECONDS} s`, '95 % ≤ 33 ms, no growth', text);
    await context.close();
  }
}

await withService(50, 250, async ({ url, pid }) => {
  const PAGES = 100;
  const SECONDS = 30;
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  const ticks = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const idle = async () => {
    const first = ticks();
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    return (ticks() - first) / 100 / SECONDS;
  };
  const [alone, small] = [await idle(), memory()];
  // What an idle page does: a stream, the state of the service every 5 s, the list every 30 s.
  const end = new AbortController();
  for (let n = 0; n < PAGES; n += 1) {
    void fetch(`${url}/api/fed/events`, { signal: end.signal }).then(
      async ({ body }) => { for await (const _ of body) continue; },
    ).catch(() => undefined);
  }
  let etag = '';
  const poll = async () => {
    const list = '/api/fed/projects?fields=slug,name,hub_url,status,status_known,tags,degraded_reasons,updated_at';
    const answer = await fetch(url + list, { headers: { 'If-None-Match': etag, 'Accept-Encoding': 'gzip' } });
    etag = answer.headers.get('etag') ?? etag;
    await answer.arrayBuffer();
  };
  const timers = [
    setInterval(() => void fetch(`${url}/readyz`).then((answer) => answer.arrayBuffer()), 5_000 / PAGES),
    setInterval(() => void poll(), 30_000 / PAGES),
  ];
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const busy = await idle();
  const each = (memory() - small) / PAGES;
  for (const timer of timers) clearInterval(timer);
  end.abort();
  const cost = Math.max(0, busy - alone).toFixed(3);
  row('100 open pages, idle', '≤ 0.02 core, ≤ 200 KB each', `${cost} core more than the ${alone.toFixed(3)} without, ${each.toFixed(0)} KB each`);
});

const assets = new URL('../dist/assets/', import.meta.url);
const size = (name) => readFileSync(new URL(`${name}.gz`, assets)).length / 1000;
const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'));
const first = scripts.filter((name) => name.startsWith('index-'));
row(
  'JavaScript to first view, gzip',
  '≤ 150 KB; graph and charts apart',
  `${first.reduce((sum, name) => sum + size(name), 0).toFixed(0)} KB; all ${scripts.reduce((sum, name) => sum + size(name), 0).toFixed(0)} KB`,
);

await browser.close();
console.log(`Chromium ${browser.version()}, ${availableParallelism()} cores, medians of ${RUNS}.\n`);
console.log('| what | target | measured |\n|---|---|---|');
for (const cells of rows) console.log(`| ${cells.join(' | ')} |`);
