#include "net/frame.h"

#include "base/hash.h"
#include "net/frame_parser.h"
#include "net/limits.h"
#include "net/message_table.h"
#include "net/outbox.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;

namespace {

FrameHeader request_header(std::uint16_t method = Echo::kInfo.number) {
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(Kind::request);
  header.method = method;
  header.request_id = 0x0102030405060708;
  header.deadline_ms = 1500;
  return header;
}

struct Everyone final : Admission {
  bool admit(const FrameHeader&) override { return yes; }
  bool yes = true;
};

ByteVector bytes_of(Outbox& outbox) {
  ByteVector bytes;
  Outbox::Batch batch;
  while (!outbox.empty()) {
    outbox.take(batch);
    for (ByteView piece : batch.pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  }
  return bytes;
}

Buffer pattern(std::size_t size) {
  Buffer buffer = Buffer::allocate(size);
  for (std::size_t i = 0; i < size; ++i) buffer.writable()[i] = static_cast<std::uint8_t>(i * 31 + i / 253);
  return buffer;
}

// Feeds everything in reads of at most `split` bytes and returns what every frame held.
Result<std::vector<std::pair<ByteVector, ByteVector>>> parse_all(ByteView bytes, std::size_t split,
                                                                 bool admitted = true) {
  Everyone everyone;
  everyone.yes = admitted;
  FrameParser parser(everyone);
  std::vector<std::pair<ByteVector, ByteVector>> frames;
  while (!bytes.empty()) {
    MutableBytes room = parser.room();
    std::size_t size = std::min({split, room.size(), bytes.size()});
    std::copy_n(bytes.begin(), size, room.begin());
    bytes = bytes.subspan(size);
    parser.received(size);
    while (true) {
      ASSIGN_OR_RETURN(Frame * frame, parser.next());
      if (!frame) break;
      frames.emplace_back(to_vector(frame->body), to_vector(frame->payload));
    }
  }
  return frames;
}

// The header with one thing changed and a right sum: what does the receiver say?
template <class Change>
Result<FrameHeader> load_changed(Change change) {
  FrameHeader header = request_header();
  change(header);
  std::array<std::uint8_t, kFrameHeaderSize> bytes;
  store_header(header, bytes.data());
  return load_header(bytes.data());
}

}  // namespace

TEST_CASE("the bytes of a frame are these and no others") {
  Outbox outbox;
  EchoRequest request;
  request.data = to_vector(as_bytes("moon"));
  FrameHeader header = request_header();
  header.flags = kFlagPayloadSum;
  REQUIRE(outbox.add(Priority::normal, header, request, 100, Buffer::copy_of(as_bytes("dust"))).ok());
  // clang-format off
  const std::string expected =
      "56584e46"          // magic
      "01" "01"           // version, kind
      "0200"              // method
      "0100" "0000"       // flags, reserved
      "dc050000"          // deadline
      "0807060504030201"  // request id
      "08000000"          // length of the body
      "04000000"          // length of the payload
      "bc192cfbb9c96ef5"  // sum of the body
      "a172334d56428bcd"  // sum of the payload
      "202d927e64bce060"  // sum of the header
      "04000000" "6d6f6f6e"
      "64757374";
  // clang-format on
  EXPECT_EQ(to_hex(bytes_of(outbox)), expected);
}

TEST_CASE("every single flipped bit of a header is noticed") {
  std::array<std::uint8_t, kFrameHeaderSize> bytes;
  store_header(request_header(), bytes.data());
  REQUIRE(load_header(bytes.data()).ok());
  for (std::size_t bit = 0; bit < 8 * kFrameHeaderSize; ++bit) {
    auto mask = static_cast<std::uint8_t>(1 << bit % 8);
    bytes[bit / 8] ^= mask;
    EXPECT(!load_header(bytes.data()).ok());
    bytes[bit / 8] ^= mask;
  }
}

TEST_CASE("headers that are well summed but make no sense are refused") {
  EXPECT(load_changed([](FrameHeader&) {}).ok());
  EXPECT(load_changed([](FrameHeader& h) { h.magic ^= 1; }).is(Code::bad_message));
  EXPECT(load_changed([](FrameHeader& h) { h.version = kVersion + 1; }).is(Code::unsupported_version));
  EXPECT(load_changed([](FrameHeader& h) { h.version = 0; }).is(Code::unsupported_version));
  EXPECT(load_changed([](FrameHeader& h) { h.kind = 0; }).is(Code::bad_message));
  EXPECT(load_changed([](FrameHeader& h) { h.kind = kKindMax + 1; }).is(Code::bad_message));
  EXPECT(load_changed([](FrameHeader& h) { h.method = 1000; }).is(Code::unknown_method));
  EXPECT(load_changed([](FrameHeader& h) { h.method = 0xffff; }).is(Code::unknown_method));
  EXPECT(load_changed([](FrameHeader& h) { h.flags = 2; }).is(Code::bad_message));
  EXPECT(load_changed([](FrameHeader& h) { h.reserved = 1; }).is(Code::bad_message));
  EXPECT(load_changed([](FrameHeader& h) { h.request_id = 0; }).is(Code::bad_message));
  EXPECT(load_changed([](FrameHeader& h) { h.body_length = Echo::kInfo.body_max + 1; }).is(Code::too_large));
  EXPECT(load_changed([](FrameHeader& h) { h.payload_length = 0xffffffff; }).is(Code::too_large));
  EXPECT(load_changed([](FrameHeader& h) { h.payload_length = 1; }).is(Code::bad_message));  // without its sum
  EXPECT(load_changed([](FrameHeader& h) { h.flags = kFlagPayloadSum; }).is(Code::bad_message));
  EXPECT(load_changed([](FrameHeader& h) { h.payload_sum = 1; }).is(Code::bad_message));
  auto as = [](Kind kind, auto change) {
    return load_changed([kind, change](FrameHeader& h) {
      h.kind = static_cast<std::uint8_t>(kind);
      h.deadline_ms = 0;
      change(h);
    });
  };
  auto nothing = [](FrameHeader&) {};
  auto no_method = [](FrameHeader& h) { h.method = 0; };
  EXPECT(as(Kind::response, nothing).ok());
  EXPECT(as(Kind::response, [](FrameHeader& h) { h.deadline_ms = 1; }).is(Code::bad_message));
  EXPECT(as(Kind::error, nothing).ok());
  EXPECT(as(Kind::error, [](FrameHeader& h) { h.body_length = kErrorBodyMax + 1; }).is(Code::too_large));
  EXPECT(as(Kind::error, [](FrameHeader& h) { h.payload_length = 1; }).is(Code::bad_message));
  EXPECT(as(Kind::error, no_method).is(Code::unknown_method));
  EXPECT(as(Kind::cancel, no_method).ok());
  EXPECT(as(Kind::cancel, nothing).is(Code::bad_message));
  EXPECT(as(Kind::ping, no_method).ok());
  EXPECT(as(Kind::pong, no_method).ok());
  EXPECT(as(Kind::ping, [](FrameHeader& h) { h.method = 0, h.body_length = 1; }).is(Code::bad_message));
  EXPECT(as(Kind::goodbye, no_method).is(Code::bad_message));
  EXPECT(as(Kind::goodbye, [](FrameHeader& h) { h.method = 0, h.request_id = 0; }).ok());
}

TEST_CASE("frames come out whole and in order whatever the reads split them into") {
  std::vector<std::pair<ByteVector, ByteVector>> sent;
  Outbox outbox;
  for (std::size_t size : {0, 1, 3, 100, 1000, 5000, 60000}) {
    for (std::size_t payload_size : {0, 1, 70, 5000, 100000}) {
      EchoRequest request;
      request.data = to_vector(pattern(size));
      Buffer payload = pattern(payload_size);
      FrameHeader header = request_header();
      if (payload_size > 0) header.flags = kFlagPayloadSum;
      sent.emplace_back(encode(request), to_vector(payload));
      REQUIRE(outbox.add(Priority::normal, header, request, Echo::kInfo.body_max, std::move(payload)).ok());
    }
  }
  ByteVector bytes = bytes_of(outbox);
  for (std::size_t split : {13, 56, 57, 64, 1000, 1024, 4096, 65536, 1000000}) {
    auto frames = parse_all(bytes, split);
    REQUIRE(frames.ok());
    EXPECT(*frames == sent);
  }
  auto refused = parse_all(bytes, 999, false);
  REQUIRE(refused.ok());
  REQUIRE(refused->size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT((*refused)[i].first.empty());
    EXPECT((*refused)[i].second.empty());
  }
}

TEST_CASE("a body or payload that was hurt on its way is noticed") {
  Outbox outbox;
  EchoRequest request;
  request.data.resize(50);
  FrameHeader header = request_header();
  header.flags = kFlagPayloadSum;
  REQUIRE(outbox.add(Priority::normal, header, request, 100, pattern(200)).ok());
  ByteVector bytes = bytes_of(outbox);
  REQUIRE(parse_all(bytes, 64).ok());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] ^= 0x10;
    EXPECT(!parse_all(bytes, 64).ok());
    bytes[at] ^= 0x10;
  }
}

