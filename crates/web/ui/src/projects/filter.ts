/** Filters and sorting of the table, as they stand in the URL. Pure. */
import type { ListedProject } from '../api/client';
import { SHOWN, shown, type ShownStatus } from '../lib/status';

export const SORTS = ['status', 'name', 'changed'] as const;
export type SortKey = (typeof SORTS)[number];

export interface Filter {
  text: string;
  statuses: readonly ShownStatus[];
  /** A project has all of them. */
  tags: readonly string[];
  sort: SortKey;
  descending: boolean;
}

/** Reads a filter. Values that are not understood are ignored. */
export function parseFilter(query: URLSearchParams): Filter {
  const wanted = new Set((query.get('status') ?? '').split(','));
  const sort = query.get('sort') ?? '';
  const key = SORTS.find((one) => one === sort.replace(/^-/, ''));
  return {
    text: query.get('q') ?? '',
    statuses: SHOWN.filter((status) => wanted.has(status)),
    tags: query.getAll('tag').filter((tag) => tag !== ''),
    sort: key ?? 'status',
    descending: key !== undefined && sort.startsWith('-'),
  };
}

/** Writes a filter without the defaults. */
export function formatFilter(filter: Filter): URLSearchParams {
  const query = new URLSearchParams();
  if (filter.text !== '') query.set('q', filter.text);
  if (filter.statuses.length > 0) query.set('status', filter.statuses.join(','));
  for (const tag of filter.tags) query.append('tag', tag);
  if (filter.sort !== 'status' || filter.descending) {
    query.set('sort', (filter.descending ? '-' : '') + filter.sort);
  }
  return query;
}

export function matches(project: ListedProject, filter: Filter): boolean {
  const { statuses, tags } = filter;
  if (statuses.length > 0 && !statuses.includes(shown(project))) return false;
  if (!tags.every((tag) => project.tags.includes(tag))) return false;
  return containsText(project, filter.text);
}

function containsText(project: ListedProject, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/);
  const name = project.name.toLowerCase();
  const has = (word: string) =>
    name.includes(word) ||
    project.slug.includes(word) ||
    project.tags.some((tag) => tag.toLowerCase().includes(word));
  return words.every((word) => word === '' || has(word));
}

const RANK: Record<ShownStatus, number> = { offline: 0, degraded: 1, unknown: 2, online: 3 };
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

const KEYS: Record<SortKey, (a: ListedProject, b: ListedProject) => number> = {
  status: (a, b) => RANK[shown(a)] - RANK[shown(b)],
  name: (a, b) => collator.compare(a.name, b.name),
  // Newest first.
  changed: (a, b) => (a.updated_at < b.updated_at ? 1 : a.updated_at > b.updated_at ? -1 : 0),
};

/** Returns the projects that match, in order. Ties are ordered by name and slug. */
export function select(projects: readonly ListedProject[], filter: Filter): ListedProject[] {
  const compare = KEYS[filter.sort];
  const sign = filter.descending ? -1 : 1;
  return projects
    .filter((project) => matches(project, filter))
    .sort(
      (a, b) =>
        sign * compare(a, b) || collator.compare(a.name, b.name) || (a.slug < b.slug ? -1 : 1),
    );
}

export interface Facet {
  /** The part of the tag before the colon. Empty for tags without one. */
  key: string;
  tags: readonly { tag: string; label: string; count: number }[];
}

/** Groups tags of the form `key:value`. Facets come first, tags without a key last. */
export function facets(projects: readonly { tags: readonly string[] }[]): Facet[] {
  const counts = new Map<string, number>();
  for (const project of projects) {
    for (const tag of project.tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  const groups = new Map<string, { tag: string; label: string; count: number }[]>();
  for (const [tag, count] of counts) {
    const colon = tag.indexOf(':');
    const key = colon > 0 ? tag.slice(0, colon) : '';
    const label = colon > 0 ? tag.slice(colon + 1) : tag;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ tag, label, count }]);
    else group.push({ tag, label, count });
  }
  return [...groups]
    .map(([key, tags]) => ({
      key,
      tags: tags.sort((a, b) => b.count - a.count || collator.compare(a.label, b.label)),
    }))
    .sort((a, b) => Number(a.key === '') - Number(b.key === '') || collator.compare(a.key, b.key));
}
