/** The start page and every chat: one page, so that the box keeps its place between them. */

import { useEffect, useMemo, useState } from "react";
import { ApiError } from "../api/client.ts";
import { useChat, useConfig } from "../api/queries.ts";
import type { Message } from "../api/types.ts";
import { ask, stop } from "../chat/actions.ts";
import { stageText } from "../chat/answer_turn.tsx";
import { useChanges } from "../chat/changes.ts";
import { Composer } from "../chat/composer.tsx";
import { useProgress } from "../chat/streams.ts";
import { Transcript } from "../chat/transcript.tsx";
import { pathThrough, type Choices } from "../chat/tree.ts";
import { useSpeech, useText } from "../i18n/language.tsx";
import { useTitle } from "../router.tsx";
import { toast } from "../ui/toast.tsx";
import { Failure } from "./failure.tsx";
import { Facts, Suggestions, Welcome } from "./welcome.tsx";

export function ChatPage({ id }: { id: string | null }) {
  const { t, language } = useSpeech();
  const config = useConfig().data;
  const chat = useChat(id);
  const [choices, setChoices] = useState<Choices>({});
  const messages = chat.data?.messages;
  const path = useMemo(() => pathThrough(messages ?? [], choices), [messages, choices]);
  const last = path.at(-1)?.message;
  const running = last?.role === "assistant" && last.state === "running" ? last : null;
  useTitle(chat.data?.title ? t.app.title(chat.data.title) : "Myna");

  const choose = (message: Message) =>
    setChoices((now) => ({ ...now, [message.parent_id ?? ""]: message.id }));
  const onAsk = async (text: string): Promise<boolean> => {
    try {
      await ask(id, text, last?.role === "assistant" ? last.id : null, language);
      return true;
    } catch (error) {
      const unreachable = error instanceof ApiError && error.status === 0;
      toast(unreachable ? t.failure.unreachable : t.answer.notSent, true);
      return false;
    }
  };
  const onStop = () => {
    if (running) stop(running).catch((error: Error) => toast(error.message, true));
  };
  useEscape(onStop);
  useChanges(id !== null);

  const empty = id === null;
  if (!empty && chat.isError && !chat.data) {
    const gone = chat.error instanceof ApiError && chat.error.status < 500 && chat.error.status > 0;
    return (
      <Failure
        text={gone ? t.chat.missing : t.failure.unreachable}
        {...(gone ? {} : { onRetry: () => void chat.refetch() })}
      />
    );
  }
  return (
    <div
      className={`flex h-full min-h-0 flex-col ${empty ? "overflow-y-auto" : ""}`}
      {...(empty ? { "data-scroller": true } : {})}
    >
      {empty ? <Welcome /> : <h1 className="sr-only">{chat.data?.title || t.app.untitled}</h1>}
      {!empty && <Transcript key={id} path={path} running={running !== null} onChoose={choose} />}
      <div className="mx-auto w-full max-w-3xl shrink-0 px-3 pb-2 sm:px-6">
        <Composer
          placeholder={path.length > 0 ? t.ask.followUp : t.ask.placeholder}
          running={running !== null}
          onAsk={onAsk}
          onStop={onStop}
        />
        <p className="px-2 pt-2 text-center text-xs text-balance text-muted">
          {config?.model.ready === false ? t.ask.notReady : t.ask.hint}
        </p>
      </div>
      {empty && <Suggestions onAsk={onAsk} />}
      {empty && <Facts />}
      {last?.role === "assistant" && <Announcement message={last} />}
    </div>
  );
}

/** Says each stage once to those who listen; the words themselves would be too many. */
function Announcement({ message }: { message: Message }) {
  const { answer } = useText();
  const progress = useProgress(message);
  const shown = progress?.message ?? message;
  const text =
    shown.state === "running"
      ? stageText(shown, progress, answer) || answer.writing
      : answer.finished(shown.sources.length);
  return (
    <p role="status" className="sr-only">
      {text}
    </p>
  );
}

/** Esc, unless something that is open took it. */
function useEscape(action: () => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      if (document.querySelector("dialog[open]")) return;
      action();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  });
}
