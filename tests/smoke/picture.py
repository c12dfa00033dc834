"""A picture made of nothing: a full moon over a calm sea, as PNG."""

import math
import struct
import zlib


def chunk(kind, content):
    return (struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)))


def moon(size=400):
    rows = bytearray()
    horizon, middle, radius = int(size * 0.7), size / 2, size * 0.18
    for y in range(size):
        rows.append(0)  # no filter
        for x in range(size):
            away = math.hypot(x - middle, y - size * 0.3)
            if away < radius:
                shade = 235 - int(25 * abs(math.sin(x * 0.13) * math.cos(y * 0.11)))
                rows += bytes((shade, shade, 215))
            elif y > horizon:
                glint = max(0, 150 - int(abs(x - middle) * 4 / (1 + (y - horizon) * 0.03)))
                glint = int(glint * (0.6 + 0.4 * math.sin(y * 0.9)))
                rows += bytes((20 + glint, 30 + glint, 70 + glint // 2))
            else:
                glow = max(0, 60 - int((away - radius) * 0.5))
                star = 200 if (x * 7919 + y * 104729) % 1999 == 0 else 0
                rows += bytes((min(255, 10 + glow + star), min(255, 12 + glow + star), min(255, 40 + glow + star)))
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows), 6)) +
            chunk(b"IEND", b""))
