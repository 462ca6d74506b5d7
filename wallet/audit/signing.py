"""Signatures by Ed25519 keys in PEM files, which the database never sees; `cryptography` is needed only here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from wallet.errors import InvalidRequest, reason


def make_key(file: Path) -> str:
    """Make a private key in a new file that only its owner reads; return the public key as PEM.

    Raises: InvalidRequest, also if the file is there already.
    """
    serialization, ed25519 = _needed()
    key = ed25519.Ed25519PrivateKey.generate()
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    write_new(file, key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain), mode=0o600)
    public: bytes = key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


def sign(file: Path, message: bytes) -> bytes:
    """Return the signature by the private key in a file. Raises: InvalidRequest."""
    serialization, ed25519 = _needed()
    try:
        key = serialization.load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(str(file), f"holds no private key that can be read: {error}") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise InvalidRequest(str(file), "holds no Ed25519 key")
    return bytes(key.sign(message))


def is_signed(file: Path, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature is that of the public key in a file. Raises: InvalidRequest."""
    from cryptography.exceptions import InvalidSignature

    serialization, ed25519 = _needed()
    try:
        key = serialization.load_pem_public_key(_read(file))
    except (ValueError, TypeError) as error:
        raise InvalidRequest(str(file), f"holds no public key that can be read: {error}") from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise InvalidRequest(str(file), "holds no Ed25519 key")
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def write_new(file: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file that is not there yet. Raises: InvalidRequest."""
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(content)
    except OSError as error:
        raise InvalidRequest(str(file), f"cannot be written: {reason(error)}") from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidRequest(str(file), f"cannot be read: {reason(error)}") from None


def _needed() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError:
        raise InvalidRequest("key", "signatures need the package cryptography, in `fundwallet[audit]`") from None
    return serialization, ed25519
