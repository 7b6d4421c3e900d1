export { exitCodes } from "./exit-code.ts";
export { defineSettings, type FileSettings } from "./settings-file.ts";
