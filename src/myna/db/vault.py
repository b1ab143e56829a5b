"""Secrets in the database are encrypted under a key that is not in it.

The key is a file in the home folder, made when the first secret is kept and readable by its owner
alone. Whoever gets the database, or a backup of it, gets no password; whoever loses the file
connects the networks again.
"""

from __future__ import annotations

import os
from pathlib import Path

from myna.errors import ConfigurationError, StorageError

FILE = "secrets.key"


class Vault:
    """Seals secrets and opens them again."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    def seal(self, secret: bytes) -> bytes:
        """``secret`` encrypted and signed (Fernet: AES-128-CBC, HMAC-SHA-256).

        Raises:
            StorageError: the key cannot be written. ConfigurationError: it is not usable.
        """
        from cryptography.fernet import Fernet  # 8 MB: only where there are secrets

        return Fernet(self._key(make=True)).encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """What was sealed.

        Raises:
            ConfigurationError: the key is missing, or is not the one that it was sealed with.
        """
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(self._key(make=False)).decrypt(sealed)
        except InvalidToken:
            raise ConfigurationError(
                f"{self.path} is not the key that the stored credentials were encrypted with. Put "
                "the right one there, or connect the network again with `myna connect`."
            ) from None

    def _key(self, *, make: bool) -> bytes:
        from cryptography.fernet import Fernet

        try:
            if make and not self.path.exists():
                self._make()
            key = self.path.read_bytes().strip()
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            Fernet(key)
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self.path} is missing, without which the stored credentials cannot be read. Put "
                "it back, or connect the network again with `myna connect`."
            ) from None
        except OSError as error:
            raise StorageError(
                f"{self.path} cannot be used ({error.strerror}). Make the folder writable and free "
                "some disk space."
            ) from None
        except ValueError:
            raise ConfigurationError(
                f"{self.path} is damaged. Put the right one there, or delete it and connect the "
                "network again with `myna connect`."
            ) from None
        return key

    def _make(self) -> None:
        """Write a new key, whole or not at all; where two do so at once, one key stays."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f"{FILE}.{os.getpid()}")
        try:
            from cryptography.fernet import Fernet

            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, self.path)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
