import { GRPCInferenceService, Health } from "@strainflow/proto";
import type { Access, AccessRole } from "../access.ts";
import { pathOf } from "./endpoint.ts";
import type { CallStatus } from "./status.ts";

const { method } = GRPCInferenceService;

const ADMIN: ReadonlySet<string> = new Set(
  [
    method.repositoryModelLoad,
    method.repositoryModelUnload,
    method.systemSharedMemoryRegister,
    method.systemSharedMemoryUnregister,
    method.cudaSharedMemoryRegister,
    method.cudaSharedMemoryUnregister,
    method.traceSetting,
    method.logSettings,
  ].map(pathOf),
);

/** Orchestrators ask with no token whether the server is there, and learn nothing else. */
const FREE: ReadonlySet<string> = new Set(
  [...Object.values(Health.method), method.serverLive, method.serverReady].map(pathOf),
);

/** Why a call may not be made by one who brings this `authorization`; `undefined` where it may. */
export function refusalOf(
  access: Access,
  path: string,
  authorization: string | undefined,
): CallStatus | undefined {
  if (access.open || FREE.has(path)) return undefined;
  const needed: AccessRole = ADMIN.has(path) ? "admin" : "read";
  const verdict = access.judge(authorization, needed);
  if (verdict === "granted") return undefined;
  return verdict === "denied"
    ? { code: "PERMISSION_DENIED", details: "this token's role does not allow it" }
    : { code: "UNAUTHENTICATED", details: "a bearer token is needed" };
}
