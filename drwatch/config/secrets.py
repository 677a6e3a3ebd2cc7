"""Secrets: from where they may come, and a type that does not show them."""

from __future__ import annotations

import os
import re
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, PlainValidator, ValidationInfo

from drwatch.config.values import refuse

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S.*")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_LARGEST = 1 << 20
"""Bytes; a bundle of all public authorities has a quarter of that."""


class Secret:
    """A password or a URL with a token in it. Only ``reveal`` gives it away."""

    # No dataclass: asdict() and what builds on it would unfold it.
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the validators may look at beside the text."""

    env: Mapping[str, str]
    root: Path
    """Absolute paths are taken below it."""
    base: Path
    """Relative ones below this, the configuration's own directory."""
    look: bool
    """False leaves the disk and the environment alone: secrets come back empty."""
    open_to_others: bool
    """Whether users outside the configuration's owner and group can read it."""

    def place(self, path: str) -> Path:
        if path.startswith("/"):
            return self.root / path.lstrip("/")
        return self.base / path


def surroundings(info: ValidationInfo) -> Surroundings:
    assert isinstance(info.context, Surroundings)
    return info.context


def _content(path: Path, remedy: str, *, public: bool = False) -> bytes:
    """A regular file's bytes; others than its owner and group must have no access, or if ``public`` no write access."""
    try:
        # Without O_NONBLOCK a FIFO by that name would hold the start for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise refuse(f"expected a readable file, and opening it says: {reason}", remedy) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refuse("expected a regular file", remedy)
        if public and status.st_mode & 0o002:
            raise refuse("expected a file that other users cannot write", "Check what it holds and run chmod o-w on it")
        if not public and status.st_mode & 0o007:
            raise refuse(
                "expected a file that other users have no access to",
                "Run chmod o-rwx on it, and replace the secret if the machine has other users",
            )
        if status.st_size > _LARGEST:
            raise refuse("expected a file of at most 1 MB", remedy)
        return os.read(descriptor, _LARGEST)
    finally:
        os.close(descriptor)


def _first_line(content: bytes, remedy: str) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise refuse("expected a file of UTF-8 text", remedy) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise refuse("expected the file to hold the secret, and it is empty", remedy)
    if any(letter < " " or letter == "\x7f" for letter in text):
        raise refuse("expected the file to hold the secret on one line and nothing else", remedy)
    return text


