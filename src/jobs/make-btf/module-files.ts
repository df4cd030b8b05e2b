import { Failure } from '../../failure.ts';
import type { Member, MemberSink } from '../../rpm/cpio.ts';
import type { PackageFile } from '../../rpm/files.ts';
import type { ModuleFile } from './modules.ts';
import { VmlinuxWriter } from './vmlinux-file.ts';

/** Writes the wanted modules of a package to disk as they pass by. */
export class ModuleWriters {
  readonly #waiting: ModuleFile[];
  readonly #taken: { readonly module: ModuleFile; readonly writer: VmlinuxWriter }[] = [];
  readonly #ended: () => void;

  /** @param ended is told after the last byte of each module */
  constructor(modules: readonly ModuleFile[], ended: () => void = () => {}) {
    this.#waiting = [...modules];
    this.#ended = ended;
  }

  /** Where the data of a member goes; undefined for one that is no wanted module. */
  of(member: Member): MemberSink | undefined {
    const index = this.#waiting.findIndex(({ file }) => member.holds(file.path));
    const [module] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (module === undefined) return undefined;
    const writer = new VmlinuxWriter(module.target, algorithmOf(module.file));
    this.#taken.push({ module, writer });
    return {
      data: (bytes) => writer.data(bytes),
      end: () => {
        writer.end();
        this.#ended();
      },
    };
  }

  /** Throws `corrupt-package` for a module with another digest than the header has for it. */
  finish(): void {
    for (const { module, writer } of this.#taken) {
      const { digest } = module.file;
      const { stated } = writer.digests();
      if (digest === undefined || digest.hex === stated) continue;
      throw new Failure(
        'corrupt-package',
        `${module.name}.ko has the ${digest.algorithm} ${stated}, but the header promises ${digest.hex}.`,
      );
    }
  }

  close(): void {
    for (const { writer } of this.#taken) writer.close();
  }
}

function algorithmOf({ digest }: PackageFile): string {
  return digest?.algorithm ?? 'sha256';
}
