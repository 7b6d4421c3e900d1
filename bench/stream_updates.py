"""tritonclient's side of updates.mjs: one sequence, a fixed number of updates under way, wall clock and CPU."""

import json
import sys
import threading
import time

import numpy as np
import tritonclient.grpc as triton

options = json.loads(sys.argv[1])
client = triton.InferenceServerClient(options["address"])
shape = [1, options["channels"], options["updateSize"]]


def stream(sequence_id, count):
    credits = threading.Semaphore(options["inFlight"])
    answered = threading.Semaphore(0)
    failures = []

    def on_response(result, error):
        if error is not None:
            failures.append(error)
        credits.release()
        answered.release()

    data = np.full(shape, 0.5, dtype=np.float32)
    client.start_stream(on_response)
    for sent in range(count):
        credits.acquire()
        data[0, 0, 0] = sent
        update = triton.InferInput("stream", shape, "FP32")
        update.set_data_from_numpy(data)
        client.async_stream_infer(
            options["model"],
            [update],
            request_id=str(sent),
            sequence_id=sequence_id,
            sequence_start=sent == 0,
            sequence_end=sent == count - 1,
        )
    for _ in range(count):
        answered.acquire()
    client.stop_stream()
    if failures:
        raise failures[0]


stream(3, -(-options["count"] // 4))
cpu = time.process_time()
begin = time.perf_counter()
stream(4, options["count"])
seconds = time.perf_counter() - begin
cpu = time.process_time() - cpu
print(json.dumps({"updatesPerSecond": options["count"] / seconds, "cpuMicroseconds": cpu / options["count"] * 1e6}))
