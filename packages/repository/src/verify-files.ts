import type { ModelConfig } from "@strainflow/proto";
import { platforms } from "./platforms.ts";
import type { CheckedModel, Report } from "./verify.ts";

/** Numbers of the version folders that the version policy lets through, ascending. */
export function servedVersions(config: ModelConfig, files: readonly string[]): readonly number[] {
  const folders = new Set(files.map((path) => /^([1-9][0-9]*)\//.exec(path)?.[1]));
  const there = [...folders]
    .flatMap((name) => (name === undefined ? [] : [Number(name)]))
    .sort((a, b) => a - b);
  const policy = config.versionPolicy?.policyChoice;
  if (policy?.case === "all") return there;
  if (policy?.case === "specific")
    return there.filter((version) => policy.value.versions.includes(BigInt(version)));
  const count = policy?.case === "latest" ? policy.value.numVersions : 1;
  return count === 0 ? [] : there.slice(-count);
}

/** Name, backend, versions, and the files that they load. */
export function verifyFiles({ name, config, platform, files }: CheckedModel, report: Report): void {
  if (config.name !== "" && config.name !== name)
    report(
      "error",
      "name",
      `is ${JSON.stringify(config.name)}, and the folder is ${JSON.stringify(name)}`,
      "name the model as its folder, or leave the name out",
    );
  verifyBackend(config, platform !== undefined, report);
  const served = servedVersions(config, files);
  const policy = config.versionPolicy?.policyChoice;
  if (served.length === 0)
    report(
      "error",
      "version_policy",
      "there is no version to serve: no folder with a number, or none that the version policy lets through",
      "add a version folder (1/; an ensemble's is empty), or change the policy",
    );
  if (policy?.case === "specific")
    for (const version of policy.value.versions)
      if (served.length > 0 && !served.includes(Number(version)))
        report(
          "warning",
          "version_policy",
          `version ${version} is not there`,
          "add it, or take it out of the policy",
        );
  const { file, isFolder = false } = platform === undefined ? {} : platforms[platform];
  const wanted = config.defaultModelFilename || file;
  if (wanted !== undefined)
    for (const version of served)
      for (const one of new Set([wanted, ...Object.values(config.ccModelFilenames)]))
        if (
          !files.some((path) =>
            isFolder ? path.startsWith(`${version}/${one}/`) : path === `${version}/${one}`,
          )
        )
          report(
            "error",
            `${version}/${one}`,
            "is missing",
            "put it there, or name the file that is there in default_model_filename",
          );
  verifyDataFiles(config, new Set(files), report);
}

function verifyBackend(config: ModelConfig, known: boolean, report: Report): void {
  if (config.platform === "" && config.backend === "" && config.defaultModelFilename === "")
    report(
      "warning",
      "backend",
      "neither platform nor backend is named: the server guesses by the files of a version",
      'name it: platform: "onnxruntime_onnx", or backend: "python"',
    );
  else if (config.platform !== "" && !known)
    report(
      "error",
      "platform",
      `${JSON.stringify(config.platform)} is no platform of Triton's`,
      `use one of ${Object.keys(platforms)
        .filter((name) => !["python", "dali", "openvino"].includes(name))
        .join(", ")}; python, dali and openvino go into backend`,
    );
}

function verifyDataFiles(config: ModelConfig, files: ReadonlySet<string>, report: Report): void {
  const need = (where: string, path: string): void => {
    if (!files.has(path)) report("error", where, `names the file ${path}, which is missing`, "put it there");
  };
  for (const output of config.output)
    if (output.labelFilename !== "") need(`output ${output.name}.label_filename`, output.labelFilename);
  if (config.schedulingChoice.case === "sequenceBatching")
    for (const [i, state] of config.schedulingChoice.value.state.entries())
      for (const { stateData } of state.initialState)
        if (stateData.case === "dataFile")
          need(`sequence_batching.state[${i}].initial_state.data_file`, `initial_state/${stateData.value}`);
  for (const [i, { inputs }] of config.modelWarmup.entries())
    for (const [name, { inputDataType }] of Object.entries(inputs))
      if (inputDataType.case === "inputDataFile")
        need(`model_warmup[${i}].inputs.${name}.input_data_file`, `warmup/${inputDataType.value}`);
}
