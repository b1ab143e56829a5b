import { describe, expect, it } from "vitest";
import { pickLanguage, dictionaries } from "../src/i18n/language.tsx";
import { ago, dayGroup } from "../src/i18n/time.tsx";
import { licenseName } from "../src/pages/license.ts";
import { cutText } from "../src/post/post_text.tsx";
import { parseRoute, searchPath } from "../src/router.tsx";
import { withSources } from "../src/text/answer_text.ts";
import { linkify } from "../src/text/links.ts";
import { makeMessage, makePost } from "./message.ts";

const hrefs = (text: string) =>
  linkify(text).flatMap((piece) => (piece.kind === "link" ? [piece.href] : []));

describe("linkify", () => {
  it("keeps punctuation out of the link", () => {
    expect(hrefs("See https://example.org/a, or (http://example.org/b).")).toEqual([
      "https://example.org/a",
      "http://example.org/b",
    ]);
  });

  it("keeps a bracket that the link opened", () => {
    expect(hrefs("(https://example.org/a_(b))")).toEqual(["https://example.org/a_(b)"]);
  });

  it("loses no character", () => {
    const text = "a https://example.org/? b http:// c ftp://x https://[bad d";
    expect(
      linkify(text)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(text);
  });
});

describe("cutText", () => {
  it("lights words, by code points, in links too", () => {
    const text = "🐦 firmware https://example.org/firmware";
    const pieces = cutText(text, [
      [2, 10],
      [31, 39],
    ]);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
    expect(pieces.filter((piece) => piece.lit)).toEqual([
      { text: "firmware", href: null, lit: true },
      { text: "firmware", href: "https://example.org/firmware", lit: true },
    ]);
  });
});

describe("withSources", () => {
  it("puts numbers after the cited spans and the cited posts below", () => {
    const message = makeMessage({
      text: "🐦 Use apt. Or not.",
      spans: [
        { kind: "citation", start: 2, end: 10, numbers: [2] },
        { kind: "unsupported", start: 11, end: 18, numbers: [] },
      ],
      sources: [
        { number: 1, post: makePost({ text: "Unused." }), parent: null },
        { number: 2, post: makePost(), parent: null },
      ],
    });
    const words = {
      heading: "Sources:",
      unsupported: "no source",
      removed: dictionaries.en.removed,
    };
    expect(withSources(message, "http://127.0.0.1:8080", words)).toBe(
      "🐦 Use apt.[2] Or not.[no source]\n\nSources:\n" +
        "[2] ann, 2008-04-24: “Use apt.” http://127.0.0.1:8080/p/net/2008%2F1",
    );
  });

  it("says in the reader's language what was removed", () => {
    const message = makeMessage({
      text: "🐦 [gone]. Yes.",
      spans: [
        { kind: "removed", start: 2, end: 8, numbers: [1], reason: "deleted" },
        { kind: "citation", start: 10, end: 14, numbers: [2] },
      ],
    });
    const words = { heading: "", unsupported: "", removed: dictionaries.fr.removed };
    expect(withSources(message, "http://127.0.0.1:8080", words)).toBe(
      `🐦 ${dictionaries.fr.removed.deleted}. Yes.[2]`,
    );
  });
});

describe("parseRoute", () => {
  it("reads a post's address, slashes and all", () => {
    const uri = "at://did:plc:x/app.bsky.feed.post/3k";
    const post = { page: "post", network: "bluesky", uri };
    expect(parseRoute(`/p/bluesky/${encodeURIComponent(uri)}`, "")).toEqual(post);
    expect(parseRoute(`/p/bluesky/${uri}`, "")).toEqual(post);
    expect(parseRoute("/me", "")).toEqual({ page: "me" });
    expect(parseRoute("/me/x", "")).toEqual({ page: "lost" });
  });

  it("reads a search and writes it", () => {
    const path = searchPath('from:ann "no sound"', "latest");
    const query = path.slice(path.indexOf("?"));
    expect(parseRoute("/search", query)).toEqual({
      page: "search",
      query: 'from:ann "no sound"',
      sort: "latest",
    });
  });

  it("is lost where nothing is", () => {
    expect(parseRoute("/nothing", "").page).toBe("lost");
    expect(parseRoute("/p/net/%E0%A4%A", "").page).toBe("lost");
    expect(parseRoute("/c/", "").page).toBe("lost");
  });
});

describe("language", () => {
  it("takes the first that it speaks", () => {
    expect(pickLanguage(["de-DE", "fr-CA", "en"])).toBe("fr");
    expect(pickLanguage(["de"])).toBe("en");
  });

  it("says each operator and key in every language", () => {
    const { en, fr } = dictionaries;
    expect(fr.search.operators).toHaveLength(en.search.operators.length);
    expect(fr.about.keys).toHaveLength(en.about.keys.length);
    expect(fr.nav.posts(0)).toBe("0 message");
    expect(en.nav.posts(0)).toBe("0 posts");
  });
});

describe("time", () => {
  const now = new Date(2026, 10, 24, 9, 0);
  const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000).toISOString();

  it("groups chats by the reader's calendar", () => {
    expect([1, 10, 40, 24 * 5, 24 * 9].map((h) => dayGroup(hoursAgo(h), now))).toEqual([
      "today",
      "yesterday",
      "week",
      "week",
      "older",
    ]);
  });

  it("says how long ago, then the date", () => {
    expect(ago(hoursAgo(2), "en", now.getTime())).toBe("2 hr. ago");
    expect(ago("2008-04-24T12:00:00Z", "en", now.getTime())).toBe("Apr 24, 2008");
  });
});

describe("licenseName", () => {
  it("knows Creative Commons", () => {
    expect(licenseName("https://creativecommons.org/licenses/by/4.0/")).toBe("CC BY 4.0");
    expect(licenseName("https://creativecommons.org/licenses/by-sa/3.0/deed.fr")).toBe(
      "CC BY-SA 3.0",
    );
    expect(licenseName("https://creativecommons.org/publicdomain/zero/1.0/")).toBe("CC0 1.0");
    expect(licenseName("https://example.org/terms")).toBe("example.org");
  });
});
