// TCP through Asio's epoll reactor.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/loop.h"
#include "base/network.h"
#include "base/real/resolver.h"

namespace vortex {

class TcpNetwork final : public Network {
 public:
  TcpNetwork(Loop& loop, Clock& clock) : loop_(loop), clock_(clock), resolver_(loop) {}

  // A name with several addresses: one after the other, none but the last for more than kAttemptMax.
  Task<Result<std::unique_ptr<Connection>>> connect(Address to) override;
  // "*" or "" is every address of this machine. A name is looked up in place: this is for the start of a program.
  Result<std::unique_ptr<Listener>> listen(const Address& at) override;

 private:
  Task<Result<std::unique_ptr<Connection>>> connect_one(Address to, Endpoint endpoint, bool last);

  Loop& loop_;
  Clock& clock_;
  Resolver resolver_;
};

}  // namespace vortex
