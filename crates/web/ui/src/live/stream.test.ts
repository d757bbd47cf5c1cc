import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { backoff, EventStream, SILENCE_LIMIT_MS } from './stream';

interface Call {
  headers: Record<string, string>;
  send: (text: string) => void;
  end: () => void;
}

/** A service whose streams the test controls. */
function fakeService(statuses: number[] = []) {
  const calls: Call[] = [];
  const fetch = ((_url: string, init: RequestInit) => {
    const encoder = new TextEncoder();
    let controller: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (c) => void (controller = c) });
    init.signal?.addEventListener('abort', () => controller.error(new Error('aborted')));
    calls.push({
      headers: init.headers as Record<string, string>,
      send: (text) => controller.enqueue(encoder.encode(text)),
      end: () => controller.close(),
    });
    const status = statuses[calls.length - 1] ?? 200;
    return Promise.resolve(new Response(status === 200 ? body : null, { status }));
  }) as typeof globalThis.fetch;
  return { calls, fetch };
}

describe('a stream', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function start(statuses: number[] = []) {
    const { calls, fetch } = fakeService(statuses);
    const handlers = { onOpen: vi.fn(), onEvent: vi.fn(), onCut: vi.fn() };
    const options = { url: '/events', headers: () => ({ 'X-API-Key': 'k' }), fetch, random: () => 1 };
    const stream = new EventStream(options, handlers);
    stream.start();
    return { calls, handlers, stream };
  }

  it('resumes after the last event that it received', async () => {
    const { calls, handlers } = start();
    await vi.advanceTimersByTimeAsync(0);
    calls[0]?.send('id: e-7\nevent: ready\ndata: {}\n\nid: e-9\ndata: x\n\n');
    await vi.advanceTimersByTimeAsync(0);
    expect(handlers.onOpen).toHaveBeenCalledTimes(1);
    expect(calls[0]?.headers).not.toHaveProperty('Last-Event-ID');
    calls[0]?.end();
    await vi.advanceTimersByTimeAsync(500);
    expect(handlers.onCut).toHaveBeenCalledTimes(1);
    expect(calls[1]?.headers).toMatchObject({ 'Last-Event-ID': 'e-9', 'X-API-Key': 'k' });
  });

  it('is cut when not even a comment arrives', async () => {
    const { calls, handlers } = start();
    await vi.advanceTimersByTimeAsync(0);
    calls[0]?.send('event: ready\ndata: {}\n\n');
    await vi.advanceTimersByTimeAsync(SILENCE_LIMIT_MS - 1000);
    calls[0]?.send(': heartbeat\n\n');
    await vi.advanceTimersByTimeAsync(SILENCE_LIMIT_MS - 1);
    expect(handlers.onCut).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(handlers.onCut).toHaveBeenCalledTimes(1);
  });

  it('forgets a position that the service refuses', async () => {
    const { calls } = start([200, 422]);
    await vi.advanceTimersByTimeAsync(0);
    calls[0]?.send('id: old\nevent: ready\ndata: {}\n\n');
    await vi.advanceTimersByTimeAsync(0);
    calls[0]?.end();
    await vi.advanceTimersByTimeAsync(500);
    expect(calls[1]?.headers['Last-Event-ID']).toBe('old');
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls[2]?.headers).not.toHaveProperty('Last-Event-ID');
  });

  it('waits longer after each failure, up to a limit', () => {
    const waits = [0, 1, 2, 3, 9, 1000].map((attempt) => backoff(attempt, () => 1));
    expect(waits).toEqual([500, 1000, 2000, 4000, 15_000, 15_000]);
    expect(backoff(0, () => 0)).toBe(250);
  });

  it('does not connect again after it was stopped, until it is started, and then it resumes', async () => {
    const { calls, handlers, stream } = start();
    await vi.advanceTimersByTimeAsync(0);
    calls[0]?.send('id: 5\nevent: ready\ndata: {}\n\n');
    await vi.advanceTimersByTimeAsync(0);
    stream.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls.length).toBe(1);
    expect(handlers.onCut).not.toHaveBeenCalled();
    stream.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(calls[1]?.headers['Last-Event-ID']).toBe('5');
  });
});
