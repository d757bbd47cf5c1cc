import { describe, expect, it } from 'vitest';
import type { GraphEdge } from '../api/client';
import { SHOWN } from '../lib/status';
import { place, type Box, type Link } from './layout';
import { fitLabel } from './measure';
import { formatGraphFilter, grouped, groupingOf, groupKeys, groupOf, MAX_OPEN, parseGraphFilter, reach, visible, type Node } from './model';
import { arrow, border, curve } from './paths';

function node(id: string, part: Partial<Node> = {}): Node {
  const known = { status: 'online' as const, status_known: true, unresolved: false };
  return { id, label: id, tags: [], risk: null, ...known, shown: 'online', ...part };
}

function edge(from: string, to: string, part: Partial<GraphEdge> = {}): GraphEdge {
  const at = '2026-01-01T00:00:00Z';
  const times = { first_seen_at: at, last_seen_at: at };
  const id = `${from}/${to}/${part.kind ?? 'api'}`;
  const basic = { kind: 'api', strength: 0.5, sources: ['file' as const], stale: false, details: null };
  return { id, from, to, ...basic, ...times, ...part };
}

const parse = (query: string) => parseGraphFilter(new URLSearchParams(query), SHOWN);
const shape = {
  nodes: [
    node('a', { tags: ['team:x'], shown: 'offline' }),
    node('b', { tags: ['team:x', 'env:prod'] }),
    node('c', { tags: ['team:y'] }),
    node('ghost', { shown: 'unresolved', unresolved: true }),
  ],
  edges: [edge('a', 'b'), edge('b', 'c', { strength: 0.9 }), edge('c', 'ghost', { kind: 'queue' }), edge('a', 'c')],
};

