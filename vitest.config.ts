import { defineConfig } from "vitest/config";

export default defineConfig({
  // Packages are tested from their sources; only worker threads and child processes run from `dist`.
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Servers, brokers and proxies that are not ours have races of their own: what meets one may try again, and
    // `npm test` lists what did. A counterexample to a property is a finding, whether or not it comes twice.
    retry: { count: 1, condition: /^(?!Property failed)/ },
  },
});
