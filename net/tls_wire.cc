#include "net/tls_wire.h"

#include <openssl/bio.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "net/tls_records.h"

namespace vortex::net {

namespace {
// A handshake writes far less before it waits.
constexpr std::size_t kHandshakeOutputMax = 64 * kKiB;
// After so many reads or writes that would have fitted it, the small space is taken again.
constexpr int kSmallOnes = 16;

TlsWire& wire_of(BIO* bio) { return *static_cast<TlsWire*>(BIO_get_data(bio)); }
}  // namespace

void WireBuffer::used(std::size_t size) {
  CHECK(size <= end_ - begin_);
  begin_ += size;
  if (begin_ == end_) begin_ = end_ = 0;
}

void WireBuffer::make_room(std::size_t size) {
  if (room() >= size) return;
  std::size_t held = end_ - begin_;
  if (capacity_ - held >= size) {
    std::memmove(memory_.get(), memory_.get() + begin_, held);
  } else {
    auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(held + size);
    if (held > 0) std::memcpy(larger.get(), memory_.get() + begin_, held);
    memory_ = std::move(larger);
    capacity_ = held + size;
  }
  begin_ = 0;
  end_ = held;
}

void WireBuffer::resize(std::size_t capacity) {
  CHECK(begin_ == end_);
  begin_ = end_ = 0;
  if (capacity_ == capacity) return;
  memory_ = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
  capacity_ = capacity;
}

int TlsWire::read(bio_st* bio, char* into, int size) {
  WireBuffer& incoming = wire_of(bio).incoming;
  BIO_clear_retry_flags(bio);
  std::size_t count = std::min(incoming.size(), static_cast<std::size_t>(std::max(size, 0)));
  if (count == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(into, incoming.bytes().data(), count);
  incoming.used(count);
  return static_cast<int>(count);
}

int TlsWire::write(bio_st* bio, const char* from, int size) {
  WireBuffer& outgoing = wire_of(bio).outgoing;
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  auto count = static_cast<std::size_t>(size);
  if (outgoing.size() + count > kHandshakeOutputMax) {
    BIO_set_retry_write(bio);
    return -1;
  }
  outgoing.make_room(count);
  std::memcpy(outgoing.space().data(), from, count);
  outgoing.filled(count);
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

MutableBytes TlsWire::receive_space() {
  if (incoming.size() == 0 && incoming.capacity() != receive_size_) incoming.resize(receive_size_);
  // Of a record that has begun, the rest must fit.
  std::size_t held = incoming.size();
  std::size_t wanted = held == 0 ? receive_size_ : std::max(receive_size_, kTlsRecordMax);
  incoming.make_room(wanted - std::min(wanted - 1, held));
  return incoming.space();
}

void TlsWire::received(std::size_t size) {
  bool filled = size == incoming.room();
  incoming.filled(size);
  small_reads_ = size < WireBuffer::kIdle ? small_reads_ + 1 : 0;
  if (filled) receive_size_ = std::min(WireBuffer::kBulk, 4 * std::max(receive_size_, WireBuffer::kIdle));
  if (small_reads_ >= kSmallOnes) receive_size_ = WireBuffer::kIdle;
}

void TlsWire::prepare_send(std::size_t plain) {
  std::size_t records = (plain + kTlsPlainMax - 1) / kTlsPlainMax;
  // A key update may go in front.
  std::size_t needed = std::min(WireBuffer::kBulk, plain + (records + 1) * kTlsOverhead + kTlsOverhead);
  if (needed > WireBuffer::kIdle) {
    small_writes_ = 0;
    if (outgoing.capacity() < needed) outgoing.resize(needed);
    return;
  }
  ++small_writes_;
  bool too_large = outgoing.capacity() > WireBuffer::kIdle && small_writes_ >= kSmallOnes;
  if (outgoing.capacity() < WireBuffer::kIdle || too_large) outgoing.resize(WireBuffer::kIdle);
}

}  // namespace vortex::net
