import { describe, expect, it } from 'vitest';
import type { Kpis } from '../api/client';
import { badgeOf, type Figures } from './overlay';

const NONE: Kpis = {
  audits_fail: null,
  audits_ok: null,
  audits_warn: null,
  coverage_percent: null,
  deploy_freshness_days: null,
  health_latency_ms: null,
  vulns_critical: null,
  vulns_high: null,
};
const figures = (part: Partial<Kpis>, stale: string[] = [], risk: number | null = null): Figures => ({
  kpis: { ...NONE, ...part },
  stale: new Set(stale),
  risk,
});
const levels = (overlay: 'compliance' | 'freshness', ...all: (Figures | undefined)[]) =>
  all.map((one) => badgeOf(overlay, one)?.level);

describe('an overlay', () => {
  it('shows the status alone without a badge', () => {
    expect(badgeOf('status', figures({}, [], 50))).toBeNull();
  });

  it('never shows what is not known as good', () => {
    expect(badgeOf('risk', undefined)?.level).toBe('none');
    expect(badgeOf('risk', figures({}))?.level).toBe('none');
    expect(badgeOf('risk', figures({}, [], 50))).toEqual({ text: '50', level: 'bad', words: 'risk 50 of 100' });
    const passing = figures({ audits_ok: 5 });
    const stale = figures({ audits_fail: 0, audits_warn: 0, audits_ok: 5 }, ['audits_fail', 'audits_warn']);
    expect(levels('compliance', undefined, figures({}), passing, stale)).toEqual(['none', 'none', 'none', 'none']);
    const old = figures({ deploy_freshness_days: 1 }, ['deploy_freshness_days']);
    expect(levels('freshness', undefined, figures({}), old)).toEqual(['none', 'none', 'none']);
  });

  it('of compliance shows the worst audits', () => {
    const one = (fail: number, warn: number) => figures({ audits_fail: fail, audits_warn: warn, audits_ok: 9 });
    expect(levels('compliance', one(0, 0), one(0, 2), one(1, 2))).toEqual(['good', 'fair', 'bad']);
    expect(badgeOf('compliance', one(120, 0))?.text).toBe('99+ ✕');
    expect(badgeOf('compliance', one(1, 2))?.words).toBe(
      'audits: 1 failing, 2 with warnings, 9 passing',
    );
  });

  it('of freshness shows the age of the last deployment', () => {
    const one = (days: number) => figures({ deploy_freshness_days: days });
    expect(levels('freshness', one(0.2), one(7), one(8), one(31))).toEqual(['good', 'good', 'fair', 'bad']);
    expect(badgeOf('freshness', one(0.2))?.text).toBe('<1d');
  });
});
