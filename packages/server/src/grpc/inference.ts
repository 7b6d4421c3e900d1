import { GRPCInferenceService } from "@strainflow/proto";
import type { Core } from "../core.ts";
import { Refusal } from "../refusal.ts";
import { type Endpoint, OneMessage, pathOf } from "./endpoint.ts";
import { statusOf } from "./status.ts";
import { OrderedStream, type StreamLimits } from "./stream.ts";

/** Inference: messages as they are, which the hand-written codec reads and writes. */
export function inferenceEndpoints(core: Core, limits: StreamLimits): readonly Endpoint[] {
  const { modelInfer, modelStreamInfer } = GRPCInferenceService.method;
  return [
    {
      path: pathOf(modelInfer),
      open: (call) =>
        new OneMessage(call, (message) => {
          const pending = core.infer(message, "unary", ({ outcome }) => {
            if (outcome instanceof Refusal) call.finish(statusOf(outcome));
            else if (outcome !== undefined) call.answer(outcome);
          });
          return () => pending.abandon();
        }),
    },
    { path: pathOf(modelStreamInfer), open: (call) => new OrderedStream(core, call, limits) },
  ];
}