TEST_CASE("a payload that carries its own sums has none in the frame") {
  Outbox outbox;
  EchoBulkRequest request;
  REQUIRE(outbox.add(Priority::bulk, request_header(EchoBulk::kInfo.number), request, 100, pattern(200)).ok());
  auto frames = parse_all(bytes_of(outbox), 64);
  REQUIRE(frames.ok());
  EXPECT((*frames)[0].second == to_vector(pattern(200)));
}

TEST_CASE("nothing is allocated for a payload that was not admitted, and little for an idle connection") {
  Everyone nobody;
  nobody.yes = false;
  FrameParser parser(nobody);
  std::array<std::uint8_t, kFrameHeaderSize> bytes;
  FrameHeader header = request_header(EchoBulk::kInfo.number);
  header.payload_length = static_cast<std::uint32_t>(kPayloadMax);
  store_header(header, bytes.data());
  std::memcpy(parser.room().data(), bytes.data(), bytes.size());
  parser.received(bytes.size());
  auto frame = parser.next();
  REQUIRE(frame.ok());
  REQUIRE(*frame);
  EXPECT((*frame)->refused);
  EXPECT_LE(parser.memory(), kReceiveBufferMin);
}

namespace {
constexpr std::uint16_t kLargeBody = CompareMembers::kInfo.number;
static_assert(CompareMembers::kInfo.body_max == kFrameBodyMax);

ByteVector frame_of(std::uint16_t method, std::size_t body, std::uint64_t id) {
  Outbox outbox;
  EchoRequest request;
  request.data.resize(body - 4);
  FrameHeader header = request_header(method);
  header.request_id = id;
  REQUIRE(outbox.add(Priority::normal, header, request, body, Buffer()).ok());
  return bytes_of(outbox);
}

// Returns the most memory that was held on the way.
std::size_t feed(FrameParser& parser, ByteView bytes, std::vector<std::uint64_t>& ids) {
  std::size_t most = 0;
  while (!bytes.empty()) {
    MutableBytes room = parser.room();
    std::size_t size = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), size, room.begin());
    bytes = bytes.subspan(size);
    parser.received(size);
    while (true) {
      auto frame = parser.next();
      REQUIRE(frame.ok());
      if (!*frame) break;
      ids.push_back((*frame)->header.request_id);
      if ((*frame)->refused) EXPECT((*frame)->body.empty());
    }
    most = std::max(most, parser.memory());
  }
  return most;
}
}  // namespace

