// Calls to other nodes by their names: connections are made when they are needed, kept while they are used, and made
// again when they broke.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "net/channel.h"

namespace vortex::net {

// Whom to call: the node of this id at this address. A zero id is whoever answers there; an empty address is where the
// node was last called.
struct Target {
  NodeId id;
  Address address;

  Target() = default;
  Target(const NodeId& node, Address at) : id(node), address(std::move(at)) {}
  explicit Target(Address at) : address(std::move(at)) {}
};

class Peers {
 public:
  Peers(Switchboard& switchboard, Handshaker& handshaker);
  ~Peers();

  // As Channel::call, with connecting where needed; all of it within the timeout. A request that a kept connection lost
  // is sent once more over a new one, when it surely was not executed or may be executed twice. Further errors:
  // `unreachable` also while the next attempt to connect is put off (with a hint when it will be), and whatever the
  // handshake ends with.
  template <class Method>
  Task<Result<Reply<Method>>> call(Target to, typename Method::Request request, CallOptions options = CallOptions());

  // An open channel, for many calls in a row. It may close at any time; once this task waits for anything else than the
  // answer of a call, the pointer must not be used any more.
  Task<Result<Channel*>> channel(Target to, Purpose purpose, Instant deadline);

  // The open connection to a node, or null. It may close at any time: use it at once.
  Channel* connected(const NodeId& id, Purpose purpose) { return open_channel(Target(id, Address()), purpose); }
  // Ends a connection that seems to carry nothing any more, and lets the next attempt to connect be made at once.
  void renew(const NodeId& id, Purpose purpose, const Error& reason);

  // Told when a connection to a node broke or could not be made, for whatever reason that was not ours. The node can be
  // called again at once, though handlers that came over the old connection may still run.
  void on_down(std::function<void(const NodeId&, const Error&)> observer) { on_down_ = std::move(observer); }
  // Ends the connections to a node that is no longer one of us.
  void close(const NodeId& id, const Error& reason);

  // Ends the control connection of this target where nothing is under way on it: for those who know that they will not
  // need it again soon.
  void let_go(const Target& to);
  // Is there an open control connection that was made from here?
  bool connected(const Target& to) { return open_channel(to, Purpose::control) != nullptr; }
  // How long a connection without use is kept; kIdleClose unless it is said.
  void set_idle_close(Duration after) { idle_close_ = after; }

  // Says goodbye to everybody.
  Task<void> stop();
  std::size_t connections() const { return links_; }
  std::size_t known() const { return peers_.size(); }

 private:
  // One of the two connections to a peer.
  struct Link {
    explicit Link(Env& env) : changed(env) {}
    std::shared_ptr<Channel> channel;   // shared with live(), which may take longer to end
    bool busy = false;                  // keep() is running
    std::vector<NodeId> unwelcome;      // told by close() while this was dialled
    bool ours = false;                  // we ended it
    std::uint32_t failures = 0;         // in a row
    std::uint64_t failed_attempts = 0;  // to connect
    Instant not_before;                 // of the next attempt
    Error error{Code::unreachable};
    WaitingLine changed;
  };
  struct Peer {
    Peer(Env& env, Target to) : target(std::move(to)), links{Link(env), Link(env)} {}
    Target target;
    std::array<Link, 2> links;  // by Purpose
    std::size_t users = 0;      // coroutines that hold a reference
    Link& link(Purpose purpose) { return links[static_cast<std::size_t>(purpose)]; }
  };
  // Nodes by id, unknown ones by address.
  using Key = std::pair<NodeId, Address>;
  static Key key_of(const Target& to);

  // Keeps a peer from being forgotten.
  class Use;
  Task<Result<Channel*>> wait_for_channel(Peer& peer, Purpose purpose, Instant deadline);
  // Null when there is none open.
  Channel* open_channel(const Target& to, Purpose purpose);
  Result<Peer*> find_or_add(const Target& to);
  Status begin_connecting(Peer& peer, Purpose purpose);
  Task<void> keep(Peer& peer, Purpose purpose);
  Task<void> live(std::shared_ptr<Channel> channel);
  Task<Result<Secured>> connect(Peer& peer, Purpose purpose);
  Task<Result<Secured>> dial(Target to, Purpose purpose);
  void failed(Peer& peer, Link& link, Error error, bool lasted);
  Task<void> tidy();
  void close_idle(Instant now);
  void forget_unused(Instant now);
  bool make_place();

  Switchboard& switchboard_;
  Env& env_;
  Handshaker& handshaker_;
  std::function<void(const NodeId&, const Error&)> on_down_;
  std::map<Key, std::unique_ptr<Peer>> peers_;
  std::size_t links_ = 0;     // channels, those included that are about to end
  std::size_t dialling_ = 0;  // links that will have one
  std::size_t users_ = 0;     // over all peers
  Parking users_left_;
  Duration idle_close_ = kIdleClose;
  bool tidying_ = false;
  bool stopped_ = false;
  TaskGroup tasks_;
};

constexpr Purpose purpose_of(const MethodInfo& method) {
  return method.priority == Priority::bulk ? Purpose::bulk : Purpose::control;
}

template <class Method>
Task<Result<Reply<Method>>> Peers::call(Target to, typename Method::Request request, CallOptions options) {
  Instant deadline = env_.now() + std::min(options.timeout, kCallTimeoutMax);
  bool last_try = false;
  while (true) {
    Channel* channel = open_channel(to, purpose_of(Method::kInfo));
    if (!channel) {
      last_try = true;
      CO_ASSIGN_OR_RETURN(channel, co_await this->channel(to, purpose_of(Method::kInfo), deadline));
    }
    if (!channel->has_room(options.payload.size()))
      CO_RETURN_IF_ERROR(co_await channel->wait_for_room(options.payload.size(), deadline));
    AwaitedCall<Method> waiting(env_.loop());
    Status sent = channel->start(waiting, request, deadline - env_.now(), options.payload);
    if (!sent.ok()) {
      if (last_try || !sent.is(Code::unreachable)) co_return std::move(sent).error();
      last_try = true;
      continue;
    }
    if (!waiting.finished()) co_await waiting.parked();
    Result<Reply<Method>> result = waiting.take();
    bool lost = result.is(Code::unreachable) || (Method::kInfo.idempotent && result.is(Code::closed));
    if (last_try || !lost || env_.now() >= deadline) co_return result;
    last_try = true;
  }
}

}  // namespace vortex::net
