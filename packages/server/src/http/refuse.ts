import type { ServerResponse } from "node:http";
import { asRefusal, type StatusCode } from "../refusal.ts";

const HTTP_STATUS: Readonly<Record<StatusCode, number>> = {
  INVALID_ARGUMENT: 400,
  CANCELLED: 400,
  RESOURCE_EXHAUSTED: 400,
  ALREADY_EXISTS: 400,
  NOT_FOUND: 404,
  INTERNAL: 500,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
};

/** Answers with what was thrown. */
export function refuse(response: ServerResponse, error: unknown): void {
  const { code, message } = asRefusal(error);
  sendJson(response, HTTP_STATUS[code], JSON.stringify({ error: message }));
}

export function sendJson(response: ServerResponse, code: number, body: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(code, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}
