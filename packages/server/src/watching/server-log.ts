import { appendFileSync } from "node:fs";
import { StrainflowError } from "@strainflow/series";

/** Triton's log settings, under its names. */
export interface LogSettings {
  /** "" where lines go to the `log` option. */
  readonly log_file: string;
  readonly log_info: boolean;
  readonly log_warning: boolean;
  readonly log_error: boolean;
  /** 0: nothing of single requests; 1: a line for each. */
  readonly log_verbose_level: number;
  readonly log_format: "default" | "ISO8601";
}

/** How lines are written. */
export type LogForm = "text" | "json";

export interface ServerLogOptions {
  /** Default `text`. */
  readonly form?: LogForm;
  readonly write: (line: string) => void;
  /** Lines are added to this file instead. */
  readonly file?: string;
}

const NAMES = { I: "info", W: "warning", E: "error" } as const;

/** What the server tells its operator, line by line, as far as the settings let it. */
export class ServerLog {
  readonly #write: (line: string) => void;
  readonly #form: LogForm;
  settings: LogSettings;

  /** @throws `log-not-writable` if the file cannot be written */
  constructor({ write, file = "", form = "text" }: ServerLogOptions) {
    this.#form = form;
    this.settings = {
      log_file: file,
      log_info: true,
      log_warning: true,
      log_error: true,
      log_verbose_level: 0,
      log_format: "default",
    };
    if (file === "") this.#write = write;
    else {
      try {
        appendFileSync(file, "");
      } catch (cause) {
        throw new StrainflowError("log-not-writable", `the log file ${file} cannot be written`, {
          cause,
          details: { path: file },
        });
      }
      // Lines are rare, and the one before a crash is the one that matters.
      this.#write = (line) => appendFileSync(file, `${line}\n`);
    }
  }

  info(message: string): void {
    if (this.settings.log_info) this.#line("I", message);
  }

  warning(message: string): void {
    if (this.settings.log_warning) this.#line("W", message);
  }

  error(message: string): void {
    if (this.settings.log_error) this.#line("E", message);
  }

  /** Told only where the verbose level is at least `level`. */
  verbose(level: number, message: () => string): void {
    if (level <= this.settings.log_verbose_level) this.#line("I", message());
  }

  #line(severity: "I" | "W" | "E", message: string): void {
    const iso = new Date().toISOString();
    if (this.#form === "json") {
      this.#write(JSON.stringify({ time: iso, severity: NAMES[severity], pid: process.pid, message }));
      return;
    }
    const time =
      this.settings.log_format === "ISO8601"
        ? `${iso.slice(0, 19)}Z ${severity}`
        : `${severity}${iso.slice(5, 7)}${iso.slice(8, 10)} ${iso.slice(11, 23)}000`;
    // One line each, whatever a name out of a request holds.
    this.#write(`${time} ${process.pid} strainflow] ${JSON.stringify(message)}`);
  }
}
