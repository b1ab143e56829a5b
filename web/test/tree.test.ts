import { describe, expect, it } from "vitest";
import { pathThrough } from "../src/chat/tree.ts";
import { makeMessage } from "./message.ts";

const node = (id: string, parent: string | null) =>
  makeMessage({ id, parent_id: parent, role: id.startsWith("q") ? "user" : "assistant" });

const MESSAGES = [
  node("q1", null),
  node("a1", "q1"),
  node("a2", "q1"),
  node("q2", "a1"),
  node("a3", "q2"),
];
const ids = (choices: Record<string, string>) =>
  pathThrough(MESSAGES, choices).map((turn) => turn.message.id);

describe("pathThrough", () => {
  it("takes the newest version at each fork", () => {
    expect(ids({})).toEqual(["q1", "a2"]);
  });

  it("follows the choices", () => {
    expect(ids({ q1: "a1" })).toEqual(["q1", "a1", "q2", "a3"]);
  });

  it("ignores a choice that is gone", () => {
    expect(ids({ q1: "deleted" })).toEqual(["q1", "a2"]);
  });

  it("lists the versions of a turn", () => {
    expect(pathThrough(MESSAGES, {})[1]?.siblings.map((message) => message.id)).toEqual([
      "a1",
      "a2",
    ]);
  });

  it("comes to an end in bad data", () => {
    expect(pathThrough([node("q1", "a1"), node("a1", "q1")], {})).toEqual([]);
    expect(pathThrough([node("q0", null), node("q0", "q0")], {})).toHaveLength(2);
  });
});
