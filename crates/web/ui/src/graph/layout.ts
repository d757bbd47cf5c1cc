/** Positions of nodes. Pure and deterministic: the same graph always looks the same. */
import {
  forceCollide,
  forceLink,
  forceSimulation,
  forceX,
  forceY,
  type SimulationNodeDatum,
} from 'd3-force';
import { layered } from './layered';

export interface Box {
  id: string;
  width: number;
  height: number;
  /** Nodes of a group stay together in a large graph. */
  group: string;
}

export interface Link {
  id: string;
  from: string;
  to: string;
}

export interface Point {
  x: number;
  y: number;
}

export interface Placed {
  /** Centres of the boxes. */
  nodes: Record<string, Point>;
  /** Bends of edges, from end to end. An edge without bends is a straight line. */
  bends: Record<string, Point[]>;
}

/** Up to here, layers are more readable than forces. */
export const MAX_LAYERED = 100;
const GAP = 22;
/**
 * Boxes are this much wider than high. Forces act on circles in a plane that is stretched by it, so that
 * boxes that do not touch there do not overlap.
 */
const STRETCH = 2.9;

/** Width of a wide window, divided by its height. */
const ASPECT = 1.9;

export function place(boxes: readonly Box[], links: readonly Link[], aspect = ASPECT): Placed {
  const nodes = [...boxes].sort((a, b) => (a.id < b.id ? -1 : 1));
  const ids = new Set(nodes.map((node) => node.id));
  const inside = links.filter(({ from, to }) => ids.has(from) && ids.has(to) && from !== to);
  const edges = [...inside].sort((a, b) => (a.id < b.id ? -1 : 1));
  return nodes.length <= MAX_LAYERED ? inLayers(nodes, edges, aspect) : byForce(nodes, edges);
}

function inLayers(boxes: Box[], links: Link[], aspect: number): Placed {
  const linked = new Set(links.flatMap(({ from, to }) => [from, to]));
  const rows = Math.max(4, Math.ceil(Math.sqrt((boxes.length * 2 * ASPECT) / aspect)));
  const inside = boxes.filter(({ id }) => linked.has(id));
  const placed = layered(inside, links, rows, aspect);
  const [width, height] = extent(inside, placed);
  grid(boxes.filter(({ id }) => !linked.has(id)), width, height, placed);
  return placed;
}

/** Returns how far boxes reach to the right and down. */
function extent(boxes: readonly Box[], placed: Placed): [number, number] {
  let [right, bottom] = [0, 0];
  for (const { id, width, height } of boxes) {
    const point = placed.nodes[id];
    if (point === undefined) continue;
    right = Math.max(right, point.x + width / 2);
    bottom = Math.max(bottom, point.y + height / 2);
  }
  return [right, bottom];
}

/** Places boxes without edges in rows below the others, those of a group together. */
function grid(boxes: Box[], width: number, below: number, placed: Placed): void {
  const ordered = [...boxes].sort((a, b) => {
    if (a.group !== b.group) return a.group < b.group ? -1 : 1;
    return a.id < b.id ? -1 : 1;
  });
  const wide = Math.max(width, 190 * Math.ceil(Math.sqrt(boxes.length)), 600);
  let [x, y] = [0, below === 0 ? 0 : below + 60];
  for (const box of ordered) {
    if (x > 0 && x + box.width > wide) {
      x = 0;
      y += box.height + GAP;
    }
    placed.nodes[box.id] = { x: x + box.width / 2, y: y + box.height / 2 };
    x += box.width + GAP;
  }
}

interface Body extends SimulationNodeDatum {
  id: string;
  radius: number;
  home: Point;
}

