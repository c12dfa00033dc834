// Names to addresses, without holding up the loop.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/event.h"
#include "base/network.h"

namespace vortex {

// A numeric address with its port.
struct Endpoint {
  std::string address;
  std::uint16_t port = 0;

  Endpoint() {}
  Endpoint(std::string numeric, std::uint16_t p) : address(std::move(numeric)), port(p) {}
};

bool is_numeric(const std::string& host);
// Blocks.
Result<std::vector<Endpoint>> resolve_now(const Address& address);

class Resolver {
 public:
  explicit Resolver(Loop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // At least one address, in the order in which to try them. A numeric one comes back at once.
  Task<Result<std::vector<Endpoint>>> resolve(Address address);

 private:
  struct Lookup;
  struct Gate;
  void finished();

  Loop& loop_;
  std::shared_ptr<Gate> gate_;
  std::size_t running_ = 0;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard_;
  Event ended_;
};

}  // namespace vortex
