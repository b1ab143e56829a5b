/** A page that could not be shown, and the way on. */

import { useText } from "../i18n/language.tsx";
import { Link } from "../router.tsx";
import { Bird } from "../ui/bird.tsx";
import { Button } from "../ui/button.tsx";

export function Failure({ text, onRetry }: { text: string; onRetry?: () => void }) {
  const t = useText();
  return (
    <div role="alert" className="grid h-full place-content-center justify-items-center gap-4 p-6">
      <Bird className="size-12 opacity-60" />
      <h1 className="max-w-md text-center font-sans text-base text-muted">{text}</h1>
      {onRetry ? (
        <Button icon="again" onClick={onRetry}>
          {t.failure.retry}
        </Button>
      ) : (
        <Link href="/" className="text-link underline underline-offset-2">
          {t.lost.home}
        </Link>
      )}
    </div>
  );
}
