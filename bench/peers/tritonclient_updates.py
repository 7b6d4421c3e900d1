"""tritonclient's side of peers.mjs: Triton's own Python client, streaming."""

import tritonclient.grpc as triton
from stream_updates import Answers, measure, options, shape, stream

client = triton.InferenceServerClient(options["address"])
current = None


def callback(result, error):
    if error is not None:
        current.failed(error)
    else:
        current.came(int(result.get_response().id), result.as_numpy("y"))


def one_sequence(sequence_id, seconds):
    global current
    answers = current = Answers()

    def send(update, number, start, end):
        tensor = triton.InferInput("stream", shape, "FP32")
        tensor.set_data_from_numpy(update)
        client.async_stream_infer(
            options["model"],
            [tensor],
            request_id=str(number),
            sequence_id=sequence_id,
            sequence_start=start,
            sequence_end=end,
        )

    return stream(send, answers, seconds), answers


client.start_stream(callback)
measure(one_sequence)
client.stop_stream()
client.close()
