/** A question: shown as the heading of its answer, and editable into a new version. */

import { useState } from "react";
import type { Message } from "../api/types.ts";
import { useSpeech } from "../i18n/language.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { askAgain } from "./actions.ts";
import type { Turn } from "./tree.ts";
import { Versions } from "./versions.tsx";

interface Props {
  turn: Turn;
  /** False while an answer is being written. */
  editable: boolean;
  onChoose: (message: Message) => void;
  onEdit: (message: Message, text: string) => void;
}

/** Above this many characters a question is a text, not a heading. */
const LONG = 160;

export function QuestionTurn({ turn, editable, onChoose, onEdit }: Props) {
  const { t, language } = useSpeech();
  const { message } = turn;
  const [draft, setDraft] = useState<string | null>(null);
  if (draft !== null) {
    const done = (text: string) => {
      setDraft(null);
      if (text.trim() && text.trim() !== message.text) onEdit(message, text.trim());
    };
    return (
      <form
        className="grid gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          done(draft);
        }}
      >
        <textarea
          // The reader pressed "edit": this is where they want to be.
          // oxlint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          aria-label={t.answer.edit}
          value={draft}
          rows={3}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") {
              event.preventDefault();
              setDraft(null);
            } else if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              done(draft);
            }
          }}
          className="rounded-2xl border border-line bg-surface p-3 outline-none focus:border-amber"
        />
        <span className="flex justify-end gap-2">
          <Button onClick={() => setDraft(null)}>{t.chat.cancel}</Button>
          <Button look="strong" type="submit">
            {t.answer.ask}
          </Button>
        </span>
      </form>
    );
  }
  const look =
    message.text.length > LONG ? "text-lg font-medium" : "text-2xl leading-tight font-semibold";
  return (
    <div className="group grid gap-1">
      <div className="flex items-start gap-2">
        <h2 className={`${look} min-w-0 whitespace-pre-wrap wrap-anywhere`} dir="auto">
          <span className="sr-only">{t.answer.you}: </span>
          {message.text}
        </h2>
        {editable && message.state === "done" && (
          <IconButton
            small
            icon="pencil"
            label={t.answer.edit}
            onClick={() => setDraft(message.text)}
            className="opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100"
          />
        )}
      </div>
      <Versions turn={turn} onChoose={onChoose} />
      {message.state === "failed" && (
        <p role="alert" className="flex flex-wrap items-center gap-2 text-sm text-danger">
          <Icon name="warning" className="size-4" />
          {t.answer.notSent} {message.error?.message}
          <Button icon="again" onClick={() => void askAgain(message, language)}>
            {t.answer.retry}
          </Button>
        </p>
      )}
    </div>
  );
}
