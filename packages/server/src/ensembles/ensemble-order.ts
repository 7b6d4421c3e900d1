import type { ModelFolder } from "../models/model-folder.ts";

/** Names of the models that an ensemble runs; none for other models. */
export function stepNames({ config }: ModelFolder): readonly string[] {
  const scheduling = config.schedulingChoice;
  if (scheduling.case !== "ensembleScheduling") return [];
  return [...new Set(scheduling.value.step.map(({ modelName }) => modelName))];
}

/** The ensembles that stand on any of these, directly or through others. */
export function dependentsOf(names: ReadonlySet<string>, folders: readonly ModelFolder[]): readonly string[] {
  const found = new Set<string>();
  for (let grew = true; grew; ) {
    grew = false;
    for (const folder of folders) {
      if (found.has(folder.name) || names.has(folder.name)) continue;
      if (!stepNames(folder).some((step) => names.has(step) || found.has(step))) continue;
      found.add(folder.name);
      grew = true;
    }
  }
  return [...found];
}

/** Inner ensembles before outer ones; those that contain themselves apart, each with the way around. */
export function ensembleOrder(folders: readonly ModelFolder[]): {
  readonly ordered: readonly ModelFolder[];
  readonly circular: ReadonlyMap<string, readonly string[]>;
} {
  const byName = new Map(folders.map((folder) => [folder.name, folder]));
  const ordered: ModelFolder[] = [];
  const circular = new Map<string, readonly string[]>();
  const visit = (folder: ModelFolder, above: readonly string[]): void => {
    if (ordered.includes(folder)) return;
    const path = [...above, folder.name];
    if (above.includes(folder.name)) {
      for (const name of above.slice(above.indexOf(folder.name))) circular.set(name, path);
      return;
    }
    for (const step of stepNames(folder)) {
      const inner = byName.get(step);
      if (inner !== undefined) visit(inner, path);
    }
    if (!circular.has(folder.name)) ordered.push(folder);
  };
  for (const folder of folders) visit(folder, []);
  return { ordered, circular };
}
