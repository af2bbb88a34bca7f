"""Names of files from elsewhere, which must not lead out of the folder that they are joined to."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from glasshouse.errors import UserError


def path_inside(folder: Path, name: str, *, who: str) -> Path:
    """The path of a file in a folder.

    Args:
        folder: where the file is or will be.
        name: its name with slashes, from a remote listing, a manifest or a record.
        who: where the name comes from, for the error.

    Raises:
        UserError: for an absolute name, one with ``..``, a drive, a backslash or a control character, or one that a
            link leads out of the folder.
    """
    parts = PurePosixPath(name).parts
    wrong = (
        not parts
        or PurePosixPath(name).is_absolute()
        or ".." in parts
        or "\\" in name
        or bool(PureWindowsPath(name).drive)
        or not name.isprintable()
    )
    path = folder.joinpath(*parts)
    if wrong or not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            who, f"names a file outside its folder: {name!r}.", "Nothing was written; do not trust this run."
        )
    return path
