// Bytes from anywhere as records of TLS, and as what an honest key has sealed without knowing what it says.
#include <algorithm>

#include "base/check.h"
#include "net/tls_records.h"

using namespace vortex;
using namespace vortex::net;

namespace {

TlsSecret secret_of(std::uint8_t choice) {
  TlsSecret secret;
  secret.size = choice % 2 == 0 ? 32 : 48;
  secret.bytes.fill(choice);
  return secret;
}

// Nobody without the key can make a record that opens.
void open_forged(const TlsSecret& secret, ByteView bytes) {
  TlsKey opening(TlsKey::Use::open, secret);
  ByteVector plain(kTlsRecordMax);
  while (true) {
    auto size = tls_record_size(bytes);
    if (!size.ok() || *size == 0 || *size > bytes.size()) return;
    CHECK(!opening.open(bytes.first(*size), plain.data()).ok());
    bytes = bytes.subspan(*size);
  }
}

// What was sealed opens, whatever it is; what it says is taken or refused.
void open_sealed(const TlsSecret& secret, TlsContent content, ByteView bytes) {
  bytes = bytes.first(std::min(bytes.size(), kTlsPlainMax));
  TlsKey sealing(TlsKey::Use::seal, secret), opening(TlsKey::Use::open, secret);
  ByteVector record(bytes.size() + kTlsOverhead), plain(bytes.size() + 1);
  std::size_t half = bytes.size() / 2;
  std::array<ByteView, 2> pieces = {bytes.first(half), bytes.subspan(half)};
  sealing.seal(content, pieces, record.data());
  CHECK(*tls_record_size(record) == record.size());
  auto opened = opening.open(record, plain.data());
  // A type of zero cannot be told from padding.
  if (content == static_cast<TlsContent>(0)) return;
  CHECK(opened.ok() && opened->content == content && opened->size == bytes.size());
  CHECK(equal(ByteView(plain).first(opened->size), bytes));
  auto notice = parse_tls_notice(opened->content, ByteView(plain).first(opened->size));
  CHECK(!notice.ok() || !(notice->end && notice->key_update));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  ByteView rest = ByteView(data, size).subspan(2);
  TlsSecret secret = secret_of(data[0]);
  open_forged(secret, rest);
  open_sealed(secret, static_cast<TlsContent>(data[1]), rest);
  return 0;
}
