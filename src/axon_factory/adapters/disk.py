"""The machine's disk: locks on files, and the room that folders have left above their floors."""

import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from axon_factory.domain.failure import MachineTrouble, Trouble

_MEBIBYTE = 1024 * 1024
_FEWEST_FILES = 1000
"""Free inodes below which a file system counts as full; one that has no inodes reports 0 of 0."""


def try_lock(descriptor: int) -> bool:
    """Take an open file's exclusive lock; False while another process or task has it.

    The lock is given back when the descriptor is closed, and when its processes have died.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class DiskFloors:
    """The disks under the folders of the factory: each folder has a floor of free bytes.

    The port `Machine`. A folder that does not exist yet is looked at where it will be made. Of
    folders on one file system only the highest floor is told.
    """

    def __init__(self, floors: Mapping[Path, int]) -> None:
        """`floors`: folder to free bytes that it needs; 0 asks for nothing."""
        self._floors = {path.absolute(): floor for path, floor in floors.items() if floor > 0}

    def troubles(self) -> Sequence[MachineTrouble]:
        """Return one trouble for each file system with less room than its floor."""
        found: dict[int, tuple[int, MachineTrouble]] = {}
        for folder, floor in self._floors.items():
            try:
                place = next(path for path in (folder, *folder.parents) if path.exists())
                room, device = os.statvfs(place), place.stat().st_dev
            except OSError as error:
                detail = f"{folder} ({error.strerror})"
                found[-len(found) - 1] = (floor, MachineTrouble(Trouble.DISCO_AVERIADO, detail))
                continue
            free = room.f_bavail * room.f_frsize
            few_files = room.f_files > 0 and room.f_favail < _FEWEST_FILES
            if free >= floor and not few_files:
                continue
            if device in found and found[device][0] >= floor:
                continue
            detail = f"quedan {free // _MEBIBYTE} MB en {folder} y hacen falta {floor // _MEBIBYTE}"
            if few_files:
                detail = f"quedan {room.f_favail} archivos (inodos) en {folder}"
            found[device] = (floor, MachineTrouble(Trouble.DISCO_LLENO, detail))
        return [trouble for _, trouble in found.values()]
