import { type StepState, StrainflowError } from "@strainflow/series";

/**
 * Takes a saved state apart from whoever holds it, after checking that it was saved by the same kind of step.
 *
 * @throws `wrong-state` if it was saved by another step
 */
export function takeState<S extends { readonly step: string }>(step: S["step"], state: StepState): S {
  if (!isTagged(state) || state.step !== step)
    throw new StrainflowError(
      "wrong-state",
      `${step}: the state to restore was ${isTagged(state) ? `saved by ${String(state.step)}` : "not saved by a step"}; ` +
        `give what save() of a ${step} step with the same options returned`,
      { details: { step } },
    );
  // The tag is the contract: what `save` wrote under it is an S, and a clone of it is nobody else's.
  return structuredClone(state) as unknown as S;
}

function isTagged(state: unknown): state is { readonly step: unknown } {
  return typeof state === "object" && state !== null && "step" in state;
}