def _path(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise refuse("expected the path of a file", "Write it like /etc/drwatch/name")
    return value


def _from_file(value: object, info: ValidationInfo) -> str:
    path, around = _path(value), surroundings(info)
    if not around.look:
        return ""
    remedy = "Create it with mode 0640, readable by the user that runs drwatch, holding the secret on one line"
    return _first_line(_content(around.place(path), remedy), remedy)


def _from_credential(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.-]{1,255}", value) or value in {".", ".."}:
        raise refuse("expected the name of a systemd credential", "Use the name that stands after LoadCredential=")
    around = surroundings(info)
    if not around.look:
        return ""
    directory = around.env.get("CREDENTIALS_DIRECTORY")
    remedy = "Add LoadCredential=NAME:/path to the unit and start drwatch through systemd"
    if not directory:
        raise refuse("expected systemd to pass the credential, and CREDENTIALS_DIRECTORY is not set", remedy)
    return _first_line(_content(Path(directory) / value, remedy), remedy)


def _fill_in(text: str, around: Surroundings) -> str:
    def value_of(found: re.Match[str]) -> str:
        value = around.env.get(found[1], "")
        if not value:
            # In small letters it may be the secret itself, put where its name belongs.
            variable = f"the environment variable {found[1]}" if found[1].isupper() else "the environment variable"
            raise refuse(f"expected {variable} to be set", "Set it in the unit's EnvironmentFile, or use a file")
        return value

    return _VARIABLE.sub(value_of, text)


def _password(value: object, info: ValidationInfo) -> Secret:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise refuse(
            "expected ${NAME}: a password does not belong into this file", "Put it into a file and use password_file"
        )
    around = surroundings(info)
    return Secret(_fill_in(value, around) if around.look else "")


def _literal_url(value: object, info: ValidationInfo) -> Secret:
    around = surroundings(info)
    if not isinstance(value, str):
        raise refuse("expected a URL", "Write it as one text, in quotes")
    if not _VARIABLE.search(value) and around.open_to_others:
        raise refuse(
            "expected ${NAME}, since other users can read this file and the URL is a secret",
            "Use url_file, or run chmod o-rwx on the configuration",
        )
    return Secret(_fill_in(value, around) if around.look else "")


def _apprise(secret: Secret, info: ValidationInfo) -> Secret:
    text = secret.reveal().strip()
    if surroundings(info).look and not _URL.fullmatch(text):
        raise refuse("expected an Apprise URL", "Write it like ntfys://host/topic; see docs/configuration.md")
    return Secret(text)


def _web(secret: Secret, info: ValidationInfo) -> Secret:
    text = secret.reveal().strip()
    if surroundings(info).look and not re.fullmatch(r"https?://\S+", text):
        raise refuse("expected a web address", "Start it with https://")
    return Secret(text)


def _token(text: str) -> Secret:
    if text and not _TOKEN.fullmatch(text):
        raise refuse(
            "expected a token of 16 to 128 letters, digits, _ and -: whoever knows it can say that the job has run",
            "Make one with: openssl rand -hex 16",
        )
    return Secret(text)


def _token_file(value: object, info: ValidationInfo) -> Secret:
    return _token(_from_file(value, info))


def _token_credential(value: object, info: ValidationInfo) -> Secret:
    return _token(_from_credential(value, info))


def _literal_token(value: object, info: ValidationInfo) -> Secret:
    around = surroundings(info)
    if not isinstance(value, str):
        raise refuse("expected a token", "Make one with: openssl rand -hex 16")
    if not _VARIABLE.search(value) and around.open_to_others:
        raise refuse(
            "expected ${NAME}, since other users can read this file and the token is a secret",
            "Use token_file, or run chmod o-rwx on the configuration",
        )
    return _token(_fill_in(value, around)) if around.look else Secret("")


def _password_file(value: object, info: ValidationInfo) -> Secret:
    return Secret(_from_file(value, info))


def _password_credential(value: object, info: ValidationInfo) -> Secret:
    return Secret(_from_credential(value, info))


def _key_file(value: object, info: ValidationInfo) -> Path:
    path, around = _path(value), surroundings(info)
    if around.look:
        remedy = "Run drwatch ssh-setup: it prints how to make the key, for the user that runs drwatch"
        _content(around.place(path), remedy)
    return around.place(path)


def _known_hosts(value: object, info: ValidationInfo) -> Path:
    path, around = surroundings(info).place(_path(value)), surroundings(info)
    if around.look:
        _content(path, "Run drwatch ssh-setup: it prints how to make it", public=True)
    return path


def _authority(value: object, info: ValidationInfo) -> Path:
    path, around = surroundings(info).place(_path(value)), surroundings(info)
    if around.look:
        remedy = "Copy ca.pem from the server's data directory"
        _content(path, remedy, public=True)
        try:
            ssl.create_default_context(cafile=path)
        except OSError:  # ssl.SSLError is one
            raise refuse("expected CA certificates in PEM form", remedy) from None
    return path


PasswordFile = Annotated[Secret, PlainValidator(_password_file)]
PasswordCredential = Annotated[Secret, PlainValidator(_password_credential)]
Password = Annotated[Secret, PlainValidator(_password)]
TokenFile = Annotated[Secret, PlainValidator(_token_file)]
TokenCredential = Annotated[Secret, PlainValidator(_token_credential)]
Token = Annotated[Secret, PlainValidator(_literal_token)]
Url = Annotated[Secret, PlainValidator(_literal_url), AfterValidator(_apprise)]
UrlFile = Annotated[PasswordFile, AfterValidator(_apprise)]
UrlCredential = Annotated[PasswordCredential, AfterValidator(_apprise)]
WebUrl = Annotated[Secret, PlainValidator(_literal_url), AfterValidator(_web)]
WebUrlFile = Annotated[PasswordFile, AfterValidator(_web)]
WebUrlCredential = Annotated[PasswordCredential, AfterValidator(_web)]
KeyFile = Annotated[Path, PlainValidator(_key_file)]
KnownHosts = Annotated[Path, PlainValidator(_known_hosts)]
Authority = Annotated[Path, PlainValidator(_authority)]
