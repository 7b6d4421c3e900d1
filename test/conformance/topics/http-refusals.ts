import { expect, it } from "vitest";
import { expected, type Topic, topic } from "../subject.ts";
import { HTTP_REFUSED } from "../tables/http-refused.ts";
import { HTTP_REFUSED_MORE } from "../tables/http-refused-more.ts";
import type { HttpRefusal } from "../tables/http-requests.ts";
import { http, json } from "../wire/raw-http.ts";

export const httpRefusals: Topic = topic("HTTP: what is refused, and how", (subject) => {
  it.each([...HTTP_REFUSED, ...HTTP_REFUSED_MORE].map((row) => [row.what, row.path, row] as const))(
    "%s (%s)",
    async (_what, _path, { path, request, status, error, differs }) => {
      const want = expected<HttpRefusal>(
        subject(),
        { status, ...(error === undefined ? {} : { error }) },
        differs,
      );
      const answer = await http(subject().http, path, request);
      expect([answer.status, answer.text]).toEqual([want.status, expect.any(String)]);
      if (want.error !== undefined) expect(json(answer)).toEqual({ error: want.error });
    },
  );
});
