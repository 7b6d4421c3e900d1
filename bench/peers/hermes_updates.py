"""hermes' side of peers.mjs: its InferenceClient, with a callback."""

from hermes.aeriel.client import InferenceClient
from stream_updates import Answers, measure, options, stream

current = None


def callback(answer, request_id, sequence_id):
    current.came(request_id, answer)


client = InferenceClient(options["address"], options["model"], callback=callback)


def one_sequence(sequence_id, seconds):
    global current
    answers = current = Answers()

    def send(update, number, start, end):
        client.infer(
            update, request_id=number, sequence_id=sequence_id, sequence_start=start, sequence_end=end
        )

    try:
        return stream(send, answers, seconds), answers
    except TimeoutError:
        # What went wrong in the callback is raised here.
        client.get()
        raise


with client:
    measure(one_sequence)
