import { describe, expect, it } from 'vitest';
import { EventParser } from './parser';

const STREAM =
  'retry: 2000\nid: 16\nevent: ready\ndata: {"revision":16}\n\n: heartbeat\n\n' +
  'id: 17\r\nevent: status_changed\r\ndata: a\r\ndata: b\r\n\r\n' +
  'id: 18\n: heartbeat\n\n';

describe('the parser', () => {
  it('finds the same events however the stream is cut into chunks', () => {
    const expected = [
      { id: '16', name: 'ready', data: '{"revision":16}' },
      { id: '17', name: 'status_changed', data: 'a\nb' },
      { id: '18', name: 'message', data: '' },
    ];
    for (const size of [1, 2, 3, 7, 1000]) {
      const parser = new EventParser();
      const found = [];
      for (let at = 0; at < STREAM.length; at += size) {
        found.push(...parser.push(STREAM.slice(at, at + size)));
      }
      expect(found).toEqual(expected);
    }
  });

  it('keeps an event that is not complete', () => {
    const parser = new EventParser();
    expect(parser.push('data: x\n')).toEqual([]);
    expect(parser.push('\n')).toEqual([{ id: null, name: 'message', data: 'x' }]);
  });
});
