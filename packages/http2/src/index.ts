export type { ClientStream, StreamFailure, StreamListener } from "./client/client-stream.ts";
export {
  connectHttp2,
  type Http2Client,
  type Http2ClientOptions,
  type TlsOptions,
} from "./client/connect.ts";
export type { Header } from "./headers.ts";
export { ERROR_CODES, type ErrorCode } from "./protocol.ts";
