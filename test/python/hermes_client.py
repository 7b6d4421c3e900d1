"""hermes' InferenceClient, streaming to snapshotter, network and average; what it must get is computed with numpy."""

import sys
import time

import numpy as np
from cases import LIMIT, addresses, case, equal, run
from hermes.aeriel.client import InferenceClient

MODEL = sys.argv[3]
CHANNELS, STRIDE, BATCH, KERNEL, UPDATES = map(int, sys.argv[4:9])
UPDATE = STRIDE * BATCH


def network(kernels):
    """What the network is: not linear, and different at every sample of a kernel."""
    return np.tanh(0.3 * kernels).sum(axis=1) * (1 + np.arange(KERNEL) / KERNEL)


def averaged(strain):
    """All that comes of a stream `[channels, samples]`: each sample from the kernels that it is in, oldest sample first."""
    samples = strain.shape[1]
    silent = np.concatenate([np.zeros((CHANNELS, KERNEL)), strain], axis=1)
    window = UPDATES * STRIDE
    total = np.zeros(window + samples)
    for end in range(STRIDE, samples + 1, STRIDE):
        kernel = silent[:, end : end + KERNEL]
        total[end : end + window] += network(kernel[None])[0, -window:]
    return total[STRIDE : STRIDE + samples] / UPDATES


def updates_of(strain):
    return np.split(strain.astype(np.float32), strain.shape[1] // UPDATE, axis=1)


def answers(client, count):
    """So many answers by sequence, in order of their requests."""
    came = {}
    deadline = time.monotonic() + LIMIT
    while sum(map(len, came.values())) < count:
        answer = client.get()
        if answer is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"{count} answers did not come")
            time.sleep(0.001)
            continue
        values, request_id, sequence_id = answer
        numbers = came.setdefault(sequence_id, {})
        numbers[request_id] = values
    return {key: [numbers[i] for i in sorted(numbers)] for key, numbers in came.items()}


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-6)


@case
def finds_the_stream_of_the_ensemble(address):
    client = InferenceClient(address, MODEL)
    equal([state.name() for state, _ in client.states], ["stream"])
    equal(list(client.states[0][1].values()), [(1, CHANNELS, UPDATE)])
    equal((client.inputs, client.num_states), ([], 1))


@case
def streams_of_three_sequences_at_once(address):
    random = np.random.default_rng(5)
    strains = {number: random.normal(size=(CHANNELS, 40 * UPDATE)) for number in (7, 8, 2**40 + 1)}
    with InferenceClient(address, MODEL, profile=True) as client:
        for index in range(40):
            for sequence_id, strain in strains.items():
                client.infer(
                    updates_of(strain)[index],
                    request_id=index,
                    sequence_id=sequence_id,
                    sequence_start=index == 0,
                    sequence_end=index == 39,
                )
        came = answers(client, 40 * len(strains))
        for sequence_id, strain in strains.items():
            rounded = strain.astype(np.float32).astype(np.float64)
            close(np.concatenate([values.ravel() for values in came[sequence_id]]), averaged(rounded))
        equal(sorted(client.clock.latencies), sorted(strains))


@case
def the_same_number_again_begins_anew(address):
    strain = np.random.default_rng(6).normal(size=(CHANNELS, 10 * UPDATE)).astype(np.float32)
    with InferenceClient(address, MODEL) as client:
        runs = []
        for _ in range(2):
            for index, update in enumerate(updates_of(strain)):
                flags = {"sequence_start": index == 0, "sequence_end": index == 9}
                client.infer(update, request_id=index, sequence_id=9, **flags)
            runs.append(np.concatenate(answers(client, 10)[9], axis=None))
        equal(runs[0], runs[1])
        close(runs[0], averaged(strain.astype(np.float64)))


@case
def callbacks_see_each_answer(address):
    seen = []
    strain = np.random.default_rng(7).normal(size=(CHANNELS, 6 * UPDATE)).astype(np.float32)

    def callback(values, request_id, sequence_id):
        seen.append((request_id, sequence_id, values.shape))
        return values

    with InferenceClient(address, MODEL, callback=callback) as client:
        for index, update in enumerate(updates_of(strain)):
            flags = {"sequence_start": index == 0, "sequence_end": index == 5}
            client.infer(update, request_id=index, sequence_id=10, **flags)
        deadline = time.monotonic() + LIMIT
        values = []
        while len(values) < 6 and time.monotonic() < deadline:
            values += client.get(until_empty=True)
        close(np.concatenate(values, axis=None), averaged(strain.astype(np.float64)))
    equal([(number, sequence) for number, sequence, _ in seen], [(index, 10) for index in range(6)])


@case
def what_is_refused_is_raised(address):
    with InferenceClient(address, MODEL) as client:
        client.infer(np.zeros((CHANNELS, UPDATE), np.float32), request_id=0, sequence_id=11)
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            try:
                client.get()
            except RuntimeError as error:
                equal("must specify the START flag" in str(error), True)
                return
            time.sleep(0.001)
        raise AssertionError("nothing was raised")


@case
def a_network_without_a_state(address):
    kernels = np.random.default_rng(8).normal(size=(BATCH, CHANNELS, KERNEL)).astype(np.float32)
    client = InferenceClient(address, sys.argv[9])
    with client:
        for index in range(5):
            client.infer(kernels * np.float32(index), request_id=index)
        came = answers(client, 5)[None]
    for index, values in enumerate(came):
        close(values, network((kernels * np.float32(index)).astype(np.float64)))


@case
def a_model_that_is_unloaded_and_loaded_again(address):
    client = InferenceClient(address, MODEL)
    client.client.unload_model(sys.argv[9])
    equal(client.client.is_model_ready(sys.argv[9]), False)
    try:
        InferenceClient(address, sys.argv[9])
        raise AssertionError("hermes asked for a configuration that is not there")
    except Exception as error:
        # hermes asks what the model's tensors are before it looks whether it is loaded, and so never loads any.
        equal("has no available versions" in str(error), True)
    client.client.load_model(sys.argv[9])
    equal(InferenceClient(address, sys.argv[9]).model_version, 1)


run(addresses()[0])
