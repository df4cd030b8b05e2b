import fc from 'fast-check';
import {
  type BuildPlan,
  PLAN_SCHEMA,
  parsePlan,
  selectFromPlan,
} from '../../../src/jobs/plan/plan.ts';
import { asArch, asDistributionId } from '../../../src/names.ts';
import { kernelOf } from './kernel.ts';

const arm = kernelOf(61, { arch: asArch('aarch64'), release: '22.03-LTS-SP1' });
const rt = kernelOf(62, { flavour: 'rt' });
const plan: BuildPlan = {
  distribution: asDistributionId('openEuler'),
  mirrors: ['https://mirror.example/'],
  kernels: [kernelOf(60), arm, rt],
};
const text = (changes: object = {}) =>
  JSON.stringify({ schema: PLAN_SCHEMA, ...plan, rows: [], ...changes });
const all = { releases: [], arches: [], flavours: [], kernels: [] };

test('a plan comes back out of its JSON as it was', () => {
  expect(parsePlan(text(), 'plan.json')).toMatchObject(plan);
});

test.each<[string, object | string]>([
  ['not JSON', '{"schema":1,'],
  ['of another schema', { schema: 2 }],
  ['without a mirror', { mirrors: [] }],
  ['with a kernel whose name leads elsewhere', { kernels: [{ ...arm, uname: '5.10/../../x' }] }],
  ['with a location outside of the mirror', { kernels: [{ ...arm, locations: ['../x.rpm'] }] }],
  ['with a location on another host', { kernels: [{ ...arm, locations: ['http://x/y.rpm'] }] }],
  ['without a location', { kernels: [{ ...arm, locations: [] }] }],
  ['with a size of nothing', { kernels: [{ ...arm, size: 0 }] }],
])('a file %s is no plan, and is named', (_title, bad) => {
  const content = typeof bad === 'string' ? bad : text(bad);
  expect(() => parsePlan(content, 'plan.json')).toThrow('plan.json is no plan');
});

test('a plan with any word changed is read or refused by name', () => {
  const whole = text();
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.string({ maxLength: 3 }), (at, word) => {
      const changed = whole.slice(0, at) + word + whole.slice(at + 1);
      try {
        parsePlan(changed, 'plan.json');
      } catch (error) {
        expect(error).toMatchObject({ reason: 'usage' });
      }
    }),
    { numRuns: 500 },
  );
});

test('release, architecture, flavour and kernel narrow it', () => {
  const names = (wanted: object) => selectFromPlan(plan, { ...all, ...wanted }).plan.kernels;
  expect(names({})).toEqual(plan.kernels);
  expect(names({ releases: ['*-SP1'] })).toEqual([arm]);
  expect(names({ arches: ['aarch64'] })).toEqual([arm]);
  expect(names({ flavours: ['rt'] })).toEqual([rt]);
  expect(names({ kernels: [rt.uname, arm.nvra] })).toEqual([arm, rt]);
});

test('a kernel that the plan does not have is a problem beside the others', () => {
  const { plan: rest, problems } = selectFromPlan(plan, { ...all, kernels: ['9.9.9', rt.uname] });
  expect(rest.kernels).toEqual([rt]);
  expect(problems.map(({ where }) => where)).toEqual(['--kernel 9.9.9']);
});

test.each<[string, object, RegExp]>([
  ['release', { releases: ['22.03-LTS-SP9'] }, /--release 22.03-LTS-SP9 matches nothing/],
  ['architecture', { arches: ['sparc64'] }, /--arch sparc64 matches nothing/],
  ['flavour', { flavours: ['uek'] }, /--flavour uek matches nothing/],
  ['kernel', { kernels: ['9.9.9'] }, /--kernel 9.9.9 matches nothing/],
  [
    'pair of options',
    { releases: ['22.03-LTS-SP1'], flavours: ['rt'] },
    /--release 22.03-LTS-SP1 --flavour rt matches no kernel of the plan/,
  ],
])('a %s that selects nothing of the plan is refused', (_title, wanted, message) => {
  expect(() => selectFromPlan(plan, { ...all, ...wanted })).toThrow(message);
});

test('a plan without kernels stays empty whatever is selected', () => {
  const empty = { ...plan, kernels: [] };
  expect(selectFromPlan(empty, { ...all, releases: ['x'] })).toEqual({ plan: empty, problems: [] });
});
