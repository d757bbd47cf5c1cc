import { describe, expect, it } from 'vitest';
import { notices, type Situation } from './notices';

const at = new Date('2026-01-01T12:00:00Z');
const hears = (source: 'http' | 'nats', is: boolean, ago: number | null = 0.2) => ({
  source,
  hears: is,
  heard_seconds_ago: ago,
  deaf_seconds: 0,
});
const fine: Situation = {
  reachable: true,
  ready: true,
  reasons: [],
  sources: [hears('http', true), hears('nats', true)],
  at,
  notReadySince: null,
  live: true,
  cutSince: null,
};
const kinds = (situation: Partial<Situation>) =>
  notices({ ...fine, ...situation }).map(({ kind }) => kind);

describe('the banner', () => {
  it('is absent while all is well, and before the stream was first opened', () => {
    expect(notices(fine)).toEqual([]);
    expect(kinds({ live: false })).toEqual([]);
  });

  it('says since when a source does not hear', () => {
    const [notice] = notices({ ...fine, sources: [hears('http', true), hears('nats', false, 90)] });
    expect(notice?.title).toContain('NATS');
    expect(notice?.since).toEqual(new Date('2026-01-01T11:58:30Z'));
  });

  it('does not invent a time for a source that was never heard', () => {
    const [notice] = notices({ ...fine, sources: [hears('nats', false, null)] });
    expect(notice?.since).toBeNull();
    expect(notice?.detail).toContain('paused');
  });

  it('names the reasons for which the service is not ready', () => {
    const [notice] = notices({ ...fine, ready: false, reasons: ['the store does not answer'] });
    expect(notice?.detail).toContain('the store does not answer');
  });

  it('says as of when the page is if its stream is cut', () => {
    const cut = { live: false, cutSince: at };
    expect(kinds(cut)).toEqual(['cut']);
    // Earlier answers of the service are not shown as if they were current.
    const sources = [hears('nats', false)];
    expect(kinds({ ...cut, sources })).toEqual(['cut', 'blind']);
    expect(kinds({ ...cut, sources, reachable: false })).toEqual(['cut']);
  });
});
