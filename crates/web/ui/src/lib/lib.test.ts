import { describe, expect, it } from 'vitest';
import { csv } from './csv';
import { routeOf } from './router.svelte';
import { percent, sharesText } from './shares';
import { shown } from './status';
import { duration, relative } from './time';
import { visibleRows } from './virtual';

describe('CSV', () => {
  it('quotes what has to be quoted and defuses formulas', () => {
    const rows = [
      ['a', 'b "c"', 'd,e'],
      ['=1+1', '@x', 'two\nlines'],
    ];
    expect(csv(rows)).toBe(`a,"b ""c""","d,e"\r\n'=1+1,'@x,"two\nlines"\r\n`);
  });
});

describe('a share', () => {
  it('is never rounded to all or nothing', () => {
    expect([0, 0.00001, 0.5, 0.9987, 0.999999, 1].map(percent)).toEqual([
      '0 %',
      '<0.01 %',
      '50 %',
      '99.87 %',
      '>99.99 %',
      '100 %',
    ]);
  });

  it('that was not counted is not zero', () => {
    const none = { online: null, degraded: null, offline: null, unobserved: null };
    expect(sharesText(none)).toContain('not counted');
  });
});

describe('a status', () => {
  it('that is not known is unknown, like one of a newer version', () => {
    expect(shown({ status: 'online', status_known: false })).toBe('unknown');
    expect(shown({ status: 'asleep' as 'online', status_known: true })).toBe('unknown');
  });
});

describe('times', () => {
  it('have at most two units', () => {
    expect([0.4, 59, 90, 3600, 7500, 86_400 * 6 + 3 * 3600 + 59].map(duration)).toEqual([
      '0 s',
      '59 s',
      '1 min 30 s',
      '1 h',
      '2 h 5 min',
      '6 d 3 h',
    ]);
  });

  it('are relative, also if the clocks differ', () => {
    const now = new Date('2026-01-01T00:00:00Z');
    const ago = (seconds: number) => relative(new Date(now.getTime() - seconds * 1000), now);
    expect([-20, 0, 5, 90, -120].map(ago)).toEqual(['now', 'now', '5 s ago', '1 min ago', 'in 2 min']);
  });
});

describe('routes', () => {
  it('follow the path', () => {
    expect(routeOf('/')).toEqual({ view: 'ecosystem' });
    expect(routeOf('/ecosystem')).toEqual({ view: 'ecosystem' });
    expect(routeOf('/projects/')).toEqual({ view: 'projects' });
    expect(routeOf('/projects/a-1')).toEqual({ view: 'project', slug: 'a-1' });
    expect(routeOf('/projects/a%')).toEqual({ view: 'project', slug: 'a%' });
    expect(routeOf('/incidents')).toEqual({ view: 'incidents' });
    expect(routeOf('/actions/')).toEqual({ view: 'actions' });
    expect(routeOf('/projects/a/b')).toEqual({ view: 'missing', path: '/projects/a/b' });
  });
});

describe('rows in view', () => {
  it('are few, whatever the length of the list', () => {
    const view = { scrolled: 40 * 5000, height: 800 };
    const { first, end } = visibleRows(10_000, 40, view);
    expect(first).toBeLessThanOrEqual(5000);
    expect(end).toBeGreaterThanOrEqual(5020);
    expect(end - first).toBeLessThan(50);
  });

  it('stay inside the list', () => {
    expect(visibleRows(3, 40, { scrolled: -200, height: 800 })).toEqual({ first: 0, end: 3 });
    expect(visibleRows(3, 40, { scrolled: 9000, height: 800 })).toEqual({ first: 3, end: 3 });
  });
});
