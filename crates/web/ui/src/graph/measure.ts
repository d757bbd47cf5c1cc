/** Widths of labels, known before they are drawn, so that the layout can use them. */

/** The same as in NodeBox.svelte. */
const FONT_SIZE = 14.5;
const MAX_LABEL = 174;
/** Without a canvas, as in tests. */
const CHARACTER = 8.3;

let context: CanvasRenderingContext2D | null | undefined;

function textWidth(text: string): number {
  if (context === undefined) {
    context = typeof document === 'undefined' ? null : document.createElement('canvas').getContext('2d');
    const family = typeof document === 'undefined' ? '' : getComputedStyle(document.body).fontFamily;
    if (context !== null) context.font = `550 ${FONT_SIZE}px ${family}`;
  }
  return context === null ? [...text].length * CHARACTER : context.measureText(text).width;
}

/** The width of a box with an icon, a label, and room for a badge. */
export function boxWidth(label: string, withBadge: boolean): number {
  const text = Math.min(MAX_LABEL, textWidth(label));
  return Math.ceil(Math.max(64, text + 46) + (withBadge ? 42 : 0));
}

/** Shortens a label to a width. */
export function fitLabel(label: string, width: number): string {
  if (textWidth(label) <= width) return label;
  const characters = [...label];
  let [fits, tooLong] = [1, characters.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (textWidth(`${characters.slice(0, middle).join('')}…`) <= width) fits = middle;
    else tooLong = middle;
  }
  return `${characters.slice(0, fits).join('').trimEnd()}…`;
}
