import {
  type Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from "node:http";
import { refuse } from "../http/refuse.ts";
import { Refusal } from "../refusal.ts";

/** What is between two ends of a connection, and not a request's or an answer's own. */
const HOP = ["connection", "keep-alive", "transfer-encoding", "expect", "upgrade", "te", "trailer"];

/** Has a server on a local socket answer a request whose body, unpacked, is `body`. */
export function forwardHttp(
  { socketPath, agent }: { readonly socketPath: string; readonly agent: Agent },
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): void {
  const headers = { ...withoutHop(request.headers), "content-length": String(body.byteLength) };
  delete headers["content-encoding"];
  const { method, url } = request;
  const options = {
    socketPath,
    agent,
    headers,
    ...(method === undefined ? {} : { method }),
    path: url ?? "/",
  };
  const sent = send(options, (answer) => {
    if (response.destroyed) {
      answer.destroy();
      return;
    }
    response.writeHead(answer.statusCode ?? 500, withoutHop(answer.headers));
    answer.on("error", () => response.destroy());
    answer.pipe(response);
  });
  sent.on("error", (cause) =>
    refuse(
      response,
      new Refusal(
        "UNAVAILABLE",
        "the process that had the state of this sequence ended; start the sequence again",
        { cause },
      ),
    ),
  );
  response.on("close", () => {
    if (!response.writableFinished) sent.destroy();
  });
  sent.end(body);
}

function withoutHop(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP.includes(name)));
}
