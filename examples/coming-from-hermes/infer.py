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
    while len(answers) < 5:
        for y, request_id, _ in client.get(until_empty=True):
            answers[request_id] = y[:, 0, 0].tolist()
        time.sleep(0.001)
print(json.dumps([answers[i] for i in range(5)]))
