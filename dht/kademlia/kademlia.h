// Finding nodes by their ids without knowing all of them: the routing table of one node, the lookups it makes, and what
// it does to keep the table true.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/env.h"
#include "base/event.h"
#include "base/task_group.h"
#include "dht/kademlia/routing_table.h"
#include "net/peers.h"

namespace vortex::dht {

struct KademliaOptions {
  // `all-to-all`: buckets never overflow, up to kTableMax contacts, and lookups end locally. Otherwise `ring`.
  bool everybody = false;
  std::size_t bucket_max = kBucketMax;  // in `ring`
  // How long a contact may be silent before it is called. Where heartbeats tell of everybody's life nobody ever is.
  Duration check_after = kCheckAfter;
  Duration refresh_after = kRefreshAfter;        // of a bucket in which nothing was looked up
  Duration neighbours_after = kNeighboursAfter;  // of those nearest to this node
  // Somebody trustworthy tells of everybody who comes, moves and goes, by vouched() and forget(): the table is kept
  // true by that, and nobody is called to see.
  bool vouched = false;
  // Who may be a contact. Without one: whoever has proven to be a member.
  std::function<bool(const NodeId&)> admissible;
};

struct FindOptions {
  std::size_t count = kFindCount;  // at most kBucketMax
  Duration timeout = kLookupTimeout;
  // In `all-to-all`: the nearest is called before it is believed to be there.
  bool confirm = false;
};

struct Found {
  std::vector<Contact> nearest;  // the node itself among them, where it is one
  unsigned hops = 0;             // asked one after the other on the way to the nearest; 0: known without asking
  unsigned requests = 0;
  unsigned failures = 0;
};

class Lookup;

class Kademlia {
 public:
  // `self`: what others are to call.
  Kademlia(Env& env, net::Peers& peers, Contact self, KademliaOptions options);
  ~Kademlia();

  // Begins to keep the table true.
  void start();
  // Ends whatever it does by itself. Whoever waits in bootstrap() or find() has ended before it is destroyed.
  Task<void> stop();

  // Gets to know the network through whoever answers at these addresses; tried in turns, again and again, until one of
  // them has answered and those nearest to this node are found. `timed_out`, with what went wrong last.
  Task<Status> bootstrap(std::vector<Address> addresses, Duration timeout);

  // The nodes nearest to the target, nearest first; all of them have answered just now, or in `all-to-all` are known to
  // be alive. `unreachable`: contacts are known, and none of them answers. `busy`: too many lookups.
  Task<Result<Found>> find(Id target, FindOptions options = FindOptions());

  // What is learned from all traffic. A handshake has proven this peer:
  void met(const net::PeerInfo& peer);
  // Somebody trustworthy (the directory) says that it is there:
  void named(const Contact& contact);
  // And in whom the table may believe without a call, as far as there is a place for it:
  void vouched(const Contact& contact);
  // A message of it, whatever it was about, has come:
  void heard(const NodeId& id) { table_.heard(id, env_.now()); }
  // It has answered a call to this address:
  void answered(const Contact& contact);
  // It is dead, or does not answer:
  void failed(const NodeId& id) { table_.failed(id); }
  // It is not one of us any more:
  void forget(const NodeId& id) { table_.forget(id); }

  // The topology can be changed at any time.
  void know_everybody(bool everybody);

  std::vector<Contact> answer(const Id& target, std::size_t count, const NodeId& asker);
  const RoutingTable& table() const { return table_; }
  const Contact& self() const { return self_; }
  void set_self_address(Address address) { self_.address = std::move(address); }
  std::size_t lookups() const { return lookups_; }

 private:
  friend class Lookup;
  bool wanted(const Contact& contact) const;
  TableLimits limits() const;
  net::Target target_of(const Contact& contact) const;
  void learn_failure(const Contact& contact, const Error& error);
  Task<Result<Found>> find_locally(Id target, FindOptions options);
  Task<Status> call_to_see(Contact contact);

  // bootstrap.cc
  Task<Status> greet(Address address);
  void neighbours_found(const Found& found);
  Task<void> explore();
  Task<Result<std::vector<Contact>>> ask_anybody(net::FindNodeRequest request);
  Task<void> verify_all();

  // upkeep.cc
  Task<void> upkeep();
  void round();
  void begin_check(Contact contact);
  Task<void> check(Contact contact);
  Task<void> refresh();
  Task<void> look_around();
  Id random_in_bucket(std::size_t index);
  std::size_t bucket_count() const;
  void looked_up(const Id& target);
  Duration jittered(Duration duration);

  Env& env_;
  net::Peers& peers_;
  Contact self_;
  KademliaOptions options_;
  RoutingTable table_;
  std::vector<Instant> refreshed_;  // by bucket: when something in it was last looked up
  Instant neighbours_due_;
  Duration neighbours_wait_ = kNeighboursFirst;
  // In `all-to-all`: everybody who is to be known was asked for. Before that lookups go on asking.
  bool settled_ = false;
  std::optional<Address> greeting_;  // the address that bootstrap() is calling
  bool refreshing_ = false;          // refresh() is running
  std::size_t checks_ = 0;           // under way
  std::size_t lookups_ = 0;
  bool stopped_ = false;
  struct Counters;
  std::unique_ptr<Counters> counters_;
  Event checked_;  // a check has ended
  TaskGroup tasks_;
};

// FindNode. The dispatcher's channels end before the Kademlia does.
void serve_kademlia(net::Dispatcher& dispatcher, Kademlia& kademlia);

}  // namespace vortex::dht
