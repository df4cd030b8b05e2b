import { build } from './build.ts';
import { check } from './check.ts';
import type { Command } from './command.ts';
import { compare } from './compare.ts';
import { demo } from './demo.ts';
import { diff } from './diff.ts';
import { fetch } from './fetch.ts';
import { history } from './history.ts';
import { install } from './install.ts';
import { list } from './list.ts';
import { plan } from './plan.ts';
import { publish } from './publish.ts';
import { setup } from './setup.ts';
import { completionCommand } from './shell-completion.ts';
import { site } from './site.ts';
import { sources } from './sources.ts';
import { tailor } from './tailor.ts';
import { verify } from './verify.ts';

/** All commands, in the order of the help: the demo first, then in the order of the data flow. */
export const COMMANDS: readonly Command[] = [
  demo,
  setup,
  plan,
  build,
  verify,
  compare,
  publish,
  list,
  fetch,
  install,
  tailor,
  check,
  diff,
  history,
  site,
  sources,
  completionCommand(() => COMMANDS),
];
