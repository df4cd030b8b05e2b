import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { DwarfRecord } from '../../../src/archive/record.ts';
import { serveFolder } from '../../../src/download/static-server.ts';
import type { KernelResult } from '../../../src/jobs/make-btf/build-kernels.ts';
import type { BuildRequest } from '../../../src/jobs/make-btf/run.ts';
import { asArch, asDistributionId } from '../../../src/names.ts';
import type { KernelPackage } from '../../../src/sources/kernels.ts';
import {
  build,
  copyOfDemo,
  DEMO,
  kernelsOn,
  listening,
  makeSetting,
  onSmallDisk,
  realPlatform,
  vmlinuxOf,
} from './setting.ts';

const setting = makeSetting();
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

const server = await serveFolder(DEMO);
afterAll(() => server.close());
const platform = realPlatform();
const kernels = await kernelsOn(platform, server.url);

function run(mirrors: readonly string[] = [server.url]) {
  return { output: setting.fresh('output'), temp: setting.fresh('temp'), mirrors };
}

function recordOf(result: KernelResult | undefined): DwarfRecord {
  if (result?.state !== 'built' || result.record.method !== 'dwarf')
    throw new Error(`not built: ${JSON.stringify(result)}`);
  return result.record;
}

test('every kernel gets a tarball and a record in the archive’s layout, and nothing else is left', async () => {
  const { output, temp, mirrors } = run();
  const results = await build(platform, kernels, { output, temp, mirrors });
  expect(results.map(({ state }) => state)).toEqual(kernels.map(() => 'built'));
  const expected = kernels.flatMap(({ uname, versionId, arch }) => [
    `openEuler/${versionId}/${arch === 'aarch64' ? 'arm64' : arch}/${uname}.btf.tar.xz`,
    `records/${uname}.json`,
  ]);
  expect(filesBelow(output)).toEqual(expected.sort());
  expect(readdirSync(temp)).toEqual([]);
});

test('the record says what came, what was verified, and what came out: as other tools see it', async () => {
  const kernel = kernels.find(({ arch }) => arch === 'aarch64');
  if (!kernel) throw new Error('the demonstration has no aarch64');
  const { output, temp, mirrors } = run();
  const [result] = await build(platform, [kernel], { output, temp, mirrors });
  const record = recordOf(result);
  const rpm = join(DEMO, kernel.locations[0]);
  const vmlinux = vmlinuxOf(rpm);
  const byHand = join(temp, 'vmlinux');
  writeFileSync(byHand, vmlinux);
  const { flags } = record.pahole;
  execFileSync('pahole', [...flags, '--btf_encode_detached', `${byHand}.btf`, byHand]);
  const tarball = join(output, record.tarball.path);

  expect(JSON.parse(readFileSync(join(output, 'records', `${kernel.uname}.json`), 'utf8'))).toEqual(
    JSON.parse(JSON.stringify(record)),
  );
  expect(record.package).toEqual({
    url: `${server.url}${kernel.locations[0]}`,
    size: readFileSync(rpm).length,
    sha256: sha256(readFileSync(rpm)),
  });
  expect(record.verified).toEqual({
    repodata: true,
    header: true,
    file: true,
    signature: { status: 'off' },
  });
  expect(record.vmlinux).toEqual({
    size: vmlinux.length,
    sha256: sha256(vmlinux),
    embeddedBtf: false,
  });
  expect(record.btf.sha256).toBe(sha256(readFileSync(`${byHand}.btf`)));
  expect(record.tarball.sha256).toBe(sha256(readFileSync(tarball)));
  const listed = execFileSync('tar', ['tvJf', tarball, '--numeric-owner', '--utc']).toString();
  expect(listed.replace(/\s+/g, ' ')).toBe(
    `-r--r--r-- 0/0 ${record.btf.size} 1970-01-01 00:00 ${kernel.uname}.btf `,
  );
  expect(record.pahole.version).toBe(
    execFileSync('pahole', ['--version']).toString().trim().slice(1),
  );
});

