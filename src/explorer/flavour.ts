/** The letters of a kernel's name: `-cloud-amd64`, `.oe2203sp1` and `+rt` make series of their own. */
export function flavourOf(uname: string): string {
  return (uname.match(/[A-Za-z_]+/g) ?? []).join('.');
}
