/** What the events of an answer make of its message. Pure, so that a replay gives the same. */

import type { Message, Stage, StreamEvent } from "../api/types.ts";

/** A message while it is written. */
export interface Progress {
  message: Message;
  stage: Stage | null;
  /** False while the line to the server is broken. */
  connected: boolean;
  /** Whether a post was withdrawn while it was read: the server has what is left of the answer. */
  withdrawn?: boolean;
}

/** The message as the first event finds it: the stream tells everything from the start. */
export function begin(message: Message): Progress {
  return {
    message: { ...message, text: "", spans: [], sources: [], notices: [], left_out: 0 },
    stage: null,
    connected: true,
  };
}

export function advance(progress: Progress, event: StreamEvent): Progress {
  const { message } = progress;
  switch (event.type) {
    case "status":
      return { ...progress, stage: event.stage };
    case "sources":
      return { ...progress, message: { ...message, sources: event.sources } };
    case "left_out":
      return { ...progress, message: { ...message, left_out: event.posts } };
    case "text":
      return { ...progress, message: { ...message, text: message.text + event.delta } };
    case "citation":
      return withSpan(progress, "citation", event.start, event.end, event.numbers);
    case "unsupported":
      return withSpan(progress, "unsupported", event.start, event.end, []);
    case "notice": {
      const notice = { code: event.code, text: event.text };
      return { ...progress, message: { ...message, notices: [...message.notices, notice] } };
    }
    case "withdrawn":
      return { ...progress, withdrawn: true, message: { ...message, text: "", spans: [] } };
    case "usage": {
      const { prompt_tokens, completion_tokens } = event;
      return { ...progress, message: { ...message, usage: { prompt_tokens, completion_tokens } } };
    }
    case "done": {
      const { outcome, model, prompt_version, model_version, state } = event;
      return {
        ...progress,
        stage: null,
        message: { ...message, outcome, model, prompt_version, model_version, state },
      };
    }
    case "error": {
      const error = { code: event.code, message: event.message };
      return { ...progress, stage: null, message: { ...message, state: "failed", error } };
    }
    case "message": {
      const { type: _, ...whole } = event;
      return { ...progress, stage: null, message: whole };
    }
  }
}

/** Whether an event is the stream's last. */
export function isLast(event: StreamEvent): boolean {
  return event.type === "done" || event.type === "error" || event.type === "message";
}

function withSpan(
  progress: Progress,
  kind: "citation" | "unsupported",
  start: number,
  end: number,
  numbers: number[],
): Progress {
  const spans = [...progress.message.spans, { kind, start, end, numbers }];
  return { ...progress, message: { ...progress.message, spans } };
}
