"""A stream through a stateful ensemble, with a callback, and how long it took: address, model."""

import json
import sys
import time

import numpy as np
from hermes.aeriel.client import InferenceClient

address, model = sys.argv[1:]
UPDATES = 12
SEQUENCE = 1001


def callback(y, request_id, sequence_id):
    return request_id, sequence_id, y[:, :, -1].tolist()


client = InferenceClient(address, model, callback=callback, profile=True)
answers = []
with client:
    for i in range(UPDATES):
        update = np.arange(2 * 32, dtype=np.float32).reshape(1, 2, 32) + i
        client.infer(
            update,
            request_id=i,
            sequence_id=SEQUENCE,
            sequence_start=i == 0,
            sequence_end=i == UPDATES - 1,
        )
    while len(answers) < UPDATES:
        answers += client.get(until_empty=True)
        time.sleep(0.001)
print(json.dumps({"answers": answers, "timed": len(client.clock.latencies[SEQUENCE])}))
