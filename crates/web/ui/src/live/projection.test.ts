import { describe, expect, it } from 'vitest';
import type { ChangeEvent, ListedProject } from '../api/client';
import { applyChanges } from './projection';

export function project(slug: string, part: Partial<ListedProject> = {}): ListedProject {
  return {
    slug,
    name: slug,
    hub_url: `https://${slug}.example.com/`,
    status: 'online',
    status_known: true,
    tags: [],
    degraded_reasons: [],
    updated_at: '2026-01-01T00:00:00Z',
    ...part,
  };
}

function change(revision: number, slug: string, part: Partial<ChangeEvent>): ChangeEvent {
  return {
    revision,
    slug,
    kind: 'status_changed',
    from: 'online',
    to: 'offline',
    at: '2026-01-02T00:00:00Z',
    cause: { kind: 'silence', silence_ms: 90_000, deaf_ms: 0 },
    because: 'no heartbeat for 90 s',
    actor: 'service',
    entity: 'project',
    ...part,
  };
}

describe('changes', () => {
  it('replace the status and leave other projects alone', () => {
    const [a, b] = [project('a', { status_known: false }), project('b')];
    const projects = new Map([
      ['a', a],
      ['b', b],
    ]);
    const { read } = applyChanges(projects, [change(5, 'a', {})], 4);
    expect(projects.get('a')).toMatchObject({
      status: 'offline',
      status_known: true,
      updated_at: '2026-01-02T00:00:00Z',
    });
    expect(projects.get('b')).toBe(b);
    expect(read.size).toBe(0);
  });

  it('that the list contains already are not applied', () => {
    const a = project('a');
    const projects = new Map([['a', a]]);
    applyChanges(projects, [change(4, 'a', {})], 4);
    expect(projects.get('a')).toBe(a);
  });

  it('carry the reasons that a project reports, and silence keeps them', () => {
    const projects = new Map([['a', project('a')]]);
    const cause = { kind: 'reported' as const, reasons: ['disk full'] };
    applyChanges(projects, [change(1, 'a', { to: 'degraded', cause })], 0);
    expect(projects.get('a')?.degraded_reasons).toEqual(['disk full']);
    applyChanges(projects, [change(2, 'a', {})], 0);
    expect(projects.get('a')?.degraded_reasons).toEqual(['disk full']);
    const heartbeat = { kind: 'heartbeat' as const, source: 'http' as const };
    applyChanges(projects, [change(3, 'a', { to: 'online', cause: heartbeat })], 0);
    expect(projects.get('a')?.degraded_reasons).toEqual([]);
  });

  it('of registrations, of unknown projects and of unknown kinds are read', () => {
    const projects = new Map([['a', project('a')]]);
    const unknown = 'moved' as ChangeEvent['kind'];
    const changes = [
      change(1, 'a', { kind: 'updated' }),
      change(2, 'new', { kind: 'registered' }),
      change(3, 'other', {}),
      change(4, 'odd', { kind: unknown }),
    ];
    expect([...applyChanges(projects, changes, 0).read]).toEqual(['a', 'new', 'other', 'odd']);
  });

  it('remove a project', () => {
    const projects = new Map([['a', project('a')]]);
    const changes = [change(1, 'a', { kind: 'updated' }), change(2, 'a', { kind: 'removed', to: null })];
    expect(applyChanges(projects, changes, 0).read.size).toBe(0);
    expect(projects.size).toBe(0);
  });
});
