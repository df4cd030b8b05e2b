// What the rounds gave, in Markdown.
import { bytes, markdown, median, medians, ratio, seconds } from './table.mjs';

const COLUMNS = ['', 'wall', 'shell / it', 'it / floor', 'CPU', 'memory', 'Node', 'files'];

/**
 * @param {string} title above the table
 * @param {{setup: {name: string}, system: {name: string}}} tools
 * @param {Awaited<ReturnType<import('./rounds.mjs').playRounds>>} results
 * @param {number} [spread] cores over which the CPU seconds of the floor are spread
 */
export function section(title, tools, results, spread) {
  const wall = (name) => median(results[name].map((one) => one.wall));
  const row = (name, who, floor) => rowOf(who, results[name], wall('shell'), wall(floor));
  const { setup, system } = tools;
  const table = markdown(COLUMNS, [
    row('setup', `**btfhub**, ${setup.name}`, 'floorSetup'),
    row('system', `**btfhub**, ${system.name}`, 'floorSystem'),
    row('shell', `shell, ${system.name}`, 'floorSystem'),
    row('floorSetup', `floor, ${setup.name}`, 'floorSetup'),
    row('floorSystem', `floor, ${system.name}`, 'floorSystem'),
  ]);
  const shares = [setup, system].map(
    (tool, index) => `with ${tool.name}: ${breakdown(results[['setup', 'system'][index]])}`,
  );
  const text = `${title}\n\n${table}\n\nbtfhub's CPU ${shares.join('; ')}.`;
  if (spread === undefined) return text;
  const [ours, theirs] = [results.setup, results.system].map((all) => overOwn(all, spread));
  return (
    `${text} Its wall clock over what all but Node took in the very same run, spread over ${spread} cores: ` +
    `${ours} and ${theirs}.`
  );
}

/** The wall clock over the CPU seconds of its own xz and pahole: neighbours on the machine slow down both alike. */
function overOwn(all, cores) {
  return ratio(
    median(all.map(({ wall, cpu, programs }) => wall / ((cpu - programs.node) / cores))),
  );
}

/**
 * @param {string} title above the table
 * @param {Awaited<ReturnType<import('./rounds.mjs').playStreams>>} results
 */
export function streamSection(title, { ranges, plain }) {
  const one = median(plain.map(({ wall }) => wall));
  const row = (who, all) => {
    const { wall, cpu, node } = medians(all);
    return [
      who,
      `${seconds(wall)} (${rangeOf(all)})`,
      ratio(wall / one),
      seconds(cpu),
      bytes(node),
    ];
  };
  const rows = [
    row('**btfhub**, ranges over four connections', ranges),
    row('**btfhub**, one plain stream', plain),
  ];
  return `${title}\n\n${markdown(['', 'wall', 'it / plain', 'CPU', 'Node'], rows)}`;
}

/**
 * @param {string} title above the table
 * @param {number} boot bytes of the kernel package
 * @param {Awaited<ReturnType<import('./rounds.mjs').playMethods>>} results
 */
export function methodSection(title, boot, { one, embedded, dwarf }) {
  const row = (who, { wall, cpu, read, memory, node }) => [
    ...[who, seconds(wall), seconds(cpu), bytes(read), bytes(memory), bytes(node)],
  ];
  const share = (name) => (embedded[name] / dwarf[name]).toFixed(3);
  const alone = medians(one);
  const table = markdown(
    ['', 'wall', 'CPU', 'read', 'memory', 'Node'],
    [
      row('one kernel on one core, `--method embedded`', alone),
      row(`${embedded.built} kernels, one after the other, \`--method embedded\``, embedded),
      row(`${dwarf.built} kernels, one after the other, \`--method dwarf\``, dwarf),
      [
        'embedded / dwarf',
        share('wall'),
        share('cpu'),
        share('read'),
        share('memory'),
        share('node'),
      ],
    ],
  );
  return (
    `${title}\n\n${table}\n\nOf the kernel package ${((100 * alone.read) / boot).toFixed(1)} % is read. From the last ` +
    `needed byte to the checked tarball it takes ${seconds(alone.after)} on one core (${one.map(({ after }) => after.toFixed(1)).join(', ')}).`
  );
}

function rangeOf(all) {
  const walls = all.map(({ wall }) => wall);
  return [Math.min(...walls), Math.max(...walls)].map((value) => value.toFixed(0)).join('–');
}

function rowOf(who, all, shell, floor) {
  const middle = medians(all);
  return [
    ...[who, `${seconds(middle.wall)} (${rangeOf(all)})`, ratio(shell / middle.wall)],
    ...[ratio(middle.wall / floor), seconds(middle.cpu), bytes(middle.memory ?? 0)],
    ...[bytes(middle.node ?? 0), files(middle)],
  ];
}

/** What it held in files at its peak, on a disk or where memory serves as one. */
function files({ disk = 0, tmpfs = 0 }) {
  return tmpfs > 1e6 ? `${bytes(tmpfs)} in memory, ${bytes(disk)} on disk` : bytes(disk);
}

/** CPU seconds and shares by program. */
function breakdown(all) {
  const names = [...new Set(all.flatMap(({ programs }) => Object.keys(programs)))];
  const cpu = median(all.map((one) => one.cpu));
  return names
    .map((name) => ({ name, cpu: median(all.map(({ programs }) => programs[name] ?? 0)) }))
    .filter((program) => program.cpu >= cpu / 200)
    .sort((a, b) => b.cpu - a.cpu)
    .map((one) => `${one.name} ${seconds(one.cpu)} (${Math.round((one.cpu / cpu) * 100)} %)`)
    .join(', ');
}
