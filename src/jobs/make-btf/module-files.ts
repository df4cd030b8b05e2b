import type { Member, MemberSink } from '../../rpm/cpio.ts';
import { expectDigest, MemberFile } from './member-file.ts';
import type { ModuleFile } from './modules.ts';

/** Writes the wanted modules of a package to disk as they pass by. */
export class ModuleWriters {
  readonly #waiting: ModuleFile[];
  readonly #taken: { readonly module: ModuleFile; readonly writer: MemberFile }[] = [];
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
    const writer = new MemberFile(module.target, module.file);
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
      expectDigest(`${module.name}.ko`, module.file, writer.digests().stated);
    }
  }

  close(): void {
    for (const { writer } of this.#taken) writer.close();
  }
}
