import { describe, expect, it } from "vitest";
import { stretch } from "../src/pages/histogram.tsx";
import { parseRoute, searchPath } from "../src/router.tsx";

describe("stretch", () => {
  it("names days, months and years of UTC in the reader's language", () => {
    expect(stretch("2024-02-01T00:00:00Z", "month", "en")).toBe("February 2024");
    expect(stretch("2024-02-01T00:00:00Z", "month", "fr")).toBe("février 2024");
    expect(stretch("2024-01-01T00:00:00Z", "year", "en")).toBe("2024");
    expect(stretch("2024-01-31T00:00:00Z", "day", "en")).toBe("Jan 31, 2024");
  });
});

describe("the order of a search", () => {
  it("is part of its address", () => {
    for (const sort of ["relevance", "latest", "oldest"] as const) {
      const address = searchPath("a b", sort);
      expect(parseRoute("/search", address.slice("/search".length))).toEqual({
        page: "search",
        query: "a b",
        sort,
      });
    }
  });
});
