"""A model that is in the repository, and not loaded yet: address, model."""

import json
import sys

from hermes.aeriel.client import InferenceClient

address, model = sys.argv[1:]
try:
    client = InferenceClient(address, model)
except Exception as error:
    # hermes would load it, but asks for the model's configuration first, which a model that is not loaded has not.
    print(json.dumps(type(error).__name__))
    from tritonclient.grpc import InferenceServerClient

    InferenceServerClient(address).load_model(model)
    client = InferenceClient(address, model)
print(json.dumps([client.model_version, [tensor.name() for tensor in client.inputs]]))
