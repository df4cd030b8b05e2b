import { testKernel } from './kernel.ts';

// The one real kernel of every `npm test`; the others are in `npm run test:real`.
testKernel("Debian's 6.1 for x86_64, two modules", ['--kernel', '6.1-amd64', '--modules', 'two']);
