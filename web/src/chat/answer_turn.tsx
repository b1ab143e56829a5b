/** An answer: its sources, its text with numbers, what went wrong, and what one can do with it. */

import type { Message, Notice } from "../api/types.ts";
import { useSpeech, useText } from "../i18n/language.tsx";
import { withSources } from "../text/answer_text.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { toast } from "../ui/toast.tsx";
import { AnswerText } from "./citations.tsx";
import type { Progress } from "./progress.ts";
import { Sources } from "./sources.tsx";
import { useProgress } from "./streams.ts";
import type { Turn } from "./tree.ts";
import { Versions } from "./versions.tsx";

interface Props {
  turn: Turn;
  /** The last answer shows its buttons always, earlier ones on hover. */
  latest: boolean;
  onChoose: (message: Message) => void;
  onRegenerate: (message: Message) => void;
}

export function AnswerTurn({ turn, latest, onChoose, onRegenerate }: Props) {
  const t = useText();
  const progress = useProgress(turn.message);
  const message = progress?.message ?? turn.message;
  const running = message.state === "running";
  const again = () => onRegenerate(message);
  return (
    <article aria-label={t.answer.myna} aria-busy={running} className="group grid gap-4">
      <Sources message={message} />
      {message.left_out > 0 && (
        <p className="flex items-start gap-2 text-sm text-muted">
          <Icon name="info" className="mt-0.5 size-4" />
          {t.sources.leftOut(message.left_out)}
        </p>
      )}
      {message.text && <AnswerText message={message} growing={running} />}
      {noticesToShow(message).map((notice) => (
        <p key={notice.code} className="flex items-start gap-2 text-sm text-muted">
          <Icon name="info" className="mt-0.5 size-4" />
          {notice.text}
        </p>
      ))}
      {running && <Stage message={message} progress={progress} />}
      <Ending message={message} onRetry={again} />
      {!running && (
        <div
          className={`-ml-2 flex flex-wrap items-center gap-0.5 ${latest ? "" : "opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100"}`}
        >
          {message.text && <CopyButton message={message} />}
          <IconButton small icon="again" label={t.answer.regenerate} onClick={again} />
          <Versions turn={turn} onChoose={onChoose} />
          <Made message={message} />
        </div>
      )}
    </article>
  );
}

/** An answer that declines says by its words and its heading what these notices say. */
const SAID_BY_DECLINING = new Set(["no_evidence", "nearest_posts"]);

function noticesToShow({ outcome, notices }: Message): Notice[] {
  return notices.filter(
    ({ code }) => code !== "withdrawn" && !(outcome === "declined" && SAID_BY_DECLINING.has(code)),
  );
}

/** What happens now, until the words say it themselves. */
function Stage({ message, progress }: { message: Message; progress: Progress | null }) {
  const { answer } = useText();
  const text = stageText(message, progress, answer);
  if (!text) return null;
  return (
    <p className="flex items-center gap-2.5 text-sm text-muted">
      <span className="pulse-dot size-2 rounded-full bg-amber" />
      {text}
    </p>
  );
}

export function stageText(
  message: Message,
  progress: Progress | null,
  answer: ReturnType<typeof useText>["answer"],
): string {
  if (progress?.connected === false) return answer.reconnecting;
  if (message.text) return "";
  if (progress?.stage === "writing") return answer.waiting;
  if (progress?.stage === "reading") return answer.reading(message.sources.length);
  return answer.searching;
}

/** An answer that did not come to its end says why. */
function Ending({ message, onRetry }: { message: Message; onRetry: () => void }) {
  const { answer } = useText();
  if (message.state === "stopped") return <p className="text-sm text-muted">{answer.stopped}</p>;
  if (message.state !== "failed" && message.state !== "interrupted") return null;
  const failed = message.state === "failed";
  const withdrawn = message.notices.some(({ code }) => code === "withdrawn");
  return (
    <div
      role="alert"
      className="flex flex-wrap items-center gap-x-3 gap-y-2 rounded-xl border border-line bg-side p-3 text-sm"
    >
      <Icon name="warning" className={`size-5 ${failed ? "text-danger" : "text-muted"}`} />
      <span className="min-w-40 flex-1">
        {failed
          ? `${answer.failed} ${message.error?.message ?? ""}`
          : withdrawn
            ? answer.withdrawn
            : answer.interrupted}
      </span>
      <Button icon="again" onClick={onRetry}>
        {answer.retry}
      </Button>
    </div>
  );
}

function CopyButton({ message }: { message: Message }) {
  const t = useText();
  const copy = async () => {
    try {
      const text = withSources(message, location.origin, {
        heading: t.answer.sourcesHeading,
        unsupported: t.sources.unsupported,
        removed: t.removed,
      });
      await navigator.clipboard.writeText(text);
      toast(t.answer.copied);
    } catch {
      toast(t.answer.copyFailed, true); // plain http on another host, or not permitted
    }
  };
  return <IconButton small icon="copy" label={t.answer.copy} onClick={() => void copy()} />;
}

function Made({ message }: { message: Message }) {
  const { t } = useSpeech();
  // Sentences of Myna's own, a decline say, bear its name: no model wrote them.
  if (!message.model || message.model === "myna") return null;
  const { prompt_tokens, completion_tokens } = message.usage ?? {};
  const tokens =
    prompt_tokens === undefined || completion_tokens === undefined
      ? ""
      : t.answer.tokens(prompt_tokens, completion_tokens);
  const details = [tokens, message.model_version].filter(Boolean).join(" · ");
  return (
    <span title={details} className="ml-auto truncate pl-2 text-xs text-muted">
      {t.answer.by(message.model)}
    </span>
  );
}
