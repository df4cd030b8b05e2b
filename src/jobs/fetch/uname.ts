import { asDistributionId, asVersionId, type Uname } from '../../names.ts';
import type { OsRelease } from './machine.ts';

/** The VERSION_IDs whose packages have the suffix `oe1`, by the kernel version of each. */
const OE1: Readonly<Record<string, readonly string[]>> = {
  '4.19': ['20.03', '20.09'],
  '5.10': ['21.03', '21.09'],
};

/**
 * The distribution and VERSION_ID that the name of a kernel tells, by openEuler's suffix of a package's release:
 * `oe2203sp4` is 22.03, whose service packs have the same VERSION_ID, and `oe1` is 20.03 or another early one.
 * Empty for other names.
 */
export function osOfUname(uname: Uname): readonly OsRelease[] {
  const [, year, month] = /\.oe(\d\d)(\d\d)(?:sp\d+)?(?=[.+]|$)/.exec(uname) ?? [];
  const versions = /\.oe1(?=[.+]|$)/.test(uname)
    ? (OE1[uname.split('.', 2).join('.')] ?? [])
    : year !== undefined
      ? [`${year}.${month}`]
      : [];
  const distribution = asDistributionId('openEuler');
  return versions.map((version) => ({ distribution, versionId: asVersionId(version) }));
}
