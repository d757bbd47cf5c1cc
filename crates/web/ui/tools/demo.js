// Runs the service with 40 projects that send heartbeats over HTTP, and lets one fail now and then. Prints
// the notifications that the service sends.
//
//   node tools/demo.js DIRECTORY PORT
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { startService } from '../browser/service.js';

const INTERVAL_S = 5;
const OUTAGE_EVERY_MS = 120_000;
const OUTAGE_MS = 60_000;

// Each project with those of its team or of others that it uses.
const TEAMS = {
  payments: {
    checkout: ['Checkout', 'ledger card-vault fraud-rules sessions'],
    ledger: ['Ledger', 'postgres-main'],
    invoices: ['Invoices', 'ledger mailer object-store'],
    'fraud-rules': ['Fraud Rules', 'feature-flags event-bus'],
    payouts: ['Payouts', 'ledger event-bus'],
    'card-vault': ['Card Vault', 'key-service'],
    refunds: ['Refunds', 'ledger checkout'],
    tax: ['Tax', 'config'],
  },
  search: {
    'query-api': ['Query API', 'ranker suggest gateway'],
    indexer: ['Indexer', 'object-store event-bus'],
    ranker: ['Ranker', 'embeddings feature-flags'],
    suggest: ['Suggest', 'indexer'],
    crawler: ['Crawler', 'scheduler object-store'],
    embeddings: ['Embeddings', 'object-store'],
    synonyms: ['Synonyms', ''],
    'search-audit': ['Search Audit', 'audit-trail'],
  },
  identity: {
    login: ['Login', 'sessions directory key-service'],
    sessions: ['Sessions', 'postgres-main'],
    directory: ['Directory', 'postgres-main'],
    consent: ['Consent', 'directory audit-trail'],
    'audit-trail': ['Audit Trail', 'event-bus'],
    tokens: ['Tokens', 'key-service sessions'],
    'key-service': ['Key Service', ''],
    profile: ['Profile', 'directory object-store'],
  },
  platform: {
    gateway: ['Gateway', 'sessions config'],
    scheduler: ['Scheduler', 'event-bus'],
    'object-store': ['Object Store', ''],
    'feature-flags': ['Feature Flags', 'config'],
    config: ['Config', ''],
    mailer: ['Mailer', 'event-bus'],
    'event-bus': ['Event Bus', ''],
    'postgres-main': ['Postgres Main', ''],
  },
  growth: {
    campaigns: ['Campaigns', 'mailer attribution'],
    referrals: ['Referrals', 'profile checkout'],
    experiments: ['Experiments', 'feature-flags'],
    landing: ['Landing', 'gateway experiments'],
    attribution: ['Attribution', 'event-bus'],
    surveys: ['Surveys', 'mailer'],
    newsletter: ['Newsletter', 'mailer campaigns'],
    'partner-feed': ['Partner Feed', 'object-store legacy-erp'],
  },
};
const LANGUAGES = ['go', 'python', 'rust', 'typescript'];
const KINDS = { 'event-bus': 'queue', 'postgres-main': 'shared-schema', 'key-service': 'secret' };
const ROOTS = ['ledger', 'object-store', 'sessions', 'event-bus', 'mailer'];

const projects = Object.entries(TEAMS).flatMap(([team, members]) =>
  Object.entries(members).map(([slug, [name, uses]], place) => ({
    slug,
    name,
    uses: uses.split(' ').filter((one) => one !== ''),
    tags: [`team:${team}`, `tier:${place < 4 ? 1 : 2}`, LANGUAGES[(slug.length + place) % 4]],
  })),
);

const [, , dir, port] = process.argv;

/** Starts a webhook that prints each message, and returns its URL. */
async function startHook() {
  const hook = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      response.writeHead(204).end();
      const { type, data } = JSON.parse(Buffer.concat(parts).toString());
      for (const { title, affected_count: count, affected } of data.incidents) {
        const others = count > 0 ? `; ${count} affected: ${affected.join(', ')}` : '';
        console.log(`  notification: ${type}: ${title}${others}`);
      }
    });
  });
  await new Promise((resolve) => hook.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${hook.address().port}/`;
}

const alerts = join(dir, 'alerts.yaml');
await writeFile(
  alerts,
  `channels:\n  - {name: demo, type: webhook, url: "${await startHook()}"}\nroutes:\n  - channel: demo\n`,
);
const service = await startService({
  dir,
  port: Number(port),
  settings: { ALERTS_FILE: alerts, INCIDENT_DELAY: '5s', GROUP_WAIT: '5' },
});
let ending = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    ending = true;
    await service.stop();
    process.exit(0);
  });
}

async function send(method, path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const request = { method, headers, body: JSON.stringify(body) };
  const answer = await fetch(service.url + path, request).catch(() => null);
  if (answer !== null && !answer.ok && !ending) {
    console.error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
}

await send(
  'POST',
  '/api/fed/projects/_bulk',
  projects.map(({ slug, name, tags }) => ({
    slug,
    name,
    tags,
    hub_url: `https://${slug}.example.com/`,
    mesh_namespace: `hub.${slug}`,
    heartbeat_interval_seconds: INTERVAL_S,
  })),
);
for (const { slug, uses } of projects) {
  for (const [place, other] of uses.entries()) {
    const strength = Math.round((0.9 - 0.2 * place) * 10) / 10;
    await send('PUT', `/api/fed/edges/${slug}/${other}/${KINDS[other] ?? 'api'}`, { strength });
  }
}

