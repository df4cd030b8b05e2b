import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { serveFolder } from '../../../src/download/static-server.ts';
import type { KernelPackage } from '../../../src/sources/kernels.ts';
import { fastClock } from '../../download/conditions.ts';
import {
  build,
  demoVmlinux,
  kernelsOn,
  listening,
  makeMirror,
  makeSetting,
  packagesOf,
  realPlatform,
  rpmOf,
  unameOf,
} from './setting.ts';

const setting = makeSetting();
const KERNELS = 9;
const vmlinux = demoVmlinux();
const root = makeMirror(
  setting.fresh('mirror'),
  Array.from({ length: KERNELS }, (_, nth) => ({ uname: unameOf(nth + 1), vmlinux })),
);
const healthy = await serveFolder(root);
afterAll(() => healthy.close());
// The waits between tries are part of what is tested; at this pace they take little time.
const platform = realPlatform({ clock: fastClock(100) });
const kernels = await kernelsOn(platform, healthy.url);

/** A mirror that fails for the packages of the first so many kernels, and serves the others. */
async function sickFor(count: number) {
  const names = kernels.slice(0, count).map(({ locations }) => `/${locations[0]}`);
  const requests = new Set<string>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/');
    if (!path.endsWith('.rpm')) return void response.writeHead(404).end();
    requests.add(path);
    if (names.includes(path)) return void response.writeHead(503).end();
    const bytes = readFileSync(join(root, path));
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(`${request.headers.range}`) ?? [];
    const part = bytes.subarray(Number(from ?? 0), to === undefined ? undefined : Number(to) + 1);
    const range = { 'content-range': `bytes ${from}-${to}/${bytes.length}` };
    response.writeHead(from === undefined ? 200 : 206, from === undefined ? {} : range).end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function buildFrom(mirror: string) {
  const progress = listening();
  const run = { output: setting.fresh('output'), temp: setting.fresh('temp'), mirrors: [mirror] };
  const results = await build(platform, kernels, run, { jobs: 1 }, progress);
  return { results, lines: progress.lines };
}

test('a run whose mirror serves no package ends after five kernels, and says how many it left out', async () => {
  const sick = await sickFor(KERNELS);
  try {
    const { results, lines } = await buildFrom(sick.url);
    const reasons = results.map((one) => (one.state === 'failed' ? one.record.reason : one.state));
    expect(reasons).toEqual(Array(5).fill('network'));
    expect(lines).toContain('5 kernels in a row could not be downloaded: 4 more are not tried.');
    expect(sick.requests.size).toBe(5);
  } finally {
    await sick.close();
  }
});

test('four kernels that cannot be downloaded do not end a run whose others can', async () => {
  const sick = await sickFor(4);
  try {
    const { results } = await buildFrom(sick.url);
    const states = results.map(({ state }) => state);
    expect(states).toEqual([...Array(4).fill('failed'), ...Array(KERNELS - 4).fill('built')]);
  } finally {
    await sick.close();
  }
});

describe('a package that is listed twice with different bytes', () => {
  const folder = setting.fresh('twice');
  cpSync(root, folder, { recursive: true });
  const good = readFileSync(join(packagesOf(root), rpmOf(1)));
  const wrong = Buffer.from(good);
  wrong.writeUInt8(wrong.readUInt8(wrong.length - 2000) ^ 0xff, wrong.length - 2000);
  writeFileSync(join(packagesOf(folder), rpmOf(1)), wrong);
  const [kernel] = kernels as readonly [KernelPackage];
  const { size, checksum, keyPaths } = kernel;
  const second = packagesOf(folder).slice(folder.length + 1);
  mkdirSync(join(packagesOf(folder), 'again'));
  writeFileSync(join(packagesOf(folder), 'again', rpmOf(1)), good);

  test('is built from the second where the first is not what its checksum says, and skipped after', async () => {
    const server = await serveFolder(folder);
    const alternative = {
      size,
      checksum,
      keyPaths,
      locations: [`${second}/again/${rpmOf(1)}`] as const,
    };
    const run = {
      output: setting.fresh('output'),
      temp: setting.fresh('temp'),
      mirrors: [server.url],
    };
    try {
      const [alone] = await build(platform, [kernel], run);
      expect(alone).toMatchObject({ state: 'failed', record: { reason: 'checksum-mismatch' } });
      const listed = [{ ...kernel, alternatives: [alternative] }];
      const [both] = await build(platform, listed, run);
      expect(both).toMatchObject({ state: 'built' });
      const [again] = await build(platform, listed, run);
      expect(again).toMatchObject({ state: 'skipped', record: both?.record });
    } finally {
      await server.close();
    }
  });
});
