import type { Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Endpoint } from "./unary.ts";

/** An endpoint of any messages: what it takes and gives is its definition's own affair. */
export interface AnyEndpoint {
  readonly name: string;
  readonly register: (into: Registration) => void;
}

interface Registration {
  readonly service: Record<string, ServiceDefinition[string]>;
  readonly implementation: UntypedServiceImplementation;
}

export function endpoint<I, O, H extends UntypedServiceImplementation[string]>(
  given: Endpoint<I, O, H>,
): AnyEndpoint {
  const { name, definition, handler } = given;
  return {
    name,
    register: ({ service, implementation }) => {
      service[name] = definition;
      implementation[name] = handler;
    },
  };
}

/** What a service declares and nobody registers is answered with UNIMPLEMENTED by grpc-js itself. */
export function addEndpoints(server: Server, endpoints: readonly AnyEndpoint[]): void {
  const registration: Registration = { service: {}, implementation: {} };
  for (const { register } of endpoints) register(registration);
  server.addService(registration.service, registration.implementation);
}