test('two runs give the same bytes', async () => {
  const [one, two] = [run(), run()];
  const first = await build(platform, kernels, one);
  const second = await build(platform, kernels, two, { jobs: 1 });
  const sums = (results: readonly KernelResult[]) =>
    results.map((result) => recordOf(result).tarball.sha256);
  expect(sums(first)).toEqual(sums(second));
});

test('what is finished is not built again, but what was touched, or made in another way, is', async () => {
  const places = run();
  const before = await build(platform, kernels, places);
  const [touched, gone] = before.map(recordOf);
  if (!touched || !gone) throw new Error('too few kernels');
  writeFileSync(join(places.output, touched.tarball.path), 'spoilt');
  writeFileSync(join(places.output, 'records', `${gone.uname}.json`), '{"half": ');
  const again = await build(platform, kernels, places);
  const states = Object.fromEntries(again.map(({ record, state }) => [record.uname, state]));
  const expected = kernels.map(({ uname }) => [
    ...[uname, uname === touched.uname || uname === gone.uname ? 'built' : 'skipped'],
  ]);
  expect(states).toEqual(Object.fromEntries(expected));
  const stateWith = async (kernel: KernelPackage | undefined, changes: Partial<BuildRequest>) => {
    const [result] = await build(platform, kernel ? [kernel] : [], places, changes);
    return result?.state === 'failed' ? result.record.reason : result?.state;
  };
  expect(await stateWith(kernels[0], { profile: 'compat' })).toBe('built');
  expect(await stateWith(kernels[1], {})).toBe('skipped');
  const unpinned = kernels[1] && { ...kernels[1], trustedKeys: [] };
  expect(await stateWith(unpinned, { signature: 'prefer' })).toBe('built');
  expect(await stateWith(unpinned, { signature: 'prefer' })).toBe('skipped');
  expect(await stateWith(kernels[1], { signature: 'prefer' })).toBe('unsigned');
  const more = { expectation: { kind: 'kernel', minimumTypes: 1_000_000 } } as const;
  expect(await stateWith(kernels[2], more)).toBe('bad-btf');
});

test('an interruption ends it at once, leaves nothing half done, and the next run does only the rest', async () => {
  const stop = new AbortController();
  const places = run();
  const progress = listening();
  const watched = {
    ...progress,
    begin: (name: string) => ({
      ...progress.begin(name),
      end: (result: string) => {
        progress.lines.push(`${name} ${result}`);
        if (result === 'built') stop.abort(new Error('stop'));
      },
    }),
  };
  const stopped = build(realPlatform({ interrupted: stop.signal }), kernels, places, {}, watched);
  await expect(stopped).rejects.toThrow('stop');
  expect(readdirSync(places.temp)).toEqual([]);
  const done = filesBelow(join(places.output, 'records')).length;
  expect(done).toBeGreaterThan(0);
  expect(done).toBeLessThan(kernels.length);
  expect(filesBelow(places.output).filter((name) => name.endsWith('.partial'))).toEqual([]);
  const rest = await build(platform, kernels, places);
  expect(rest.filter(({ state }) => state === 'skipped')).toHaveLength(done);
  expect(rest.filter(({ state }) => state === 'built')).toHaveLength(kernels.length - done);
});

test('a mirror that corrupts bytes is found out: the package comes from another one, and it is not asked again', async () => {
  const bad = copyOfDemo(setting.fresh('bad-mirror'));
  for (const { locations } of kernels) {
    const bytes = readFileSync(join(bad, locations[0]));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 900) ^ 1, bytes.length - 900);
    writeFileSync(join(bad, locations[0]), bytes);
  }
  const liar = await serveFolder(bad);
  try {
    const progress = listening();
    const places = run([liar.url, server.url]);
    const results = await build(platform, kernels, places, { jobs: 1 }, progress);
    expect(results.map(({ state }) => state)).toEqual(kernels.map(() => 'built'));
    const convictions = progress.lines.filter((line) => line.includes('not used any more'));
    expect(convictions).toHaveLength(1);
    expect(convictions[0]).toContain(liar.url);
  } finally {
    await liar.close();
  }
});

