/**
 * The public API: Connect, gRPC and gRPC-Web services over the same use cases as the S3 gateway, on one port.
 *
 * `server.ts` puts it together; `listener.ts` is the only file with sockets in it. Every service method goes through `guard.ts`: authenticate the bearer key, ask the gate
 * about the method's row in `operations.ts`, run, translate the error by the one complete table in `errors.ts`, report. A method gets its
 * principal from the guard, so that there is no way around it.
 */
export { RPC_OPERATIONS } from "./operations.ts";
export type {
  RpcAuthentication,
  RpcAuthenticator,
  RpcEvent,
  RpcGate,
  RpcHooks,
} from "./ports.ts";
export { type RpcServer, type RpcServerOptions, startRpcServer } from "./server.ts";
