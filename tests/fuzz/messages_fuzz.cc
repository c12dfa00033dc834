// The body of every message of the table: what decodes must encode to the same bytes and stay within what the input
// could fill.
#include "base/check.h"
#include "base/codec.h"
#include "net/frame.h"
#include "net/message_table.h"

using namespace vortex;
using namespace vortex::net;

namespace {

template <class Message>
void try_decode(ByteView bytes) {
  auto message = decode<Message>(bytes);
  if (!message.ok()) return;
  CHECK(equal(encode(*message), bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::uint16_t method = load_le<std::uint16_t>(data);
  ByteView body(data + 2, size - 2);
  switch (method % 1024) {
    case 0:
      try_decode<ErrorBody>(body);
      break;
    case 1:
      try_decode<GoodbyeBody>(body);
      break;
#define X(num, Name, ...)               \
  case num:                             \
    if (method & 0x8000) {              \
      try_decode<Name::Request>(body);  \
    } else {                            \
      try_decode<Name::Response>(body); \
    }                                   \
    break;
      VORTEX_MESSAGES(X)
#undef X
    default:
      break;
  }
  return 0;
}
