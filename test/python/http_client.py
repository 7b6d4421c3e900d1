"""tritonclient.http: JSON and binary tensors, calls that wait and calls that are fetched later."""

import os

import numpy as np
import tritonclient.http as http
import tritonclient.utils.shared_memory as shm
from cases import (
    EVERY_JSON_TYPE,
    EVERY_TYPE,
    addresses,
    case,
    equal,
    one,
    refused,
    run,
    tensor,
    texts,
    two_integers,
    until,
)

IN_JSON = {"binary_data": False}


@case
def it_lives_and_says_what_it_serves(client):
    equal((client.is_server_live(), client.is_server_ready(), client.is_model_ready("simple")), (True, True, True))
    equal(client.is_model_ready("nope"), False)
    equal("sequence" in client.get_server_metadata()["extensions"], True)
    metadata = client.get_model_metadata("simple")
    equal(metadata["inputs"], [{"name": f"INPUT{i}", "datatype": "INT32", "shape": [-1, 16]} for i in range(2)])
    config = client.get_model_config("simple")
    equal((config["max_batch_size"], [i["dims"] for i in config["input"]]), (8, [[16], [16]]))


@case
def sums_and_differences(client):
    for rows in (1, 3, 8):
        for way in ({}, IN_JSON):
            inputs, total, difference = two_integers(http, rows, **way)
            outputs = [http.InferRequestedOutput("OUTPUT0"), http.InferRequestedOutput("OUTPUT1", **IN_JSON)]
            result = client.infer("simple", inputs, outputs=outputs, request_id=f"r{rows}")
            equal(result.as_numpy("OUTPUT0"), total)
            equal(result.as_numpy("OUTPUT1"), difference)
            equal("data" in result.get_output("OUTPUT1"), True)
            equal(result.get_response()["id"], f"r{rows}")
            both = client.infer("simple", inputs)
            equal(both.as_numpy("OUTPUT0"), total)
            equal(both.as_numpy("OUTPUT1"), difference)


@case
def every_type_of_element(client):
    for types, way in ((EVERY_TYPE, {}), (EVERY_JSON_TYPE, IN_JSON)):
        inputs = [tensor(http, f"IN_{name}", values, name, **way) for name, values in types.items()]
        if way:
            # The model wants all of its inputs: the one that JSON has no numbers for goes beside it.
            inputs.append(tensor(http, "IN_FP16", EVERY_TYPE["FP16"], "FP16"))
        outputs = [http.InferRequestedOutput(f"OUT_{name}", **(way or {"binary_data": True})) for name in types]
        result = client.infer("types", inputs, outputs=outputs)
        for name, values in types.items():
            equal(result.as_numpy(f"OUT_{name}"), texts(values) if way and name == "BYTES" else values)


@case
def tensors_of_no_elements_and_of_many(client):
    for shape in ((0, 3), (1, 1), (1000, 700)):
        values = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
        equal(client.infer("variable", [tensor(http, "x", values)]).as_numpy("y"), values + np.float32(1))


@case
def compressed_both_ways(client):
    for there in (None, "gzip", "deflate"):
        for back in (None, "gzip", "deflate"):
            inputs, total, _ = two_integers(http, 8)
            result = client.infer(
                "simple", inputs, request_compression_algorithm=there, response_compression_algorithm=back
            )
            equal(result.as_numpy("OUTPUT0"), total)


@case
def classes_instead_of_values(client):
    inputs = [
        tensor(http, "x", np.array([[0.5, 9, 4, 1]], np.float32)),
        tensor(http, "k", np.array([[3, 1, 2]], np.int32), "INT32"),
    ]
    for binary in (True, False):
        outputs = [http.InferRequestedOutput("y", binary_data=binary, class_count=2)]
        result = client.infer("scores", inputs, outputs=outputs)
        want = np.array([[b"9.000000:1:bbh", b"4.000000:2:glitch"]], np.object_)
        equal(result.as_numpy("y"), want if binary else texts(want))


@case
def fetched_later(client):
    calls = []
    for index in range(40):
        inputs, total, difference = two_integers(http, 1 + index % 8)
        calls.append((client.async_infer("simple", inputs, request_id=str(index)), str(index), total, difference))
    for call, request_id, total, difference in calls:
        result = call.get_result()
        equal(result.get_response()["id"], request_id)
        equal(result.as_numpy("OUTPUT0"), total)
        equal(result.as_numpy("OUTPUT1"), difference)
    inputs, _, _ = two_integers(http, 9)
    late = client.async_infer("simple", inputs)
    equal(refused(late.get_result, "batch-size must be <= 8").status(), "400")


@case
def bodies_made_and_read_by_hand(client):
    inputs, total, _ = two_integers(http)
    body, json_size = http.InferenceServerClient.generate_request_body(inputs)
    answer = client._post("v2/models/simple/infer", body, {"Inference-Header-Content-Length": json_size}, None)
    size = answer.get("Inference-Header-Content-Length")
    result = http.InferenceServerClient.parse_response_body(answer.read(), header_length=int(size))
    equal(result.as_numpy("OUTPUT0"), total)


@case
def sequences(client):
    for sequence_id in (1042, 2**63 + 5, "http-7"):
        total = np.float32(0)
        for index in range(4):
            total += np.float32(index + 0.5)
            result = client.infer(
                "sum",
                [tensor(http, "x", one(index + 0.5))],
                sequence_id=sequence_id,
                sequence_start=index == 0,
                sequence_end=index == 3,
            )
            equal(result.as_numpy("total"), one(total))
    refused(
        lambda: client.infer("sum", [tensor(http, "x", one(1))], sequence_id=43),
        "must specify the START flag",
    )


@case
def shared_memory(client):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    key = f"/strainflow_{os.getpid()}"
    region = shm.create_shared_memory_region("both", key, 2 * values.nbytes)
    try:
        shm.set_shared_memory_region(region, [values])
        client.register_system_shared_memory("both", key, 2 * values.nbytes)
        equal([r["key"] for r in client.get_system_shared_memory_status()], [key])
        x = http.InferInput("x", [2, 3], "FP32")
        x.set_shared_memory("both", values.nbytes)
        y = http.InferRequestedOutput("y")
        y.set_shared_memory("both", values.nbytes, offset=values.nbytes)
        client.infer("variable", [x], outputs=[y])
        equal(shm.get_contents_as_numpy(region, np.float32, [2, 3], offset=values.nbytes), values + np.float32(1))
    finally:
        client.unregister_system_shared_memory()
        shm.destroy_shared_memory_region(region)
    equal(client.get_system_shared_memory_status(), [])
    refused(lambda: client.infer("variable", [x]), "both")


@case
def models_come_and_go(client):
    states = lambda: {m["name"]: m.get("state") for m in client.get_model_repository_index()}
    equal(states()["double"], "READY")
    client.unload_model("double")
    until(lambda: states()["double"] == "UNAVAILABLE")
    client.load_model("double")
    equal(client.infer("double", [tensor(http, "x", one(1))]).as_numpy("y"), one(2))
    refused(lambda: client.load_model("nope"), "failed to load 'nope'")


with http.InferenceServerClient(addresses()[1], concurrency=8) as client:
    run(client)
