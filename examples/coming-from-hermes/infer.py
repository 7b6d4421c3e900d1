"""Single requests to a model without state: address, model."""

import json
import sys
import time

import numpy as np
from hermes.aeriel.client import InferenceClient

address, model = sys.argv[1:]
client = InferenceClient(address, model, batch_size=4)
answers = {}
with client:
    for i in range(5):
        client.infer(np.full((4, 2, 16), i, dtype=np.float32), request_id=i)
        # One request at a time: the client has a single set of inputs, which the next request writes over.
        while i not in answers:
            response = client.get()
            if response is None:
                time.sleep(0.001)
            else:
                y, request_id, _ = response
                answers[request_id] = y[:, 0, 0].tolist()
print(json.dumps([answers[i] for i in range(5)]))
