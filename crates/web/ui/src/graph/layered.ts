/**
 * Layers of a directed graph, from what uses to what is used. Pure and deterministic.
 *
 * This is the method of Sugiyama: circles are broken, nodes are assigned to layers, the order within
 * each layer is improved by the mean of the neighbours, and heights follow from the order. General
 * libraries spend seconds on dense graphs, most of it to save a few crossings.
 */
import type { Box, Link, Placed, Point } from './layout';

/** Distance of two boxes of a layer, and of an edge that passes through it. */
const BOX_GAP = 10;
const EDGE_GAP = 9;
/** Distance of two layers. It grows if the graph would be narrower than the window. */
const LAYER_GAP = 64;
const MAX_LAYER_GAP = 240;
const ORDER_ROUNDS = 10;
const HEIGHT_ROUNDS = 12;

/** A box, or the place where an edge passes a layer. */
interface Item {
  box: Box | null;
  layer: number;
  /** Place within the layer. */
  place: number;
  y: number;
  before: Item[];
  after: Item[];
}

/** Places boxes with links between them. `aspect` is the width of the window, divided by its height. */
export function layered(boxes: readonly Box[], links: readonly Link[], rows: number, aspect: number): Placed {
  const { forward, reversed } = withoutCircles(boxes, links);
  const layerOf = assign(boxes, forward, rows);
  const { layers, chains } = build(boxes, forward, layerOf);
  order(layers);
  setHeights(layers);
  return draw(layers, chains, reversed, aspect);
}

/** Turns the links that close a circle around, and drops loops. */
function withoutCircles(boxes: readonly Box[], links: readonly Link[]): { forward: Link[]; reversed: Set<string> } {
  const next = new Map<string, Link[]>(boxes.map(({ id }) => [id, []]));
  for (const link of links) next.get(link.from)?.push(link);
  const state = new Map<string, 'open' | 'done'>();
  const reversed = new Set<string>();
  const visit = (id: string): void => {
    state.set(id, 'open');
    for (const link of next.get(id) ?? []) {
      const of = state.get(link.to);
      if (of === 'open') reversed.add(link.id);
      else if (of === undefined) visit(link.to);
    }
    state.set(id, 'done');
  };
  for (const { id } of boxes) if (!state.has(id)) visit(id);
  const forward = links.map((link) =>
    reversed.has(link.id) ? { ...link, from: link.to, to: link.from } : link,
  );
  return { forward, reversed };
}

/** Assigns boxes to layers of at most `rows`, from what is used, on the right, to what uses it. */
function assign(boxes: readonly Box[], links: readonly Link[], rows: number): Map<string, number> {
  const [users, used] = [new Map<string, string[]>(), new Map<string, string[]>()];
  for (const { id } of boxes) {
    users.set(id, []);
    used.set(id, []);
  }
  for (const { from, to } of links) {
    users.get(to)?.push(from);
    used.get(from)?.push(to);
  }
  const lengths = new Map<string, number>();
  /** Length of the longest chain of users. */
  const length = (id: string): number => {
    let found = lengths.get(id);
    if (found === undefined) {
      found = (users.get(id) ?? []).reduce((most, user) => Math.max(most, length(user) + 1), 0);
      lengths.set(id, found);
    }
    return found;
  };
  const count = (id: string): number => users.get(id)?.length ?? 0;
  const compare = (a: string, b: string): number => length(b) - length(a) || count(b) - count(a) || (a < b ? -1 : 1);
  const left = new Set(boxes.map(({ id }) => id));
  const fromRight = new Map<string, number>();
  let layer = 0;
  for (; left.size > 0; layer += 1) {
    const isReady = (id: string): boolean =>
      (used.get(id) ?? []).every((other) => (fromRight.get(other) ?? Infinity) < layer);
    // There are no circles, so there always is one.
    const ready = [...left].filter(isReady).sort(compare).slice(0, rows);
    if (ready.length === 0) break;
    for (const id of ready) {
      fromRight.set(id, layer);
      left.delete(id);
    }
  }
  return new Map(boxes.map(({ id }) => [id, layer - 1 - (fromRight.get(id) ?? 0)]));
}

interface Chain {
  link: Link;
  /** The box where it begins, the places where it passes layers, and the box where it ends. */
  items: Item[];
}

function build(
  boxes: readonly Box[],
  links: readonly Link[],
  layerOf: ReadonlyMap<string, number>,
): { layers: Item[][]; chains: Chain[] } {
  const layers: Item[][] = [];
  const add = (box: Box | null, layer: number): Item => {
    const row = (layers[layer] ??= []);
    const item: Item = { box, layer, place: row.length, y: 0, before: [], after: [] };
    row.push(item);
    return item;
  };
  const items = new Map(boxes.map((box) => [box.id, add(box, layerOf.get(box.id) ?? 0)]));
  const chains: Chain[] = [];
  for (const link of links) {
    const [from, to] = [items.get(link.from), items.get(link.to)];
    if (from === undefined || to === undefined) continue;
    const chain = [from];
    for (let layer = from.layer + 1; layer < to.layer; layer += 1) chain.push(add(null, layer));
    chain.push(to);
    for (const [at, item] of chain.entries()) {
      const next = chain[at + 1];
      if (next === undefined) break;
      item.after.push(next);
      next.before.push(item);
    }
    chains.push({ link, items: chain });
  }
  return { layers, chains };
}

