import {
  asRequestError,
  difference,
  grantedRange,
  statusError,
} from '../../src/download/response.ts';
import { retryAfter } from '../../src/platform/retry-after.ts';

const today = new Date('2026-11-22T10:00:00Z');

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Sun, 22 Nov 2026 10:01:00 GMT', 60_000],
  ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
  ['soon', undefined],
  ['-1', undefined],
  [undefined, undefined],
])("Retry-After '%s' is %s milliseconds", (header, milliseconds) => {
  expect(retryAfter(header, today)).toBe(milliseconds);
});

test.each([
  [500, 'later'],
  [502, 'later'],
  [504, 'later'],
  [429, 'later'],
  [408, 'later'],
  [404, 'never'],
  [403, 'never'],
  [401, 'never'],
  [302, 'never'],
  [200, undefined],
])('status %d is a fault of the kind %s', (status, retry) => {
  expect(statusError({ status, headers: {} }, [200, 206], today)?.retry).toBe(retry);
});

test('a refused connection has a message even where Node gives none', () => {
  const thrown = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' });
  expect(asRequestError(thrown)).toMatchObject({ retry: 'later', message: 'ECONNREFUSED' });
});

describe('an answer to a request for bytes 10-19 of 100', () => {
  const wanted = { from: 10, to: 20, size: 100 };
  const judge = (status: number, headers: Record<string, string>) =>
    grantedRange({ status, headers }, wanted, today);

  test.each([
    ['bytes 10-19/100', { from: 10, to: 20, size: 100 }],
    ['bytes 10-14/100', { from: 10, to: 15, size: 100 }],
    ['bytes 10-19/*', { from: 10, to: 20, size: 100 }],
  ])('grants %s', (range, bytes) => {
    expect(judge(206, { 'content-range': range })).toEqual(bytes);
  });

  test.each<[string, number, Record<string, string>]>([
    ['another size', 206, { 'content-range': 'bytes 10-19/101' }],
    ['another beginning', 206, { 'content-range': 'bytes 11-19/100' }],
    ['more', 206, { 'content-range': 'bytes 10-20/100' }],
    ['nothing', 206, { 'content-range': 'bytes 10-9/100' }],
    ['no range', 206, {}],
    ['several ranges', 206, { 'content-type': 'multipart/byteranges' }],
    ['a number that is none', 206, { 'content-range': 'bytes 10-1e1/100' }],
    ['another length', 206, { 'content-range': 'bytes 10-19/100', 'content-length': '11' }],
    ['gzip', 206, { 'content-range': 'bytes 10-19/100', 'content-encoding': 'gzip' }],
    ['that there is no such range', 416, { 'content-range': 'bytes */5' }],
    ['that it is busy', 503, {}],
  ])('is a fault that may pass when it is %s', (_, status, headers) => {
    expect(() => judge(status, headers)).toThrow(expect.objectContaining({ retry: 'later' }));
  });

  test('may be the whole file, from a server without ranges', () => {
    const whole = expect.objectContaining({ retry: 'without-ranges' });
    expect(() => judge(200, { 'content-length': '100' })).toThrow(whole);
  });

  test('is the whole file where that was wanted, if its length fits', () => {
    const all = { from: 0, to: 100, size: 100 };
    const head = (length: string) => ({ status: 200, headers: { 'content-length': length } });
    expect(grantedRange(head('100'), all, today)).toEqual(all);
    expect(() => grantedRange(head('99'), all, today)).toThrow(
      'another version of the file: 99 bytes',
    );
  });
});

test('a version is another one when a mark that both have differs', () => {
  const one = { etag: '"1"', lastModified: 'Monday' };
  expect(difference(one, one)).toBeUndefined();
  expect(difference(one, { etag: undefined, lastModified: 'Monday' })).toBeUndefined();
  expect(difference(one, { etag: '"2"', lastModified: 'Monday' })).toBe('ETag "2" after "1"');
  expect(difference(one, { etag: undefined, lastModified: 'Friday' })).toContain('Friday');
});
