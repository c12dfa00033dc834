"""Reads a value store's directory by wal/value_store/README.md alone.

    value_store_reader.py DIR    prints a line for each value that lives, by id:
                                 id, epoch.sequence, form, length, SHA-256 of the bytes; then what the index says
"""

import ctypes
import ctypes.util
import hashlib
import os
import re
import struct
import sys

XXHASH = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
XXHASH.XXH3_64bits_withSeed.restype = ctypes.c_uint64
XXHASH.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]

UNIT = 8
BLOCK = 65536
VALUE, TOUCH, TOMBSTONE, QUARANTINE = 1, 2, 3, 4


def check(data, seed=0):
    return XXHASH.XXH3_64bits_withSeed(bytes(data), len(data), seed)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def read_store_file(data):
    sectors = [data[i : i + 512] for i in (0, 512, 1024)]
    sound = [struct.unpack_from("<Q", sector)[0] == check(sector[8:]) for sector in sectors]
    if not sound[0] or sectors[0][8:16] != b"\0VXSTORE":
        raise ValueError("STORE is damaged")
    (version,) = struct.unpack_from("<I", sectors[0], 16)
    if version != 1:
        raise ValueError(f"version {version}")
    epochs = [
        struct.unpack_from("<Q", sectors[i], 16)[0] for i in (1, 2) if sound[i] and sectors[i][8:16] == b"\0VXEPOCH"
    ]
    return sectors[0][24:40], max(epochs)


class Record:
    def __init__(self, data, at, seed):
        self.sound = False
        if len(data) - at < 72 or data[at + 8 : at + 12] != b"VXRC":
            return
        self.kind, zero, self.form, self.number, self.id = struct.unpack_from("<BBHQ32s", data, at + 12)
        self.length, self.synced, self.old_segment, self.old_offset = struct.unpack_from("<IIII", data, at + 56)
        if not VALUE <= self.kind <= QUARANTINE or zero != 0:
            return
        blocks = (self.length + BLOCK - 1) // BLOCK if self.kind == VALUE else 0
        begin = at + 72 + 8 * blocks
        if begin > len(data) or struct.unpack_from("<Q", data, at)[0] != check(data[at + 8 : begin], seed):
            return
        self.sound = True
        self.begin = self.end = begin
        if self.kind != VALUE:
            return
        self.end = (begin + self.length + UNIT - 1) // UNIT * UNIT
        self.value = data[begin : begin + self.length]
        sums = struct.unpack_from(f"<{blocks}Q", data, at + 72)
        self.whole = len(self.value) == self.length and all(
            check(self.value[i * BLOCK : (i + 1) * BLOCK]) == sums[i] for i in range(blocks)
        )


