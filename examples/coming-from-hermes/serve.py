"""A server in a container while the block runs: repository, image, log file."""

import json
import sys

from hermes.aeriel.serve import serve
from tritonclient.grpc import InferenceServerClient

repository, image, log = sys.argv[1:]
ours_alone = [f"--{service}-address=127.0.0.1" for service in ("grpc", "http", "metrics")]
with serve(repository, image, server_args=ours_alone, log_file=log, free_ports=True, wait=True) as instance:
    client = InferenceServerClient(f"localhost:{instance.grpc_port}")
    said = [client.is_server_live(), client.is_model_ready("doubled")]
print(json.dumps(said))
