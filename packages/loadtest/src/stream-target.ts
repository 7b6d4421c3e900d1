import { StrainflowError } from "@strainflow/series";
import type { InferResult, ServedModel, TritonCall, TritonRequest } from "@strainflow/triton";
import type { Tensors } from "./compare-tensors.ts";
import { failed } from "./model-target.ts";
import type { Outcome, Shot } from "./target.ts";

interface Due {
  readonly shot: Shot;
  readonly resolve: (outcome: Outcome) => void;
  readonly expires: number;
  responses: number;
  wrong: string | undefined;
}

export interface StreamTarget {
  send(request: TritonRequest, shot: Shot): Promise<Outcome>;
  close(): void;
}

/** Requests on one stream, opened when it is needed and again when it was lost. */
export function createStream(
  model: ServedModel,
  check: (outputs: Tensors, shot: Shot) => string | undefined,
  timeoutMs: number,
): StreamTarget {
  const due = new Map<string, Due>();
  let call: TritonCall | undefined;
  const waiting: TritonRequest[] = [];
  let writable = true;

  function open(): TritonCall {
    writable = true;
    const opened = model.open({
      response: answered,
      drain() {
        writable = true;
        for (let next = waiting.shift(); next !== undefined; next = writable ? waiting.shift() : undefined)
          write(opened, next);
      },
      lost(error) {
        if (call === opened) call = undefined;
        loseAll(error);
      },
      closed() {
        if (call === opened) call = undefined;
        loseAll(new StrainflowError("stream-lost", `the server closed the stream to model "${model.name}"`));
      },
    });
    return opened;
  }

  function write(stream: TritonCall, request: TritonRequest): void {
    try {
      writable = stream.send(request);
    } catch (error) {
      settle(request.id, failed(error));
    }
  }

  function answered(result: InferResult): void {
    const answeredAt = performance.now();
    const mine = due.get(result.id);
    if (mine === undefined) return;
    const { error, outputs, final } = result;
    if (error !== undefined) return settle(result.id, failed(error, answeredAt));
    // A decoupled model's last word may be empty.
    if (!final || Object.keys(outputs).length > 0) {
      mine.responses++;
      mine.wrong ??= model.decoupled && mine.responses > 1 ? undefined : check(outputs, mine.shot);
    }
    if (!final) return;
    const { responses, wrong } = mine;
    settle(result.id, { answeredAt, responses, ...(wrong === undefined ? {} : { wrong }) });
  }

  function settle(id: string, outcome: Outcome): void {
    const mine = due.get(id);
    due.delete(id);
    mine?.resolve(outcome);
  }

  function loseAll(error: Error): void {
    waiting.length = 0;
    for (const id of [...due.keys()]) settle(id, failed(error));
  }

  /** Those at the front are the oldest. */
  const reaper = setInterval(() => {
    const now = performance.now();
    for (const [id, { expires }] of due) {
      if (expires > now) break;
      settle(id, failed(new Error(`deadline-exceeded: no response within ${timeoutMs} ms`)));
    }
  }, 100);
  reaper.unref();

  return {
    send: (request, shot) =>
      new Promise((resolve) => {
        due.set(request.id, {
          shot,
          resolve,
          expires: performance.now() + timeoutMs,
          responses: 0,
          wrong: undefined,
        });
        call ??= open();
        if (writable && waiting.length === 0) write(call, request);
        else waiting.push(request);
      }),
    close() {
      clearInterval(reaper);
      call?.cancel();
      call = undefined;
      loseAll(new Error("the load test is over"));
    },
  };
}
