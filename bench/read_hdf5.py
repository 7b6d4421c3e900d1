"""h5py's side of hdf5.mjs: reads all samples of all files, once to warm up and then a few times."""

import json
import sys
import time

import h5py

options = json.loads(sys.argv[1])


def read_all():
    size = 0
    for path in options["paths"]:
        with h5py.File(path, "r") as file:
            size += file["strain/Strain"][()].nbytes
    return size


read_all()
begin = time.perf_counter()
total = sum(read_all() for _ in range(options["passes"]))
seconds = time.perf_counter() - begin
print(json.dumps({"megabytesPerSecond": total / seconds / 1e6, "bytes": total}))
