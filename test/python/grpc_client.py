"""tritonclient.grpc: calls that wait, calls with callbacks, streams."""

import os
import queue
import threading

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.utils.shared_memory as shm
from cases import EVERY_TYPE, LIMIT, addresses, case, equal, one, refused, run, tensor, two_integers, until
from tritonclient.utils import InferenceServerException


class Callback:
    """Answers in the order in which they come, errors among them."""

    def __init__(self):
        self.came = queue.Queue()

    def __call__(self, result, error):
        self.came.put((result, error))

    def result(self):
        result, error = self.came.get(timeout=LIMIT)
        if error is not None:
            raise error
        return result

    def error(self):
        return self.came.get(timeout=LIMIT)[1]


@case
def it_lives_and_says_what_it_serves(client):
    equal((client.is_server_live(), client.is_server_ready(), client.is_model_ready("simple")), (True, True, True))
    equal(client.is_model_ready("nope"), False)
    equal(client.is_model_ready("simple", "9"), False)
    equal("sequence" in client.get_server_metadata().extensions, True)
    metadata = client.get_model_metadata("simple", as_json=True)
    tensors = [{"datatype": "INT32", "shape": ["-1", "16"]}] * 2
    equal(metadata["inputs"], [{"name": f"INPUT{i}", **t} for i, t in enumerate(tensors)])
    equal(metadata["outputs"], [{"name": f"OUTPUT{i}", **t} for i, t in enumerate(tensors)])
    config = client.get_model_config("simple").config
    equal((config.max_batch_size, [list(i.dims) for i in config.input]), (8, [[16], [16]]))


@case
def sums_and_differences(client):
    for rows in (1, 3, 8):
        inputs, total, difference = two_integers(grpc, rows)
        result = client.infer("simple", inputs, request_id=f"r{rows}", client_timeout=LIMIT)
        equal(result.as_numpy("OUTPUT0"), total)
        equal(result.as_numpy("OUTPUT1"), difference)
        equal((result.get_response().id, result.get_response().model_name), (f"r{rows}", "simple"))
        only = client.infer("simple", inputs, outputs=[grpc.InferRequestedOutput("OUTPUT1")])
        equal((only.as_numpy("OUTPUT0"), only.get_output("OUTPUT0")), (None, None))
        equal(only.as_numpy("OUTPUT1"), difference)


@case
def every_type_of_element(client):
    inputs = [tensor(grpc, f"IN_{name}", values, name) for name, values in EVERY_TYPE.items()]
    result = client.infer("types", inputs)
    for name, values in EVERY_TYPE.items():
        equal(result.as_numpy(f"OUT_{name}"), values)


@case
def tensors_of_no_elements_and_of_many(client):
    for shape in ((0, 3), (1, 1), (1000, 700)):
        values = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
        equal(client.infer("variable", [tensor(grpc, "x", values)]).as_numpy("y"), values + np.float32(1))


@case
def versions(client):
    x = tensor(grpc, "x", np.array([1, 2, 3], np.float32))
    for version, by in (("1", 2), ("7", 3), ("", 3)):
        result = client.infer("plain", [x], model_version=version)
        equal(result.as_numpy("y"), np.array([1, 2, 3], np.float32) * np.float32(by))
        equal(result.get_response().model_version, version or "7")


@case
def compressed_both_ways(client):
    for algorithm in ("gzip", "deflate"):
        inputs, total, _ = two_integers(grpc, 8)
        equal(client.infer("simple", inputs, compression_algorithm=algorithm).as_numpy("OUTPUT0"), total)


@case
def classes_instead_of_values(client):
    inputs = [
        tensor(grpc, "x", np.array([[0.5, 9, 4, 1]], np.float32)),
        tensor(grpc, "k", np.array([[3, 1, 2]], np.int32), "INT32"),
    ]
    outputs = [grpc.InferRequestedOutput("y", class_count=2), grpc.InferRequestedOutput("z", class_count=1)]
    result = client.infer("scores", inputs, outputs=outputs)
    equal(result.as_numpy("y"), np.array([[b"9.000000:1:bbh", b"4.000000:2:glitch"]], np.object_))
    equal(result.as_numpy("z"), np.array([[b"3:0"]], np.object_))


