import { Failure } from '../failure.ts';

/** A token that is sent to one origin only, and the ways to keep it out of everything else. */
export interface GitCredential {
  /** `https://gitee.com`: scheme, host and port of the archive's URL. */
  readonly origin: string;
  readonly user: string;
  readonly token: string;
  /** For `git -c`: who to ask, and for which origin. The secret itself is not in it. */
  readonly gitConfig: readonly string[];
  /** Where the helper of `gitConfig` finds the secret. */
  readonly gitEnvironment: Readonly<Record<string, string>>;
  /** The text with the secret, also as Basic auth writes it, replaced by `***`. */
  hide(text: string): string;
}

/**
 * A credential helper for git (gitcredentials(7)). It is a constant: what it prints comes from the
 * environment, and `printf` is built into the shell, so no command line ever shows it. Git asks it
 * for this origin alone: after a redirect to another host it gets no answer.
 */
const HELPER =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$BTFHUB_GIT_USER" "$BTFHUB_GIT_PASSWORD"; }; f';

/**
 * @param user what the host wants beside a token; most hosts take any name
 * @throws Failure `usage` for a token that cannot be one: empty, or of more than one line
 */
export function credentialFor(origin: string, token: string, user = 'oauth2'): GitCredential {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Failure(
      'usage',
      'The token is empty, or holds spaces or control characters.',
      'Set BTFHUB_TOKEN, or the file of --token-file, to the token alone.',
    );
  }
  if (!/^[^\s:]+$/.test(user)) {
    throw new Failure('usage', `'${user}' is no user name for git.`, 'Check --user.');
  }
  const secrets = [
    Buffer.from(`${user}:${token}`).toString('base64'),
    token,
    encodeURIComponent(token),
  ];
  return {
    origin,
    user,
    token,
    // The empty one first takes away the user's own helpers, which might store what they see.
    gitConfig: ['credential.helper=', `credential.${origin}.helper=${HELPER}`],
    gitEnvironment: { BTFHUB_GIT_USER: user, BTFHUB_GIT_PASSWORD: token, GIT_ASKPASS: '' },
    hide: (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text),
  };
}
