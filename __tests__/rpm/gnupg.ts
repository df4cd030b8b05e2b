/** A GnuPG home of its own, with keys made there, and packages signed with them by the real rpmsign. */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './programs.ts';

export interface SignOptions {
  readonly digest?: 'sha1' | 'sha256' | 'sha512';
  /** As if it were made then, e.g. `20200101T000000`. */
  readonly time?: string;
}

export class Gnupg {
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
    mkdirSync(home, { mode: 0o700 });
  }

  /** Makes a primary key and gives its fingerprint. */
  generate(
    name: string,
    algorithm: string,
    usage: string,
    expires = 'never',
    time?: string,
  ): string {
    this.#gpg(
      ['--quick-gen-key', `${name} <${name}@example.org>`, algorithm, usage, expires],
      time,
    );
    return this.fingerprints(name)[0] ?? '';
  }

  /** Adds a signing subkey, and gives its fingerprint. */
  addSubkey(primary: string, expires = 'never', time?: string): string {
    this.#gpg(['--quick-add-key', primary, 'rsa2048', 'sign', expires], time);
    return this.fingerprints(primary).at(-1) ?? '';
  }

  /** Of the primary key and its subkeys. */
  fingerprints(name: string): string[] {
    const listed = this.#gpg(['--with-colons', '--list-keys', name]).toString();
    return [...listed.matchAll(/^fpr:+([0-9A-F]{40}):/gm)].map((match) => match[1] ?? '');
  }

  export(name: string): Buffer {
    return this.#gpg(['--export', name]);
  }

  exportArmored(name: string): Buffer {
    return this.#gpg(['--export', '--armor', name]);
  }

  /** By the certificate that gpg keeps for every key that it makes. */
  revoke(primary: string): void {
    const path = join(this.#home, 'openpgp-revocs.d', `${primary}.rev`);
    this.#gpg(
      ['--import'],
      undefined,
      readFileSync(path, 'utf8').replace(':-----BEGIN', '-----BEGIN'),
    );
  }

  revokeSubkey(primary: string): void {
    const answers = ['key 1', 'revkey', 'y', '0', '', 'y', 'save', ''].join('\n');
    this.#gpg(['--command-fd', '0', '--edit-key', primary], undefined, answers);
  }

  /** Signs a copy of the package. */
  sign(
    source: string,
    copy: string,
    key: string,
    { digest = 'sha256', time }: SignOptions = {},
  ): string {
    copyFileSync(source, copy);
    const extra = [
      '--batch',
      '--pinentry-mode loopback',
      time ? `--faked-system-time=${time}` : '',
    ];
    const macros = [
      `_gpg_name ${key}`,
      `_gpg_digest_algo ${digest}`,
      `_gpg_sign_cmd_extra_args ${extra.join(' ')}`,
      '__gpg /usr/bin/gpg',
    ];
    const defines = macros.flatMap((macro) => ['--define', macro]);
    run('rpmsign', [...defines, '--addsign', copy], '', { GNUPGHOME: this.#home });
    return copy;
  }

  /** Ends the agent that gpg has started. */
  close(): void {
    run('gpgconf', ['--kill', 'gpg-agent'], '', { GNUPGHOME: this.#home });
  }

  #gpg(args: string[], time?: string, input = ''): Buffer {
    const fixed = [
      '--batch',
      '--no-tty',
      '--quiet',
      '--pinentry-mode',
      'loopback',
      '--passphrase',
      '',
    ];
    const clock = time ? ['--faked-system-time', time] : [];
    const interactive = args.includes('--command-fd')
      ? fixed.filter((each) => each !== '--batch')
      : fixed;
    return run('gpg', [...interactive, ...clock, ...args], input, { GNUPGHOME: this.#home });
  }
}

/** The packets of a binary key, each whole: gpg writes their lengths in the old way. */
export function packets(key: Buffer): { tag: number; bytes: Buffer }[] {
  const result: { tag: number; bytes: Buffer }[] = [];
  for (let at = 0; at < key.length; ) {
    const first = key.readUInt8(at);
    const size = 1 << (first & 3);
    const end = at + 1 + size + key.readUIntBE(at + 1, size);
    result.push({ tag: (first >> 2) & 15, bytes: key.subarray(at, end) });
    at = end;
  }
  return result;
}
