// Starts the real service and real NATS servers for tests.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';

const DEADLINE_MS = 30_000;

/** Repeats `check` until it returns something. Fails with `what` after the deadline. */
export async function until(what, check, deadline = DEADLINE_MS) {
  const end = Date.now() + deadline;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A port that is free now. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function start(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
  const log = [];
  child.stderr.on('data', (bytes) => log.push(String(bytes)));
  const ended = new Promise((resolve) => child.on('exit', resolve));
  return {
    pid: child.pid,
    log: () => log.join(''),
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    signal: (name) => child.kill(name),
    async stop() {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 12_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/**
 * Starts the service on a catalog in `dir` and waits until it is ready. `port` can be that of an
 * earlier process, so that the page finds it again.
 */
export async function startService({ dir, port = 0, nats = 'none', settings = {} }) {
  const binary = process.env.FEDERATION_BINARY;
  if (binary === undefined) throw new Error('FEDERATION_BINARY: expected the path of the service');
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: `sqlite:${join(dir, 'federation.db')}`,
    NATS_URL: nats,
    PROJECTS_FILE: join(dir, 'projects.yaml'),
    SERVICE_HOST: '127.0.0.1',
    SERVICE_PORT: String(port),
    LOG_FORMAT: 'logfmt',
    ...settings,
  };
  const child = start(binary, ['serve'], { cwd: dir, env });
  const address = await until('the service to listen', () => {
    if (child.hasEnded()) throw new Error(`the service exited: ${child.log()}`);
    return /address=127\.0\.0\.1:(\d+)/.exec(child.log());
  });
  const url = `http://127.0.0.1:${address[1]}`;
  const isReady = () => fetch(`${url}/readyz`).then(({ ok }) => ok, () => false);
  await until('the service to be ready', isReady);
  return { ...child, url, port: Number(address[1]) };
}

/** Starts a NATS server and waits until it listens. */
export async function startNats({ port }) {
  const binary = process.env.NATS_SERVER;
  if (binary === undefined) throw new Error('NATS_SERVER: expected the path of nats-server');
  const child = start(binary, ['--addr', '127.0.0.1', '--port', String(port)], {});
  await until('NATS to listen', () => child.log().includes('Server is ready'));
  return { ...child, url: `nats://127.0.0.1:${port}` };
}

/** Starts the publisher of heartbeats of one project. */
export function startPublisher({ dir, nats, slug, interval = 0.5 }) {
  const env = {
    PATH: process.env.PATH,
    NATS_URL: nats,
    PROJECT_SLUG: slug,
    HEARTBEAT_INTERVAL: String(interval),
  };
  return start(process.env.FEDERATION_BINARY, ['heartbeat'], { cwd: dir, env });
}
