import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { launch } from "@strainflow/launch";
import { openStore } from "@strainflow/stores";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keys, type StoreServer, type Stores, startStores, withoutStores } from "./support/store-servers.ts";

/** What built a plan, as `strainflow model convert` writes it. */
const plan = (name: string, tensorrt: string): string => `name: "${name}"
platform: "tensorrt_plan"
parameters { key: "strainflow.tensorrt_version" value: { string_value: "${tensorrt}" } }
parameters { key: "strainflow.compute_capability" value: { string_value: "9.0" } }
`;

/** Says its TensorRT as NVIDIA's images do, and ends where it is to serve. */
const ENGINE = `
for last; do true; done
if [ "$last" = TRT_VERSION ]; then echo 10.5.0.18; exit; fi
echo "E not a server"; exit 3
`;

describe.skipIf(withoutStores)(
  "TensorRT plans in a store (needs versitygw and fake-gcs-server, which Go builds)",
  () => {
    let stores: Stores;
    let s3: StoreServer;
    let gcs: StoreServer;
    let folder = "";
    const program = (name: string, script: string): string => {
      const path = join(folder, name);
      writeFileSync(path, `#!/bin/sh\n${script}`);
      chmodSync(path, 0o755);
      return path;
    };
    beforeAll(async () => {
      stores = await startStores();
      ({ s3, gcs, folder } = stores);
      program("nvidia-smi", "echo '0, GPU-1a2b-3c, 9.0'\n");
      process.env["PATH"] = `${folder}${delimiter}${process.env["PATH"]}`;
    });
    afterAll(() => stores?.[Symbol.asyncDispose]());

    /** How a launch of what lies there ends, and what was warned of. */
    async function launched(repository: string, serverArgs: readonly string[] = []) {
      const warned: string[] = [];
      const error = await launch({
        runtime: "docker",
        image: "tritonserver:24.10",
        engine: program("engine", ENGINE),
        repository,
        serverArgs,
        gpus: [0],
        onEvent: (event) => {
          if (event.kind === "warning") warned.push(event.message);
        },
      }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return { error, warned };
    }

    test.each(["s3", "gs"] as const)("are held against the server before it starts: %s", async (kind) => {
      const url = `${kind}://${(kind === "s3" ? s3 : gcs).endpoint}/models/deep/down`;
      {
        await using store = await openStore(url);
        await store.put("net", { "config.pbtxt": plan("net", "10.7.0"), "1/model.plan": "plan" });
        await store.put("fits", { "config.pbtxt": plan("fits", "10.5.0"), "1/model.plan": "plan" });
        await store.put("other", { "config.pbtxt": 'name: "other" backend: "python"', "1/model.py": "" });
      }
      const all = await launched(url);
      expect(all.error).toMatchObject({
        tag: "plan-mismatch",
        message: expect.stringMatching(
          /^net: TensorRT 10\.7\.0 built it, and TensorRT 10\.5\.0 is to run it/,
        ),
      });
      // A server that does not load it has nothing against it.
      const explicit = ["--model-control-mode=explicit", "--load-model=fits"];
      const some = await launched(url, explicit);
      expect(some.error).toMatchObject({ tag: "launch-failed" });
      expect(some.warned).toEqual([]);
    });

    test("are the server's to meet where we may not look, which is said", async () => {
      process.env["AWS_SECRET_ACCESS_KEY"] = "wrong";
      try {
        const { error, warned } = await launched(`s3://${s3.endpoint}/models/deep/down`);
        expect(error).toMatchObject({ tag: "launch-failed" });
        expect(warned).toEqual([expect.stringMatching(/^TensorRT plans in s3:.* are not looked at before/)]);
        expect(warned.join()).not.toContain(keys.secretAccessKey);
      } finally {
        process.env["AWS_SECRET_ACCESS_KEY"] = keys.secretAccessKey;
      }
    });
  },
);
