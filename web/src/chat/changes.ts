/**
 * Hears from the server when something was removed from one of this viewer's answers, while a chat
 * is open and the page is in view. Coming back into view, or after a lost connection, it looks anew.
 */

import { useEffect } from "react";
import { keys, queryClient } from "../api/queries.ts";

/** Chats that are not on the page are read anew when they are opened. */
function lookAnew(chat: string | null): void {
  const queryKey = chat === null ? keys.anyChat : keys.chat(chat);
  queryClient.removeQueries({ queryKey, type: "inactive" });
  void queryClient.invalidateQueries({ queryKey });
}

export function useChanges(open: boolean): void {
  useEffect(() => {
    if (!open) return;
    let source: EventSource | null = null;
    const follow = () => {
      if (document.visibilityState === "hidden") {
        source?.close();
        source = null;
        return;
      }
      if (source) return;
      source = new EventSource("/api/changes");
      source.addEventListener("ready", () => lookAnew(null));
      source.addEventListener("changed", (event: MessageEvent<string>) => {
        lookAnew((JSON.parse(event.data) as { chat_id: string | null }).chat_id);
      });
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      source?.close();
    };
  }, [open]);
}
