/** Names, units and points of metrics. Pure. */

export interface Course {
  /** Seconds since the epoch. */
  times: number[];
  /** Null in a gap. Undefined between two samples that follow each other at their usual distance. */
  values: (number | null | undefined)[];
}

/** A longer distance between two samples than this many usual ones is a gap. */
const USUAL = 2.5;

/** Reads the points of an answer. Values that are texts are left out. */
export function courseOf(points: readonly (readonly unknown[])[]): Course {
  const times = points.map(([at]) => Date.parse(String(at)) / 1000);
  const values: Course['values'] = points.map(([, value]) => (typeof value === 'number' ? value : null));
  const places = [...values.keys()].filter((at) => values[at] !== null);
  const longest = Math.max(1, USUAL * median(places.slice(1).map((at, before) => at - (places[before] ?? 0))));
  // The next sample may still come.
  const ends = [...places.slice(1), values.length];
  for (const [number, from] of places.entries()) {
    const to = ends[number] ?? values.length;
    if (to - from <= longest) values.fill(undefined, from + 1, to);
  }
  return { times, values };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;
}

export interface Summary {
  latest: number;
  least: number;
  most: number;
  /** Number of gaps after the first sample. */
  gaps: number;
}

/** Summarises a course. Returns null if it has no values. */
export function summaryOf({ values }: Course): Summary | null {
  const present = values.filter((value) => typeof value === 'number');
  const latest = present.at(-1);
  if (latest === undefined) return null;
  const isGap = (at: number): boolean => values[at] === null && values[at - 1] !== null;
  const first = values.findIndex((value) => typeof value === 'number');
  const gaps = [...values.keys()].filter((at) => at > first && isGap(at)).length;
  return { latest, least: Math.min(...present), most: Math.max(...present), gaps };
}

const UNITS = new Map<string, string>(Object.entries({
  ms: 'ms',
  percent: '%',
  seconds: 's',
  bytes: 'B',
  days: 'd',
}));

function unitWord(type: string): string | undefined {
  return UNITS.get(type.split(/[._]/).at(-1) ?? '');
}

/** The unit that the last word of a type names: `health.latency_ms` is in milliseconds. */
export function unitOf(type: string): string {
  return unitWord(type) ?? '';
}

/** A type as words: `health.latency_ms` is "Health latency". */
export function nameOf(type: string): string {
  const words = type.split(/[._]/);
  if (words.length > 1 && unitWord(type) !== undefined) words.pop();
  const text = words.join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** Formats a value with at most three digits that matter, so that charts stay narrow. */
export function formatValue(value: number, unit = ''): string {
  const size = Math.abs(value);
  const text =
    size >= 10_000 ? compact.format(value) : size >= 100 || value === 0 ? whole.format(value) : fine.format(value);
  return unit === '' ? text : `${text} ${unit}`;
}
