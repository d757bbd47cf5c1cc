import type { Uptime } from '../api/client';

const PARTS = ['online', 'degraded', 'offline', 'unobserved'] as const;

/** Formats a fraction without rounding anything to all or nothing that is not. */
export function percent(share: number): string {
  if (share > 0 && share < 0.0001) return '<0.01 %';
  const text = (share * 100).toFixed(share > 0.1 && share < 0.995 ? 1 : 2);
  if (share < 1 && Number(text) === 100) return '>99.99 %';
  return `${Number(text)} %`;
}

type Shares = Pick<Uptime, (typeof PARTS)[number]>;

/** The shares in words, for readers who do not see the bar. */
export function sharesText(uptime: Shares): string {
  if (uptime.online === null) return 'not counted, because the project changed too often';
  const parts = PARTS.filter((part) => (uptime[part] ?? 0) > 0);
  if (parts.length === 0) return 'not known';
  return parts.map((part) => `${part} ${percent(uptime[part] ?? 0)}`).join(', ');
}
