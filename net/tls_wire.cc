#include "net/tls_wire.h"

#include <openssl/bio.h>

#include <algorithm>

#include "base/check.h"

namespace vortex::net {

namespace {
// Beyond kBulk, for what OpenSSL writes by itself: alerts and key updates.
constexpr std::size_t kOwnOutputMax = 4 * kKiB;
// After so many reads that or writes that would have fitted it, the small space is taken again.
constexpr int kSmallOnes = 16;

TlsWire& wire_of(BIO* bio) { return *static_cast<TlsWire*>(BIO_get_data(bio)); }
}  // namespace

int TlsWire::read(bio_st* bio, char* into, int size) {
  TlsWire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  std::size_t count = std::min(wire.receive_left(), static_cast<std::size_t>(std::max(size, 0)));
  if (count == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(into, wire.received_.data() + wire.received_at_, count);
  wire.received_at_ += count;
  return static_cast<int>(count);
}

int TlsWire::write(bio_st* bio, const char* from, int size) {
  TlsWire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  auto count = static_cast<std::size_t>(size);
  if (wire.outgoing_.size() + count > kBulk + kOwnOutputMax) {
    BIO_set_retry_write(bio);
    return -1;
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);  // of one type with the target: a block copy
  wire.outgoing_.insert(wire.outgoing_.end(), bytes, bytes + count);
  return size;
}

long TlsWire::control(bio_st*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

bio_st* TlsWire::make_bio() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "vortex wire");
    CHECK(made != nullptr && BIO_meth_set_read(made, read) == 1 && BIO_meth_set_write(made, write) == 1 &&
          BIO_meth_set_ctrl(made, control) == 1);
    return made;
  }();
  BIO* bio = BIO_new(method);
  CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

void TlsWire::expect_outgoing(std::size_t size) {
  if (size > kIdle) {
    small_writes_ = 0;
    outgoing_.reserve(kBulk + kOwnOutputMax);
  } else if (++small_writes_ > kSmallOnes && outgoing_.empty() && outgoing_.capacity() > 2 * kIdle) {
    outgoing_ = ByteVector();
  }
}

ByteView TlsWire::begin_send() {
  std::swap(sending_, outgoing_);
  return sending_;
}

void TlsWire::end_send() {
  sending_.clear();
  // What OpenSSL said meanwhile moves over: the large block stays the one that is written to.
  sending_.insert(sending_.end(), outgoing_.begin(), outgoing_.end());
  outgoing_.clear();
  std::swap(sending_, outgoing_);
}

MutableBytes TlsWire::receive_space() {
  CHECK(receive_left() == 0);
  received_ = ByteView();
  received_at_ = 0;
  if (space_.empty()) space_.resize(kIdle);
  if (small_reads_ >= kSmallOnes && space_.size() > kIdle) {
    space_ = ByteVector(kIdle);
    small_reads_ = 0;
  }
  return space_;
}

void TlsWire::received(std::size_t size) {
  CHECK(size <= space_.size());
  bool filled = size == space_.size();
  if (filled && space_.size() < kBulk) {
    // Growing moves nothing: the bytes of this read stay where they are until they are taken.
    ByteVector larger(space_.size() * 2);
    std::memcpy(larger.data(), space_.data(), size);
    space_ = std::move(larger);
  }
  small_reads_ = size < kIdle ? small_reads_ + 1 : 0;
  received_ = ByteView(space_).first(size);
  received_at_ = 0;
}

}  // namespace vortex::net
