/**
 * The back end counts code points, JavaScript counts UTF-16 units: "🐦" is 1 there and 2 here.
 */

const SURROGATE = /[\uD800-\uDBFF][\uDC00-\uDFFF]/;

/** Turns code-point offsets into UTF-16 offsets. Offsets past the end become the end. */
export function toUtf16(text: string, offsets: readonly number[]): number[] {
  if (!SURROGATE.test(text)) return offsets.map((offset) => clamp(offset, text.length));
  // One walk over the text for all offsets: unitsAt[n] is where code point n begins.
  const unitsAt: number[] = [];
  let units = 0;
  for (const character of text) {
    unitsAt.push(units);
    units += character.length;
  }
  return offsets.map((offset) => unitsAt[Math.max(0, offset)] ?? text.length);
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(0, value), most);
}

/** Ranges in code points as ranges in UTF-16 units; empty and reversed ones are left out. */
export function rangesToUtf16<T extends { start: number; end: number }>(
  text: string,
  ranges: readonly T[],
): T[] {
  const offsets = toUtf16(
    text,
    ranges.flatMap((range) => [range.start, range.end]),
  );
  return ranges
    .map((range, i) => ({
      ...range,
      start: offsets[2 * i] ?? 0,
      end: offsets[2 * i + 1] ?? 0,
    }))
    .filter((range) => range.end > range.start);
}
