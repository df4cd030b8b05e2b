/**
 * What `check` needs of an object and a kernel, from bytes to verdict, for a browser as well: nothing
 * here, or in what it imports, uses Node.
 */
export { readObject } from '../btf/core/object.ts';
export { KernelTypes } from '../btf/core/resolve.ts';
export { bytesSource } from '../btf/elf.ts';
export { Btf } from '../btf/reader.ts';
export { hintFor } from './hint.ts';
export { judge, type MissingDependency, type Verdict } from './verdict.ts';
