// Messages of all groups to other nodes: what is for the same node leaves together, votes and answers before bulk.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "dht/raft/types.h"
#include "net/messages/raft.h"
#include "net/peers.h"

namespace vortex::dht::groups {

class Mail {
 public:
  using AddressOf = std::function<std::optional<Address>(const NodeId&)>;
  // Messages have arrived at the node.
  using OnAnswer = std::function<void(const NodeId& node, const net::CarryRaftResponse& response)>;

  Mail(Env& env, net::Peers& peers, AddressOf address_of, OnAnswer on_answer);

  // Takes the message for the next flush(). Nothing is promised: a node that cannot be reached, or takes too little,
  // loses messages.
  void post(raft::Message message);
  void flush();
  Task<void> stop() { return tasks_.stop(); }

  // Where calls to this node go.
  Result<net::Target> target(const NodeId& node) const;

 private:
  enum Lane { urgent, bulky };
  struct Queue {
    std::deque<raft::Message> messages;
    std::size_t bytes = 0;
    std::size_t calls = 0;
  };
  struct Box {
    std::array<Queue, 2> lanes;
    bool listed = false;
  };
  static std::size_t cost(const raft::Message& message);
  Buffer pack(Queue& queue, std::size_t bytes_max, net::CarryRaftRequest& request);
  void drop_oldest(Queue& queue);
  Task<void> carry(NodeId node, Box& box, Lane lane);
  template <class Method>
  Task<Result<net::Reply<Method>>> call(net::Target to, Queue& queue, std::size_t bytes_max, Duration patience);

  Env& env_;
  net::Peers& peers_;
  AddressOf address_of_;
  OnAnswer on_answer_;
  std::map<NodeId, Box> boxes_;  // nodes that we ever shared a group with; few
  std::vector<NodeId> ready_;    // with something to send, in the order of their coming
  Counter& sent_;
  Counter& frames_;
  Counter& lost_;
  Counter& dropped_;
  TaskGroup tasks_;
};

// The messages of a payload; stops at the first that makes no sense and says so.
Status unpack_mail(ByteView payload, std::uint32_t count, const std::function<void(const raft::Message&)>& to);

}  // namespace vortex::dht::groups
