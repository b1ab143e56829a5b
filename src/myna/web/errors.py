"""Errors as JSON in OpenAI's shape: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from myna.errors import (
    Busy,
    ConfigurationError,
    Conflict,
    DatabaseError,
    InvalidRequest,
    ModelError,
    ModelNotReady,
    MynaError,
    NotFound,
    SourceError,
    StorageError,
)

RETRY_AFTER_S = 2
STATUS: dict[type[MynaError], int] = {
    InvalidRequest: 400,
    NotFound: 404,
    Conflict: 409,
    Busy: 429,
    ModelNotReady: 503,
    ModelError: 502,
    SourceError: 502,
    DatabaseError: 503,
    StorageError: 503,
    ConfigurationError: 503,
}
_CODES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
}


class BadParameter(InvalidRequest):
    """A parameter of a request cannot be used."""

    def __init__(self, message: str, param: str, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class UnknownModel(NotFound):
    """A model that this server does not have."""

    code = "model_not_found"


class ErrorView(BaseModel):
    """What went wrong and what to do."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of every answer with a status of 400 or more."""

    error: ErrorView


def status_of(error: MynaError) -> int:
    """The HTTP status of one of our errors."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def error_body(
    status: int, message: str, code: str | None, param: str | None = None
) -> dict[str, dict[str, str | None]]:
    """The JSON of an error."""
    kind = "server_error"
    if status < 500:
        kind = "rate_limit_error" if status == 429 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_response(
    status: int, message: str, code: str | None, param: str | None = None
) -> JSONResponse:
    """The answer that tells an error."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status in {429, 503} else None
    return JSONResponse(error_body(status, message, code, param), status, headers)


def describe(error: BaseException) -> tuple[int, str, str | None, str | None]:
    """Status, message, code and parameter of an error."""
    if isinstance(error, MynaError):
        message = str(error)
        param = getattr(error, "param", None)
        head, colon, _ = message.partition(": ")
        if isinstance(error, InvalidRequest) and not param and colon and head.isidentifier():
            param = head  # the message names the field first
        return status_of(error), message, error.code, param
    return 500, "Something went wrong in Myna. Its log says more.", MynaError.code, None


def add_error_handlers(app: FastAPI) -> None:
    """Make every error of the app answer in the one shape."""

    async def told(_: Request, error: Exception) -> JSONResponse:
        return error_response(*describe(error))

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        response = error_response(
            error.status_code, str(error.detail), _CODES.get(error.status_code)
        )
        response.headers.update(error.headers or {})
        return response

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return error_response(400, *_first_fault(list(error.errors())))

    app.add_exception_handler(MynaError, told)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, told)


def _first_fault(faults: list[dict[str, Any]]) -> tuple[str, str, str | None]:
    """Message, code and parameter of the first thing that is wrong with a request."""
    fault = faults[0]
    if fault["type"] == "json_invalid":
        return "The body is not JSON.", "invalid_json", None
    path = [str(part) for part in fault["loc"][1:]]
    param = ".".join(path) or None
    message = str(fault["msg"]).removeprefix("Value error, ")
    code = {"missing": "missing_required_parameter"}.get(fault["type"], "invalid_value")
    return (f"{param}: {message}." if param else f"{message}."), code, param