@case
def callbacks(client):
    calls = []
    for index in range(50):
        inputs, total, difference = two_integers(grpc, 1 + index % 8)
        callback = Callback()
        client.async_infer("simple", inputs, callback, request_id=str(index), client_timeout=LIMIT)
        calls.append((callback, str(index), total, difference))
    for callback, request_id, total, difference in calls:
        result = callback.result()
        equal(result.get_response().id, request_id)
        equal(result.as_numpy("OUTPUT0"), total)
        equal(result.as_numpy("OUTPUT1"), difference)
    callback = Callback()
    inputs, _, _ = two_integers(grpc, 9)
    client.async_infer("simple", inputs, callback)
    error = callback.error()
    equal(error.status(), "StatusCode.INVALID_ARGUMENT")
    equal("batch-size must be <= 8" in error.message(), True)


@case
def a_call_given_up(client):
    slow = [tensor(grpc, "ms", np.array([1500], np.int64), "INT64")]
    callback = Callback()
    client.async_infer("work", slow, callback).cancel()
    equal(callback.error().status(), "StatusCode.CANCELLED")
    error = refused(lambda: client.infer("work", slow, client_timeout=0.05))
    equal(error.status(), "StatusCode.DEADLINE_EXCEEDED")
    quick = [tensor(grpc, "ms", np.array([1], np.int64), "INT64")]
    equal(client.infer("work", quick, client_timeout=LIMIT).as_numpy("done").shape, (1,))


@case
def from_many_threads(client):
    wrong = []

    def ask():
        for _ in range(20):
            inputs, total, _ = two_integers(grpc, 4)
            try:
                equal(client.infer("simple", inputs).as_numpy("OUTPUT0"), total)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    equal(wrong, [])


@case
def sequences_by_single_calls(client):
    for sequence_id in (42, 2**63 - 1, "run-7"):
        total = np.float32(0)
        for index in range(4):
            total += np.float32(index + 0.5)
            result = client.infer(
                "sum",
                [tensor(grpc, "x", one(index + 0.5))],
                sequence_id=sequence_id,
                sequence_start=index == 0,
                sequence_end=index == 3,
            )
            equal(result.as_numpy("total"), one(total))
    refused(
        lambda: client.infer("sum", [tensor(grpc, "x", one(1))], sequence_id=43),
        "must specify the START flag",
    )


@case
def sequences_on_a_stream(client):
    callback = Callback()
    client.start_stream(callback)
    try:
        want = {}
        for index in range(20):
            for sequence_id in (101, 102):
                value = np.float32(index * sequence_id)
                last = want.get(f"{sequence_id}-{index - 1}", np.float32(0))
                request_id = f"{sequence_id}-{index}"
                want[request_id] = last + value
                client.async_stream_infer(
                    "sum",
                    [tensor(grpc, "x", one(value))],
                    request_id=request_id,
                    sequence_id=sequence_id,
                    sequence_start=index == 0,
                    sequence_end=index == 19,
                )
        for _ in want:
            result = callback.result()
            equal(result.as_numpy("total"), one(want[result.get_response().id]))
        client.async_stream_infer("sum", [tensor(grpc, "x", one(1))], request_id="lost", sequence_id=103)
        equal("must specify the START flag" in str(callback.error()), True)
        client.async_stream_infer("chain", [tensor(grpc, "update", one(2))], sequence_id=104, sequence_start=True)
        equal(callback.result().as_numpy("grand"), one(4))
        client.async_stream_infer("chain", [tensor(grpc, "update", one(3))], sequence_id=104, sequence_end=True)
        equal(callback.result().as_numpy("grand"), one(14))
    finally:
        client.stop_stream()


@case
def what_a_model_is_told_of_its_sequence(client):
    for start, end in ((True, False), (False, False), (False, True)):
        result = client.infer(
            "told", [tensor(grpc, "x", one(5))], sequence_id=77, sequence_start=start, sequence_end=end
        )
        equal(result.as_numpy("start"), np.array([7 if start else -1], np.int32))
        equal(result.as_numpy("end"), one(1.5 if end else 0.5))
        equal(result.as_numpy("corrid"), np.array([77], np.int64))


