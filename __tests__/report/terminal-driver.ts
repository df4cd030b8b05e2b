// Shows the progress of the tasks that the lines of a file (a FIFO) describe. Runs in a terminal of a test.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/platform/clock.ts';
import type { Task } from '../../src/report/progress.ts';
import { terminalProgress } from '../../src/report/terminal.ts';

const progress = terminalProgress(process.stderr, systemClock, process.env);
const tasks = new Map<string, Task>();

for await (const line of createInterface({ input: createReadStream(process.argv[2] ?? '') })) {
  const [action, name = '', word = '', amount = ''] = line.split(' ');
  if (action === 'begin') tasks.set(name, progress.begin(name));
  if (action === 'stage') tasks.get(name)?.stage(word, amount ? Number(amount) : undefined);
  if (action === 'advance') tasks.get(name)?.advance(Number(word));
  if (action === 'end') tasks.get(name)?.end(word);
  if (action === 'warn') progress.warn(name);
}
