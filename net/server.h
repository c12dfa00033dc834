// Accepts connections and serves those who prove who they are.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "base/task_group.h"
#include "net/channel.h"

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
  // Ends the connections of a peer that is no longer welcome.
  void close_channels(const NodeId& id, const Error& reason);

 private:
  struct Handshake {
    TaskGroup::Handle task;
  };
  using Place = std::list<Handshake>::iterator;

  Task<void> accept_loop();
  void welcome(std::unique_ptr<Connection> connection);
  Task<void> serve(std::unique_ptr<Connection> connection, Place place);

  Switchboard& switchboard_;
  Env& env_;
  Handshaker& handshaker_;
  std::unique_ptr<Listener> listener_;
  std::list<Handshake> handshakes_;  // the oldest first
  std::list<Channel*> channels_;     // each lives in the frame of its serve()
  std::size_t guests_ = 0;           // of these, who are no members
  TaskGroup tasks_;
};

}  // namespace vortex::net
