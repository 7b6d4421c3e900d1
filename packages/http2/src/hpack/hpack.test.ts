import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Header } from "../headers.ts";
import { createHpackDecoder } from "./decoder.ts";
import { encodeHeaders, NO_TABLE } from "./encoder.ts";
import { huffmanDecoded } from "./huffman.ts";
import { STATIC_TABLE } from "./static-table.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

/* The examples of https://www.rfc-editor.org/rfc/rfc7541#appendix-C, each a connection of its own. */
const REQUESTS: readonly (readonly Header[])[] = [
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ],
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
    ["cache-control", "no-cache"],
  ],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];
const LATER = "Mon, 21 Oct 2013 20:13:22 GMT";
const COOKIE = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const REST: readonly Header[] = [
  ["cache-control", "private"],
  ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ["location", "https://www.example.com"],
];
const RESPONSES: readonly (readonly Header[])[] = [
  [[":status", "302"], ...REST],
  [[":status", "307"], ...REST],
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", LATER],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", COOKIE],
  ],
];

describe("HPACK reads the RFC's examples:", () => {
  it.each<[string, number, readonly string[], readonly (readonly Header[])[]]>([
    [
      "C.2.1, a literal to be indexed",
      4096,
      ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"],
      [[["custom-key", "custom-header"]]],
    ],
    [
      "C.2.2, a literal that is not indexed",
      4096,
      ["040c 2f73 616d 706c 652f 7061 7468"],
      [[[":path", "/sample/path"]]],
    ],
    [
      "C.2.3, a literal that is never indexed",
      4096,
      ["1008 7061 7373 776f 7264 0673 6563 7265 74"],
      [[["password", "secret"]]],
    ],
    ["C.2.4, a field of the table", 4096, ["82"], [[[":method", "GET"]]]],
    [
      "C.3, requests",
      4096,
      [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ],
      REQUESTS,
    ],
    [
      "C.4, requests in Huffman's code",
      4096,
      [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ],
      REQUESTS,
    ],
    [
      "C.5, responses, with a table that is too small for all",
      256,
      [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
      ],
      RESPONSES,
    ],
    [
      "C.6, the same in Huffman's code",
      256,
      [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
      ],
      RESPONSES,
    ],
  ])("%s", (_, tableSize, blocks, expected) => {
    const decoder = createHpackDecoder(tableSize, 1 << 16);
    expect(blocks.map((block) => decoder.decode(bytes(block)))).toEqual(expected);
  });
});

describe("HPACK", () => {
  it("reads what it writes, with numbers and texts of all lengths", () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 400,
    });
    const field = fc.oneof(
      fc.tuple(text, text),
      fc.constantFrom(...STATIC_TABLE.slice(1)).map(([name, value]): [string, string] => [name, value]),
      fc.tuple(fc.constantFrom("authorization", ":path", "user-agent"), text),
    );
    fc.assert(
      fc.property(fc.array(fc.array(field, { maxLength: 8 }), { maxLength: 4 }), (blocks) => {
        const decoder = createHpackDecoder(4096, 1 << 20);
        expect(decoder.decode(NO_TABLE)).toEqual([]);
        for (const headers of blocks) expect(decoder.decode(encodeHeaders(headers))).toEqual(headers);
      }),
      { numRuns: 100 },
    );
  });

  it("leaves fields out that are too many together, and knows the table all the same", () => {
    const decoder = createHpackDecoder(4096, 100);
    // Two fields to be indexed, of 34 and 70 bytes.
    const large = Buffer.concat([bytes("4001 61 01 31"), bytes("4001 62 25"), Buffer.alloc(37, "x")]);
    expect(decoder.decode(large)).toBeUndefined();
    expect(decoder.decode(bytes("bf"))).toEqual([["a", "1"]]);
    expect(decoder.decode(bytes("be"))).toEqual([["b", "x".repeat(37)]]);
  });

  it.each([
    ["an index of 0", "80"],
    ["an index past the tables", "be"],
    ["a name past the tables", "7f 80 01 01 61"],
    ["a number without its end", "ff 80"],
    ["a number past all sense", "ff ff ff ff ff ff 0f"],
    ["a text without its end", "40 05 61"],
    ["a text that is missing", "40 01 61"],
    ["a table larger than was allowed", "3f e2 1f"],
    ["a new size of the table after a field", "82 20"],
    ["a Huffman code that breaks off in a symbol", "40 81 00 81 1f"],
    ["padding of a whole byte", "40 82 1f ff 81 1f"],
    ["padding that is not all ones", "40 81 18 81 1f"],
    ["the end's own symbol", "40 84 ff ff ff ff 81 1f"],
  ])("refuses %s", (_, block) => {
    expect(() => createHpackDecoder(4096, 1 << 16).decode(bytes(block))).toThrow(
      expect.objectContaining({ tag: "http2-protocol", details: { code: 9 } }),
    );
  });

  it("forgets the oldest fields where the table becomes smaller", () => {
    const decoder = createHpackDecoder(4096, 1 << 16);
    decoder.decode(bytes("4001 61 01 31 4001 62 01 32"));
    expect(decoder.decode(bytes("3f 03 be"))).toEqual([["b", "2"]]);
    expect(() => decoder.decode(bytes("bf"))).toThrow(/index 63/);
  });

  it("knows no Huffman-coded text that is longer than its code", () => {
    // Five bits of every symbol "0" are zeros.
    expect(huffmanDecoded(new Uint8Array(5))).toBe("00000000");
  });
});
