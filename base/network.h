// Byte streams between machines. TCP in the real world.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/task.h"

namespace vortex {

struct Address {
  std::string host;  // a name or a numeric address; IPv6 without brackets
  std::uint16_t port = 0;

  // "10.0.0.7:7400", "[::1]:7400", "node-3:7400".
  static Result<Address> parse(std::string_view text);
  std::string to_string() const;
  auto operator<=>(const Address&) const = default;
  VORTEX_FIELDS(host, port)
};

// One end of a byte stream. One reader and one writer at a time; both may wait at once.
class Connection {
 public:
  virtual ~Connection() = default;
  // At least one byte, or `end_of_stream` when the other side has finished, or `closed`.
  virtual Task<Result<std::size_t>> read_some(MutableBytes into) = 0;
  // All of the pieces in order, as few system calls as can be. The bytes must stay until it returns. After a
  // failure or a cancellation the stream is broken and must be closed.
  virtual Task<Status> write(std::span<const ByteView> pieces) = 0;
  // Where writes_now(): writes what fits at this moment, without a coroutine, and says how many bytes that was. Not
  // while write() is under way. Failures are left for write() to find.
  virtual bool writes_now() const { return false; }
  virtual std::size_t write_now(std::span<const ByteView>) { return 0; }
  // Whoever waits gets `closed`. Safe to call twice.
  virtual void close() = 0;
  virtual Address peer() const = 0;
  virtual Address local() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual Task<Result<std::unique_ptr<Connection>>> accept() = 0;
  // Whoever waits gets `closed`.
  virtual void close() = 0;
  // With the real port, where 0 was asked for.
  virtual Address local() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  // Waits until connected, refused, or cancelled; bound it with a deadline.
  virtual Task<Result<std::unique_ptr<Connection>>> connect(Address to) = 0;
  virtual Result<std::unique_ptr<Listener>> listen(const Address& at) = 0;
};

}  // namespace vortex
