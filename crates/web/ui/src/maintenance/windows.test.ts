import { describe, expect, it } from 'vitest';
import type { MaintenanceWindow } from '../api/client';
import { covers, current, listed, Lookup, orderFor, weeklyWords } from './windows';

function window(id: number, part: Partial<MaintenanceWindow> = {}): MaintenanceWindow {
  const at = '2026-11-29T10:00:00.000000Z';
  return {
    id,
    source: 'api',
    open: true,
    all: false,
    projects: [],
    tags: [],
    from: at,
    until: '2026-11-29T12:00:00.000000Z',
    weekly: null,
    reason: 'new disks',
    created_by: 'key-1',
    created_at: at,
    updated_at: at,
    ...part,
  };
}

const weekly = { days: ['sun', 'sat'], at: '02:30', duration_seconds: 5400, zone: 'Europe/Berlin' };
const db = { slug: 'db', tags: ['team:core', 'go'] };

describe('a window', () => {
  it('covers the projects that it names, those with one of its tags, or all', () => {
    expect(covers(window(1, { projects: ['api', 'db'] }), db)).toBe(true);
    expect(covers(window(1, { tags: ['x', 'go'] }), db)).toBe(true);
    expect(covers(window(1, { all: true }), db)).toBe(true);
    expect(covers(window(1, { projects: ['api'], tags: ['team'] }), db)).toBe(false);
  });

  it('is found for a project if it covers the project longest', () => {
    const short = window(1, { projects: ['db'], until: '2026-11-29T11:00:00Z' });
    const long = window(2, { tags: ['go'], until: '2026-11-29T13:00:00.000000Z' });
    const recurring = window(3, { all: true, weekly, until: null });
    const lookup = new Lookup([recurring, long, short]);
    expect(lookup.find(db)?.id).toBe(2);
    expect(lookup.find({ slug: 'other', tags: [] })?.id).toBe(3);
    expect(new Lookup([short, long]).find({ slug: 'other', tags: ['rust'] })).toBeUndefined();
    expect(new Lookup([short]).find(db)?.id).toBe(1);
  });

  it('over an incident names every project once', () => {
    expect(orderFor('db', ['api', 'db', 'web'], '2h', ' new disks ')).toEqual({
      projects: ['db', 'api', 'web'],
      duration: '2h',
      reason: 'new disks',
    });
  });
});

describe('the list of windows', () => {
  const now = new Date('2026-11-29T10:30:00Z');

  it('begins with the open ones, and leaves out those that are over', () => {
    const windows = [
      window(1, { open: false, until: '2026-11-29T10:20:00Z' }),
      window(2, { open: false, from: '2026-11-30T00:00:00Z', until: '2026-11-30T01:00:00Z' }),
      window(3, { open: false, weekly, until: null }),
      window(4, { weekly, until: null }),
      window(5),
    ];
    expect(current(windows, now).map(({ id }) => id)).toEqual([5, 4, 3, 2]);
  });

  it('keeps a window that the service calls open, if the clocks differ', () => {
    expect(current([window(1, { until: '2026-11-29T10:29:59Z' })], now).length).toBe(1);
  });
});

describe('the words of a weekly window', () => {
  it('name its days in order, its time, its length and its zone', () => {
    expect(weeklyWords(weekly)).toBe('Every Saturday and Sunday at 02:30 for 1 h 30 min, Europe/Berlin time');
    const days = (...days: string[]) => weeklyWords({ ...weekly, days }).split(' at ')[0];
    expect(days('sun')).toBe('Every Sunday');
    expect(days('fri', 'mon', 'wed')).toBe('Every Monday, Wednesday and Friday');
    expect(days('mon', 'tue', 'wed', 'thu', 'fri')).toBe('Monday to Friday');
    expect(days('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')).toBe('Every day');
  });
});

describe('a list of names', () => {
  it('is joined, and counts what is left out', () => {
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map((names) => listed(names))).toEqual(['', 'a', 'a and b', 'a, b and c']);
    expect(listed(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more');
  });
});
