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
  const columns = (): number => process.stderr.columns || people.columns || asked() || 100;

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

/** What a shell or a script says of a terminal that is not there. */
function asked(): number | undefined {
  const columns = Number(process.env["COLUMNS"]);
  return Number.isInteger(columns) && columns > 0 ? columns : undefined;
}
