// A server in a container while the block runs: repository, image, log file.
import { launch } from "@strainflow/launch";
import { connect } from "@strainflow/triton";

const [repository = "", image = "", log = ""] = process.argv.slice(2);
// Free ports, on this machine's own address, and ready when it is there, unless it is told otherwise.
await using server = await launch({ runtime: "apptainer", repository, image, log });
await using client = await connect(server.address);
console.log(JSON.stringify([await client.isLive(), await client.isModelReady("doubled")]));
