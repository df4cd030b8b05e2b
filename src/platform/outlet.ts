import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** At most so much is read in one go. */
const BUFFER = 256 * 1024;

/**
 * A program may write 8 KiB at a time, and to be woken for each of them costs more than to read them.
 * After less than this the reader waits for a millisecond: what gathers meanwhile fits the socket.
 */
const WORTHWHILE = 128 * 1024;
const WAIT_MS = 1;

/** unix(7): a socket's path has at most 107 bytes. */
const LONGEST_PARENT = 80;

/** Where a program's output goes in, and where it comes out. */
export interface Outlet {
  /** For the program: its standard output. To be destroyed here once the program has it. */
  readonly inlet: Socket;
  /** Resolves when all of it came out; never rejects. */
  readonly ended: Promise<void>;
  /** Gives up what is still to come. */
  close(): void;
}

/**
 * A way for a program's output that makes no garbage. Node reads a child's pipe into a new buffer of
 * 64 KiB each time, of which tens of megabytes lie around until they are collected; a socket that it
 * connects can read into one buffer again and again (`onread`), and so one of our own takes the pipe's place.
 * @param push gets views into that buffer: whoever keeps bytes copies them. It must not throw.
 */
export async function openOutlet(push: (bytes: Uint8Array) => void): Promise<Outlet> {
  const parent = tmpdir().length <= LONGEST_PARENT ? tmpdir() : '/tmp';
  const folder = await mkdtemp(join(parent, 'btfhub-'));
  const server = createServer({ pauseOnConnect: true });
  try {
    const path = join(folder, 'out');
    server.listen(path);
    await once(server, 'listening');
    const buffer = Buffer.allocUnsafe(BUFFER);
    const callback = (count: number) => {
      push(buffer.subarray(0, count));
      if (count >= WORTHWHILE) return true;
      setTimeout(() => socket.resume(), WAIT_MS);
      return false;
    };
    const incoming = once(server, 'connection');
    const socket: Socket = connect({ path, onread: { buffer, callback } });
    socket.on('error', () => socket.destroy());
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const [inlet] = (await incoming) as [Socket];
    return { inlet, ended, close: () => socket.destroy() };
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
