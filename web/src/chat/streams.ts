/**
 * The answers that are being written, one connection each, apart from the components that show
 * them: leaving a chat and coming back shows the same stream.
 */

import { useCallback, useSyncExternalStore } from "react";
import { ApiError } from "../api/client.ts";
import { followStream, type Frame } from "../api/event_stream.ts";
import { queryClient, keys } from "../api/queries.ts";
import type { Chat, Message, StreamEvent } from "../api/types.ts";
import { advance, begin, isLast, type Progress } from "./progress.ts";

interface Follower {
  progress: Progress;
  listeners: Set<() => void>;
  abort: AbortController;
  scheduled: boolean;
}

const followers = new Map<string, Follower>();

/** How long a stream goes on that nobody looks at, in case somebody comes back. */
const UNWATCHED_MS = 30_000;
const SETTLED_MS = 1_000;

/**
 * The message as far as it is written; while it runs, its stream is followed. `null` for
 * messages that are complete already.
 */
export function useProgress(message: Message): Progress | null {
  const running = message.role === "assistant" && message.state === "running";
  const id = message.id;
  const subscribe = useCallback(
    (listener: () => void) => {
      if (!running || isPending(id)) return () => {};
      const follower = followers.get(id) ?? follow(message);
      follower.listeners.add(listener);
      return () => {
        follower.listeners.delete(listener);
        setTimeout(() => {
          if (follower.listeners.size === 0) finish(id, follower);
        }, UNWATCHED_MS);
      };
    },
    // The stream belongs to the id; the rest of the message comes through it.
    // oxlint-disable-next-line react/exhaustive-deps
    [id, running],
  );
  const progress = useSyncExternalStore(
    subscribe,
    () => (running ? followers.get(id)?.progress : undefined) ?? null,
  );
  return running ? progress : null;
}

/** Messages that the server has not confirmed yet have made-up ids. */
const PENDING = "pending-";
export const pendingId = (): string =>
  `${PENDING}${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
export const isPending = (id: string): boolean => id.startsWith(PENDING);

function follow(message: Message): Follower {
  const follower: Follower = {
    progress: begin(message),
    listeners: new Set(),
    abort: new AbortController(),
    scheduled: false,
  };
  followers.set(message.id, follower);
  const change = (progress: Progress) => {
    follower.progress = progress;
    notify(follower);
  };
  const onFrame = (frame: Frame): boolean => {
    const event = { ...JSON.parse(frame.data), type: frame.event } as StreamEvent;
    change(advance(follower.progress, event));
    return isLast(event);
  };
  followStream({
    url: `/api/messages/${message.id}/events`,
    signal: follower.abort.signal,
    onFrame,
    onConnection: (connected) => change({ ...follower.progress, connected }),
  })
    .catch((error: unknown) => {
      const code = error instanceof ApiError ? error.code : "stream";
      const text = error instanceof Error ? error.message : String(error);
      change(advance(follower.progress, { type: "error", code, message: text }));
    })
    .finally(() => {
      if (follower.abort.signal.aborted) return;
      settle(follower.progress.message);
      if (follower.progress.withdrawn) {
        void queryClient.invalidateQueries({ queryKey: keys.chat(message.chat_id) });
      }
      // Not at once: until the cache has told everybody, the last state is shown from here.
      setTimeout(() => finish(message.id, follower), SETTLED_MS);
    });
  return follower;
}

/** The finished message takes its place in the chat; then the list of chats may have a title. */
function settle(message: Message): void {
  putMessages(message.chat_id, [message]);
  void queryClient.invalidateQueries({ queryKey: keys.chats });
  announce(message.chat_id);
}

function finish(id: string, follower: Follower): void {
  follower.abort.abort();
  if (followers.get(id) === follower) followers.delete(id);
  notify(follower);
}

/**
 * How long to wait before the components hear of a change. Tokens come faster than anyone reads,
 * and Markdown of 10,000 characters takes 30 ms to render: so a frame at first, less often later.
 */
export function pauseFor(characters: number): number {
  return Math.min(250, Math.max(16, characters / 40));
}

function notify(follower: Follower): void {
  if (follower.scheduled) return;
  follower.scheduled = true;
  const tell = () => {
    follower.scheduled = false;
    for (const listener of follower.listeners) listener();
  };
  setTimeout(tell, pauseFor(follower.progress.message.text.length));
}

/** Adds messages to a chat in the cache, or replaces those with the same id. */
export function putMessages(chatId: string, added: readonly Message[], without?: string[]): void {
  queryClient.setQueryData<Chat>(keys.chat(chatId), (chat) => {
    if (!chat) return chat;
    const fresh = new Map(added.map((message) => [message.id, message]));
    const kept = chat.messages
      .filter((message) => !without?.includes(message.id))
      .map((message) => {
        const replacement = fresh.get(message.id);
        fresh.delete(message.id);
        return replacement ?? message;
      });
    return { ...chat, messages: [...kept, ...fresh.values()] };
  });
}

/** Other tabs of this browser hear that a chat has changed and look again. */
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("myna") : null;
channel?.addEventListener("message", (event: MessageEvent<{ chat?: string }>) => {
  void queryClient.invalidateQueries({ queryKey: keys.chats });
  if (event.data.chat) void queryClient.invalidateQueries({ queryKey: keys.chat(event.data.chat) });
});

export function announce(chat: string): void {
  channel?.postMessage({ chat });
}
