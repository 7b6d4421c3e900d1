import { execFile } from "node:child_process";
import { access, chmod, constants, copyFile, cp, readdir } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { StrainflowError } from "@strainflow/series";

/** A Triton inside a Python environment. */
export interface WheelTriton {
  readonly executable: string;
  /** What the server needs of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

interface Facts {
  readonly version: string;
  readonly numpy: string | null;
  readonly package: string | null;
  readonly libraryFolder: string | null;
}

const ASK = `
import importlib.metadata, importlib.util, json, sys, sysconfig
def version(name):
    try: return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError: return None
found = importlib.util.find_spec("pytriton")
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2],
    "numpy": version("numpy"),
    "package": found and list(found.submodule_search_locations)[0],
    "libraryFolder": sysconfig.get_config_var("LIBDIR"),
}))`;
const ASK_MS = 30_000;

/**
 * Makes the Triton in a Python environment's `nvidia-pytriton` ready to run.
 *
 * The wheel holds the server, its python backend, and the backend's stub for each version of Python, apart from each
 * other and not executable. They are brought together in `scratch`, since an environment may be read-only.
 *
 * @throws `launch-no-triton` if there is none in it, or none for its Python; `launch-failed` if its numpy does not fit
 */
export async function prepareWheel(environment: string, scratch: string): Promise<WheelTriton> {
  const folder = resolve(environment);
  const python = join(folder, "bin", "python");
  const facts = await askPython(python, folder);
  if (facts.package === null)
    throw notFound(
      folder,
      `its Python has no nvidia-pytriton: ${python} -m pip install nvidia-pytriton 'numpy<2'`,
    );
  if (facts.numpy !== null && Number(facts.numpy.split(".")[0]) >= 2)
    throw new StrainflowError(
      "launch-failed",
      `${folder} has numpy ${facts.numpy}, with which Triton's python backend answers 0 bytes and no error: ${python} -m pip install 'numpy<2'`,
      { details: { path: folder } },
    );
  const triton = join(facts.package, "tritonserver");
  const backends = join(scratch, "backends");
  const stubs = join(triton, "python_backend_stubs");
  const stub = join(stubs, facts.version, "triton_python_backend_stub");
  try {
    await cp(join(triton, "backends", "python"), join(backends, "python"), { recursive: true });
  } catch (cause) {
    throw notFound(folder, `nvidia-pytriton in it holds no Triton (${triton})`, cause);
  }
  const placed = join(backends, "python", "triton_python_backend_stub");
  try {
    await copyFile(stub, placed);
  } catch (cause) {
    const versions = (await readdir(stubs).catch(() => [])).join(", ");
    throw notFound(folder, `its Triton is for Python ${versions}, and it has ${facts.version}`, cause);
  }
  await chmod(placed, 0o755);

  const packages = dirname(facts.package);
  const libraries = [join(packages, "nvidia_pytriton.libs"), facts.libraryFolder];
  return {
    executable: await executable(join(triton, "bin", "tritonserver"), scratch),
    args: [`--backend-directory=${backends}`, `--cache-directory=${join(triton, "caches")}`],
    env: {
      PATH: before(join(folder, "bin"), process.env["PATH"]),
      PYTHONPATH: before(packages, process.env["PYTHONPATH"]),
      LD_LIBRARY_PATH: before(
        libraries.filter((library) => library !== null).join(delimiter),
        process.env["LD_LIBRARY_PATH"],
      ),
    },
  };
}

async function askPython(python: string, folder: string): Promise<Facts> {
  try {
    const { stdout } = await promisify(execFile)(python, ["-c", ASK], { timeout: ASK_MS });
    const facts: Facts = JSON.parse(stdout);
    return facts;
  } catch (cause) {
    throw notFound(folder, `it is no Python environment (${python} does not run)`, cause);
  }
}

/** Pip drops the mark that makes a file a program; where it cannot be set again, a copy gets it. */
async function executable(path: string, scratch: string): Promise<string> {
  const isExecutable = (): Promise<boolean> =>
    access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
  if (await isExecutable()) return path;
  await chmod(path, 0o755).catch(() => undefined);
  if (await isExecutable()) return path;
  const copy = join(scratch, "tritonserver");
  await copyFile(path, copy);
  await chmod(copy, 0o755);
  return copy;
}

function before(first: string, rest: string | undefined): string {
  return rest === undefined || rest === "" ? first : `${first}${delimiter}${rest}`;
}

function notFound(folder: string, why: string, cause?: unknown): StrainflowError {
  return new StrainflowError("launch-no-triton", `there is no Triton to start in ${folder}: ${why}`, {
    cause,
    details: { path: folder },
  });
}
