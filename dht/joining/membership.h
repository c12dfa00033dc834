// A node's place in its cluster: creating one, joining one, coming back, and being known, found and told apart.
// Owns what it takes to talk to others: identity, credentials, connections, the directory and the heartbeats.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/event.h"
#include "base/task_group.h"
#include "dht/heartbeat/heartbeats.h"
#include "dht/joining/book.h"
#include "dht/joining/decision_book.h"
#include "dht/joining/member_credentials.h"
#include "dht/joining/node_state.h"
#include "dht/kademlia/kademlia.h"
#include "net/join_token.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"
#include "net/server.h"

namespace vortex::dht {

// What a node has to do about decisions, those of others too.
enum class Duty : std::uint8_t {
  none,
  follow,  // it leads them: it brings them to everybody, also when whoever decided has died
  renew,   // and whoever holds copies of them belongs to the cluster, so it may replace the secret
};

struct MembershipOptions {
  std::string directory;  // of this node's data; the caller has locked it
  Address listen;
  Address advertise;  // empty: where it listens
  net::Transport transport = net::Transport::tls;
  std::string zone;
  std::uint64_t capacity = 0;
  // Addresses given by hand, for a cluster that has lost sight of itself.
  std::vector<Address> seeds;
  // So long must a member be dead before it is no place for data any more.
  Duration evict_after = std::chrono::minutes(10);
  // How many others the node remembers for its next start.
  std::size_t contacts_max = 64;
  net::ConnectionLimits connections;

  MembershipOptions() {}
};

class Membership {
 public:
  // Reads or makes the identity; the node's start is counted. Others register their handlers with the dispatcher before
  // create(), join() or resume().
  static Task<Result<std::unique_ptr<Membership>>> open(Env& env, net::Dispatcher& dispatcher,
                                                        MembershipOptions options);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // Does it belong to a cluster already? Then resume(), otherwise create() or join(). One of them, once.
  bool belongs_somewhere() const { return !state_.cluster.is_zero(); }
  // Makes a cluster of this node alone, durable on return.
  Task<Status> create(net::ClusterSettings settings);
  // Comes in with a token: `expired`, `unauthenticated`, `wrong_cluster`, `unreachable`, `exists` (a living member has
  // the address), …
  Task<Status> join(net::JoinToken token, Duration timeout);
  // Goes on as the member it was.
  Task<Status> resume();
  // Says goodbye. Nothing is called afterwards.
  Task<void> stop();

  const NodeId& id() const { return state_.identity.id(); }
  const ClusterId& cluster() const { return state_.cluster; }
  std::uint64_t boot_epoch() const { return state_.boot_epoch; }
  // Where connections come in.
  net::Server& server() { return server_; }
  const net::Identity& identity() const { return state_.identity; }
  const net::ClusterSettings& settings() const { return state_.settings; }
  // Newest first; none before the node belongs to a cluster.
  const std::vector<net::ClusterKey>& keys() const { return state_.keys; }
  std::uint32_t key_epoch() const { return state_.keys.empty() ? 0 : state_.keys.front().epoch; }
  // Only after one of the three beginnings.
  Address address() const;

  Directory& directory() { return directory_; }
  Heartbeats& heartbeats() { return heartbeats_; }
  // Finds the members nearest to any id; of the directory's kind of truth, in whatever topology.
  Kademlia& kademlia() { return kademlia_; }
  net::Peers& peers() { return peers_; }
  net::Switchboard& switchboard() { return board_; }
  // Where tokens, keys and decisions are kept, by what outlives this: before one of the beginnings.
  void use(Book& book, DecisionBook& decisions) {
    book_ = &book;
    decisions_ = &decisions;
    credentials_.use(book);
  }
  // Asked every second.
  void set_duty(std::function<Duty()> duty) { duty_ = std::move(duty); }
  // Told when a connection to a node broke or could not be made.
  void on_down(std::function<void(const NodeId&, const Error&)> observer) { on_down_ = std::move(observer); }

