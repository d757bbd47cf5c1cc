/** What the badge of a project shows besides its status. Pure. */
import type { Kpis } from '../api/client';

export const OVERLAYS = ['status', 'risk', 'compliance', 'freshness'] as const;
export type Overlay = (typeof OVERLAYS)[number];

export type Level = 'good' | 'fair' | 'bad' | 'none';

export interface Badge {
  /** Short enough for a box. */
  text: string;
  level: Level;
  /** For readers who do not see the badge. */
  words: string;
}

/** Key figures of a project. Those that are stale count as not known. */
export interface Figures {
  kpis: Kpis;
  stale: ReadonlySet<string>;
  /** Null without metrics. */
  risk: number | null;
}

const NOTHING = (words: string): Badge => ({ text: '?', level: 'none', words });

export function badgeOf(overlay: Overlay, figures: Figures | undefined): Badge | null {
  switch (overlay) {
    case 'status':
      return null;
    case 'risk':
      return riskBadge(figures?.risk ?? null);
    case 'compliance':
      return complianceBadge(figures);
    case 'freshness':
      return freshnessBadge(figures);
  }
}

function riskBadge(risk: number | null): Badge {
  if (risk === null) return NOTHING('risk not known');
  const level = risk >= 50 ? 'bad' : risk >= 20 ? 'fair' : 'good';
  return { text: String(Math.round(risk)), level, words: `risk ${Math.round(risk)} of 100` };
}

function figure(figures: Figures | undefined, name: keyof Kpis): number | null {
  return figures === undefined || figures.stale.has(name) ? null : figures.kpis[name];
}

function complianceBadge(figures: Figures | undefined): Badge {
  const names = ['audits_fail', 'audits_warn', 'audits_ok'] as const;
  const [fail, warn, ok] = names.map((name) => figure(figures, name));
  if (fail == null && warn == null && ok == null) return NOTHING('audits not known');
  const words = `audits: ${fail ?? '?'} failing, ${warn ?? '?'} with warnings, ${ok ?? '?'} passing`;
  if ((fail ?? 0) > 0) return { text: `${short(fail ?? 0)} ✕`, level: 'bad', words };
  if ((warn ?? 0) > 0) return { text: `${short(warn ?? 0)} !`, level: 'fair', words };
  // That nothing fails is known only if the number of failing audits is.
  return fail == null ? NOTHING(words) : { text: '✓', level: 'good', words };
}

/** Days after which a deployment is no longer fresh, and after which it is old. */
const FRESH_DAYS = 7;
const OLD_DAYS = 30;

function freshnessBadge(figures: Figures | undefined): Badge {
  const days = figure(figures, 'deploy_freshness_days');
  if (days === null) return NOTHING('last deployment not known');
  const level = days <= FRESH_DAYS ? 'good' : days <= OLD_DAYS ? 'fair' : 'bad';
  const whole = Math.floor(days);
  const words = whole < 1 ? 'deployed today' : `deployed ${whole} ${whole === 1 ? 'day' : 'days'} ago`;
  return { text: whole < 1 ? '<1d' : `${short(whole)}d`, level, words };
}

function short(count: number): string {
  return count > 99 ? '99+' : String(count);
}

/** What the levels of an overlay mean. */
export const LEGEND: Record<Overlay, readonly { level: Level; words: string }[]> = {
  status: [],
  risk: [
    { level: 'good', words: 'risk below 20' },
    { level: 'fair', words: 'below 50' },
    { level: 'bad', words: '50 or more' },
    { level: 'none', words: 'not known' },
  ],
  compliance: [
    { level: 'good', words: 'audits pass' },
    { level: 'fair', words: 'warnings' },
    { level: 'bad', words: 'failing' },
    { level: 'none', words: 'not known' },
  ],
  freshness: [
    { level: 'good', words: `deployed within ${FRESH_DAYS} days` },
    { level: 'fair', words: `${OLD_DAYS} days` },
    { level: 'bad', words: 'longer ago' },
    { level: 'none', words: 'not known' },
  ],
};
