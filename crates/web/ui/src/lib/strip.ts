/** The strip of the last 24 hours: one letter for each half hour. Pure. */

export type Part = 'online' | 'degraded' | 'offline' | 'unobserved' | 'absent';

const PARTS: Record<string, Part> = { o: 'online', d: 'degraded', x: 'offline', u: 'unobserved' };

export function partOf(letter: string | undefined): Part {
  return PARTS[letter ?? '-'] ?? 'absent';
}

/**
 * Share of the height that a part takes, and where it begins. The worse a status, the higher it is, so
 * that colour is not the only sign.
 */
const SHAPES: Record<Exclude<Part, 'absent'>, { top: number; height: number }> = {
  online: { top: 0.6, height: 0.4 },
  degraded: { top: 0.3, height: 0.7 },
  offline: { top: 0, height: 1 },
  unobserved: { top: 0.86, height: 0.14 },
};

export interface Drawn {
  part: Exclude<Part, 'absent'>;
  path: string;
}

/** Returns one path for each status that occurs, in a plane of `letters.length` by 1. */
export function draw(letters: string): Drawn[] {
  const paths = new Map<Exclude<Part, 'absent'>, string>();
  let at = 0;
  while (at < letters.length) {
    const part = partOf(letters[at]);
    let end = at + 1;
    while (end < letters.length && letters[end] === letters[at]) end += 1;
    if (part !== 'absent') {
      const { top, height } = SHAPES[part];
      const path = `M${at} ${top}h${end - at}v${height}h${at - end}z`;
      paths.set(part, (paths.get(part) ?? '') + path);
    }
    at = end;
  }
  return [...paths].map(([part, path]) => ({ part, path }));
}

const NAMES: Record<Part, string> = {
  online: 'online',
  degraded: 'degraded for some time',
  offline: 'offline for some time',
  unobserved: 'not observed',
  absent: 'not known',
};

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** Hours and minutes in the zone of the viewer. */
export function clock(time: Date): string {
  return clockFormat.format(time);
}

/** Says what a part shows, with its time in the zone of the viewer. */
export function describePart(letters: string, place: number, from: Date, stepSeconds: number, until: Date): string {
  const start = new Date(from.getTime() + place * stepSeconds * 1000);
  const end = new Date(Math.min(until.getTime(), start.getTime() + stepSeconds * 1000));
  return `${clock(start)} to ${clock(end)}: ${NAMES[partOf(letters[place])]}`;
}
