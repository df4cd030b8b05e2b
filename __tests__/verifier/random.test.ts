import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { readObject } from '../../src/btf/core/object.ts';
import { KernelTypes } from '../../src/btf/core/resolve.ts';
import { withFile } from '../../src/btf/file.ts';
import { Btf } from '../../src/btf/reader.ts';
import { judge } from '../../src/verifier/verdict.ts';
import { KERNELS, PROGRAMS } from '../btf/core/cases.ts';
import { buildLibbpf } from '../btf/core/libbpf.ts';
import { compileBpf, paholeBtf, temporaryFolder } from '../btf/made.ts';

const folder = temporaryFolder();
const libbpf = buildLibbpf(folder);
const poor = paholeBtf(folder, KERNELS.poor ?? '');
const HEAD = (PROGRAMS.missing ?? '').split('SEC("raw_tp/x")')[0] ?? '';

const ABSENT = fc.constantFrom('port', 'either', 'sign', 'tail', 'data', 'state');
const PRESENT = fc.constantFrom('pid', 'parent', 'mode');
const VARIABLE = fc.constantFrom('a', 'b', 'c');

/** Programs that ask, remember, combine and forget what they were told, and then look. */
const { block } = fc.letrec<{ condition: string; statement: string; block: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    ABSENT.map((field) => `bpf_core_field_exists(t->${field})`),
    PRESENT.map((field) => `bpf_core_field_exists(t->${field})`),
    fc.constantFrom('bpf_core_type_exists(struct absent)', 'bpf_core_type_exists(struct inner)'),
    VARIABLE,
    fc.constantFrom('(out > 3)', '(out == 7)', '(has(t) != 0)'),
    fc
      .tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition'))
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    tie('condition').map((condition) => `!${condition}`),
  ),
  statement: fc.oneof(
    { maxDepth: 4 },
    PRESENT.map((field) => `out += BPF_CORE_READ(t, ${field});`),
    fc
      .tuple(VARIABLE, fc.constantFrom('=', '+=', '|=', '&='), tie('condition'))
      .map(([name, operator, condition]) => `${name} ${operator} ${condition};`),
    VARIABLE.map((name) => `ask(t, &${name});`),
    fc
      .tuple(VARIABLE, fc.constantFrom('port', 'data'))
      .map(([name, field]) => `read_${field}(t, &${name});`),
    fc.constant('out += bpf_get_current_comm(buffer, sizeof(buffer)) + buffer[1];'),
    fc
      .tuple(tie('condition'), fc.constantFrom('port', 'either', 'data'))
      .map(([condition, field]) => `if (${condition}) out += BPF_CORE_READ(t, ${field});`),
    fc
      .tuple(tie('condition'), tie('block'), tie('block'))
      .map(([condition, yes, no]) => `if (${condition}) { ${yes} } else { ${no} }`),
    tie('block').map(
      (body) => `for (int i = 0; i < 3; i++) { out += bpf_get_prandom_u32(); ${body} }`,
    ),
  ),
  block: fc.array(tie('statement'), { minLength: 1, maxLength: 4 }).map((all) => all.join('\n')),
}));

const program = fc.tuple(fc.constantFrom('', 'volatile'), fc.oneof(ABSENT, PRESENT), block).map(
  ([storage, field, body]) => `${HEAD}
      static __attribute__((noinline)) int has(struct task *t) { return bpf_core_field_exists(t->${field}); }
      static __attribute__((noinline)) void ask(struct task *t, long *has) { *has = bpf_core_field_exists(t->${field}); }
      static __attribute__((noinline)) void read_port(struct task *t, long *has) { if (*has) out += BPF_CORE_READ(t, port); }
      static __attribute__((noinline)) void read_data(struct task *t, long *has) { if (*has) out += (long)BPF_CORE_READ(t, data); }
      SEC("raw_tp/x") int program(struct task *t) {
        ${storage} long a = 0, b = 1, c = 0;
        char buffer[16] = {};
        ${body}
        return a + b + c;
      }`,
);

test('the verifier of this kernel agrees on programs made at random', async () => {
  const kernel = new KernelTypes(new Btf(poor));
  const path = join(folder, 'poor.btf');
  writeFileSync(path, poor);
  const harmless = compileBpf(folder, PROGRAMS.existence ?? '', 'bpf');
  if (libbpf('kernel', harmless, path).result !== 0) {
    process.stderr.write('the verifier of this kernel may not be asked: skipping it\n');
    return;
  }
  await fc.assert(
    fc.asyncProperty(program, async (source) => {
      const file = compileBpf(folder, source, 'bpf');
      const { missing } = judge(await withFile(file, readObject), kernel, release());
      const { log, result } = libbpf('kernel', file, path);
      const refused = /invalid CO-RE|unknown#195896080/.test(log);
      // Some are too much for the verifier for other reasons.
      fc.pre(refused || result === 0);
      expect(missing.some(({ when }) => when === 'always')).toBe(refused);
    }),
    { numRuns: 40, seed: 1 },
  );
});
