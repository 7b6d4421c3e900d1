"""tritonclient.grpc.aio: many calls at once, and streams as iterators."""

import asyncio

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as aio
from cases import LIMIT, addresses, case, equal, one, run_async, tensor, two_integers
from tritonclient.utils import InferenceServerException


async def refusal(call):
    try:
        await call
    except InferenceServerException as error:
        return str(error)
    raise AssertionError("it was not refused")


@case
async def it_lives_and_says_what_it_serves(client):
    equal((await client.is_server_live(), await client.is_model_ready("net")), (True, True))
    equal(await client.is_model_ready("nope"), False)
    equal([i.name for i in (await client.get_model_metadata("simple")).inputs], ["INPUT0", "INPUT1"])


@case
async def many_at_once(client):
    asked = [two_integers(grpc, 1 + index % 8) for index in range(60)]
    results = await asyncio.gather(
        *(client.infer("simple", inputs, request_id=str(index)) for index, (inputs, _, _) in enumerate(asked))
    )
    for index, (result, (_, total, difference)) in enumerate(zip(results, asked, strict=True)):
        equal(result.get_response().id, str(index))
        equal(result.as_numpy("OUTPUT0"), total)
        equal(result.as_numpy("OUTPUT1"), difference)


@case
async def put_together_to_batches(client):
    rows = [np.full((1, 2, 4), index, np.float32) for index in range(12)]
    results = await asyncio.gather(*(client.infer("dynamic", [tensor(grpc, "x", x)]) for x in rows))
    for result, x in zip(results, rows, strict=True):
        equal(result.as_numpy("y"), x * np.float32(2))


@case
async def a_call_given_up(client):
    slow = asyncio.create_task(client.infer("work", [tensor(grpc, "ms", np.array([1500], np.int64), "INT64")]))
    await asyncio.sleep(0.05)
    slow.cancel()
    try:
        await slow
        raise AssertionError("it was answered")
    except asyncio.CancelledError:
        pass
    error = await refusal(client.infer("simple", two_integers(grpc, 9)[0]))
    equal("batch-size must be <= 8" in error, True)


@case
async def sequences_as_an_iterator(client):
    values = np.linspace(-4, 4, 30, dtype=np.float32)

    async def requests():
        for index, value in enumerate(values):
            for sequence_id in (201, "aio-b"):
                yield {
                    "model_name": "sum",
                    "inputs": [tensor(grpc, "x", one(value))],
                    "request_id": str(index),
                    "sequence_id": sequence_id,
                    "sequence_start": index == 0,
                    "sequence_end": index == len(values) - 1,
                }
                await asyncio.sleep(0)

    totals = {}
    async for result, error in client.stream_infer(requests(), stream_timeout=LIMIT):
        equal(error, None)
        totals.setdefault(int(result.get_response().id), []).append(result.as_numpy("total"))
    want = np.float32(0)
    for index, value in enumerate(values):
        want += value
        equal([list(total) for total in totals[index]], [[want], [want]])


@case
async def an_error_in_the_midst_of_a_stream(client):
    async def requests():
        for index in range(6):
            yield {
                "model_name": "plain" if index % 2 == 0 else "nope",
                "inputs": [tensor(grpc, "x", np.full(3, index, np.float32))],
                "request_id": str(index),
            }

    seen = []
    async for result, error in client.stream_infer(requests()):
        seen.append("refused" if error is not None else float(result.as_numpy("y")[0]))
    equal(seen, [0, "refused", 6, "refused", 12, "refused"])


@case
async def many_answers_to_one_request(client):
    async def requests():
        yield {
            "model_name": "repeat",
            "inputs": [
                tensor(grpc, "IN", np.arange(20, dtype=np.int32), "INT32"),
                tensor(grpc, "DELAY", np.zeros(20, np.uint32), "UINT32"),
                tensor(grpc, "WAIT", np.zeros(1, np.uint32), "UINT32"),
            ],
        }

    answers = []
    async for result, error in client.stream_infer(requests()):
        equal(error, None)
        answers.append(int(result.as_numpy("OUT")[0]))
    equal(answers, list(range(20)))


@case
async def a_stream_left_early(client):
    async def requests():
        index = 0
        while True:
            yield {"model_name": "plain", "inputs": [tensor(grpc, "x", np.full(3, index, np.float32))]}
            index += 1
            await asyncio.sleep(0.001)

    stream = client.stream_infer(requests())
    for index in range(3):
        result, error = await anext(stream)
        equal((error, float(result.as_numpy("y")[0])), (None, 3.0 * index))
    stream.cancel()
    equal(await client.is_server_live(), True)


@case
async def models_come_and_go(client):
    await client.unload_model("double")
    equal(await client.is_model_ready("double"), False)
    await client.load_model("double")
    equal((await client.infer("double", [tensor(grpc, "x", one(4))])).as_numpy("y"), one(8))
    equal("failed to load 'nope'" in await refusal(client.load_model("nope")), True)


async def main():
    async with aio.InferenceServerClient(addresses()[0]) as client:
        await run_async(client)


asyncio.run(main())
