import { protocolFault } from "../errors.ts";

/*
 * HPACK's Huffman code is canonical: from the lengths alone, symbols in order of length and then of value, all codes
 * follow. https://www.rfc-editor.org/rfc/rfc7541#appendix-B
 */

/** Bits of each symbol's code: all bytes, and 256, the end, which must not occur. */
// biome-ignore format: a row for every 32 symbols
const CODE_SIZES = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const END = 256;
const LONGEST_CODE = 30;

/** Where the codes of each length begin: the first code, how many there are, and the place of its symbol in order. */
interface CodesOfSize {
  readonly first: number;
  readonly count: number;
  readonly place: number;
}

const SYMBOLS: readonly number[] = CODE_SIZES.map((_, symbol) => symbol).sort(
  (a, b) => CODE_SIZES[a]! - CODE_SIZES[b]! || a - b,
);

const BY_SIZE: readonly CodesOfSize[] = (() => {
  const found: CodesOfSize[] = [{ first: 0, count: 0, place: 0 }];
  for (let size = 1; size <= LONGEST_CODE; size++) {
    const last = found[size - 1]!;
    const count = CODE_SIZES.filter((each) => each === size).length;
    found.push({ first: (last.first + last.count) * 2, count, place: last.place + last.count });
  }
  return found;
})();

/**
 * The text of Huffman-coded bytes, as Latin-1.
 *
 * @throws `http2-protocol` where the code ends in the middle of a symbol, or holds the end's
 */
export function huffmanDecoded(bytes: Uint8Array): string {
  // No code is shorter than five bits.
  const text = Buffer.allocUnsafe(Math.floor((bytes.length * 8) / 5));
  let length = 0;
  let code = 0;
  let size = 0;
  for (const byte of bytes)
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      const { first, count, place } = BY_SIZE[++size]!;
      if (code - first >= count) {
        if (size === LONGEST_CODE) throw protocolFault("COMPRESSION_ERROR", "a Huffman code is none");
        continue;
      }
      const symbol = SYMBOLS[place + code - first]!;
      if (symbol === END) throw protocolFault("COMPRESSION_ERROR", "a text holds the end of texts");
      text[length++] = symbol;
      code = 0;
      size = 0;
    }
  // What is left must be the beginning of the end's code, which is all ones, and no whole byte of it.
  if (size > 7 || code !== 2 ** size - 1)
    throw protocolFault("COMPRESSION_ERROR", "a Huffman-coded text ends in the middle of a symbol");
  return text.toString("latin1", 0, length);
}
