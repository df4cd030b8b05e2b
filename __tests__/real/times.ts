import { type KernelRecord, STAGES } from '../../src/archive/record.ts';
import { textTable } from '../../src/report/table.ts';
import { bytes, seconds } from '../../src/report/units.ts';
import type { Built } from './run-build.ts';

/** Shows where the time of one build went. Nothing is asserted about it: machines differ. */
export function printTimes(title: string, built: Built, record: KernelRecord): void {
  const rows = STAGES.map((name) => {
    const stage = record.stages[name];
    return [name, seconds(stage.seconds), bytes(stage.bytes)];
  });
  rows.push(['all', seconds(built.seconds), `${bytes(built.peak)} of memory in Node`]);
  const columns = [{ title: 'stage' }, { title: 'time', align: 'right' }, { title: 'output' }];
  process.stderr.write(
    `\n${title}\n${textTable(columns as Parameters<typeof textTable>[0], rows)}\n`,
  );
}
