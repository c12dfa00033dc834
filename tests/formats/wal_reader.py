"""Reads a log directory, written from wal/README.md alone."""

import os
import re
from dataclasses import dataclass, field

from xxh3 import u32, u64, xxh3

BLOCK, GROUP_HEADER, RECORD_HEADER = 4096, 128, 40
DATA, TRUNCATE, DROP, OWNER_TABLE = 1, 2, 3, 4
DOUBT = 1 << 40


def place_text(place):
    return f"{place >> 32}:{place & 0xFFFFFFFF}"


def up(value, unit):
    return (value + unit - 1) // unit * unit


@dataclass
class Group:
    log_id: int
    sequence: int
    previous: int
    synced: int
    digest: int
    offset: int
    segment: int
    oldest: int
    length: int
    records: int
    check: int

    @property
    def size(self):
        return up(GROUP_HEADER + self.length, BLOCK)

    @property
    def place(self):
        return self.segment << 32 | self.offset


@dataclass
class Record:
    kind: int
    type: int
    owner: int
    sequence: int
    payload: bytes
    place: int
    sound: bool


def group_at(data, at):
    head = data[at : at + GROUP_HEADER]
    if len(head) < GROUP_HEADER or head[:4] != b"VWAL" or xxh3(head[:120]) != u64(head, 120):
        return None
    if head[4:6] != b"\x01\x00":
        if at == 0:
            raise ValueError("another version")
        return None
    group = Group(
        u64(head, 8), u64(head, 16), u64(head, 24), u64(head, 32), u64(head, 40), u64(head, 48),
        u32(head, 56), u32(head, 60), u32(head, 64), u32(head, 68), u64(head, 120),
    )
    return group if group.offset == at else None


def record_at(data, log_id, place):
    if len(data) < RECORD_HEADER or not 1 <= data[6] <= 4 or data[7] > 1:
        return None
    bound = data[:36] + log_id.to_bytes(8, "little") + place.to_bytes(8, "little")
    if xxh3(bound) & 0xFFFFFFFF != u32(data, 36):
        return None
    length = u32(data, 0)
    size = up(RECORD_HEADER + length, 8)
    if size > len(data):
        return None
    payload = data[RECORD_HEADER : RECORD_HEADER + length]
    sound = xxh3(payload) == u64(data, 24) and not any(data[RECORD_HEADER + length : size])
    return Record(u32(data, 4) & 0xFFFF, data[6], u64(data, 8), u64(data, 16), payload, place, sound), size


def pieces_of(data, log_id, place):
    """Records, and (from, to) for what cannot be recognised."""
    at, pieces = 0, []
    while at < len(data):
        found = record_at(data[at:], log_id, place + at)
        if found:
            pieces.append(found[0])
            at += found[1]
            continue
        begin = at
        at += 8
        while at < len(data) and not record_at(data[at:], log_id, place + at):
            at += 8
        pieces.append((place + begin, place + min(at, len(data))))
    return pieces


def is_sound(group, data, pieces):
    if len(pieces) != group.records or any(not isinstance(p, Record) or not p.sound for p in pieces):
        return False
    digest = 0
    for piece in pieces:
        at = piece.place - group.place
        digest = xxh3(digest.to_bytes(8, "little") + data[at : at + RECORD_HEADER])
    return digest == group.digest and not any(data[GROUP_HEADER + group.length : group.size])


@dataclass
class Owner:
    sequence: int = 0
    truncated: int = 0
    confirmed: int = 0


