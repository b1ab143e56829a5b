/** How menus look (Radix brings their behaviour). */

export const MENU =
  "z-40 data-[state=open]:animate-appear min-w-44 rounded-xl border border-line bg-surface p-1 shadow-xl shadow-black/10";
export const MENU_ITEM =
  "flex h-9 cursor-pointer items-center gap-2.5 rounded-lg px-2.5 text-sm outline-none select-none data-[highlighted]:bg-hover";
