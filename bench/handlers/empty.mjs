// Does nothing: what is left is the server's own.
export const processRequest = (messages) => messages;
export const runInference = (batch) => batch;
export const processResponse = (item) => item;
