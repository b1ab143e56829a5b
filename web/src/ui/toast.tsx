/** Short messages at the foot of the page that go away by themselves, read out politely. */

import { useSyncExternalStore } from "react";

interface Toast {
  key: number;
  text: string;
  urgent: boolean;
}

const SHOWN_MS = 5_000;
let current: Toast | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

function show(toast: Toast | null): void {
  current = toast;
  clearTimeout(timer);
  if (toast) timer = setTimeout(() => show(null), SHOWN_MS);
  for (const listener of listeners) listener();
}

export const toast = (text: string, urgent = false): void =>
  show({ key: (current?.key ?? 0) + 1, text, urgent });

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-0 bottom-28 z-50 grid place-items-center px-4"
    >
      {shown && (
        <p
          key={shown.key}
          className={`animate-appear rounded-full px-4 py-2 text-sm shadow-lg ${shown.urgent ? "bg-danger text-page" : "bg-ink text-page"}`}
        >
          {shown.text}
        </p>
      )}
    </div>
  );
}
