// What a refused request looks like: address, model.
import { isStrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";

const [address = "", name = ""] = process.argv.slice(2);
await using client = await connect(address);
const model = await client.servedModel(name);
// No START: a session would not do that.
await new Promise<void>((closed, failed) => {
  const call = model.open({
    response({ error }) {
      // The tag says what it is; its details which model, request and sequence it was about.
      if (isStrainflowError(error, "infer-refused"))
        console.log(JSON.stringify(error.message.replace(/^.*?: /, "")));
      call.end();
    },
    lost: failed,
    closed,
  });
  const stream = { datatype: "FP32", shape: [1, 2, 32], data: new Float32Array(64) } as const;
  call.send({ id: "7", inputs: { stream }, sequence: { id: 1004n, start: false, end: false } });
});
