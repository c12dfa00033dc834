// Accepts connections and serves those who prove who they are.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <set>
#include <string>

#include "base/task_group.h"
#include "net/channel.h"
#include "net/door.h"

namespace vortex::net {

class Server {
 public:
  Server(Switchboard& switchboard, Handshaker& handshaker);

  // Starts accepting.
  Status listen(const Address& at);
  bool listening() const { return listener_ != nullptr; }
  // With the real port, where 0 was asked for. Only after listen().
  Address local() const { return listener_->local(); }

  // Says goodbye to everybody; returns when every handler has ended.
  Task<void> stop();

  std::size_t channels() const { return channels_.size(); }
  std::size_t handshakes() const { return handshakes_.size(); }
  // The access keys with which clients came that are here now.
  std::set<std::string> keys() const;
  // Ends the connections of a peer that is no longer welcome, those too whose handshakes are under way. Decide so
  // before you call it: later handshakes are let in.
  void close_channels(const NodeId& id, const Error& reason);
  // The same for all who came with this access key.
  void close_key(const std::string& access_key, const Error& reason);

 private:
  struct Handshake {
    Handshake(Door::Host& h, bool k, std::uint64_t dismissals) : host(h), known(k), dismissals_before(dismissals) {}
    TaskGroup::Handle task;
    Door::Host& host;
    const bool known;  // members have come from there
    const std::uint64_t dismissals_before;
    bool evicted = false;
  };
  // Whoever is this, or came with that access key, is not welcome any more.
  struct Dismissal {
    Dismissal(std::uint64_t n, const NodeId& i, std::string k, Error r)
        : number(n), id(i), access_key(std::move(k)), reason(std::move(r)) {}
    bool means(const PeerInfo& peer) const;
    std::uint64_t number;
    NodeId id;               // when there is no key
    std::string access_key;  // empty: none
    Error reason;
  };
  using Place = std::list<Handshake>::iterator;

  Task<void> accept_loop();
  void welcome(std::unique_ptr<Connection> connection);
  bool make_place();
  Task<void> serve(std::unique_ptr<Connection> connection, Place place);
  Task<Result<Secured>> shake_hands(std::unique_ptr<Connection> connection, Place place);
  void end_handshake(Place place);
  Task<void> keep(Secured secured, std::optional<Error> unwelcome);
  void dismiss(Dismissal dismissal);
  std::optional<Error> dismissed_since(std::uint64_t before, const PeerInfo& peer) const;

  Switchboard& switchboard_;
  Env& env_;
  Handshaker& handshaker_;
  std::unique_ptr<Listener> listener_;
  bool stopping_ = false;
  Door door_;
  std::list<Handshake> handshakes_;   // the oldest first
  std::list<Channel*> channels_;      // each lives in the frame of its serve()
  std::size_t guests_ = 0;            // of these, who are no members
  std::deque<Dismissal> dismissals_;  // that came while the oldest handshake was under way
  std::uint64_t dismissals_ever_ = 0;
  TaskGroup tasks_;
};

}  // namespace vortex::net
