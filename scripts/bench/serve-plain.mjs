// Serves a folder over loopback as the simplest server does, without ranges: every file is one plain
// stream. Prints the URL and lives until its standard input ends.
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';

const root = process.argv[2];
const server = createServer((request, response) => {
  const file = join(root, normalize(decodeURIComponent(new URL(request.url, 'http://h').pathname)));
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) response.writeHead(404).end();
  else if (found.isDirectory()) {
    const names = readdirSync(file, { withFileTypes: true });
    const links = names.map((one) => (one.isDirectory() ? `${one.name}/` : one.name));
    response.end(links.map((name) => `<a href="${encodeURI(name)}">${name}</a>\n`).join(''));
  } else {
    response.writeHead(200, { 'content-length': found.size });
    createReadStream(file).pipe(response);
  }
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`http://127.0.0.1:${server.address().port}/\n`),
);
process.stdin.resume().once('end', () => process.exit(0));
