import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A server of pages, as a test wants them. */
export interface PageServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly port: number;
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  readonly asked: readonly {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage["headers"];
    readonly body: string;
  }[];
}

/** @param port default: any free one */
export async function servePages(answer: PageServer["answer"], port = 0): Promise<PageServer> {
  const asked: PageServer["asked"][number][] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      asked.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      pages.answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const pages: PageServer = {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    answer,
    asked,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
  return pages;
}

/** What a server counts of a model. */
export interface Counted {
  readonly requests: number;
  readonly batch?: number;
  readonly us?: number;
}

/** A page of Triton's metrics for models that were asked so often, each request `us` µs long in all of its parts together. */
export function metricsPage(models: Readonly<Record<string, Counted>>): string {
  const lines = Object.entries(models).flatMap(([model, { requests, batch = 1, us = 1000 }]) => {
    const labels = `{model="${model}",version="1"}`;
    return [
      `nv_inference_request_success${labels} ${requests}`,
      `nv_inference_request_failure{model="${model}",reason="OTHER",version="1"} 0`,
      `nv_inference_count${labels} ${requests * batch}`,
      `nv_inference_exec_count${labels} ${requests}`,
      `nv_inference_request_duration_us${labels} ${requests * us}`,
      `nv_inference_queue_duration_us${labels} ${requests * us * 0.1}`,
      `nv_inference_compute_input_duration_us${labels} ${requests * us * 0.2}`,
      `nv_inference_compute_infer_duration_us${labels} ${requests * us * 0.5}`,
      `nv_inference_compute_output_duration_us${labels} ${requests * us * 0.2}`,
    ];
  });
  return `# TYPE nv_inference_count counter\n${lines.join("\n")}\n`;
}