  // --- decisions; any member makes them ---
  // The first of them, by the node that makes the cluster, when it can keep records. Repeated it changes nothing.
  Task<Status> found(Duration timeout);
  Task<Result<net::JoinToken>> create_token(TokenTerms terms, Duration timeout);
  Task<Result<Member>> decide(NodeId id, Standing standing, Duration timeout);
  Task<Result<net::ClusterSettings>> change_settings(Topology topology, Duration heartbeat, Duration timeout);

  std::size_t memory() const { return directory_.memory() + heartbeats_.memory() + kademlia_.table().memory_bytes(); }

 private:
  Membership(Env& env, net::Dispatcher& dispatcher, MembershipOptions options, NodeState state);

  // membership.cc
  Status begin(Member self);
  void noticed(const Member& now, const MemberChange& change);
  Task<Status> save_state();
  void adopt(const net::ClusterSettings& settings);
  bool adopt_keys(const std::vector<net::ClusterKeyCopy>& keys);
  Task<void> keep_decision(Member now);
  net::LocalEnd local_end() const;
  void tell_versions();
  Member self_member() const;

  // membership_join.cc
  Task<Result<net::JoinResponse>> ask_to_join(net::JoinToken token, Instant deadline);
  Task<Result<net::Reply<net::Join>>> serve_join(net::Context context, net::JoinRequest request);
  Task<Status> replace_at(Address address, NodeId newcomer);
  std::vector<net::ClusterKeyCopy> key_copies() const;

  // membership_decide.cc
  bool carry_out(const NodeId& id, const Decision& decision);
  Task<void> describe_self();
  Task<void> follow();
  Task<Status> follow_all();
  void refused_by(const NodeId& id);
  Task<void> end_as_evicted();

  // membership_stay.cc
  Task<void> stay();
  Task<void> find_others();
  void note_absence(const Member& now);
  void note_lost(Instant now);
  void route_by(const Member& now, const MemberChange& change);
  void fill_routes();
  Task<void> look_for_one();
  Task<Status> remember_contacts();
  void add_silent(std::vector<Member>& members) const;
  void catch_up_with(const NodeId& id);
  void catch_up_with(net::Target from);
  Task<void> catch_up(net::Target from);
  Task<Status> take_secret(net::Target from);
  std::uint32_t add_evicted(std::size_t first, std::vector<Member>& members) const;
  Result<net::CatchUpResponse> serve_catch_up(net::Context& context, net::CatchUpRequest& request);

  Env& env_;
  const MembershipOptions options_;
  NodeState state_;
  NodeStore store_;
  Directory directory_;
  Book* book_ = nullptr;
  DecisionBook* decisions_ = nullptr;
  MemberCredentials credentials_;
  net::SecureHandshaker handshaker_;
  net::Switchboard board_;
  net::Server server_;
  net::Peers peers_;
  Heartbeats heartbeats_;
  Kademlia kademlia_;
  std::function<void(const NodeId&, const Error&)> on_down_;
  std::function<Duty()> duty_;
  Version followed_ = 0;                // the decisions are carried out up to here
  std::map<NodeId, Decision> unheard_;  // those that cannot be, about members that this node does not know
  Version due_keys_ = 0;                // the version of the keys that is to be replaced; 0: none is
  bool describe_ = false;               // the operator says something new of this node
  std::set<NodeId> refusals_;           // members that take this node for evicted
  // Who is dead, or came back so lately that it may be dead again soon.
  struct Absence {
    Instant since;
    std::optional<Instant> back_since;
  };
  std::map<NodeId, Absence> absent_;
  std::uint64_t observer_ = 0;
  bool started_ = false;
  bool catching_up_ = false;
  std::uint64_t saves_ = 0, saved_ = 0;
  bool saving_ = false, remembering_ = false;
  Event saved_event_;
  std::uint64_t remembered_changes_ = 0;  // of the directory, as of the last list of contacts
  std::size_t remembered_ = 0;            // members in that list that belong
  bool looking_ = false;                  // look_for_one() is running
  bool found_ = false;                    // somebody else was talked to since the start
  TaskGroup tasks_;
};

}  // namespace vortex::dht
