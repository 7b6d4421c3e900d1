"""Asks a server all that Python's clients can ask of its control surface; prints the answers as JSON."""

import json
import sys
import urllib.request

import grpc
import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from prometheus_client.parser import text_string_to_metric_families
from tritonclient.utils import InferenceServerException

grpc_address, http_address, metrics_address = sys.argv[1:4]
key = sys.argv[4]
clients = {
    "grpc": (grpcclient, grpcclient.InferenceServerClient(grpc_address)),
    "http": (httpclient, httpclient.InferenceServerClient(http_address)),
}
results = {}


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return error.message()
    return "not refused"




for name, (module, client) in clients.items():
    json_form = {"as_json": True} if name == "grpc" else {}
    mine = results[name] = {}
    mine["live"] = client.is_server_live() and client.is_server_ready()
    index = client.get_model_repository_index(**json_form)
    mine["index"] = index["models"] if name == "grpc" else index
    client.load_model("net")
    mine["loaded"] = client.is_model_ready("net")
    client.load_model("net", config=json.dumps({"platform": "onnxruntime_onnx", "parameters": {"a": {"string_value": "b"}}}))
    config = client.get_model_config("net", **json_form)
    config = config["config"] if name == "grpc" else config
    mine["parameters"] = config["parameters"]
    with open(sys.argv[5], "rb") as file:
        client.load_model("brought", config="{}", files={"file:1/model.onnx": file.read()})

    values = np.array([1, 2], dtype=np.float32)
    memory = shm.create_shared_memory_region("region", key, 64)
    shm.set_shared_memory_region(memory, [values])
    client.register_system_shared_memory("region", key, 64)
    status = client.get_system_shared_memory_status(**json_form)
    mine["regions"] = status["regions"]["region"] if name == "grpc" else status[0]
    tensor = module.InferInput("x", [2], "FP32")
    tensor.set_shared_memory("region", 8)
    wanted = module.InferRequestedOutput("y")
    wanted.set_shared_memory("region", 8, offset=16)
    client.infer("brought", [tensor], outputs=[wanted])
    mine["shared"] = shm.get_contents_as_numpy(memory, np.float32, [2], offset=16).tolist()
    client.unregister_system_shared_memory("region")
    mine["gone"] = refused(lambda: client.infer("brought", [tensor]))
    shm.destroy_shared_memory_region(memory)
    mine["cuda"] = refused(lambda: client.register_cuda_shared_memory("c", b"YWJj", 0, 8))

    stats = client.get_inference_statistics("brought", **json_form)
    mine["batches"] = [int(b["batch_size"]) for b in stats["model_stats"][0]["batch_stats"]]
    mine["trace"] = client.get_trace_settings(**json_form)
    mine["trace_refused"] = refused(lambda: client.update_trace_settings(settings={"trace_level": ["TIMESTAMPS"]}))
    client.update_log_settings({"log_verbose_level": 1})
    mine["log"] = client.get_log_settings(**json_form)
    client.update_log_settings({"log_verbose_level": 0})
    # While there are models: of none, Triton tells nothing either.
    text = urllib.request.urlopen(metrics_address).read().decode()
    results["families"] = {family.name: family.type for family in text_string_to_metric_families(text)}
    mine["unknown"] = refused(lambda: client.load_model("nope"))
    client.unload_model("brought")
    client.unload_model("net", unload_dependents=True)
    mine["unloaded"] = client.is_model_ready("net")

channel = grpc.insecure_channel(grpc_address)
health = health_pb2_grpc.HealthStub(channel)
results["health"] = int(health.Check(health_pb2.HealthCheckRequest(service="")).status)
results["watch"] = int(next(iter(health.Watch(health_pb2.HealthCheckRequest(service="")))).status)
database = ProtoReflectionDescriptorDatabase(channel)
results["services"] = list(database.get_services())
pool = DescriptorPool(database)
results["methods"] = {name: len(pool.FindServiceByName(name).methods) for name in results["services"]}
print(json.dumps(results))
