/** One column: its head, and whether its cells are numbers, which stand at the right. */
export interface Column {
  readonly head: string;
  readonly numeric?: boolean;
}

/**
 * Lines of a table, two spaces in. Where the terminal is too narrow for it, each row becomes a short list instead:
 * nothing is cut off.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const widths = columns.map(({ head }, c) =>
    Math.max(head.length, ...rows.map((row) => row[c]?.length ?? 0)),
  );
  const total = widths.reduce((sum, w) => sum + w + 3, -1);
  if (total <= width) {
    const line = (cells: readonly string[]): string =>
      `  ${columns
        .map(({ numeric = false }, c) => {
          const cell = cells[c] ?? "";
          return numeric ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!);
        })
        .join("   ")}`.trimEnd();
    return [line(columns.map(({ head }) => head)), ...rows.map(line)];
  }
  const heads = Math.max(...columns.slice(1).map(({ head }) => head.length));
  return rows.flatMap(([name = "", ...cells]) => [
    ...(name === "" ? [] : [`  ${name}`]),
    ...cells.flatMap((cell, c) =>
      cell === "" || cell === "–" ? [] : [`    ${columns[c + 1]!.head.padEnd(heads)}  ${cell}`],
    ),
  ]);
}

/** A blank that is not between a number and its unit. */
const BREAK = / (?!(?:s|ms|µs|B|kB|MB|GB|Hz)\b)/;

/** Text in lines of at most `width` characters, broken at blanks; what has none, a long path, wherever it must. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(BREAK)) {
    if (line === "") line = word;
    else if (line.length + 1 + word.length <= width) line = `${line} ${word}`;
    else {
      lines.push(line);
      line = word;
    }
    for (; line.length > width; line = line.slice(width)) lines.push(line.slice(0, width));
  }
  return [...lines, line];
}
