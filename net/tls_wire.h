// The bytes between OpenSSL, which never waits, and a connection, which does: what came and was not yet decrypted, and
// what was encrypted and not yet sent.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/bytes.h"
#include "base/limits.h"

struct bio_st;

namespace vortex::net {

class TlsWire {
 public:
  // Many records go in one system call.
  static constexpr std::size_t kBulk = 256 * kKiB;
  static constexpr std::size_t kIdle = 16 * kKiB;

  TlsWire() = default;
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  // A BIO that reads from `received` and writes to `outgoing`. The wire must outlive it.
  bio_st* make_bio();

  // Room for the next read of the connection; only when everything that came has been taken. It grows while reads
  // fill it and shrinks when they have been small for a while.
  MutableBytes receive_space();
  void received(std::size_t size);
  std::size_t receive_left() const { return received_.size() - received_at_; }

  // Room for a write of so many plain bytes is taken at once instead of by and by.
  void expect_outgoing(std::size_t size);
  std::size_t outgoing() const { return outgoing_.size(); }
  // Until kBulk is reached.
  std::size_t outgoing_room() const { return kBulk - std::min(outgoing_.size(), kBulk); }
  // What is to be sent stays where it is until end_send(); what OpenSSL writes in between comes after it.
  ByteView begin_send();
  void end_send();

 private:
  static int read(bio_st* bio, char* into, int size);
  static int write(bio_st* bio, const char* from, int size);
  static long control(bio_st* bio, int command, long number, void* pointer);

  ByteVector space_;             // where reads of the connection go
  ByteView received_;            // the part of space_ that was filled by the last read
  std::size_t received_at_ = 0;  // how much of it OpenSSL has taken
  int small_reads_ = 0;
  ByteVector sending_;
  int small_writes_ = 0;
  ByteVector outgoing_;  // never over kBulk and what a few alerts and key updates take
};

}  // namespace vortex::net
