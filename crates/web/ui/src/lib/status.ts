/** The status as it is shown. An unknown status is never shown as the last known one. */
import type { ListedProject, ProjectStatus } from '../api/client';

export type ShownStatus = 'online' | 'degraded' | 'offline' | 'unknown';

/** Worst first. */
export const SHOWN: readonly ShownStatus[] = ['offline', 'degraded', 'unknown', 'online'];

export const LABEL: Record<ShownStatus, string> = {
  online: 'Online',
  degraded: 'Degraded',
  offline: 'Offline',
  unknown: 'Unknown',
};

export function shown(project: { status: ProjectStatus; status_known: boolean }): ShownStatus {
  if (!project.status_known) return 'unknown';
  // A newer service may have further statuses.
  return project.status in LABEL ? project.status : 'unknown';
}

export function countByStatus(projects: readonly ListedProject[]): Record<ShownStatus, number> {
  const counts = { online: 0, degraded: 0, offline: 0, unknown: 0 };
  for (const project of projects) counts[shown(project)] += 1;
  return counts;
}
