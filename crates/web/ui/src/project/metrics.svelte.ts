/** The metrics of a project: the newest values, and their course over time. */
import { api, ApiFailure, expectData, messageOf, type MetricPoints, type NewestMetric, type NewestMetrics } from '../api/client';
import { courseOf, type Course } from './measures';

const COMPARE_MS = 60_000;
/** As many types fit into one request. */
const MAX_TYPES = 20;

export const RANGES = ['1h', '24h', '7d', '30d'] as const;
export type Range = (typeof RANGES)[number];

export class MetricsOfProject {
  newest = $state.raw<readonly NewestMetric[]>([]);
  courses = $state.raw<ReadonlyMap<string, Course>>(new Map());
  loaded = $state(false);
  /** The service does not keep metrics. */
  off = $state(false);
  error = $state<string | null>(null);
  #range: Range = '24h';
  #number = 0;

  constructor(readonly slug: string) {}

  /** Reads a range and keeps it current. Returns the function that stops. */
  start(range: Range): () => void {
    this.#range = range;
    void this.read();
    const timer = setInterval(() => {
      if (!document.hidden) void this.read();
    }, COMPARE_MS);
    return () => {
      this.#number += 1;
      clearInterval(timer);
    };
  }

  async read(): Promise<void> {
    this.#number += 1;
    const number = this.#number;
    const path = { slug: this.slug };
    try {
      const outcome = await api.GET('/api/fed/metrics/{slug}', { params: { path } });
      if (number !== this.#number) return;
      this.off = outcome.response.status === 404;
      if (this.off) return;
      const newest = (expectData(outcome) as NewestMetrics).metrics;
      const types = newest.filter(({ value }) => typeof value === 'number').map(({ type }) => type);
      const courses = new Map<string, Course>();
      for (let first = 0; first < types.length; first += MAX_TYPES) {
        const query = { type: types.slice(first, first + MAX_TYPES), from: `-${this.#range}` };
        const part = await api.GET('/api/fed/metrics/{slug}', { params: { path, query } });
        if (number !== this.#number) return;
        // An answer to a request with types has their points.
        const { metrics } = expectData(part) as MetricPoints;
        for (const { type, points } of metrics) courses.set(type, courseOf(points));
      }
      this.newest = newest;
      this.courses = courses;
      this.loaded = true;
      this.error = null;
    } catch (error) {
      const isSignedOut = error instanceof ApiFailure && error.status === 401;
      if (number === this.#number && !isSignedOut) this.error = messageOf(error);
    }
  }
}
