// A mirror with the metadata of a whole history: as many releases, repositories and packages as openEuler has.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const PACKAGES = { debuginfo: 3500, update: 6000, OS: 2500 };
const RELEASES = 40;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** One entry of primary.xml, with the fields and lengths that createrepo_c writes. */
function entry(name, version, release, arch, size) {
  const nvra = `${name}-${version}-${release}.${arch}`;
  const provides = Array.from(
    { length: 6 },
    (_, at) =>
      `<rpm:entry name="${name}(${at})" flags="EQ" epoch="0" ver="${version}" rel="${release}"/>`,
  );
  return `<package type="rpm"><name>${name}</name><arch>${arch}</arch><version epoch="0" ver="${version}" rel="${release}"/>
<checksum type="sha256" pkgid="YES">${sha256(nvra)}</checksum><summary>The package ${name}</summary>
<description>What ${name} is for, in a line or two, as packagers write it for those who search.</description>
<packager>http://openeuler.org</packager><url>https://example.org/${name}</url>
<time file="1700000000" build="1690000000"/><size package="${size}" installed="${size * 4}" archive="${size * 4}"/>
<location href="Packages/${nvra}.rpm"/><format><rpm:license>GPL-2.0</rpm:license><rpm:vendor>http://openeuler.org</rpm:vendor>
<rpm:group>Unspecified</rpm:group><rpm:buildhost>builder</rpm:buildhost><rpm:sourcerpm>${name}.src.rpm</rpm:sourcerpm>
<rpm:header-range start="4504" end="25336"/><rpm:provides>${provides.join('')}</rpm:provides></format></package>
`;
}

const NAMESPACES =
  'xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"';

function writeRepository(folder, entries) {
  const xml = Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<metadata ${NAMESPACES} packages="${entries.length}">\n${entries.join('')}</metadata>\n`,
  );
  const packed = gzipSync(xml);
  const sum = sha256(packed);
  const href = `repodata/${sum}-primary.xml.gz`;
  mkdirSync(join(folder, 'repodata'), { recursive: true });
  writeFileSync(join(folder, href), packed);
  writeFileSync(
    join(folder, 'repodata', 'repomd.xml'),
    `<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1700000000</revision><data type="primary">
<checksum type="sha256">${sum}</checksum><open-checksum type="sha256">${sha256(xml)}</open-checksum>
<location href="${href}"/><timestamp>1700000000</timestamp><size>${packed.length}</size><open-size>${xml.length}</open-size>
</data></repomd>\n`,
  );
  return xml.length;
}

/**
 * Writes the metadata of a history; the packages themselves are not there, for plan reads none.
 * @param {string} folder the mirror's root
 * @param {number} count kernels in all
 * @returns {{kernels: {uname: string, arch: string, versionId: string, release: string}[], repositories: number,
 *   packages: number, unpacked: number}} oldest kernel first; `unpacked` in bytes
 */
export function makeHistory(folder, count) {
  const trees = [];
  for (let at = 0; at < RELEASES; at += 1) {
    const versionId = `${20 + Math.floor(at / 4)}.03`;
    const pack = at % 4 === 0 ? '' : `-SP${at % 4}`;
    const arches = ['x86_64', 'aarch64', 'riscv64', 'loongarch64'].slice(0, 2 + (at % 3));
    for (const arch of arches)
      trees.push({ release: `${versionId}-LTS${pack}`, versionId, arch, at });
  }
  const kernels = Array.from({ length: count }, (_, index) => {
    const { release, versionId, arch, at } = trees[index % trees.length];
    const number = Math.floor(index / trees.length);
    const rel = `${100 + number}.0.0.${at + 1}.oe${versionId.replace('.', '')}`;
    return { release, versionId, arch, rel, number, uname: `5.10.0-${rel}.${arch}` };
  });
  const totals = { repositories: 0, packages: 0, unpacked: 0 };
  for (const { release, arch } of trees) {
    const own = kernels.filter((one) => one.release === release && one.arch === arch);
    for (const [repository, size] of Object.entries(PACKAGES)) {
      const entries = Array.from({ length: size }, (_, index) =>
        entry(`package-${repository}-${index}`, '1.2.3', '4.oe', arch, 50_000 + index),
      );
      // The kernel of the release day is in debuginfo, the later ones are in update.
      const here = own.filter(({ number }) => (number === 0) === (repository === 'debuginfo'));
      if (repository !== 'OS') {
        for (const { rel } of here)
          entries.push(entry('kernel-debuginfo', '5.10.0', rel, arch, 400_000_000));
      }
      const path = join(folder, `openEuler-${release}`, repository, arch);
      totals.unpacked += writeRepository(path, entries);
      totals.repositories += 1;
      totals.packages += entries.length;
    }
  }
  return { kernels, ...totals };
}
