/** Where questions are typed. Enter sends, Shift+Enter breaks the line. */

import {
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  type KeyboardEvent,
  type SyntheticEvent,
} from "react";
import { useText } from "../i18n/language.tsx";
import { Icon } from "../ui/icon.tsx";

interface Props {
  placeholder: string;
  /** An answer is being written: the button stops it. */
  running: boolean;
  /** Resolves to false if the question could not be taken; then it stays in the box. */
  onAsk: (text: string) => Promise<boolean>;
  onStop: () => void;
}

const LONGEST_QUESTION = 8_000;

export function Composer({ placeholder, running, onAsk, onStop }: Props) {
  const t = useText();
  const [text, setText] = useState("");
  const [sending, setSending] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
    // As tall as its text.
    // oxlint-disable-next-line react/exhaustive-effect-dependencies
  }, [text]);

  useEffect(() => {
    // On a touch screen focus would raise the keyboard over the page.
    if (matchMedia("(pointer: fine)").matches) box.current?.focus();
    const focusOnSlash = (event: globalThis.KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const typing = target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      box.current?.focus();
    };
    document.addEventListener("keydown", focusOnSlash);
    return () => document.removeEventListener("keydown", focusOnSlash);
  }, []);

  const send = async () => {
    const question = text.trim();
    if (!question || running || sending) return;
    setSending(true);
    setText("");
    if (!(await onAsk(question))) setText((now) => now || question);
    setSending(false);
  };
  const onSubmit = (event: SyntheticEvent) => {
    event.preventDefault();
    void send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes, Enter chooses a candidate.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };
  return (
    <form
      onSubmit={onSubmit}
      className="flex items-end gap-2 rounded-3xl border border-line bg-surface p-2 pl-5 shadow-sm transition-colors focus-within:border-amber has-[textarea:focus-visible]:shadow-md"
    >
      <textarea
        ref={box}
        rows={1}
        value={text}
        maxLength={LONGEST_QUESTION}
        aria-label={t.ask.label}
        placeholder={placeholder}
        enterKeyHint="send"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
        className="max-h-52 min-h-10 grow resize-none self-center bg-transparent py-2 leading-6 outline-none placeholder:text-muted"
      />
      {running ? (
        <button
          type="button"
          onClick={onStop}
          aria-label={t.ask.stop}
          title={`${t.ask.stop} (Esc)`}
          className="grid size-10 shrink-0 place-items-center rounded-full bg-ink text-page hover:opacity-85"
        >
          <span className="size-3 rounded-[3px] bg-current" />
        </button>
      ) : (
        <button
          type="submit"
          disabled={!text.trim() || sending}
          aria-label={t.ask.send}
          title={t.ask.send}
          className="grid size-10 shrink-0 place-items-center rounded-full bg-amber text-[#2a1c00] hover:brightness-105 disabled:bg-hover disabled:text-muted"
        >
          <Icon name="up" />
        </button>
      )}
    </form>
  );
}
