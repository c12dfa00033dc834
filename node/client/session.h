// A client's end of a cluster: its key, its connections, and what it knows of who is there.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/task_group.h"
#include "net/memory_credentials.h"
#include "net/messages/views.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"
#include "node/access/access_key.h"
#include "node/client/remote_files.h"
#include "node/client/remote_holders.h"

namespace vortex::node {

struct SessionOptions {
  std::vector<Address> addresses;  // of any nodes; at least one
  AccessKeyText key;
  net::Transport transport = net::Transport::tls;
  // How often the list of members is asked for anew.
  Duration refresh = seconds(5);

  SessionOptions() {}
};

class Session final : public Gateways, public ClusterView {
 public:
  Session(Env& env, SessionOptions options);
  ~Session() override;

  // Finds a node that answers, and hears from it who else is there. The error of the last one that was tried.
  Task<Status> connect(Duration timeout);
  Task<void> stop();

  net::Peers& peers() { return peers_; }
  // As of the last look. Not before connect().
  const net::ListMembersResponse& members() const { return members_; }
  // Looks now.
  Task<Status> refresh(Duration timeout);

  // Any message to any node: the gateway, or another one where that could not be reached.
  template <class Method>
  Task<Result<typename Method::Response>> ask(typename Method::Request request, Duration timeout);

  // The gateway; where much is under way, others by turns, so that a busy client does not keep one node busy with
  // others' records.
  net::Target next() override;
  void ended(const net::Target&) override { --under_way_; }
  void failed(const net::Target& target, const Error& error) override;
  const dht::Ring& ring() override { return ring_; }
  net::Target target(const NodeId& node) override;
  bool dead(const NodeId& node) override;

 private:
  static net::LocalEnd local_end(const SessionOptions& options);
  void learn(net::ListMembersResponse members);
  std::vector<net::Target> candidates() const;
  void choose_helpers();
  Task<void> keep_fresh();

  Env& env_;
  const SessionOptions options_;
  net::Dispatcher dispatcher_;
  net::MemoryCredentials credentials_;
  net::SecureHandshaker handshaker_;
  net::Switchboard board_;
  net::Peers peers_;
  net::Target gateway_;
  std::vector<net::Target> helpers_;  // beside the gateway
  std::size_t under_way_ = 0, turn_ = 0;
  net::ListMembersResponse members_;
  std::map<NodeId, std::size_t> places_;  // in members_
  std::set<NodeId> unreachable_;          // by us, since the last look
  dht::Ring ring_;
  TaskGroup tasks_;
};

// Where new chunks go: members that take data, by their capacities and zones.
dht::Ring ring_of(const net::ListMembersResponse& members);

template <class Method>
Task<Result<typename Method::Response>> Session::ask(typename Method::Request request, Duration timeout) {
  Instant deadline = env_.now() + timeout;
  while (true) {
    net::Target to = gateway_;
    auto reply = co_await peers_.call<Method>(to, request, net::CallOptions(deadline - env_.now()));
    if (reply.ok()) co_return std::move(reply->response);
    bool elsewhere = reply.is(Code::unreachable) || (Method::kInfo.idempotent && reply.is(Code::closed));
    failed(to, reply.error());
    if (!elsewhere || env_.now() >= deadline || gateway_.address == to.address) co_return std::move(reply).error();
  }
}

}  // namespace vortex::node
