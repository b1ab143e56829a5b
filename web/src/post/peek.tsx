/**
 * A card that opens beside a control while the pointer rests on it or it has focus. On touch
 * screens, which cannot hover, a tap opens the card, and the card has the link.
 */

import * as Popover from "@radix-ui/react-popover";
import { useEffect, useRef, useSyncExternalStore, type PointerEvent, type ReactNode } from "react";

const OPEN_AFTER_MS = 100;
/** Time to move the pointer from the control into the card. */
const CLOSE_AFTER_MS = 180;

/** The name of the card that is open: one at a time, a second would cover the first. */
let openName: string | null = null;
const listeners = new Set<() => void>();

function show(name: string | null): void {
  openName = name;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether a card is open whose name begins so. */
export const useIsPeeking = (prefix: string): boolean =>
  useSyncExternalStore(subscribe, () => openName?.startsWith(prefix) ?? false);

interface Props {
  /** Unique on the page. */
  name: string;
  /** What the card is called, for those who do not see it. */
  label: string;
  card: ReactNode;
  /** The control: a link or a button. */
  children: ReactNode;
}

export function Peek({ name, label, card, children }: Props) {
  const open = useSyncExternalStore(subscribe, () => openName === name);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const touched = useRef(false);

  const change = (next: boolean) => {
    clearTimeout(timer.current ?? undefined);
    if (next) show(name);
    else if (openName === name) show(null);
  };
  const changeAfter = (next: boolean, milliseconds: number) => {
    clearTimeout(timer.current ?? undefined);
    timer.current = setTimeout(() => change(next), milliseconds);
  };
  useEffect(
    () => () => {
      clearTimeout(timer.current ?? undefined);
      if (openName === name) show(null);
    },
    [name],
  );
  const enter = (event: PointerEvent) => {
    if (event.pointerType !== "touch") changeAfter(true, OPEN_AFTER_MS);
  };
  const leave = (event: PointerEvent) => {
    if (event.pointerType !== "touch") changeAfter(false, CLOSE_AFTER_MS);
  };
  return (
    <Popover.Root open={open} onOpenChange={change}>
      <Popover.Anchor asChild>
        {/* Listens for the control inside it, which does its own work with a key or a click. */}
        {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions, jsx-a11y/click-events-have-key-events */}
        <span
          data-state={open ? "open" : "closed"}
          onPointerEnter={enter}
          onPointerLeave={leave}
          onPointerDown={(event) => {
            touched.current = event.pointerType === "touch";
          }}
          onClickCapture={(event) => {
            if (!touched.current) return;
            event.preventDefault();
            change(!open);
          }}
          onFocus={(event) => {
            if (event.target.matches(":focus-visible")) change(true);
          }}
          onBlur={() => changeAfter(false, CLOSE_AFTER_MS)}
        >
          {children}
        </span>
      </Popover.Anchor>
      <Popover.Portal>
        <Popover.Content
          aria-label={label}
          side="bottom"
          sideOffset={8}
          collisionPadding={12}
          onOpenAutoFocus={(event) => event.preventDefault()}
          onCloseAutoFocus={(event) => event.preventDefault()}
          // The focus that opens a card comes from outside it; losing it is dealt with above.
          onFocusOutside={(event) => event.preventDefault()}
          onPointerEnter={enter}
          onPointerLeave={leave}
          className="z-40 data-[state=open]:animate-appear max-h-[min(24rem,var(--radix-popover-content-available-height))] w-[min(24rem,calc(100vw-1.5rem))] overflow-y-auto rounded-2xl border border-line bg-surface p-4 shadow-xl shadow-black/10 outline-none"
        >
          {card}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
