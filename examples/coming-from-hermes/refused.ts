// What a refused request looks like: address, model.
import { isStrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";

const [address = "", name = ""] = process.argv.slice(2);
await using client = await connect(address);
const model = await client.servedModel(name);
const inputs = { stream: { datatype: "FP32", shape: [1, 2, 32], data: new Float32Array(64) } } as const;
// No START: a session would not do that.
const call = model.open({
  response({ error }) {
    // The tag says what it is; the details which model, request and sequence it was about.
    if (isStrainflowError(error, "infer-refused"))
      console.log(JSON.stringify(error.message.split("] ").at(-1)));
    call.end();
  },
  lost: (error) => console.error(error.message),
});
call.send({ id: "7", inputs, sequence: { id: 1004n, start: false, end: false } });
