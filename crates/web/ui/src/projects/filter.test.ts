import { describe, expect, it } from 'vitest';
import type { ListedProject } from '../api/client';
import { facets, formatFilter, parseFilter, select } from './filter';

const base = { hub_url: '', degraded_reasons: [] };
const projects: ListedProject[] = [
  { ...base, slug: 'a', name: 'Zeta 10', status: 'online', status_known: true, tags: ['team:x', 'go'], updated_at: '2026-01-03' },
  { ...base, slug: 'b', name: 'zeta 9', status: 'offline', status_known: true, tags: ['team:y'], updated_at: '2026-01-01' },
  { ...base, slug: 'c', name: 'Alpha', status: 'online', status_known: false, tags: ['team:x'], updated_at: '2026-01-02' },
];
const slugs = (query: string) =>
  select(projects, parseFilter(new URLSearchParams(query))).map(({ slug }) => slug);

describe('a filter', () => {
  it('survives the way through the URL', () => {
    for (const query of ['', 'q=a+b&status=offline%2Cunknown&tag=team%3Ax&tag=go&sort=-changed', 'sort=name']) {
      expect(formatFilter(parseFilter(new URLSearchParams(query))).toString()).toBe(query);
    }
  });

  it('ignores values that it does not understand', () => {
    const filter = parseFilter(new URLSearchParams('status=on,offline&sort=-size&tag='));
    expect(filter).toMatchObject({ statuses: ['offline'], sort: 'status', descending: false, tags: [] });
  });

  it('never counts an unknown status as the last known one', () => {
    expect(slugs('status=online')).toEqual(['a']);
    expect(slugs('status=unknown')).toEqual(['c']);
  });

  it('requires all words and all tags', () => {
    expect(slugs('q=ZETA+9')).toEqual(['b']);
    expect(slugs('q=team:x')).toEqual(['c', 'a']);
    expect(slugs('tag=team:x&tag=go')).toEqual(['a']);
  });

  it('sorts the worst first, numbers in names by value, and the newest change first', () => {
    expect(slugs('')).toEqual(['b', 'c', 'a']);
    expect(slugs('sort=name')).toEqual(['c', 'b', 'a']);
    expect(slugs('sort=changed')).toEqual(['a', 'c', 'b']);
    expect(slugs('sort=-changed')).toEqual(['b', 'c', 'a']);
  });
});

describe('facets', () => {
  it('group tags by their key and list plain tags last', () => {
    expect(facets(projects)).toEqual([
      {
        key: 'team',
        tags: [
          { tag: 'team:x', label: 'x', count: 2 },
          { tag: 'team:y', label: 'y', count: 1 },
        ],
      },
      { key: '', tags: [{ tag: 'go', label: 'go', count: 1 }] },
    ]);
  });
});
