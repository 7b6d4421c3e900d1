import {
  type Block,
  convertIndexCeil,
  endOf,
  type Flow,
  type FlowStage,
  type InferenceBlock,
  indexToNs,
  invalidOption,
  StrainflowError,
  type StreamingModel,
} from "@strainflow/series";
import { createUpdates, type SkippedStrides, type Update } from "@strainflow/steps";
import { Observable, type OperatorFunction } from "rxjs";
import { withFlow } from "./flow.ts";
import type { Recovery, SequenceSession } from "./sequence.ts";
import { createOutputs } from "./sequence-outputs.ts";
import { createSequenceSession } from "./sequence-session.ts";

export interface InferSequenceOptions {
  /** Requests under way at once. Default 8: enough to hide a network's round trip behind the model's work. */
  readonly maxInFlight?: number;
  /** Outputs to ask for. Default: all that the model has. */
  readonly outputs?: readonly string[];
  /** How long a lost server may stay away before the stream fails, in ms. Default 60 000. */
  readonly giveUpAfterMs?: number;
  /** Where updates are cut: on the absolute grid (default), or from the stream's first sample, as aframe does. */
  readonly anchor?: "grid" | "start";
  /**
   * Seconds, from the stream's first sample on, whose strides give `warm-up`. Default: as far as the model's memory
   * reaches. Less than that gives outputs of states that still hold the zeros from before the stream: all of them at 0,
   * as hermes does, and all past its PSD's length in aframe.
   */
  readonly burnIn?: number;
  /** Told when the stream is lost, once until it is made good; tries go on for `giveUpAfterMs`. */
  readonly onLoss?: (error: Error) => void;
  /** Told of every loss of the stream that was made good. */
  readonly onRecovery?: (recovery: Recovery) => void;
}

/**
 * Pushes a stream through a stateful model, one sequence per stream, and gives the outputs their place on the clock.
 *
 * In: blocks of the model's channels at the model's rate, contiguous. Strides, batches and memory come from the model.
 * Out: `Inference` blocks, one output per stride, in order and without a hole. Warm-up, edges and outputs whose
 * reach touches a gap come as gaps; a gap longer than the model's memory ends the sequence and begins a new one.
 *
 * A lost stream or server costs nothing but time: a new sequence is primed with the past updates that the model's
 * memory reaches, and the outputs equal those of an undisturbed run. Unsubscribing ends the sequence on the server.
 *
 * Errors: `shape-mismatch` (rate, channels or their order are not the model's), `missing-side-input`, `server-lost`, and whatever
 * the server answers to a refused request.
 *
 * @example
 * ```ts
 * const detector = await client.model("detector");
 * strain.pipe(inferSequence(detector, { maxInFlight: 8 }), reassemble());
 * ```
 */
export function inferSequence(
  model: StreamingModel,
  options: InferSequenceOptions = {},
): OperatorFunction<Block, InferenceBlock> {
  const maxInFlight = options.maxInFlight ?? 8;
  if (!Number.isInteger(maxInFlight) || maxInFlight < 1)
    throw invalidOption("inferSequence", "maxInFlight", maxInFlight, "a whole number ≥ 1");
  const { burnIn } = options;
  if (burnIn !== undefined && !(burnIn >= 0 && Number.isFinite(burnIn)))
    throw invalidOption("inferSequence", "burnIn", burnIn, "a number of seconds ≥ 0");
  const { streaming } = model;

  return (source) =>
    new Observable<InferenceBlock>((subscriber) => {
      const updates = createUpdates({
        sampleRate: streaming.sampleRate,
        channels: streaming.channels,
        strideSize: streaming.strideSize,
        batchSize: streaming.batchSize,
        memory: streaming.memory,
        ...(options.anchor === undefined ? {} : { anchor: options.anchor }),
        ...(burnIn === undefined ? {} : { burnIn: burnIn * streaming.sampleRate }),
      });
      let flow: Flow | undefined;
      let stage: FlowStage | undefined;
      let outputs: ReturnType<typeof createOutputs> | undefined;
      let inputEnd = 0;

      const session: SequenceSession = createSequenceSession(
        model,
        {
          maxInFlight,
          giveUpAfterMs: options.giveUpAfterMs ?? 60_000,
          ...(options.outputs === undefined ? {} : { outputs: options.outputs }),
          ...(options.onLoss === undefined ? {} : { onLoss: options.onLoss }),
          ...(options.onRecovery === undefined ? {} : { onRecovery: options.onRecovery }),
        },
        {
          done(item, tensors) {
            emit(outputs?.take(item, tensors) ?? []);
            stage?.covered(
              indexToNs(item.start + streaming.strideSize * streaming.batchSize, streaming.sampleRate),
            );
          },
          idle: (isIdle) => stage?.idle(isIdle),
          finished() {
            emit(outputs?.finish(convertIndexCeil(inputEnd, streaming.sampleRate, outputs.sampleRate)) ?? []);
            stage?.leave();
            subscriber.complete();
          },
          failed(error) {
            stage?.leave();
            subscriber.error(error);
          },
        },
      );

      function emit(blocks: readonly InferenceBlock[]): void {
        for (const block of blocks) subscriber.next(flow === undefined ? block : withFlow(block, flow));
      }

      function offer(items: readonly (Update | SkippedStrides)[], last: boolean): void {
        items.forEach((item, i) => {
          session.offer(item, last && i === items.length - 1);
        });
      }

      const subscription = source.subscribe({
        next(block) {
          try {
            if (outputs === undefined) {
              checkFits(model, block);
              outputs = createOutputs(model, block.start);
            }
            if (block.flow !== undefined && flow === undefined) {
              flow = block.flow;
              stage = flow.join();
            }
            inputEnd = endOf(block);
            offer(updates.push(block), false);
          } catch (error) {
            session.cancel();
            stage?.leave();
            subscriber.error(error);
          }
        },
        error(error: unknown) {
          session.cancel();
          stage?.leave();
          subscriber.error(error);
        },
        complete() {
          offer(updates.flush(), true);
          session.finish();
        },
      });
      return () => {
        subscription.unsubscribe();
        session.cancel();
        stage?.leave();
      };
    });
}

function checkFits(model: StreamingModel, block: Block): void {
  const { sampleRate, channels, strideSize } = model.streaming;
  const inOrder = block.channels.join("\n") === channels.join("\n");
  if (block.sampleRate === sampleRate && inOrder) return;
  const advice =
    block.sampleRate === sampleRate
      ? `give it ${channels.join(", ")}, in this order (align takes channels in the order of its ifos)`
      : `resample to ${sampleRate} Hz before inferSequence`;
  throw new StrainflowError(
    "shape-mismatch",
    `model "${model.name}" expects strides of ${strideSize} samples × ${channels.length} channels (${channels.join(", ")}) at ${sampleRate} Hz; ` +
      `the stream has ${block.channels.length} (${block.channels.join(", ")}) at ${block.sampleRate} Hz: ${advice}`,
    { details: { modelName: model.name, sampleRate: block.sampleRate, channels: block.channels } },
  );
}
