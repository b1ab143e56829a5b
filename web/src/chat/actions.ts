/** Ask, ask again, answer again, stop: what changes a chat. */

import { api } from "../api/client.ts";
import { keys, queryClient } from "../api/queries.ts";
import type { Chat, Message, Post, Telling } from "../api/types.ts";
import { navigate } from "../router.tsx";
import { announce, isPending, pendingId, putMessages } from "./streams.ts";

/**
 * Sends a question, in a new chat where there is none. The question is shown at once; if it
 * cannot be sent, it stays, marked as failed.
 */
export async function ask(
  chatId: string | null,
  text: string,
  parent: string | null,
  language: string,
): Promise<void> {
  const id = chatId ?? (await createChat());
  // A refetch under way would bring back the list without this question.
  await queryClient.cancelQueries({ queryKey: keys.chat(id) });
  const user = draft(id, parent, "user", text);
  const assistant = draft(id, user.id, "assistant", "");
  putMessages(id, [user, assistant]);
  try {
    const sent = await api.ask(id, text, parent, language);
    await putSent(id, [sent.user, sent.assistant], [user.id, assistant.id]);
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    putMessages(
      id,
      [{ ...user, state: "failed", error: { code: "not_sent", message } }],
      [assistant.id],
    );
    return;
  }
  void queryClient.invalidateQueries({ queryKey: keys.chats });
  announce(id);
}

/** Has a post told of, in a chat of its own, and goes there. */
export async function tell(kind: Telling, post: Post, language: string): Promise<void> {
  const { user } = await api.tell(kind, post.network, post.uri, language);
  void queryClient.invalidateQueries({ queryKey: keys.chats });
  navigate(`/c/${user.chat_id}`);
  announce(user.chat_id);
}

/** Sends a question again that could not be sent. */
export async function askAgain(failed: Message, language: string): Promise<void> {
  putMessages(failed.chat_id, [], [failed.id]);
  await ask(failed.chat_id, failed.text, failed.parent_id, language);
}

export async function regenerate(message: Message, language: string): Promise<Message> {
  await queryClient.cancelQueries({ queryKey: keys.chat(message.chat_id) });
  const { assistant } = await api.regenerate(message.id, language);
  await putSent(message.chat_id, [assistant]);
  announce(message.chat_id);
  return assistant;
}

/** Stops a running answer. Its stream brings the last word, so nothing is changed here. */
export async function stop(message: Message): Promise<void> {
  if (!isPending(message.id)) await api.stop(message.id);
}

/**
 * Shows what the server has taken. A refetch that began before would bring back the list without it:
 * that one is given up, and another one begun.
 */
async function putSent(chat: string, sent: readonly Message[], without?: string[]): Promise<void> {
  const queryKey = keys.chat(chat);
  const stale = queryClient.isFetching({ queryKey }) > 0;
  if (stale) await queryClient.cancelQueries({ queryKey });
  putMessages(chat, sent, without);
  if (stale) void queryClient.invalidateQueries({ queryKey });
}

async function createChat(): Promise<string> {
  const chat = await api.createChat();
  queryClient.setQueryData<Chat>(keys.chat(chat.id), { ...chat, messages: [] });
  navigate(`/c/${chat.id}`);
  return chat.id;
}

function draft(chat: string, parent: string | null, role: Message["role"], text: string): Message {
  return {
    id: pendingId(),
    chat_id: chat,
    parent_id: parent,
    role,
    state: role === "user" ? "done" : "running",
    outcome: null,
    text,
    spans: [],
    sources: [],
    notices: [],
    left_out: 0,
    usage: null,
    error: null,
    model: null,
    prompt_version: null,
    model_version: null,
    created_at: new Date().toISOString(),
    finished_at: null,
  };
}
