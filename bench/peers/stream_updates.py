"""What the Python clients have in common: one sequence, so many updates under way, the wall clock and this process's CPU.

An update is the same pattern each time, with its own number as its first value; answers are looked at as they come.
"""

import json
import sys
import threading
import time

import numpy as np

WARM_UP_S = 2
PATIENCE_S = 30
"""Number of the answer that is shown, to be compared with what the other clients got."""
SHOWN = 20

options = json.loads(sys.argv[1])
shape = [1, options["channels"], options["updateSize"]]


def make_update():
    size = shape[1] * shape[2]
    return (np.arange(size, dtype=np.float32) % 1024 / 1024).reshape(shape)


class Answers:
    """Looks at each answer, and counts it."""

    def __init__(self):
        self.credits = threading.Semaphore(options["inFlight"])
        self.sent_at = []
        self.seconds = []
        self.failure = None
        self.shown = None

    def take_credit(self):
        """Waits until one update fewer is under way."""
        if not self.credits.acquire(timeout=PATIENCE_S):
            raise TimeoutError(f"no answer for {PATIENCE_S} s")
        if self.failure is not None:
            raise self.failure

    def came(self, number, answer):
        self.seconds.append(time.perf_counter() - self.sent_at[number])
        marker = options["marker"]
        wrong = answer[0, marker] != number if marker is not None else not np.isfinite(answer[0])
        if wrong and self.failure is None:
            self.failure = RuntimeError(f"the answer to update {number} holds {answer.flat[:4]}")
        if number == SHOWN:
            self.shown = [float(value) for value in answer.flat[-4:]]
        self.credits.release()

    def failed(self, error):
        self.failure = self.failure or error
        self.credits.release()


def stream(send, answers, seconds):
    """Sends updates for so long, and waits for their answers. `send(update, number, start, end)`"""
    update = make_update()
    until = time.perf_counter() + seconds
    end = False
    number = 0
    while not end:
        answers.take_credit()
        now = time.perf_counter()
        end = now >= until and number > SHOWN
        update[0, 0, 0] = number
        answers.sent_at.append(now)
        send(update, number, number == 0, end)
        number += 1
    for _ in range(options["inFlight"]):
        answers.take_credit()
    return number


def measure(one_sequence):
    """`one_sequence(sequence_id, seconds)` streams one, and gives its number of updates and its answers."""
    one_sequence(options["sequenceId"], WARM_UP_S)
    cpu = time.process_time()
    begin = time.perf_counter()
    count, answers = one_sequence(options["sequenceId"] + 1, options["seconds"])
    seconds = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    p50, p99 = np.percentile(answers.seconds, [50, 99]) * 1e3
    print(
        json.dumps(
            {
                "updatesPerSecond": count / seconds,
                "cpuMicroseconds": cpu / count * 1e6,
                "p50Ms": p50,
                "p99Ms": p99,
                "answer": answers.shown,
            }
        )
    )