def repaired(data, at, seed):
    """The record of which one bit, of its header or sums, was turned; or None."""
    (length,) = struct.unpack_from("<I", data, at + 56)
    sums = min((length + BLOCK - 1) // BLOCK, 200)
    trial = bytearray(data[at : at + 72 + 8 * 200])
    for bit in range(8 * min(len(trial), 72 + 8 * sums)):
        trial[bit // 8] ^= 1 << bit % 8
        record = Record(trial, 0, seed)
        if record.sound and bit // 8 < record.begin:
            record.end += at
            record.whole = False
            return record
        trial[bit // 8] ^= 1 << bit % 8
    return None


def records(data, store, number):
    """Offset, record, and whether it is as it was written; offset and None where none begins."""
    seed = check(store, number)
    at = 64
    searching = False
    while at < len(data):
        record = Record(data, at, seed)
        good = record.sound
        if not good and not searching and len(data) - at >= 72:
            record = repaired(data, at, seed)
        searching = record is None or not record.sound
        yield at, None if searching else record, good
        at = at + UNIT if searching else record.end


def read_index(data, store, number):
    """Segments by ordinal and entries by id."""
    segments, entries, touches = {}, {}, {}
    at = place = 0
    while True:
        (total,) = struct.unpack_from("<Q", data, at)
        magic, kind, count, length, index, zero = struct.unpack_from("<4sIIIII", data, at + 8)
        payload = data[at + 32 : at + 32 + length]
        if magic != b"VXBI" or index != place or zero != 0 or total != check(payload, check(data[at + 8 : at + 32])):
            raise ValueError(f"block {place} of index {number} is damaged")
        at += 32 + length
        place += 1
        offset = 0
        for _ in range(count):
            if kind == 1:
                version, said, owner, _epoch, _next = struct.unpack_from("<II16sQI", payload, offset)
                assert (version, said, owner) == (1, number, store)
                offset += 36
            elif kind == 2:
                segment, ordinal, _epoch, covered, flags, origins = struct.unpack_from("<IIQQBI", payload, offset)
                offset += 29 + 4 * origins
                (torn,) = struct.unpack_from("<I", payload, offset)
                offset += 4 + 16 * torn
                (debts,) = struct.unpack_from("<I", payload, offset)
                offset += 4 + 12 * debts
                segments[ordinal] = (segment, covered, flags & 1)
            elif kind == 3:
                identity, bits = struct.unpack_from("<32sQ", payload, offset)
                offset += 40
                entries[identity] = bits
            elif kind == 4:
                identity, touched, _ordinal, _place = struct.unpack_from("<32sQIQ", payload, offset)
                offset += 52
                touches[identity] = touched
            else:
                assert struct.unpack_from("<QQQ", payload, offset) == (len(entries), len(touches), len(segments))
                return segments, entries, touches
        assert offset == len(payload)


def size_of(code):
    if code < 128:
        return code
    return (128 + (code - 128) % 128) << ((code - 128) // 128)


def main(directory):
    store, epoch = read_store_file(read(os.path.join(directory, "STORE")))
    values, touched, erased = [], {}, {}
    unreadable = 0
    indexes = []
    for name in sorted(os.listdir(directory)):
        if re.fullmatch(r"index\.\d{10}", name):
            indexes.append(int(name[6:]))
        if not re.fullmatch(r"segment-\d{10}", name):
            continue
        number = int(name[8:])
        data = read(os.path.join(directory, name))
        if struct.unpack_from("<Q", data)[0] != check(data[8:64]) or data[8:16] != b"\0\0VXSEGM":
            unreadable += 1
        for offset, record, good in records(data, store, number):
            unreadable += not good
            if record is None:
                continue
            if record.kind == VALUE:
                if not record.whole:
                    unreadable += good
                else:
                    values.append((record.id, record.number, record.form, record.value, number, offset))
            elif record.kind == TOUCH:
                place = (record.id, record.old_segment, record.old_offset * UNIT)
                touched[place] = max(record.number, touched.get(place, 0))
            else:
                erased[record.id] = max(record.number, erased.get(record.id, 0))
    living = {}
    for identity, number, form, value, segment, offset in values:
        number = max(number, touched.get((identity, segment, offset), 0))
        if number > erased.get(identity, 0) and number >= living.get(identity, (0,))[0]:
            living[identity] = (number, form, value, segment, offset)
    for identity, (number, form, value, _, _) in sorted(living.items()):
        counted = f"{number >> 40}.{number & (1 << 40) - 1}"
        print(identity.hex(), counted, form, len(value), hashlib.sha256(value).hexdigest())
    print("epoch", epoch, "unreadable", unreadable)
    if not indexes:
        return
    number = max(indexes)
    segments, entries, _ = read_index(read(os.path.join(directory, f"index.{number:010d}")), store, number)
    agreeing = 0
    for identity, bits in entries.items():
        segment = segments[bits >> 42][0]
        offset = (bits >> 13 & (1 << 29) - 1) * UNIT
        hint = size_of(bits >> 1 & 0xFFF)
        value = living.get(identity)
        if value and (segment, offset) == value[3:] and len(value[2]) <= hint <= len(value[2]) * 1.01:
            agreeing += 1
    print("index", number, "entries", len(entries), "agreeing", agreeing)


if __name__ == "__main__":
    main(sys.argv[1])
