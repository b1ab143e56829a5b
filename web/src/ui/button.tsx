/** Buttons. An icon button always has a name: it is its tooltip too. */

import type { ButtonHTMLAttributes, ReactNode } from "react";
import { Icon, type IconName } from "./icon.tsx";

type Props = ButtonHTMLAttributes<HTMLButtonElement>;

export function IconButton({
  icon,
  label,
  className = "",
  small = false,
  ...rest
}: Props & { icon: IconName; label: string; small?: boolean }) {
  const size = small ? "size-8" : "size-9";
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`grid ${size} place-items-center rounded-lg text-muted hover:bg-hover hover:text-ink disabled:pointer-events-none disabled:opacity-40 ${className}`}
      {...rest}
    >
      <Icon name={icon} className={small ? "size-4" : "size-5"} />
    </button>
  );
}

const LOOKS = {
  plain: "border border-line bg-surface hover:bg-hover",
  strong: "bg-ink text-page hover:opacity-85",
  danger: "bg-danger text-page hover:opacity-90",
} as const;

export function Button({
  look = "plain",
  icon,
  className = "",
  children,
  ...rest
}: Props & { look?: keyof typeof LOOKS; icon?: IconName; children: ReactNode }) {
  return (
    <button
      type="button"
      className={`inline-flex min-h-9 items-center gap-2 rounded-lg px-3.5 text-sm font-medium disabled:pointer-events-none disabled:opacity-40 ${LOOKS[look]} ${className}`}
      {...rest}
    >
      {icon && <Icon name={icon} className="size-4" />}
      {children}
    </button>
  );
}
