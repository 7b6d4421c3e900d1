/*
 * Generated from `proto/` (`pnpm run generate`), and nothing else. Whole modules are exported: what a schema file
 * declares is public by being on the wire, and no two of them share a name.
 */
export * from "./gen/grpc_service_pb.ts";
export * from "./gen/health_pb.ts";
export * from "./gen/model_config_pb.ts";
export * from "./gen/onnx_pb.ts";
export * from "./gen/reflection_pb.ts";
