/** What the banner says about the truth of what is shown. Pure. */
import type { SourceHearing } from '../api/client';
import { clock } from '../lib/time';

export interface Notice {
  kind: 'cut' | 'blind' | 'not-ready';
  title: string;
  detail: string;
  since: Date | null;
}

export interface Situation {
  reachable: boolean;
  ready: boolean | null;
  reasons: readonly string[];
  sources: readonly SourceHearing[];
  /** Time of the newest answer of the service. */
  at: Date | null;
  notReadySince: Date | null;
  live: boolean;
  cutSince: Date | null;
}

/** Returns what is wrong, most important first. */
export function notices(now: Situation): Notice[] {
  const found: Notice[] = [];
  if (!now.live && now.cutSince !== null) {
    const shownAsOf = `What is shown is as of ${clock(now.cutSince)}.`;
    found.push({
      kind: 'cut',
      title: now.reachable ? 'Live updates are interrupted' : 'The service does not answer',
      detail: `${shownAsOf} Reconnecting.`,
      since: now.cutSince,
    });
    if (!now.reachable) return found;
  }
  const deaf = now.sources.filter((source) => !source.hears);
  if (deaf.length > 0) found.push(blind(deaf, now.sources.length, now.at));
  if (now.ready === false) {
    const reasons = now.reasons.join('; ');
    found.push({
      kind: 'not-ready',
      title: 'The service is not ready',
      detail: `${reasons}. Changes may be missing until it is.`,
      since: now.notReadySince,
    });
  }
  return found;
}

function blind(deaf: readonly SourceHearing[], all: number, at: Date | null): Notice {
  const names = deaf.map(({ source }) => source.toUpperCase()).join(' and ');
  const ages = deaf.map((source) => source.heard_seconds_ago ?? Infinity);
  const oldest = Math.max(...ages);
  const since = at !== null && oldest < Infinity ? new Date(at.getTime() - oldest * 1000) : null;
  const detail =
    deaf.length === all
      ? 'Offline detection is paused. Statuses that cannot be vouched for are shown as unknown.'
      : 'Projects that use only this source may be shown as unknown.';
  return { kind: 'blind', title: `The service receives no heartbeats over ${names}`, detail, since };
}
