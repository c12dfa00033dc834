// A stream of TLS whose other end, or somebody between the two, sends records of any kind in any split, altered and
// made up ones among good ones. Whatever comes: what the reader is given is how the bytes that were sealed begin.
#include <openssl/ssl.h>

#include <algorithm>

#include "base/check.h"
#include "base/task_group.h"
#include "net/tls_stream.h"

using namespace vortex;
using namespace vortex::net;

namespace {

class CountingRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(next());
  }
  std::uint64_t next() override { return (state_ = state_ * 6364136223846793005u + 1442695040888963407u) >> 32; }

 private:
  std::uint64_t state_ = 1;
};

Identity make_identity() {
  CountingRandom random;
  return Identity::generate(random);
}

// The input, taken bit by bit; zeros behind its end.
class Choices {
 public:
  explicit Choices(ByteView bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::size_t next(std::size_t below) {
    std::size_t value = 0;
    for (int i = 0; i < (below > 256 ? 2 : 1) && !bytes_.empty(); ++i, bytes_ = bytes_.subspan(1))
      value = value << 8 | bytes_.front();
    return value % below;
  }

 private:
  ByteView bytes_;
};

// The other end, as OpenSSL plays it during the handshake; afterwards whatever `coming` holds. All that is written to
// it after the handshake is forgotten.
class OtherEnd final : public Connection {
 public:
  OtherEnd(const TlsContext& context, Choices& choices) : choices_(choices), ssl_(SSL_new(context.handle())) {
    SSL_set_app_data(ssl_, &peer_);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_accept_state(ssl_);
  }
  ~OtherEnd() override { SSL_free(ssl_); }

  Task<Result<std::size_t>> read_some(MutableBytes into) override {
    if (at_ == coming.size()) co_return Code::end_of_stream;
    std::size_t size = std::min(into.size(), coming.size() - at_);
    if (established && size > 1 && choices_.next(2) == 0) size = 1 + choices_.next(size);
    std::copy_n(coming.begin() + static_cast<std::ptrdiff_t>(at_), size, into.begin());
    at_ += size;
    co_return size;
  }
  Task<Status> write(std::span<const ByteView> pieces) override {
    if (established) co_return Status();
    for (ByteView piece : pieces) BIO_write(in_, piece.data(), static_cast<int>(piece.size()));
    SSL_do_handshake(ssl_);
    ByteVector out(BIO_ctrl_pending(out_));
    int size = out.empty() ? 0 : BIO_read(out_, out.data(), static_cast<int>(out.size()));
    coming.insert(coming.end(), out.begin(), out.begin() + size);
    co_return Status();
  }
  void close() override {}
  Address peer() const override { return Address(); }
  Address local() const override { return Address(); }
  const TlsSecret& secret() const { return peer_.server_secret; }

  ByteVector coming;
  bool established = false;

 private:
  Choices& choices_;
  std::size_t at_ = 0;
  SSL* ssl_;
  BIO *in_, *out_;
  TlsPeer peer_;
};

// The data in what was sealed; behind a record that was hurt on its way nothing may be handed out.
struct Sealed {
  ByteVector data;
  bool spoiled = false;
};

struct Record {
  TlsContent content = TlsContent::data;
  ByteVector bytes;
};

Record make_record(std::size_t kind, Choices& choices, CountingRandom& random) {
  static constexpr std::size_t kSizes[] = {0, 1, 50, 600, 5000, kTlsPlainMax};
  Record record;
  if (kind == 0) {
    record.content = TlsContent::alert;
    record.bytes = {1, static_cast<std::uint8_t>(choices.next(2) * 90)};
  } else if (kind == 1) {
    record.content = TlsContent::handshake;
    record.bytes = {24, 0, 0, 1, static_cast<std::uint8_t>(choices.next(3))};
  } else if (kind == 2) {
    record.content = static_cast<TlsContent>(choices.next(256));
    record.bytes.resize(choices.next(20));
    for (std::uint8_t& byte : record.bytes) byte = static_cast<std::uint8_t>(choices.next(256));
  } else {
    record.bytes.resize(choices.next(2) == 0 ? kSizes[choices.next(6)] : choices.next(300));
    random.fill(record.bytes);
  }
  return record;
}

// Of a record as its owner sealed it: zeros behind the contents are padding.
ByteVector data_of(Record record) {
  ByteVector inner = std::move(record.bytes);
  inner.push_back(static_cast<std::uint8_t>(record.content));
  while (!inner.empty() && inner.back() == 0) inner.pop_back();
  if (inner.empty() || inner.back() != static_cast<std::uint8_t>(TlsContent::data)) return ByteVector();
  inner.pop_back();
  return inner;
}

void add_record(OtherEnd& end, TlsKey& key, Choices& choices, Sealed& sealed, CountingRandom& random) {
  std::size_t kind = choices.next(16);
  Record made = make_record(kind, choices, random);
  ByteView piece(made.bytes);
  ByteVector record(made.bytes.size() + kTlsOverhead);
  key.seal(made.content, std::span<const ByteView>(&piece, 1), record.data());
  if (kind == 1) key.renew();
  if (kind == 3) {
    record[choices.next(record.size())] ^= static_cast<std::uint8_t>(1 + choices.next(255));
    sealed.spoiled = true;
  } else if (kind == 4) {
    record.resize(choices.next(record.size()));
    sealed.spoiled = true;
  }
  end.coming.insert(end.coming.end(), record.begin(), record.end());
  if (sealed.spoiled) return;
  ByteVector data = data_of(std::move(made));
  sealed.data.insert(sealed.data.end(), data.begin(), data.end());
}

Task<void> converse(OtherEnd& end, TlsStream& stream, Choices& choices) {
  Status shaken = co_await stream.handshake();
  CHECK_MSG(shaken.ok(), shaken.error().to_string());
  end.established = true;
  TlsKey key(TlsKey::Use::seal, end.secret());
  Sealed sealed;
  CountingRandom random;
  for (std::size_t count = 1 + choices.next(80); count > 0 && !choices.empty(); --count)
    add_record(end, key, choices, sealed, random);
  std::size_t read = 0;
  int failures = 0;
  while (failures < 3) {
    ByteVector into(1 + choices.next(20'000));
    auto size = co_await stream.read_some(into);
    if (!size.ok()) {
      ++failures;
      continue;
    }
    // Nothing comes behind a failure.
    CHECK(failures == 0 && *size > 0 && *size <= into.size());
    CHECK(read + *size <= sealed.data.size());
    CHECK(equal(ByteView(into).first(*size), ByteView(sealed.data).subspan(read, *size)));
    read += *size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Identity alice = make_identity();
  static const TlsContext context(alice), anonymous = TlsContext::anonymous();
  Choices choices(ByteView(data, size));
  asio::io_context io;
  Loop loop(io);
  auto owned = std::make_unique<OtherEnd>(context, choices);
  OtherEnd& end = *owned;
  TlsStream stream(anonymous, std::move(owned), TlsSide::client);
  TaskGroup group(loop);
  group.spawn(converse(end, stream, choices));
  io.poll();
  CHECK(group.size() == 0);
  return 0;
}
