/** A router for few paths. The URL is the state: filters and sorting live in its query. */
import { base } from './base';

export type Route =
  | { view: 'ecosystem' }
  | { view: 'projects' }
  | { view: 'incidents' }
  | { view: 'actions' }
  | { view: 'project'; slug: string }
  | { view: 'missing'; path: string };

/** Returns the route of a path without the prefix of the service. */
export function routeOf(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second] = parts;
  if (first === undefined && parts.length === 0) return { view: 'ecosystem' };
  if (first === 'ecosystem' && parts.length === 1) return { view: 'ecosystem' };
  if (first === 'projects' && parts.length === 1) return { view: 'projects' };
  if (first === 'incidents' && parts.length === 1) return { view: 'incidents' };
  if (first === 'actions' && parts.length === 1) return { view: 'actions' };
  if (first === 'projects' && second !== undefined && parts.length === 2) {
    return { view: 'project', slug: decode(second) };
  }
  return { view: 'missing', path };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const prefix = typeof document === 'undefined' ? '' : new URL(base).pathname.replace(/\/$/, '');

class Router {
  route = $state<Route>({ view: 'ecosystem' });
  query = $state.raw(new URLSearchParams());
  /** The path of the view, without prefix and query. */
  path = $state('/');

  start(): void {
    this.#read();
    window.addEventListener('popstate', () => this.#read());
    document.addEventListener('click', (event) => this.#follow(event));
  }

  href(path: string): string {
    return `${prefix}${path}`;
  }

  go(path: string): void {
    history.pushState(null, '', this.href(path));
    this.#read();
    window.scrollTo(0, 0);
    // A screen reader continues at the new view.
    requestAnimationFrame(() => document.querySelector<HTMLElement>('main')?.focus());
  }

  /** Replaces the query. Typing into a filter adds no entries to the history of the browser. */
  setQuery(query: URLSearchParams): void {
    history.replaceState(history.state, '', this.#urlOf(query));
    this.query = query;
  }

  /** Changes the query so that the back button returns to the former one. */
  pushQuery(query: URLSearchParams): void {
    if (query.toString() === this.query.toString()) return;
    history.pushState(null, '', this.#urlOf(query));
    this.query = query;
  }

  #urlOf(query: URLSearchParams): string {
    const text = query.toString();
    return this.href(this.path) + (text === '' ? '' : `?${text}`);
  }

  #read(): void {
    const url = new URL(location.href);
    this.path = url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) || '/' : '/';
    this.query = url.searchParams;
    this.route = routeOf(this.path);
  }

  /** Handles clicks on links to other views without loading the page again. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!(link instanceof HTMLAnchorElement) || !link.hasAttribute('data-view')) return;
    event.preventDefault();
    const url = new URL(link.href);
    this.go(url.pathname.slice(prefix.length) + url.search);
  }
}

export const router = new Router();
