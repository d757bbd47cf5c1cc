/** The graph, with statuses from the catalog, which the event stream keeps current. */
import { api, ApiFailure, expectData, messageOf, type Graph } from '../api/client';
import { shown } from '../lib/status';
import { catalog } from '../live/catalog.svelte';
import type { Node, Shape } from './model';

const COMPARE_MS = 30_000;

class Ecosystem {
  error = $state<string | null>(null);
  loaded = $state(false);
  /** Namespaces of projects. Null until they are read, which grouping by them needs. */
  namespaces = $state.raw<ReadonlyMap<string, string | null> | null>(null);
  #graph = $state.raw<Graph>({ nodes: [], edges: [] });
  #etag: string | null = null;
  #reading = false;
  #again = false;

  /** Nodes with their current status. */
  shape: Shape = $derived.by(() => {
    const projects = new Map(catalog.list.map((project) => [project.slug, project]));
    const nodes = this.#graph.nodes.map((node): Node => {
      const project = projects.get(node.id);
      const namespace = this.namespaces?.get(node.id) ?? null;
      if (node.unresolved) return { ...node, shown: 'unresolved' };
      if (project === undefined) {
        const known = { status: node.status ?? 'offline', status_known: node.status_known };
        return { ...node, namespace, shown: shown(known) };
      }
      return { ...node, label: project.name, tags: project.tags, namespace, shown: shown(project) };
    });
    return { nodes, edges: this.#graph.edges };
  });

  /** Starts and returns the function that stops. */
  start(): () => void {
    void this.read();
    const timer = setInterval(() => {
      if (!document.hidden) void this.read();
    }, COMPARE_MS);
    const unwatch = catalog.watch((changes) => {
      if (changes.some(({ kind }) => kind !== 'status_changed')) void this.read();
    });
    const unwatchEdges = catalog.watchEntries((entity) => {
      if (entity === 'edge') void this.read();
    });
    return () => {
      clearInterval(timer);
      unwatch();
      unwatchEdges();
    };
  }

  /** Reads namespaces, again if projects change. Returns the function that stops. */
  followNamespaces(): () => void {
    void this.readNamespaces();
    return catalog.watch((changes) => {
      if (changes.some(({ kind }) => kind !== 'status_changed')) void this.readNamespaces();
    });
  }

  async readNamespaces(): Promise<void> {
    try {
      const query = { fields: ['slug' as const, 'mesh_namespace' as const] };
      const projects = expectData(await api.GET('/api/fed/projects', { params: { query } }));
      this.namespaces = new Map(projects.map(({ slug, mesh_namespace }) => [slug ?? '', mesh_namespace ?? null]));
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status === 401)) this.error = messageOf(error);
    }
  }

  async read(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    const headers: Record<string, string> = {};
    if (this.#etag !== null) headers['If-None-Match'] = this.#etag;
    try {
      const query = { include: ['stale' as const, 'unresolved' as const] };
      const outcome = await api.GET('/api/fed/graph', {
        params: { query },
        querySerializer: { array: { style: 'form', explode: true } },
        headers,
      });
      if (outcome.response.status !== 304) {
        this.#graph = expectData(outcome) as Graph;
        this.#etag = outcome.response.headers.get('ETag');
      }
      this.error = null;
      this.loaded = true;
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status === 401)) this.error = messageOf(error);
    }
    this.#reading = false;
    if (this.#again) {
      this.#again = false;
      void this.read();
    }
  }
}

export const ecosystem = new Ecosystem();
