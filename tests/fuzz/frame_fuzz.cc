// Frames from bytes in any split: the first input byte says how they are split and what is admitted.
#include <algorithm>

#include "base/check.h"
#include "net/frame_parser.h"
#include "net/limits.h"

using namespace vortex;
using namespace vortex::net;

namespace {

struct Some final : Admission {
  bool admit(const FrameHeader& header) override { return all || header.payload_length % 2 == 0; }
  bool all = true;
};

// Fills in right sums, so that what lies behind them is reached too.
void correct_sums(MutableBytes bytes) {
  while (bytes.size() >= kFrameHeaderSize) {
    FrameHeader header;
    std::memcpy(&header, bytes.data(), kFrameHeaderSize);
    header.magic = kFrameMagic;
    header.body_length %= 512;
    header.payload_length %= 4096;
    std::size_t left = bytes.size() - kFrameHeaderSize;
    std::size_t body = std::min<std::size_t>(header.body_length, left);
    header.body_sum = body_sum(bytes.subspan(kFrameHeaderSize, body));
    store_header(header, bytes.data());
    bytes = bytes.subspan(kFrameHeaderSize + std::min<std::size_t>(left, header.body_length + header.payload_length));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::size_t split = std::max<std::size_t>(1, data[0] * 3);
  Some some;
  some.all = (data[1] & 1) != 0;
  ByteVector bytes(data + 2, data + size);
  if (data[1] & 2) correct_sums(bytes);
  FrameParser parser(some);
  ByteView rest = bytes;
  while (!rest.empty()) {
    MutableBytes room = parser.room();
    std::size_t count = std::min({split, room.size(), rest.size()});
    std::copy_n(rest.begin(), count, room.begin());
    rest = rest.subspan(count);
    parser.received(count);
    while (true) {
      auto frame = parser.next();
      if (!frame.ok()) return 0;
      if (!*frame) break;
      // Nothing is kept of what was not admitted.
      const bool refused = (*frame)->refused;
      CHECK((*frame)->body.size() == (refused ? 0 : (*frame)->header.body_length));
      CHECK((*frame)->payload.size() == (refused ? 0 : (*frame)->header.payload_length));
    }
    CHECK(parser.memory() <= kReceiveBuffer + kFrameBodyMax + kFrameHeaderSize + kPayloadMax);
    if (data[1] & 4) parser.shrink();
  }
  return 0;
}
