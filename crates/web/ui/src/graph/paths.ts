/** SVG paths of edges. Edges that look the same are drawn as one path, which is fast. Pure. */
import type { Box, Point } from './layout';

/** Returns where the line from the centre of a box towards a point leaves the box. */
export function border(box: Box, centre: Point, towards: Point, gap = 0): Point {
  const [dx, dy] = [towards.x - centre.x, towards.y - centre.y];
  if (dx === 0 && dy === 0) return centre;
  const scale = Math.min(
    (box.width / 2 + gap) / Math.max(Math.abs(dx), 1e-9),
    (box.height / 2 + gap) / Math.max(Math.abs(dy), 1e-9),
  );
  return scale >= 1 ? centre : { x: centre.x + dx * scale, y: centre.y + dy * scale };
}

/** A smooth line through points. */
export function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let path = `M${xy(first)}`;
  for (let at = 0; at < rest.length - 1; at += 1) {
    const [bend, next] = [rest[at], rest[at + 1]];
    if (bend === undefined || next === undefined) break;
    const end = at === rest.length - 2 ? next : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    path += `Q${xy(bend)} ${xy(end)}`;
  }
  const last = rest.at(-1);
  return rest.length === 1 && last !== undefined ? `${path}L${xy(last)}` : path;
}

const SIZE = 6;

/** A triangle whose tip is `tip`, coming from `from`. */
export function arrow(from: Point, tip: Point): string {
  const [dx, dy] = [tip.x - from.x, tip.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const [ux, uy] = [(dx / length) * SIZE, (dy / length) * SIZE];
  const left = { x: tip.x - ux - uy * 0.5, y: tip.y - uy + ux * 0.5 };
  const right = { x: tip.x - ux + uy * 0.5, y: tip.y - uy - ux * 0.5 };
  return `M${xy(tip)}L${xy(left)}L${xy(right)}Z`;
}

function xy({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
}
