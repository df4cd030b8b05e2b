import * as v from 'valibot';
import * as shape from '../archive/shapes.ts';
import { Failure } from '../failure.ts';
import { Expression } from './expression.ts';

/** What stands for a part of a folder's name: see `SourceShape.repositories`. */
export const PLACEHOLDERS = ['release', 'arch', 'variant', 'repoid'] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number];

function isExpression(text: string, groups: RegExp): boolean {
  try {
    new Expression(text);
    return groups.test(text);
  } catch {
    return false;
  }
}

const expression = (groups: RegExp, message: string) =>
  v.pipe(
    v.string(),
    v.maxLength(500),
    v.check((text) => isExpression(text, groups), message),
  );

const ANY_GROUP = /\((?!\?)|\(\?<[a-zA-Z]/;

const folder = v.pipe(
  v.string(),
  v.maxLength(300),
  v.regex(/^[^/\s]+(?:\/[^/\s]+)*$/, 'is no folder relative to the root of a mirror'),
  v.check(
    (text) => !text.split('/').some((one) => one === '.' || one === '..'),
    'has . or .. in it',
  ),
  v.check(
    (text) =>
      [...text.matchAll(/<([^>]*)>/g)].every(([, name]) =>
        (PLACEHOLDERS as readonly string[]).includes(name ?? ''),
      ),
    `has another placeholder than ${PLACEHOLDERS.map((name) => `<${name}>`).join(', ')}`,
  ),
  v.check(
    (text) => text.split('/').every((segment) => (segment.match(/</g) ?? []).length <= 3),
    'has more than three placeholders between two slashes',
  ),
);

const httpUrl = v.pipe(v.string(), v.url(), v.regex(/^https?:\/\//, 'is no http or https URL'));
const word = v.pipe(v.string(), v.minLength(1), v.maxLength(200));

/** A name made by an expression: the template `text` with the expression's named groups filled in. */
const Derived = v.strictObject({
  match: v.pipe(
    expression(ANY_GROUP, 'is no regular expression with a group'),
    v.description('regular expression; its named groups fill the template'),
  ),
  text: v.pipe(word, v.description('template with <name> for each named group')),
});

const VersionIdShape = v.union([
  expression(ANY_GROUP, 'is no regular expression with a group'),
  v.strictObject({
    of: v.pipe(
      v.optional(v.picklist(['release', 'package']), 'release'),
      v.description(
        "what the expression reads: the release's name, or the package's <version>-<release>.<arch>",
      ),
    ),
    ...Derived.entries,
  }),
]);

const UnameShape = v.union([
  v.pipe(word, v.includes('<ver>'), v.includes('<rel>')),
  Derived,
  v.strictObject({
    files: v.pipe(
      expression(/\(\?<uname>/, 'is no regular expression with the group (?<uname>...)'),
      v.description("regular expression on the paths in the package's own file list"),
    ),
  }),
]);

const memberPath = v.pipe(
  v.string(),
  v.maxLength(300),
  v.startsWith('./'),
  v.includes('<uname>', 'has no <uname> in it'),
);

const vmlinuxPath = v.pipe(
  v.string(),
  v.maxLength(300),
  v.regex(
    /^\.\/.*<(?:uname|buildid)>/,
    'does not begin with ./, or has no <uname> or <buildid> in it',
  ),
);

const FlavourShape = v.strictObject({
  package: v.pipe(
    v.string(),
    v.regex(/^[0-9A-Za-z][0-9A-Za-z._+-]*$/),
    v.description('name of the package that holds vmlinux'),
  ),
  uname: v.pipe(
    UnameShape,
    v.description(
      "'uname -r': a template of <ver>, <rel> and <arch>; an expression on <version>-<release>.<arch>; or an expression on the package's file list",
    ),
  ),
  vmlinux: v.pipe(
    v.union([vmlinuxPath, v.pipe(v.array(vmlinuxPath), v.minLength(1), v.maxLength(10))]),
    v.description(
      'path of vmlinux in the package, with <uname> in it, or <buildid> for the two parts of a build ID; the first of several that exists',
    ),
  ),
  bootImage: v.pipe(
    v.optional(
      v.strictObject({
        package: v.pipe(v.string(), v.regex(/^[0-9A-Za-z][0-9A-Za-z._+-]*$/)),
        path: v.pipe(memberPath, v.description('path of the boot image in the package')),
      }),
    ),
    v.description(
      'the package that holds the boot image, and where in it, with <uname>; for --method embedded',
    ),
  ),
  embeddedBtf: v.pipe(
    v.optional(
      v.strictObject({
        from: v.pipe(v.string(), v.regex(/^[^-]+-[^-]+$/), v.description('<version>-<release>')),
        arches: v.array(shape.arch),
      }),
    ),
    v.description('from which version on, and on which architectures, kernels carry embedded BTF'),
  ),
});

const RepositoryShape = v.pipe(
  v.strictObject({
    name: v.pipe(word, v.description('name for messages')),
    folders: v.pipe(
      v.array(folder),
      v.minLength(1),
      v.maxLength(20),
      v.description(
        'forms of the folder below the root of a mirror: <release>, <arch>, <variant> for any one name, <repoid> for an ID that the repomd.xml of the folder above lists; the first form that exists counts',
      ),
    ),
    release: v.pipe(
      v.optional(shape.release),
      v.description('the release, where no folder has <release>'),
    ),
    arch: v.pipe(
      v.optional(shape.arch),
      v.description("the architecture, where no folder has <arch>; without it the packages' own"),
    ),
    packages: v.pipe(
      v.optional(v.picklist(['repodata', 'listing']), 'repodata'),
      v.description(
        "where packages are listed: in repodata/, or only by the server's page of the folder",
      ),
    ),
    bootImagesOnly: v.pipe(
      v.optional(v.boolean()),
      v.description(
        'true: it has packages with boot images and none with vmlinux; not read with --method dwarf',
      ),
    ),
    mirrorList: v.pipe(
      v.optional(httpUrl),
      v.description(
        'URL of a mirror list or metalink for this repository, with <release> and <arch>',
      ),
    ),
  }),
  v.check(
    ({ folders, release }) =>
      release !== undefined || folders.every((one) => one.includes('<release>')),
    "needs <release> in each folder, or 'release'",
  ),
);

const fingerprint = v.pipe(v.string(), v.regex(/^[0-9A-F]{40,64}$/));
const keyPath = v.pipe(
  v.string(),
  v.maxLength(300),
  v.regex(
    /^\/?(?:\.\.\/)*[0-9A-Za-z<][0-9A-Za-z._<>+-]*(?:\/[0-9A-Za-z<][0-9A-Za-z._<>+-]*)*$/,
    'is no path of a key file',
  ),
);

export const SourceShape = v.strictObject({
  $schema: v.optional(v.string()),
  id: v.pipe(
    shape.distribution,
    v.description("ID of /etc/os-release; the archive's first folder"),
  ),
  key: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(/^[0-9A-Za-z][0-9A-Za-z._-]*$/))),
    v.description('word that --distribution takes, where it is not the ID'),
  ),
  name: v.pipe(v.optional(word), v.description('name of the distribution, for people')),
  status: v.pipe(
    v.optional(v.picklist(['confirmed', 'unconfirmed']), 'confirmed'),
    v.description('unconfirmed: some of it is assumed; --distribution does not offer it by name'),
  ),
  evidence: v.pipe(
    v.optional(
      v.array(
        v.strictObject({
          what: v.pipe(v.string(), v.minLength(1), v.maxLength(500)),
          on: v.pipe(v.string(), v.isoDate()),
        }),
      ),
      [],
    ),
    v.description('public material that the description is taken from, and when it was read'),
  ),
  mirrors: v.pipe(
    v.array(httpUrl),
    v.description('root URLs of mirrors, in the order in which they are asked'),
  ),
  versionId: v.pipe(
    VersionIdShape,
    v.description(
      "VERSION_ID of /etc/os-release: the first group of an expression on the release's name, or an expression and a template. A release that does not match is left out",
    ),
  ),
  releases: v.pipe(
    v.optional(v.array(shape.release), []),
    v.description('releases to ask for where the server does not list its folders'),
  ),
  arches: v.pipe(
    v.optional(v.array(shape.arch), []),
    v.description('architectures to ask for where the server does not list its folders'),
  ),
  repositories: v.pipe(v.array(RepositoryShape), v.minLength(1), v.maxLength(50)),
  flavours: v.pipe(
    v.record(v.pipe(v.string(), v.regex(/^[0-9a-z]+$/)), FlavourShape),
    v.check((flavours) => Object.keys(flavours).length > 0, 'needs at least one flavour'),
    v.description('by the word that --flavour takes; the first one is the default'),
  ),
  keys: v.pipe(
    v.optional(
      v.strictObject({
        file: v.pipe(
          v.union([keyPath, v.pipe(v.array(keyPath), v.minLength(1), v.maxLength(10))]),
          v.description(
            "key file: relative to the repository's folder ('../pubkey.gpg' is one level up), or to the root of the mirror with a slash in front",
          ),
        ),
        fingerprints: v.pipe(
          v.array(fingerprint),
          v.description(
            'primary keys, upper-case hex; a key of a mirror counts only with one of these',
          ),
        ),
      }),
    ),
    v.description('keys that sign the packages; absent where packages are not signed'),
  ),
});

/**
 * What the tree of a distribution looks like: everything that differs from one RPM distribution to the next, as
 * data. `sources/` has one file for each distribution; `--sources <file>` adds others.
 */
export type Source = v.InferOutput<typeof SourceShape>;
export type Flavour = v.InferOutput<typeof FlavourShape>;
export type Repository = v.InferOutput<typeof RepositoryShape>;

/** Checks the data of a source file. Throws `usage` with the place of each mistake; `origin` names the file. */
export function parseSource(data: unknown, origin: string): Source {
  const result = v.safeParse(SourceShape, data);
  if (result.success) return result.output;
  const mistakes = result.issues
    .slice(0, 10)
    .map((issue) => `${v.getDotPath(issue) ?? 'source'}: ${issue.message}`);
  throw new Failure(
    'usage',
    `${origin} does not describe a source: ${mistakes.join('; ')}.`,
    "See docs/distributions.md; 'btfhub sources check <file>' checks a file.",
  );
}
