import type { Definition, DefinitionKind } from '../explorer/definition.ts';
import type { SiteManifest } from '../explorer/manifest.ts';
import type {
  DefinitionVersion,
  ExplorerKernel,
  FieldVersion,
  NameChange,
  NameEntry,
} from '../explorer/queries.ts';
import type { CheckedObject } from './check/check-object.ts';
import type { SiteErrorKind } from './database/site-error.ts';

export type Kernel = ExplorerKernel;

/** What the pages need of `site.json`. */
export interface SiteFile extends Pick<SiteManifest, 'archive' | 'raw' | 'generatedAt'> {
  readonly database: Pick<SiteManifest['database'], 'file' | 'bytes'>;
}

export interface Site {
  readonly file: SiteFile;
  readonly kernels: readonly Kernel[];
}

/** The questions that the pages ask the worker. */
export interface Answers {
  open(): Promise<Site>;
  complete(prefix: string, limit: number): Promise<readonly NameEntry[]>;
  versions(name: string): Promise<readonly DefinitionVersion[]>;
  /** The paths of all parts of a type that begin with a text. */
  completePath(name: string, prefix: string, limit: number): Promise<readonly string[]>;
  field(name: string, path: string): Promise<readonly FieldVersion[]>;
  /** @param first ids of two kernels that have BTF */
  diff(first: number, second: number): Promise<readonly NameChange[]>;
  definitions(
    kind: DefinitionKind,
    name: string,
    ids: readonly number[],
  ): Promise<readonly Definition[]>;
  /** Reads an object and judges it on every kernel. */
  check(file: string, bytes: Uint8Array): Promise<CheckedObject>;
}

export interface Question {
  readonly id: number;
  readonly method: keyof Answers;
  readonly parameters: readonly unknown[];
}

export type Reply =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | {
      readonly kind: 'error';
      readonly id: number;
      readonly error: SiteErrorKind;
      readonly detail: string;
    }
  /** What has been done of something long: bytes of the database, kernels that were checked. */
  | { readonly kind: 'progress'; readonly done: number; readonly total: number };