TEST_CASE("the body of a frame that was not admitted is passed over and never stored, and the next frame is found") {
  Everyone some;
  FrameParser parser(some);
  std::vector<std::uint64_t> ids;
  some.yes = false;
  ByteVector large = frame_of(kLargeBody, kFrameBodyMax, 1);
  EXPECT_LE(feed(parser, ByteView(large).first(large.size() - 1), ids), kReceiveBuffer);
  EXPECT_EQ(parser.under_way(), large.size());
  EXPECT_EQ(parser.ended(), 0);
  feed(parser, ByteView(large).last(1), ids);
  EXPECT_EQ(parser.under_way(), 0);
  EXPECT_EQ(parser.ended(), 1);
  some.yes = true;
  feed(parser, frame_of(Echo::kInfo.number, 100, 2), ids);
  EXPECT(ids == std::vector<std::uint64_t>({1, 2}));
  EXPECT_EQ(parser.ended(), 2);
}

TEST_CASE("the memory for a large body goes when its frame does, whatever has come behind it") {
  Everyone everyone;
  FrameParser parser(everyone);
  std::vector<std::uint64_t> ids;
  ByteVector large = frame_of(kLargeBody, kFrameBodyMax, 1), next = frame_of(Echo::kInfo.number, 100, 2);
  feed(parser, large, ids);
  parser.release();
  EXPECT_LE(parser.memory(), kReceiveBuffer);
  // Half a frame keeps no more than it needs.
  feed(parser, ByteView(next).first(30), ids);
  EXPECT_EQ(parser.under_way(), kFrameHeaderSize);
  parser.shrink();
  feed(parser, ByteView(next).subspan(30, 50), ids);
  EXPECT_LE(parser.memory(), kReceiveBufferMin);
  EXPECT_EQ(parser.under_way(), next.size());
  feed(parser, ByteView(next).subspan(80), ids);
  EXPECT_EQ(parser.under_way(), 0);
  EXPECT(ids == std::vector<std::uint64_t>({1, 2}));
}

