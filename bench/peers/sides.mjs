// Who streams: each side is a program of its own, which tells what it measured.
import { fileURLToPath } from "node:url";
import { prepareHermes, preparePerfAnalyzer } from "../../.config/peers.mjs";
import { ask } from "../child.mjs";

const file = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Our transports, by the side that each is. */
export const OURS = { frames: "ours, frames", "grpc-js": "ours, grpc-js" };
export const HERMES = "hermes 0.3.1";
export const TRITONCLIENT = "tritonclient (Python)";
export const PERF_ANALYZER = "perf_analyzer (C++)";

/**
 * All sides: `run(options)` streams, `absent` says why it cannot.
 *
 * @returns {Record<string, { run?: (options: object) => Promise<object>, absent?: string }>}
 */
export function prepareSides() {
  const hermes = prepareHermes();
  const perf = preparePerfAnalyzer();
  const python = (script) =>
    hermes.absent === undefined
      ? { run: (options) => ask(hermes.python, [file(script)], options) }
      : { absent: hermes.absent };
  const own = (transport) => ({
    run: (options) => ask(process.execPath, [file("own-updates.mjs")], { ...options, transport }),
  });
  const { program, libraries } = perf;
  return {
    [HERMES]: python("hermes_updates.py"),
    [OURS.frames]: own("frames"),
    [TRITONCLIENT]: python("tritonclient_updates.py"),
    [PERF_ANALYZER]:
      perf.absent === undefined
        ? {
            run: (options) =>
              ask(perf.python, [file("perf_analyzer_updates.py")], { ...options, program, libraries }),
          }
        : { absent: perf.absent },
    [OURS["grpc-js"]]: own("grpc-js"),
  };
}
