import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findTriton } from "../find-triton.ts";
import { prepareWheel } from "../python-environment.ts";

/** Writes a shell script that can be run. */
export function writeProgram(folder: string, name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}`);
  chmodSync(path, 0o755);
  return path;
}

/** Writes what the stand-ins read: how a real Triton is run here. */
export async function writeTriton(folder: string, home: string): Promise<void> {
  const found = findTriton({}, { STRAINFLOW_TRITON: home });
  const { executable, args, env } =
    found.kind === "python"
      ? await prepareWheel(found.path, folder)
      : { executable: found.path, args: [], env: {} };
  const lines = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`);
  writeFileSync(
    join(folder, "triton"),
    [...lines, `triton=${quoted(executable)}`, `more=${quoted(args.join(" "))}`, ""].join("\n"),
  );
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Records what it is called with, then runs the real Triton in its place: an engine whose containers are processes. */
export const APPTAINER = `
here=$(dirname "$0")
printf '%s\\n' "$@" > "$here/apptainer.args"
env > "$here/apptainer.env"
. "$here/triton"
while [ "$1" != tritonserver ]; do shift; done
shift
exec "$triton" "$@" $more
`;

/**
 * The same for Docker, whose container is in a session of its own: it outlives a client that is killed, and ends with
 * \`docker rm --force\`. What is published is listened on.
 */
export const DOCKER = `
here=$(dirname "$0")
printf '%s\\n' "$@" "" >> "$here/docker.args"
if [ "$1" = rm ]; then
  kill -s KILL -- "-$(cat "$here/$3.pid")"
  exit
fi
env > "$here/docker.env"
. "$here/triton"
ports=
while [ "$1" != tritonserver ]; do
  case $1 in
    --name=*) name=\${1#--name=} ;;
    --publish=*:8001) p=\${1#--publish=*:} ports="$ports --grpc-port=\${p%:8001}" ;;
    --publish=*:8000) p=\${1#--publish=*:} ports="$ports --http-port=\${p%:8000}" ;;
    --publish=*:8002) p=\${1#--publish=*:} ports="$ports --metrics-port=\${p%:8002}" ;;
  esac
  shift
done
shift
local="--grpc-address=127.0.0.1 --http-address=127.0.0.1 --metrics-address=127.0.0.1"
setsid "$triton" "$@" $local $ports $more &
container=$!
echo $container > "$here/$name.pid"
trap 'kill -TERM $container' TERM
wait $container
wait $container
`;

/** The calls that a stand-in recorded, one list of arguments each. */
export function recordedCalls(path: string): string[][] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n\n")
    .map((call) => call.split("\n"));
}

/** What a stand-in had in its environment. */
export function recordedEnvironment(path: string): Record<string, string> {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}