describe('the filter of the graph', () => {
  it('survives the way through the URL', () => {
    for (const query of ['', 'q=a&status=offline&tag=team%3Ax&kind=queue&strength=0.5&group=team&open=x&node=a&as=list']) {
      expect(formatGraphFilter(parse(query)).toString()).toBe(query);
    }
  });

  it('keeps the edges between the projects that it keeps', () => {
    const found = visible(shape, parse('tag=team:x'));
    expect(found.nodes.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(found.edges.map(({ id }) => id)).toEqual(['a/b/api']);
    expect(visible(shape, parse('strength=0.9')).edges.map(({ id }) => id)).toEqual(['b/c/api']);
    expect(visible(shape, parse('kind=queue')).edges.map(({ id }) => id)).toEqual(['c/ghost/queue']);
  });

  it('never counts a project that is not registered as online', () => {
    expect(visible(shape, parse('status=online')).nodes.map(({ id }) => id)).toEqual(['b', 'c']);
  });
});

describe('groups', () => {
  it('are made of the key that most projects have', () => {
    expect(groupKeys(shape.nodes)).toEqual(['team', 'env']);
  });

  it('are closed if the graph is large, by what most projects have, unless the URL says otherwise', () => {
    const many = (part: Partial<Node>) => Array.from({ length: MAX_OPEN + 1 }, (_, n) => node(`p${n}`, part));
    const tagged = many({ tags: ['go', 'team:x'] });
    expect(groupingOf('', shape.nodes, ['team'])).toBe('none');
    expect(groupingOf('', tagged, ['team'])).toBe('team');
    expect(groupingOf('', tagged, [])).toBe('tag');
    expect(groupingOf('', [...many({ tags: ['go'] }), ...shape.nodes], ['team'])).toBe('tag');
    expect(groupingOf('', many({}), [])).toBe('mesh_namespace');
    expect(groupingOf('none', tagged, ['team'])).toBe('none');
    expect(groupingOf('env', shape.nodes, ['team'])).toBe('env');
  });

  it('can be those of a key, of the first tag, or of the namespace', () => {
    const one = node('a', { tags: ['go', 'team:x'], namespace: 'hub.a' });
    expect(['team', 'tag', 'mesh_namespace', 'env'].map((key) => groupOf(one, key))).toEqual(['x', 'go', 'hub.a', 'other']);
    expect(['tag', 'mesh_namespace'].map((key) => groupOf(node('b'), key))).toEqual(['other', 'other']);
  });

  it('count statuses and the edges between them', () => {
    const { groups, links } = grouped(shape, 'team');
    expect(groups.map(({ name, size }) => [name, size])).toEqual([['other', 1], ['x', 2], ['y', 1]]);
    expect(groups[1]?.counts).toMatchObject({ offline: 1, online: 1, unknown: 0 });
    expect(links).toEqual([
      { from: 'x', to: 'y', count: 2 },
      { from: 'y', to: 'other', count: 1 },
    ]);
  });
});

describe('reach', () => {
  it('follows edges in one direction, also through cycles', () => {
    const edges = [...shape.edges, edge('c', 'a')];
    expect([...reach(edges, 'a', 'uses')].sort()).toEqual(['b', 'c', 'ghost']);
    expect([...reach(edges, 'ghost', 'used-by')].sort()).toEqual(['a', 'b', 'c']);
    expect([...reach(shape.edges, 'a', 'used-by')]).toEqual([]);
  });
});

describe('a layout', () => {
  function graph(size: number): [Box[], Link[]] {
    const boxes = Array.from({ length: size }, (_, at) => {
      return { id: `n${at}`, width: 70 + (at % 5) * 20, height: 34, group: `g${at % 4}` };
    });
    const links = boxes.flatMap(({ id }, at) => {
      const to = `n${(at * 7 + 3) % size}`;
      return at % 3 === 0 ? [] : [{ id: `${id}/${to}`, from: id, to }];
    });
    return [boxes, links];
  }

  it.each([20, 400])('of %i nodes is the same whatever their order', (size) => {
    const [boxes, links] = graph(size);
    const placed = place(boxes, links);
    expect(place([...boxes].reverse(), [...links].reverse())).toEqual(placed);
    expect(Object.keys(placed.nodes).length).toBe(size);
  });

  it.each([40, 300])('of %i nodes has no boxes on top of each other', (size) => {
    const [boxes, links] = graph(size);
    const { nodes } = place(boxes, links);
    let overlaps = 0;
    for (const [at, one] of boxes.entries()) {
      for (const two of boxes.slice(at + 1)) {
        const [a, b] = [nodes[one.id], nodes[two.id]];
        if (a === undefined || b === undefined) throw new Error('not placed');
        const apart = Math.abs(a.x - b.x) * 2 > one.width + two.width - 8;
        if (!apart && Math.abs(a.y - b.y) < 28) overlaps += 1;
      }
    }
    // Forces leave a few.
    expect(overlaps).toBeLessThanOrEqual(size > 100 ? size * 0.02 : 0);
  });

  it('is higher in a high window', () => {
    const [boxes, links] = graph(60);
    const shape = (aspect: number) => {
      const points = Object.values(place(boxes, links, aspect).nodes);
      const extent = (of: (point: { x: number; y: number }) => number) =>
        Math.max(...points.map(of)) - Math.min(...points.map(of));
      return extent(({ x }) => x) / extent(({ y }) => y);
    };
    expect(shape(0.8)).toBeLessThan(shape(1.9) * 0.85);
  });

  it('survives loops, duplicates and edges to nowhere', () => {
    const boxes = [{ id: 'a', width: 80, height: 34, group: '' }];
    const links = [
      { id: '1', from: 'a', to: 'a' },
      { id: '2', from: 'a', to: 'gone' },
    ];
    expect(place(boxes, links).nodes['a']).toBeDefined();
    expect(place([], [])).toEqual({ nodes: {}, bends: {} });
  });
});

describe('paths', () => {
  const box = { id: 'a', width: 100, height: 40, group: '' };

  it('begin at the border of a box', () => {
    expect(border(box, { x: 0, y: 0 }, { x: 200, y: 0 })).toEqual({ x: 50, y: 0 });
    expect(border(box, { x: 0, y: 0 }, { x: 0, y: -200 }).y).toBe(-20);
  });

  it('are lines or curves', () => {
    expect(curve([{ x: 0, y: 0 }, { x: 10, y: 0 }])).toBe('M0 0L10 0');
    expect(curve([{ x: 0, y: 0 }, { x: 5, y: 5 }, { x: 10, y: 0 }])).toBe('M0 0Q5 5 10 0');
    expect(arrow({ x: 0, y: 0 }, { x: 10, y: 0 })).toBe('M10 0L4 3L4 -3Z');
  });
});

describe('a label', () => {
  it('is shortened to fit', () => {
    expect(fitLabel('short', 100)).toBe('short');
    const long = fitLabel('a very long name of a project', 100);
    expect(long.endsWith('…')).toBe(true);
    expect(long.length).toBeLessThan(16);
  });
});