for (const window of [
  { projects: ['synonyms'], reason: 'rebuilding the dictionary', duration: '8h' },
  {
    tags: ['team:growth'],
    reason: 'upgrades',
    weekly: { days: ['sat', 'sun'], at: '02:30', duration: '90m', zone: 'Europe/Berlin' },
  },
]) {
  await send('POST', '/api/fed/maintenance', window);
}

/** A number from 0 to 1 that is always the same for the same text. */
function hash(text) {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 1_000_003;
  return sum / 1_000_003;
}

/** Metrics of a project at a time. They repeat from day to day, with some noise. */
function metricsOf({ slug }, at) {
  const seed = hash(slug);
  const day = (at.getTime() / 86_400_000) % 1;
  const noise = hash(slug + Math.floor(at.getTime() / 300_000));
  const load = 1 + 0.5 * Math.sin(2 * Math.PI * (day + 0.1 * seed)) + 0.3 * (noise - 0.5);
  const deployed = new Date(Math.floor(Date.now() / 86_400_000 - 40 * seed * seed) * 86_400_000);
  return {
    'health.latency_ms': Math.round((8 + 60 * seed) * load),
    'queue.depth': Math.round(Math.max(0, 200 * seed * (load - 0.8))),
    'coverage.percent': Math.round(620 + 340 * seed) / 10,
    'audit.ok_count': 20 + Math.round(30 * seed),
    'audit.warn_count': seed > 0.6 ? Math.round(4 * seed) : 0,
    'audit.fail_count': seed > 0.82 ? 2 : 0,
    'security.critical_count': seed > 0.93 ? 1 : 0,
    'security.high_count': seed > 0.75 ? Math.round(6 * seed - 3) : 0,
    'deploy.last_deployed': deployed.toISOString(),
    'deploy.version.prod': `1.${Math.round(30 * seed)}.${Math.round(9 * hash(`${slug}v`))}`,
  };
}

/** Sends the metrics of the last 23 hours, oldest first. Some projects reported nothing for a while. */
async function report() {
  const STEP_MS = 900_000;
  const now = Date.now();
  const times = Array.from({ length: 92 }, (_, n) => new Date(now - (91 - n) * STEP_MS));
  for (const [n, at] of times.entries()) {
    const reporting = projects.filter(({ slug }) => n < 92 * hash(`${slug}gap`) || n > 10 + 92 * hash(`${slug}gap`));
    await Promise.all(
      reporting.map((project) => {
        const body = { metrics: metricsOf(project, at), observed_at: at.toISOString() };
        return send('POST', `/api/fed/projects/${project.slug}/metrics`, body);
      }),
    );
  }
  setInterval(() => {
    const at = new Date();
    for (const project of projects) {
      if (project.slug === failed) continue;
      const body = { metrics: metricsOf(project, at), observed_at: at.toISOString() };
      void send('POST', `/api/fed/projects/${project.slug}/metrics`, body);
    }
  }, STEP_MS);
}

/** The project that fails now. */
let failed = null;
/** Slugs of projects that use the failed one. */
const affected = () => projects.filter(({ uses }) => uses.includes(failed)).map(({ slug }) => slug);

function beat() {
  const waiting = new Set(affected());
  for (const { slug } of projects) {
    if (slug === failed) continue;
    const body = waiting.has(slug)
      ? { status: 'degraded', degradedReasons: [`${failed} does not answer`] }
      : slug === 'synonyms'
        ? { status: 'degraded', degradedReasons: ['dictionary is 9 days old'] }
        : {};
    void send('POST', `/api/fed/projects/${slug}/heartbeat`, body);
  }
}

let number = 0;
function fail() {
  failed = ROOTS[number % ROOTS.length];
  number += 1;
  console.log(`${failed} fails; ${affected().join(', ')} report it`);
  setTimeout(() => {
    console.log(`${failed} is back`);
    failed = null;
  }, OUTAGE_MS);
}

beat();
setInterval(beat, (INTERVAL_S * 1000) / 2);
setTimeout(fail, 20_000);
setInterval(fail, OUTAGE_EVERY_MS);
void report();
console.log(`The page is at ${service.url}/. Ctrl-C stops the demonstration.`);
