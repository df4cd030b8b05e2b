/** OpenPGP.js, loaded when the first key or signature is read: it takes 14 MB of memory and a quarter of a second. */
export function openpgp(): Promise<typeof import('openpgp')> {
  return import('openpgp');
}
