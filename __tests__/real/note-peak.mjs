// Loaded into the bundle's process by NODE_OPTIONS: on exit it writes down the most memory that the
// process held, in bytes. Linux's getrusage would count what the parent held before the exec.
import { readFileSync, writeFileSync } from 'node:fs';

process.once('exit', () => {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  writeFileSync(process.env.BTFHUB_NOTE_PEAK ?? '/dev/null', `${Number(peak?.[1]) * 1024}`);
});
