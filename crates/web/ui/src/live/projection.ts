/** The rule by which a change of the log changes the list of projects. Pure. */
import type { ChangeEvent, ListedProject } from '../api/client';

export interface Applied {
  /** Projects whose registration is not part of the event, so that it has to be read. */
  read: Set<string>;
}

/**
 * Applies changes to the projects in place, each replaced by a new object. Changes up to `index`
 * are part of the list already.
 */
export function applyChanges(
  projects: Map<string, ListedProject>,
  changes: readonly ChangeEvent[],
  index: number,
): Applied {
  const read = new Set<string>();
  for (const change of changes) {
    if (change.revision <= index) continue;
    const { slug } = change;
    const project = projects.get(slug);
    if (change.kind === 'removed') {
      projects.delete(slug);
      read.delete(slug);
    } else if (change.kind === 'status_changed' && project !== undefined && change.to !== null) {
      projects.set(slug, {
        ...project,
        status: change.to,
        status_known: true,
        degraded_reasons: reasonsAfter(change, project),
        updated_at: change.at,
      });
    } else if (slug !== undefined) {
      // Registered, updated, or a kind that this page does not know.
      read.add(slug);
    }
  }
  return { read };
}

/** Silence changes nothing about what a project last reported. */
function reasonsAfter(change: ChangeEvent, before: ListedProject): string[] {
  if (change.cause.kind === 'reported') return change.cause.reasons;
  return change.to === 'online' ? [] : before.degraded_reasons;
}
