#include "base/bytes.h"

#include "tests/unit/test.h"

using namespace vortex;

TEST_CASE("slices share the block, which lives as long as one of them") {
  Buffer part;
  {
    Buffer whole = Buffer::copy_of(as_bytes("hello world"));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(whole.data()) % Buffer::kAlignment, 0);
    part = whole.slice(6, 5);
    EXPECT_EQ(part.data(), whole.data() + 6);
  }
  EXPECT_EQ(as_text(part), "world");
  EXPECT_EQ(as_text(part.slice(1, 3)), "orl");
  EXPECT(part.slice(5, 0).empty());
  EXPECT(Buffer::allocate(0).empty());
  EXPECT(Buffer::copy_of(ByteView()).empty());
}

TEST_CASE("bytes are compared and written as hexadecimal") {
  ByteVector one = {0, 1, 0xff}, other = {0, 1, 0xfe}, back(3);
  EXPECT_EQ(to_hex(one), "0001ff");
  EXPECT(from_hex("0001FF", back));
  EXPECT(equal(one, back));
  EXPECT(!from_hex("0001f", back));
  EXPECT(!from_hex("0001fx", back));
  EXPECT(equal_constant_time(one, back));
  EXPECT(!equal_constant_time(one, other));
  EXPECT(!equal_constant_time(one, ByteView(one).first(2)));
  EXPECT(!equal(one, other));
  EXPECT(equal(ByteView(), ByteView()));
}