test('a pahole that is killed for memory is run once more, alone; a second time it is out-of-memory', async () => {
  const folder = setting.fresh('bin');
  const real = execFileSync('which', ['pahole']).toString().trim();
  const marker = join(folder, 'killed');
  const script = (again: boolean) => `#!/bin/sh
case "$*" in *--btf_encode_detached*)
  if [ ! -e ${marker} ] || ${again}; then echo x >> ${marker}; kill -9 $$; fi ;;
esac
exec ${real} "$@"
`;
  const pahole = join(folder, 'pahole');
  const use = { tools: { pahole, xz: 'system', sources: [], allowInstall: false }, jobs: 1 };
  writeFileSync(pahole, script(false));
  chmodSync(pahole, 0o755);
  const once = await build(platform, kernels.slice(0, 1), run(), use);
  expect(once.map(({ state }) => state)).toEqual(['built']);
  writeFileSync(pahole, script(true));
  const twice = await build(platform, kernels.slice(0, 1), run(), use);
  expect(twice).toMatchObject([{ state: 'failed', record: { reason: 'out-of-memory' } }]);
  expect(readFileSync(marker, 'utf8')).toBe('x\nx\nx\n');
});

test('a full disk is the failure of that kernel, by name, and the others go on', async () => {
  await onSmallDisk(setting, async (disk) => {
    const results = await build(platform, kernels, { ...run(), temp: disk }, { jobs: 1 });
    const reasons = results.map((result) =>
      result.state === 'failed' ? result.record.reason : result.state,
    );
    expect(new Set(reasons)).toEqual(new Set(['no-space']));
  });
});

test('of two kernels of one name the first is built, and the other is named', async () => {
  const [kernel] = kernels as readonly [KernelPackage];
  const twice = [kernel, { ...kernel, arch: asArch('s390x') }];
  const progress = listening();
  const results = await build(platform, twice, run(), {}, progress);
  expect(results).toMatchObject([{ state: 'built', record: { arch: kernel.arch } }]);
  expect(progress.lines).toContainEqual(expect.stringContaining('one record for that name'));
});

test("another distribution's record of the same name is not replaced", async () => {
  const [kernel] = kernels as readonly [KernelPackage];
  const places = run();
  await build(platform, [kernel], places);
  const before = filesBelow(places.output);
  const other = { ...kernel, distribution: asDistributionId('rocky') };
  await expect(build(platform, [other], places)).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringContaining('not of rocky'),
  });
  expect(filesBelow(places.output)).toEqual(before);
});

test('a folder for vmlinux that is not there is said before anything is fetched', async () => {
  const places = { ...run(), temp: '/nowhere/at/all' };
  await expect(build(platform, kernels, places)).rejects.toThrow('/nowhere/at/all');
  expect(existsSync(join(places.output, 'records'))).toBe(false);
});

test('an output that cannot be written is said for what it is', async () => {
  const places = run();
  const blocked = join(places.output, 'file');
  writeFileSync(blocked, '');
  await expect(build(platform, kernels, { ...places, output: blocked })).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringContaining(`${blocked} cannot be written`),
  });
});

test('when the output of one kernel cannot be written the others end, and leave no record', async () => {
  const places = run();
  mkdirSync(join(places.output, 'records'));
  const blocked = join(places.output, 'openEuler');
  writeFileSync(blocked, '');
  await expect(build(platform, kernels, places)).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringContaining(blocked),
  });
  expect(filesBelow(places.output)).toEqual(['openEuler']);
  expect(readdirSync(places.temp)).toEqual([]);
});
