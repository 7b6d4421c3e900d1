/**
 * JSON that may stand inside a `<script>` element. `<` is the only character that could end the element or open a
 * comment in it; the two line separators were not allowed in scripts before ES2019.
 */
export function jsonForScript(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}
