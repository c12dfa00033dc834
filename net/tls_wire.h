// The encrypted bytes between TLS, which never waits, and a connection, which does: what came and was not yet
// decrypted, and what was encrypted and not yet sent.
#pragma once

#include <cstddef>
#include <memory>

#include "base/bytes.h"
#include "base/limits.h"

struct bio_st;

namespace vortex::net {

// Bytes that are filled at the end and used up at the front. Its memory grows and shrinks with what is moved at once.
class WireBuffer {
 public:
  // Many records go in one system call.
  static constexpr std::size_t kBulk = 256 * kKiB;
  static constexpr std::size_t kIdle = 4 * kKiB;

  ByteView bytes() const { return {memory_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  std::size_t room() const { return capacity_ - end_; }
  MutableBytes space() { return {memory_.get() + end_, room()}; }
  void filled(std::size_t size) { end_ += size; }
  void used(std::size_t size);

  // Room for at least so much. What is in it moves to the front.
  void make_room(std::size_t size);
  // Nothing may be in it: it becomes so large and no larger.
  void resize(std::size_t capacity);
  std::size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

class TlsWire {
 public:
  TlsWire() = default;
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  // A BIO for the handshake, which reads from `incoming` and writes to `outgoing`. The wire must outlive it.
  bio_st* make_bio();

  WireBuffer incoming, outgoing;

  // Where the next read of the connection goes: room for a whole record behind what is there, and more while reads fill
  // it. received() says how much came.
  MutableBytes receive_space();
  void received(std::size_t size);
  // Before so many plain bytes are encrypted, with nothing outgoing: room for as many of their records as are sent at
  // once.
  void prepare_send(std::size_t plain);

 private:
  static int read(bio_st* bio, char* into, int size);
  static int write(bio_st* bio, const char* from, int size);
  static long control(bio_st* bio, int command, long number, void* pointer);

  std::size_t receive_size_ = WireBuffer::kIdle;
  int small_reads_ = 0, small_writes_ = 0;
};

}  // namespace vortex::net
