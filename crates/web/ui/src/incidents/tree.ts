/** Projects that an incident affects, as a tree below its cause. Pure. */
import type { AffectedProject } from '../api/client';

export interface Branch {
  slug: string;
  /** Null for a project on the way that is not affected itself, such as one that is not registered. */
  affected: AffectedProject | null;
  children: Branch[];
}

/**
 * Returns the branches below the cause. A path leads from an affected project to the cause; its ends may
 * be joined by a gap where the service left out the middle.
 */
export function treeOf(affected: readonly AffectedProject[]): Branch[] {
  const bySlug = new Map(affected.map((one) => [one.project, one]));
  const root: Branch = { slug: '', affected: null, children: [] };
  for (const one of affected) {
    let at = root;
    // From the cause outwards, without the cause itself.
    const outwards = one.path.length > 1 ? [...one.path].reverse().slice(1) : [one.project];
    for (const slug of outwards) {
      let next = at.children.find((child) => child.slug === slug);
      if (next === undefined) {
        next = { slug, affected: bySlug.get(slug) ?? null, children: [] };
        at.children.push(next);
      }
      at = next;
    }
  }
  sort(root.children);
  return root.children;
}

function sort(branches: Branch[]): void {
  branches.sort((a, b) => size(b) - size(a) || (a.slug < b.slug ? -1 : 1));
  for (const { children } of branches) sort(children);
}

function size(branch: Branch): number {
  return 1 + branch.children.reduce((sum, child) => sum + size(child), 0);
}
