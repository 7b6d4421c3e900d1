"""What a refused request looks like: address, model."""

import json
import sys
import time

import numpy as np
from hermes.aeriel.client import InferenceClient

address, model = sys.argv[1:]
client = InferenceClient(address, model)
with client:
    # No START.
    client.infer(np.zeros((1, 2, 32), np.float32), request_id=7, sequence_id=1004)
    try:
        while client.get() is None:
            time.sleep(0.001)
    except RuntimeError as error:
        print(json.dumps(str(error).split("] ")[-1]))
