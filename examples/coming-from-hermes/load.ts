// A model that is in the repository, and not loaded yet: address, model.
import { isStrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";

const [address = "", name = ""] = process.argv.slice(2);
await using client = await connect(address);
try {
  await client.servedModel(name);
} catch (error) {
  if (!isStrainflowError(error)) throw error;
  console.log(JSON.stringify(error.tag));
  await client.repository.load(name);
}
const model = await client.servedModel(name);
console.log(JSON.stringify([Number(model.version), model.inputs.map((tensor) => tensor.name)]));
