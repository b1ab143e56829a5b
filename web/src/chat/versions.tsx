/** ‹ 1/2 ›: goes through the versions of a question or an answer. */

import type { Message } from "../api/types.ts";
import { useText } from "../i18n/language.tsx";
import { IconButton } from "../ui/button.tsx";
import type { Turn } from "./tree.ts";

interface Props {
  turn: Turn;
  onChoose: (message: Message) => void;
}

export function Versions({ turn, onChoose }: Props) {
  const t = useText();
  const { message, siblings } = turn;
  if (siblings.length < 2) return null;
  const at = siblings.indexOf(message);
  const previous = siblings[at - 1];
  const next = siblings[at + 1];
  return (
    <span
      role="group"
      aria-label={t.answer.version(at + 1, siblings.length)}
      className="inline-flex items-center text-sm text-muted tabular-nums"
    >
      <IconButton
        small
        icon="left"
        label={t.answer.previous}
        disabled={!previous}
        onClick={() => previous && onChoose(previous)}
      />
      {at + 1}/{siblings.length}
      <IconButton
        small
        icon="right"
        label={t.answer.next}
        disabled={!next}
        onClick={() => next && onChoose(next)}
      />
    </span>
  );
}
