/** The graph as it is shown: filters, groups, and what depends on what. Pure. */
import type { GraphEdge, GraphNode } from '../api/client';
import type { ShownStatus } from '../lib/status';
import { OVERLAYS, type Overlay } from './overlay';

export interface GraphFilter {
  text: string;
  statuses: readonly ShownStatus[];
  /** A project has all of them. */
  tags: readonly string[];
  kinds: readonly string[];
  minStrength: number;
  /**
   * `none`, `tag`, `mesh_namespace`, or the key of the tags by which projects are grouped. Empty leaves
   * the choice to the size of the graph.
   */
  group: string;
  /** The group that is open. Null if groups are closed. */
  open: string | null;
  /** The selected project. */
  node: string | null;
  overlay: Overlay;
  /** Only what the failure of the selected project affects stands out. */
  impact: boolean;
  /** Null leaves the choice to the width of the window. */
  as: 'graph' | 'list' | null;
}

export interface Node extends GraphNode {
  shown: ShownStatus | 'unresolved';
  /** Read only if projects are grouped by it. */
  namespace?: string | null;
}

/** Values of `group` that are not keys of tags. Those that group mean the same in the REST API. */
export const NO_GROUPS = 'none';
export const BY_TAG = 'tag';
export const BY_NAMESPACE = 'mesh_namespace';

/** A graph with more nodes opens with closed groups. */
export const MAX_OPEN = 1_000;

/** Name of the group of projects that have no tag with the key, no tag, or no namespace. */
export const NO_GROUP = 'other';

export function parseGraphFilter(query: URLSearchParams, statuses: readonly ShownStatus[]): GraphFilter {
  const wanted = new Set((query.get('status') ?? '').split(','));
  const as = query.get('as');
  const strength = Number(query.get('strength') ?? 0);
  return {
    text: query.get('q') ?? '',
    statuses: statuses.filter((status) => wanted.has(status)),
    tags: query.getAll('tag').filter((tag) => tag !== ''),
    kinds: query.getAll('kind').filter((kind) => kind !== ''),
    minStrength: strength > 0 && strength <= 1 ? strength : 0,
    group: query.get('group') ?? '',
    open: query.get('open'),
    node: query.get('node'),
    overlay: OVERLAYS.find((one) => one === query.get('overlay')) ?? 'status',
    impact: query.get('impact') === '1',
    as: as === 'list' || as === 'graph' ? as : null,
  };
}

export function formatGraphFilter(filter: GraphFilter): URLSearchParams {
  const query = new URLSearchParams();
  if (filter.text !== '') query.set('q', filter.text);
  if (filter.statuses.length > 0) query.set('status', filter.statuses.join(','));
  for (const tag of filter.tags) query.append('tag', tag);
  for (const kind of filter.kinds) query.append('kind', kind);
  if (filter.minStrength > 0) query.set('strength', String(filter.minStrength));
  if (filter.group !== '') query.set('group', filter.group);
  if (filter.open !== null) query.set('open', filter.open);
  if (filter.node !== null) query.set('node', filter.node);
  if (filter.overlay !== 'status') query.set('overlay', filter.overlay);
  if (filter.impact) query.set('impact', '1');
  if (filter.as !== null) query.set('as', filter.as);
  return query;
}

export interface Shape {
  nodes: readonly Node[];
  edges: readonly GraphEdge[];
}

/** Returns the nodes that match, and the edges between them. The text only highlights. */
export function visible(shape: Shape, filter: GraphFilter): Shape {
  const { statuses, tags, group, open } = filter;
  const nodes = shape.nodes.filter(
    (node) =>
      (statuses.length === 0 || (node.shown !== 'unresolved' && statuses.includes(node.shown))) &&
      tags.every((tag) => node.tags.includes(tag)) &&
      (open === null || groupOf(node, group) === open),
  );
  const ids = new Set(nodes.map((node) => node.id));
  const edges = shape.edges.filter(
    (edge) =>
      edge.strength >= filter.minStrength &&
      (filter.kinds.length === 0 || filter.kinds.includes(edge.kind)) &&
      ids.has(edge.from) &&
      ids.has(edge.to),
  );
  return { nodes, edges };
}

export function matchesText(node: Node, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return wanted !== '' && (node.id.includes(wanted) || node.label.toLowerCase().includes(wanted));
}

export function groupOf(node: Pick<Node, 'tags' | 'namespace'>, key: string): string {
  if (key === BY_NAMESPACE) return node.namespace ?? NO_GROUP;
  if (key === BY_TAG) return node.tags[0] ?? NO_GROUP;
  const prefix = `${key}:`;
  const tag = node.tags.find((one) => one.startsWith(prefix));
  return tag === undefined ? NO_GROUP : tag.slice(prefix.length);
}

/** Returns how the nodes are grouped. Unless chosen, large graphs are grouped by what at least half of them have. */
export function groupingOf(chosen: string, nodes: readonly Node[], keys: readonly string[]): string {
  if (chosen !== '') return chosen;
  if (nodes.length <= MAX_OPEN) return NO_GROUPS;
  const isCommon = (key: string) =>
    2 * nodes.filter((node) => groupOf(node, key) !== NO_GROUP).length >= nodes.length;
  return [...keys.slice(0, 1), BY_TAG].find(isCommon) ?? BY_NAMESPACE;
}

/** Keys of tags that divide the projects into groups, the one that covers most first. */
export function groupKeys(nodes: readonly Node[]): string[] {
  const counts = new Map<string, number>();
  for (const { tags } of nodes) {
    const keys = new Set(tags.flatMap((tag) => (tag.indexOf(':') > 0 ? [tag.slice(0, tag.indexOf(':'))] : [])));
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([key]) => key);
}

export interface Group {
  name: string;
  size: number;
  counts: Record<Node['shown'], number>;
}

export interface GroupedShape {
  groups: Group[];
  /** Edges between groups with the number of edges between their projects. */
  links: { from: string; to: string; count: number }[];
}

export function grouped(shape: Shape, key: string): GroupedShape {
  const groups = new Map<string, Group>();
  const names = new Map<string, string>();
  for (const node of shape.nodes) {
    const name = groupOf(node, key);
    names.set(node.id, name);
    let group = groups.get(name);
    if (group === undefined) {
      const counts = { online: 0, degraded: 0, offline: 0, unknown: 0, unresolved: 0 };
      group = { name, size: 0, counts };
      groups.set(name, group);
    }
    group.size += 1;
    group.counts[node.shown] += 1;
  }
  const links = new Map<string, { from: string; to: string; count: number }>();
  for (const edge of shape.edges) {
    const [from, to] = [names.get(edge.from), names.get(edge.to)];
    if (from === undefined || to === undefined || from === to) continue;
    const id = JSON.stringify([from, to]);
    const link = links.get(id);
    if (link === undefined) links.set(id, { from, to, count: 1 });
    else link.count += 1;
  }
  const byName = (a: Group, b: Group) => (a.name < b.name ? -1 : 1);
  return { groups: [...groups.values()].sort(byName), links: [...links.values()] };
}

/** Everything that can be reached from a project: what it uses, or what uses it. */
export function reach(edges: readonly GraphEdge[], start: string, direction: 'uses' | 'used-by'): Set<string> {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) {
    const [key, value] = direction === 'uses' ? [from, to] : [to, from];
    const list = next.get(key);
    if (list === undefined) next.set(key, [value]);
    else list.push(value);
  }
  const found = new Set<string>();
  const queue = [start];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    for (const other of next.get(id) ?? []) {
      if (other !== start && !found.has(other)) {
        found.add(other);
        queue.push(other);
      }
    }
  }
  return found;
}
