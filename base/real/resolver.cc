#include "base/real/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "base/real/signals_blocked.h"

namespace vortex {

namespace {
constexpr std::size_t kLookupsMax = 4;
constexpr std::size_t kAddressesMax = 16;
}  // namespace

bool is_numeric(const std::string& host) {
  in_addr v4{};
  // An IPv6 address may carry a zone, which inet_pton does not know.
  return ::inet_pton(AF_INET, host.c_str(), &v4) == 1 || host.find(':') != std::string::npos;
}

Result<std::vector<Endpoint>> resolve_now(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  int failure = ::getaddrinfo(address.host.c_str(), nullptr, &hints, &list);
  if (failure != 0) return Error(Code::unreachable, "look up " + address.host + ": " + ::gai_strerror(failure));
  std::vector<Endpoint> found;
  for (addrinfo* it = list; it != nullptr && found.size() < kAddressesMax; it = it->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(it->ai_addr, it->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0)
      found.emplace_back(text, address.port);
  }
  ::freeaddrinfo(list);
  if (found.empty()) return Error(Code::unreachable, "look up " + address.host + ": no address");
  return found;
}

// One lookup, shared by the thread that blocks in it and the task that may have gone.
struct Resolver::Lookup {
  Address address;
  Result<std::vector<Endpoint>> result = Code::internal;
  Parking* waiter = nullptr;  // of the loop thread
};

struct Resolver::Gate {
  std::mutex mutex;
  Resolver* resolver = nullptr;  // nobody when it is gone; changed on the loop thread under the mutex
};

Resolver::Resolver(Loop& loop) : loop_(loop), gate_(std::make_shared<Gate>()), ended_(loop) { gate_->resolver = this; }

Resolver::~Resolver() {
  std::lock_guard lock(gate_->mutex);
  gate_->resolver = nullptr;
}

void Resolver::finished() {
  if (--running_ == 0) guard_.reset();
  ended_.notify_one();
}

Task<Result<std::vector<Endpoint>>> Resolver::resolve(Address address) {
  if (is_numeric(address.host)) co_return std::vector<Endpoint>(1, Endpoint(address.host, address.port));
  while (running_ >= kLookupsMax) {
    bool woken = co_await ended_.wait();
    if (!woken) co_return Code::cancelled;
  }
  if (running_++ == 0) guard_.emplace(loop_.context().get_executor());
  auto lookup = std::make_shared<Lookup>();
  lookup->address = std::move(address);
  Parking parking(loop_);
  lookup->waiter = &parking;
  // A lookup can take many seconds and cannot be interrupted, so its thread is left alone with what it shares: neither
  // a cancelled task nor the end of the program waits for it.
  auto block = [lookup, gate = gate_] {
    auto result = resolve_now(lookup->address);
    std::lock_guard lock(gate->mutex);
    if (gate->resolver == nullptr) return;
    lookup->result = std::move(result);
    asio::post(gate->resolver->loop_.context(), [lookup, gate] {
      if (gate->resolver != nullptr) gate->resolver->finished();
      if (lookup->waiter != nullptr) lookup->waiter->wake();
    });
  };
  {
    SignalsBlocked blocked;
    std::thread(block).detach();
  }
  bool woken = co_await parking.park();
  lookup->waiter = nullptr;
  if (!woken) co_return Code::cancelled;
  co_return std::move(lookup->result);
}

}  // namespace vortex
