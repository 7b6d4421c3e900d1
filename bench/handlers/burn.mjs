// 2 ms of CPU for each message: counted by the thread's own work, not by the clock, which goes on while others run.
export const processRequest = (messages) => messages;

const target = 2;
const work = (rounds) => {
  let x = 1;
  for (let i = 0; i < rounds; i++) x = (x * 1664525 + 1013904223) >>> 0;
  return x;
};

/** Rounds that take 2 ms where nobody disturbs: of many tries the quickest. */
function calibrate() {
  const rounds = 200_000;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 200; i++) {
    const from = performance.now();
    work(rounds);
    best = Math.min(best, performance.now() - from);
  }
  return Math.round((rounds * target) / best);
}

const rounds = calibrate();

export const runInference = (batch) => batch.map(() => work(rounds));
export const processResponse = (item) => item;
