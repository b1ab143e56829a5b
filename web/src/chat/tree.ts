/** A chat is a tree: asking or answering again makes a sibling. One path through it is shown. */

import type { Message } from "../api/types.ts";

export interface Turn {
  message: Message;
  /** Versions of this message, oldest first, itself included. */
  siblings: readonly Message[];
}

/** Which child was chosen below a message (or below the start: key ""). */
export type Choices = Readonly<Record<string, string>>;

/**
 * The path from the start to a leaf: at each fork the chosen child, else the newest.
 * `messages` are in order of creation.
 */
export function pathThrough(messages: readonly Message[], choices: Choices): Turn[] {
  const children = new Map<string, Message[]>();
  for (const message of messages) {
    const key = message.parent_id ?? "";
    const list = children.get(key);
    if (list) list.push(message);
    else children.set(key, [message]);
  }
  const path: Turn[] = [];
  let key = "";
  for (;;) {
    const siblings = children.get(key);
    const newest = siblings?.at(-1);
    if (!siblings || !newest) return path;
    const message = siblings.find((child) => child.id === choices[key]) ?? newest;
    path.push({ message, siblings });
    children.delete(key); // a loop in bad data must not hang the page
    key = message.id;
  }
}
