import { Writable } from 'node:stream';
import { undiciHttp } from '../../src/download/http.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { fastClock } from '../download/conditions.ts';

/** The real platform with a fast clock and no output. */
export function fastPlatform(changes: Partial<Platform> = {}): Platform {
  const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  return {
    env: process.env,
    clock: fastClock(25),
    http: undiciHttp({}),
    programs: systemPrograms(process.env),
    stdout: nowhere(),
    stderr: nowhere(),
    interrupted: new AbortController().signal,
    ...changes,
  };
}
