import * as v from 'valibot';
import * as shape from '../archive/shapes.ts';
import { Failure } from '../failure.ts';

/** A placeholder of a folder template: the release, the architecture, or one more level such as an ISA profile. */
const PLACEHOLDER = /<(release|arch|variant)>/g;

const pattern = v.pipe(
  v.string(),
  v.check((text) => {
    try {
      new RegExp(text, 'u');
      return /\((?!\?)/.test(text);
    } catch {
      return false;
    }
  }, 'is no regular expression with a group'),
);

const folder = v.pipe(
  v.string(),
  v.regex(/^[^/\s]+(?:\/[^/\s]+)*$/, 'is no folder relative to the root of a mirror'),
  v.check((text) => {
    const names = [...text.matchAll(PLACEHOLDER)].map((match) => match[1]);
    return names.includes('release') && names.includes('arch') && !text.includes('..');
  }, 'needs <release> and <arch>, and no ..'),
);

const FlavourShape = v.strictObject({
  /** The package that holds vmlinux: `kernel-debuginfo`. */
  package: v.pipe(v.string(), v.regex(/^[0-9A-Za-z][0-9A-Za-z._+-]*$/)),
  /** `uname -r` out of the package's `<ver>`, `<rel>` and `<arch>`. */
  uname: v.pipe(v.string(), v.includes('<ver>'), v.includes('<rel>')),
  /** The member of the payload that is vmlinux, with `<uname>` in it. */
  vmlinux: v.pipe(v.string(), v.startsWith('./'), v.includes('<uname>')),
  /** From which `version-release` on, and on which architectures, the kernel carries BTF of its own. */
  embeddedBtf: v.optional(
    v.strictObject({
      from: v.pipe(v.string(), v.regex(/^[^-]+-[^-]+$/)),
      arches: v.array(shape.arch),
    }),
  ),
});

const SourceShape = v.strictObject({
  /** ID of /etc/os-release, which is the archive's first folder. */
  id: shape.distribution,
  /** Roots of mirrors, the one to ask first in front. */
  mirrors: v.array(v.pipe(v.string(), v.url())),
  /** VERSION_ID of /etc/os-release: the first group of this expression on the release's name. What does not match is no release. */
  versionId: pattern,
  /**
   * The repositories that hold kernels, each as the forms its folder may have below the root:
   * the first form that has repodata counts.
   */
  repositories: v.pipe(
    v.array(v.strictObject({ name: v.string(), folders: v.pipe(v.array(folder), v.minLength(1)) })),
    v.minLength(1),
  ),
  /** By the word that --flavour takes; the first one is the default. */
  flavours: v.pipe(
    v.record(v.pipe(v.string(), v.regex(/^[0-9a-z]+$/)), FlavourShape),
    v.check((flavours) => Object.keys(flavours).length > 0, 'needs at least one flavour'),
  ),
  /** The keys its packages are signed with; absent where a distribution signs nothing. */
  keys: v.optional(
    v.strictObject({
      /** The key file's name in the repository's folder. */
      file: v.pipe(v.string(), v.regex(/^[0-9A-Za-z][0-9A-Za-z._-]*$/)),
      /** Upper-case hex of the primary keys; a key from the network counts only with one of these. */
      fingerprints: v.array(v.pipe(v.string(), v.regex(/^[0-9A-F]{40,64}$/))),
    }),
  ),
});

/**
 * What a distribution's tree looks like: everything that differs from one RPM distribution to the
 * next, as data. openEuler's is built in (`openeuler.ts`); `--sources <file>` brings more.
 */
export type Source = v.InferOutput<typeof SourceShape>;
export type Flavour = v.InferOutput<typeof FlavourShape>;

/** A source out of untrusted data; rejects with `usage` and the place of each mistake. `origin` names the file. */
export function parseSource(data: unknown, origin: string): Source {
  const result = v.safeParse(SourceShape, data);
  if (result.success) return result.output;
  const mistakes = result.issues.map(
    (issue) => `${v.getDotPath(issue) ?? 'source'}: ${issue.message}`,
  );
  throw new Failure(
    'usage',
    `${origin} does not describe a source: ${mistakes.join('; ')}.`,
    'See the description of source files in the README.',
  );
}
