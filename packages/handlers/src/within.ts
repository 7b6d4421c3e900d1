/** Thrown where something took longer than it may. */
export class OutOfTime extends Error {
  override readonly name = "OutOfTime";
}

/** The value, or {@link OutOfTime} after `limitMs`; what is waited for is not stopped by it, as nothing in JavaScript is. */
export function within<T>(value: T | PromiseLike<T>, limitMs: number, what: string): T | Promise<T> {
  if (!isThenable(value)) return value;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new OutOfTime(`${what} did not end within ${limitMs} ms`)),
      limitMs,
    );
    value.then(
      (result) => {
        clearTimeout(timer);
        resolve(result);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof (value as { readonly then: unknown }).then === "function"
  );
}