@dataclass
class Log:
    directory: str
    records: list = field(default_factory=list)
    segments: list = field(default_factory=list)
    owners: dict = field(default_factory=dict)
    hurt: list = field(default_factory=list)  # (owner, certain, after, before)
    unknown: list = field(default_factory=list)
    sound: bool = True
    all_known: bool = False
    last: Group = None

    def read(self):
        slots, names, files = {}, {}, {}
        for name in sorted(os.listdir(self.directory)):
            if re.fullmatch(r"\d{6,}\.wal", name):
                files[name] = self.bytes_of(name)
        known = {first.log_id for first in (group_at(data, 0) for data in files.values()) if first}
        for name, data in files.items():
            first = group_at(data, 0)
            claims = [first] if first else [group_at(data, at) for at in range(0, len(data), BLOCK)]
            claims = [claim.segment for claim in claims if claim and (not known or claim.log_id in known)]
            if claims:
                slots[max(claims)], names[max(claims)] = data, name
        newest = max(slots)
        headers = [group_at(slots[newest], at) for at in range(0, len(slots[newest]), BLOCK)]
        headers = [header for header in headers if header and header.segment == newest]
        self.log_id = headers[0].log_id
        self.synced = max(header.synced for header in headers)
        noted = self.noted()
        if noted > newest:
            self.synced = 1 << 64
        damaged = False
        for segment in range(max(header.oldest for header in headers), newest + 1):
            groups, count = 0, 0
            for group, data, begin in self.groups_of(slots[segment], segment):
                if group is None:
                    self.sound, damaged = False, True
                    self.take_damaged(pieces_of(data[GROUP_HEADER:], self.log_id, begin + GROUP_HEADER), True)
                    continue
                pieces = pieces_of(data[GROUP_HEADER : GROUP_HEADER + group.length], self.log_id, group.place + GROUP_HEADER)
                sound = is_sound(group, data, pieces)
                follows = self.last is None or damaged or (
                    group.sequence == self.last.sequence + 1 and group.previous == self.last.check
                )
                if group.sequence > self.synced and not (sound and follows):
                    break  # a torn tail
                if not follows:
                    self.lost_end(slots, group)
                if not sound:
                    self.sound = False
                self.take_damaged(pieces, False)
                self.last, damaged, groups, count = group, False, groups + 1, count + group.records
            if groups:
                self.segments.append((segment, names[segment], groups, count))
        if noted > newest:  # those are missing
            self.sound = False
            self.unknown.append((self.last.place + self.last.size, noted + 1 << 32))
        self.finish()
        return self

    def bytes_of(self, name):
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()

    def noted(self):
        """The newest segment, by the note beside the slots."""
        data = self.bytes_of("newest") if os.path.exists(os.path.join(self.directory, "newest")) else b""
        blocks = [data[at : at + 32] for at in range(0, len(data), BLOCK)]
        sound = [b for b in blocks if b[:6] == b"VWNW\x01\x00" and xxh3(b[:24]) == u64(b, 24) and u64(b, 8) == self.log_id]
        return max([u32(block, 16) for block in sound], default=0)

    def groups_of(self, data, segment):
        at, sequence = 0, 0
        while at + BLOCK <= len(data):
            place = at
            while place + BLOCK <= len(data):
                group = group_at(data, place)
                if group and group.log_id == self.log_id and group.segment == segment and group.sequence > sequence:
                    break
                place += BLOCK
            else:
                return
            if place > at:
                yield None, data[at:place], segment << 32 | at
            yield group, data[place : place + group.size], place
            at, sequence = place + group.size, group.sequence

    def lost_end(self, slots, group):
        """Groups at the end of the segment before are gone; only so many runs of records count as groups are missing."""
        self.sound = False
        begin = self.last.place + self.last.size
        data = slots[self.last.segment][self.last.offset + self.last.size :]
        runs = group.sequence - self.last.sequence - 1
        taken = []
        for piece in pieces_of(data[GROUP_HEADER:], self.log_id, begin + GROUP_HEADER):
            if not isinstance(piece, Record) and up(piece[0], BLOCK) + GROUP_HEADER <= piece[1]:
                runs -= 1
                if runs == 0:
                    break
            taken.append(piece)
        self.take_damaged(taken, False)
        last = taken[-1] if taken else None
        behind = begin if last is None else last[1] if not isinstance(last, Record) else last.place + RECORD_HEADER
        self.unknown.append((behind, group.place))

    def take_damaged(self, pieces, lenient):
        for number, piece in enumerate(pieces):
            if isinstance(piece, Record):
                self.take(piece)
                continue
            tail = lenient and number + 1 == len(pieces) and piece[1] - piece[0] < BLOCK
            if not tail:  # less than a block at the end of a lost group is taken for its padding
                self.unknown.append(piece)

    def take(self, record):
        if record.type == OWNER_TABLE:
            if record.sound:
                self.take_table(record)
            return
        new = record.owner not in self.owners
        owner = self.owners.setdefault(record.owner, Owner())
        if new:
            if record.sequence > 1 and self.unknown:
                self.hurt.append((record.owner, self.all_known, 0, record.place))
        elif record.sequence != owner.sequence + 1:
            certain = record.sequence - owner.sequence - 1 < DOUBT
            self.hurt.append((record.owner, certain, owner.confirmed, record.place))
        owner.sequence, owner.confirmed = record.sequence, record.place
        if not record.sound:
            self.hurt.append((record.owner, True, record.place, record.place + RECORD_HEADER))
        elif record.type == DATA:
            self.records.append(record)
        elif record.type == TRUNCATE:
            owner.truncated = max(owner.truncated, u64(record.payload, 0))
        elif record.type == DROP:
            owner.truncated, owner.sequence = record.place, 0

    def take_table(self, record):
        table = {}
        for i in range(u64(record.payload, 0)):
            number, sequence, truncated = (u64(record.payload, 8 + 24 * i + 8 * j) for j in range(3))
            table[number] = (sequence, truncated)
        self.all_known = self.all_known or not self.unknown
        for number, owner in self.owners.items():
            if number not in table:
                owner.sequence = 0
        for number, (sequence, truncated) in table.items():
            new = number not in self.owners
            owner = self.owners.setdefault(number, Owner())
            if new and self.unknown:
                self.hurt.append((number, self.all_known, 0, record.place))
            elif not new and sequence > owner.sequence:
                self.hurt.append((number, True, owner.confirmed, record.place))
            owner.sequence, owner.confirmed = sequence, record.place
            owner.truncated = max(owner.truncated, truncated)

    def finish(self):
        for number, owner in self.owners.items():
            if self.unknown and owner.sequence and owner.confirmed <= self.unknown[-1][0]:
                self.hurt.append((number, False, owner.confirmed, self.unknown[-1][1]))
        still = []
        for number, certain, after, before in self.hurt:
            ends = [min(to, before) for begin, to in self.unknown if to > after and begin < before]
            if self.owners[number].truncated < max(ends, default=before):
                still.append((number, certain))
        self.hurt = still
        self.records = [r for r in self.records if r.place >= self.owners[r.owner].truncated]

    def facts(self):
        for r in self.records:
            yield f"record {r.owner} {r.kind} {place_text(r.place)} {len(r.payload)} {xxh3(r.payload):016x}"
        yield f"end {place_text(self.last.place + self.last.size)} {self.last.sequence}"
        for segment in self.segments:
            yield "segment %d %s %d %d" % segment
        for number, certain in sorted(self.hurt, key=lambda entry: entry[0]):
            yield f"hurt {number} {'certain' if certain else 'maybe'}"
