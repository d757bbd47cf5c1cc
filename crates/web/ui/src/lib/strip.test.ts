import { describe, expect, it } from 'vitest';
import { describePart, draw, partOf } from './strip';

describe('the strip of the last 24 hours', () => {
  it('never shows a letter that it does not know as online', () => {
    expect(['o', 'd', 'x', 'u', '-', 'z', undefined].map(partOf)).toEqual([
      'online',
      'degraded',
      'offline',
      'unobserved',
      'absent',
      'absent',
      'absent',
    ]);
  });

  it('is drawn with one path for each status, and nothing for time without a project', () => {
    expect(draw('--oox-oo')).toEqual([
      { part: 'online', path: 'M2 0.6h2v0.4h-2zM6 0.6h2v0.4h-2z' },
      { part: 'offline', path: 'M4 0h1v1h-1z' },
    ]);
    expect(draw('')).toEqual([]);
  });

  it('gives each status a height of its own', () => {
    const heights = draw('oxdu').map(({ path }) => /v([\d.]+)/.exec(path)?.[1]);
    expect(new Set(heights).size).toBe(4);
  });

  it('says what a part shows, the last one until now', () => {
    const from = new Date(2026, 0, 1, 12, 0);
    const until = new Date(2026, 0, 1, 12, 42);
    expect(describePart('ox', 0, from, 1800, until)).toBe('12:00 to 12:30: online');
    expect(describePart('ox', 1, from, 1800, until)).toBe('12:30 to 12:42: offline for some time');
  });
});
