/** The frame of the pages other than a chat: one column that scrolls and comes back to its place. */

import { useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { rememberedScroll } from "../router.tsx";

export function Page({ children, ready = true }: { children: ReactNode; ready?: boolean }) {
  const ref = useRef<HTMLDivElement>(null);
  const [left] = useState(rememberedScroll);
  useLayoutEffect(() => {
    if (ready && left !== undefined && ref.current) ref.current.scrollTop = left;
  }, [ready, left]);
  return (
    <div ref={ref} data-scroller className="h-full overflow-y-auto">
      <div className="mx-auto w-full max-w-3xl px-4 pt-5 pb-16 sm:px-6 sm:pt-8">{children}</div>
    </div>
  );
}

/** Grey lines in the place of what is still on its way. */
export function Skeleton({ rows = 4 }: { rows?: number }) {
  return (
    <div aria-hidden="true" className="grid gap-4 pt-4">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="grid gap-2 rounded-2xl border border-line p-4">
          <div className="skeleton h-4 w-2/5" />
          <div className="skeleton h-4 w-full" />
          <div className="skeleton h-4 w-3/4" />
        </div>
      ))}
    </div>
  );
}
