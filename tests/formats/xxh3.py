"""XXH3 with 64 bits and seed 0, in plain Python: slow, small, and independent of the library the C++ uses."""

MASK = (1 << 64) - 1
PRIME32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
PRIME64 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)


def u32(data, at):
    return int.from_bytes(data[at : at + 4], "little")


def u64(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def fold(a, b):
    product = a * b
    return (product & MASK) ^ (product >> 64)


def swap64(value):
    return int.from_bytes(value.to_bytes(8, "little"), "big")


def avalanche(h):
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & MASK
    return h ^ h >> 32


def avalanche64(h):
    h ^= h >> 33
    h = h * PRIME64[1] & MASK
    h ^= h >> 29
    h = h * PRIME64[2] & MASK
    return h ^ h >> 32


def mix16(data, at, secret_at):
    return fold(u64(data, at) ^ u64(SECRET, secret_at), u64(data, at + 8) ^ u64(SECRET, secret_at + 8))


def up_to_16(data):
    n = len(data)
    if n > 8:
        low = u64(data, 0) ^ (u64(SECRET, 24) ^ u64(SECRET, 32))
        high = u64(data, n - 8) ^ (u64(SECRET, 40) ^ u64(SECRET, 48))
        return avalanche(n + swap64(low) + high + fold(low, high) & MASK)
    if n >= 4:
        value = u32(data, n - 4) + (u32(data, 0) << 32) ^ (u64(SECRET, 8) ^ u64(SECRET, 16))
        rotate = lambda x, bits: (x << bits | x >> (64 - bits)) & MASK
        value ^= rotate(value, 49) ^ rotate(value, 24)
        value = value * 0x9FB21C651E98DF25 & MASK
        value ^= (value >> 35) + n
        value = value * 0x9FB21C651E98DF25 & MASK
        return value ^ value >> 28
    if n > 0:
        combined = data[0] << 16 | data[n >> 1] << 24 | data[n - 1] | n << 8
        return avalanche64(combined ^ (u32(SECRET, 0) ^ u32(SECRET, 4)))
    return avalanche64(u64(SECRET, 56) ^ u64(SECRET, 64))


def up_to_128(data):
    n = len(data)
    total = n * PRIME64[0]
    for i in reversed(range((n - 1) // 32 + 1)):
        total += mix16(data, 16 * i, 32 * i) + mix16(data, n - 16 * (i + 1), 32 * i + 16)
    return avalanche(total & MASK)


def up_to_240(data):
    n = len(data)
    total = n * PRIME64[0]
    for i in range(8):
        total += mix16(data, 16 * i, 16 * i)
    total = avalanche(total & MASK)
    for i in range(8, n // 16):
        total += mix16(data, 16 * i, 16 * (i - 8) + 3)
    total += mix16(data, n - 16, 136 - 17)
    return avalanche(total & MASK)


def accumulate(lanes, data, at, secret_at):
    for i in range(8):
        value = u64(data, at + 8 * i)
        key = value ^ u64(SECRET, secret_at + 8 * i)
        lanes[i ^ 1] = lanes[i ^ 1] + value & MASK
        lanes[i] = lanes[i] + (key & 0xFFFFFFFF) * (key >> 32) & MASK


def longer(data):
    n = len(data)
    lanes = [PRIME32[2], PRIME64[0], PRIME64[1], PRIME64[2], PRIME64[3], PRIME32[1], PRIME64[4], PRIME32[0]]
    per_block = (len(SECRET) - 64) // 8
    block_bytes = 64 * per_block
    blocks = (n - 1) // block_bytes
    for block in range(blocks):
        for stripe in range(per_block):
            accumulate(lanes, data, block * block_bytes + 64 * stripe, 8 * stripe)
        for i in range(8):
            lane = lanes[i] ^ lanes[i] >> 47 ^ u64(SECRET, len(SECRET) - 64 + 8 * i)
            lanes[i] = lane * PRIME32[0] & MASK
    for stripe in range((n - 1 - block_bytes * blocks) // 64):
        accumulate(lanes, data, blocks * block_bytes + 64 * stripe, 8 * stripe)
    accumulate(lanes, data, n - 64, len(SECRET) - 64 - 7)
    result = n * PRIME64[0]
    for i in range(4):
        result += fold(lanes[2 * i] ^ u64(SECRET, 11 + 16 * i), lanes[2 * i + 1] ^ u64(SECRET, 11 + 16 * i + 8))
    return avalanche(result & MASK)


def xxh3(data):
    n = len(data)
    if n <= 16:
        return up_to_16(data)
    if n <= 128:
        return up_to_128(data)
    if n <= 240:
        return up_to_240(data)
    return longer(data)
