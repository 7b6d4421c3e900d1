import type { Server } from "node:http";
import { StrainflowError } from "@strainflow/series";

/** Opens a port. @returns the port @throws `address-in-use`; `what` names it in the error */
export function listen(server: Server, what: string, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new StrainflowError("address-in-use", `${what} cannot listen on ${host}:${port}: ${cause.message}`, {
          cause,
          details: { host, port },
        }),
      ),
    );
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
