export type { ClientStream, StreamFailure, StreamListener } from "./client/client-stream.ts";
export {
  connectHttp2,
  type Http2Client,
  type Http2ClientOptions,
  type TlsOptions,
} from "./client/connect.ts";
export { Pieces } from "./flow/pieces.ts";
export type { Header } from "./headers.ts";
export { ERROR_CODES, type ErrorCode } from "./protocol.ts";
export { encodeFields } from "./server/encode-fields.ts";
export { type Http2Server, type Http2ServerOptions, type ServerTls, serveHttp2 } from "./server/listen.ts";
export type { Http2Request } from "./server/request.ts";
export type { RequestListener, ServerStream } from "./server/server-stream.ts";
