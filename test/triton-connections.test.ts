import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectOptions, connect, type TransportName } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthority, hasOpenssl } from "../packages/triton/src/testing/authority.ts";
import { plain } from "./support/every-datatype.ts";
import { writeProtocolModels } from "./support/protocol-models.ts";
import { describeTriton } from "./support/real-triton.ts";
import { startTlsTriton, type TlsTriton } from "./support/tls-triton.ts";

const TRANSPORTS: readonly TransportName[] = ["frames", "grpc-js"];

/** Longer than the age of a connection, twice. */
const BUSY_MS = 2500;

describeTriton(
  "a real Triton that speaks TLS, wants to know who calls, and ends each connection after a second",
  () => {
    describe.skipIf(!hasOpenssl && process.env["STRAINFLOW_REQUIRE"] !== "all")(
      "(certificates by openssl)",
      () => {
        const authority = hasOpenssl ? createAuthority() : undefined;
        const ours = authority?.issue("client");
        const bytes = (text = ""): Uint8Array => Buffer.from(text);
        const rootCertificates = bytes(authority?.cert);
        const identity = {
          rootCertificates,
          clientCertificate: bytes(ours?.cert),
          clientKey: bytes(ours?.key),
        };
        let folder = "";
        let server: TlsTriton;
        beforeAll(async () => {
          folder = await mkdtemp(join(tmpdir(), "strainflow-connections-"));
          await writeProtocolModels(folder);
          const args = ["--grpc-max-connection-age=1000", "--grpc-max-connection-age-grace=30000"];
          server = await startTlsTriton(folder, authority!, args);
        }, 90_000);
        afterAll(async () => {
          await server?.close();
          await rm(folder, { recursive: true, force: true });
        });

        it.each(
          TRANSPORTS.flatMap((transport) =>
            ([{}, { compression: "gzip" }] as const).map((more): ConnectOptions => ({ transport, ...more })),
          ),
        )("answers calls and a stream over %j", async (options) => {
          await using client = await connect(server.address, { ...options, ...identity });
          const echo = await client.servedModel("echo");
          // Larger than a frame, and than a record of TLS.
          const data = Float32Array.from({ length: 300_000 }, (_, i) => i);
          const { outputs } = await echo.infer({ inputs: { in_FP32: data } });
          expect(outputs.out_FP32?.data).toEqual(data);
          const session = (await client.servedModel("sum")).openSession();
          const sums = await Promise.all([1, 2, 3].map((x) => session.infer({ x: Float64Array.of(x) })));
          expect(sums.map((each) => plain(each.outputs.sum!)[0])).toEqual([1, 3, 6]);
          await session.close();
        });

        it.each(TRANSPORTS)("turns away who shows no certificate, over %s", async (transport) => {
          await expect(
            connect(server.address, { transport, rootCertificates, waitMs: 1000 }),
          ).rejects.toMatchObject({ tag: "server-unavailable" });
        });

        it.each(TRANSPORTS)(
          "answers every call and every stream while connections come and go, over %s",
          async (transport) => {
            await using client = await connect(server.address, { transport, ...identity });
            const [echo, sum] = [await client.servedModel("echo"), await client.servedModel("sum")];
            const until = performance.now() + BUSY_MS;
            let [made, opened] = [0, 0];
            const calls = async (): Promise<void> => {
              for (; performance.now() < until; made++) {
                const { outputs } = await echo.infer({ inputs: { in_INT32: Int32Array.of(made) } });
                expect(outputs.out_INT32?.shape).toEqual([1]);
              }
            };
            const streams = async (): Promise<void> => {
              for (; performance.now() < until; opened++) {
                await using session = sum.openSession();
                const sums = await Promise.all([1, 2].map((x) => session.infer({ x: Float64Array.of(x) })));
                expect(sums.map((each) => plain(each.outputs.sum!)[0])).toEqual([1, 3]);
              }
            };
            await Promise.all([calls(), calls(), streams()]);
            expect(Math.min(made, opened)).toBeGreaterThan(0);
          },
        );
      },
    );
  },
);
