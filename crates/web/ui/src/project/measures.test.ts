import { describe, expect, it } from 'vitest';
import { courseOf, formatValue, nameOf, summaryOf, unitOf } from './measures';

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();

describe('the course of a metric', () => {
  const points = (values: unknown[]) => values.map((value, minute) => [at(minute), value]);
  const dense = points([1, 2, null, 3, 4, 5, null, null, null, 6, 7, 8]);

  it('has gaps where samples are missing', () => {
    const course = courseOf(dense);
    expect(course.values).toEqual([1, 2, undefined, 3, 4, 5, null, null, null, 6, 7, 8]);
    expect((course.times[1] ?? 0) - (course.times[0] ?? 0)).toBe(60);
    expect(summaryOf(course)).toEqual({ latest: 8, least: 1, most: 8, gaps: 1 });
  });

  it('of rare samples has gaps only where they are rarer than usual', () => {
    const n = null;
    const course = courseOf(points([n, 1, n, n, 2, n, n, 3, n, n, n, n, n, n, n, n, 4, n, n, 5, n, n]));
    expect(course.values.filter((value) => value === null).length).toBe(9);
    expect(summaryOf(course)?.gaps).toBe(1);
  });

  it('that has ended has a gap after it, unless the next sample may still come', () => {
    expect(summaryOf(courseOf(points([1, 2, 3, null, null, null, null])))?.gaps).toBe(1);
    expect(summaryOf(courseOf(points([1, 2, 3, null])))?.gaps).toBe(0);
  });

  it('without numbers has no summary', () => {
    expect(summaryOf(courseOf([[at(0), null], [at(1), 'text']]))).toBeNull();
    expect(summaryOf(courseOf([]))).toBeNull();
  });
});

describe('the type of a metric', () => {
  it('has a name and a unit', () => {
    expect([nameOf('health.latency_ms'), unitOf('health.latency_ms')]).toEqual(['Health latency', 'ms']);
    expect([nameOf('coverage.percent'), unitOf('coverage.percent')]).toEqual(['Coverage', '%']);
    expect([nameOf('audit.fail_count'), unitOf('audit.fail_count')]).toEqual(['Audit fail count', '']);
    expect([nameOf('ms'), unitOf('ms')]).toEqual(['Ms', 'ms']);
    expect(unitOf('constructor')).toBe('');
  });
});

describe('a value', () => {
  it('is short', () => {
    expect([0, 0.12345, 12.345, 123.45, 9_999, 1_234_567].map((value) => formatValue(value))).toEqual([
      '0',
      '0.123',
      '12.3',
      '123',
      '9,999',
      '1.2M',
    ]);
    expect(formatValue(84.25, '%')).toBe('84.3 %');
  });
});