@case
def many_answers_to_one_request(client):
    callback = Callback()
    client.start_stream(callback)
    try:
        values = np.array([5, -3, 8], np.int32)
        client.async_stream_infer(
            "repeat",
            [
                tensor(grpc, "IN", values, "INT32"),
                tensor(grpc, "DELAY", np.zeros(3, np.uint32), "UINT32"),
                tensor(grpc, "WAIT", np.zeros(1, np.uint32), "UINT32"),
            ],
            request_id="many",
            enable_empty_final_response=True,
        )
        for index, value in enumerate(values):
            result = callback.result()
            equal(result.get_response().parameters["triton_final_response"].bool_param, False)
            equal(result.as_numpy("OUT"), np.array([value], np.int32))
            equal(result.as_numpy("IDX"), np.array([index], np.uint32))
        last = callback.result().get_response()
        equal((last.parameters["triton_final_response"].bool_param, len(last.outputs)), (True, 0))
    finally:
        client.stop_stream()
    inputs, _, _ = two_integers(grpc)
    refused(lambda: client.async_stream_infer("simple", inputs), "stream not available")


@case
def a_stream_cut_off(client):
    callback = Callback()
    client.start_stream(callback)
    client.async_stream_infer("work", [tensor(grpc, "ms", np.array([1000], np.int64), "INT64")])
    client.stop_stream(cancel_requests=True)
    equal(isinstance(callback.error(), InferenceServerException), True)
    until(client.is_server_live)


@case
def shared_memory(client):
    inputs, total, difference = two_integers(grpc, 2)
    size = total.nbytes
    key = f"/strainflow_{os.getpid()}"
    region = shm.create_shared_memory_region("all", key, 4 * size)
    try:
        values = [np.frombuffer(i._get_content(), np.int32).reshape(2, 16) for i in inputs]
        shm.set_shared_memory_region(region, values)
        client.register_system_shared_memory("all", key, 4 * size)
        equal([r.key for r in client.get_system_shared_memory_status().regions.values()], [key])
        for index, tensor_in in enumerate(inputs):
            tensor_in.set_shared_memory("all", size, offset=index * size)
        outputs = [grpc.InferRequestedOutput(f"OUTPUT{index}") for index in range(2)]
        for index, output in enumerate(outputs):
            output.set_shared_memory("all", size, offset=(2 + index) * size)
        client.infer("simple", inputs, outputs=outputs)
        for index, want in enumerate((total, difference)):
            equal(shm.get_contents_as_numpy(region, np.int32, [2, 16], offset=(2 + index) * size), want)
        refused(lambda: client.register_system_shared_memory("all", key, size), "already in manager")
        inputs[0].set_shared_memory("all", size, offset=4 * size)
        refused(lambda: client.infer("simple", inputs), "Invalid offset")
        client.unregister_system_shared_memory("all")
        equal(len(client.get_system_shared_memory_status().regions), 0)
    finally:
        client.unregister_system_shared_memory()
        shm.destroy_shared_memory_region(region)


@case
def models_come_and_go(client):
    states = lambda: {m.name: m.state for m in client.get_model_repository_index().models}
    equal(states()["double"], "READY")
    client.unload_model("double")
    until(lambda: not client.is_model_ready("double"))
    refused(lambda: client.infer("double", [tensor(grpc, "x", one(1))]), "double")
    client.load_model("double")
    equal(client.infer("double", [tensor(grpc, "x", one(1))]).as_numpy("y"), one(2))
    refused(lambda: client.load_model("nope"), "failed to load 'nope'")


@case
def statistics_count(client):
    count = lambda: client.get_inference_statistics("variable").model_stats[0].inference_stats.success.count
    before = count()
    for _ in range(3):
        client.infer("variable", [tensor(grpc, "x", np.zeros((2, 2), np.float32))])
    until(lambda: count() == before + 3)


with grpc.InferenceServerClient(addresses()[0]) as client:
    run(client)
