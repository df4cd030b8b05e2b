import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KernelRecord } from '../../src/archive/record.ts';
import { mergeModules } from '../../src/btf/merge.ts';
import { type Served, serveFolder } from '../../src/download/static-server.ts';
import { DEFAULT_MODULES } from '../../src/jobs/make-btf/modules.ts';
import { kindsByBpftool, run } from './by-hand.ts';
import { kernelRepository } from './repository.ts';
import { BUNDLE, startBuild } from './run-build.ts';

const MINUTE = 60_000;
/** Debian's cloud kernel has ext4 built in. */
const MODULES = DEFAULT_MODULES.filter((name) => name !== 'ext4');

/** libbpf's own deduplication of a file: the number of types before and after. */
const DEDUP = `#include <stdio.h>
#include <bpf/btf.h>
int main(int argc, char **argv)
{
	struct btf *btf = btf__parse_raw(argv[argc - 1]);
	unsigned int before = btf ? btf__type_cnt(btf) - 1 : 0;

	if (!btf || btf__dedup(btf, NULL))
		return 1;
	printf("%u %u", before, btf__type_cnt(btf) - 1);
	return 0;
}
`;

const PROGRAM = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";
unsigned long long sum;

SEC("raw_tracepoint/sched_process_exec")
int on_exec(void *context)
{
	struct ip_vs_conn *conn = context;
	struct xfs_inode *inode = context;
	struct nf_conn *tracked = context;
	struct task_struct *task = context;

	sum += BPF_CORE_READ(conn, dport) + BPF_CORE_READ(conn, dest, port);
	sum += BPF_CORE_READ(inode, i_disk_size) + BPF_CORE_READ(inode, i_mount, m_features);
	sum += BPF_CORE_READ(tracked, status) + BPF_CORE_READ(task, real_parent, tgid);
	return 0;
}
`;

describe("Debian's 6.1 for x86_64 with the default modules", () => {
  const work = mkdtempSync(join(tmpdir(), 'btfhub-modules-'));
  const temp = join(work, 'temp');
  const output = join(work, 'output');
  const object = join(work, 'program.bpf.o');
  let server: Served;
  let plain: KernelRecord;
  let merged: KernelRecord;
  /** The raw BTF of the kernel alone, and with modules. */
  let kernelFile: string;
  let mergedFile: string;

  beforeAll(async () => {
    const { folder, kernel } = await kernelRepository('--kernel', '6.1-amd64', '--modules', 'all');
    server = await serveFolder(folder);
    execFileSync('mkdir', [temp]);
    const places = { mirror: server.url, output, temp };
    const more = ['--modules', 'default'];
    const built = await startBuild(kernel, places, join(work, 'peak'), more).ended;
    const [result] = built.document?.kernels ?? [];
    if (result?.withModules === undefined) throw new Error(built.stderr);
    plain = result.record;
    merged = result.withModules;
    kernelFile = await unpack(output, plain);
    mergedFile = await unpack(`${output}-modules`, merged);
    const header = await run('bpftool', 'btf', 'dump', 'file', mergedFile, 'format', 'c');
    writeFileSync(join(work, 'vmlinux.h'), header);
    writeFileSync(join(work, 'program.bpf.c'), PROGRAM);
    // The header that bpftool makes of the merged BTF compiles without a warning.
    const flags = ['-target', 'bpf', '-O2', '-g', '-Wall', '-Werror'];
    await run('clang', ...flags, '-c', join(work, 'program.bpf.c'), '-o', object);
  }, 20 * MINUTE);

  afterAll(async () => {
    await server?.close();
    rmSync(work, { recursive: true, force: true });
  });

  async function unpack(folder: string, record: KernelRecord): Promise<string> {
    const to = mkdtempSync(join(work, 'btf-'));
    await run('tar', '-xJf', join(folder, record.tarball.path), '-C', to);
    return join(to, `${record.uname}.btf`);
  }

  test('all of them are in it, none makes a field ambiguous, and bpftool counts the types of the record', async () => {
    expect(merged.modules).toMatchObject({ included: MODULES, excluded: [] });
    expect(await kindsByBpftool(mergedFile)).toEqual(merged.btf.kinds);
    expect(readdirSync(temp)).toEqual([]);
  });

  test('the file has at most a fifth more bytes than the one without', () => {
    const notes = [plain, merged].map(
      ({ btf, tarball }) => `${btf.size} raw, ${tarball.size} packed`,
    );
    process.stderr.write(`modules: ${notes.join('; with modules ')}\n`);
    expect(merged.tarball.size).toBeLessThan(plain.tarball.size * 1.2);
    expect(merged.btf.size).toBeLessThan(plain.btf.size * 1.2);
  });

  test('deduplicated by libbpf it would have at most 0.3 % fewer types', async () => {
    writeFileSync(join(work, 'dedup.c'), DEDUP);
    await run('cc', join(work, 'dedup.c'), '-o', join(work, 'dedup'), '-lbpf');
    const words = (await run(join(work, 'dedup'), mergedFile)).split(' ').map(Number);
    const [before = 0, after = 0] = words;
    process.stderr.write(`modules: ${before} types, ${after} after dedup\n`);
    expect(after).toBeGreaterThan(before * 0.997);
  });

  test("the kernel's own types stand in front, byte for byte", () => {
    const alone = readFileSync(kernelFile);
    const whole = readFileSync(mergedFile);
    const typeBytes = alone.readUInt32LE(12);
    expect(whole.subarray(24, 24 + typeBytes).equals(alone.subarray(24, 24 + typeBytes))).toBe(
      true,
    );
    expect(mergeModules(alone, []).btf.equals(alone)).toBe(true);
  });

  test('check finds all that a program with ip_vs_conn, xfs_inode and nf_conn reads, and without modules it does not', async () => {
    const check = (btf: string) =>
      run(process.execPath, BUNDLE, 'check', '--object', object, '--btf', btf);
    expect(await check(mergedFile)).toMatch(/1 of 1/);
    await expect(check(kernelFile)).rejects.toMatchObject({
      stdout: expect.stringContaining('there is no struct ip_vs_conn'),
    });
  });

  test('tailor leaves the very bytes that bpftool leaves of it', async () => {
    const least = join(work, 'least.btf');
    await run('bpftool', 'gen', 'min_core_btf', mergedFile, least, object);
    const to = join(work, 'tailored');
    await run(
      ...([process.execPath, BUNDLE, 'tailor', '--archive', `${output}-modules`] as const),
      ...['--object', object, '--output', to],
    );
    const [path = ''] = readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((one) =>
      one.endsWith('.btf'),
    );
    expect(readFileSync(join(to, path)).equals(readFileSync(least))).toBe(true);
  });
});
