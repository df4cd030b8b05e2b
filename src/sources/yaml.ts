/**
 * YAML for source files, imported when one is read. The package is CommonJS: without a module of our own
 * in between, its functions have no names in the bundle.
 */
export { parse } from 'yaml';
