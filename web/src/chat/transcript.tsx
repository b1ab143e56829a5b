/** The path through a chat, from its first question to its last answer. */

import { useLayoutEffect, useState } from "react";
import { useStickToBottom } from "use-stick-to-bottom";
import type { Message } from "../api/types.ts";
import { useSpeech } from "../i18n/language.tsx";
import { rememberedScroll } from "../router.tsx";
import { Icon } from "../ui/icon.tsx";
import { toast } from "../ui/toast.tsx";
import { ask, regenerate } from "./actions.ts";
import { AnswerTurn } from "./answer_turn.tsx";
import { QuestionTurn } from "./question_turn.tsx";
import type { Turn } from "./tree.ts";

interface Props {
  path: readonly Turn[];
  running: boolean;
  onChoose: (message: Message) => void;
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function Transcript({ path, running, onChoose }: Props) {
  const { t, language } = useSpeech();
  const [left] = useState(rememberedScroll);
  const { scrollRef, contentRef, isAtBottom, scrollToBottom } = useStickToBottom({
    initial: left === undefined ? "instant" : false,
    resize: calm() ? "instant" : "smooth",
  });
  useLayoutEffect(() => {
    if (left !== undefined && scrollRef.current) scrollRef.current.scrollTop = left;
  }, [left, scrollRef]);

  const length = path.length;
  useLayoutEffect(() => {
    if (running) void scrollToBottom(calm() ? "instant" : "smooth");
    // A new question goes to the foot of the page, wherever one was reading.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [length]);

  const answerAgain = (message: Message) => {
    regenerate(message, language)
      .then(onChoose)
      .catch((error: Error) => toast(error.message, true));
  };
  const edit = (message: Message, text: string) =>
    void ask(message.chat_id, text, message.parent_id, language);
  return (
    <div className="relative min-h-0 grow">
      <div ref={scrollRef} data-scroller className="h-full overflow-y-auto">
        <div
          ref={contentRef}
          role="log"
          aria-label={t.chat.conversation}
          aria-live="off"
          className="mx-auto grid max-w-3xl gap-5 px-4 pt-4 pb-8 sm:px-6 sm:pt-8"
        >
          {path.map((turn, i) =>
            turn.message.role === "user" ? (
              <div
                // A place in the path; the versions at it take turns.
                // oxlint-disable-next-line react/no-array-index-key
                key={i}
                className={i > 0 ? "mt-3 border-t border-line pt-7" : ""}
              >
                <QuestionTurn turn={turn} editable={!running} onChoose={onChoose} onEdit={edit} />
              </div>
            ) : (
              <AnswerTurn
                // oxlint-disable-next-line react/no-array-index-key
                key={i}
                turn={turn}
                latest={i === length - 1}
                onChoose={onChoose}
                onRegenerate={answerAgain}
              />
            ),
          )}
        </div>
      </div>
      {!isAtBottom && (
        <button
          type="button"
          aria-label={t.chat.toBottom}
          title={t.chat.toBottom}
          onClick={() => void scrollToBottom()}
          className="absolute animate-appear bottom-2 left-1/2 grid size-9 -translate-x-1/2 place-items-center rounded-full border border-line bg-surface shadow-md hover:bg-hover"
        >
          <Icon name="down" className="size-4" />
        </button>
      )}
    </div>
  );
}