TEST_CASE("memory given back in the middle of a frame changes nothing of it") {
  Outbox outbox;
  EchoRequest request;
  request.data = to_vector(pattern(700));
  FrameHeader header = request_header();
  header.flags = kFlagPayloadSum;
  REQUIRE(outbox.add(Priority::normal, header, request, 1000, pattern(5000)).ok());
  ByteVector bytes = bytes_of(outbox);
  Everyone everyone;
  FrameParser parser(everyone);
  int frames = 0;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t at = 0; at < bytes.size();) {
      parser.shrink();
      MutableBytes room = parser.room();
      std::size_t size = std::min({room.size(), bytes.size() - at, std::size_t(37)});
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, room.begin());
      at += size;
      parser.received(size);
      auto frame = parser.next();
      REQUIRE(frame.ok());
      if (!*frame) continue;
      ++frames;
      EXPECT(equal((*frame)->payload, pattern(5000)));
      EXPECT(equal((*frame)->body.subspan(4), pattern(700)));
    }
  }
  EXPECT_EQ(frames, 3);
}

TEST_CASE("the buffer grows while much arrives and shrinks again") {
  Everyone everyone;
  FrameParser parser(everyone);
  Outbox outbox;
  EchoRequest request;
  request.data.resize(100);
  for (int i = 0; i < 10000; ++i) REQUIRE(outbox.add(Priority::normal, request_header(), request, 200, Buffer()).ok());
  ByteVector bytes = bytes_of(outbox);
  ByteView rest = bytes;
  while (!rest.empty()) {
    MutableBytes room = parser.room();
    std::size_t size = std::min(room.size(), rest.size());
    std::copy_n(rest.begin(), size, room.begin());
    rest = rest.subspan(size);
    parser.received(size);
    while (*parser.next()) {
    }
  }
  EXPECT_EQ(parser.memory(), kReceiveBuffer);
  parser.shrink();
  EXPECT_EQ(parser.memory(), kReceiveBuffer);  // the room given out must stay good
  parser.room();
  EXPECT_EQ(parser.memory(), kReceiveBufferMin);
}

