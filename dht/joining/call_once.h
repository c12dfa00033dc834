// One call over a connection of its own, for moments when this node is not (yet) what its other connections prove.
#pragma once

#include <utility>

#include "base/deadline.h"
#include "net/channel.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"

namespace vortex::dht {

// Everything that it takes by reference outlives it. `encrypted` tells over what the answer came.
template <class Method>
Task<Result<typename Method::Response>> call_once(Env& env, net::Switchboard& board, net::Handshaker& handshaker,
                                                  net::Target to, typename Method::Request request, Instant deadline) {
  std::optional<NodeId> expected;
  if (!to.id.is_zero()) expected = to.id;
  CO_ASSIGN_OR_RETURN(auto connection, co_await with_deadline<std::unique_ptr<Connection>>(
                                           env, deadline, env.network().connect(to.address)));
  auto greeting = handshaker.as_client(std::move(connection), expected, net::Purpose::control);
  CO_ASSIGN_OR_RETURN(auto secured, co_await with_deadline<net::Secured>(env, deadline, std::move(greeting)));
  net::Channel channel(board, std::move(secured));
  TaskGroup running(env.loop());
  running.spawn(channel.run());
  net::CallOptions options(deadline - env.now());
  auto reply = co_await channel.call<Method>(std::move(request), std::move(options));
  channel.close(Error(Code::closed, "that was all"));
  co_await running.stop();
  if (!reply.ok()) co_return std::move(reply).error();
  co_return std::move(reply->response);
}

}  // namespace vortex::dht
