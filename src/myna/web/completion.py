"""A chat completion request: what is accepted, honoured, ignored or refused."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from myna.answer.events import Turn
from myna.chats.service import MOST_QUESTION_CHARACTERS, clean
from myna.web.errors import BadParameter, UnknownModel

MODEL = "myna"
MOST_MESSAGES = 500
MOST_STOPS = 4
MOST_STOP_CHARACTERS = 200
_REFUSED = {
    "tools": "Myna calls no tools of yours.",
    "functions": "Myna calls no functions of yours.",
    "audio": "Myna answers with text only.",
    "logprobs": "Myna gives no log probabilities.",
    "top_logprobs": "Myna gives no log probabilities.",
}


class TextPart(BaseModel):
    """A part of a message's content."""

    type: str
    text: str = ""


class RequestMessage(BaseModel):
    """A message of the conversation; `system` and `developer` messages are ignored."""

    role: str
    content: str | list[TextPart] | None = None


class StreamOptions(BaseModel):
    """Options of a stream."""

    include_usage: bool = False


class CompletionBody(BaseModel):
    """A request for a chat completion. Fields of OpenAI's API that are not here are ignored
    (`temperature`, `top_p`, `seed`, penalties: Myna's answers follow the posts) or refused
    (`tools`, `functions`, `audio`, `logprobs`)."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[RequestMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(
        default=None, ge=1, description="The answer ends after so many tokens at most."
    )
    stop: str | list[str] | None = Field(
        default=None, description="Up to 4 texts; the answer ends before the first of them."
    )
    n: int | None = Field(default=1, description="Only 1.")
    response_format: dict[str, Any] | None = Field(default=None, description="Only type text.")
    modalities: list[str] | None = Field(default=None, description="Only text.")
    language: Literal["en", "fr"] = Field(
        default="en", description="Myna's own: the language of the sentences that it adds itself."
    )

    @property
    def most_tokens(self) -> int | None:
        """The asker's bound on the answer's length."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """Where the answer ends early."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in stops if stop)


def read_conversation(body: CompletionBody) -> list[Turn]:
    """The conversation of a request.

    Raises:
        UnknownModel: another model than ``myna``.
        BadParameter: something that Myna cannot do, or no question at the end.
    """
    if body.model != MODEL:
        raise UnknownModel(f"There is no model of that name here. The model is `{MODEL}`.")
    _refuse(body)
    turns = [
        Turn(role, clean(text))
        for number, message in enumerate(body.messages)
        for role, text in _turn(message, f"messages.{number}")
    ]
    if not turns or turns[-1].role != "user" or not turns[-1].text.strip():
        raise BadParameter("The last message must be the user's question.", "messages")
    if len(turns[-1].text) > MOST_QUESTION_CHARACTERS:
        raise BadParameter(
            f"A question has at most {MOST_QUESTION_CHARACTERS:,} characters.",
            "messages",
            "string_above_max_length",
        )
    return turns


def _refuse(body: CompletionBody) -> None:
    if body.n not in {None, 1}:
        raise BadParameter("Myna gives one answer: n must be 1.", "n")
    if (body.response_format or {}).get("type", "text") != "text":
        raise BadParameter("Myna answers with text only.", "response_format")
    if body.modalities not in (None, [], ["text"]):
        raise BadParameter("Myna answers with text only.", "modalities")
    stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
    if len(stops) > MOST_STOPS or any(len(stop) > MOST_STOP_CHARACTERS for stop in stops):
        raise BadParameter(
            f"At most {MOST_STOPS} stops of at most {MOST_STOP_CHARACTERS} characters.", "stop"
        )
    for name, reason in _REFUSED.items():
        if (body.model_extra or {}).get(name):
            raise BadParameter(reason, name, "unsupported_parameter")


def _turn(message: RequestMessage, param: str) -> list[tuple[Literal["user", "assistant"], str]]:
    """The message as a turn; none for what Myna ignores."""
    if message.role in {"system", "developer"}:
        return []
    if message.role not in {"user", "assistant"}:
        raise BadParameter(
            "A role is system, developer, user or assistant; Myna calls no tools.", f"{param}.role"
        )
    parts = message.content if isinstance(message.content, list) else []
    if any(part.type != "text" for part in parts):
        raise BadParameter("Myna reads text only.", f"{param}.content")
    text = "".join(part.text for part in parts)
    if isinstance(message.content, str):
        text = message.content
    if not text.strip():
        return []
    return [("user" if message.role == "user" else "assistant", text)]