/** Orders each layer by the mean place of the neighbours, from left to right and back. */
function order(layers: Item[][]): void {
  for (let round = 0; round < ORDER_ROUNDS; round += 1) {
    const side = round % 2 === 0 ? 'before' : 'after';
    const sweep = side === 'before' ? layers : [...layers].reverse();
    for (const row of sweep) {
      const means = new Map(row.map((item) => [item, mean(item[side], ({ place }) => place) ?? item.place]));
      row.sort((a, b) => (means.get(a) ?? 0) - (means.get(b) ?? 0) || a.place - b.place);
      for (const [place, item] of row.entries()) item.place = place;
    }
  }
}

function mean(items: readonly Item[], value: (item: Item) => number): number | null {
  return items.length === 0 ? null : items.reduce((sum, item) => sum + value(item), 0) / items.length;
}

function size({ box }: Item): number {
  return box === null ? EDGE_GAP : box.height + BOX_GAP;
}

/** Moves the items of each layer towards their neighbours, without changing their order. */
function setHeights(layers: readonly Item[][]): void {
  for (const row of layers) {
    const all = row.reduce((sum, item) => sum + size(item), 0);
    let y = -all / 2;
    for (const item of row) {
      item.y = y + size(item) / 2;
      y += size(item);
    }
  }
  for (let round = 0; round < HEIGHT_ROUNDS; round += 1) {
    const sweep = round % 2 === 0 ? layers : [...layers].reverse();
    for (const row of sweep) {
      const wanted = row.map((item) => {
        const near = round % 2 === 0 ? item.before : item.after;
        const all = near.length > 0 ? near : [...item.before, ...item.after];
        return mean(all, ({ y }) => y) ?? item.y;
      });
      arrange(row, wanted);
    }
  }
}

/**
 * Gives each item of a layer the wanted height as far as the distances allow: the solution with the
 * least squares, by pooling neighbours that would be too near.
 */
function arrange(row: readonly Item[], wanted: readonly number[]): void {
  const offsets: number[] = [];
  let offset = 0;
  for (const [at, item] of row.entries()) {
    const above = row[at - 1];
    if (above !== undefined) offset += (size(above) + size(item)) / 2;
    offsets.push(offset);
  }
  const pools: { sum: number; weight: number; count: number }[] = [];
  for (const [at, item] of row.entries()) {
    // Edges that pass should be straight.
    const weight = item.box === null ? 3 : 1;
    let pool = { sum: ((wanted[at] ?? 0) - (offsets[at] ?? 0)) * weight, weight, count: 1 };
    for (let last = pools.at(-1); last !== undefined && last.sum / last.weight >= pool.sum / pool.weight; last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, weight: pool.weight + last.weight, count: pool.count + last.count };
      pools.pop();
    }
    pools.push(pool);
  }
  let at = 0;
  for (const { sum, weight, count } of pools) {
    for (const end = at + count; at < end; at += 1) {
      const item = row[at];
      if (item !== undefined) item.y = sum / weight + (offsets[at] ?? 0);
    }
  }
}

function draw(layers: readonly Item[][], chains: readonly Chain[], reversed: ReadonlySet<string>, aspect: number): Placed {
  const placed: Placed = { nodes: {}, bends: {} };
  const widths = layers.map((row) => row.reduce((most, { box }) => Math.max(most, box?.width ?? 0), 0));
  const ys = layers.flatMap((row) => row.map(({ y }) => y));
  const top = ys.reduce((least, y) => Math.min(least, y), Infinity);
  const height = ys.reduce((most, y) => Math.max(most, y), -Infinity) - top;
  const wide = widths.reduce((sum, width) => sum + width, 0);
  const wanted = (height * aspect - wide) / Math.max(1, layers.length - 1);
  const gap = Math.min(MAX_LAYER_GAP, Math.max(LAYER_GAP, wanted));
  let x = 0;
  const centres = widths.map((width) => {
    const centre = x + width / 2;
    x += width + gap;
    return centre;
  });
  const at = (item: Item): Point => ({ x: Math.round(centres[item.layer] ?? 0), y: Math.round(item.y - top) });
  for (const item of layers.flat()) if (item.box !== null) placed.nodes[item.box.id] = at(item);
  for (const { link, items } of chains) {
    const points = items.flatMap((item, place): Point[] => {
      const { x: centre, y } = at(item);
      const half = (item.box === null ? (widths[item.layer] ?? 0) : item.box.width) / 2;
      const [left, right] = [{ x: centre - half, y }, { x: centre + half, y }];
      // It leaves and reaches boxes horizontally.
      if (place === 0) return [right, { x: right.x + gap * 0.35, y }];
      if (place === items.length - 1) return [{ x: left.x - gap * 0.35, y }, { x: left.x - 2, y }];
      return [left, right];
    });
    placed.bends[link.id] = reversed.has(link.id) ? points.reverse() : points;
  }
  return placed;
}
