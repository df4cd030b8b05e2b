import * as v from 'valibot';
import { describe, REASONS } from '../failure.ts';
import { asArch, asDistributionId, asRelease, asUname, asVersionId, printable } from '../names.ts';

/** The shapes that records and the catalog share, for reading what others wrote. */

/** A string that passes one of the checkers of names.ts. */
export function named<Name extends string>(check: (text: string) => Name) {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }): Name => {
      try {
        return check(dataset.value);
      } catch (error) {
        addIssue({ message: describe(error) });
        return NEVER;
      }
    }),
  );
}

export const uname = named(asUname);
export const release = named(asRelease);
export const arch = named(asArch);
export const versionId = named(asVersionId);
export const distribution = named(asDistributionId);

/** Text for people: one line, nothing that moves a terminal's cursor, and not a page. */
export const line = v.pipe(
  v.string(),
  v.maxLength(2000),
  v.transform((text) => clean(text)),
);

/** 120 characters of a name are enough; a message may have its say. */
function clean(text: string): string {
  return (text.match(/.{1,100}/gsu) ?? []).map(printable).join('');
}

/** A word as package managers make them: no white space, nothing special to Markdown. */
export const word = v.pipe(
  v.string(),
  v.regex(/^[0-9A-Za-z][0-9A-Za-z._+~^-]*$/),
  v.maxLength(200),
);

export const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'is no SHA-256'));
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const size = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
/** Three digits of a second at most: `2026-11-22T10:06:16.123Z`. */
export const time = v.pipe(v.string(), v.isoTimestamp(), v.endsWith('Z'));
export const reason = v.picklist(REASONS);

/**
 * Where a package or a run is. A password in a URL would be published with it, and signs that mean
 * something to Markdown or HTML would reach the reviewer's page: an honest URL writes them as `%28`.
 */
export const url = v.pipe(
  v.string(),
  v.maxLength(2000),
  v.regex(
    /^[a-z]+:\/\/(?:\[[0-9A-Fa-f:.]+\])?[0-9A-Za-z:/._~%+@=&?,;^#!$-]*$/,
    'holds signs that a URL writes as %XX',
  ),
  v.check((text) => {
    if (!URL.canParse(text)) return false;
    const { protocol, username, password } = new URL(text);
    return /^(https?|file):$/.test(protocol) && username === '' && password === '';
  }, 'is no http, https or file URL, or holds a password'),
);

export const source = v.strictObject({ url, size, sha256 });

export const kinds = v.record(v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{1,19}$/)), count);

const version = v.pipe(v.string(), v.regex(/^\d+(\.\d+)+$/, 'is no version'), v.maxLength(20));

/** What could not read the DWARF of a kernel that failed. */
export const dwarfTools = v.strictObject({ pahole: version, elfutils: v.exactOptional(version) });

export const pahole = v.strictObject({
  version,
  flags: v.pipe(
    v.array(v.pipe(v.string(), v.regex(/^--?[0-9A-Za-z][0-9A-Za-z_,=+.-]*$/, 'is no argument'))),
    v.maxLength(100),
  ),
  origin: v.picklist(['built', 'cached', 'system']),
});

/** How BTF was made: the fields of a record that depend on the method. */
export const dwarf = {
  method: v.optional(v.literal('dwarf'), 'dwarf'),
  vmlinux: v.strictObject({ size, sha256, embeddedBtf: v.boolean() }),
  pahole,
};

const layer = v.pipe(v.string(), v.regex(/^[0-9A-Za-z][0-9A-Za-z ]{0,29}$/, 'is no layer'));

export const embedded = {
  method: v.literal('embedded'),
  bootImage: v.strictObject({
    size,
    sha256,
    layers: v.pipe(v.array(layer), v.minLength(1), v.maxLength(20)),
    foundBy: v.picklist(['section', 'scan']),
    bytesRead: size,
  }),
};

const crossCheckCounts = v.strictObject({
  equal: count,
  onlyHere: count,
  onlyThere: count,
  different: count,
});

export const crossCheck = v.variant('state', [
  v.strictObject({
    state: v.literal('compared'),
    method: v.picklist(['dwarf', 'embedded']),
    nvra: word,
    btf: v.strictObject({ size, sha256 }),
    equal: v.boolean(),
    kinds: v.record(v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9_]{1,19}$/)), crossCheckCounts),
  }),
  v.strictObject({ state: v.literal('failed'), reason, message: line }),
]);

/** A key's id or fingerprint, upper-case hex (RFC 9580, 5.5.4). */
const keyId = v.pipe(
  v.string(),
  v.regex(/^(?:[0-9A-F]{16}|[0-9A-F]{40}|[0-9A-F]{64})$/, 'is no key'),
);
const hashName = v.pipe(v.string(), v.regex(/^[a-z][0-9a-z-]{2,15}$/, 'is no hash algorithm'));

const moduleName = v.pipe(v.string(), v.regex(/^\w{1,100}$/, "is no module's name"));
const moduleNames = v.pipe(v.array(moduleName), v.maxLength(10_000));

export const modules = v.strictObject({
  requested: v.pipe(
    v.array(v.pipe(v.string(), v.regex(/^[\w*?[\]-]{1,100}$/, 'is no glob'))),
    v.maxLength(1000),
  ),
  included: moduleNames,
  excluded: v.pipe(v.array(v.strictObject({ name: moduleName, why: line })), v.maxLength(10_000)),
});

export const verification = v.strictObject({
  repodata: v.boolean(),
  header: v.boolean(),
  file: v.boolean(),
  signature: v.variant('status', [
    v.strictObject({ status: v.literal('good'), key: keyId, hash: hashName }),
    v.strictObject({ status: v.picklist(['unsigned', 'off']) }),
  ]),
});

/** What is true of a kernel whether its BTF could be made or not. */
export const identity = {
  uname,
  nvra: word,
  distribution,
  versionId,
  releases: v.pipe(v.array(release), v.minLength(1), v.maxLength(1000)),
  arch,
  package: source,
};

/** The first thing that is wrong, and where: `package.sha256 is no SHA-256`. */
export function complaint(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]) {
  const path = v.getDotPath(issues[0]);
  return printable(`${path ?? 'it'}: ${issues[0].message}`);
}
