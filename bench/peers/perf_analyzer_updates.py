"""perf_analyzer's side of peers.mjs: C++, which sends and does not look at what comes back.

It says nothing of its CPU, so its process is waited for here; what it needs to start and to end is measured by a run of
as good as nothing. How many updates each run sent is for the server to say: perf_analyzer counts within its windows only.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import tritonclient.grpc as triton

options = json.loads(sys.argv[1])
client = triton.InferenceServerClient(options["address"])
WINDOWS = 3


def answered():
    statistics = client.get_inference_statistics(options["model"])
    return statistics.model_stats[0].inference_stats.success.count


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(seconds):
    """Updates, CPU seconds, and what it reports. Where a window had no answer in it, twice as long ones."""
    for _ in range(3):
        cpu, count = cpu_of_children(), answered()
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.csv"
            done = subprocess.run(
                command(seconds, report),
                env={"LD_LIBRARY_PATH": options["libraries"]},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            if done.returncode == 0:
                names, values = (line.split(",") for line in report.read_text().split("\n")[:2])
                reported = dict(zip(names, map(float, values)))
                rate = re.search(r"Throughput: ([\d.]+) infer/sec", done.stdout)
                return answered() - count, cpu_of_children() - cpu, reported, float(rate[1])
        seconds *= 2
    sys.exit(f"perf_analyzer ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")


def command(seconds, report):
    return [
        *(options["program"], "-m", options["model"], "-u", options["address"], "-i", "grpc", "--streaming"),
        *("--concurrency-range", str(options["inFlight"]), "--max-threads", "1"),
        *("--sequence-length", "10000000", "--sequence-length-variation", "0", "--input-data", "zero"),
        *("-p", str(round(seconds / WINDOWS * 1000)), "-r", str(WINDOWS), "-s", "1000000", "-f", str(report)),
    ]


few, start, _, _ = run(0.45)
many, cpu, reported, rate = run(options["seconds"])
print(
    json.dumps(
        {
            "updatesPerSecond": rate,
            "cpuMicroseconds": (cpu - start) / (many - few) * 1e6,
            "p50Ms": reported["p50 latency"] / 1e3,
            "p99Ms": reported["p99 latency"] / 1e3,
            "updates": many,
        }
    )
)
