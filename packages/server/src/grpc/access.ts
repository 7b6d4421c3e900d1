import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { GRPCInferenceService, Health } from "@strainflow/proto";
import type { Access, AccessRole } from "../access.ts";
import { pathOf } from "./unary.ts";

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

/** Ends calls that lack a token of the role that they need. */
export function accessInterceptor(access: Access): ServerInterceptor {
  return (definition, call) => {
    if (FREE.has(definition.path)) return new ServerInterceptingCall(call);
    const needed: AccessRole = ADMIN.has(definition.path) ? "admin" : "read";
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            const [given] = metadata.get("authorization");
            const verdict = access.judge(given?.toString(), needed);
            if (verdict === "granted") pass(metadata);
            else if (verdict === "denied")
              call.sendStatus({
                code: status.PERMISSION_DENIED,
                details: "this token's role does not allow it",
              });
            else call.sendStatus({ code: status.UNAUTHENTICATED, details: "a bearer token is needed" });
          },
        }),
    });
  };
}
