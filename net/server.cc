#include "net/server.h"

#include "base/deadline.h"
#include "base/log.h"

namespace vortex::net {

Server::Server(Switchboard& switchboard, Handshaker& handshaker)
    : switchboard_(switchboard), env_(switchboard.env), handshaker_(handshaker), tasks_(env_.loop()) {}

Status Server::listen(const Address& at) {
  CHECK(!listener_);
  ASSIGN_OR_RETURN(listener_, env_.network().listen(at));
  tasks_.spawn(accept_loop());
  return Status();
}

Task<void> Server::stop() {
  if (listener_) listener_->close();
  co_await tasks_.stop();
}

Task<void> Server::accept_loop() {
  while (true) {
    auto connection = co_await listener_->accept();
    if (connection.ok()) {
      switchboard_.metrics.accepted.add();
      welcome(std::move(*connection));
      continue;
    }
    if (connection.is(Code::closed) || connection.is(Code::cancelled)) break;
    // Out of descriptors, perhaps: it may pass.
    switchboard_.metrics.accept_failed.add();
    env_.log().warn("net", "cannot accept a connection", Field("error", connection.error()));
    Status slept = co_await sleep_for(env_, kAcceptRetry);
    if (!slept.ok()) break;
  }
}

void Server::welcome(std::unique_ptr<Connection> connection) {
  // The oldest has had the most time: who holds connections open without proving anything cannot keep others out.
  if (handshakes_.size() >= kHandshakesMax) {
    switchboard_.metrics.handshakes_evicted.add();
    tasks_.cancel(handshakes_.front().task);
    handshakes_.splice(handshakes_.end(), handshakes_, handshakes_.begin());
  }
  Place place = handshakes_.emplace(handshakes_.end());
  tasks_.spawn(serve(std::move(connection), place), place->task);
}

Task<void> Server::serve(std::unique_ptr<Connection> connection, Place place) {
  std::string address = connection->peer().to_string();
  Task<Result<Secured>> handshake = handshaker_.as_server(std::move(connection));
  auto secured = co_await with_timeout<Secured>(env_, kHandshakePatience, std::move(handshake));
  handshakes_.erase(place);
  if (!secured.ok()) {
    switchboard_.metrics.handshakes_failed.add();
    env_.log().info("net", "a connection was not let in", Field("peer", address), Field("error", secured.error()));
    co_return;
  }
  Channel channel(switchboard_, std::move(*secured));
  bool guest = channel.peer().role != Role::member;
  if (channels_.size() >= kNodeConnectionsMax || (guest && guests_ >= kGuestConnectionsMax)) {
    channel.close(Error(Code::busy, "too many connections"));
    co_await channel.run();
    co_return;
  }
  if (guest) ++guests_;
  auto listed = channels_.insert(channels_.end(), &channel);
  co_await channel.run();
  channels_.erase(listed);
  if (guest) --guests_;
}

void Server::close_channels(const NodeId& id, const Error& reason) {
  for (Channel* channel : channels_)
    if (channel->peer().id == id) channel->close(reason);
}

}  // namespace vortex::net
