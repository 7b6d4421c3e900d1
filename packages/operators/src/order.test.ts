import type { Block, InferenceBlock } from "@strainflow/series";
import type { OperatorFunction } from "rxjs";
import { describe, expectTypeOf, it } from "vitest";
import type { cluster } from "./cluster.ts";
import type { integrate } from "./integrate.ts";
import type { overWhiten } from "./over-whiten.ts";
import type { reassemble } from "./reassemble.ts";
import type { whiten } from "./whiten.ts";

type Input<F> = F extends (...args: never[]) => OperatorFunction<infer I, infer _O> ? I : never;
type Output<F> = F extends (...args: never[]) => OperatorFunction<infer _I, infer O> ? O : never;

describe("the types of operators", () => {
  it("let one follow another where that makes sense", () => {
    expectTypeOf<InferenceBlock>().toExtend<Input<typeof reassemble>>();
    expectTypeOf<Output<typeof reassemble>>().toExtend<Input<typeof integrate>>();
    expectTypeOf<Output<typeof integrate>>().toExtend<Input<typeof cluster>>();
  });

  it("do not let a wrong order compile", () => {
    expectTypeOf<Output<typeof whiten>>().not.toExtend<Input<typeof overWhiten>>();
    expectTypeOf<Block<"strain">>().not.toExtend<Input<typeof cluster>>();
    expectTypeOf<Output<typeof whiten>>().not.toExtend<Input<typeof integrate>>();
    expectTypeOf<Block<"whitened">>().not.toExtend<Input<typeof reassemble>>();
  });
});
