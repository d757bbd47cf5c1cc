/** Maintenance windows: which projects they cover, and when, in words. Pure. */
import type { MaintenanceWindow, NewMaintenanceWindow } from '../api/client';
import { duration } from '../lib/time';

type Covering = Pick<MaintenanceWindow, 'all' | 'projects' | 'tags'>;
type Weekly = NonNullable<MaintenanceWindow['weekly']>;

export interface Covered {
  slug: string;
  tags: readonly string[];
}

export function covers(window: Covering, { slug, tags }: Covered): boolean {
  return window.all || window.projects.includes(slug) || tags.some((tag) => window.tags.includes(tag));
}

/** Finds the window that covers a project longest. */
export class Lookup {
  #all: MaintenanceWindow | undefined;
  #projects = new Map<string, MaintenanceWindow>();
  #tags = new Map<string, MaintenanceWindow>();

  constructor(windows: readonly MaintenanceWindow[]) {
    for (const window of windows) {
      if (window.all) this.#all = longest(this.#all, window);
      for (const slug of window.projects) this.#projects.set(slug, longest(this.#projects.get(slug), window));
      for (const tag of window.tags) this.#tags.set(tag, longest(this.#tags.get(tag), window));
    }
  }

  find({ slug, tags }: Covered): MaintenanceWindow | undefined {
    const found = [this.#all, this.#projects.get(slug), ...tags.map((tag) => this.#tags.get(tag))];
    return found.reduce((best, one) => (one === undefined ? best : longest(best, one)), undefined);
  }
}

/** The end of a weekly window without an end is not known, so another one is preferred. */
function longest(one: MaintenanceWindow | undefined, other: MaintenanceWindow): MaintenanceWindow {
  return one !== undefined && endOf(one) >= endOf(other) ? one : other;
}

function endOf({ until, weekly }: MaintenanceWindow): number {
  return until === null || weekly !== null ? 0 : Date.parse(until);
}

/** Windows that are not over: the open ones first, then by their next time. */
export function current(windows: readonly MaintenanceWindow[], now: Date): MaintenanceWindow[] {
  const time = ({ open, from, until }: MaintenanceWindow) =>
    open ? (until === null ? Infinity : Date.parse(until)) : Date.parse(from);
  return windows
    .filter(({ open, until }) => open || until === null || Date.parse(until) > now.getTime())
    .sort((a, b) => Number(b.open) - Number(a.open) || compare(time(a), time(b)) || a.id - b.id);
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const NAMES = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

/** Says when a weekly window opens, for how long, and in which zone. */
export function weeklyWords({ days, at, duration_seconds, zone }: Weekly): string {
  return `${daysWords(days)} at ${at} for ${duration(duration_seconds)}, ${zone} time`;
}

function daysWords(days: readonly string[]): string {
  const places = DAYS.map((_, place) => place).filter((place) => days.includes(DAYS[place] ?? ''));
  if (places.length === 7) return 'Every day';
  if (places.join() === '0,1,2,3,4') return 'Monday to Friday';
  const names = places.map((place) => NAMES[place] ?? '');
  return `Every ${listed(names)}`;
}

/** Joins the first items and counts the others. */
export function listed(items: readonly string[], max = 7): string {
  const shown = items.slice(0, max);
  const rest = items.length - shown.length;
  if (rest > 0) return `${shown.join(', ')} and ${rest} more`;
  const last = shown.at(-1) ?? '';
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(', ')} and ${last}`;
}

/** Returns the order for a window over an incident. */
export function orderFor(cause: string, affected: readonly string[], length: string, reason: string): NewMaintenanceWindow {
  return { projects: [...new Set([cause, ...affected])], duration: length, reason: reason.trim() };
}
