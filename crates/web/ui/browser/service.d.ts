export interface Child {
  readonly pid: number;
  log(): string;
  hasEnded(): boolean;
  signal(name: string): boolean;
  stop(): Promise<void>;
}
export interface Service extends Child {
  readonly url: string;
  readonly port: number;
}
export interface ServiceOptions {
  dir: string;
  port?: number;
  nats?: string;
  settings?: Record<string, string>;
}
export function until<T>(what: string, check: () => T | Promise<T>, deadline?: number): Promise<T>;
export function freePort(): Promise<number>;
export function startService(options: ServiceOptions): Promise<Service>;
export function startNats(options: { port: number }): Promise<Child & { url: string }>;
export function startPublisher(options: {
  dir: string;
  nats: string;
  slug: string;
  interval?: number;
}): Child;