TEST_CASE("frames that come one at a time take room for one of them, however long they come") {
  Everyone everyone;
  FrameParser parser(everyone);
  std::vector<std::uint64_t> ids;
  ByteVector one = frame_of(kLargeBody, 12'000, 1), slightly_larger = frame_of(kLargeBody, 12'100, 2);
  for (int round = 0; round < 20; ++round) {
    feed(parser, one, ids);
    feed(parser, slightly_larger, ids);
  }
  EXPECT_EQ(ids.size(), 40);
  EXPECT_EQ(parser.memory(), slightly_larger.size());
}

TEST_CASE("what was written in a burst is given back afterwards") {
  Outbox outbox;
  Outbox::Batch batch;
  EchoRequest request;
  request.data.resize(10'000);
  for (int i = 0; i < 20; ++i) REQUIRE(outbox.add(Priority::normal, request_header(), request, 20'000, Buffer()).ok());
  outbox.take(batch);
  outbox.clear(batch);
  EXPECT_GT(outbox.spare_memory(), 60'000);
  outbox.shrink();
  EXPECT_EQ(outbox.spare_memory(), 0);
}

TEST_CASE("urgent frames leave first, but something of every priority leaves") {
  Outbox outbox;
  EchoRequest request;
  request.data.resize(1000);
  auto add = [&](Priority priority, std::uint64_t id, std::size_t count) {
    FrameHeader header = request_header();
    header.request_id = id;
    for (std::size_t i = 0; i < count; ++i) REQUIRE(outbox.add(priority, header, request, 2000, Buffer()).ok());
  };
  add(Priority::bulk, 3, 3000);
  add(Priority::normal, 2, 3000);
  add(Priority::control, 1, 10);
  Outbox::Batch batch;
  outbox.take(batch);
  auto frame_id = [](ByteView piece) { return load_header(piece.data())->request_id; };
  EXPECT_EQ(frame_id(batch.pieces().front()), 1);
  EXPECT_EQ(frame_id(batch.pieces().back()), 3);
  EXPECT_LE(batch.bytes(), kWriteBatch + 2 * kSegmentSize + 4000);
  EXPECT_GE(batch.bytes(), kWriteBatch);
}

TEST_CASE("a body over its limit is not sent, and what was there before still is") {
  Outbox outbox;
  EchoRequest request;
  REQUIRE(outbox.add(Priority::normal, request_header(), request, 100, Buffer()).ok());
  request.data.resize(200);
  EXPECT(outbox.add(Priority::normal, request_header(), request, 100, Buffer()).is(Code::too_large));
  EXPECT_EQ(bytes_of(outbox).size(), kFrameHeaderSize + 4);
}

TEST_CASE("requests that are taken back are not sent, answers are") {
  Outbox outbox;
  EchoRequest request;
  for (std::uint64_t id = 1; id <= 10; ++id) {
    FrameHeader header = request_header();
    header.request_id = id;
    if (id % 2 == 0) {
      header.kind = static_cast<std::uint8_t>(Kind::response);
      header.deadline_ms = 0;
    }
    if (id % 3 == 0) header.flags = kFlagPayloadSum;
    REQUIRE(outbox.add(Priority::normal, header, request, 100, id % 3 == 0 ? pattern(50) : Buffer()).ok());
  }
  EXPECT(outbox.drop_requests() == std::vector<std::uint64_t>({1, 3, 5, 7, 9}));
  // They are not there any more.
  for (std::uint64_t id = 1; id <= 11; ++id) EXPECT(!outbox.drop_request(Priority::normal, id));
  ByteVector bytes = bytes_of(outbox);
  EXPECT_EQ(bytes.size(), 5 * (kFrameHeaderSize + 4) + 50);
  EXPECT(parse_all(bytes, 1000).ok());
}
