/** A field of a header section. Names are in lower case, values are bytes as Latin-1. */
export type Header = readonly [name: string, value: string];
