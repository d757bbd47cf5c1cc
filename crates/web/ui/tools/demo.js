// Runs the service with 40 projects that send heartbeats over HTTP, and lets one fail now and then.
//
//   node tools/demo.js DIRECTORY PORT
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
const service = await startService({ dir, port: Number(port) });
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
console.log(`The page is at ${service.url}/. Ctrl-C stops the demonstration.`);
