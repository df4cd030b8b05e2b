import { Writable } from 'node:stream';
import { undiciHttp } from '../../src/download/http.ts';
import { systemPrograms } from '../../src/world/programs.ts';
import type { World } from '../../src/world/world.ts';
import { fastClock } from '../download/world.ts';

/** The real world, but that time flies in it and its output goes nowhere. */
export function hastyWorld(changes: Partial<World> = {}): World {
  const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  return {
    env: process.env,
    clock: fastClock(100),
    http: undiciHttp({}),
    programs: systemPrograms(process.env),
    stdout: nowhere(),
    stderr: nowhere(),
    interrupted: new AbortController().signal,
    ...changes,
  };
}
