"""tritonclient.http.aio: the same over HTTP."""

import asyncio

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as aio
from cases import EVERY_TYPE, addresses, case, equal, one, run_async, tensor, two_integers
from tritonclient.utils import InferenceServerException


@case
async def it_lives_and_says_what_it_serves(client):
    equal((await client.is_server_live(), await client.is_model_ready("net")), (True, True))
    equal(await client.is_model_ready("nope"), False)
    equal((await client.get_model_config("net"))["max_batch_size"], 8)


@case
async def many_at_once(client):
    asked = [two_integers(http, 1 + index % 8, binary_data=index % 3 > 0) for index in range(60)]
    results = await asyncio.gather(
        *(
            client.infer(
                "simple",
                inputs,
                request_id=str(index),
                request_compression_algorithm=(None, "gzip", "deflate")[index % 3],
                response_compression_algorithm=(None, "deflate", "gzip")[index % 3],
            )
            for index, (inputs, _, _) in enumerate(asked)
        )
    )
    for index, (result, (_, total, difference)) in enumerate(zip(results, asked, strict=True)):
        equal(result.get_response()["id"], str(index))
        equal(result.as_numpy("OUTPUT0"), total)
        equal(result.as_numpy("OUTPUT1"), difference)


@case
async def every_type_of_element(client):
    inputs = [tensor(http, f"IN_{name}", values, name) for name, values in EVERY_TYPE.items()]
    result = await client.infer("types", inputs)
    for name, values in EVERY_TYPE.items():
        equal(result.as_numpy(f"OUT_{name}"), values)


@case
async def sequences(client):
    total = np.float32(0)
    for index in range(5):
        total += np.float32(index)
        result = await client.infer(
            "sum",
            [tensor(http, "x", one(index))],
            sequence_id="aio-http",
            sequence_start=index == 0,
            sequence_end=index == 4,
        )
        equal(result.as_numpy("total"), one(total))


@case
async def what_is_refused(client):
    try:
        await client.infer("simple", two_integers(http, 9)[0])
        raise AssertionError("it was not refused")
    except InferenceServerException as error:
        equal("batch-size must be <= 8" in str(error), True)


@case
async def models_come_and_go(client):
    await client.unload_model("double")
    equal(await client.is_model_ready("double"), False)
    await client.load_model("double")
    equal((await client.infer("double", [tensor(http, "x", one(4))])).as_numpy("y"), one(8))


async def main():
    async with aio.InferenceServerClient(addresses()[1]) as client:
        await run_async(client)


asyncio.run(main())
