import { readSettings } from "./settings-file.ts";

export interface ImageFolderFlags {
  readonly imageFolder?: string;
  readonly config?: string;
}

/** Where images lie that are named without a path: the flag's, else the settings'; the environment's is the launcher's to read. */
export async function imageFolderOf({ imageFolder, config }: ImageFolderFlags): Promise<string | undefined> {
  return imageFolder ?? (await readSettings(config)).settings.imageFolder;
}
