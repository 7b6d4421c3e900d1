"""Latency of an ensemble's steps into a file, until a line comes in: model, host, gRPC port, metrics port, file."""

import sys

from hermes.aeriel.monitor import ServerMonitor

if __name__ == "__main__":
    model, host, grpc_port, metrics_port, file = sys.argv[1:]
    monitor = ServerMonitor(
        model,
        host,
        file,
        name="monitor",
        max_request_rate=20,
        grpc_port=int(grpc_port),
        metrics_port=int(metrics_port),
    )
    with monitor:
        print("ready", flush=True)
        sys.stdin.readline()
