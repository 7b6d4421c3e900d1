/* A process for tests: answers HTTP with its number, and questions in a few ways. */
import { createServer } from "node:http";
import { joinFront } from "@strainflow/processes";

joinFront(async ({ index, count, init, ask }) => {
  if (init.fails === index) throw new Error(`process ${index} will not`);
  const server = createServer((request, response) => {
    if (request.url === "/up") ask("up").then((said) => response.end(String(said)));
    else response.end(String(index));
  });
  return {
    accept: (_, socket) => {
      server.emit("connection", socket);
      socket.resume();
    },
    answer: (question) => {
      if (question === "refuse") throw new Error("it will not");
      if (question === "hang") return new Promise(() => {});
      if (question === "pid") return process.pid;
      return { question, index, count, init };
    },
    close: async () => {
      server.closeAllConnections();
      if (init.lingers === true) await new Promise(() => {});
    },
  };
});
