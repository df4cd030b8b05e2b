import type { ApiSettings } from './api.ts';

/** A repository on a forge, and what it takes to ask about it. */
export interface ForgeRepository
  extends Pick<ApiSettings, 'http' | 'clock' | 'signal' | 'root' | 'hide'> {
  /** Both as they stand in a URL: encoded. */
  readonly owner: string;
  readonly repository: string;
  readonly token: string;
}