function byForce(boxes: Box[], links: Link[]): Placed {
  const homes = homesOfGroups(boxes);
  const bodies = boxes.map((box): Body => {
    const home = homes.get(box.group) ?? { x: 0, y: 0 };
    return { id: box.id, radius: box.width / 2 + 6, home };
  });
  const groups = new Map(boxes.map((box) => [box.id, box.group]));
  // Bodies of a group begin near its home, in a spiral.
  const seen = new Map<string, number>();
  for (const body of bodies) {
    const group = groups.get(body.id) ?? '';
    const place = seen.get(group) ?? 0;
    seen.set(group, place + 1);
    const angle = place * 2.39996;
    const distance = 62 * Math.sqrt(place + 0.5);
    body.x = body.home.x + distance * Math.cos(angle);
    body.y = body.home.y + distance * Math.sin(angle);
  }
  const inner = links.map(({ from, to }) => ({
    source: from,
    target: to,
    same: groups.get(from) === groups.get(to),
  }));
  const simulation = forceSimulation(bodies)
    .force('links', forceLink<Body, (typeof inner)[number]>(inner).id(({ id }) => id).distance(150)
      .strength(({ same }) => (same ? 0.12 : 0.004)))
    .force('x', forceX<Body>(({ home }) => home.x).strength(0.1))
    .force('y', forceY<Body>(({ home }) => home.y).strength(0.1))
    .force('collide', forceCollide<Body>(({ radius }) => radius))
    .stop();
  const steps = boxes.length > 500 ? 50 : 100;
  simulation.alphaDecay(1 - 0.001 ** (1 / steps));
  simulation.tick(steps);
  const nodes: Record<string, Point> = {};
  for (const { id, x, y } of bodies) nodes[id] = { x: Math.round(x ?? 0), y: Math.round((y ?? 0) / STRETCH) };
  separate(boxes, nodes);
  return { nodes, bends: {} };
}

/** Moves boxes up and down until none is on top of another. */
function separate(boxes: readonly Box[], nodes: Record<string, Point>): void {
  const placed = boxes.flatMap((box) => {
    const point = nodes[box.id];
    return point === undefined ? [] : [{ point, half: box.width / 2 + 4, height: box.height + 6 }];
  });
  placed.sort((a, b) => a.point.x - b.point.x);
  const widest = Math.max(...placed.map(({ half }) => half));
  for (let round = 0, moved = true; moved && round < 120; round += 1) {
    moved = false;
    for (const [at, one] of placed.entries()) {
      for (let next = at + 1; next < placed.length; next += 1) {
        const two = placed[next];
        if (two === undefined || two.point.x - one.point.x > one.half + widest) break;
        if (two.point.x - one.point.x >= one.half + two.half) continue;
        const apart = two.point.y - one.point.y;
        const missing = one.height - Math.abs(apart);
        if (missing <= 0) continue;
        const step = Math.ceil(missing / 2) * (apart < 0 ? -1 : 1);
        one.point.y -= step;
        two.point.y += step;
        moved = true;
      }
    }
  }
}

/** Places groups in rows so that each has room for its nodes and all of them fill a window. */
function homesOfGroups(boxes: readonly Box[]): Map<string, Point> {
  const sizes = new Map<string, number>();
  for (const { group } of boxes) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const ordered = [...sizes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const diameters = ordered.map(([, size]) => 136 * Math.sqrt(size) + 300);
  const columns = Math.min(diameters.length, 12);
  let best = inRows(diameters, diameters[0] ?? 0);
  for (let count = 2; count <= columns; count += 1) {
    const other = inRows(diameters, count * (diameters[0] ?? 0));
    if (other.extent < best.extent) best = other;
  }
  return new Map(ordered.map(([group], at) => [group, best.centres[at] ?? { x: 0, y: 0 }]));
}

/** Places circles in rows of a width. The extent is the width of a window that shows all of them. */
function inRows(diameters: readonly number[], wide: number): { centres: Point[]; extent: number } {
  const centres: Point[] = [];
  let [x, y, row, right] = [0, 0, 0, 0];
  for (const diameter of diameters) {
    if (x > 0 && x + diameter > wide + 1) {
      x = 0;
      y += row;
      row = 0;
    }
    centres.push({ x: x + diameter / 2, y: y + diameter / 2 });
    x += diameter;
    row = Math.max(row, diameter);
    right = Math.max(right, x);
  }
  return { centres, extent: Math.max(right, ((y + row) / STRETCH) * ASPECT) };
}
