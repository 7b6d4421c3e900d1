export { defineSettings, type FileSettings } from "./settings-file.ts";
