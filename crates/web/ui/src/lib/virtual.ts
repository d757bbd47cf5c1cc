/** Which rows of a long list to draw. Pure. */
export interface Window {
  first: number;
  /** After the last one. */
  end: number;
}

export interface Viewport {
  /** How far the top of the list is above the top of the viewport, in pixels. */
  scrolled: number;
  height: number;
}

const OVERSCAN = 8;

export function visibleRows(count: number, rowHeight: number, view: Viewport): Window {
  const first = Math.floor(view.scrolled / rowHeight) - OVERSCAN;
  const end = Math.ceil((view.scrolled + view.height) / rowHeight) + OVERSCAN;
  const clamp = (row: number) => Math.min(count, Math.max(0, row));
  return { first: clamp(first), end: clamp(end) };
}
