/** A page of Triton 2.51's metrics, started with `--metrics-config summary_latencies=true`: 20 requests of batch 2 to an ensemble. */
export const tritonPage: string = `# HELP nv_inference_request_success Number of successful inference requests, all batch sizes
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="adder",version="1"} 20
nv_inference_request_success{model="pipe",version="1"} 20
nv_inference_request_success{model="net",version="1"} 20
# HELP nv_inference_request_failure Number of failed inference requests, all batch sizes
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{model="pipe",reason="OTHER",version="1"} 0
nv_inference_request_failure{model="pipe",reason="CANCELED",version="1"} 0
nv_inference_request_failure{model="pipe",reason="REJECTED",version="1"} 0
nv_inference_request_failure{model="adder",reason="OTHER",version="1"} 0
nv_inference_request_failure{model="adder",reason="CANCELED",version="1"} 0
nv_inference_request_failure{model="adder",reason="REJECTED",version="1"} 0
nv_inference_request_failure{model="net",reason="OTHER",version="1"} 0
nv_inference_request_failure{model="adder",reason="BACKEND",version="1"} 0
nv_inference_request_failure{model="net",reason="BACKEND",version="1"} 0
nv_inference_request_failure{model="net",reason="CANCELED",version="1"} 0
nv_inference_request_failure{model="pipe",reason="BACKEND",version="1"} 0
nv_inference_request_failure{model="net",reason="REJECTED",version="1"} 0
# TYPE nv_inference_count counter
nv_inference_count{model="adder",version="1"} 40
nv_inference_count{model="pipe",version="1"} 40
nv_inference_count{model="net",version="1"} 40
# TYPE nv_inference_exec_count counter
nv_inference_exec_count{model="adder",version="1"} 20
nv_inference_exec_count{model="pipe",version="1"} 20
nv_inference_exec_count{model="net",version="1"} 20
# TYPE nv_inference_request_duration_us counter
nv_inference_request_duration_us{model="adder",version="1"} 85015
nv_inference_request_duration_us{model="pipe",version="1"} 222110
nv_inference_request_duration_us{model="net",version="1"} 136877
# TYPE nv_inference_queue_duration_us counter
nv_inference_queue_duration_us{model="adder",version="1"} 939
nv_inference_queue_duration_us{model="pipe",version="1"} 47
nv_inference_queue_duration_us{model="net",version="1"} 43207
# TYPE nv_inference_compute_input_duration_us counter
nv_inference_compute_input_duration_us{model="adder",version="1"} 824
nv_inference_compute_input_duration_us{model="pipe",version="1"} 1489
nv_inference_compute_input_duration_us{model="net",version="1"} 651
# TYPE nv_inference_compute_infer_duration_us counter
nv_inference_compute_infer_duration_us{model="adder",version="1"} 80279
nv_inference_compute_infer_duration_us{model="pipe",version="1"} 167580
nv_inference_compute_infer_duration_us{model="net",version="1"} 87292
# TYPE nv_inference_compute_output_duration_us counter
nv_inference_compute_output_duration_us{model="adder",version="1"} 2884
nv_inference_compute_output_duration_us{model="pipe",version="1"} 8489
nv_inference_compute_output_duration_us{model="net",version="1"} 5595
# HELP nv_inference_pending_request_count Instantaneous number of pending requests awaiting execution per-model.
# TYPE nv_inference_pending_request_count gauge
nv_inference_pending_request_count{model="adder",version="1"} 0
nv_inference_pending_request_count{model="pipe",version="1"} 0
nv_inference_pending_request_count{model="net",version="1"} 0
# HELP nv_cpu_utilization CPU utilization rate [0.0 - 1.0]
# TYPE nv_cpu_utilization gauge
nv_cpu_utilization 0.265
# TYPE nv_inference_request_summary_us summary
nv_inference_request_summary_us_count{model="adder",version="1"} 20
nv_inference_request_summary_us_sum{model="adder",version="1"} 85015
nv_inference_request_summary_us{model="adder",version="1",quantile="0.5"} 2655
nv_inference_request_summary_us{model="adder",version="1",quantile="0.9"} 2745
nv_inference_request_summary_us{model="adder",version="1",quantile="0.95"} 2818
nv_inference_request_summary_us{model="adder",version="1",quantile="0.99"} 2818
nv_inference_request_summary_us{model="adder",version="1",quantile="0.999"} 2818
nv_inference_request_summary_us_count{model="pipe",version="1"} 20
nv_inference_request_summary_us_sum{model="pipe",version="1"} 222110
nv_inference_request_summary_us{model="pipe",version="1",quantile="0.5"} 7669
nv_inference_request_summary_us{model="pipe",version="1",quantile="0.9"} 7841
nv_inference_request_summary_us{model="pipe",version="1",quantile="0.95"} 8003
nv_inference_request_summary_us{model="pipe",version="1",quantile="0.99"} 8003
nv_inference_request_summary_us{model="pipe",version="1",quantile="0.999"} 8003
nv_inference_request_summary_us_count{model="net",version="1"} 20
nv_inference_request_summary_us_sum{model="net",version="1"} 136877
nv_inference_request_summary_us{model="net",version="1",quantile="0.5"} 5023
nv_inference_request_summary_us{model="net",version="1",quantile="0.9"} 5178
nv_inference_request_summary_us{model="net",version="1",quantile="0.95"} 5192
nv_inference_request_summary_us{model="net",version="1",quantile="0.99"} 5192
nv_inference_request_summary_us{model="net",version="1",quantile="0.999"} 5192
`;
