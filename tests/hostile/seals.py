"""Sealed files that are not as was agreed: how each is made, and the words that say what is wrong."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from stat import S_IFLNK

from hostile.family import CHILD, TABLE
from hostile.sealing import (
    PASSPHRASE,
    Seals,
    compressed,
    gigabyte_line,
    literal,
    plain_zip,
    zip_of,
    zipped,
)
from month_authority import MONTH
from servers.installing import seven_zip

_PREVIOUS = MONTH.plus(-1).first_day


# --- OpenPGP --------------------------------------------------------------------------------------


def bomb_of_zeros(seals: Seals) -> bytes:
    return seals.seal(bytes(16 << 20))


def bomb_of_zeros_by_bzip2(seals: Seals) -> bytes:
    return seals.seal(bytes(8 << 20), "--compress-algo", "bzip2")


def line_of_a_gigabyte(seals: Seals) -> bytes:
    return seals.packets(gigabyte_line())


def compressed_thirty_times_over(seals: Seals) -> bytes:
    packets = literal(bytes(8 << 20))
    for _ in range(30):
        packets = compressed(packets)
    return seals.packets(packets)


def without_content(seals: Seals) -> bytes:
    return b""


def cut_off(seals: Seals) -> bytes:
    return seals.seal(os.urandom(4096))[:2000]


def byte_changed(seals: Seals) -> bytes:
    sealed = bytearray(seals.seal(TABLE * 20))
    sealed[-200] ^= 0x01
    return bytes(sealed)


def noise_behind(seals: Seals) -> bytes:
    return seals.seal(TABLE) + b"\x00\x01 and more"


def two_messages(seals: Seals) -> bytes:
    return seals.seal(TABLE) + seals.seal(TABLE)


def signed_by_nobody(seals: Seals) -> bytes:
    return seals.gpg("-r", seals.authority, "--encrypt", given=TABLE)


def signed_by_another(seals: Seals) -> bytes:
    return seals.gpg("-u", seals.stranger, "-r", seals.authority, "--sign", "--encrypt", given=TABLE)


def signed_by_two(seals: Seals) -> bytes:
    both = ("-u", seals.supplier, "-u", seals.stranger)
    return seals.gpg(*both, "-r", seals.authority, "--sign", "--encrypt", given=TABLE)


def signed_in_the_future(seals: Seals) -> bytes:
    return seals.seal(TABLE, "--faked-system-time", f"{MONTH.year + 1}0601T000000")


def signed_before_the_key_was_made(seals: Seals) -> bytes:
    day = f"{_PREVIOUS:%Y%m%d}T000000"
    return seals.seal(TABLE, "--faked-system-time", day, "--ignore-time-conflict", "--ignore-valid-from")


def encrypted_for_another(seals: Seals) -> bytes:
    return seals.gpg("-u", seals.supplier, "-r", seals.stranger, "--sign", "--encrypt", given=TABLE)


def encrypted_for_nobody(seals: Seals) -> bytes:
    return seals.gpg("-u", seals.supplier, "--sign", given=TABLE)


def encrypted_with_a_passphrase(seals: Seals) -> bytes:
    return seals.gpg("--s2k-mode", "1", "--symmetric", given=TABLE)


def signed_in_the_clear(seals: Seals) -> bytes:
    return seals.gpg("-u", seals.supplier, "--clear-sign", given=TABLE)


def signature_alone(seals: Seals) -> bytes:
    return seals.gpg("-u", seals.supplier, "--detach-sign", given=TABLE)


def key_instead_of_a_message(seals: Seals) -> bytes:
    return seals.gpg("--export", seals.supplier, given=b"")


def not_sealed_at_all(seals: Seals) -> bytes:
    return b"not sealed: " + TABLE[:100]


def zip_instead(seals: Seals) -> bytes:
    return zipped(TABLE)


def armour_of_noise(seals: Seals) -> bytes:
    return b"-----BEGIN PGP MESSAGE-----\n\n" + b"AAAA" * 100 + b"\n-----END PGP MESSAGE-----\n"


def name_with_a_path_inside(seals: Seals) -> bytes:
    """The name in a message would be where a careless program writes to; what it holds is no CSV."""
    return seals.seal(CHILD.encode(), "--set-filename", "../../../birthshare.toml")


OPENPGP: dict[Callable[[Seals], bytes], tuple[str, ...]] = {
    bomb_of_zeros: ("more bytes than was agreed",),
    bomb_of_zeros_by_bzip2: ("more bytes than was agreed",),
    line_of_a_gigabyte: ("more bytes than was agreed",),
    compressed_thirty_times_over: ("more bytes than was agreed",),
    without_content: ("is empty",),
    cut_off: ("ends too early",),
    byte_changed: ("altered or damaged",),
    noise_behind: ("altered or damaged",),
    two_messages: ("altered or damaged",),
    signed_by_nobody: ("nobody signed it",),
    signed_by_another: ("not signed by the agreed key",),
    signed_by_two: ("more than one signature",),
    signed_in_the_future: ("signed in the future",),
    signed_before_the_key_was_made: ("Not every check of the seal",),
    encrypted_for_another: ("not encrypted for this authority",),
    encrypted_for_nobody: ("not encrypted",),
    encrypted_with_a_passphrase: ("not encrypted for this authority",),
    signed_in_the_clear: ("not encrypted",),
    signature_alone: ("not encrypted",),
    key_instead_of_a_message: ("not sealed with OpenPGP",),
    not_sealed_at_all: ("not sealed with OpenPGP",),
    zip_instead: ("not sealed with OpenPGP",),
    armour_of_noise: ("not sealed with OpenPGP",),
    name_with_a_path_inside: ("does not begin with a header",),
}


# --- zip ------------------------------------------------------------------------------------------


def zip_bomb(_: Seals) -> bytes:
    return zipped(bytes(16 << 20))


def zip_bomb_that_says_it_is_small(_: Seals) -> bytes:
    content = bytearray(zipped(bytes(16 << 20)))
    content[22:26] = (100).to_bytes(4, "little")
    listed = content.rindex(b"PK\x01\x02")
    content[listed + 24 : listed + 28] = (100).to_bytes(4, "little")
    return bytes(content)


def zip_not_encrypted(_: Seals) -> bytes:
    return plain_zip(b"nothing of a family")


def zip_with_the_old_encryption(_: Seals) -> bytes:
    return _by_7z("-mem=ZipCrypto")


def zip_by_aes_128(_: Seals) -> bytes:
    return zipped(TABLE, bits=128)


def zip_with_another_passphrase(_: Seals) -> bytes:
    return zipped(TABLE, passphrase="another passphrase altogether")


def zip_of_two_files(_: Seals) -> bytes:
    return zip_of({"births.csv": TABLE, "more.csv": TABLE})


def zip_of_no_file(_: Seals) -> bytes:
    return zip_of({})


def zip_of_a_folder(_: Seals) -> bytes:
    return zip_of({"births/": b""})


def zip_with_a_path_upwards(_: Seals) -> bytes:
    return zipped(TABLE, "../../birthshare.toml")


def zip_with_a_path_from_the_root(_: Seals) -> bytes:
    return zipped(TABLE, "/etc/cron.d/births")


def zip_with_a_path_of_windows(_: Seals) -> bytes:
    return zipped(TABLE, "C:\\births.csv")


def zip_of_a_symbolic_link(_: Seals) -> bytes:
    return zip_of({"births.csv": b"/etc/passwd"}, mode=S_IFLNK | 0o777)


def zip_within_a_zip(_: Seals) -> bytes:
    return zipped(plain_zip(TABLE), "births.zip")


def zip_cut_off(_: Seals) -> bytes:
    return zipped(TABLE)[:-50]


def zip_with_bytes_before(_: Seals) -> bytes:
    return b"#!/bin/sh\n" + zipped(TABLE)


def zip_with_bytes_behind(_: Seals) -> bytes:
    return zipped(TABLE) + b"and more"


def zip_with_a_byte_changed(_: Seals) -> bytes:
    content = bytearray(zipped(TABLE * 20))
    content[200] ^= 0x01
    return bytes(content)


def zip_in_the_format_of_7z(_: Seals) -> bytes:
    return _by_7z("-mhe=on", kind="7z")


def openpgp_instead(seals: Seals) -> bytes:
    return seals.seal(TABLE)


def _by_7z(*options: str, kind: str = "zip") -> bytes:
    """As the program 7z writes it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        (Path(folder) / "births.csv").write_bytes(TABLE)
        order = [
            seven_zip(),
            "a",
            f"-t{kind}",
            f"-p{PASSPHRASE}",
            *options,
            f"births.{kind}",
            "births.csv",
        ]
        subprocess.run(order, cwd=folder, check=True, capture_output=True)
        return (Path(folder) / f"births.{kind}").read_bytes()


ZIPS: dict[Callable[[Seals], bytes], tuple[str, ...]] = {
    zip_bomb: ("more bytes than was agreed",),
    zip_bomb_that_says_it_is_small: ("more bytes than was agreed",),
    zip_not_encrypted: ("is not encrypted",),
    zip_with_the_old_encryption: ("weaker method",),
    zip_by_aes_128: ("weaker method",),
    zip_with_another_passphrase: ("passphrase",),
    zip_of_two_files: ("more than one file",),
    zip_of_no_file: ("holds no file",),
    zip_of_a_folder: ("holds no file",),
    zip_with_a_path_upwards: ("leads out of it",),
    zip_with_a_path_from_the_root: ("leads out of it",),
    zip_with_a_path_of_windows: ("leads out of it",),
    zip_of_a_symbolic_link: ("does not begin with a header",),
    zip_within_a_zip: ("another zip",),
    zip_cut_off: ("ends too early",),
    zip_with_bytes_before: ("before, after or inside",),
    zip_with_bytes_behind: ("before, after or inside",),
    zip_with_a_byte_changed: ("altered or damaged",),
    zip_in_the_format_of_7z: ("not a zip",),
    openpgp_instead: ("not a zip",),
}
