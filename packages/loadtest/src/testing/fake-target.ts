import type { Outcome, Shot, Target } from "../target.ts";

/** A target that answers each request when `answer` resolves. */
export function fakeTarget(
  answer: (shot: Shot, sent: number) => Promise<void>,
): Target & { readonly shots: Shot[] } {
  const shots: Shot[] = [];
  return {
    shots,
    async send(shot): Promise<Outcome> {
      shots.push(shot);
      try {
        await answer(shot, shots.length - 1);
        return { answeredAt: performance.now(), responses: 1 };
      } catch (error) {
        return {
          answeredAt: performance.now(),
          responses: 0,
          error: error instanceof Error ? error : new Error(String(error)),
        };
      }
    },
    close: () => undefined,
  };
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
