import { describe, expect, it } from 'vitest';
import { FORGET_MS, Hub, type FromHub, type Stream, type Tab } from './hub';
import type { StreamHandlers } from './stream';

class Fake implements Stream {
  calls: string[] = [];
  constructor(readonly handlers: StreamHandlers) {}
  start = () => void this.calls.push('start');
  stop = () => void this.calls.push('stop');
  hurry = () => void this.calls.push('hurry');
}

function world() {
  const streams: Fake[] = [];
  const time = { now: 0 };
  const hub = new Hub(
    (_, handlers) => {
      const fake = new Fake(handlers);
      streams.push(fake);
      return fake;
    },
    () => time.now,
  );
  const newTab = () => {
    const got: FromHub[] = [];
    const tab: Tab = { post: (message) => void got.push(message) };
    return { tab, got };
  };
  return { hub, streams, time, newTab };
}

const JOIN = { type: 'join', url: '/events' } as const;
const event = (revision: number, name = 'status_changed') => ({
  id: null,
  name,
  data: JSON.stringify({ slug: 'a', revision }),
});

describe('the hub of the event stream', () => {
  it('opens one stream for all tabs and sends them the same events, in batches', async () => {
    const { hub, streams, newTab } = world();
    const [one, two] = [newTab(), newTab()];
    hub.receive(one.tab, JOIN);
    hub.receive(two.tab, JOIN);
    expect(streams.map(({ calls }) => calls)).toEqual([['start']]);
    streams[0]?.handlers.onOpen();
    for (const revision of [1, 2, 3]) streams[0]?.handlers.onEvent(event(revision));
    await Promise.resolve();
    expect(one.got).toEqual([{ type: 'open' }, { type: 'events', events: [1, 2, 3].map((n) => event(n)) }]);
    expect(two.got).toEqual(one.got);
  });

  it('tells a tab that joins later where the stream is', async () => {
    const { hub, streams, newTab } = world();
    const [one, two] = [newTab(), newTab()];
    hub.receive(one.tab, JOIN);
    streams[0]?.handlers.onOpen();
    streams[0]?.handlers.onEvent(event(41));
    await Promise.resolve();
    hub.receive(two.tab, JOIN);
    const ready = { id: null, name: 'ready', data: '{"revision":41}' };
    expect(two.got).toEqual([{ type: 'open' }, { type: 'events', events: [ready] }]);
    streams[0]?.handlers.onCut(null);
    expect(two.got.at(-1)).toEqual({ type: 'cut', status: null });
    const three = newTab();
    hub.receive(three.tab, JOIN);
    expect(three.got).toEqual([]);
  });

  it('rests while there are no tabs, and resumes the same stream', () => {
    const { hub, streams, newTab } = world();
    const [one, two] = [newTab(), newTab()];
    hub.receive(one.tab, JOIN);
    hub.receive(two.tab, JOIN);
    hub.receive(one.tab, { type: 'leave' });
    hub.receive(one.tab, { type: 'leave' });
    expect(streams[0]?.calls).toEqual(['start']);
    hub.receive(two.tab, { type: 'leave' });
    hub.receive(two.tab, JOIN);
    expect(streams[0]?.calls).toEqual(['start', 'stop', 'start']);
    expect(streams.length).toBe(1);
  });

  it('forgets a tab that was closed without a word, and takes it back if it was only slow', () => {
    const { hub, streams, time, newTab } = world();
    const [one, two] = [newTab(), newTab()];
    hub.receive(one.tab, JOIN);
    hub.receive(two.tab, JOIN);
    streams[0]?.handlers.onOpen();
    time.now = FORGET_MS + 1;
    hub.receive(two.tab, { type: 'alive' });
    streams[0]?.handlers.onCut(503);
    expect(one.got).toEqual([{ type: 'open' }]);
    streams[0]?.handlers.onOpen();
    hub.receive(one.tab, { type: 'alive' });
    expect(one.got.slice(1).map(({ type }) => type)).toEqual(['open', 'events']);
  });
});
