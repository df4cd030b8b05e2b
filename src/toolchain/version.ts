/** `1.31` out of `v1.31`, `5.8.3` out of `xz (XZ Utils) 5.8.3`; undefined where there is none. */
export function versionIn(text: string): string | undefined {
  return /(?:^|[\s(v])(\d+(?:\.\d+)+)/.exec(text)?.[1];
}

/** Negative when `left` is older, 0 when both are the same, positive when it is newer. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((version) => version.split('.').map(Number));
  for (let index = 0; index < Math.max(a?.length ?? 0, b?.length ?? 0); index++) {
    const difference = (a?.[index] ?? 0) - (b?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function atLeast(version: string, least: string): boolean {
  return compareVersions(version, least) >= 0;
}
