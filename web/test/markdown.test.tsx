import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { renderMarkdown } from "../src/text/markdown.tsx";
import { rangesToUtf16 } from "../src/text/offsets.ts";

const PARTS = {
  Span: ({ index, children }: { index: number; children?: unknown }) => (
    <s data-i={index}>{children as string}</s>
  ),
  SpanEnd: ({ index }: { index: number }) => <sup>{index}</sup>,
};

/** Renders with spans given by the pieces of text that they cover. */
function render(text: string, covered: string[] = [], growing = false): string {
  const ranges = covered.map((piece, index) => {
    const start = text.indexOf(piece);
    if (start < 0) throw new Error(`“${piece}” is not in the text`);
    const before = Array.from(text.slice(0, start)).length;
    return { start: before, end: before + [...piece].length, index };
  });
  return renderToStaticMarkup(
    renderMarkdown(text, rangesToUtf16(text, ranges), PARTS, growing),
  ).replaceAll("\n", "");
}

describe("spans in Markdown", () => {
  it("wraps a sentence and ends it with its number", () => {
    expect(render("One. Two. Three.", ["Two."])).toBe(
      '<p>One. <s data-i="0">Two.</s><sup>0</sup> Three.</p>',
    );
  });

  it("goes through emphasis and code, with one end", () => {
    expect(render("Run **`apt`** now. Later.", ["Run **`apt`** now."])).toBe(
      '<p><s data-i="0">Run </s><strong><code><s data-i="0">apt</s></code></strong>' +
        '<s data-i="0"> now.</s><sup>0</sup> Later.</p>',
    );
  });

  it("counts code points before and inside the span", () => {
    expect(render("🐦🐦 sing. Birds 🐦 fly. End", ["Birds 🐦 fly."])).toBe(
      '<p>🐦🐦 sing. <s data-i="0">Birds 🐦 fly.</s><sup>0</sup> End</p>',
    );
  });

  it("survives escapes and entities before and inside the span", () => {
    expect(render("A \\* b &amp; c. Use \\_x\\_ &lt; y. End", ["Use \\_x\\_ &lt; y."])).toBe(
      '<p>A * b &amp; c. <s data-i="0">Use _x_ &lt; y.</s><sup>0</sup> End</p>',
    );
  });

  it("covers list items, each with its own end", () => {
    expect(render("- first\n- second", ["first", "second"])).toBe(
      '<ul><li><s data-i="0">first</s><sup>0</sup></li>' +
        '<li><s data-i="1">second</s><sup>1</sup></li></ul>',
    );
  });

  it("puts the end behind a link and behind a code block, not into it", () => {
    expect(render("See https://example.org/a here", ["See https://example.org/a"])).toMatch(
      /<\/s><\/a><sup>0<\/sup> here/,
    );
    expect(render("```\nsudo reboot\n```", ["sudo reboot"])).toMatch(
      /<\/code><\/pre><p><sup>0<\/sup><\/p>/,
    );
  });

  it("keeps the numbers of neighbours apart and in order", () => {
    expect(render("One. Two.", ["One.", "Two."])).toBe(
      '<p><s data-i="0">One.</s><sup>0</sup> <s data-i="1">Two.</s><sup>1</sup></p>',
    );
  });

  it("renders spans that overlap", () => {
    expect(render("abc def ghi", ["abc def", "def ghi"])).toBe(
      '<p><s data-i="0">abc </s><s data-i="0"><s data-i="1">def</s></s><sup>0</sup>' +
        '<s data-i="1"> ghi</s><sup>1</sup></p>',
    );
  });

  it("covers a whole paragraph and the white space around it", () => {
    expect(render("One.\n\nTwo.\n\nThree.", ["\n\nTwo.\n\n"])).toContain(
      '<p><s data-i="0">Two.</s><sup>0</sup></p>',
    );
  });

  it("marks text in a table", () => {
    expect(render("| a | b |\n|---|---|\n| c | d |", ["c"])).toContain(
      '<td><s data-i="0">c</s><sup>0</sup></td>',
    );
  });
});

describe("text that is not to be trusted", () => {
  it("shows HTML as text", () => {
    expect(render("a <script>alert(1)</script> <device> b")).toBe(
      "<p>a &lt;script&gt;alert(1)&lt;/script&gt; &lt;device&gt; b</p>",
    );
    expect(render("<div>\nblock\n</div>")).toContain("&lt;div&gt;");
  });

  it("makes links of http and mailto only", () => {
    expect(render("[x](javascript:alert(1))")).toBe("<p><span>x</span></p>");
    expect(render("[x](https://example.org/)")).toContain('href="https://example.org/"');
    expect(render("[x](https://example.org/)")).toContain("noopener");
  });

  it("never loads an image", () => {
    const html = render("![a cat](https://example.org/cat.png)");
    expect(html).not.toContain("<img");
    expect(html).toContain("a cat");
  });
});

describe("text that still grows", () => {
  it("closes what is open", () => {
    expect(render("This is **bold", [], true)).toBe("<p>This is <strong>bold</strong></p>");
    expect(render("Run `co", [], true)).toBe("<p>Run <code>co</code></p>");
  });

  it("keeps spans in place while the end is open", () => {
    expect(render("Done here. Then **bo", ["Done here."], true)).toBe(
      '<p><s data-i="0">Done here.</s><sup>0</sup> Then <strong>bo</strong></p>',
    );
  });
});
