import { describe, expect, it } from "vitest";
import { rangesToUtf16, toUtf16 } from "../src/text/offsets.ts";

describe("toUtf16", () => {
  it("leaves offsets of plain text alone", () => {
    expect(toUtf16("une idée", [0, 4, 8])).toEqual([0, 4, 8]);
  });

  it("counts a character outside the basic plane twice", () => {
    const text = "a🐦b🐦c";
    const points = [...text];
    const offsets = toUtf16(text, [0, 1, 2, 3, 4, 5]);
    expect(offsets).toEqual([0, 1, 3, 4, 6, 7]);
    for (const [i, offset] of offsets.entries()) {
      expect(text.slice(offset)).toBe(points.slice(i).join(""));
    }
  });

  it("keeps joined emoji apart, as Python does", () => {
    const family = "👩‍👧"; // woman, joiner, girl: three code points, five units
    expect(toUtf16(`${family}!`, [3, 4])).toEqual([5, 6]);
  });

  it("holds offsets inside the text", () => {
    expect(toUtf16("abc", [-1, 99])).toEqual([0, 3]);
    expect(toUtf16("🐦", [-1, 99])).toEqual([0, 2]);
  });
});

describe("rangesToUtf16", () => {
  it("keeps what else a range carries and drops empty ranges", () => {
    const ranges = [
      { start: 0, end: 1, kind: "x" },
      { start: 2, end: 2, kind: "empty" },
      { start: 50, end: 60, kind: "beyond" },
    ];
    expect(rangesToUtf16("🐦 ok", ranges)).toEqual([{ start: 0, end: 2, kind: "x" }]);
  });
});
