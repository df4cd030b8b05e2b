import { testKernel } from './kernel.ts';

testKernel("Debian's 6.1 for aarch64", ['--kernel', '6.1-arm64', '--modules', 'two']);
testKernel("Debian's 5.10 for x86_64", ['--kernel', '5.10-amd64', '--modules', 'two']);
testKernel("Debian's 6.12 for x86_64 in a zstd payload", [
  ...['--kernel', '6.12-amd64', '--modules', 'two', '--payload', 'w3.zstdio'],
]);
testKernel(
  "Debian's 5.10 for x86_64 without BTF of its own, in a gzip payload",
  ['--kernel', '5.10-amd64', '--modules', 'none', '--payload', 'w6.gzdio', '--without-btf'],
  false,
);
testKernel("Debian's 6.1 for x86_64 with all its modules", [
  ...['--kernel', '6.1-amd64', '--modules', 'all'],
]);
