/** The typed client of the REST API. Its types come from the OpenAPI document of the service. */
import createClient from 'openapi-fetch';
import { base } from '../lib/base';
import { headers } from './headers';
import { session } from './session.svelte';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type ProjectStatus = Schemas['ProjectStatus'];
export type Change = Schemas['Change'];
export type ChangeEvent = Schemas['ChangeEvent'];
export type Explanation = Schemas['Explanation'];
export type History = Schemas['History'];
export type Uptime = Schemas['Uptime'];
export type UptimeOfProject = Schemas['UptimeOfProject'];
export type UptimeOfProjects = Schemas['UptimeOfProjects'];
export type Kpis = Schemas['Kpis'];
export type Graph = Schemas['Graph'];
export type GraphNode = Schemas['GraphNode'];
export type GraphEdge = Schemas['GraphEdge'];
export type Reach = Schemas['Reach'];
export type ReachedProject = Schemas['ReachedProject'];
export type MetricPoints = Schemas['MetricPoints'];
export type NewestMetrics = Schemas['NewestMetrics'];
export type NewestMetric = Schemas['NewestMetric'];
export type Alert = Schemas['Alert'];
export type AlertWithTimeline = Schemas['AlertWithTimeline'];
export type AffectedProject = Schemas['AffectedProject'];
export type MaintenanceWindow = Schemas['MaintenanceWindow'];
export type NewMaintenanceWindow = Schemas['NewMaintenanceWindow'];
export type ActionOrder = Schemas['ActionOrder'];
export type ActionPlan = Schemas['ActionPlan'];
export type ActionRun = Schemas['ActionRun'];
export type SourceHearing = Schemas['SourceHearing'];
export type Project = Schemas['Project'];

/** The keys of a project that lists show. Without its last heartbeat, a list stays cacheable. */
export const LISTED = [
  'slug',
  'name',
  'hub_url',
  'status',
  'status_known',
  'tags',
  'degraded_reasons',
  'updated_at',
] as const;
export type ListedProject = Pick<Project, (typeof LISTED)[number]>;

/** An answer that is not the wanted one, or none. */
export class ApiFailure extends Error {
  constructor(
    /** HTTP status, or null if there was no answer. */
    readonly status: number | null,
    message: string,
  ) {
    super(message);
  }
}

export const api = createClient<paths>({
  baseUrl: base,
  querySerializer: { array: { style: 'form', explode: false } },
});
api.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(headers())) request.headers.set(name, value);
    return request;
  },
  onResponse({ response }) {
    if (response.status === 401) session.refused();
  },
  onError() {
    return new ApiFailure(null, 'The service does not answer.');
  },
});

interface Outcome<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** Returns the body of a successful answer and throws an `ApiFailure` otherwise. */
export function expectData<Data>(outcome: Outcome<Data>): Data {
  if (outcome.response.ok && outcome.data !== undefined) return outcome.data;
  throw new ApiFailure(outcome.response.status, detailOf(outcome.error, outcome.response.status));
}

/** Throws an `ApiFailure` unless the answer is a success. For answers without a body. */
export function expectOk({ error, response }: Outcome<unknown>): void {
  if (!response.ok) throw new ApiFailure(response.status, detailOf(error, response.status));
}

function detailOf(error: unknown, status: number): string {
  if (typeof error === 'object' && error !== null && 'detail' in error) return String(error.detail);
  return `The service answered with status ${status}.`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
