"""The error tree. A message is one clear sentence (or two) that says what to do.

Foreign errors (drivers, libraries, the operating system) are mapped to these where they come in.
A message never holds a secret, a post's text or a member's name.
"""

from __future__ import annotations


class MynaError(Exception):
    """Base of every error that Myna raises on purpose; ``str(error)`` may be shown to people."""

    code = "internal_error"
    """A stable word for programs: API error codes and ``--json`` output."""


class ConfigurationError(MynaError):
    """A setting, a port, a folder or a file is not usable as given."""

    code = "configuration"


class DatabaseError(MynaError):
    """PostgreSQL cannot be reached or started, or refused a statement."""

    code = "database"


class StorageError(MynaError):
    """The disk is full or a data file is damaged."""

    code = "storage"


class SourceError(MynaError):
    """A feed (a network, an archive file) cannot be read."""

    code = "source"


class ModelError(MynaError):
    """The model server failed or answered something unusable."""

    code = "model"


class ModelNotReady(ModelError):
    """The model server is starting, restarting or away; trying again later may work."""

    code = "model_not_ready"


class ModelFileError(ModelError):
    """A model file is missing, or its SHA-256 is not the pinned one."""

    code = "model_file"


class NotFound(MynaError):
    """What was asked for does not exist, was deleted, or is not visible to this viewer."""

    code = "not_found"


class InvalidRequest(MynaError):
    """The caller's input cannot be used; the message names the field and the remedy."""

    code = "invalid_request"


class Conflict(MynaError):
    """What was asked for does not fit the present state; the message says what to do first."""

    code = "conflict"


class Busy(MynaError):
    """A limit on what may run at once is reached; trying again later works."""

    code = "busy"
