// Serves a folder over loopback in a process of its own, by the server that `btfhub demo` uses; prints
// the URL and lives until its standard input ends.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const outfile = join(tmpdir(), `btfhub-serve-${process.pid}.mjs`);
const entry = fileURLToPath(new URL('../../src/download/serve.ts', import.meta.url));
await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm' });
const { serveFolder } = await import(pathToFileURL(outfile).href);
rmSync(outfile);
const { url } = await serveFolder(process.argv[2]);
process.stdout.write(`${url}\n`);
process.stdin.resume().once('end', () => process.exit(0));
