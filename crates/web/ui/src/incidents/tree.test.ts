import { describe, expect, it } from 'vitest';
import type { AffectedProject } from '../api/client';
import { treeOf, type Branch } from './tree';

const affected = (...path: string[]): AffectedProject => ({
  project: path[0] ?? '',
  path,
  status: 'degraded',
  down_since: '2026-01-01T00:00:00Z',
  recovered_at: null,
});
const text = (branches: readonly Branch[]): string =>
  branches.map(({ slug, children }) => slug + (children.length === 0 ? '' : `(${text(children)})`)).join(' ');

describe('the projects that an incident affects', () => {
  it('are a tree below the cause, the largest branch first', () => {
    const all = [affected('x', 'db'), affected('web', 'api', 'db'), affected('api', 'db'), affected('app', 'api', 'db')];
    expect(text(treeOf(all))).toBe('api(app web) x');
  });

  it('may be joined by projects that are not affected', () => {
    const [branch] = treeOf([affected('web', 'gone', 'db')]);
    expect([branch?.slug, branch?.affected]).toEqual(['gone', null]);
    expect(branch?.children[0]?.affected?.project).toBe('web');
  });

  it('without a path are directly below the cause', () => {
    expect(text(treeOf([affected('web')]))).toBe('web');
    expect(treeOf([])).toEqual([]);
  });
});
