import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const folder = join(root, "examples/coming-from-hermes");
const required = process.env["STRAINFLOW_REQUIRE"] === "all";

/** A Python with hermes: that of the tests, or that of `npm run bench:peers`. */
const hermes = [
  process.env["STRAINFLOW_PYTHON"],
  join(root, ".cache/venv/bin/python"),
  join(root, ".cache/peers/hermes/bin/python"),
].find(
  (python) =>
    python !== undefined && spawnSync(python, ["-c", "import hermes.aeriel.client, numpy"]).status === 0,
);

/** Whether the pairs are to be skipped; where everything is required they run, and fail. */
export const withoutHermes: boolean = hermes === undefined && !required;

const torch = join(root, ".cache/exports/torch/bin/python");

/** The Python with Torch that `npm run test:exports` makes, if it was run: too large for `npm test`. */
export const torchPython: string | undefined = existsSync(torch) ? torch : undefined;

interface Ended {
  readonly stdout: string;
  /** Of its lines that are JSON; hermes says other things too. */
  readonly values: readonly unknown[];
}

export interface Running {
  readonly child: ChildProcess;
  /** It has said something, or ended. */
  readonly began: Promise<unknown>;
  readonly ended: Promise<Ended>;
}

function start(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } });
  const [out, err]: Buffer[][] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => out!.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err!.push(chunk));
  const timer = setTimeout(() => child.kill("SIGKILL"), 100_000);
  const ended = new Promise<Ended>((done, failed) => {
    child.on("error", failed);
    child.on("close", (code) => {
      clearTimeout(timer);
      const stdout = Buffer.concat(out!).toString();
      if (code !== 0)
        failed(new Error(`${args.join(" ")} ended with ${code}: ${stdout}${Buffer.concat(err!)}`));
      else
        done({
          stdout,
          get values() {
            return stdout
              .split("\n")
              .filter((line) => /^["[{]/.test(line))
              .map((line): unknown => JSON.parse(line));
          },
        });
    });
  });
  ended.catch(() => undefined);
  const began = Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), ended]);
  began.catch(() => undefined);
  return { child, began, ended };
}

/** The program with hermes. With Torch, it is run in Torch's environment, hermes added to it. */
export function startHermes(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  return start(hermes ?? "python3", [join(folder, `${name}.py`), ...args], env);
}

/** Where hermes and what it needs are installed. */
export function hermesPackages(): string {
  const { stdout } = spawnSync(hermes ?? "python3", ["-c", "import hermes; print(hermes.__path__[0])"], {
    encoding: "utf8",
  });
  return resolve(stdout.trim(), "..");
}

/** The same by Torch's Python, which knows hermes' packages after its own. */
export function startHermesWithTorch(name: string, args: readonly string[]): Running {
  const script = `import sys, runpy; sys.path.append(${JSON.stringify(hermesPackages())}); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name="__main__")`;
  return start(torch, ["-c", script, join(folder, `${name}.py`), ...args], {});
}

/** The program with strainflow. */
export function startOurs(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  return start(
    process.execPath,
    [join(root, "examples/dist/coming-from-hermes", `${name}.js`), ...args],
    env,
  );
}
