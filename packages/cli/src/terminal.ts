/** What is told to people while a command runs. With `--json`, stdout belongs to the program that reads it. */
export interface Terminal {
  /** `  name        text` */
  say(name: string, text: string): void;
  /** A line as it is. */
  line(text?: string): void;
  /** `! text`: something happened, and was dealt with. */
  warn(text: string): void;
  /** A line that replaces the last one of its kind; nothing where there is no terminal. */
  progress(text: string): void;
  /** One JSON object on stdout, if `--json` was asked for. */
  record(value: Readonly<Record<string, unknown>>): void;
  readonly json: boolean;
  readonly columns: number;
}

export interface TerminalOptions {
  readonly json: boolean;
  readonly quiet?: boolean;
}

const NAME_WIDTH = 12;

/** A terminal on this process's streams. */
export function createTerminal({ json, quiet = false }: TerminalOptions): Terminal {
  const people = json ? process.stderr : process.stdout;
  const live = process.stderr.isTTY === true && !quiet;
  let shown = false;
  const clear = (): void => {
    if (shown) process.stderr.write("\r\u001b[2K");
    shown = false;
  };
  const write = (text: string): void => {
    clear();
    people.write(`${text}\n`);
  };
  const columns = (): number => process.stderr.columns ?? people.columns ?? 100;

  return {
    json,
    get columns() {
      return columns();
    },
    say(name, text) {
      if (!quiet) write(`  ${name.padEnd(NAME_WIDTH)}${text}`);
    },
    line(text = "") {
      if (!quiet) write(text);
    },
    warn(text) {
      clear();
      process.stderr.write(`! ${text}\n`);
    },
    progress(text) {
      if (!live) return;
      const room = Math.max(20, columns() - 1);
      process.stderr.write(`\r\u001b[2K${text.length > room ? `${text.slice(0, room - 1)}…` : text}`);
      shown = true;
    },
    record(value) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
    },
  };
}

/** `████████░░░░  128 of 256 s   97 × real time   1 s left`, cut to the terminal. */
export function progressBar(done: number, total: number, elapsedSeconds: number, columns: number): string {
  const rate = elapsedSeconds > 0 ? done / elapsedSeconds : 0;
  const left = rate > 0 ? (total - done) / rate : Number.POSITIVE_INFINITY;
  const facts = `${done.toFixed(0)} of ${total.toFixed(0)} s   ${rate.toFixed(rate < 10 ? 1 : 0)} × real time   ${
    Number.isFinite(left) ? `${left.toFixed(0)} s left` : ""
  }`;
  const width = Math.max(4, Math.min(24, columns - facts.length - 20));
  const full = total > 0 ? Math.round((width * Math.min(done, total)) / total) : 0;
  return `  ${"replay".padEnd(NAME_WIDTH)}${"█".repeat(full)}${"░".repeat(width - full)}  ${facts}`;
}
