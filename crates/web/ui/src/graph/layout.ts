/** Positions of nodes. Pure and deterministic: the same graph always looks the same. */
import { graphlib, layout as dagreLayout } from '@dagrejs/dagre';
import {
  forceCollide,
  forceLink,
  forceSimulation,
  forceX,
  forceY,
  type SimulationNodeDatum,
} from 'd3-force';

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
  return nodes.length <= MAX_LAYERED ? layered(nodes, edges, aspect) : byForce(nodes, edges);
}

/** Distance of layers. It grows if the graph would be narrower than the window. */
const LAYER_GAP = 64;
const MAX_LAYER_GAP = 240;

function layered(boxes: Box[], links: Link[], aspect: number): Placed {
  const linked = new Set(links.flatMap(({ from, to }) => [from, to]));
  const inside = boxes.filter(({ id }) => linked.has(id));
  const rows = Math.max(4, Math.ceil(Math.sqrt((boxes.length * 2 * ASPECT) / aspect)));
  let graph = newGraph(inside, links, LAYER_GAP, rows);
  if (linked.size > 0) {
    dagreLayout(graph);
    const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
    const layers = new Set(graph.nodes().map((id) => (graph.node(id) as { rank?: number }).rank)).size;
    const wanted = LAYER_GAP + Math.floor((height * aspect - width) / Math.max(1, layers - 1));
    if (wanted > LAYER_GAP) {
      graph = newGraph(inside, links, Math.min(MAX_LAYER_GAP, wanted), rows);
      dagreLayout(graph);
    }
  }
  const placed: Placed = { nodes: {}, bends: {} };
  for (const id of graph.nodes()) {
    const { x, y } = graph.node(id) as unknown as Point;
    placed.nodes[id] = { x, y };
  }
  for (const edge of graph.edges()) {
    const { points } = graph.edge(edge) as unknown as { points?: Point[] };
    if (edge.name !== undefined && points !== undefined) {
      placed.bends[edge.name] = points.map(({ x, y }) => ({ x, y }));
    }
  }
  const size = graph.graph() as { width?: number; height?: number };
  const alone = boxes.filter(({ id }) => !linked.has(id));
  grid(alone, linked.size > 0 ? (size.width ?? 0) : 0, linked.size > 0 ? (size.height ?? 0) : 0, placed);
  return placed;
}

/** Places boxes without edges in rows below the others, those of a group together. */
function newGraph(
  boxes: readonly Box[],
  links: readonly Link[],
  gap: number,
  rows: number,
): graphlib.Graph {
  const graph = new graphlib.Graph({ multigraph: true });
  const ranker = (inner: graphlib.Graph) => rank(inner, rows);
  // The types of the library know only the names of its own rankers.
  graph.setGraph({ rankdir: 'LR', nodesep: 10, ranksep: gap, edgesep: 6, ranker } as object);
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of boxes) graph.setNode(id, { width, height });
  for (const { id, from, to } of links) graph.setEdge(from, to, {}, id);
  return graph;
}

/**
 * Assigns nodes to layers of at most `rows` nodes, from what is used to what uses it. The rankers of
 * the library minimise the length of edges, which makes some layers much higher than the window.
 */
function rank(graph: graphlib.Graph, rows: number): void {
  const chains = new Map<string, number>();
  const chain = (id: string): number => {
    const known = chains.get(id);
    if (known !== undefined) return known;
    chains.set(id, 0);
    const length = Math.max(0, ...(graph.predecessors(id) ?? []).map((user) => chain(user) + 1));
    chains.set(id, length);
    return length;
  };
  const uses = (id: string): number => graph.inEdges(id)?.length ?? 0;
  const first = (a: string, b: string): number =>
    chain(b) - chain(a) || uses(b) - uses(a) || (a < b ? -1 : 1);
  const left = new Set(graph.nodes());
  const layers = new Map<string, number>();
  let layer = 0;
  for (; left.size > 0; layer += 1) {
    const isReady = (id: string): boolean =>
      (graph.successors(id) ?? []).every((used) => (layers.get(used) ?? Infinity) < layer);
    const ready = [...left].filter(isReady).sort(first).slice(0, rows);
    // The graph has no circles here, so there always is one.
    if (ready.length === 0) break;
    for (const id of ready) {
      layers.set(id, layer);
      left.delete(id);
    }
  }
  // The library has room for labels between two layers.
  for (const id of graph.nodes()) {
    (graph.node(id) as { rank?: number }).rank = 2 * (layer - 1 - (layers.get(id) ?? 0));
  }
}

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
