// Which Gitea the tests of `npm run test:forge` met.
export async function version() {
  const response = await fetch(`${process.env.BTFHUB_TEST_FORGE_URL}/api/v1/version`);
  const { version } = await response.json();
  return `Gitea ${version}`;
}
