"""An ensemble with a stream and a plain input beside it: address, model."""

import json
import sys
import time

import numpy as np
from hermes.aeriel.client import InferenceClient

address, model = sys.argv[1:]
client = InferenceClient(address, model, batch_size=4)
answers = []
with client:
    for i in range(3):
        # The stream goes by the name of the network's input that it feeds, the other input by its own.
        x = {
            "shifted/kernel": np.full((1, 2, 32), i, dtype=np.float32),
            "shift": np.arange(4, dtype=np.float32).reshape(4, 1, 1),
        }
        client.infer(x, request_id=i, sequence_id=1003, sequence_start=i == 0, sequence_end=i == 2)
    while len(answers) < 3:
        answers += [y[:, 0].tolist() for y, _, _ in client.get(until_empty=True)]
        time.sleep(0.001)
print(json.dumps(answers))
