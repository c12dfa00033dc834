#include "net/server.h"

#include "base/deadline.h"
#include "base/log.h"

namespace vortex::net {

Server::Server(Switchboard& switchboard, Handshaker& handshaker)
    : switchboard_(switchboard),
      env_(switchboard.env),
      handshaker_(handshaker),
      door_(env_, switchboard.member_hosts),
      tasks_(env_.loop()) {}

Status Server::listen(const Address& at) {
  CHECK(!listener_);
  ASSIGN_OR_RETURN(listener_, env_.network().listen(at));
  tasks_.spawn(accept_loop());
  return Status();
}

Task<void> Server::stop() {
  stopping_ = true;
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
    if (stopping_ || connection.is(Code::cancelled)) break;
    // Out of descriptors, perhaps: it may pass.
    switchboard_.metrics.accept_failed.add();
    env_.log().warn("net", "cannot accept a connection", Field("error", connection.error()));
    Status slept = co_await sleep_for(env_, kAcceptRetry);
    if (!slept.ok()) break;
  }
}

void Server::welcome(std::unique_ptr<Connection> connection) {
  if (handshakes_.size() >= switchboard_.limits.handshakes && !make_place()) return;
  Door::Host& host = door_.arrive(connection->peer().host);
  Place place = handshakes_.emplace(handshakes_.end(), host, door_.knows(host), dismissals_ever_);
  tasks_.spawn(serve(std::move(connection), place), place->task);
}

// Somebody has to go: of the hosts that no member came from, the one with the most handshakes gives up its oldest. Who
// holds connections open without proving anything cannot keep others out. False when all are on their way out already.
bool Server::make_place() {
  auto worse = [](const Handshake& a, const Handshake& b) {
    return a.known != b.known ? b.known : a.host.handshakes > b.host.handshakes;
  };
  Handshake* worst = nullptr;
  for (Handshake& one : handshakes_)
    if (!one.evicted && (!worst || worse(one, *worst))) worst = &one;
  if (!worst) return false;
  switchboard_.metrics.handshakes_evicted.add();
  worst->evicted = true;
  tasks_.cancel(worst->task);
  return true;
}

Task<void> Server::serve(std::unique_ptr<Connection> connection, Place place) {
  std::string address = connection->peer().to_string();
  auto secured = co_await shake_hands(std::move(connection), place);
  // From here to the list of channels nothing is awaited: no dismissal is missed.
  std::optional<Error> unwelcome;
  if (secured.ok()) unwelcome = dismissed_since(place->dismissals_before, secured->peer);
  if (secured.ok() && place->evicted) unwelcome = Error(Code::busy, "too many connections");
  end_handshake(place);
  if (!secured.ok()) {
    switchboard_.metrics.handshakes_failed.add();
    env_.log().info("net", "a connection was not let in", Field("peer", address), Field("error", secured.error()));
    co_return;
  }
  co_await keep(std::move(*secured), std::move(unwelcome));
}

Task<Result<Secured>> Server::shake_hands(std::unique_ptr<Connection> connection, Place place) {
  Instant deadline = env_.now() + kHandshakePatience;
  Door::Owed owed = door_.knock(place->host);
  if (owed != Door::Owed::nothing) {
    switchboard_.metrics.handshakes_delayed.add();
    CO_RETURN_IF_ERROR(co_await with_deadline<void>(env_, deadline, door_.turn(place->host, owed)));
  }
  Task<Result<Secured>> handshake = handshaker_.as_server(std::move(connection));
  co_return co_await with_deadline<Secured>(env_, deadline, std::move(handshake));
}

void Server::end_handshake(Place place) {
  door_.leave(place->host);
  handshakes_.erase(place);
  std::uint64_t needed = handshakes_.empty() ? dismissals_ever_ : handshakes_.front().dismissals_before;
  while (!dismissals_.empty() && dismissals_.front().number <= needed) dismissals_.pop_front();
}

Task<void> Server::keep(Secured secured, std::optional<Error> unwelcome) {
  std::string host = secured.peer.address.host;
  Channel channel(switchboard_, std::move(secured));
  bool guest = channel.peer().role != Role::member;
  const ConnectionLimits& limits = switchboard_.limits;
  if (!unwelcome && (channels_.size() >= limits.accepted || (guest && guests_ >= limits.guests)))
    unwelcome = Error(Code::busy, "too many connections");
  if (unwelcome) {
    channel.close(std::move(*unwelcome));
    co_await channel.run();
    co_return;
  }
  if (guest) {
    ++guests_;
  } else {
    switchboard_.member_hosts.add(host);
  }
  auto listed = channels_.insert(channels_.end(), &channel);
  co_await channel.run();
  channels_.erase(listed);
  if (guest) --guests_;
}

bool Server::Dismissal::means(const PeerInfo& peer) const {
  if (access_key.empty()) return peer.id == id;
  return peer.role == Role::client && peer.credential == access_key;
}

void Server::close_channels(const NodeId& id, const Error& reason) {
  dismiss(Dismissal(++dismissals_ever_, id, std::string(), reason));
}

std::set<std::string> Server::keys() const {
  std::set<std::string> keys;
  for (const Channel* channel : channels_)
    if (channel->peer().role == Role::client && channel->open()) keys.insert(channel->peer().credential);
  return keys;
}

void Server::close_key(const std::string& access_key, const Error& reason) {
  CHECK(!access_key.empty());
  dismiss(Dismissal(++dismissals_ever_, NodeId(), access_key, reason));
}

void Server::dismiss(Dismissal dismissal) {
  for (Channel* channel : channels_)
    if (dismissal.means(channel->peer())) channel->close(dismissal.reason);
  if (handshakes_.empty()) return;
  if (dismissals_.size() < kDismissalsMax) return dismissals_.push_back(std::move(dismissal));
  // No more are remembered: whoever is still at the door has to come again.
  dismissals_.clear();
  for (Handshake& one : handshakes_) {
    one.evicted = true;
    tasks_.cancel(one.task);
  }
}

std::optional<Error> Server::dismissed_since(std::uint64_t before, const PeerInfo& peer) const {
  for (const Dismissal& dismissal : dismissals_)
    if (dismissal.number > before && dismissal.means(peer)) return dismissal.reason;
  return std::nullopt;
}

}  // namespace vortex::net
